"""The book on one page, each address in it its own; for every theme, and for Sphinx 8 and 9.

The faults: Sphinx puts the documents one after another as they are, so `id1` is there as often as there are
documents, and a reader lands at the first.  Sphinx 8 cuts an address in another document down to its anchor;
Sphinx 9 leaves that of a section in the sidebar in two parts, `#document-other#anchor`, which leads nowhere.
Documents, indices and search pages that are not there stay linked.

The rule: an anchor of a document is `<docname>/<anchor>` on the page, and a document begins at
`document-<docname>`.  References between documents are put right as nodes, where it is known which document
they mean; ids, and what refers to them within a document, in the HTML, where drawings and raw HTML can be
seen too.  What is not on the page is not linked.
"""

import re
import zlib
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.singlehtml import SingleFileHTMLBuilder
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata

from sphinxzh.segmenter import is_chinese
from sphinxzh.singlepage.ids import begin, end, made_unique, on_page

STATIC = Path(__file__).parent / "static"
START = "#document-"


class SinglePageBuilder(SingleFileHTMLBuilder):
    """Sphinx's own, with addresses that hold."""

    search = False  # Sphinx's own index would be made and never written; the page has no search.html either
    documents: frozenset[str] = frozenset()  # what the page has; known once it is assembled

    def assemble_doctree(self) -> nodes.document:
        """The tree of the whole page; where a document begins and ends is marked for `made_unique`."""
        tree = super().assemble_doctree()
        root = self.config.root_doc
        starts = list(tree.findall(addnodes.start_of_file))
        self.documents = frozenset([root, *(start["docname"] for start in starts)])
        self._lead(tree)
        for start in starts:
            start.insert(0, _html(begin(start["docname"])))
            start.append(_html(end()))
        tree.insert(0, _html(f'<span id="{START[1:]}{root}"></span>'))
        return tree

    def fix_refuris(self, tree: nodes.Node) -> None:
        """Sphinx 8 would drop the document here; see `_lead`."""

    def render_partial(self, node: nodes.Node | None) -> dict[str, str]:
        """Also the contents in the sidebar."""
        if node is not None:
            self._lead(node, in_contents=True)
        return super().render_partial(node)

    def _get_local_toctree(self, docname: str, collapse: bool = True, **kwargs: Any) -> str:
        """The contents for a theme: all branches, for all are on this page."""
        return super()._get_local_toctree(docname, collapse=False, **kwargs)

    def get_doc_context(self, docname: str, body: str, metatags: str) -> dict[str, Any]:
        """What the page's template is given; `toc` has, as on any page, the page itself at its head."""
        context = super().get_doc_context(docname, made_unique(body, docname), metatags)
        if contents := context["toc"]:
            title = escape(self.env.titles[docname].astext())
            head = f'<li><a class="reference internal" href="#">{title}</a>'
            context["toc"] = f"<ul>\n{head}{contents}</li>\n</ul>\n"
        return context

    def dump_inventory(self) -> None:
        """The inventory for intersphinx, with the addresses of this page."""
        super().dump_inventory()
        path = Path(self.outdir) / "objects.inv"
        *head, packed = path.read_bytes().split(b"\n", 4)
        text = re.sub(rf"{START}([^\s#]+)#", r"#\1/", zlib.decompress(packed).decode())
        path.write_bytes(b"\n".join([*head, zlib.compress(text.encode(), 9)]))

    def _lead(self, tree: nodes.Node, in_contents: bool = False) -> None:
        """Let references between documents lead to their places on the page."""
        for reference in list(tree.findall(nodes.reference)):
            address: str = reference.get("refuri", "")
            if address.startswith(START):
                docname, _, anchor = address.removeprefix(START).partition("#")
                if docname not in self.documents:
                    _unlink(reference, in_contents)
                elif anchor:
                    reference["refuri"] = f"#{on_page(docname, anchor)}"
            elif (
                reference.get("internal")
                and address.endswith(self.out_suffix)
                and address.removesuffix(self.out_suffix) not in self.config.html_additional_pages
            ):
                _unlink(reference, in_contents)


def _unlink(reference: nodes.reference, in_contents: bool) -> None:
    """Leave only the text of a reference; of an entry in a table of contents, nothing."""
    entry = reference.parent.parent if in_contents else None
    if isinstance(entry, nodes.list_item):
        entry.parent.remove(entry)
    else:
        reference.replace_self(reference.children)


def _html(code: str) -> nodes.raw:
    return nodes.raw("", code, format="html")


def stand_in(app: Sphinx, config: Config) -> None:
    """Use this builder on a Chinese site, unless an extension has brought one of its own."""
    if is_chinese(config.language) and app.registry.builders["singlehtml"] is SingleFileHTMLBuilder:
        app.add_builder(SinglePageBuilder, override=True)


def add_files(app: Sphinx) -> None:
    """Name the script and the style to the page; Sphinx copies them with the site's own."""
    if isinstance(app.builder, SinglePageBuilder):
        app.config.html_static_path = [*app.config.html_static_path, str(STATIC)]
        app.add_js_file("sphinxzh-singlepage.js", loading_method="defer")
        app.add_css_file("sphinxzh-singlepage.css")


def tell_theme(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: object) -> None:
    """Themes ask which documents they may name in `<link>`."""
    if isinstance(builder := app.builder, SinglePageBuilder):
        context["hasdoc"] = lambda name: name in builder.documents


def setup(app: Sphinx) -> ExtensionMetadata:
    """Stand in for the builder, and bring the script that follows the reader."""
    app.connect("config-inited", stand_in)
    app.connect("builder-inited", add_files)
    app.connect("html-page-context", tell_theme)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
