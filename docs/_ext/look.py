"""The look of the site: what of it is made at build, on top of the Read the Docs theme.

The rule: a page loads what it shows and nothing else.  Of the theme's style sheet the fonts, the icons and
the parts that our templates do not have are left out, and jQuery, which only those parts need, is not loaded.
Everything here is made while building, so that a page is complete without a script; what only the reader's
screen can decide is in _static/book.js and _static/scheme.js.
"""

import hashlib
import re
from contextlib import redirect_stdout
from functools import partial
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.errors import ConfigError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.typing import ExtensionMetadata

import inks

THEME = Path(str(files("sphinx_rtd_theme"))) / "static"
SHEET = Path("css") / "theme.css"
ABSENT = re.compile(r"\.(fa|icon|btn|rst-versions|wy-(?!table))")  # parts that our templates do not have
ICON = re.compile(r'FontAwesome|content:"\\f')
SITES = ("html", "dirhtml", "singlehtml")
UNUSED_SCRIPTS = ("_static/jquery.js", "_static/_sphinx_javascript_frameworks_compat.js")
# Words of the stock search page; for them doctools.js makes code of a string, which a strict policy forbids.
SEARCH_SCRIPT = "_static/translations.js"
CONSOLE = re.compile(r'<div class="highlight-console.*?</pre>', re.DOTALL)
TAG = re.compile(r"<[^>]*>")
HERE_DOCUMENT = re.compile(r"&lt;&lt;-?\s*(?:'|&#39;)?(\w+)")
OUTPUT = re.compile(r'(<span class="g[ot]">[^<]*)</span>\n')
PICTURE = re.compile(r'(<img\b(?![^>]* width=)[^>]*?\bsrc="[^"]*_images/([^"/]+\.svg)")')
VIEW_BOX = re.compile(r'<svg\b[^>]*\bviewBox="0 0 ([\d.]+) ([\d.]+)"')
CURRENT = re.compile(r'<a class="current reference internal" href="#"(>.*?</a>)', re.DOTALL)
OWN_SECTIONS = re.compile(r"\A\s*<ul>\s*<li>\s*<a .*?</a>\s*(<ul>.*</ul>)\s*</li>\s*</ul>\s*\Z", re.DOTALL)


# -- Style sheets -----------------------------------------------------------------------------------------


def trimmed(css: str) -> str:
    """The theme's style sheet without fonts, icons and absent parts."""
    css = re.sub(r"/\*.*?\*/|@charset[^;]*;", "", css, flags=re.DOTALL)
    kept = []
    for at, nested, selectors, declarations in re.findall(
        r"(@[^{}]+)\{((?:[^{}]*\{[^{}]*\})*)[^{}]*\}|([^{}@]+)\{([^{}]*)\}", css
    ):
        if at.startswith("@media") and (inner := trimmed(nested)):
            kept.append(f"{at}{{{inner}}}")
        elif not at and not ICON.search(declarations):
            wanted = [one for one in selectors.split(",") if not ABSENT.search(one)]
            if wanted:
                kept.append(f"{','.join(wanted)}{{{declarations}}}")
    return "\n".join(kept)


def put_style_sheets(app: Sphinx) -> None:
    """Ours of the same names, which Sphinx copies after the theme's and its own.

    The theme's becomes a layer: whatever our style sheets say then holds, however special its selectors are.
    """
    builder = app.builder
    if builder.name not in SITES or not isinstance(builder, StandaloneHTMLBuilder):
        return
    made = Path(app.doctreedir) / "look"
    (made / "css").mkdir(parents=True, exist_ok=True)
    original = (THEME / SHEET).read_text("utf-8")
    (made / SHEET).write_text(f"@layer theme {{\n{trimmed(original)}\n}}\n", "utf-8")
    (made / "pygments.css").write_text(inks.sheet(), "utf-8")
    app.config.html_static_path = [*app.config.html_static_path, str(made)]
    app.config.html_permalinks_icon = "#"  # the theme has set a letter of its icon font


def drop_unused(app: Sphinx, error: Exception | None) -> None:
    """The theme's files that no page names any more: all but its style sheet."""
    if error is None and app.builder.name in SITES:
        brought = (file.relative_to(THEME) for file in THEME.rglob("*") if file.is_file())
        unused = ("_static" / file for file in brought if file != SHEET)
        for file in (*unused, *map(Path, UNUSED_SCRIPTS)):
            (Path(app.outdir) / file).unlink(missing_ok=True)


# -- Pages ------------------------------------------------------------------------------------------------


class Frames(SphinxPostTransform):
    """A table stands in a box that scrolls when it is too wide; a link to another site says it is one."""

    default_priority = 800
    formats = ("html",)

    def run(self, **_: Any) -> None:
        """Change the document that is about to be written."""
        for table in list(self.document.findall(nodes.table)):
            if "bytecard" not in table["classes"]:  # it fits any width by itself
                table["classes"].append("colwidths-auto")  # no inline style
                box = nodes.container(classes=["wy-table-responsive"])
                table.replace_self(box)
                box += table
        for image in self.document.findall(nodes.image):
            image.attributes.pop("width", None)  # an inline style; on the site book.css says it
        for reference in self.document.findall(nodes.reference):
            if reference.get("refuri", "").startswith(("http://", "https://")):
                reference["rel"] = "external"


def finish_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """What a page's template is given."""
    if app.builder.name not in SITES:
        return
    absent = UNUSED_SCRIPTS if pagename == "search" else (*UNUSED_SCRIPTS, SEARCH_SCRIPT)
    context["script_files"] = [
        file for file in context["script_files"] if str(getattr(file, "filename", "")) not in absent
    ]
    for file in context["script_files"]:
        if getattr(file, "filename", None) and "async" not in file.attributes:
            file.attributes["defer"] = "defer"  # in the order in which they stand, after the page is read
    if doctree is not None and context["edit_url"]:
        context["edit_page"] = f"{context['edit_url']}docs/{app.env.doc2path(pagename, base=False)}"
    # The copy button leaves output out; with its line's end inside, no empty line stays behind.
    body = CONSOLE.sub(lambda block: typed(block[0]), context.get("body") or "")
    body = OUTPUT.sub("\\1\n</span>", body)
    context["body"] = PICTURE.sub(partial(_with_size, app.builder), body)
    tags = context.get("metatags", "")
    if not app.config.ogp_site_url:  # without a public address a page has none to tell
        tags = re.sub(r'<meta property="og:url"[^>]*>\n?', "", tags)
    context["metatags"] = tags
    if app.builder.name != "singlehtml":
        context["toctree"] = _with_own_sections(context["toctree"], context.get("toc") or "")


def typed(block: str) -> str:
    """A terminal session in which here-documents are no output, which Pygments takes them for."""
    lines: list[str] = []
    end = ""  # the word that ends the here-document, while we are in one
    for line in block.split("\n"):
        said = TAG.sub("", line).removeprefix("&gt; ")
        lines.append(line.replace('<span class="go">', '<span class="sh">') if end else line)
        if end:
            end = "" if said == end else end
        elif '<span class="gp">' in line and (opened := HERE_DOCUMENT.search(said)):
            end = opened[1]
    return "\n".join(lines)


def _with_size(builder: Builder, tag: re.Match[str]) -> str:
    """An SVG with its size said, so that the text below does not move when it arrives."""
    sources = {name: source for source, name in builder.images.items()}
    source = Path(builder.srcdir) / sources.get(unquote(tag[2]), "")
    size = VIEW_BOX.search(source.read_text("utf-8")) if source.is_file() else None
    return f'{tag[1]} width="{size[1]}" height="{size[2]}"' if size else tag[0]


def _with_own_sections(toctree: Any, toc: str) -> Any:
    """A sidebar that names every page, and the sections of the one that is open."""

    def made(**options: Any) -> str:
        own = OWN_SECTIONS.match(toc)
        sections = own[1] if own else ""
        tree = toctree(**{**options, "titles_only": True}) or ""
        return CURRENT.sub(
            lambda found: (
                f'<a class="current reference internal" href="#" aria-current="page"{found[1]}{sections}'
            ),
            str(tree),
            count=1,
        )

    return made


# -- The public address -----------------------------------------------------------------------------------


def place(app: Sphinx, config: Any) -> None:
    """Check the addresses of the site and of its sources, and hand them on."""
    for name, value in (
        ("html_baseurl", config.html_baseurl),
        ("edit_url", config.html_context.get("edit_url")),
    ):
        if value and not re.fullmatch(r"https?://[^\s?#]+/", value):
            raise ConfigError(
                f"{name} is {value!r}; it must be an address that begins with http and ends with /"
            )
    if config.html_baseurl:
        config.ogp_site_url = config.html_baseurl
        config.ogp_image = "_static/card.png"
        config.ogp_image_alt = config.html_title
        config.notfound_urls_prefix = "/" + config.html_baseurl.split("/", 3)[3]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect."""
    with redirect_stdout(StringIO()):  # it says that it will draw no cards, which nobody asked of it
        app.setup_extension("sphinxext.opengraph")
    # Every page is written anew when this file changes.
    app.add_config_value("look_of", hashlib.sha256(Path(__file__).read_bytes()).hexdigest(), "html")
    app.add_post_transform(Frames)
    app.connect("config-inited", place, priority=400)
    app.connect("builder-inited", put_style_sheets)
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("build-finished", drop_unused)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
