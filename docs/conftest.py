"""Makes pytest run the blocks of the pages; see tests/docs/prose.py."""

from tests.docs.prose import pytest_collect_file

__all__ = ["pytest_collect_file"]
