"""Fixtures that tests of more than one room share, and how hypothesis draws its examples.

A gate must not depend on the machine's speed or on luck: no deadline, and the same examples in every run.
"""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from playwright.sync_api import Browser

from tests.browsing import chromium

settings.register_profile("gates", deadline=None, derandomize=True)
settings.load_profile("gates")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless chromium for the whole run; a test opens pages of its own in it."""
    with chromium() as started:
        yield started
