"""Search for Chinese sites: sections as you type, in html, dirhtml and singlehtml, also from a folder.

At the end of a build it writes, beside the site's other static files:

- `sphinxzh-search/index.js`: titles, terms and postings, fetched when a reader first searches;
- `sphinxzh-search/text-N.js`: the text of one document, fetched when a hit in it is shown.

Both are scripts that hand over data, so that they load from a folder (file://) too, where a page may not
fetch anything else.  The scripts that read them come from `static/`: every page names those of the box and
the panel (SCRIPTS); those of the engine are fetched together with the index.  The search box is the
theme's own; where there is none, one is added.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata

from sphinxzh.search.collect import SectionCollector, Text, kept, resolved
from sphinxzh.search.index import build, script
from sphinxzh.search.words import user_words
from sphinxzh.segmenter import is_chinese
from sphinxzh.singlepage import SinglePageBuilder
from sphinxzh.singlepage.ids import on_page

FOLDER = "sphinxzh-search"
BUILDERS = ("html", "dirhtml", "singlehtml")
STATIC = Path(__file__).parent / "static"
SCRIPTS = (*(f"{FOLDER}/{name}.js" for name in ("phrases", "tokens", "highlight")), "sphinxzh-search.js")


def texts_of(builder: StandaloneHTMLBuilder) -> list[Text]:
    """Every section of the site, in the order of the documents' names."""
    found = kept(builder.env)
    texts = [
        text
        for name in sorted(builder.env.found_docs)
        for text in resolved(found.get(name, ()), name, builder)
    ]
    return list(placed(texts, builder)) if isinstance(builder, SinglePageBuilder) else texts


def placed(texts: Iterable[Text], builder: SinglePageBuilder) -> Iterator[Text]:
    """The sections that are on the single page, with the anchors that they have there."""
    for text in texts:
        if text.docname in builder.documents:
            anchor = on_page(text.docname, text.anchor) if text.anchor else ""
            yield replace(text, anchor=anchor)


def own_words(app: Sphinx) -> list[str]:
    """The words that the site's configuration names.

    Ours are looked for from the folder of conf.py, as other files are; Sphinx takes its own option from
    wherever the build was started, and says nothing when there is no such file.
    """
    options: dict[str, str] = app.config.html_search_options
    return [
        *user_words(app.config.sphinxzh_userdict, Path(app.confdir), "sphinxzh_userdict"),
        *user_words(options.get("dict"), Path.cwd(), "html_search_options['dict']"),
    ]


def check(app: Sphinx, config: Config) -> None:
    """Say what is wrong with a user dictionary before the build, not after it."""
    if is_chinese(config.language):
        own_words(app)


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the index and the texts, once the pages are written."""
    builder = app.builder
    if error is not None or not _takes_part(app) or not isinstance(builder, StandaloneHTMLBuilder):
        return
    texts = texts_of(builder)
    urls = {text.docname: builder.get_target_uri(text.docname) for text in texts}
    index = build(texts, urls, own_words(app))
    folder = Path(app.outdir) / "_static" / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    files = {"index.js": script("sphinxzhSearch.index", index)}
    for number, docname in enumerate(dict.fromkeys(text.docname for text in texts)):
        bodies = [text.body for text in texts if text.docname == docname]
        files[f"text-{number}.js"] = script("sphinxzhSearch.text", number, bodies)
    for old in folder.glob("text-*.js"):
        if old.name not in files:
            old.unlink()
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8", newline="\n")


def add_files(app: Sphinx) -> None:
    """Name the scripts and the style to every page; Sphinx copies them with the site's own."""
    if _takes_part(app):
        app.config.html_static_path = [*app.config.html_static_path, str(STATIC)]
        for name in SCRIPTS:
            app.add_js_file(name, loading_method="defer")
        app.add_css_file("sphinxzh-search.css")


def _takes_part(app: Sphinx) -> bool:
    return app.builder.name in BUILDERS and is_chinese(app.config.language)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Collect while reading, write after the pages."""
    app.setup_extension("sphinxzh.segmenter")
    app.setup_extension("sphinxzh.singlepage")  # the addresses of sections on it
    # Pages name the scripts: where an older version of ours has written other ones, they are written anew.
    app.add_config_value("sphinxzh_search_scripts", SCRIPTS, "html", types=frozenset({tuple}))
    app.add_config_value("sphinxzh_userdict", None, "", types=())  # `check` says it better
    app.add_env_collector(SectionCollector)
    app.connect("config-inited", check)
    app.connect("builder-inited", add_files)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
