"""The stock search page, `search.html?q=…`, on Chinese sites.

Two things are wrong with it there.

- Sphinx 9.0 to 9.1.0 end `language_data.js` with `window.Stemmer = NAMEStemmer;` and make NAME out of the
  language's name.  Chinese uses the English stemmer, so the page says `ChineseStemmer`, which nobody defines,
  and every query throws.  From 9.1.1 on the name is taken from the stemmer's file; 8 does not have the line.
- In every version the index holds words, as jieba cuts them, but the page splits a query at spaces and
  punctuation only: 重放保护窗口 is one word to it, and no page has it.

The mending is a search language that differs from Sphinx's in what the page says, and in nothing that goes
into the index, whose bytes stay Sphinx's own: the stemmer's name, only where the code that this Sphinx
writes names what it does not define; a splitter (`split-query.js`) that cuts the query into words of that
index; and the words that only ask among the stop words, because the page shows nothing but pages that have
every word.

The page still answers with pages, as those who link to it expect; its search box, like any other, answers
with sections as the reader types.  To put sections into its list, too, would mean to replace Sphinx's
script, and with it what themes and other extensions have added to that.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sphinx import search
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from sphinxzh.search.words import ASKING

if TYPE_CHECKING:
    from sphinx.search.zh import SearchChinese

STOCK = "sphinx.search.zh.SearchChinese"
SPLITTER = Path(__file__).with_name("split-query.js")


def mended(code: str, stemmer_file: str) -> str | None:
    """`code` with its last line naming the stemmer of `stemmer_file`; None when it needs no mending."""
    last = re.search(r"window\.Stemmer = (\w+);\s*\Z", code)
    if last is None or re.search(rf"\b{last[1]}\s*=[^=]", code):
        return None
    name = stemmer_file.removesuffix("-stemmer.js").title() + "Stemmer"
    return code[: last.start(1)] + name + code[last.end(1) :]


def search_language() -> "type[SearchChinese]":
    """Sphinx's search language with a splitter, Chinese stop words and, where need be, another stemmer."""
    stock: type[SearchChinese] = import_module(STOCK.rpartition(".")[0]).SearchChinese
    says: dict[str, object] = {
        "js_splitter_code": SPLITTER.read_text("utf-8"),
        "stopwords": frozenset(stock.stopwords) | ASKING,
    }
    code = mended(_stock_code(stock), stock.js_stemmer_rawcode)
    if code is not None:  # without a raw file Sphinx takes js_stemmer_code as it stands
        says |= {"js_stemmer_rawcode": "", "js_stemmer_code": code}
    return cast("type[SearchChinese]", type("ChineseSearchPage", (stock,), says))


def _stock_code(stock: "type[SearchChinese]") -> str:
    """What this version of Sphinx writes about stemming into `language_data.js`."""
    builder = cast(Any, object.__new__(search.IndexBuilder))
    builder.lang = stock  # the code depends on the language's class attributes alone; no dictionary is loaded
    return cast(str, builder.get_js_stemmer_code())


def setup(app: Sphinx) -> ExtensionMetadata:
    """Stand in for Sphinx's Chinese search, if it is Sphinx's own."""
    app.setup_extension("sphinxzh.segmenter")  # before anything else imports jieba
    if search.languages.get("zh") == STOCK:
        app.add_search_language(search_language())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
