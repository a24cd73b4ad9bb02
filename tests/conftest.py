"""Fixtures that tests of more than one room share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browsing import chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless chromium for the whole run; a test opens pages of its own in it."""
    with chromium() as started:
        yield started
