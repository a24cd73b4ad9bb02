"""The book as every program gets it: the sections of the built pages, read in the browser."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
WORK = ROOT / "_build" / "bench"

SECTIONS = """async (pages) => {
  const found = [];
  for (const page of pages) {
    const text = await (await fetch(`/${page}`)).text();
    const parsed = new DOMParser().parseFromString(text, "text/html");
    for (const section of parsed.querySelectorAll("section[id]")) {
      const own = section.cloneNode(true);
      for (const other of own.querySelectorAll("section, .headerlink, script, style")) other.remove();
      const heading = own.querySelector("h1, h2, h3, h4, h5, h6");
      if (!heading) continue;
      heading.remove();
      const anchors = [section, ...own.querySelectorAll("[id]")].map(({ id }) => id);
      const [title, text] = [heading, own].map((node) => node.textContent.replace(/\\s+/gu, " ").trim());
      found.push({ page, anchors, level: Number(heading.tagName[1]), title, text, html: own.innerHTML });
    }
  }
  return found;
}"""


@dataclass(frozen=True)
class Section:
    """One section without its subsections."""

    page: str  # its file, as noise/ik.html
    anchors: list[str]  # its own first, then those of what stands in it
    level: int  # of its heading
    title: str
    text: str
    html: str

    @property
    def name(self) -> str:
        """As tests/sphinxzh/asking.py matches it with a label."""
        return f"{self.page}#{self.title}"


def sections(page: Page, address: str) -> list[Section]:
    """Every section of the site that is served there, in the order of the pages' names."""
    names = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html"))
    page.goto(f"{address}/index.html")
    return [Section(**found) for found in page.evaluate(SECTIONS, names)]


def names(found: Iterable[Section]) -> dict[str, str]:
    """The name of the section that an address leads to; a page without an anchor is its first section."""
    known: dict[str, str] = {}
    for section in found:
        for address in (section.page, *(f"{section.page}#{anchor}" for anchor in section.anchors)):
            known.setdefault(address, section.name)
    return known


def bodies(found: Iterable[Section]) -> dict[str, str]:
    """The pages as plain HTML for other programs: a heading with an anchor, and what stands under it."""
    return {
        page: "\n".join(
            f'<h{s.level} id="{escape(s.anchors[0])}">{escape(s.title)}</h{s.level}>\n<div>{s.html}</div>'
            for s in group
        )
        for page, group in groupby(found, key=lambda section: section.page)
    }
