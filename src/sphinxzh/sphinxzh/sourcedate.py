"""The same sources make the same bytes: PDF and EPUB carry the date of the sources, not of the build.

The rule: SOURCE_DATE_EPOCH, by which Sphinx, TeX and rsvg-convert all go, is left alone where it is set.
Otherwise, for these two builders of a Chinese site, it becomes the date of the last commit, if git knows one.
"""

import os
import subprocess

from sphinx.application import Sphinx
from sphinx.builders.latex import LaTeXBuilder
from sphinx.locale import _
from sphinx.util.i18n import format_date
from sphinx.util.typing import ExtensionMetadata

VARIABLE = "SOURCE_DATE_EPOCH"
BUILDERS = ("latex", "epub")


def last_commit(folder: str | os.PathLike[str]) -> str | None:
    """The seconds since 1970 of the last commit of the repository that the folder is in."""
    command = ["git", "-C", os.fspath(folder), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def _set_date(app: Sphinx) -> None:
    config = app.config
    if app.builder.name not in BUILDERS or not config.language.startswith("zh") or VARIABLE in os.environ:
        return
    if seconds := last_commit(app.srcdir):
        os.environ[VARIABLE] = seconds  # the programs that this build starts go by it too
        # the builder took today's date when it was made
        if isinstance(app.builder, LaTeXBuilder) and not config.today:
            app.builder.context["date"] = format_date(
                config.today_fmt or _("%b %d, %Y"), language=config.language
            )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Date what is built."""
    app.connect("builder-inited", _set_date)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
