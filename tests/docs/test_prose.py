"""The blocks of a page run in one shell, and a page may go on in the shell of another."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sybil import Example

from tests.docs import consoles, prose
from tests.docs.pages import book, read, shown

FIRST = "# 一\n\n```console\n$ word=glass\n```\n\n% not executed: 说明而已\n```console\n$ word=lost\n```\n"
SECOND = "% continues: first.md\n\n# 二\n\n```console\n$ word=${word}tunnel\n```\n"
THIRD = "% continues: second.md\n\n# 三\n\n```console\n$ echo $word\nglasstunnel\n```\n"


@pytest.fixture
def namespace() -> Iterator[dict[str, Any]]:
    """What Sybil keeps for a page, put away after the test."""
    why = consoles.impossible()
    if why is not None:
        pytest.skip(why)
    kept: dict[str, Any] = {}
    yield kept
    prose.close(kept)
    assert prose.LAB not in kept


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Three pages, each of which goes on where the one before ended."""
    for name, text in {"first": FIRST, "second": SECOND, "third": THIRD}.items():
        (tmp_path / f"{name}.md").write_text(text)
    return tmp_path


def run(page: Path, namespace: dict[str, Any], number: int = 0) -> str | None:
    """Run a console block of a page, as Sybil would."""
    example = SimpleNamespace(parsed=read(page).blocks[number], namespace=namespace)
    return prose.run_console(cast(Example, example))


def test_a_page_goes_on_in_the_shell_of_the_page_that_it_continues(
    pages: Path, namespace: dict[str, Any]
) -> None:
    assert run(pages / "third.md", namespace) is None


def test_what_the_earlier_pages_did_is_done_once_only(pages: Path, namespace: dict[str, Any]) -> None:
    page = pages / "third.md"
    more = "\n```console\n$ word=$word!\n```\n\n```console\n$ echo $word\nglasstunnel!\n```\n"
    page.write_text(THIRD + more)
    assert [run(page, namespace, number) for number in range(3)] == [None, None, None]


def test_a_page_that_continues_none_begins_with_nothing(pages: Path, namespace: dict[str, Any]) -> None:
    page = pages / "third.md"
    page.write_text("# 三\n\n```console\n$ echo [$word]\n[]\n```\n")
    assert run(page, namespace) is None


def test_a_fault_on_an_earlier_page_is_told_and_nothing_more_runs(
    pages: Path, namespace: dict[str, Any]
) -> None:
    (pages / "first.md").write_text("# 一\n\n```console\n$ echo 1\n2\n```\n")
    fault = run(pages / "third.md", namespace)
    assert fault is not None
    assert fault.startswith(f"on a page that this one continues: {pages / 'first.md'}:4: $ echo 1\n")
    assert "the page's shell has ended" in (run(pages / "third.md", namespace) or "")


@pytest.mark.parametrize("path", book(), ids=shown)
def test_a_page_continues_one_that_is_there_and_not_itself(path: Path) -> None:
    chain = [path]
    while (before := read(chain[-1]).continues) is not None:
        assert before.is_file()
        assert before not in chain
        chain.append(before)
