"""Fixtures of the room."""

import pytest

from tests.wireguard.pair import Pair


@pytest.fixture
def pair() -> Pair:
    """A fresh pair, not yet connected."""
    return Pair()
