"""What the book's drawings have in common: SVG, and how Sphinx sets it.

The rule: a drawing is SVG with real text, inline in HTML so that it takes the page's colours and can be
searched and copied, and it is told in words for those who cannot see it.  For the PDF the same SVG goes
through rsvg-convert.  A drawing is as wide as a phone, so that its text is not small there.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.sax.saxutils import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator
from sphinx.writers.latex import LaTeXTranslator
from sphinx.writers.text import TextTranslator

from sphinxzh import svgpdf

WIDTH = 390.0
# How a drawing looks on paper; on the site static/drawings.css says it.
PRINT = """
text { font-family: "Noto Sans CJK SC"; font-size: 12.5px; fill: #111 }
.note { fill: #0b6b64 } .node { font-weight: bold }
.line { stroke: #777; fill: none } .gap { stroke-dasharray: 2 5 }
.arrow { stroke: #2f7fd6; stroke-width: 1.5 } .head { fill: #2f7fd6 }
.arrow.data { stroke: #c4580e } .head.data { fill: #c4580e }
.box { stroke: #777; fill: none } .box.full { fill: #dcebfa } .box.new { fill: #f8ddcb }
.bar { stroke: #2f7fd6; fill: #c9def5 } .bar.ours { fill: #2f7fd6 }
.bar.peer { stroke: #c4580e; fill: #eebd9c } .spread { stroke: #111; stroke-width: 1.25 }
.part { stroke: #555; stroke-width: .5 } .part.of-kernel { fill: #8a8f96 } .part.of-cipher { fill: #0b6b64 }
.part.of-library { fill: #7cc4bd }
.part.of-interpreter { fill: #2f7fd6 } .part.of-numpy { fill: #a9cdf2 } .part.of-libc { fill: #e3e3e3 }
.part.of-program { fill: #eebd9c }
"""


@dataclass(frozen=True)
class Drawing:
    """A drawing of so many units' height, and what it shows, in words."""

    height: float
    parts: list[str]
    words: str

    def inline(self) -> str:
        """As a part of a page."""
        name = self.name
        return (
            f'<svg class="drawing" viewBox="0 0 {WIDTH:g} {self.height:g}" role="img"'
            f' aria-labelledby="{name}" xmlns="http://www.w3.org/2000/svg">'
            f'<desc id="{name}">{escape(self.words)}</desc>{"".join(self.parts)}</svg>'
        )

    def alone(self) -> str:
        """As a file of its own."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}" height="{self.height:g}"'
            f' viewBox="0 0 {WIDTH:g} {self.height:g}"><style>{PRINT}</style>{"".join(self.parts)}</svg>'
        )

    @property
    def name(self) -> str:
        """A name that the same drawing always has, and no other."""
        return "drawing-" + hashlib.sha256("".join(self.parts).encode()).hexdigest()[:12]


def text(x: float, y: float, content: str, kind: str, anchor: str = "middle", turn: float = 0) -> str:
    """A line of text, turned by so many degrees."""
    turned = f' transform="rotate({turn:.2f} {x:g} {y:g})"' if turn else ""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}"{turned}>{escape(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def head(x: float, y: float, turn: float, kind: str) -> str:
    """The point of an arrow."""
    shape = "M0 0L-10 -4.5L-10 4.5Z"
    return f'<path class="{kind}" d="{shape}" transform="translate({x:g} {y:g}) rotate({turn:.2f})"/>'


# Sphinx


class drawing(nodes.General, nodes.Element):  # noqa: N801 - docutils writes its nodes so
    """A drawing in a document; `node["drawing"]` is the Drawing."""


class Drawn(SphinxDirective):
    """What the directives share: the body is the caption, and the name gives the figure its address."""

    has_content = True

    def figure(self, made: Drawing, name: str) -> list[nodes.Node]:
        """The drawing as a numbered figure that can be referred to."""
        if not self.content:
            raise self.error("a drawing needs a caption: write it as the body")
        caption, _ = self.parse_inline(" ".join(self.content), lineno=self.content_offset)
        figure = nodes.figure("", drawing("", drawing=made), nodes.caption("", "", *caption), align="center")
        figure["classes"].append("drawn")
        self.set_source_info(figure)
        self.options["name"] = name
        self.add_name(figure)
        return [figure]


def visit_html(self: HTML5Translator, node: drawing) -> NoReturn:
    """Inline SVG."""
    self.body.append(node["drawing"].inline())
    raise nodes.SkipNode


def visit_latex(self: LaTeXTranslator, node: drawing) -> NoReturn:
    """The same as PDF, beside the TeX file."""
    made: Drawing = node["drawing"]
    target = Path(self.builder.outdir) / f"{made.name}.pdf"
    if not target.exists():
        source = target.with_suffix(".svg")
        source.write_text(made.alone(), encoding="utf-8")
        svgpdf.convert(source, target)
    self.body.append(rf"\noindent\sphinxincludegraphics{{{target.name}}}")
    raise nodes.SkipNode


def visit_text(self: TextTranslator, node: drawing) -> NoReturn:
    """The words."""
    self.new_state(0)
    self.add_text(node["drawing"].words)
    self.end_state()
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the node and the style sheet."""
    app.setup_extension("bytecards")  # which lets the site carry our style sheets
    app.add_node(drawing, html=(visit_html, None), latex=(visit_latex, None), text=(visit_text, None))
    app.add_css_file("drawings.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
