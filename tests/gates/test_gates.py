"""The runner of the gates: it runs everything, hides nothing, and ends with one plain line."""

import os
import re
import select
import sys
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from tools import gates
from tools.gates import Need, Outcome, Tier

OK = (sys.executable, "-c", "pass")
BAD = (sys.executable, "-c", "raise SystemExit(3)")
NOWHERE = Need("no-such-package", programs=("no-such-program",))


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gates, "BUILD", tmp_path)  # what this run measures stays


def test_a_tier_passes_when_each_of_its_commands_does() -> None:
    assert gates.run(Tier("a", "", (OK, OK)), []).result == "passed"


def test_a_failing_command_fails_its_tier_and_the_next_command_still_runs(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    touch = (sys.executable, "-c", f"open({str(trace)!r}, 'w')")
    assert gates.run(Tier("a", "", (BAD, touch)), []).result == "failed"
    assert trace.exists()


def test_a_tier_whose_needs_are_missing_is_left_out_and_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = gates.run(Tier("a", "", (BAD,), (NOWHERE,)), [NOWHERE])
    assert outcome.result == "left out for want of no-such-package"
    assert "Left out: no-such-package missing." in capfd.readouterr().out


def test_commands_get_no_input_and_know_that_they_are_gates(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import os, sys; print(repr(sys.stdin.read()), os.environ['GLASSTUNNEL_GATES'])"
    assert gates.run(Tier("a", "", ((sys.executable, "-c", code),)), []).result == "passed"
    assert "'' 1\n" in capfd.readouterr().out


def test_a_command_that_never_ends_is_ended_with_all_that_it_started(
    capfd: pytest.CaptureFixture[str],
) -> None:
    status = gates.finish(["sh", "-c", "sleep 600 & echo $!; wait"], dict(os.environ), limit=3.0)
    assert status != 0
    printed = capfd.readouterr().out.split()
    assert printed[1:] == ["Not", "done", "after", "3", "s."]
    with suppress(ProcessLookupError):  # gone altogether
        ended = os.pidfd_open(int(printed[0]))
        assert select.select([ended], [], [], 60)[0], "what it had started goes on"
        os.close(ended)


@pytest.mark.parametrize(
    ("results", "status", "line"),
    [
        (["passed", "passed"], 0, "2 passed, 0 failed"),
        (["passed", "failed", "passed"], 1, "2 passed, 1 failed"),
        (["passed", "left out for want of chromium"], 0, "1 passed, 0 failed"),
    ],
)
def test_the_last_line_counts(
    results: Iterable[str], status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = [Outcome(Tier(f"tier{at}", "what", ()), result, 1.5) for at, result in enumerate(results)]
    assert gates.report(outcomes) == status
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == line
    assert all(any(result in row and "1.5 s" in row for row in printed) for result in results)


def test_an_unknown_tier_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert gates.main(["lint", "no-such-tier"]) == 2
    assert "No tier is called no-such-tier; there are: lint, unit, " in capsys.readouterr().err


def test_without_root_the_line_to_run_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    assert gates.provide([NOWHERE, NOWHERE]) == [NOWHERE]
    printed = capsys.readouterr().err
    assert printed == "Missing: run  sudo apt-get install --no-install-recommends no-such-package\n"


def test_on_other_systems_the_packages_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert gates.provide([NOWHERE]) == [NOWHERE]
    assert "named as Debian's packages): no-such-package" in capsys.readouterr().err


def test_a_right_that_is_missing_is_named_and_no_package_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _: None)
    right = Need("the right to fly", right=lambda: False)
    assert gates.provide([right, Need("the right to walk", right=lambda: True)]) == [right]
    assert capsys.readouterr().err == "Missing: the right to fly\n"


def test_what_is_shown_is_not_judged_by_a_partial_measurement(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    right = Need("the right to fly", right=lambda: False)
    tiers = (Tier("flights", "", (OK,), (right,)), Tier("walks", "", (OK,)), gates.SHOWN)
    monkeypatch.setattr(gates, "TIERS", tiers)
    assert gates.main([]) == 0
    printed = capfd.readouterr().out.splitlines()
    assert any("shown" in line and "left out: flights measured nothing" in line for line in printed)
    assert printed[-1] == "1 passed, 0 failed"


def test_a_branch_of_a_pure_package_that_no_test_takes_fails_the_tier() -> None:
    *_, (*command, last) = gates.UNIT.commands
    assert command[2:4] == ["coverage", "report"]
    assert last == "--fail-under=100"
    configuration = tomllib.loads((gates.ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["coverage"]
    assert configuration["run"]["branch"]
    assert "exclude_lines" not in configuration["report"]
    assert "exclude_also" not in configuration["report"]


def test_each_line_that_the_measurement_leaves_out_has_its_reason() -> None:
    for pattern in gates.PURE:
        for path in (gates.ROOT / pattern).parent.glob("*.py"):
            for line in path.read_text("utf-8").splitlines():
                assert "# pragma" not in line or re.search(r"# pragma: no (cover|branch) - \w+ \w", line), (
                    path
                )


def test_what_is_there_is_not_missing() -> None:
    assert gates.provide([Need("python3", programs=("no-such-program", Path(sys.executable).name))]) == []


def test_every_tier_is_reached_by_some_marker_or_folder() -> None:
    """A test that no tier runs would be a gate that cannot fail."""
    names = [tier.name for tier in gates.TIERS]
    assert names[0] == "lint"
    assert names[-1] == "shown"  # it reads what all others have measured
    selected = " ".join(" ".join(command) for tier in gates.TIERS for command in tier.commands)
    configuration = (gates.ROOT / "pyproject.toml").read_text("utf-8")
    markers = configuration.partition("markers = [")[2].partition("]")[0]
    for line in markers.strip().splitlines():
        name = line.strip().lstrip('"').partition(":")[0]
        assert f"-m {name}" in selected
        assert f"not {name}" in gates.APART
