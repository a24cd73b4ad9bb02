"""Programs that are not Sphinx's: Pagefind, and mkdocs-material with jieba.

They live in an environment of their own, made from bench/peers.lock, and index the same sections.  Where one
finds several sections on a page, they count in the order of their own scores.
"""

import json
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path

from bench import UnavailableError, run
from bench.search.book import ROOT, WORK
from tools import venv

LOCK = ROOT / "bench" / "peers.lock"

PAGEFIND_START = """async () => {
  const pagefind = await import("/pagefind/pagefind.js");
  await pagefind.init();
  return pagefind;
}"""
PAGEFIND_SEARCH = """async (pagefind, query) => {
  const { results } = await pagefind.search(query);
  const pages = await Promise.all(results.slice(0, 20).map((result) => result.data()));
  const score = (part) => part.weighted_locations.reduce((sum, at) => sum + at.balanced_score, 0);
  return pages.flatMap(({ sub_results }) =>
    sub_results.sort((a, b) => score(b) - score(a)).map(({ url }) => url.slice(1)));
}"""
# The page's own worker, spoken to as the page does: 0 sets up, 2 asks.
MATERIAL_START = """async () => {
  const { base, search } = JSON.parse(document.getElementById("__config").textContent);
  const worker = new Worker(new URL(search, location));
  const tell = (type, data) => new Promise((resolve) => {
    worker.onmessage = (message) => resolve(message.data.data);
    worker.postMessage({ type, data });
  });
  const index = await (await fetch(new URL(`${base}/search/search_index.json`, location))).json();
  await tell(0, { ...index, options: {} });
  return tell;
}"""
MATERIAL_SEARCH = """async (tell, query) => {
  const { items } = await tell(2, query);
  const found = items.flat().filter(({ score }) => score > 0);
  return found.sort((a, b) => b.score - a.score).map(({ location }) => location);
}"""


def environment() -> Path:
    """The Python of the environment, which is made anew when the lock has changed."""
    folder, wanted = WORK / "peers", venv.fingerprint(LOCK)
    python, stamp = folder / "bin" / "python", folder / ".stamp"
    if not stamp.exists() or stamp.read_text("utf-8") != wanted or not venv.works(python):
        stamp.unlink(missing_ok=True)
        try:
            with redirect_stdout(sys.stderr):
                venv.make(folder, LOCK)
        except SystemExit as stopped:
            raise UnavailableError(f"{LOCK.relative_to(ROOT)} cannot be installed here") from stopped
        stamp.write_text(wanted, "utf-8")
    return python


def pagefind(bodies: dict[str, str]) -> Path:
    """Index with Pagefind; the folder of the site."""
    site = _empty("pagefind")
    for name, body in bodies.items():
        head = f'<meta charset="utf-8"><title>{name}</title>'
        page = f'<!DOCTYPE html><html lang="zh-CN"><head>{head}</head><body>{body}</body></html>'
        _write(site / name, page)
    run(environment(), "pagefind", "--site", site, "--keep-index-url", "--quiet")
    return site


def material(bodies: dict[str, str]) -> Path:
    """Build a site of mkdocs-material; its folder."""
    folder = _empty("material")
    settings = {
        "site_name": "book",
        "use_directory_urls": False,
        "theme": {"name": "material", "language": "zh", "font": False},
        "plugins": ["search"],
    }
    _write(folder / "mkdocs.yml", json.dumps(settings))  # JSON is YAML too
    for name, body in bodies.items():
        _write(folder / "docs" / name.replace(".html", ".md"), body)
    run(environment(), "mkdocs", "build", "--quiet", "--clean", "--config-file", folder / "mkdocs.yml")
    return folder / "site"


def _empty(name: str) -> Path:
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
