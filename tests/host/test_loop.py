"""The event loop: epoll(7), and the rule that nothing but epoll waits."""

import os
import select
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from glasstunnel.host.loop import Loop


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    with left, right:
        yield left, right


class Counting:
    """epoll that counts how often it is asked."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        self.polls = 0

    def poll(self) -> list[tuple[int, int]]:
        self.polls += 1
        return self._epoll.poll()

    def close(self) -> None:
        self._epoll.close()


Pair = tuple[socket.socket, socket.socket]


def test_what_can_be_read_is_called_back_until_it_is_read(loop: Loop, pair: Pair) -> None:
    left, right = pair
    seen = []

    def read_a_little() -> None:
        seen.append(left.recv(2))
        if len(seen) == 3:
            loop.stop()

    loop.watch(left.fileno(), read_a_little)
    right.send(b"abcdef")
    loop.run()
    assert seen == [b"ab", b"cd", b"ef"]


def test_the_loop_sleeps_while_nothing_happens(loop: Loop, pair: Pair) -> None:
    """Three events cost three questions to the kernel: there is no polling in between."""
    left, right = pair
    counting = Counting(loop._epoll)
    loop._epoll = counting  # type: ignore[assignment]
    seen = []

    def answer() -> None:
        seen.append(left.recv(1))
        if len(seen) == 3:
            loop.stop()
        else:
            threading.Timer(0.01, right.send, (b"x",)).start()

    right.send(b"x")
    loop._callbacks[left.fileno()] = answer, None
    counting._epoll.register(left.fileno(), select.EPOLLIN)
    loop.run()
    assert counting.polls == 3


def test_what_can_be_written_is_called_back_only_where_it_is_asked_for(loop: Loop, pair: Pair) -> None:
    left, right = pair
    calls: list[str] = []

    def writable() -> None:
        calls.append("writable")
        loop.stop()

    loop.watch(left.fileno(), lambda: calls.append("readable"))
    loop.watch(right.fileno(), None, writable)
    loop.run()
    assert calls == ["writable"]


def test_a_second_watch_replaces_the_first(loop: Loop, pair: Pair) -> None:
    left, right = pair
    loop.watch(left.fileno(), lambda: pytest.fail("the first one was called"))
    loop.watch(left.fileno(), loop.stop)
    right.send(b"x")
    loop.run()


def test_the_end_of_a_connection_is_something_to_read(loop: Loop, pair: Pair) -> None:
    left, right = pair
    loop.watch(left.fileno(), loop.stop)
    right.close()
    loop.run()
    assert left.recv(1) == b""


def test_a_callback_may_unwatch_what_was_ready_at_the_same_time(loop: Loop, pair: Pair) -> None:
    """Both are ready in one wakeup; whichever comes first removes the other, which must not be called."""
    left, right = pair
    left.send(b"x")
    right.send(b"x")
    calls = []

    def first_come(mine: socket.socket, other: socket.socket) -> None:
        calls.append(mine)
        loop.unwatch(other.fileno())
        loop.stop()

    loop.watch(left.fileno(), lambda: first_come(left, right))
    loop.watch(right.fileno(), lambda: first_come(right, left))
    loop.run()
    assert len(calls) == 1


def test_stop_before_run_is_not_lost(loop: Loop) -> None:
    loop.stop()
    loop.run()


def test_a_loop_runs_again_after_it_was_stopped(loop: Loop, pair: Pair) -> None:
    left, right = pair
    loop.stop()
    loop.run()
    loop.watch(left.fileno(), loop.stop)
    right.send(b"x")
    loop.run()


def test_another_thread_can_stop_the_loop(loop: Loop) -> None:
    thread = threading.Thread(target=loop.run)
    thread.start()
    loop.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_signal_stops_the_loop_and_the_handlers_come_back(loop: Loop) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with loop.stopped_by(signal.SIGTERM):
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGTERM)).start()
        loop.run()
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_that_came_before_run_is_not_lost(loop: Loop) -> None:
    with loop.stopped_by(signal.SIGTERM):
        os.kill(os.getpid(), signal.SIGTERM)
        loop.run()


def test_a_signal_of_another_kind_does_not_stop_the_loop(loop: Loop, pair: Pair) -> None:
    """The wakeup socket carries every signal that has a handler."""
    left, right = pair
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    try:
        with loop.stopped_by(signal.SIGTERM):
            loop.watch(left.fileno(), loop.stop)
            os.kill(os.getpid(), signal.SIGUSR1)
            threading.Timer(0.01, right.send, (b"x",)).start()
            loop.run()
            assert left.recv(1) == b"x"
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [signal.SIGUSR1]
