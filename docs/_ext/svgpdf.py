"""Pictures are written once, as SVG; for the PDF they become PDF, and stay vectors with text in them.

The rule: a site that is only built as HTML needs nothing for this.  Where rsvg-convert (Debian: librsvg2-bin)
is missing, Sphinx says which picture it cannot convert.
"""

import shutil
import subprocess
from os import PathLike

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms.images import ImageConverter
from sphinx.util.typing import ExtensionMetadata


class SvgToPdf(ImageConverter):
    """Called by Sphinx for each SVG where the builder takes PDF and no SVG."""

    conversion_rules = [("image/svg+xml", "application/pdf")]  # noqa: RUF012 - an instance variable to Sphinx, which never changes it

    def is_available(self) -> bool:
        """Whether there is a program for it."""
        return shutil.which("rsvg-convert") is not None

    def convert(self, _from: str | PathLike[str], _to: str | PathLike[str]) -> bool:
        """Write the file ``_to`` from the file ``_from``."""
        command = ["rsvg-convert", "--format=pdf", "--output", _to, _from]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ExtensionError(f"{_from}: rsvg-convert cannot make a PDF of it: {done.stderr.strip()}")
        return True


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the converter."""
    app.add_post_transform(SvgToPdf)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
