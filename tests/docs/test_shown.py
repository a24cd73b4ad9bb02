"""Code that the book shows exists and was run by tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from coverage import Coverage

from tests.docs import shown
from tests.docs.pages import DOCS, ROOT, Block, book, read
from tests.docs.pages import shown as name

PAGE = DOCS / "made-up.md"
HERE = "../tests/docs/test_shown.py"


def include(argument: str, *options: str, excuse: str = "") -> Block:
    """A literalinclude on a made-up page."""
    before = f"% not executed: {excuse}\n" if excuse else ""
    body = "".join(f":{option}\n" for option in options)
    (block,) = read(PAGE, f"{before}```{{literalinclude}} {argument}\n{body}```\n").blocks
    return block


@pytest.mark.parametrize("path", book(), ids=name)
def test_every_literalinclude_names_a_region_that_exists(path: Path) -> None:
    _, faults = shown.regions(read(path))
    assert faults == []


@pytest.mark.shown
@pytest.mark.parametrize("path", book(), ids=name)
def test_every_line_shown_was_run(path: Path) -> None:
    data = Path(os.environ.get("COVERAGE_FILE", ROOT / "_build/coverage/data"))
    if not data.is_file():
        if os.environ.get("GLASSTUNNEL_GATES"):
            pytest.fail(f"no coverage in {data}")
        pytest.skip("no coverage yet: make test")
    coverage = Coverage(data_file=data)
    coverage.load()
    regions, _ = shown.regions(read(path))
    faults = [fault for region in regions if (fault := shown.uncovered(region, coverage)) is not None]
    assert faults == []


def test_a_region_is_the_lines_that_the_page_prints() -> None:
    region = shown.region_of(include(HERE, "pyobject: include"))
    lines = Path(__file__).read_text("utf-8").splitlines()[region.first - 1 : region.last]
    assert lines[0].startswith("def include(")
    assert lines[-1] == "    return block"


def test_markers_bound_a_region() -> None:
    region = shown.region_of(include(HERE, "start-at: HERE =", "end-before: def include"))
    lines = Path(__file__).read_text("utf-8").splitlines()[region.first - 1 : region.last]
    assert lines[0].startswith("HERE =")
    assert lines[-1] == ""


@pytest.mark.parametrize(
    ("argument", "options", "message"),
    [
        ("../tests/docs/gone.py", (), "not found"),
        (HERE, ("pyobject: gone",), "not found"),
        (HERE, ("start-at: no such marker" + " in this file",), "not found"),
        (HERE, ("lines: 1-3",), "line numbers drift"),
        (HERE, (), "name the region"),
        ("../../outside.py", (), "outside the repository"),
        ("../Makefile", ("start-at: help:", "end-before: venv:"), "is not run by tests"),
    ],
)
def test_a_region_that_is_not_there_is_found(argument: str, options: tuple[str, ...], message: str) -> None:
    body = "".join(f":{option}\n" for option in options)
    found, faults = shown.regions(read(PAGE, f"```{{literalinclude}} {argument}\n{body}```\n"))
    assert found == []
    assert len(faults) == 1
    assert message in faults[0]


def test_what_is_no_python_may_be_excused() -> None:
    block = "```{literalinclude} ../Makefile\n:start-at: help:\n:end-before: venv\n```\n"
    assert shown.regions(read(PAGE, "% not executed: make 自己会运行它\n" + block)) == ([], [])


def test_lines_that_no_test_ran_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "def half():\n    x = 1\n    if x:\n        return 1\n    return 2\n\n\nhalf()\n", "utf-8"
    )
    data = tmp_path / "data"
    command = [sys.executable, "-m", "coverage", "run", "--include", str(program), str(program)]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
    clean["COVERAGE_RCFILE"] = os.devnull
    subprocess.run(command, check=True, cwd=tmp_path, env={**clean, "COVERAGE_FILE": str(data)})
    coverage = Coverage(data_file=data, config_file=False)
    coverage.load()
    block = include(HERE)
    assert shown.uncovered(shown.Region(block, program, 1, 4), coverage) is None
    assert str(shown.uncovered(shown.Region(block, program, 1, 5), coverage)).endswith("no test runs line 5")
    assert str(shown.uncovered(shown.Region(block, Path(__file__), 1, 5), coverage)).endswith(
        "runs this file"
    )
