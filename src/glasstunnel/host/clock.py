"""The clock that the pure core is given, and the timer that wakes the loop.

Rule: the timers of the protocol run on CLOCK_BOOTTIME, which counts while a laptop sleeps: a session that
grew old in a closed lid is old when the lid opens. Section: design.md "Decisions already taken",
clock_gettime(2), timerfd_create(2).
"""

import math
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from glasstunnel.host import libc
from glasstunnel.host.loop import Loop

now: Final = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
"""Seconds of CLOCK_BOOTTIME."""


class Timer:
    """Calls ``callback`` from the loop when a deadline has come.

    Deadlines of a busy tunnel move into the future with every packet. The timer is set again only for an
    earlier one; when it fires too early it sets itself to what the deadline is by then. So packets cost no
    system call here.
    """

    def __init__(self, loop: Loop, callback: Callable[[], None]) -> None:
        self._fd = libc.timerfd_create()
        self._loop, self._callback = loop, callback
        self._armed = self._deadline = math.inf
        loop.watch(self._fd, self._fired)

    def arm(self, deadline: float) -> None:
        """Call back at ``deadline``, in seconds of CLOCK_BOOTTIME; ``inf``: never. The last wish holds."""
        self._deadline = deadline
        if deadline < self._armed:
            self._set(deadline)

    def close(self) -> None:
        """Forget the deadline and the file descriptor."""
        self._loop.unwatch(self._fd)
        os.close(self._fd)

    def _set(self, deadline: float) -> None:
        self._armed = deadline
        # 0 would disarm, and a deadline in the past fires at once whatever it is.
        libc.timerfd_settime(self._fd, max(deadline, 1e-9) if deadline < math.inf else 0.0)

    def _fired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:  # set anew between the wakeup and this call
            return
        self._armed = math.inf
        if self._deadline <= now():
            self._callback()
        elif self._deadline < math.inf:
            self._set(self._deadline)
