"""Fixtures of the room."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.interop.lab import Lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Two fresh hosts joined by a cable."""
    missing = [program for program in ("wireguard-go", "wg", "ip", "ping") if not shutil.which(program)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if os.geteuid() or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("needs root and /dev/net/tun")
    lab = Lab()
    yield lab
    lab.close()
