"""Plain BM25 over sections, in Python: the baselines that any search of Chinese must beat.

`bigrams` takes every two neighbouring Han characters, and words of letters and digits.  The other baseline
cuts the text by jieba, and the query by longest match over the words that stand in the text.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module

from bench.search.asked import LIMIT
from bench.search.book import WORK, Section
from sphinxzh import segmenter

Cut = Callable[[str], list[str]]
HAN = r"[\u3400-\u9fff]"
PIECE = re.compile(rf"({HAN}+)|((?:(?!{HAN})\w)+)")
K1, B = 1.2, 0.75


def bigrams(text: str) -> list[str]:
    """Cut into bigrams."""
    terms: list[str] = []
    for han, other in _pieces(text):
        terms += [han[i : i + 2] for i in range(max(1, len(han) - 1))] if han else [other]
    return terms


def by_jieba() -> Cut:
    """Cuts into jieba's words."""
    segmenter.load()
    jieba = import_module("jieba")
    jieba.dt.tmp_dir = str(WORK)  # for its cache

    def cut(text: str) -> list[str]:
        return [word for han, other in _pieces(text) for word in (jieba.lcut(han) if han else [other])]

    return cut


def longest_match(known: set[str]) -> Cut:
    """Cuts by longest match over these words."""
    longest = max(map(len, known))

    def cut(text: str) -> list[str]:
        terms: list[str] = []
        for han, other in _pieces(text):
            while han:
                ends = range(min(len(han), longest), 1, -1)
                end = next((end for end in ends if han[:end] in known), 1)
                terms.append(han[:end])
                han = han[end:]
            if other:
                terms.append(other)
        return terms

    return cut


def search(sections: Sequence[Section], cut: Cut, cut_query: Cut) -> Callable[[str], list[str]]:
    """A function from a query to the names of sections, best first."""
    counts = [Counter(cut(f"{section.title} {section.text}")) for section in sections]
    average = sum(count.total() for count in counts) / len(counts)
    postings: dict[str, list[tuple[int, float]]] = {}
    for number, count in enumerate(counts):
        room = K1 * (1 - B + B * count.total() / average)
        for term, times in count.items():
            postings.setdefault(term, []).append((number, times / (times + room)))

    def answer(query: str) -> list[str]:
        scores: dict[int, float] = {}
        for term in cut_query(query):
            found = postings.get(term, [])
            rarity = math.log(1 + (len(counts) - len(found) + 0.5) / (len(found) + 0.5))
            for number, weight in found:
                scores[number] = scores.get(number, 0) + rarity * weight
        best = sorted(scores, key=lambda number: -scores[number])[:LIMIT]
        return [sections[number].name for number in best]

    return answer


def _pieces(text: str) -> list[tuple[str, str]]:
    """Runs of Han, each with "", and other words, each after ""."""
    return PIECE.findall(unicodedata.normalize("NFKC", text).lower())
