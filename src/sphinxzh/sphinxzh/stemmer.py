"""The stemmer of the stock search page, which is broken on Chinese sites under Sphinx 9.0 and 9.1.0.

The fault: there Sphinx ends `language_data.js` with `window.Stemmer = NAMEStemmer;` and makes NAME out of
the language's name.  Chinese uses the English stemmer, so the page says `ChineseStemmer`, which nobody
defines, and every query throws.  From 9.1.1 on the name is taken from the stemmer's file; 8 does not have
the line.

The mending: look at the code that this Sphinx writes; only when its last line names what it does not define,
stand in with a search language that differs from Sphinx's own in that one name.
"""

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from sphinx import search
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

if TYPE_CHECKING:
    from sphinx.search.zh import SearchChinese

STOCK = "sphinx.search.zh.SearchChinese"


def mended(code: str, stemmer_file: str) -> str | None:
    """`code` with its last line naming the stemmer of `stemmer_file`; None when it needs no mending."""
    last = re.search(r"window\.Stemmer = (\w+);\s*\Z", code)
    if last is None or re.search(rf"\b{last[1]}\s*=[^=]", code):
        return None
    name = stemmer_file.removesuffix("-stemmer.js").title() + "Stemmer"
    return code[: last.start(1)] + name + code[last.end(1) :]


def mended_language() -> "type[SearchChinese] | None":
    """A search language with mended code, or None where Sphinx's own is in order."""
    stock: type[SearchChinese] = import_module(STOCK.rpartition(".")[0]).SearchChinese
    code = mended(_stock_code(stock), stock.js_stemmer_rawcode)
    if code is None:
        return None
    # Without a raw file Sphinx takes js_stemmer_code as it stands.
    return cast(
        "type[SearchChinese]",
        type("MendedChinese", (stock,), {"js_stemmer_rawcode": "", "js_stemmer_code": code}),
    )


def _stock_code(stock: "type[SearchChinese]") -> str:
    """What this version of Sphinx writes about stemming into `language_data.js`."""
    builder = cast(Any, object.__new__(search.IndexBuilder))
    builder.lang = stock  # the code depends on the language's class attributes alone; no dictionary is loaded
    return cast(str, builder.get_js_stemmer_code())


def setup(app: Sphinx) -> ExtensionMetadata:
    """Stand in for Sphinx's Chinese search, if it is Sphinx's own and at fault."""
    app.setup_extension("sphinxzh.segmenter")  # before anything else imports jieba
    if search.languages.get("zh") == STOCK and (language := mended_language()) is not None:
        app.add_search_language(language)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
