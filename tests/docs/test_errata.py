"""The page of common misunderstandings: every row is there, and what settles it exists."""

import re

import pytest

from tests.docs.named import missing, named
from tests.docs.pages import DOCS

PAGE = DOCS / "reference" / "errata.md"
ROW = re.compile(
    r"^### (?P<name>[WTDS]\d+) [^\n]* \[[甲乙丙]\]\n(?P<body>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL
)


def rows(text: str) -> dict[str, str]:
    """The rows of the page: number and body."""
    return {row["name"]: row["body"] for row in ROW.finditer(text)}


def unsettled(body: str) -> list[str]:
    """What a row lacks, or names that does not exist."""
    found = [part for part in ("流传：", "实际：", "依据：") if f"\n{part}" not in f"\n{body}"]
    grounds = body.partition("依据：")[2]
    found += missing(grounds)
    if not named(grounds) and "](" not in grounds and not re.search("论文 §|上面的代码|`", grounds):
        found.append("grounds")
    return found


ROWS = rows(PAGE.read_text("utf-8"))


def test_every_row_is_there_once_and_in_order() -> None:
    headings = re.findall(r"^### ([WTDS]\d+) ", PAGE.read_text("utf-8"), re.MULTILINE)
    assert headings == [
        *(f"W{at}" for at in range(1, 41)),
        *(f"T{at}" for at in range(1, 18)),
        *(f"D{at}" for at in range(1, 12)),
        *(f"S{at}" for at in range(1, 14)),
    ]
    assert list(ROWS) == headings


@pytest.mark.parametrize("name", ROWS)
def test_a_row_names_what_settles_it(name: str) -> None:
    assert unsettled(ROWS[name]) == []


def test_a_row_that_names_a_test_that_is_not_there_is_found() -> None:
    test = "tests/docs/test_errata.py::test_every_row_is_there_once_and_in_order"
    good = f"\n流传：甲。\n\n实际：乙。\n\n依据：`{test}`。\n"
    assert unsettled(good) == []
    assert unsettled(good.replace("in_order", "gone")) == [test.replace("in_order", "gone")]
    assert unsettled("\n流传：甲。\n\n实际：乙。\n\n依据：众所周知。\n") == ["grounds"]
    assert unsettled("\n实际：乙。\n") == ["流传：", "依据：", "grounds"]
