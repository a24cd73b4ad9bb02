"""The event loop: one thread, epoll, callbacks.

Rule: nothing here waits except epoll, and it waits for ever unless a file descriptor speaks; an idle tunnel
uses no CPU at all. A callback does a bounded piece of work and returns: epoll is level-triggered, so what is
left wakes the loop again, after every other file descriptor has had its turn. Section: epoll(7), eventfd(2),
signal(7).
"""

import os
import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Callback = Callable[[], None]
_NOTHING = (None, None)


class Loop:
    """File descriptors and what to call when they can be read or written."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, tuple[Callback | None, Callback | None]] = {}
        self._stopping = False
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.watch(self._wakeup, self._woken)

    def watch(self, fd: int, on_readable: Callback | None, on_writable: Callback | None = None) -> None:
        """Call ``on_readable`` when ``fd`` has something to read, its end or an error; ``on_writable`` when
        it takes more.

        A second call for one ``fd`` replaces the first.
        """
        events = (select.EPOLLIN if on_readable else 0) | (select.EPOLLOUT if on_writable else 0)
        (self._epoll.modify if fd in self._callbacks else self._epoll.register)(fd, events)
        self._callbacks[fd] = on_readable, on_writable

    def unwatch(self, fd: int) -> None:
        """Forget ``fd``, if it is watched; to be called before it is closed."""
        if self._callbacks.pop(fd, None):
            self._epoll.unregister(fd)

    def run(self) -> None:
        """Serve until :meth:`stop` is called; at once, if it was called already."""
        poll, callbacks = self._epoll.poll, self._callbacks
        while not self._stopping:
            for fd, events in poll():
                # A callback may have unwatched a file descriptor whose event is in the same list: look again.
                if events & ~select.EPOLLIN and (on_writable := callbacks.get(fd, _NOTHING)[1]):
                    on_writable()
                if events & ~select.EPOLLOUT and (on_readable := callbacks.get(fd, _NOTHING)[0]):
                    on_readable()
        self._stopping = False

    def stop(self) -> None:
        """Let :meth:`run` return after the callbacks of this wakeup; may be called from any thread."""
        self._stopping = True
        os.eventfd_write(self._wakeup, 1)

    def _woken(self) -> None:
        os.eventfd_read(self._wakeup)

    def close(self) -> None:
        """Release the loop's own file descriptors."""
        self._epoll.close()
        os.close(self._wakeup)

    @contextmanager
    def stopped_by(self, *signals: signal.Signals) -> Iterator[None]:
        """Within the block, each of ``signals`` stops the loop. For the main thread only, as :mod:`signal`
        asks.

        A signal may arrive between two calls of epoll, where a handler in Python would come too late to wake
        it. So the interpreter writes a byte to a socket that the loop watches, and the loop ends from there.
        """
        ours, interpreters = socket.socketpair()
        ours.setblocking(False)
        interpreters.setblocking(False)

        def drained() -> None:
            if any(number in signals for number in ours.recv(64)):
                self._stopping = True

        def ignore(_number: int, _frame: FrameType | None) -> None:
            """Only the byte on the socket matters."""

        before_fd = signal.set_wakeup_fd(interpreters.fileno(), warn_on_full_buffer=False)
        before = {number: signal.signal(number, ignore) for number in signals}
        self.watch(ours.fileno(), drained)
        try:
            yield
        finally:
            self.unwatch(ours.fileno())
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before_fd)
            ours.close()
            interpreters.close()
