"""The built site as others judge it: Lighthouse on several kinds of page, axe-core on every page.

    python -m bench.pages

Needs the site and the single page (`make html singlehtml`), Debian's chromium and npm; the programs are those of
bench/lighthouse/package-lock.json and tests/axe/package-lock.json.  Pages are served as a host does it, compressed
and with leave to be kept.  The scores of Lighthouse are from 0 to 100; its phone is a slow one (4 × slower CPU,
150 ms to the server, 1.6 Mbit/s), its desktop is not.
"""

import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from tests.browsing import PROGRAMS

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
KINDS = {
    "front": "html/index.html",
    "code": "html/tutorial/look.html",
    "long chapter": "html/wireguard/handshake.html",
    "byte cards": "html/wireguard/messages.html",
    "glossary": "html/reference/glossary.html",
    "index": "html/genindex.html",
}
DEVICES = {"desktop": ("--preset=desktop",), "phone": ()}


class _Host(http.server.SimpleHTTPRequestHandler):
    """A host of static pages: compresses text, and lets the browser keep what has a checksum in its address."""

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
        kept = "public, max-age=31536000" if urlsplit(self.path).query.startswith("v=") else "no-cache"
        self.send_header("Cache-Control", kept)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        pass


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The address of a host of a folder."""

    def handler(*arguments: object) -> _Host:
        return _Host(*arguments, directory=str(folder))  # type: ignore[arg-type]

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def scores(url: str, options: tuple[str, ...]) -> dict[str, int]:
    """What Lighthouse gives a page."""
    browser = next(path for name in PROGRAMS if (path := shutil.which(name)))
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        flags = "--headless=new --no-sandbox --disable-gpu --disable-quic"
        command = [
            "node",
            str(HERE / "node_modules" / "lighthouse" / "cli" / "index.js"),
            url,
            *options,
            "--quiet",
            f"--only-categories={','.join(CATEGORIES)}",
            "--output=json",
            f"--output-path={report}",
            f"--chrome-flags={flags}",
        ]
        subprocess.run(command, check=True, env={**os.environ, "CHROME_PATH": browser})
        found = json.loads(report.read_text("utf-8"))
        if os.environ.get("KEEP"):
            Path(os.environ["KEEP"]).write_text(json.dumps(found))
    return {name: round(100 * found["categories"][name]["score"]) for name in CATEGORIES}
