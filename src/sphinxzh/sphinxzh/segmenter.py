"""jieba, the word segmenter that Sphinx's Chinese search uses, without its noise.

The rule: what is silenced is jieba's and nothing else.  jieba 0.42.1 has not been changed since 2020; as
newer Pythons compile it they warn of its escape sequences, and some versions of setuptools warn that it
imports pkg_resources.  Both happen while jieba is being imported and are recognised by their text, so they
are ignored then and so only.  A warning of any other kind, from jieba or from the site, is shown as ever.

jieba also tells of its work on standard error as debugging output, and keeps its compiled dictionary in a
file in the common temporary directory, which it trusts whoever wrote it (`marshal.load`).  Here it keeps the
file beside the site's doctrees.

Where a site names no user dictionary, Sphinx 8.2 and newer have jieba read its own a second time, which takes
longer than the rest of a small build.  All that comes of it is that the sum of the counts doubles; here it is
doubled without the reading, and words are cut as ever.
"""

import logging
import warnings
from importlib import import_module
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata

# (category, text): what jieba 0.42.1 is known to cause while it is being imported.
_KNOWN: tuple[tuple[type[Warning], str], ...] = (
    (DeprecationWarning, r".*invalid escape sequence"),  # Python 3.11
    (SyntaxWarning, r".*invalid escape sequence"),  # Python 3.12 and newer
    (DeprecationWarning, r"pkg_resources is deprecated as an API"),  # setuptools 67 to 79
    (DeprecationWarning, r"Deprecated call to `pkg_resources\.declare_namespace"),
    (UserWarning, r"pkg_resources is deprecated as an API"),  # setuptools 80
)


def load() -> None:
    """Import jieba, and Sphinx's search language that imports it, once and quietly."""
    with warnings.catch_warnings():
        for category, text in _KNOWN:
            warnings.filterwarnings("ignore", message=text, category=category)
        import_module("jieba")
        import_module("sphinx.search.zh")
    logger = logging.getLogger("jieba")
    if logger.level == logging.DEBUG:  # as jieba sets it; a site's own choice stays
        logger.setLevel(logging.INFO)


def keep_cache(app: Sphinx, config: Config) -> None:
    """Let jieba keep its compiled dictionary beside the doctrees."""
    folder = Path(app.doctreedir)
    folder.mkdir(parents=True, exist_ok=True)
    import_module("jieba").dt.tmp_dir = str(folder)


def spare_reading(app: Sphinx) -> None:
    """Do at once what Sphinx's second reading of jieba's dictionary comes to."""
    builder, options = app.builder, app.config.html_search_options
    if not (
        isinstance(builder, StandaloneHTMLBuilder) and builder.search and is_chinese(app.config.language)
    ):
        return
    if "dict" not in options and hasattr(import_module("sphinx.search.zh"), "JIEBA_DEFAULT_DICT"):
        app.config.html_search_options = {**options, "dict": ""}
        tokenizer = import_module("jieba").dt
        tokenizer.initialize()
        tokenizer.total = 2 * sum(tokenizer.FREQ.values())


def is_chinese(language: str) -> bool:
    """Whether a language code of Sphinx, such as zh_CN, is Chinese."""
    return language.partition("_")[0].partition("-")[0].lower() == "zh"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Load jieba; its cache moves as soon as the site's folders are known."""
    load()
    app.connect("config-inited", keep_cache)
    app.connect("builder-inited", spare_reading)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
