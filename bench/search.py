"""The search of this book against simpler ones, on the labelled queries of tests/sphinxzh.

    python -m bench.search [queries.toml]

Needs the site (`make html`) and Debian's chromium.  The stock search is asked by its own page's code, with
the stemmer mended; it answers with pages, so it counts as right when it names the page.  `bigrams` is BM25
over bigrams of Han and words of letters, and nothing else; `words` is BM25 over jieba's words, with the query
cut by longest match over the words of the index.
"""

import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sphinxzh.search.tokens import fold, is_han, pieces, terms
from sphinxzh.search.words import Words
from tests.browsing import chromium, opened
from tests.sphinxzh.asking import QUERIES, ask, figures, labelled

HTML = Path(__file__).resolve().parent.parent / "_build" / "html"

STOCK = """async (queries) => {
  const ready = () => typeof Search !== "undefined" && Search._index;
  while (!ready()) await new Promise((resolve) => setTimeout(resolve, 20));
  return queries.map((query) => {
    try {
      const [, terms, excluded, highlight, objects] = Search._parseQuery(query);
      const found = Search._performSearch(query, terms, excluded, highlight, objects);
      return found.reverse().map(([name]) => name);
    } catch { return []; }
  });
}"""


def load(path: Path) -> list[Any]:
    """The arguments that a file of the index hands over."""
    text = path.read_text("utf-8")
    arguments: list[Any] = json.loads(f"[{text[text.index('(') + 1 : text.rindex(')')]}]")
    return arguments


def sections() -> list[tuple[str, str]]:
    """Every section as `page#title`, and its title and text."""
    folder = HTML / "_static" / "sphinxzh-search"
    (index,) = load(folder / "index.js")
    bodies = [body for number in range(len(index["docs"])) for body in load(folder / f"text-{number}.js")[1]]
    return [
        (f"{index['docs'][doc]}#{title}", f"{title} {body}")
        for (doc, _, _, title), body in zip(index["sections"], bodies, strict=True)
    ]


def bm25(found: Sequence[tuple[str, str]], cut: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """A plain BM25 over sections; a function from query to sections."""
    counts = [Counter(cut(text)) for _, text in found]
    average = sum(count.total() for count in counts) / len(counts)
    spread = Counter(term for count in counts for term in count)

    def answer(query: str) -> list[str]:
        scores: Counter[int] = Counter()
        for term in cut(query):
            rare = math.log(1 + (len(counts) - spread[term] + 0.5) / (spread[term] + 0.5))
            for section, count in enumerate(counts):
                if times := count[term]:
                    room = 1.2 * (0.25 + 0.75 * count.total() / average)
                    scores[section] += rare * times / (times + room)  # type: ignore[assignment]
        return [found[section][0] for section, _ in scores.most_common(20)]

    return answer


def longest_match(vocabulary: set[str]) -> Callable[[str], list[str]]:
    """Cuts by longest match."""

    def cut(text: str) -> list[str]:
        words: list[str] = []
        for piece in map(fold, pieces(text)):
            at = 0
            while is_han(piece) and at < len(piece):
                end = next(
                    (e for e in range(min(len(piece), at + 8), at, -1) if piece[at:e] in vocabulary), at + 1
                )
                words.append(piece[at:end])
                at = end
            if not is_han(piece):
                words.append(piece)
        return words

    return cut


def main(path: Path) -> None:
    """Ask, and print the table."""
    found, queries = sections(), labelled(path)
    asked = [query.query for query in queries]
    tokenizer = Words([])
    vocabulary = {word for _, text in found for word in tokenizer.of(text)}
    with chromium() as browser, opened(browser) as (page, _):
        page.goto((HTML / "index.html").as_uri())
        ours = ask(page, asked)
        times = sorted(answer["ms"] for answer in ask(page, asked))
        page.goto((HTML / "search.html").as_uri())
        stock: list[list[str]] = page.evaluate(STOCK, asked)
    rows = {
        "ours": [answer["found"] for answer in ours],
        "bigrams": list(map(bm25(found, terms), asked)),
        "words": list(map(bm25(found, longest_match(vocabulary)), asked)),
    }
    print(f"{len(queries)} queries {'':9} recall@5      MRR")
    for name, answers in rows.items():
        recall, mrr = figures([query.rank(answer) for query, answer in zip(queries, answers, strict=True)])
        print(f"{name:20} {recall:9.3f} {mrr:9.3f}")
    ranks = []
    for query, pages in zip(queries, stock, strict=True):
        wanted = {answer.partition("#")[0] for answer in query.answers}
        ranks.append(next((place for place, name in enumerate(pages, 1) if name in wanted), 0))
    recall, mrr = figures(ranks)
    print(f"{'stock, by page':20} {recall:9.3f} {mrr:9.3f}")
    print(f"ms a query: median {times[len(times) // 2]:.2f}, longest {times[-1]:.2f}")
    index = HTML / "_static" / "sphinxzh-search" / "index.js"
    stock_bytes = (HTML / "searchindex.js").stat().st_size
    print(f"index {index.stat().st_size} bytes, stock {stock_bytes} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else QUERIES)
