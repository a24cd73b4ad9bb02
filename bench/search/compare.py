"""The comparison: every program on the same queries, and the times of ours."""

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from bench import UnavailableError
from bench.search import bm25, large, peers, stock
from bench.search.asked import Answers, in_browser, in_python, ours, quality, speed
from bench.search.book import HTML, Section, bodies, names, sections
from tests.browsing import PROGRAMS, chromium, opened, served
from tests.sphinxzh.asking import QUERIES, labelled

GOALS = {"this book": 10, "large text": 30}  # worst milliseconds a query
ROWS = (
    ("characters", "characters", ">12"),
    ("sections", "sections", ">12"),
    ("index, bytes", "index_bytes", ">12"),
    ("index made, s", "build_seconds", ">12.1f"),
    ("median, ms a query", "median_ms", ">12.2f"),
    ("worst, ms a query", "worst_ms", ">12.2f"),
    ("worst in the first page", "once_ms", ">12.2f"),
    ("load and first query, ms", "first_ms", ">12.0f"),
)
INDEX = HTML / "_static" / "sphinxzh-search" / "index.js"

Outcome = tuple[Answers, int | None]  # and the bytes of the index


def measure(path: Path = QUERIES) -> dict[str, Any]:
    """Quality, size and speed of every program; the times of ours on this book and on a large text."""
    if not any(map(shutil.which, PROGRAMS)):
        raise UnavailableError("the search is asked in a browser: expected Debian's chromium, found none")
    if not INDEX.exists():
        raise UnavailableError("the search is asked on the built site: run `make html` first")
    queries = labelled(path)
    asked = [query.query for query in queries]
    with chromium() as browser:
        with opened(browser) as (page, _), served(HTML) as address:
            book = sections(page, address)
        known = names(book)
        programs: dict[str, Any] = {}
        for name, run in contestants(browser, book, asked).items():
            print(f"  {name} …", file=sys.stderr)
            try:
                answers, size = run()
            except UnavailableError as error:
                programs[name] = {"unavailable": str(error)}
            else:
                programs[name] = {
                    **quality(queries, answers, known),
                    "index_bytes": size,
                    **speed(queries, answers),
                }
        print("  a text of 4 million characters …", file=sys.stderr)
        made = large.write(book)
        with served(made.site) as address:
            answers = ours(browser, f"{address}/index.html", asked)
    characters = sum(len(section.text) for section in book)
    here = programs["sphinxzh"]
    times = {
        "this book": {
            "characters": characters,
            "sections": len(book),
            **{
                key: here[key]
                for key in ("index_bytes", "median_ms", "worst_ms", "worst_query", "once_ms", "first_ms")
            },
        },
        "large text": {
            "characters": made.characters,
            "sections": made.sections,
            "index_bytes": made.index.stat().st_size,
            "build_seconds": made.build_seconds,
            **speed(queries, answers),
        },
    }
    return {"queries": len(queries), "programs": programs, "times": times}


def contestants(
    browser: Browser, book: Sequence[Section], asked: list[str]
) -> dict[str, Callable[[], Outcome]]:
    """How each program is made and asked."""
    pages = bodies(book)

    def sphinxzh() -> Outcome:
        with served(HTML) as address:
            return ours(browser, f"{address}/index.html", asked), INDEX.stat().st_size

    def served_from(site: Path, page: str, start: str, search: str, *index: str) -> Outcome:
        with served(site) as address:
            answers = in_browser(browser, f"{address}/{page}", start, search, asked)
        return answers, sum(path.stat().st_size for glob in index for path in site.glob(glob))

    def sphinx(*instead: str) -> Outcome:
        # The anchors are ours, so that a result tells its section as everywhere else; the search is not.
        site = stock.build("-".join(["stock", *instead]), "sphinxzh.anchors", *instead)
        answers, size = served_from(site, "search.html", stock.START, stock.SEARCH, "searchindex.js")
        return Answers(answers.found, answers.ms), size  # its index comes with the page

    def pagefind() -> Outcome:
        start, search = peers.PAGEFIND_START, peers.PAGEFIND_SEARCH
        index = "pagefind/*.pf_meta", "pagefind/index/*"
        return served_from(peers.pagefind(pages), "index.html", start, search, *index)

    def material() -> Outcome:
        start, search = peers.MATERIAL_START, peers.MATERIAL_SEARCH
        return served_from(peers.material(pages), "index.html", start, search, "search/search_index.json")

    def bigrams() -> Outcome:
        return in_python(bm25.search(book, bm25.bigrams, bm25.bigrams), asked), None

    def longest_match() -> Outcome:
        cut = bm25.by_jieba()
        vocabulary = {word for section in book for word in cut(f"{section.title} {section.text}")}
        return in_python(bm25.search(book, cut, bm25.longest_match(vocabulary)), asked), None

    return {
        "sphinxzh": sphinxzh,
        "Sphinx as installed": sphinx,
        "Sphinx, page mended": lambda: sphinx("sphinxzh.searchpage"),
        "BM25, bigrams": bigrams,
        "BM25, longest match": longest_match,
        "Pagefind extended": pagefind,
        "mkdocs-material, jieba": material,
    }


def show(results: dict[str, Any]) -> None:
    """The tables: all programs, then by kind of query, then the times of ours."""
    print(
        f"{'the search of the book':24} {'by section':^16} {'by page':^16} {'index':>10} {'ms a query':>17}"
    )
    print(
        f"{results['queries']:>16} queries {'recall@5':>9} {'MRR':>6} {'recall@5':>9} {'MRR':>6}"
        f" {'bytes':>10} {'median':>8} {'worst':>8}"
    )
    for name, row in results["programs"].items():
        if "unavailable" in row:
            print(f"{name:24} {row['unavailable']}")
            continue
        print(
            f"{name:24} {row['recall']:9.3f} {row['mrr']:6.3f}"
            f" {row['page_recall']:9.3f} {row['page_mrr']:6.3f}"
            f" {row['index_bytes'] or '–':>10} {row['median_ms']:8.2f} {row['worst_ms']:8.2f}"
        )
    print(
        "BM25 runs in Python, the others in the browser.  Sphinx lists pages, and sections by their titles."
    )
    print("Into the bytes go terms and postings, with mkdocs-material also the text.")
    kinds = next(iter(results["programs"].values()))["kinds"]
    print(f"\n{'recall@5 by section':24}", *(f"{kind:>11}" for kind in kinds))
    for name, row in results["programs"].items():
        print(f"{name:24}", *(f"{recall:11.3f}" for recall in row.get("kinds", {}).values()))
    print(f"\n{'the search of sphinxzh':24} {'this book':>12} {'large text':>12}")
    for what, key, form in ROWS:
        cells = (format(row[key], form) if key in row else f"{'–':>12}" for row in results["times"].values())
        print(f"{what:24}", *cells)
    goals = [
        f"≤ {goal} {'met' if results['times'][name]['worst_ms'] <= goal else 'missed'}"
        for name, goal in GOALS.items()
    ]
    print(f"{'goal, ms a query':24}", *(f"{goal:>12}" for goal in goals))
    print("worst: " + "; ".join(row["worst_query"] for row in results["times"].values()))
