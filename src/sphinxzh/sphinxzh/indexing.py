"""The index, in HTML and in the PDF, sorted as a Chinese reader looks things up: by pinyin, under letters.

The rule: one order, `Order.key`, decides everywhere.  Its keys are plain ASCII, because makeindex compares
bytes (it would put 握手 under half a character) and xindy, which has no Chinese alphabet, puts 密钥 under V.
Both of them, and Python, agree about these keys.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import groupby
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.index_entries import split_index_msg
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.latex import LaTeXTranslator

logger = logging.getLogger(__name__)

#: Words that the dictionary of pypinyin lacks, so that it reads 重 as zhòng.
AGAIN = {f"重{verb}": f"chong2 {reading}" for verb, reading in (
    ("传", "chuan2"), ("发", "fa1"), ("放", "fang4"), ("连", "lian2"), ("启", "qi3"),
    ("试", "shi4"), ("写", "xie3"), ("置", "zhi4"),
)}  # fmt: skip
#: The first character that GB 2312 lists under each letter; its common ones are in the order of pinyin.
FIRST_OF_LETTER = dict(
    zip("啊芭擦搭蛾发噶哈击喀垃妈拿哦啪期然撒塌挖昔压匝", "abcdefghjklmnopqrstwxyz", strict=True)
)
LAST_COMMON = "座"


class Order:
    """The order of entries.

    A Han character becomes its syllable, tone and code point, "wo4 063e1 ": a word comes before the longer
    ones that begin with it, and what begins with the same character stands together.  The word decides how
    a character is read (银行 is yín háng); `readings` says so for words that pypinyin does not know.  Letters
    count without case and accents.  Everything else becomes "*" and its code point and so comes first.
    """

    def __init__(self, readings: Mapping[str, str]) -> None:
        self._readings = {word: reading.split() for word, reading in {**AGAIN, **readings}.items()}
        for word, syllables in self._readings.items():
            if len(word) != len(syllables) or not all(re.fullmatch("[a-z]+[1-5]", s) for s in syllables):
                raise ConfigError(
                    f"sphinxzh_readings: {word!r} is read {' '.join(syllables)!r}; expected a syllable with "
                    'the number of its tone for each character, such as "yin2 hang2" for "银行".'
                )
        words = sorted(self._readings, key=len, reverse=True)
        self._known = re.compile(f"({'|'.join(map(re.escape, words))})")
        self.key = cache(self._key)

    def _key(self, text: str) -> str:
        """The ASCII text by whose order an entry is put in its place."""
        text = unicodedata.normalize("NFKC", text).strip()
        parts: list[str] = []
        for han, characters in groupby(text, _is_han):
            run = "".join(characters)
            parts += self._han(run) if han else map(_plain, run)
        key = re.sub(" +", " ", "".join(parts)).strip()  # as TeX reads it in an argument
        # to makeindex an entry that is a number is no symbol, and comes under a heading of its own
        return f"*{ord(key[0]):05x}{key[1:]}" if key[:1].isdigit() else key

    def _han(self, run: str) -> Iterator[str]:
        for piece in filter(None, self._known.split(run)):
            syllables = self._readings.get(piece) or _syllables(piece)
            for character, syllable in zip(piece, syllables, strict=True):
                yield f"{syllable} {ord(character):05x} " if syllable.isascii() else _plain(character)


def heading(key: str) -> str:
    """The heading under which a key comes."""
    return key[0].upper() if key[:1].isalpha() else _("Symbols")


def has_pinyin() -> bool:
    """Whether pypinyin, an extra, is installed."""
    try:
        import pypinyin  # noqa: F401
    except ImportError:
        return False
    return True


def _syllables(word: str) -> list[str]:
    """How a word is read; a character without a reading stands for itself."""
    if not has_pinyin():
        return [_by_character_set(character) for character in word]
    from pypinyin import Style, lazy_pinyin

    read: Any = lazy_pinyin  # its types do not know that errors may also be a list
    return list(read(word, style=Style.TONE3, neutral_tone_with_five=True, errors=list))


def _by_character_set(character: str) -> str:
    """Without pypinyin: the letter and place of a character in GB 2312, if it is a common one."""
    code = character.encode("gb2312", "ignore")
    if not code or code > LAST_COMMON.encode("gb2312"):
        return character
    letters = [letter for first, letter in FIRST_OF_LETTER.items() if first.encode("gb2312") <= code]
    return f"{letters[-1]}{code.hex()}"


def _is_han(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or character >= "\U00020000"


def _plain(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[0].lower()
    return base if base.isascii() and (base.isalnum() or base == " ") else f"*{ord(character):05x}"


def sort_page(order: Order, context: dict[str, Any]) -> None:
    """Put the entries of Sphinx's HTML index into our order, under our headings."""
    placed: list[tuple[str, str, Any]] = []
    for _stock, group in context["genindexentries"]:
        for text, (links, children, category) in group:
            key = order.key(f"{category} {text}" if category else text)
            # what only refers elsewhere comes last
            below = sorted(children, key=lambda child: (not child[1], order.key(child[0]), child[0]))
            placed.append((key, category or heading(key), (text, (links, below, category))))
    placed.sort(key=lambda entry: (entry[0], entry[2][0]))
    groups = [
        (name, [entry[2] for entry in group]) for name, group in groupby(placed, lambda entry: entry[1])
    ]
    context["genindexentries"] = groups
    context["genindexcounts"] = [sum(1 + len(below) for _, (_, below, _) in group) for _, group in groups]


def visit_index(order: Order, translator: LaTeXTranslator, node: addnodes.index) -> None:
    r"""Write the entries of a place as \index{key@text}, as Sphinx does but for the keys."""
    block = not node.get("inline", True)
    here: list[str] = []
    for kind, value, _target, main, category in node["entries"]:
        try:
            parts = split_index_msg(kind, value)
        except ValueError as error:
            logger.warning(str(error), location=node)
            continue
        refers = kind in {"see", "seealso"}
        page = f"|{kind}{{{_escaped(translator, parts.pop())}}}" if refers else "|spxpagem" if main else ""
        for path in _paths(kind, parts):
            texts = [f"{order.key(text)}@{_styled(_escaped(translator, text))}" for text in path]
            if category:
                texts[0] = f"{order.key(category)} {texts[0]}"
            command = rf"\index{{{'!'.join(texts)}{page}}}"
            if refers:  # at the end of the text, so that it comes after the numbers of the pages
                translator.elements["atendofbody"] += command + "\n"
            else:
                here.append(command)
    translator.body += ["\n", *here, r"\ignorespaces "] if block else here
    raise nodes.SkipNode


def _paths(kind: str, parts: list[str]) -> Iterator[tuple[str, ...]]:
    """The entries, with what stands above them, that one of Sphinx's makes."""
    if kind == "pair":
        yield from ((parts[0], parts[1]), (parts[1], parts[0]))
    elif kind == "triple":
        one, two, three = parts
        yield from ((one, f"{two} {three}"), (two, f"{three}, {one}"), (three, f"{one} {two}"))
    else:
        yield tuple(parts)


def _escaped(translator: LaTeXTranslator, text: str) -> str:
    """For LaTeX, and then for makeindex, to which a quotation mark quotes the next character."""
    text = translator.encode(text)
    text = text.replace(r"\{", r"\sphinxleftcurlybrace{}").replace(r"\}", r"\sphinxrightcurlybrace{}")
    return re.sub('(["@!])', r'"\1', text).replace("|", r"\textbar{}")


def _styled(text: str) -> str:
    """A name, and in brackets what it belongs to: `close() (File method)`."""
    found = re.fullmatch(r"(.*\S)\s+\(([^()]*)\)\s*", text)
    return rf"\spxentry{{{found[1]}}}\spxextra{{{found[2]}}}" if found else rf"\spxentry{{{text}}}"


def _check(_app: Sphinx, config: Config) -> None:
    if config.language.startswith("zh") and config.html_split_index:
        logger.warning("html_split_index: sphinxzh.indexing writes the index as one page; expected False.")
        config.html_split_index = False


def _prepare(app: Sphinx) -> None:
    if not app.config.language.startswith("zh"):
        return
    order = Order(app.config.sphinxzh_readings)
    if not has_pinyin():
        logger.info(
            "pypinyin is not installed: the index knows only the characters of GB 2312, by their letter."
        )

    def in_html(_app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
        if page == "genindex":
            sort_page(order, context)

    def in_latex(translator: LaTeXTranslator, node: addnodes.index) -> None:
        visit_index(order, translator, node)

    app.connect("html-page-context", in_html)
    app.add_node(addnodes.index, override=True, latex=(in_latex, None))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Sort the index of a Chinese site."""
    app.add_config_value("sphinxzh_readings", {}, "env", [dict])
    app.connect("config-inited", _check)
    app.connect("builder-inited", _prepare)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
