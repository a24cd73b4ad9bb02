"""Fixtures that tests of more than one room share, and how hypothesis draws its examples.

A gate must not depend on the machine's speed or on luck: no deadline, and the same examples in every run.
"""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings
from playwright.sync_api import Browser

from tests.browsing import chromium

settings.register_profile("gates", deadline=None, derandomize=True)
settings.load_profile("gates")

# A shell lets what it runs in the background ignore interrupts, nohup the end of the terminal; and so would
# all that the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless chromium for the whole run; a test opens pages of its own in it."""
    with chromium() as started:
        yield started
