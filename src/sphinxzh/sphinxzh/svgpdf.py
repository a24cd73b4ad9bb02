"""Pictures are written once, as SVG; for the PDF they become PDF, and stay vectors with text in them.

The rule: a site that is only built as HTML needs nothing for this.  Where rsvg-convert (Debian: librsvg2-bin)
is missing, the picture that cannot be converted is named.  Sphinx's own converters make pixels of an SVG.
"""

import shutil
import subprocess
from os import PathLike

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms.images import ImageConverter
from sphinx.util.typing import ExtensionMetadata

PROGRAM = "rsvg-convert"


def convert(source: str | PathLike[str], target: str | PathLike[str]) -> None:
    """Write the PDF file `target` from the SVG file `source`; ExtensionError names `source` if it cannot."""
    if shutil.which(PROGRAM) is None:
        raise ExtensionError(f"{source}: {PROGRAM} is missing; Debian has it in the package librsvg2-bin.")
    command = [PROGRAM, "--format=pdf", "--output", target, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ExtensionError(f"{source}: {PROGRAM} cannot make a PDF of it: {done.stderr.strip()}")


class SvgToPdf(ImageConverter):
    """Called by Sphinx for each SVG where the builder takes PDF and no SVG."""

    conversion_rules = [("image/svg+xml", "application/pdf")]  # noqa: RUF012 - an instance variable to Sphinx, which never changes it

    def is_available(self) -> bool:
        """Whether there is a program for it."""
        return shutil.which(PROGRAM) is not None

    def convert(self, _from: str | PathLike[str], _to: str | PathLike[str]) -> bool:
        """Write the file ``_to`` from the file ``_from``."""
        convert(_from, _to)
        return True


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the converter."""
    app.add_post_transform(SvgToPdf)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
