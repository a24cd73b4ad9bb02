"""Where the built book is, for the tests that read it."""

import os
from pathlib import Path

import pytest

from tests.docs.pages import ROOT


def built(relative: str) -> Path:
    """A path below _build.  Without a build the test is skipped; in the gates, which build it, it fails."""
    path = ROOT / "_build" / relative
    if not path.exists():
        message = f"_build/{relative} is missing; make html, singlehtml, latexpdf"
        if os.environ.get("GLASSTUNNEL_GATES"):
            pytest.fail(message)
        pytest.skip(message)
    return path
