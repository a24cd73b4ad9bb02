"""Sphinx extensions for Chinese sites.  Add "sphinxzh" to the extensions of conf.py; nothing need be set.

Each capability is a module with a `setup` of its own, so that a site may also load just one of them:

- `sphinxzh.segmenter`: jieba, quiet and with a cache of its own;
- `sphinxzh.searchpage`: the stock search page works again, and takes Chinese queries of several words;
- `sphinxzh.lines`: a line break in the source between two Han characters is no space on the page;
- `sphinxzh.anchors`: a heading's address is its text, and stays when another is put in before it;
- `sphinxzh.singlepage`: on the single page every address is unique, and the sidebar follows the reader;
- `sphinxzh.search`: a search of sections as you type, which also works from a folder and on a single page;
- `sphinxzh.svgpdf`: SVG pictures are vectors with real text in the PDF too;
- `sphinxzh.latex`: a Chinese PDF by `make latexpdf`, without a lost glyph;
- `sphinxzh.indexing`: the index sorted by pinyin, in HTML and in the PDF;
- `sphinxzh.epub`: an EPUB that readers accept;
- `sphinxzh.sourcedate`: the same sources make the same PDF and EPUB, to the byte.

A site in another language is left as it is.
"""

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

__version__ = "0.1.0"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Load every capability."""
    for module in (
        "segmenter",
        "searchpage",
        "lines",
        "anchors",
        "singlepage",
        "search",
        "svgpdf",
        "latex",
        "indexing",
        "sourcedate",
        "epub",
    ):
        app.setup_extension(f"sphinxzh.{module}")
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}
