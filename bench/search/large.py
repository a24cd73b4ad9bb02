"""A text of four million characters, made of the book's own sentences, and its index."""

import random
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.search.book import HTML, WORK, Section
from sphinxzh.search.collect import Text
from sphinxzh.search.index import build, script

CHARACTERS = 4_000_000
SENTENCE = re.compile(r"[^。！？；]*[。！？；]?")


def texts(sections: Sequence[Section], characters: int = CHARACTERS, seed: int = 1) -> list[Text]:
    """The book again and again, each time with its sentences dealt anew among its sections."""
    rng = random.Random(seed)
    cut = [[sentence for sentence in SENTENCE.findall(section.text) if sentence] for section in sections]
    sentences = [sentence for section in cut for sentence in section]
    made: list[Text] = []
    size = number = 0
    while size < characters:
        number += 1
        rng.shuffle(sentences)
        deck = iter(sentences)
        for section, own in zip(sections, cut, strict=True):
            body = "".join(next(deck) for _ in own)
            document = f"{number}/{section.page.removesuffix('.html')}"
            made.append(Text(document, section.anchors[0], section.level, section.title, "", body))
            size += len(body)
    return made


@dataclass(frozen=True)
class Large:
    """A site whose search is over such a text."""

    site: Path
    index: Path
    characters: int
    sections: int
    build_seconds: float


def write(sections: Sequence[Section]) -> Large:
    """A copy of the built site's first page and scripts, with the index of the large text."""
    made, site = texts(sections), WORK / "large"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(HTML / "_static", site / "_static")
    shutil.copy(HTML / "index.html", site)
    folder = site / "_static" / "sphinxzh-search"
    for old in folder.glob("text-*.js"):
        old.unlink()
    documents = list(dict.fromkeys(text.docname for text in made))
    began = time.perf_counter()
    index = build(made, {name: f"{name}.html" for name in documents}, [])
    seconds = time.perf_counter() - began
    (folder / "index.js").write_text(script("sphinxzhSearch.index", index), "utf-8")
    characters = sum(len(text.body) for text in made)
    return Large(site, folder / "index.js", characters, len(made), seconds)
