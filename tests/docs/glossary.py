"""The glossary as data, and the walker that holds every page to it.  docs/reference/glossary.md is the data.

The rule: a term has one Chinese rendering (or stays English); the renderings listed after 不写作： appear
nowhere in the prose; and in each part of the book, the first paragraph that uses a term gives its English
word, except for those of the section 常用词.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import DOCS, UNKNOWN, Page, Prose, book, read, shown

PAGE = DOCS / "reference" / "glossary.md"
COMMON = "常用词"
NOT = "不写作："
UNORDERED = frozenset({"reference"})  # parts that nobody reads from front to back


@dataclass(frozen=True)
class Term:
    """An entry: how the book writes it, the English word ("" when it is the same), how it never writes it."""

    written: str
    english: str
    never: tuple[str, ...]
    common: bool
    line: int


def terms(page: Page) -> list[Term]:
    """The entries of the glossary.  Raises ValueError where one is not of the form of the others."""
    headings = [(prose.line, prose.text) for prose in page.prose if prose.kind == "heading"]
    found: list[Term] = []
    for block in page.blocks:
        if block.directive != "glossary":
            continue
        section = [text for line, text in headings if line < block.line][-1]
        for entry in re.finditer(r"(?:^\S.*\n)+(?:^  .*\n?)+", block.content, re.MULTILINE):
            line = block.content_line + block.content.count("\n", 0, entry.start())
            found.append(_term(entry.group(), section == COMMON, line))
    return found


def _term(entry: str, common: bool, line: int) -> Term:
    names = [text for text in entry.splitlines() if text[:1] != " "]
    body = [text.strip() for text in entry.splitlines() if text[:1] == " "]
    never = [text.removeprefix(NOT) for text in body if text.startswith(NOT)]
    if len(names) > 2 or len(never) > 1 or len(body) == len(never):
        raise ValueError(f"{shown(PAGE)}:{line}: expected a term, its English word, its meaning, and {NOT}…")
    renderings = tuple(never[0].split("、")) if never else ()
    return Term(names[0], names[1] if len(names) == 2 else "", renderings, common, line)


class Vocabulary:
    """The terms, ready to be looked for: at each place the longest word counts, wanted or unwanted."""

    def __init__(self, entries: Sequence[Term]) -> None:
        self.entries = entries
        self._wanted = {entry.written: entry for entry in entries}
        self._unwanted = {word: entry for entry in entries for word in entry.never}
        words = sorted([*self._wanted, *self._unwanted], key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(word) for word in words))

    def forbidden(self, prose: Prose) -> list[str]:
        """Renderings that the glossary does not want, as faults."""
        found = []
        for match in self._pattern.finditer(_joined(prose.text)):
            entry = self._unwanted.get(match.group())
            if entry is not None:
                right = f"{entry.written}（{entry.english}）" if entry.english else entry.written
                where = f"{shown(prose.page)}:{prose.line_of(match.start())}"
                found.append(f"{where}: not “{match.group()}” but “{right}”")
        return found

    def unexplained(self, part: Iterable[Page]) -> list[str]:
        """Terms whose English word is missing where the part uses them first, as faults."""
        seen: set[str] = set()
        found = []
        for page in part:
            for prose in page.prose:
                if prose.kind == "heading":
                    continue
                for match in self._pattern.finditer(_joined(prose.text)):
                    entry = self._wanted.get(match.group())
                    if entry is None or entry.written in seen:
                        continue
                    seen.add(entry.written)
                    if not entry.common and _plain(entry.english) not in _plain(prose.text):
                        where = f"{shown(prose.page)}:{prose.line_of(match.start())}"
                        english = f"{entry.written}（{entry.english}）"
                        found.append(
                            f"{where}: first use of “{entry.written}” in this part; write “{english}”"
                        )
        return found


def _joined(text: str) -> str:
    """Prose in which a line break or unknown text parts no word; positions are kept."""
    return re.sub("(?<=[^\x00-\x7f])\n(?=[^\x00-\x7f])", UNKNOWN, text).replace("\n", " ")


def _plain(text: str) -> str:
    """English without what differs between spellings: case, hyphens and spaces."""
    return re.sub(r"[-\s]", "", text).lower()


def parts() -> dict[str, list[Path]]:
    """The parts of the book that are read in order, with their pages in the order of their toctrees."""
    found: dict[str, list[Path]] = {}
    for index in sorted(DOCS.glob("*/index.md")):
        if index.parent.name not in UNORDERED:
            ordered = _in_order(index)
            rest = [path for path in book() if index.parent in path.parents and path not in ordered]
            found[index.parent.name] = ordered + rest
    return found


def _in_order(index: Path) -> list[Path]:
    """A page and those of its toctrees, depth first."""
    ordered = [index]
    for block in read(index).blocks:
        if block.directive == "toctree":
            for line in block.content.split("\n"):
                name = re.sub(r".*<(.+)>", r"\1", line.strip())
                path = (index.parent / f"{name}.md").resolve()
                if name and path.is_file():
                    ordered += _in_order(path)
    return ordered
