"""Fixtures of the room."""

import os
import shutil

import pytest

from tests.diagnose.lab_runs import Seen, see_all
from tests.diagnose.lab_scenarios import SCENARIOS
from tests.diagnose.lab_stage import PROGRAMS


@pytest.fixture(scope="session")
def seen(request: pytest.FixtureRequest) -> dict[str, Seen]:
    """What is seen in each scenario that a chosen test asks for."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if os.geteuid() or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("needs root and /dev/net/tun")
    chosen = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    names = {params["scenario"] for params in chosen if "scenario" in params}
    return see_all(sorted(names & SCENARIOS.keys()))  # the diagnosis of tunnels has scenarios too
