"""Fixtures of the room."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.diagnose.lab_stage import PROGRAMS, Lab


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The laboratory: one for all tests of this room."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if os.geteuid() or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("needs root and /dev/net/tun")
    with closing(Lab()) as lab:
        yield lab
