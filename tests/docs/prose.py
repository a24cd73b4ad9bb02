"""Runs what the pages show: `python` blocks by Sybil, `console` blocks in a laboratory, in their order.

The rule: every block is a test of its own, blocks of a page share one namespace and one shell, and pages
share nothing; a page that says `% continues: PAGE` begins with a shell in which that page's commands have run
and printed what they should; `% in the scenario: NAME` begins a new shell, on the client of that scenario of
the laboratory of a failed pull.  docs/conftest.py hands this collector to pytest, so `pytest docs/tutorial`
runs the tutorial.
"""

import doctest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sybil import Document, Example, Region, Sybil
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.evaluators.python import PythonEvaluator
from sybil.integration.pytest import pytest_integration
from sybil.parsers.abstract import DocTestStringParser
from sybil.region import Lexeme

from tests.docs import consoles
from tests.docs.pages import DOCS, Block, read

LAB = "__lab__"  # the page's shell, in the namespace that Sybil keeps for the page


def blocks_of(document: Document) -> Iterator[Region]:
    """Sybil's view of the blocks that run."""
    starts = [0]
    for line in document.text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    examples = DocTestStringParser(DocTestEvaluator(doctest.ELLIPSIS))
    for block in read(Path(document.path), document.text).blocks:
        start, end = starts[block.line - 1], starts[min(block.end_line, len(starts) - 1)]
        if block.excuse or block.language not in {"python", "console"}:
            continue
        if block.language == "console":
            yield Region(start, end, block, run_console)
        elif block.content.lstrip().startswith(">>>"):
            yield from each_example(block, examples, starts)
        else:
            offset = block.content_line - block.line - 1
            yield Region(start, end, Lexeme(block.content, 0, offset), PythonEvaluator())


def each_example(block: Block, parser: DocTestStringParser, starts: list[int]) -> Iterator[Region]:
    """The `>>>` examples of a block, placed at their own lines of the page."""
    for region in parser(block.content, str(block.page)):
        line = block.content_line - 1 + block.content.count("\n", 0, region.start)
        region.start = starts[line]
        region.end = starts[line + 1]
        yield region


def run_console(example: Example) -> str | None:
    """Run a console block in the page's laboratory; what is wrong with it, or None."""
    block: Block = example.parsed
    lab: consoles.Lab | None = example.namespace.get(LAB)
    if lab is not None and lab.scenario != block.scenario:
        lab.close()
        lab = None
    if lab is None:
        lab = example.namespace[LAB] = consoles.Lab(scenario=block.scenario)
        for earlier in read(block.page).session():
            if fault := lab.run(earlier):
                lab.close()
                return f"on a page that this one continues: {fault}"
    return lab.run(block)


def close(namespace: dict[str, Any]) -> None:
    """After the last block of a page: end its shell and everything that it left behind."""
    lab = namespace.pop(LAB, None)
    if lab is not None:
        lab.close()


pytest_collect_file = pytest_integration(
    Sybil(parsers=[blocks_of], pattern="*.md", path=str(DOCS), teardown=close)
)
