"""Reads the HTML that Sphinx wrote: ids, links and headings, as a browser would see them."""

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)


@dataclass
class Element:
    """A start tag, and the text inside the element."""

    tag: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    text: str = ""

    @property
    def words(self) -> str:
        """The text without a section's number and the mark of the permanent link, and with single spaces."""
        return " ".join(re.sub(r"[¶\uf0c1]|^\s*(\d+\.)+\s", "", self.text).split())


@dataclass
class Read(HTMLParser):
    """A page."""

    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(
            tag, {key: value or "" for key, value in attrs}, self._open[-1] if self._open else None
        )
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    @property
    def ids(self) -> Counter[str]:
        """How often each id is there."""
        return Counter(element.attributes["id"] for element in self.elements if element.attributes.get("id"))

    @property
    def fragments(self) -> list[str]:
        """Where the links inside the page lead."""
        found = (element.attributes.get("href", "") for element in self.elements)
        return [unquote(address[1:]) for address in found if address.startswith("#") and address != "#"]

    def headings(self) -> list[tuple[str, str]]:
        """The text and the anchor of each heading, in their order; the anchor is that of its own link."""
        found = []
        for element in self.elements:
            if element.tag == "a" and element.attributes.get("class") == "headerlink":
                heading = element.parent
                if heading is not None and re.fullmatch("h[1-6]", heading.tag):
                    found.append((heading.words, unquote(element.attributes["href"][1:])))
        return found

    def by_id(self, name: str) -> Element:
        """The element of an id."""
        (found,) = [element for element in self.elements if element.attributes.get("id") == name]
        return found


def parsed(html: str) -> Read:
    """A page from its HTML."""
    page = Read()
    page.feed(html)
    return page


def read(path: Path) -> Read:
    """Read a page."""
    return parsed(path.read_text("utf-8"))
