"""A Chinese EPUB that readers accept, by `sphinx-build -b epub`.

The rule: what Sphinx writes is kept, but for what it leaves out.  The package document declares which pages
have drawings in them (for EPUB 3, `svg`) and which picture is the cover (`cover-image`); and the
files in the archive carry the date of the sources, so that the same sources make the same bytes.
"""

import os
import re
import time
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata

from sphinxzh.sourcedate import VARIABLE

PACKAGE = "content.opf"
EARLIEST = 315532800  # 1980-01-01: a zip archive knows no earlier date


def declare(package: str, drawn: set[str]) -> str:
    """Add to the package document the properties of its items; `drawn` are the pages with SVG in them."""
    cover = re.search(r'<meta name="cover" content="([^"]*)"', package)

    def with_properties(item: re.Match[str]) -> str:
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', item[0]))
        properties = attributes.get("properties", "").split()
        if attributes["href"] in drawn:
            properties.append("svg")
        if cover and attributes["id"] == cover[1]:
            properties.append("cover-image")
        if properties:
            attributes["properties"] = " ".join(dict.fromkeys(properties))
        return "<item " + " ".join(f'{name}="{value}"' for name, value in attributes.items()) + " />"

    return re.sub(r"<item [^>]*/>", with_properties, package)


def repack(path: Path, seconds: int) -> None:
    """Write the archive anew, each file with the same date."""
    with ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    drawn = {name for name, text in files.items() if name.endswith(".xhtml") and b"<svg" in text}
    files[PACKAGE] = declare(files[PACKAGE].decode("utf-8"), drawn).encode("utf-8")
    date = time.gmtime(max(seconds, EARLIEST))[:6]
    new = path.with_suffix(".new")
    with ZipFile(new, "w") as archive:
        for name, content in files.items():  # "mimetype" stays the first, uncompressed
            info = ZipInfo(name, date)
            info.external_attr = 0o644 << 16
            info.compress_type = ZIP_STORED if name == "mimetype" else ZIP_DEFLATED
            archive.writestr(info, content)
    new.replace(path)


def _set_defaults(_app: Sphinx, config: Config) -> None:
    given = {**config._raw_config, **config._overrides}
    if not config.language.startswith("zh"):
        return
    defaults = {
        "epub_language": config.language.replace("_", "-"),  # as the standard writes it
        "epub_basename": re.sub(r"\W+", "", config.project).lower() or "book",
        "epub_show_urls": "no",  # a link can be followed
    }
    for name, value in defaults.items():
        if name not in given:
            setattr(config, name, value)
    # Sphinx keeps it where the settings have changed, and then wonders what it is
    config.epub_exclude_files = [*config.epub_exclude_files, ".buildinfo.bak"]


def _finish(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.name == "epub" and app.config.language.startswith("zh"):
        path = Path(app.outdir) / f"{app.config.epub_basename}.epub"
        repack(path, int(os.environ.get(VARIABLE) or time.time()))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Set the defaults, and finish the archive."""
    app.connect("config-inited", _set_defaults, priority=700)
    app.connect("build-finished", _finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
