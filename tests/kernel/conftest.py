"""One guest for the whole run."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.kernel.lab import KernelLab, kernel_lab

PROGRAMS = ("qemu-system-x86_64", "busybox", "apt-get", "dpkg-deb", "wg", "ip", "ping")


@pytest.fixture(scope="session")
def _machine(request: pytest.FixtureRequest) -> Iterator[KernelLab]:
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if os.geteuid() or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("needs root and /dev/net/tun")
    _say(request, "\nBooting Debian's cloud kernel in an emulated machine …")
    with kernel_lab() as lab:
        _say(request, f"Linux {lab.guest.release} is up.")
        yield lab


def _say(request: pytest.FixtureRequest, line: str) -> None:
    """Progress for whoever waits, past pytest's capture."""
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(line, flush=True)


@pytest.fixture
def lab(_machine: KernelLab) -> KernelLab:
    """Ours and the kernel, joined by a cable; no tunnel yet."""
    return _machine
