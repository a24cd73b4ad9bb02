"""The clock and the timer: CLOCK_BOOTTIME, timerfd_create(2)."""

import math
import time

import pytest

from glasstunnel.host import libc
from glasstunnel.host.clock import Timer, now
from glasstunnel.host.loop import Loop


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every value that the kernel's timer is set to."""
    seen: list[float] = []
    real = libc.timerfd_settime

    def settime(fd: int, deadline: float) -> None:
        seen.append(deadline)
        real(fd, deadline)

    monkeypatch.setattr(libc, "timerfd_settime", settime)
    return seen


def note_and_stop(fired: list[float], loop: Loop) -> None:
    fired.append(now())
    loop.stop()


def test_now_counts_the_time_that_the_machine_slept() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= now() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_a_timer_fires_at_its_deadline_and_not_before(loop: Loop) -> None:
    fired: list[float] = []
    timer = Timer(loop, lambda: note_and_stop(fired, loop))
    deadline = now() + 0.02
    timer.arm(deadline)
    loop.run()
    timer.close()
    assert fired[0] >= deadline


def test_a_deadline_in_the_past_fires_at_once(loop: Loop) -> None:
    timer = Timer(loop, loop.stop)
    timer.arm(now() - 100)
    loop.run()
    timer.arm(-1.0)
    loop.run()
    timer.close()


def test_a_later_deadline_costs_no_system_call(loop: Loop, settings: list[float]) -> None:
    timer = Timer(loop, loop.stop)
    start = now() + 0.01
    for step in range(1000):
        timer.arm(start + step / 1e5)
    assert settings == [start]
    timer.close()


def test_a_timer_that_fires_too_early_waits_for_the_last_deadline(loop: Loop, settings: list[float]) -> None:
    fired: list[float] = []
    timer = Timer(loop, lambda: note_and_stop(fired, loop))
    first, last = now() + 0.005, now() + 0.03
    timer.arm(first)
    timer.arm(last)
    loop.run()
    timer.close()
    assert settings == [first, last]
    assert len(fired) == 1
    assert fired[0] >= last


def test_an_earlier_deadline_is_set_at_once(loop: Loop, settings: list[float]) -> None:
    timer = Timer(loop, loop.stop)
    timer.arm(now() + 3600)
    soon = now() + 0.005
    timer.arm(soon)
    assert settings[-1] == soon
    loop.run()
    timer.close()


def test_an_infinite_deadline_never_fires(loop: Loop) -> None:
    timer = Timer(loop, lambda: pytest.fail("it fired"))
    timer.arm(now() + 0.005)
    timer.arm(math.inf)
    stopper = Timer(loop, loop.stop)
    stopper.arm(now() + 0.03)
    loop.run()
    timer.close()
    stopper.close()


def test_a_callback_may_set_the_timer_again(loop: Loop) -> None:
    fired: list[int] = []

    def again() -> None:
        fired.append(1)
        if len(fired) == 3:
            loop.stop()
        else:
            timer.arm(now() + 0.001)

    timer = Timer(loop, again)
    timer.arm(now())
    loop.run()
    timer.close()
    assert len(fired) == 3
