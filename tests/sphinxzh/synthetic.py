"""A made-up Chinese book of any size, for timing the search: jieba's words, as often as jieba expects them.

Building such a book with Sphinx would take many minutes and change nothing for the index, so the sections
are made as the collector would hand them over, and `write` makes a folder that a browser can open.
"""

import itertools
import random
from importlib import import_module
from pathlib import Path

from sphinxzh.search.collect import Text
from sphinxzh.search.index import build, script

SECTION = 600  # characters of a section, on average
SECTIONS_OF_A_PAGE = 12
LETTERS = (
    "handshake",
    "session",
    "cookie",
    "nonce",
    "packet",
    "cipher",
    "state",
    "kernel",
    "socket",
    "buffer",
)
STATIC = Path(import_module("sphinxzh.search").__file__ or "").parent / "static"


def book(characters: int, seed: int = 1) -> list[Text]:
    """Sections of so many characters altogether."""
    import jieba

    jieba.initialize()
    words = {word: count for word, count in jieba.dt.FREQ.items() if count > 2 and not word.isascii()}
    dice = random.Random(seed)
    vocabulary, weights = list(words), list(itertools.accumulate(words.values()))
    names = [f"{a}_{b}" for a in LETTERS for b in LETTERS] + [f"{a}{n}" for a in LETTERS for n in range(400)]

    def say(count: int, end: str) -> str:
        some = dice.choices(vocabulary, cum_weights=weights, k=count)
        if dice.random() < 0.3:
            some.insert(dice.randrange(len(some)), f" {dice.choice(names)} ")
        return "".join(some) + end

    texts: list[Text] = []
    written = 0
    for number in itertools.count():
        if written >= characters:
            return texts
        page, place = divmod(number, SECTIONS_OF_A_PAGE)
        body = "".join(say(dice.randint(4, 12), dice.choice("，。")) for _ in range(SECTION // 15))
        texts.append(Text(f"page{page}", f"section-{place}", 1 + (place > 0), say(3, ""), "", body))
        written += len(body)
    raise AssertionError


def write(folder: Path, texts: list[Text]) -> Path:
    """The search of these texts, and a page that has it; the page."""
    static = folder / "_static"
    (static / "sphinxzh-search").mkdir(parents=True, exist_ok=True)
    for source in STATIC.rglob("*.*"):
        (static / source.relative_to(STATIC)).write_bytes(source.read_bytes())
    index = build(texts, {text.docname: f"{text.docname}.html" for text in texts}, [])
    (static / "sphinxzh-search" / "index.js").write_text(script("sphinxzhSearch.index", index), "utf-8")
    page = folder / "index.html"
    scripts = "".join(
        f'<script src="_static/{name}.js"></script>'
        for name in ("sphinxzh-search/tokens", "sphinxzh-search/highlight", "sphinxzh-search")
    )
    page.write_text(f'<!doctype html><meta charset="utf-8"><body>{scripts}</body>', "utf-8")
    return page
