"""The index: which section says what, small enough to be fetched when a reader first searches.

The rule: the same sections give the same bytes, in whatever order and by whatever process they were read.

Ranking is BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009, §3.4) over sections,
where the field weights below multiply a term's count.  The part that depends on term and section alone,
tf / (tf + k1 (1 - b + b length / average)), is computed here and kept as one of LEVELS steps; what depends
on the query is left to the browser.

A posting is the number (gap × 2 LEVELS + step), where gap counts the sections skipped since the last
posting, and step has LEVELS added when the term stands in the section's title.  It is written in base 45,
least digit first: digits 46–90 of DIGITS continue, 0–45 end.  A line of `han` is a character, its postings
where it stands alone, and then each character that follows it somewhere, with `!` when the two are a word,
and their postings.  A line of `latin` is the count of characters shared with the line before (a digit), the
other characters, a space, postings; the lines are in the order of UTF-16, which is that of JavaScript.
"""

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any

from sphinxzh.search.collect import Text
from sphinxzh.search.tokens import HAN, fold, is_han, pieces, simplified, terms
from sphinxzh.search.words import ASKING, Words, readings

WEIGHTS = {"title": 4, "terms": 3, "glossed": 2, "body": 1, "links": -0.7}  # links stand in the body, too
K1, B = 1.2, 0.6
LEVELS = 12
_GLOSS = re.compile(rf"([{HAN}]{{2,6}}) ?[（(]([A-Za-z][A-Za-z -]{{1,40}})[）)]")
# The 3755 common characters of GB 2312, level 1: a reader may type one that the site does not have, for one
# that sounds like it.
COMMON = set(
    bytes(b for row in range(0xB0, 0xD8) for c in range(0xA1, 0xFF) for b in (row, c)).decode(
        "gb2312", "ignore"
    )
)
DIGITS = "".join(chr(code) for code in range(0x23, 0x7F) if chr(code) != "\\")


def number(value: int) -> str:
    """A number of at least 0 in DIGITS."""
    written = ""
    while value > 45:
        written += DIGITS[46 + value % 45]
        value //= 45
    return written + DIGITS[value]


def postings(found: dict[int, int]) -> str:
    """Sections and steps, in the order of the sections."""
    last, written = -1, ""
    for section, step in sorted(found.items()):
        written += number((section - last - 1) * 2 * LEVELS + step)
        last = section
    return written


def glossed(body: str) -> str:
    """The words that a text gives in two languages, as Chinese books do where they explain a term.

    >>> glossed("这张表叫倒排索引（inverted index），见下文（RFC 5869）。")
    '表叫倒排索引 inverted index'
    """
    return " ".join(word for both in _GLOSS.findall(body) for word in both)


def weighted(texts: Sequence[Text]) -> dict[str, dict[int, int]]:
    """The step of each term in each section."""
    titles = [set(terms(text.title)) for text in texts]
    counts: list[dict[str, float]] = []
    for text in texts:
        count: dict[str, float] = {}
        for name, factor in WEIGHTS.items():
            said = glossed(text.body) if name == "glossed" else getattr(text, name)
            for term, times in Counter(terms(said)).items():
                count[term] = count.get(term, 0) + factor * times
        counts.append(count)
    lengths = [sum(count.values()) for count in counts]
    average = sum(lengths) / max(1, len(lengths)) or 1.0
    found: dict[str, dict[int, int]] = {}
    for section, (count, length) in enumerate(zip(counts, lengths, strict=True)):
        room = K1 * (1 - B + B * length / average)
        for term, weight in count.items():
            if weight <= 0:  # cut out at the edge of a link, and no word of the body
                continue
            step = min(LEVELS - 1, int(weight / (weight + room) * LEVELS))
            found.setdefault(term, {})[section] = step + LEVELS * (term in titles[section])
    return found


def han_lines(found: dict[str, dict[int, int]], words: Iterable[str]) -> str:
    """The Han terms and their postings."""
    known = set(words)
    lines = []
    for first, group in groupby(sorted(term for term in found if is_han(term)), key=lambda term: term[0]):
        line = first
        for term in group:
            line += term[1:] + ("!" if term in known and len(term) > 1 else "") + postings(found[term])
        lines.append(line)
    return "\n".join(lines)


def latin_lines(found: dict[str, dict[int, int]]) -> str:
    """The other terms and their postings."""
    lines, before = [], ""
    for term in sorted((term for term in found if not is_han(term)), key=lambda t: t.encode("utf-16-be")):
        shared = 0
        while shared < min(len(before), len(term)) and before[shared] == term[shared]:
            shared += 1
        lines.append(f"{number(shared)}{term[shared:]} {postings(found[term])}")
        before = term
    return "\n".join(lines)


def key_words(texts: Sequence[Text], words: Words, known: set[str]) -> list[str]:
    """The words that the site is about, the weightiest first: its own, if it says them, then its titles'."""
    common: Counter[str] = Counter()
    for text in texts:
        common.update(words.of([text.title, text.terms]))
    said = set(common)
    own = [word for word in words.own if word in known | said and 1 < len(word) <= 12]
    rest = sorted(said.difference(own), key=lambda word: (-common[word], word))
    return [*sorted(own, key=lambda word: (-common[word], word)), *rest]


def synonyms(texts: Sequence[Text], found: Container[str]) -> list[list[str]]:
    """The names that the site's glossaries give to one thing, folded.

    A name of three and more words has its initials for another, if the site uses them: psk for
    pre-shared key.
    """
    groups: set[tuple[str, ...]] = set()
    for text in texts:
        for names in text.names:
            read = [" ".join(map(fold, pieces(name))) for name in names]
            for words in [re.split("[ -]", name) for name in read]:
                initials = "".join(word[0] for word in words)
                if len(initials) > 2 and not is_han(initials) and initials in found:
                    read.append(initials)
            groups.add(tuple(dict.fromkeys(filter(None, read))))
    return [list(group) for group in sorted(groups) if len(group) > 1]


def title_runs(texts: Sequence[Text], words: set[str]) -> list[str]:
    """Runs in titles that are no word, or several, which are looked up by their pinyin too."""
    runs = {
        run for text in texts for run in map(fold, pieces(text.title)) if is_han(run) and 1 < len(run) < 8
    }
    return sorted(runs - words)


def build(texts: Sequence[Text], urls: dict[str, str], own_words: Iterable[str]) -> dict[str, Any]:
    """The index of these sections, as it is written to the file.  `urls` gives each document's address."""
    defined = [term for text in texts for term in text.terms.split() if 1 < len(term) <= 8]
    words = Words([*own_words, *defined])
    found = weighted(texts)
    known = words.of(said for text in texts for said in (text.title, text.body))
    keys = key_words(texts, words, known)
    characters = {character for term in found if is_han(term) for character in term}
    folds = {old: new for old, new in simplified().items() if new in characters}
    docs = list(dict.fromkeys(text.docname for text in texts))
    number_of = {docname: index for index, docname in enumerate(docs)}
    return {
        "version": sha256(repr(texts).encode()).hexdigest()[:8],  # of the texts, for their addresses
        "levels": LEVELS,
        "docs": [urls[docname] for docname in docs],
        "sections": [[number_of[text.docname], text.depth, text.anchor, text.title] for text in texts],
        "han": han_lines(found, known),
        "latin": latin_lines(found),
        "words": " ".join(keys),
        "synonyms": synonyms(texts, found),
        "asking": " ".join(sorted(ASKING)),
        "runs": " ".join(title_runs(texts, set(keys))),
        "fold": "".join(old + new for old, new in sorted(folds.items())),
        "readings": " ".join(s + "".join(c) for s, c in readings(characters | COMMON).items()),
    }


def script(call: str, *arguments: object) -> str:
    """A JavaScript file that hands its arguments to a function of the search."""
    said = ",".join(
        json.dumps(argument, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        for argument in arguments
    )
    return f"{call}({said.replace(chr(0x2028), ' ').replace(chr(0x2029), ' ')});\n"
