"""What skopeo and the diagnosis say to each scenario of the laboratory."""

import pytest

from tests.diagnose.lab_scenarios import SCENARIOS, on_stage
from tests.diagnose.lab_stage import Lab

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("name", SCENARIOS)
def test_skopeo_pulls_or_fails_as_the_scenario_says(lab: Lab, name: str) -> None:
    scenario = SCENARIOS[name]
    with on_stage(lab, scenario) as client:
        done = client.pull(scenario.image, 20 if scenario.pulls else 2)
        print(done.stderr)
        assert (done.returncode == 0) == scenario.pulls, done.stderr
