"""Sphinx's own search: the book built without that of sphinxzh, and once more with its page mended.

It lists pages, and sections where a title matches; it is asked by the code of its own page.
"""

import runpy
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import run
from bench.search.book import ROOT, WORK

START = """async () => {
  const wait = () => new Promise((resolve) => setTimeout(resolve, 20));
  while (typeof Search === "undefined" || !Search._index) await wait();
}"""
SEARCH = """(_, query) => {
  const [, terms, excluded, highlight, objects] = Search._parseQuery(query);
  const found = Search._performSearch(query, terms, excluded, highlight, objects);
  return found.reverse().map(([name, , anchor]) => `${name}.html${anchor ?? ""}`);
}"""


def build(name: str, *instead: str) -> Path:
    """Build the book with these extensions in the place of sphinxzh; the folder of its pages."""
    extensions = runpy.run_path(str(ROOT / "conf.py"))["extensions"]
    others = [extension for extension in extensions if extension != "sphinxzh"]
    return built(name, [*others, *instead])


def built(name: str, extensions: Sequence[str], **settings: str) -> Path:
    """Build the book with these extensions and settings; the folder of its pages."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    trees, pages = folder / "doctrees", folder / "html"
    chosen = {"extensions": ",".join(extensions), **settings}
    overrides = [word for key, value in chosen.items() for word in ("-D", f"{key}={value}")]
    options = ("-b", "html", "-q", "-c", ROOT, "-d", trees)
    run(sys.executable, "sphinx", *options, *overrides, ROOT / "docs", pages)
    return pages
