"""The table of behaviours: each has a test, and the test is there."""

import re

from tests.docs.named import missing, named
from tests.docs.pages import DOCS

PAGE = DOCS / "reference" / "behaviours.md"


def test_every_behaviour_names_tests_that_are_there() -> None:
    text = PAGE.read_text("utf-8")
    assert missing(text) == []
    rows = re.findall(r"^\| (?!行为|---)(.+)$", text.partition("## 有意与内核不同的")[0], re.MULTILINE)
    assert len(rows) >= 60
    assert [row for row in rows if not named(row)] == []


def test_a_test_that_is_not_there_is_noticed() -> None:
    there = "`tests/docs/test_behaviours.py::test_a_test_that_is_not_there_is_noticed`"
    assert missing(there) == []
    assert missing(there.replace("noticed", "seen")) == [there.replace("noticed", "seen").strip("`")]
    assert missing("`tests/docs/gone.py::test_gone`") == ["tests/docs/gone.py::test_gone"]
