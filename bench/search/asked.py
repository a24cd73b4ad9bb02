"""Asks a program in the browser, and counts how well and how fast it answered.

The rule of the clock: each query is asked once in a freshly loaded page, as by a reader; that is done ROUNDS
times, and the least time of each query stands, since the others tell of what else the machine does.  Those of
the first page are kept apart.
"""

import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any
from urllib.parse import unquote

from playwright.sync_api import Browser

from tests.browsing import opened
from tests.sphinxzh.asking import Labelled, ask, figures

ROUNDS = 5
LIMIT = 20  # results that count

DRIVER = """async (queries) => {
  const start = %s, search = %s;
  let began = performance.now();
  const started = await start();
  const load_ms = performance.now() - began;
  const answers = [];
  for (const query of queries) {
    began = performance.now();
    let found = [];
    try { found = await search(started, query); } catch { /* nothing is found where it throws */ }
    answers.push({ ms: performance.now() - began, found });
  }
  return { load_ms, answers };
}"""
LOAD = """async () => {
  const began = performance.now();
  await sphinxzhSearch.load();
  return performance.now() - began;
}"""


@dataclass(frozen=True)
class Answers:
    """What was found for each query, best first, and the milliseconds it took."""

    found: list[list[str]]
    ms: list[float]
    load_ms: float | None = None  # before the first query can be answered
    once_ms: list[float] | None = None  # the times in the first page


def in_browser(browser: Browser, address: str, start: str, search: str, queries: list[str]) -> Answers:
    """Ask by two JavaScript functions: `start()`, then `search(started, query)` for each query."""

    def once() -> dict[str, Any]:
        with opened(browser) as (page, _):
            page.goto(address)
            said: dict[str, Any] = page.evaluate(DRIVER % (start, search), queries)
            return said

    return _least([once() for _ in range(ROUNDS)])


def ours(browser: Browser, address: str, queries: list[str]) -> Answers:
    """Ask the search of a page that sphinxzh made."""

    def once() -> dict[str, Any]:
        with opened(browser) as (page, _):
            page.goto(address)
            return {"load_ms": page.evaluate(LOAD), "answers": ask(page, queries)}

    return _least([once() for _ in range(ROUNDS)])


def in_python(search: Callable[[str], list[str]], queries: list[str]) -> Answers:
    """Ask a function."""

    def least(query: str) -> float:
        return 1000 * min(timeit.repeat(lambda: search(query), number=1, repeat=ROUNDS))

    return Answers([search(query) for query in queries], [least(query) for query in queries])


def _least(rounds: list[dict[str, Any]]) -> Answers:
    answers = [said["answers"] for said in rounds]
    return Answers(
        [answer["found"] for answer in answers[0]],
        [min(answer["ms"] for answer in of_query) for of_query in zip(*answers, strict=True)],
        min(said["load_ms"] for said in rounds),
        [answer["ms"] for answer in answers[0]],
    )


def quality(queries: Sequence[Labelled], answers: Answers, names: dict[str, str]) -> dict[str, Any]:
    """Recall@5 and MRR by section and by page; recall of each kind of query; each query's rank.

    `names` gives the sections that addresses lead to.
    """
    by_section, by_page = [], []
    for query, found in zip(queries, answers.found, strict=True):
        plain = map(unquote, found)  # some percent-encode the Han of an anchor
        sections = list(dict.fromkeys(names.get(address, address) for address in plain))
        by_section.append(query.rank(sections[:LIMIT]))
        pages = dict.fromkeys(section.partition("#")[0].removesuffix(".html") for section in sections)
        wanted = {answer.partition("#")[0] for answer in query.answers}
        by_page.append(next((n for n, page in enumerate(pages, 1) if page in wanted and n <= LIMIT), 0))
    recall, mrr = figures(by_section)
    kinds: dict[str, list[int]] = {}
    for query, rank in zip(queries, by_section, strict=True):
        kinds.setdefault(query.kind, []).append(rank)
    page_recall, page_mrr = figures(by_page)
    return {
        "recall": recall,
        "mrr": mrr,
        "page_recall": page_recall,
        "page_mrr": page_mrr,
        "kinds": {kind: figures(ranks)[0] for kind, ranks in kinds.items()},
        "ranks": {query.query: rank for query, rank in zip(queries, by_section, strict=True)},
    }


def speed(queries: Sequence[Labelled], answers: Answers) -> dict[str, Any]:
    """Median and worst milliseconds a query, and, where it is known, of loading and the first query."""
    worst, query = max(zip(answers.ms, (query.query for query in queries), strict=True))
    said: dict[str, Any] = {"median_ms": median(answers.ms), "worst_ms": worst, "worst_query": query}
    if answers.load_ms is not None:
        said["first_ms"] = answers.load_ms + answers.ms[0]
    if answers.once_ms is not None:
        said["once_ms"] = max(answers.once_ms)
    return said
