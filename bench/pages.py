"""The built site as others judge it: Lighthouse on several kinds of page, axe-core on every page.

Needs the site and the single page (`make html singlehtml`), Debian's chromium, node and npm, which installs
what the lock files of bench/lighthouse and tests/axe name.  Pages are served as a host does it: compressed,
and files with a checksum in their address to be kept.  Scores go from 0 to 100.  The phone is a slow one
(4 times slower, 150 ms from the server, 1.6 Mbit/s); a score is the median of three runs.  Beside it stands
the front page of the same book in the theme as it is, without a line of ours.
"""

import gzip
import http.server
import json
import os
import runpy
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median_low
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from bench import UnavailableError
from bench.search.stock import built
from tests.browsing import PROGRAMS, chromium, opened
from tests.docs import axe

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
LIGHTHOUSE = ROOT / "bench" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
KINDS = {
    "front page": "index.html",
    "code and pictures": "tutorial/look.html",
    "long chapter": "wireguard/handshake.html",
    "byte cards": "wireguard/messages.html",
    "glossary": "reference/glossary.html",
    "index": "genindex.html",
}
DEVICES = {"desktop": ("--preset=desktop",), "phone": ()}
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic"
RUNS = 3
EXTENSIONS: list[str] = runpy.run_path(str(ROOT / "conf.py"))["extensions"]
OUR_LOOK = {"sphinxzh", "look", "notfound.extension", "sphinx_copybutton", "sphinx_last_updated_by_git"}


class _Host(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        if path.suffix in (".html", ".css", ".js", ".svg"):
            body = gzip.compress(body, 6)
            self.send_header("Content-Encoding", "gzip")
        named_by_checksum = urlsplit(self.path).query.startswith("v=")
        self.send_header("Cache-Control", "public, max-age=31536000" if named_by_checksum else "no-cache")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        pass


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The address of a host of a folder."""
    handler = partial(_Host, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def install(folder: Path) -> None:
    """What a lock file names, unless it is there."""
    if not (folder / "node_modules").is_dir():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, check=True, stdout=sys.stderr)


def scores(url: str, options: tuple[str, ...]) -> dict[str, int]:
    """What one run of Lighthouse gives a page."""
    browser = next(path for name in PROGRAMS if (path := shutil.which(name)))
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            "node",
            str(LIGHTHOUSE / "node_modules" / "lighthouse" / "cli" / "index.js"),
            url,
            *options,
            "--quiet",
            f"--only-categories={','.join(CATEGORIES)}",
            "--output=json",
            f"--output-path={report}",
            f"--chrome-flags={FLAGS}",
        ]
        subprocess.run(command, check=True, env={**os.environ, "CHROME_PATH": browser})
        found = json.loads(report.read_text("utf-8"))["categories"]
    return {name: round(100 * found[name]["score"]) for name in CATEGORIES}


def lighthouse() -> dict[str, dict[str, int]]:
    """The scores of each kind of page on each device."""
    install(LIGHTHOUSE)
    plain = [name for name in EXTENSIONS if name not in OUR_LOOK]
    theirs = {"html_css_files": "pygments.css", "html_js_files": "doctools.js"}  # in place of our own
    stock = built("look", plain, templates_path="docs", **theirs)  # where there is no template
    found = {}
    for folder, pages in ((BUILD / "html", KINDS), (stock, {"front page, stock theme": "index.html"})):
        with hosted(folder) as address:
            for kind, path in pages.items():
                for device, options in DEVICES.items():
                    runs = [scores(f"{address}/{path}", options) for _ in range(RUNS)]
                    found[f"{kind}, {device}"] = {
                        name: median_low(run[name] for run in runs) for name in CATEGORIES
                    }
    return found


def rules() -> dict[str, Any]:
    """What axe-core finds on all pages of the site and of the single page, in each look."""
    install(axe.FOLDER)
    pages = [path for folder in ("html", "singlehtml") for path in sorted((BUILD / folder).rglob("*.html"))]
    broken: list[str] = []
    with chromium() as browser, hosted(BUILD / "html") as address:
        for look, options in axe.LOOKS.items():
            for file in pages:
                inside = file.relative_to(BUILD)
                with opened(browser, **options) as (page, _):
                    page.set_default_timeout(180_000)  # the single page is the whole book
                    single = inside.parts[0] == "singlehtml"
                    page.goto(file.as_uri() if single else f"{address}/{file.relative_to(BUILD / 'html')}")
                    faults = axe.violations(page) + axe.faint(page)
                    broken += [f"{inside}, {look}: {fault}" for fault in faults]
    return {"pages": len(pages), "looks": len(axe.LOOKS), "violations": broken}


def measure() -> dict[str, Any]:
    """Both."""
    for needed in ("html/index.html", "singlehtml/index.html"):
        if not (BUILD / needed).exists():
            raise UnavailableError(f"_build/{needed} is missing: make html singlehtml")
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise UnavailableError(f"{program} is missing: apt-get install npm")
    return {"lighthouse": lighthouse(), "axe": rules()}


def show(results: dict[str, Any]) -> None:
    """The tables."""
    print(f"{'Lighthouse':34} " + " ".join(f"{name:>15}" for name in CATEGORIES))
    for name, numbers in results["lighthouse"].items():
        print(f"{name:34} " + " ".join(f"{numbers[category]:15}" for category in CATEGORIES))
    asked = results["axe"]
    print(
        f"\naxe-core, {asked['pages']} pages in {asked['looks']} looks: {len(asked['violations'])} violations"
    )
    for line in asked["violations"]:
        print(line)
