"""The directive `mermaid`: diagrams in the notation of Mermaid, drawn when the site is built.

    ```{mermaid}
    :caption: 一次握手
    :name: one-handshake

    sequenceDiagram
        发起方->>响应方: 发起消息
        响应方->>发起方: 响应消息
    ```

The rule: a reader needs no script and no network.  In HTML a diagram is inline SVG in the colours of the
page, with real text and an alternative in words; in the PDF it is the same as vectors; where only text is
shown it is the words.  One that Mermaid cannot read is a warning, and its source is shown instead.

This needs the extra `sphinxzh[mermaid]`, so `sphinxzh` alone does not load it.  What is drawn is kept beside
the doctrees by the hash of its source, and so drawn once.
"""

import hashlib
import importlib.util
import json
import os
import re
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, NoReturn
from xml.sax.saxutils import escape, quoteattr

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StateMachine
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator
from sphinx.writers.latex import LaTeXTranslator

from sphinxzh import svgpdf
from sphinxzh.mermaid.palette import on_page, on_paper
from sphinxzh.mermaid.words import Words, words
from sphinxzh.segmenter import is_chinese

STATIC = Path(__file__).parent / "static"
NEEDED = ("mermaidx", "cssselect2")
HAND = 300  # pixels: what is wider has to be scrolled on a phone, also by keyboard
_NAME = "\ue000"  # stands for the name of a drawing until it has a place
_LINE = re.compile(r"\bline (\d+)")
_logger = logging.getLogger(__name__)


class mermaid(nodes.General, nodes.Element):  # noqa: N801  # docutils writes its nodes so
    """A diagram in a document: `drawing` (SVG, its colours still roles), `words`, and `width` in pixels."""


@dataclass(frozen=True)
class Drawn:
    """What a source gives: the SVG, what Mermaid understood, and the labels in their order."""

    svg: str
    told: dict[str, Any]
    labels: list[str]


def draw(source: str, folder: Path) -> Drawn:
    """Draw a diagram, or take it from the cache; MermaidSyntaxError if Mermaid cannot read it."""
    kept = folder / f"{_key(source)}.json"
    if kept.exists():
        return Drawn(**json.loads(kept.read_text("utf-8")))
    from sphinxzh.mermaid.engine import engine  # only now: a second to start
    from sphinxzh.mermaid.picture import picture, text_of

    svg, told = engine().draw(source)
    svg = picture(svg, _NAME)
    drawn = Drawn(svg, told, text_of(svg))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, encoding="utf-8", delete=False) as file:
        json.dump(vars(drawn), file, ensure_ascii=False)
    os.replace(file.name, kept)  # another process may draw the same: the file is whole at any time
    return drawn


def _key(source: str) -> str:
    return hashlib.sha256(_drawn_by() + source.encode()).hexdigest()[:20]


@cache
def _drawn_by() -> bytes:
    """Changes with what every drawing depends on: Mermaid, and this package."""
    ours = sorted(path for path in Path(__file__).parent.iterdir() if path.suffix in (".py", ".js"))
    parts = [version("mermaidx").encode(), *(path.read_bytes() for path in ours)]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


class Mermaid(SphinxDirective):
    """`mermaid`: the source is the body, or the file that the argument names."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {
        "caption": directives.unchanged,
        "name": directives.unchanged_required,
        "alt": directives.unchanged_required,
        "align": lambda argument: directives.choice(argument, ("left", "center", "right")),
    }

    def run(self) -> list[nodes.Node]:
        """The diagram; with a caption as a figure, which has a number and can be referred to."""
        source, place, first = self.source()
        from sphinxzh.mermaid.engine import MermaidSyntaxError

        try:
            drawn = draw(source, Path(self.env.doctreedir) / "mermaid")
        except MermaidSyntaxError as fault:
            found = _LINE.search(str(fault))
            line = first + int(found[1]) - 1 if found else first
            _logger.warning("Mermaid cannot read this diagram: %s", fault, location=f"{place}:{line}")
            return [nodes.literal_block(source, source, language="text")]
        node = self._node(drawn, source)
        align = self.options.get("align", "center")
        if "caption" in self.options:
            text, messages = self.parse_inline(self.options["caption"], lineno=self.lineno)
            caption = nodes.caption(self.options["caption"], "", *text)
            self.set_source_info(caption)  # translators are only given what has a place
            figure: nodes.Element = nodes.figure("", node, caption, align=align)
        else:
            figure, messages = node, []
            node["classes"].append(f"align-{align}")
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure, *messages]

    def source(self) -> tuple[str, str, int]:
        """The source, the file that it stands in, and the line at which it begins there."""
        if self.arguments and not self.content:
            relative, path = self.env.relfn2path(self.arguments[0])
            self.env.note_dependency(relative)
            try:
                return Path(path).read_text("utf-8"), path, 1
            except (OSError, UnicodeDecodeError) as error:
                raise self.error(f"mermaid: cannot read {self.arguments[0]} as UTF-8: {error}") from None
        if self.arguments or not self.content:
            raise self.error("mermaid: write the diagram as the body, or name its file; one of the two.")
        machine: object = self.state_machine
        # docutils counts from the top, MyST from the fence
        first = self.content_offset + 1 + (0 if isinstance(machine, StateMachine) else self.lineno)
        place, line = self.state_machine.get_source_and_line(first)
        return "\n".join(self.content), place or self.env.docname, line or first

    def _node(self, drawn: Drawn, source: str) -> mermaid:
        said = words(drawn.told, drawn.labels, is_chinese(self.config.language), self.options.get("alt", ""))
        # The same diagram may stand twice in a document, and documents may be put on one page.
        count = self.env.new_serialno(f"mermaid {source}")
        digest = hashlib.sha256(f"{self.env.docname}\0{count}\0{source}".encode()).hexdigest()
        name = f"mermaid-{digest[:12]}"
        width = re.search(r' width="(\d+)"', drawn.svg)
        node = mermaid("", drawing=drawn.svg.replace(_NAME, name), words=said, label=name)
        node["width"] = int(width[1]) if width else 0
        return node


# How the builders show it


def visit_html(self: HTML5Translator, node: mermaid) -> NoReturn:
    """Inline SVG; in an e-book a picture, since its pages would have to declare what they contain."""
    is_book = self.builder.name == "epub"
    self.body.append(self.starttag(node, "div", "", **_box(node, not is_book)))
    if is_book:
        path = _file(node, Path(self.builder.outdir) / self.builder.imagedir)
        address = f"{self.builder.imgpath or self.builder.imagedir}/{path.name}"
        self.body.append(f"<img src={quoteattr(address)} alt={quoteattr(node['words'].whole)} />")
    else:
        self.body.append(_labelled(on_page(node["drawing"]), node["words"], node["label"]))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def visit_latex(self: LaTeXTranslator, node: mermaid) -> NoReturn:
    """A PDF beside the TeX file."""
    source = _file(node, Path(self.builder.outdir))
    target = source.with_suffix(".pdf")
    if not target.exists():
        svgpdf.convert(source, target)
    before, after = {"align-left": ("", r"\hfill"), "align-right": (r"\hfill", "")}.get(
        next(iter(node["classes"]), ""), (r"\hfill", r"\hfill")
    )
    self.body.append(
        rf"\par\noindent{before}\sphinxincludegraphics{{{target.name}}}{after}\hspace*{{0pt}}\par" + "\n"
    )
    raise nodes.SkipNode


class InWords(SphinxPostTransform):
    """Where neither HTML nor LaTeX is written, the words stand for the diagram."""

    default_priority = 100

    def run(self, **_: Any) -> None:
        """Replace each diagram by a paragraph."""
        if self.app.builder.format not in ("html", "latex"):
            for node in list(self.document.findall(mermaid)):
                node.replace_self(nodes.paragraph("", node["words"].whole))


def _box(node: mermaid, scrolls: bool) -> dict[str, Any]:
    """The attributes of what a drawing scrolls in; a wide one can be scrolled by keyboard."""
    box = {"CLASS": "sphinxzh-mermaid"}
    if scrolls and node["width"] > HAND:
        box |= {"tabindex": "0", "role": "group", "aria-label": node["words"].name}
    return box


def _labelled(svg: str, said: Words, name: str) -> str:
    """An SVG with its text alternative."""
    ids = [f"{name}-title", *([f"{name}-desc"] if said.description else [])]
    start, rest = svg.split(">", 1)
    told = f'<title id="{ids[0]}">{escape(said.name)}</title>'
    if said.description:
        told += f'<desc id="{ids[1]}">{escape(said.description)}</desc>'
    return f'{start} role="img" aria-labelledby="{" ".join(ids)}">{told}{rest}'


def _file(node: mermaid, folder: Path) -> Path:
    """The drawing as a file of its own, in light colours."""
    svg = on_paper(node["drawing"].replace(node["label"], "mermaid"))
    path = folder / f"mermaid-{hashlib.sha256(svg.encode()).hexdigest()[:16]}.svg"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(svg, "utf-8", newline="\n")
    return path


def add_style(app: Sphinx) -> None:
    """Let Sphinx copy the style sheet with the site's own."""
    if app.builder.format == "html":
        app.config.html_static_path = [*app.config.html_static_path, str(STATIC)]
        app.add_css_file("sphinxzh-mermaid.css")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ExtensionError(
            f"sphinxzh.mermaid needs {' and '.join(missing)}: pip install 'sphinxzh[mermaid]'."
        )
    app.add_directive("mermaid", Mermaid)
    app.add_node(mermaid, html=(visit_html, None), latex=(visit_latex, None))
    app.add_post_transform(InWords)
    app.connect("builder-inited", add_style)
    return {
        "version": "1",
        "env_version": int.from_bytes(_drawn_by()[:4]),  # when it changes the documents are read anew
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
