"""Memory stays flat: caches are bounded, and who does not listen costs packets, no memory."""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.interop import soak
from tests.interop.lab import Lab, ping, run
from tests.interop.soak import Soak, flood, resident, two_processes

pytestmark = pytest.mark.interop

ROOM = 16 << 20  # bytes: far below what the floods would take if they were kept
FLOOD = 30_000  # datagrams of 1400 bytes: 42 MB


@contextmanager
def stopped(process: int) -> Iterator[None]:
    """A process that does nothing meanwhile."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def test_packets_of_every_size_leave_no_memory_behind(lab: Lab) -> None:
    """Thousands of sizes: each has a layout of its own in a train, of which few are kept."""
    chance = random.Random(5)
    with two_processes(lab) as processes:
        with lab.ours.namespace:
            ping(lab.theirs.inner[4])
        for _ in range(2):  # the first time caches fill
            before = [resident(process) for process in processes]
            for source, target in ((lab.ours, lab.theirs), (lab.theirs, lab.ours)):
                flood(source, target, 6000, lambda: chance.randrange(1400))
                with source.namespace:
                    ping(target.inner[4])
        assert [resident(process) - was < ROOM for process, was in zip(processes, before, strict=True)] == [
            True,
            True,
        ]


@pytest.mark.parametrize("has_session", [True, False], ids=["session", "no-session"])
def test_a_flood_to_a_peer_that_does_not_listen_is_dropped(lab: Lab, has_session: bool) -> None:
    """Sealed and lost in the peer's full buffer; or waiting for a session, which so many may and no more."""
    ours, theirs = lab.ours, lab.theirs
    with two_processes(lab) as (one, two), ours.namespace:
        if has_session:
            ping(theirs.inner[4])
        with stopped(two):
            flood(ours, theirs, 2000, lambda: 1400)
            run("wg", "show", ours.interface)  # it answers, so it has come so far
            before = resident(one)
            flood(ours, theirs, FLOOD, lambda: 1400)
            run("wg", "show", ours.interface)
            assert resident(one) - before < ROOM
        ping(theirs.inner[4])


def test_a_process_that_is_stopped_loses_what_its_kernel_cannot_hold(lab: Lab) -> None:
    ours, theirs = lab.ours, lab.theirs
    with two_processes(lab) as (one, _), ours.namespace:
        ping(theirs.inner[4])
        before = resident(one)
        with stopped(one):
            flood(ours, theirs, FLOOD, lambda: 1400)
        ping(theirs.inner[4])
        assert resident(one) - before < ROOM


def test_the_soak_sees_memory_that_grows(lab: Lab) -> None:
    def grown(sizes: list[int]) -> int:
        return Soak(lab, (0, 0), samples=[(0, size) for size in sizes]).growth()

    assert grown([1, 5, 5, 5, 5, 5, 5, 5]) == 0
    assert grown([1, 2, 3, 4, 5, 6, 7, 8]) == 4
    assert grown([3]) == 0


def test_the_soak_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "_STREAM", 200_000)
    monkeypatch.setattr(soak, "_DATAGRAMS", 100)
    monkeypatch.setattr(soak, "SLACK", ROOM)
    assert soak.main(["--minutes", "0.001"]) == 0
    assert capsys.readouterr().out.startswith("8 rounds, resident: ")
