"""Handshake messages that wait for the core, and the moment at which their number becomes a load.

Rule: a handshake costs as much time as a hundred packets, so its message waits in a queue while the data that
came with it passes; each tick works off a few. A queue that fills is what "under load" means. Section: WP
§5.3; kernel receive.c ``wg_receive_handshake_packet``, ``wg_packet_handshake_receive_worker``.

The kernel fills its queue in the interrupt of the network card and empties it in threads of their own. Here
one thread does both: the host reads its sockets into the queue, many messages in a turn, and each tick takes
out :data:`HANDSHAKES_PER_TICK`. So the queue grows when messages come faster than they are dealt with, as it
does in the kernel, and the time at which data has to wait for handshakes is bounded.
"""

from collections import deque
from math import inf
from typing import Final

from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.parameters import Parameters

HANDSHAKES_PER_TICK: Final = 16
"""Messages that one tick works off: at 0.2 ms a handshake, 3 ms for which data waits. This is ours; in the
kernel the scheduler shares the time out.
"""

LOAD_LINGERS: Final = 1.0
"""Seconds for which the load is said to last after the queue was last that long (kernel, receive.c)."""


class Incoming:
    """The queue of one device."""

    __slots__ = ("_last_under_load", "_limit", "_load", "_waiting")

    def __init__(self, parameters: Parameters) -> None:
        self._limit, self._load = parameters.max_queued_handshakes, parameters.under_load
        self._waiting: deque[tuple[bytes, Path]] = deque()
        self._last_under_load = -inf

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: bytes, path: Path) -> bool:
        """Let a message wait, unless the queue is full; whether it was taken."""
        if len(self._waiting) >= self._limit:
            return False
        self._waiting.append((message, path))
        return True

    @property
    def first(self) -> tuple[bytes, Path]:
        """The message whose turn it is. It counts as waiting until it is :meth:`done`, as in the kernel."""
        return self._waiting[0]

    def done(self) -> None:
        """The first message has been dealt with."""
        self._waiting.popleft()

    def clear(self) -> None:
        """Nothing waits any more."""
        self._waiting.clear()

    def under_load(self, now: float) -> bool:
        """Whether an eighth of the queue's room is taken, or was within the last second."""
        if len(self._waiting) >= self._load:
            self._last_under_load = now
        return now - self._last_under_load < LOAD_LINGERS
