"""No glyph is lost: a character that the text fonts lack is set in a font that has it.

The rule: TeX drops such a character with a line in its log that nobody reads.  So the characters of the
documents are collected as they are written; each one whose font lacks it goes into a class of its own, whose
fonts have it; for one that no font has, a warning names the page.  An author who sets other fonts ("fontpkg")
sees to this as well.
"""

import unicodedata
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from sphinxzh.latex import fonts

logger = logging.getLogger(__name__)

PACKAGE = "sphinxzhstandins"
CODE = (nodes.literal, nodes.literal_block, nodes.doctest_block)
UNPRINTED = (nodes.raw, nodes.math, nodes.math_block, nodes.comment)


def follow(app: Sphinx, region: str) -> None:
    """Watch a build through LaTeX, whose text is set in the fonts of a region."""
    if not fonts.can_tell():
        logger.info(
            "fc-list (Debian: fontconfig) is missing: nothing stands in for glyphs that the text fonts lack."
        )
        return
    stand_ins = StandIns(fonts.Fonts(region))
    app.add_latex_package(PACKAGE, after_hyperref=True)
    app.connect("doctree-resolved", stand_ins.collect)
    app.connect("build-finished", stand_ins.write)


class StandIns:
    """The characters of a site that its fonts lack, and the fonts that stand in."""

    def __init__(self, own: fonts.Fonts) -> None:
        self._fonts = own
        self._seen: set[tuple[str, str]] = set()
        self._chosen: dict[str, dict[str, str]] = {}
        self._lost: set[str] = set()

    def collect(self, _app: Sphinx, doctree: nodes.document, _docname: str) -> None:
        """Look through a document that is about to be written."""
        for node, text, roles in _texts(doctree):
            for role, character in product(roles, sorted(set(text))):
                if (character, role) not in self._seen:
                    self._seen.add((character, role))
                    self._look_up(character, role, node)

    def _look_up(self, character: str, role: str, node: nodes.Node) -> None:
        if _is_unprinted(character):
            return
        font = self._fonts.that_has(character, role)
        if font == self._fonts.own(character, role):
            return
        if font is not None:
            self._chosen.setdefault(character, {})[role] = font
        elif character not in self._lost:
            self._lost.add(character)
            name = unicodedata.name(character, "no name")
            logger.warning(
                "No font of this machine has %s (U+%04X, %s), so the PDF lacks it; Debian's fonts-symbola "
                "has symbols and emoji, fonts-hanazono rare Han characters.",
                character,
                ord(character),
                name,
                location=node,
                type="sphinxzh",
                subtype="font",
            )

    def write(self, app: Sphinx, error: Exception | None) -> None:
        """Write the classes of characters, for sphinxzh.sty to read."""
        if error is not None:
            return
        classes: dict[tuple[str, ...], list[str]] = {}
        for character, chosen in sorted(self._chosen.items()):
            triple = tuple(
                chosen.get(role) or self._fonts.that_has(character, role) or "" for role in fonts.ROLES
            )
            classes.setdefault(triple, []).append(character)
        lines = [
            "% Written at each build: the characters of the documents that the text fonts lack.",
            rf"\ProvidesPackage{{{PACKAGE}}}",
        ]
        for number, (triple, characters) in enumerate(classes.items()):
            block = f"sphinxzh{number}"
            ranges = ",".join(f'"{ord(character):X}' for character in characters)
            lines.append(rf"\xeCJKDeclareSubCJKBlock{{{block}}}{{{ranges}}}")
            for command, font in zip(("main", "sans", "mono"), triple, strict=True):
                features = f",{fonts.code_features(font)}" if command == "mono" else ""
                lines.append(rf"\setCJK{command}font[{block}{features}]{{{font}}}")
            codes = [
                f'"{ord(character):X}' for character in characters if set(self._chosen[character]) == {"mono"}
            ]
            if codes:
                lines.append(rf"\sphinxzhonlyincode{{{block}}}{{{','.join(codes)}}}")
        path = Path(app.outdir) / f"{PACKAGE}.sty"
        path.write_text("\n".join((*lines, r"\endinput", "")), "utf-8")


def _texts(doctree: nodes.document) -> Iterator[tuple[nodes.Node, str, tuple[str, ...]]]:
    """What will be printed, with the roles of the fonts that print it."""
    for text in doctree.findall(nodes.Text):
        if text.isascii():
            continue
        above = list(_ancestors(text))
        if not any(isinstance(node, UNPRINTED) for node in above):
            code = any(isinstance(node, CODE) for node in above)
            yield above[0], str(text), ("mono",) if code else ("serif", "sans")


def _ancestors(node: nodes.Node) -> Iterator[nodes.Node]:
    while node.parent is not None:
        node = node.parent
        yield node


def _is_unprinted(character: str) -> bool:
    """White space, joiners and variation selectors: TeX or sphinxzh.sty sees to them."""
    return (
        unicodedata.category(character) in {"Cc", "Cf", "Zs", "Zl", "Zp"} or "\ufe00" <= character <= "\ufe0f"
    )
