"""Sphinx extensions for Chinese sites."""

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

__version__ = "0.1.0"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Load the extension."""
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}
