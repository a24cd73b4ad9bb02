"""Debian's chromium for tests: no network, and everything that goes wrong on a page is written down."""

import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Troubles:
    """What went wrong while pages were open."""

    thrown: list[str] = field(default_factory=list)  # exceptions that no script caught
    logged: list[str] = field(default_factory=list)  # errors on the console
    failed: list[str] = field(default_factory=list)  # requests without an answer
    outside: list[str] = field(default_factory=list)  # requests that leave the machine

    def all(self) -> list[str]:
        """Everything, for one assertion."""
        return self.thrown + self.logged + self.failed + self.outside


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless chromium.  Skips the test where there is none."""
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, headless=True)
        yield browser
        browser.close()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/favicon.ico":  # browsers ask for it whatever the page says
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a page that is left hangs up
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # passed on as it comes


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A web server on a folder; its address, without a slash at the end."""
    handler = functools.partial(_Silent, directory=str(folder))
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def opened(browser: Browser, **options: object) -> Iterator[tuple[Page, Troubles]]:
    """A fresh page, and the list of its troubles."""
    context = browser.new_context(**options)  # type: ignore[arg-type]  # passed on as it comes
    page = context.new_page()
    troubles = Troubles()
    page.on("pageerror", lambda error: troubles.thrown.append(str(error)))
    page.on(
        "console", lambda message: troubles.logged.append(message.text) if message.type == "error" else None
    )
    page.on(
        "requestfailed",
        lambda request: (  # what was still coming when the page was left is no failure
            None if request.failure == "net::ERR_ABORTED" else troubles.failed.append(request.url)
        ),
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("file:", "data:", "blob:", "about:", "http://127.0.0.1:"))
            else troubles.outside.append(request.url)
        ),
    )
    yield page, troubles
    context.close()


def laid_out(page: Page) -> None:
    """Wait until the page stands as its reader will find it: fonts are there, and all sizes were noticed.

    Observers of sizes are told after the layout of a frame, so in the second frame they have been.
    """
    page.evaluate(
        """async () => {
          await document.fonts.ready;
          for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
        }"""
    )


def be_strict(page: Page) -> None:
    """Let every page that this one opens come under a strict content security policy."""

    def add(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": POLICY})

    page.route("**/*", add)
