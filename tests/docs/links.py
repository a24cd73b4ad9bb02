"""The walker over links: to other people's code only at a fixed commit, inside the site only to what exists.

The rule: a link to a file in a repository names a commit of 40 hexadecimal digits.  A branch moves, and a
line number in it is wrong within a week; a tag can be moved.
"""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.docs.pages import Page, shown

COMMIT = re.compile(r"[0-9a-f]{40}")
URL = re.compile(r"https?://[^\s<>\"'`，。；：、（）《》“”]+")
# Where the forges put the revision of a file.
_REVISION = (
    re.compile(r"//(?:www\.)?github\.com/[^/]+/[^/]+/(?:blob|tree|raw|blame|edit|commits)/(?P<ref>[^/?#]+)"),
    re.compile(r"//raw\.githubusercontent\.com/[^/]+/[^/]+/(?P<ref>[^/?#]+)"),
    re.compile(r"//(?:www\.)?gitlab\.[^/]+/.+?/-/(?:blob|tree|raw|blame)/(?P<ref>[^/?#]+)"),
    re.compile(r"//codeberg\.org/[^/]+/[^/]+/(?:src|raw)/(?:branch|tag|commit)/(?P<ref>[^/?#]+)"),
    re.compile(r"//[^/]*googlesource\.com/.+?/\+/(?P<ref>[^/?#]+)"),
)
_CGIT = re.compile(r"//git\.[^/]+/.+/(?:tree|plain|blame)/")


def branch_fault(url: str) -> str | None:
    """What is wrong with a link into a repository; None for any other link."""
    for pattern in _REVISION:
        if found := pattern.search(url):
            if COMMIT.fullmatch(found["ref"]):
                return None
            return f"{url} names {found['ref']!r}; link to a commit of 40 hexadecimal digits"
    if _CGIT.search(url) and not re.search(r"[?&]id=[0-9a-f]{40}\b", url):
        return f"{url} names no commit; add ?id= with 40 hexadecimal digits"
    return None


def faults(page: Page) -> list[str]:
    """Links of a page to what may move."""
    return [
        f"{shown(link.page)}:{link.line}: {message}"
        for link in page.links
        if (message := branch_fault(link.target)) is not None
    ]


def faults_in_source(path: Path, text: str) -> list[str]:
    """Addresses in comments and docstrings that name what may move."""
    return [
        f"{shown(path)}:{number}: {message}"
        for number, line in enumerate(text.splitlines(), 1)
        for url in URL.findall(line)
        if (message := branch_fault(url)) is not None
    ]


class _Site(HTMLParser):
    """The ids of a page, and what it points at."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[tuple[int, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "id" or (name == "name" and tag == "a"):
                self.ids.add(value)
            elif name in {"href", "src", "data-src", "poster"}:
                self.targets.append((self.getpos()[0], value))


def site_faults(folder: Path) -> list[str]:
    """Links inside a built site that lead to no file, or to no id in it."""
    pages = {path.resolve(): _parsed(path) for path in sorted(folder.rglob("*.html"))}
    found: list[str] = []
    for path, page in pages.items():
        for line, target in page.targets:
            message = _target_fault(folder.resolve(), path, target, pages)
            if message:
                found.append(f"{path.relative_to(folder.resolve())}:{line}: {message}")
    return found


def _parsed(path: Path) -> _Site:
    parser = _Site()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


def _target_fault(root: Path, page: Path, target: str, pages: dict[Path, _Site]) -> str | None:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None
    if target == "#":
        return None  # the top of the page, which every browser knows
    path = unquote(parts.path)
    base = root if path.startswith("/") else page.parent  # the page 404 says where it is from the root
    file = (base / path.lstrip("/")).resolve() if path else page
    if file.is_dir():
        file = file / "index.html"
    if not file.is_file():
        return f"{target} leads to no file"
    if parts.fragment and file in pages and unquote(parts.fragment) not in pages[file].ids:
        return f"{target} leads to no id in {file.name}"
    return None


def outside(pages: Iterable[Path]) -> Iterator[str]:
    """Whatever a page would load from another site as it opens."""
    loads = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*\b(?:src|href)=\"(?:https?:)?//[^>]*>")
    passive = re.compile(r"rel=\"(?:canonical|license|alternate|author|me)\"")
    for path in pages:
        for tag in loads.findall(path.read_text(encoding="utf-8")):
            if not passive.search(tag):
                yield f"{path.name}: {tag}"
