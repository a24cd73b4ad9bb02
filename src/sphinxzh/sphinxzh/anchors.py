"""Anchors that can be read and that stay: the address of a heading is its own text, Han kept.

The fault: docutils makes an id of a name by throwing away all that is not ASCII.  A heading in Han is left
with nothing and gets a number, `id1`, another one when a heading is put in before it; “TLS 握手” gets `tls`.

The rule: an id that docutils numbered, or from which it dropped Han, is made anew by `anchor` below.

- A heading, and a label in Han: the text itself.  Where a text repeats in a document, the texts of the
  headings above stand before it (`保活-握手`), as many as it takes: an address depends on a heading and on
  those above it, never on how many come before.  Only headings that agree all the way up are numbered, from
  the second on.  A label comes first, and a heading that bears a label of the same text shares its anchor.
- A term of a glossary: `term-` and the text.  A figure, a table or code with a caption: its kind and the
  caption's first clause (`figure-三次握手`).
- A footnote, a reference to one, an entry of a page's contents: as docutils calls them when it is asked for
  names, `footnote-1`, `footnote-reference-1`, `toc-entry-1`; counted for themselves, whatever the headings.

All other ids stay: explicit labels, headings without Han that docutils could name.  The ids are put in while
the document is read, before anything else (contents, labels, inventory, search) has seen them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from typing import Any, cast

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.transforms import SphinxTransform
from sphinx.util.typing import ExtensionMetadata

from sphinxzh.lines import HAN
from sphinxzh.segmenter import is_chinese

_HAN = re.compile(f"[{HAN}]")
_BETWEEN = re.compile(r"[\W_]+")  # what is neither a letter nor a digit of any script
_CLAUSE = re.compile(r"[，。；：！？,;:!?]|\.\s")
_NOTES: dict[type, str] = {
    nodes.footnote: "footnote",
    nodes.footnote_reference: "footnote-reference",
    nodes.citation_reference: "citation-reference",
}


def anchor(text: str) -> str:
    """The text as an anchor: letters and digits of any script, in one width and case, joined by hyphens.

    >>> anchor("握手"), anchor("DNS 污染"), anchor("e：临时公钥"), anchor("ＴＬＳ 1.3 的“握手”？")
    ('握手', 'dns-污染', 'e-临时公钥', 'tls-1-3-的-握手')
    >>> anchor("`parse_key_file` 做什么"), anchor("UTF8编码")
    ('parse-key-file-做什么', 'utf8编码')

    A name in XML, and so in an EPUB, may not begin with a digit.  Of punctuation alone nothing is left.

    >>> anchor("25 秒一次"), anchor("？！")
    ('_25-秒一次', '')
    """
    even = unicodedata.normalize("NFKC", text).lower()
    made = "-".join(filter(None, _BETWEEN.split(even)))
    return f"_{made}" if made[:1].isdigit() else made


def headings(paths: Sequence[Sequence[str]], taken: Set[str] = frozenset()) -> list[str]:
    """An anchor for each heading; a path is the anchor of its text, then of those above, the nearest first.

    >>> headings([["隧道"], ["握手", "隧道"], ["保活", "隧道"], ["握手", "保活", "隧道"]])
    ['隧道', '隧道-握手', '保活', '保活-握手']
    >>> headings([["甲"], ["甲"], ["label"]], {"label"})
    ['甲', '甲-2', 'label-2']
    """
    depths = [1] * len(paths)
    while True:
        made = ["-".join(reversed(path[:depth])) for path, depth in zip(paths, depths, strict=True)]
        count = Counter(made)
        crowded = [
            i
            for i, name in enumerate(made)
            if (count[name] > 1 or name in taken) and depths[i] < len(paths[i])
        ]
        if not crowded:
            break
        for i in crowded:
            depths[i] += 1
    used = set(taken)
    return [_free(name, used) for name in made]


def _free(name: str, used: set[str]) -> str:
    """`name`, numbered if it is in use; from now on it is."""
    found, number = name, 1
    while found in used:
        number += 1
        found = f"{name}-{number}"
    used.add(found)
    return found


class ReadableAnchors(SphinxTransform):
    """Renames the ids of a document, if the site is Chinese."""

    default_priority = 265  # labels have come to the elements that they name, and nobody has asked for an id

    def apply(self, **kwargs: object) -> None:
        """Change the document."""
        if is_chinese(self.config.language) and (new := dict(self._names())):
            self._rename(new)
            self._rename_in_environment(new)

    def _names(self) -> Iterator[tuple[str, str]]:
        """Old ids and new ones."""
        return _Namer(self).names()

    def _rename(self, new: dict[str, str]) -> None:
        """Put new ids for old ones, in the document and in what docutils notes about it."""
        document = self.document
        for node in document.findall(nodes.Element):
            for key in ("ids", "backrefs"):
                if node.get(key):
                    node[key] = list(dict.fromkeys(new.get(old, old) for old in node[key]))
            if node.get("refid") in new:
                node["refid"] = new[node["refid"]]
            if isinstance(node, addnodes.index):
                node["entries"] = [
                    (kind, text, new.get(target, target), *rest)
                    for kind, text, target, *rest in node["entries"]
                ]
        tables: tuple[dict[str, Any], ...] = (document.ids, document.refids)
        for table in tables:
            for old in new.keys() & table.keys():
                table[new[old]] = table.pop(old)
        for name, old in document.nameids.items():
            if old in new:
                document.nameids[name] = new[old]

    def _rename_in_environment(self, new: dict[str, str]) -> None:
        """The same where terms of glossaries, and the links of MyST to headings, are noted already."""
        docname = self.env.docname
        standard = cast(StandardDomain, self.env.get_domain("std"))
        for places in (standard.data.get("objects", {}), standard.data.get("terms", {})):
            for key, (document, old) in places.items():
                if document == docname and old in new:
                    places[key] = (document, new[old])
        slugs = self.env.metadata[docname].get("myst_slugs") or {}
        for slug, (line, old, text) in slugs.items():
            slugs[slug] = (line, new.get(old, old), text)


class ReadableContents(ReadableAnchors):
    """The same for the entries of a page's contents, which docutils writes at 720."""

    default_priority = 721

    def _names(self) -> Iterator[tuple[str, str]]:
        return _Namer(self).counted({nodes.reference: "toc-entry"})


class _Namer:
    """Finds the ids of a document that are to change, and their new names."""

    def __init__(self, transform: SphinxTransform) -> None:
        self.document = transform.document
        self.standard = cast(StandardDomain, transform.env.get_domain("std"))
        self.numbered = re.compile(re.escape(self.document.settings.auto_id_prefix.rstrip("%")) + r"\d+")
        self.explicit = {
            old: name
            for name, old in self.document.nameids.items()
            if old is not None and self.document.nametypes.get(name)
        }

    def names(self) -> Iterator[tuple[str, str]]:
        """Old ids and new ones: labels first, then headings, then the rest."""
        labels = {
            old: anchor(name)
            for old, name in self.explicit.items()
            if _HAN.search(name) and self._is_lost(old, name) and not self._leads_away(old)
        }
        sections = [
            (node, olds) for node in self.document.findall(nodes.section) if (olds := self._lost_of(node))
        ]
        changing = {*labels, *(old for _, olds in sections for old in olds)}
        used = {old for old in self.document.ids if old not in changing}
        labels = {old: _free(name, used) for old, name in labels.items()}
        yield from labels.items()
        paths = []
        for node, olds in sections:
            path = list(_path(node))
            if path[0] in (labels.get(old) for old in node["ids"]):  # it bears a label of the same text
                yield from ((old, path[0]) for old in olds)
            else:
                paths.append((olds, path))
        for (olds, _), name in zip(paths, headings([path for _, path in paths], used), strict=True):
            used.add(name)
            yield from ((old, name) for old in olds)
        for old, name in self._others():
            yield old, _free(name, used)
        yield from self.counted(_NOTES, labels.keys())

    def counted(self, kinds: dict[type, str], done: Set[str] = frozenset()) -> Iterator[tuple[str, str]]:
        """Elements without a text of their own."""
        counts: Counter[str] = Counter()
        for node in self.document.findall(lambda node: type(node) in kinds):
            kind = kinds[type(node)]
            for old in filter(self.numbered.fullmatch, cast(nodes.Element, node)["ids"]):
                if old not in done:
                    counts[kind] += 1
                    yield old, f"{kind}-{counts[kind]}"

    def _is_lost(self, old: str, name: str) -> bool:
        """Whether an id says less than the name that it was made of."""
        made = nodes.make_id(name)
        return bool(self.numbered.fullmatch(old)) or bool(_HAN.search(name) and old == made)

    def _leads_away(self, old: str) -> bool:
        return "refuri" in self.document.ids[old]

    def _lost_of(self, section: nodes.section) -> list[str]:
        """The ids that a section has of its own text."""
        title = _title(section)
        return [old for old in section["ids"] if old not in self.explicit and self._is_lost(old, title)]

    def _others(self) -> Iterator[tuple[str, str]]:
        """Terms, captions and the contents of a page."""
        for node in self.document.findall(nodes.Element):
            ids: list[str] = node.get("ids", [])
            for old in ids:
                if old in self.explicit:
                    continue
                if isinstance(node, nodes.term) and old.startswith("term-") and _HAN.search(node.astext()):
                    yield old, f"term-{anchor(node.astext())}"
                elif not self.numbered.fullmatch(old):
                    continue
                elif kind := self.standard.get_enumerable_node_type(node):
                    caption = _CLAUSE.split(self.standard.get_numfig_title(node) or "", maxsplit=1)[0]
                    if name := anchor(caption).removeprefix("_"):
                        yield old, f"{kind}-{name}"
                elif isinstance(node, nodes.topic) and (name := anchor(_title(node))):
                    yield old, name


def _title(node: nodes.Element) -> str:
    """The text of an element's title."""
    return next((child.astext() for child in node.children if isinstance(child, nodes.title)), "")


def _path(section: nodes.section) -> Iterator[str]:
    """The anchors of a section's title, which may be of punctuation alone, and of those above."""
    yield anchor(_title(section)) or "section"
    node = section.parent
    while node is not None:
        if isinstance(node, nodes.section) and (name := anchor(_title(node))):
            yield name
        node = node.parent


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the transforms."""
    app.add_transform(ReadableAnchors)
    app.add_transform(ReadableContents)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
