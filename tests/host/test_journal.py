"""The journal: what was written down can be undone, after a crash by whoever comes next; and it is a lock."""

import fcntl
import json
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from glasstunnel.host import journal as module
from glasstunnel.host.errors import HostError
from glasstunnel.host.journal import Journal, holder
from tests.host.fakes import NOBODY, in_a_child


@pytest.fixture
def undone(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What would have been undone, in its order; the table keeps its keys."""
    seen: list[tuple[str, dict[str, Any]]] = []

    def note(what: str) -> Callable[..., None]:
        return lambda **arguments: seen.append((what, arguments))

    for what in module._UNDO:
        monkeypatch.setitem(module._UNDO, what, note(what))
    return seen


Undone = list[tuple[str, dict[str, Any]]]


def crash(name: str, directory: Path, *records: tuple[str, dict[str, Any]]) -> None:
    """A process that holds the journal, writes, and is killed."""

    def work() -> None:
        journal = Journal(name, directory)
        for what, arguments in records:
            journal.record(what, **arguments)
        os._exit(9)

    in_a_child(work)


def test_everything_is_undone_the_last_thing_first(tmp_path: Path, undone: Undone) -> None:
    with Journal("wg0", tmp_path) as journal:
        journal.record("dns", interface="wg0")
        journal.on_unwind(lambda: undone.append(("callback", {})))
        journal.record("firewall", interface="wg0", version=4)
        assert undone == []
    assert undone == [
        ("firewall", {"interface": "wg0", "version": 4}),
        ("callback", {}),
        ("dns", {"interface": "wg0"}),
    ]


def test_nothing_is_left_of_the_journal_itself(tmp_path: Path) -> None:
    with Journal("wg0", tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["wg0.journal"]
    assert list(tmp_path.iterdir()) == []


def test_unwinding_twice_undoes_once(tmp_path: Path, undone: Undone) -> None:
    journal = Journal("wg0", tmp_path)
    journal.record("dns", interface="wg0")
    journal.unwind()
    journal.unwind()
    assert len(undone) == 1


@pytest.mark.parametrize("error", [HostError("no"), PermissionError(1, "no"), ZeroDivisionError("no")])
def test_a_failure_to_undo_one_thing_does_not_keep_the_others(
    tmp_path: Path, undone: Undone, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    with Journal("wg0", tmp_path) as journal:
        journal.record("dns", interface="first")
        journal.on_unwind(fail)
        journal.record("dns", interface="last")
    assert [arguments["interface"] for _, arguments in undone] == ["last", "first"]
    assert [record.message.split(":")[0] for record in caplog.records] == ["while cleaning up"]
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_is_held_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with Journal("wg0", tmp_path):
        said = in_a_child(lambda: Journal("wg0", tmp_path))
        assert said == f"HostError: wg0 is already up (process {os.getpid()})"
        with Journal("wg1", tmp_path):
            pass


def test_who_holds_a_journal_is_told(tmp_path: Path) -> None:
    assert holder("wg0", tmp_path) is None
    with Journal("wg0", tmp_path):
        assert in_a_child(lambda: holder("wg0", tmp_path)) == str(os.getpid())
    assert holder("wg0", tmp_path) is None
    crash("wg0", tmp_path)
    assert holder("wg0", tmp_path) == 0


def test_what_a_killed_process_left_is_undone_by_the_next(
    tmp_path: Path, undone: Undone, caplog: pytest.LogCaptureFixture
) -> None:
    crash("wg0", tmp_path, ("dns", {"interface": "wg0"}), ("file", {"path": "/x"}))
    assert undone == []
    with Journal("wg0", tmp_path) as journal:
        assert journal.stale
        assert undone == [("file", {"path": "/x"}), ("dns", {"interface": "wg0"})]
        journal.record("dns", interface="again")
    assert undone[2:] == [("dns", {"interface": "again"})]
    assert "was not brought down properly" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_what_was_only_written_down_is_undone_after_a_crash_alone(tmp_path: Path, undone: Undone) -> None:
    with Journal("wg0", tmp_path) as journal:
        journal.write_down("file", path="/x")
    assert undone == []
    crash("wg0", tmp_path, ("file", {"path": "/x"}))
    Journal("wg0", tmp_path).unwind()
    assert undone == [("file", {"path": "/x"})]


def test_a_line_that_a_crash_cut_off_stands_for_nothing(tmp_path: Path, undone: Undone) -> None:
    crash("wg0", tmp_path, ("dns", {"interface": "wg0"}))
    with (tmp_path / "wg0.journal").open("a") as file:
        file.write('{"undo": "firewall", "argum')
    Journal("wg0", tmp_path).unwind()
    assert undone == [("dns", {"interface": "wg0"})]


def test_what_another_network_namespace_had_is_left_alone(tmp_path: Path, undone: Undone) -> None:
    """Rules and tables of a namespace end with it; here there may be others of the same name."""
    crash(
        "wg0",
        tmp_path,
        ("rule", {"version": 4, "priority": 1, "table": 1}),
        ("firewall", {"interface": "wg0", "version": 4}),
        ("sysctl", {"path": "/x", "value": "0"}),
        ("file", {"path": "/x"}),
    )
    path = tmp_path / "wg0.journal"
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(first), "netns": 1}), *rest]) + "\n")
    Journal("wg0", tmp_path).unwind()
    assert undone == [("file", {"path": "/x"})]


def test_only_root_can_read_it(tmp_path: Path) -> None:
    with Journal("wg0", tmp_path / "new"):
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "new" / "wg0.journal").stat().st_mode & 0o777 == 0o600


def test_a_lock_on_a_file_that_was_unlinked_meanwhile_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our open and our lock the former holder may end and take the file away."""
    (tmp_path / "wg0.journal").touch()
    real = fcntl.flock
    calls: list[int] = []

    def flock(fd: int, how: int) -> None:
        if not calls:
            (tmp_path / "wg0.journal").unlink()
        calls.append(how)
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with Journal("wg0", tmp_path):
        assert len(calls) == 2
        assert (tmp_path / "wg0.journal").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="drops the rights of root")
def test_without_rights_one_sentence_says_so(tmp_path: Path) -> None:
    directory = tmp_path / "closed"
    directory.mkdir(mode=0o700)
    said = in_a_child(partial(Journal, "wg0", directory), uid=NOBODY)
    assert said == f"HostError: cannot write to {directory}: Permission denied; run as root"
    said = in_a_child(partial(holder, "wg0", directory), uid=NOBODY)
    assert said == f"HostError: cannot read {directory}/wg0.journal: Permission denied; run as root"


def test_a_file_that_is_to_go_may_be_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "socket").touch()
    with caplog.at_level(logging.INFO), Journal("wg0", tmp_path) as journal:
        journal.record("file", path=str(tmp_path / "socket"))
        journal.record("file", path=str(tmp_path / "socket"))
    assert caplog.records == []
    assert list(tmp_path.iterdir()) == []
