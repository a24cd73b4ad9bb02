"""Asks the search of a built site in a browser, and measures its answers against labels."""

import json
import math
import random
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opencc import OpenCC
from playwright.sync_api import Page
from pypinyin import lazy_pinyin

from sphinxzh.search.index import COMMON
from sphinxzh.search.tokens import is_han, parts, pieces
from sphinxzh.search.words import Words

QUERIES = Path(__file__).parent / "queries.toml"  # the search was tuned on them
UNSEEN = Path(__file__).parent / "unseen.toml"  # and never on these
_ARGUMENT = re.compile(r"^[\w.]+\(|\);\n$")  # a script less its call

# What the reader would see, in the order shown: document # title.
ASK = """async (queries) => {
  const { docs, docOf, titles } = await sphinxzhSearch.load();
  return queries.map((query) => {
    const began = performance.now();
    const { results, guess } = sphinxzhSearch.ask(query);
    const ms = performance.now() - began;
    const found = results.slice(0, 20).map(({ section }) => `${docs[docOf[section]]}#${titles[section]}`);
    return { ms, guess, found };
  });
}"""


@dataclass(frozen=True)
class Labelled:
    """A query and the sections that answer it, each as document # beginning of its title."""

    kind: str
    query: str
    answers: tuple[str, ...]

    def rank(self, found: list[str]) -> int:
        """At which place, counted from 1, the first answer stands; 0 if it is not there."""
        for place, section in enumerate(found, 1):
            if any(matches(section, answer) for answer in self.answers):
                return place
        return 0


def matches(section: str, answer: str) -> bool:
    """Whether `noise/ik.html#手算 IKpsk2` is what `noise/ik#手算` means.  `W1` is not `W17`."""
    page, _, title = section.partition("#")
    document, _, beginning = answer.partition("#")
    if page.removesuffix(".html") != document or not title.startswith(beginning):
        return False
    rest = title[len(beginning) :]
    return rest == "" or rest.startswith(" ") or len(beginning) > 2


def labelled(path: Path = QUERIES) -> list[Labelled]:
    """The labelled queries."""
    table = tomllib.loads(path.read_text("utf-8"))
    return [
        Labelled(kind, query, tuple([answers] if isinstance(answers, str) else answers))
        for kind, queries in table.items()
        for query, answers in queries.items()
    ]


def generated(sections: Sequence[str]) -> list[Labelled]:
    """The longest Han run of every heading, as a reader may type it; `sections` are document # title.

    The kinds: traditional characters, pinyin, pinyin with spaces, and a character that sounds the same.
    """
    convert = OpenCC("s2t").convert
    queries: list[Labelled] = []
    for title in dict.fromkeys(section.partition("#")[2] for section in sections):
        run = max(filter(is_han, pieces(title)), key=len, default="")
        if not 2 <= len(run) <= 8:
            continue
        answers = tuple(section.replace(".html#", "#") for section in sections if run in section)
        syllables = lazy_pinyin(run)
        middle = len(run) // 2
        alike = next(
            (c for c in sorted(COMMON) if c != run[middle] and lazy_pinyin(c) == [syllables[middle]]), None
        )
        queries.append(Labelled("traditional", convert(run), answers))
        queries.append(Labelled("pinyin", "".join(syllables), answers))
        queries.append(Labelled("syllables", " ".join(syllables), answers))
        if alike:
            queries.append(Labelled("slips", run[:middle] + alike + run[middle + 1 :], answers))
    return queries


def known_items(book: Sequence[tuple[str, str]]) -> list[Labelled]:
    """Queries made of what sections say; the book is document # title and text of each.

    The kinds: a few characters as they stand there (said), two or three of the most telling words by tf·idf
    (telling), and a word of the title glued to a telling word of letters (glued).
    """
    rng = random.Random(1)
    words = Words([])
    queries: list[Labelled] = []
    own = [words.of([text]) | _letters(text) for _, text in book]
    spread = Counter(word for found in own for word in found)
    for (section, text), found in zip(book, own, strict=True):
        worth = {word: (1 + math.log(1 + text.count(word))) / spread[word] for word in found}
        telling = sorted(worth, key=lambda word: (-worth[word], word))[:6]
        if len(telling) > 2:
            chosen = rng.sample(telling, rng.choice((2, 3)))
            queries.append(Labelled("telling", " ".join(chosen), (section,)))
        titled = sorted(words.of([section.partition("#")[2]]))
        letters = [word for word in telling if not is_han(word)]
        if titled and letters:
            pair = rng.sample([rng.choice(titled), rng.choice(letters)], 2)
            queries.append(Labelled("glued", "".join(pair), (section,)))
        runs = [run for run in pieces(text) if is_han(run) and len(run) >= 6]
        if runs:
            run, size = rng.choice(runs), rng.randint(6, 12)
            start = rng.randint(0, max(0, len(run) - size))
            said = run[start : start + size]
            queries.append(Labelled("said", said, tuple(other for other, body in book if said in body)))
    return queries


def _letters(text: str) -> set[str]:
    """The words of letters in a text, those that are not only digits."""
    return {
        parts(piece)[0] for piece in pieces(text) if piece[0].isalpha() and parts(piece) and not is_han(piece)
    }


def told(index: Path) -> list[tuple[str, str]]:
    """Document # title, and title with text, of each section in a built index."""
    data = json.loads(_ARGUMENT.sub("", index.read_text("utf-8")))
    texts: list[str] = []
    for number in range(len(data["docs"])):
        texts += json.loads(
            "[" + _ARGUMENT.sub("", (index.parent / f"text-{number}.js").read_text("utf-8")) + "]"
        )[1]
    return [
        (f"{data['docs'][doc].removesuffix('.html')}#{title}", f"{title} {text}")
        for (doc, _, _, title), text in zip(data["sections"], texts, strict=True)
        if title
    ]


def ask(page: Page, queries: list[str]) -> list[dict[str, Any]]:
    """The answers, each with `found`, `guess` and `ms`."""
    answers: list[dict[str, Any]] = page.evaluate(ASK, queries)
    return answers


def figures(ranks: list[int]) -> tuple[float, float]:
    """Recall@5 (the share of queries with an answer among the first five) and mean reciprocal rank."""
    count = len(ranks)
    return sum(0 < rank <= 5 for rank in ranks) / count, sum(1 / rank for rank in ranks if rank) / count
