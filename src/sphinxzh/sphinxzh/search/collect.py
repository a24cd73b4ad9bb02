"""The sections of a document, taken from its doctree as the environment keeps them.

The rule: what is kept depends on the document alone.  So documents can be read in parallel, and those that
did not change need not be read again.  What depends on other documents or on the builder (the title a
reference shows, what an `only` directive lets through) is kept open and filled in by `resolved`.

What a reference to another place of the site says is told apart: the words belong to the section that it
leads to rather than to the one that leads there.
"""

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import cast

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors import EnvironmentCollector

SILENT = (
    nodes.comment,
    nodes.raw,
    nodes.substitution_definition,
    nodes.system_message,
    nodes.target,
    addnodes.toctree,
    addnodes.index,
)
# Where the environment keeps them; the number changes when their form does.  (An env_version would do, but
# Sphinx writes it into the stock search index, also that of a site in another language.)
ATTRIBUTE = "sphinxzh_sections_2"
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Reference:
    """A place where the title of a document or of a label will stand."""

    kind: str  # "doc" or "ref"
    target: str


@dataclass(frozen=True)
class Link:
    """What the author of a reference has it say."""

    pieces: tuple["Piece", ...]


@dataclass(frozen=True)
class Only:
    """What stands in an `only` directive."""

    condition: str
    pieces: tuple["Piece", ...]


Piece = str | Reference | Link | Only


@dataclass
class Section:
    """One section without its subsections."""

    anchor: str  # "" is the top of the page
    depth: int
    condition: tuple[str, ...] = ()  # of the `only` directives around it
    title: list[Piece] = field(default_factory=list)
    terms: list[Piece] = field(default_factory=list)  # what it defines
    body: list[Piece] = field(default_factory=list)
    names: list[tuple[str, ...]] = field(default_factory=list)  # several of one thing, from glossaries


@dataclass(frozen=True)
class Text:
    """One section as a reader sees it."""

    docname: str
    anchor: str
    depth: int
    title: str
    terms: str
    body: str
    links: str = ""  # what of the body stands in references
    names: tuple[tuple[str, ...], ...] = ()


def sections(document: nodes.document, docname: str) -> list[Section]:
    """The sections of a document, in their order."""
    return _Reader(docname).read(document)


class _Reader:
    def __init__(self, docname: str) -> None:
        self.docname = docname
        self.found = [Section("", 0)]

    def read(self, document: nodes.document) -> list[Section]:
        for child in document.children:
            self._walk(child, 0, ())
        return self.found

    def _walk(self, node: nodes.Node, depth: int, conditions: tuple[str, ...]) -> None:
        """Put a node of the document's structure where it belongs."""
        if isinstance(node, nodes.section):
            self.found.append(Section(node["ids"][0] if node["ids"] else "", depth + 1, conditions))
            for child in node.children:
                self._walk(child, depth + 1, conditions)
        elif isinstance(node, addnodes.only) and any(node.findall(nodes.section)):
            for child in node.children:
                self._walk(child, depth, (*conditions, node["expr"]))
        elif isinstance(node, nodes.title):
            self.found[-1].title += self._pieces(node)
        else:
            section = self.found[-1]
            section.body += [*self._pieces(node), "\n"]
            for defined in _defined(node):
                section.terms += [*self._pieces(defined), "\n"]
            section.names += _names(node)

    def _pieces(self, node: nodes.Node) -> list[Piece]:
        """What can be read of a node."""
        if isinstance(node, nodes.Text):
            return [str(node)]
        if isinstance(node, SILENT) or (isinstance(node, nodes.Element) and "no-search" in node["classes"]):
            return []
        if isinstance(node, nodes.image):
            return [node.get("alt", "")]
        if isinstance(node, addnodes.pending_xref) and not node.get("refexplicit"):
            if node.get("reftype") == "doc":
                folder = self.docname.rpartition("/")[0]
                return [Reference("doc", _joined(folder, node["reftarget"]))]
            if node.get("reftype") in {"ref", "numref"} and node.get("refdomain") == "std":
                return [Reference("ref", node["reftarget"])]
        inner = [piece for child in node.children for piece in self._pieces(child)]
        if isinstance(node, addnodes.only):
            return [Only(node["expr"], tuple(inner))]
        if isinstance(node, addnodes.pending_xref) and node.get("reftype") in {"doc", "ref", "any", "myst"}:
            return [Link(tuple(inner))]
        return [*inner, "\n"] if not isinstance(node, nodes.Inline | addnodes.desc_sig_element) else inner


def _defined(node: nodes.Node) -> Iterator[nodes.Node]:
    """The terms of glossaries and definition lists, and the names of described objects."""
    yield from node.findall(lambda inner: isinstance(inner, nodes.term | addnodes.desc_name))


def _names(node: nodes.Node) -> Iterator[tuple[str, ...]]:
    """The names of each thing that a glossary gives several."""
    for glossary in node.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            names = tuple(term.astext() for term in item.children if isinstance(term, nodes.term))
            if len(names) > 1:
                yield names


def _joined(folder: str, target: str) -> str:
    """The document that a name in another document means."""
    if target.startswith("/"):
        return target[1:]
    steps: list[str] = [step for step in folder.split("/") if step]
    for step in target.split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step != ".":
            steps.append(step)
    return "/".join(steps)


def resolved(found: Iterable[Section], docname: str, builder: Builder) -> Iterator[Text]:
    """Sections as this builder shows them."""
    assert builder.env is not None
    tags, titles = builder.tags, builder.env.titles
    labels = cast(StandardDomain, builder.env.get_domain("std")).labels

    def told(pieces: Iterable[Piece], links: list[str]) -> str:
        said = []
        for piece in pieces:
            if isinstance(piece, str):
                said.append(piece)
            elif isinstance(piece, Only):
                said.append(told(piece.pieces, links) if tags.eval_condition(piece.condition) else "")
            else:
                said.append(link(piece))
                links.append(said[-1])
        return "".join(said)

    def link(piece: Reference | Link) -> str:
        if isinstance(piece, Link):
            return told(piece.pieces, [])
        if piece.kind == "doc":
            return titles[piece.target].astext() if piece.target in titles else ""
        return str(labels[piece.target][2]) if piece.target in labels else ""

    def clean(pieces: Iterable[Piece], links: list[str]) -> str:
        return _SPACE.sub(" ", told(pieces, links)).strip()

    for section in found:
        if not all(tags.eval_condition(condition) for condition in section.condition):
            continue
        links: list[str] = []
        title, terms, body = clean(section.title, []), clean(section.terms, []), clean(section.body, links)
        if title or body:
            said = _SPACE.sub(" ", "\n".join(links)).strip()
            yield Text(docname, section.anchor, section.depth, title, terms, body, said, tuple(section.names))


class SectionCollector(EnvironmentCollector):
    """Keeps the sections of every document in the environment."""

    def process_doc(self, app: Sphinx, doctree: nodes.document) -> None:
        """Note the sections of the document that was read."""
        docname = app.env.docname
        kept(app.env)[docname] = [] if _hidden(app.env, docname) else sections(doctree, docname)

    def get_outdated_docs(
        self, app: Sphinx, env: BuildEnvironment, added: Set[str], changed: Set[str], removed: Set[str]
    ) -> list[str]:
        """Documents that were read without us, or by a version that noted them in another form."""
        return sorted(env.found_docs - kept(env).keys())

    def clear_doc(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        """Forget a document that is read again or gone."""
        kept(env).pop(docname, None)

    def merge_other(
        self, app: Sphinx, env: BuildEnvironment, docnames: Set[str], other: BuildEnvironment
    ) -> None:
        """Take over what another process has read."""
        kept(env).update({name: kept(other)[name] for name in docnames if name in kept(other)})


def kept(env: BuildEnvironment) -> dict[str, list[Section]]:
    """The sections by document."""
    found: dict[str, list[Section]] = env.__dict__.setdefault(ATTRIBUTE, {})
    return found


def _hidden(env: BuildEnvironment, docname: str) -> bool:
    """Whether the document says `:nosearch:` or `:no-search:`, which Sphinx's own search heeds too."""
    return not {"nosearch", "no-search"}.isdisjoint(env.metadata.get(docname, {}))
