"""What the tutorial promises about itself."""

import shlex

import pytest

from tests.docs import consoles, glossary
from tests.docs.pages import DOCS, read

TUTORIAL = DOCS / "tutorial"


def test_the_reader_enters_the_laboratory_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = [block.content for block in read(TUTORIAL / "lab.md").blocks if block.language == "console"]
    lines = [shlex.split(text.removeprefix("$ ")) for text in sessions if "unshare" in text]
    for root, words in zip((True, False), lines, strict=True):
        monkeypatch.setattr(consoles, "_really_root", lambda root=root: root)
        assert words[words.index("unshare") :] == [*consoles._namespaces(), "bash"]


def test_the_pages_are_one_session_in_the_order_of_the_table_of_contents() -> None:
    index, *pages = glossary.parts()["tutorial"]
    assert not [block for block in read(index).blocks if block.language == "console"]
    earlier = [read(page).continues for page in pages]
    assert earlier[0] is None
    # The last page does not need what was broken on the one before.
    assert earlier[1:-1] == pages[:-2]
    assert earlier[-1] in pages[:-1]
