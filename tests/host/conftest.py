"""Fixtures of the room."""

import itertools
import os
import shutil
from collections.abc import Iterator

import pytest

from glasstunnel.host.loop import Loop
from glasstunnel.host.namespace import Namespace

_numbers = itertools.count()


@pytest.fixture
def loop() -> Iterator[Loop]:
    """An event loop."""
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def interface() -> str:
    """A name that no other interface on this machine has."""
    return f"gh{os.getpid()}n{next(_numbers)}"


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """A network namespace in which the test runs."""
    if os.geteuid() or not os.access("/dev/net/tun", os.R_OK | os.W_OK) or not shutil.which("ip"):
        pytest.skip("needs root, /dev/net/tun and ip(8)")
    namespace = Namespace()
    with namespace:
        yield namespace
    namespace.close()
