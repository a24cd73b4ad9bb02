"""Ids that are unique on a page made of many documents.

The rule: in each document's part of the HTML every id gets the document's name before it, and so does
whatever refers to an id of the same part: links, labels, ARIA, drawings in SVG and their styles.  What refers
to nothing there is left as it is, and so is all else, to the byte.  An id that a document has twice stays
with its first element.  Scripts that look for an id are not read.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape, unescape
from html.parser import HTMLParser
from itertools import accumulate
from urllib.parse import unquote

_BEGIN, _END = "sphinxzh document ", "sphinxzh end of document"
_ATTRIBUTE = re.compile(r"""(?<=[\s"'])([\w:-]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'=<>`]+)""")
# Attributes whose value is one id or several, and those whose value is an address.
_IDS = {"for", "form", "headers", "itemref", "list", "popovertarget", "commandfor"}
_IDS |= {"aria-activedescendant", "aria-controls", "aria-describedby", "aria-details", "aria-errormessage"}
_IDS |= {"aria-flowto", "aria-labelledby", "aria-owns"}
_ADDRESSES = {"href", "xlink:href", "usemap"}
_URL = re.compile(r"""url\((["']?)#([^"')]+)\1\)""")  # in SVG: fill, clip-path, marker-end …
_IN_STYLE = re.compile(r"#((?:[\w-]|[^\x00-\x7f])+)")


def begin(docname: str) -> str:
    """The mark in the HTML where a document begins."""
    return f"<!--{_BEGIN}{docname}-->"


def end() -> str:
    """The mark where it ends."""
    return f"<!--{_END}-->"


def on_page(docname: str, anchor: str) -> str:
    """What an anchor of a document is called on the page."""
    return f"{docname}/{anchor}"


def made_unique(html: str, root: str) -> str:
    """The page's HTML with unique ids, its marks taken out; what is in no document belongs to `root`.

    >>> made_unique(f'<p id="a"><a href="#b">{begin("x/y")}<p id="b"><a href="#b">{end()}</p>', "index")
    '<p id="index/a"><a href="#b"><p id="x/y/b"><a href="#x/y/b"></p>'
    """
    page = _Page(html, root)
    out, at = [], 0
    for start, stop, piece in page.rewritten():
        out += [html[at:start], piece]
        at = stop
    return "".join([*out, html[at:]])


@dataclass
class _Part:
    """One document's part of the page."""

    docname: str
    ids: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)  # those whose element has been written

    def name(self, value: str) -> str:
        """The new name of an id, if it is one of this part."""
        return on_page(self.docname, value) if value in self.ids else value


class _Page(HTMLParser):
    """The places of a page that may have to be rewritten."""

    def __init__(self, html: str, root: str) -> None:
        super().__init__(convert_charrefs=False)
        self._lines = [0, *accumulate(len(line) + 1 for line in html.split("\n"))]
        self._parts = {root: _Part(root)}
        self._open = [self._parts[root]]
        self._places: list[tuple[int, str, _Part, Callable[[str, _Part], str]]] = []
        self._in_style = False
        self.feed(html)
        self.close()

    def rewritten(self) -> Iterator[tuple[int, int, str]]:
        """Where something is to be replaced, from and to, and by what."""
        starts = {f"document-{docname}" for docname in self._parts}
        for part in self._parts.values():
            part.ids -= starts
        for start, text, part, rewrite in self._places:
            yield start, start + len(text), rewrite(text, part)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag, and the ids in it."""
        self._in_style = tag == "style"
        part = self._open[-1]
        part.ids.update(value for name, value in attrs if value and _makes_id(tag, name))
        if attrs:
            self._note(self.get_starttag_text() or "", _tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As a start tag, but nothing is in it."""
        self.handle_starttag(tag, attrs)
        self._in_style = False

    def handle_endtag(self, tag: str) -> None:
        """A style ends."""
        self._in_style = False

    def handle_data(self, data: str) -> None:
        """The rules of a style."""
        if self._in_style:
            self._note(data, _style)

    def handle_comment(self, data: str) -> None:
        """A document begins or ends."""
        if data.startswith(_BEGIN):
            docname = data.removeprefix(_BEGIN)
            self._open.append(self._parts.setdefault(docname, _Part(docname)))
        elif data == _END:
            self._open.pop()
        else:
            return
        self._note(f"<!--{data}-->", lambda _text, _part: "")

    def _note(self, text: str, rewrite: Callable[[str, _Part], str]) -> None:
        line, column = self.getpos()
        self._places.append((self._lines[line - 1] + column, text, self._open[-1], rewrite))


def _makes_id(tag: str, attribute: str) -> bool:
    return attribute == "id" or (attribute == "name" and tag in {"a", "map"})


def _tag(text: str, part: _Part) -> str:
    """A start tag with its ids, and its references to ids, renamed."""
    tag = text[1:].split(None, 1)[0].lower()

    def renamed(found: re.Match[str]) -> str:
        name, equals, quoted = found[1].lower(), found[2], found[3]
        old = unescape(quoted[1:-1] if quoted[0] in "\"'" else quoted)
        if name == "id" and old in part.given:
            return ""  # furo gives the frame around a table the table's own id
        if _makes_id(tag, name):
            new = part.name(old)
            part.given.update([old] if name == "id" else [])
        elif name in _IDS:
            new = " ".join(map(part.name, old.split()))
        elif name in _ADDRESSES and old.startswith("#"):
            new = f"#{part.name(unquote(old[1:]))}"
        else:
            new = _URL.sub(lambda url: f"url(#{part.name(url[2])})", old)
        return found[0] if new in (old, f"#{unquote(old[1:])}") else f'{found[1]}{equals}"{escape(new)}"'

    return _ATTRIBUTE.sub(renamed, text)


def _style(text: str, part: _Part) -> str:
    """Rules of a style with the ids in them renamed."""
    return _IN_STYLE.sub(lambda found: "#" + re.sub(r"([^\w-])", r"\\\1", part.name(found[1])), text)
