"""Which peer wants a tick, and when.

Rule: the data path only ever moves a peer's time forward cheaply; a heap entry that is no longer true is
recognised and skipped when its time comes. So ten thousand idle peers cost nothing but their place in the
heap. Whoever asks who is due gets a bounded number at a time: between two portions the host serves its
sockets.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from glasstunnel.wireguard.peer import Peer


PORTION: Final = 64
"""Peers that are due at once, at the most; a handshake of each takes about 10 ms together."""


class Schedule:
    """Peers ordered by the time at which they want to be woken."""

    __slots__ = ("_heap", "_order")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Peer]] = []
        self._order = count()  # breaks ties: first come, first woken

    @property
    def deadline(self) -> float:
        """The earliest time at which a peer wants to be woken, infinity if none does."""
        heap = self._heap
        while heap and heap[0][2].wake_at != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else inf

    def wake(self, peer: Peer, at: float) -> None:
        """Make sure that ``peer`` is woken at this time or before."""
        if at < peer.wake_at:
            peer.wake_at = at
            heappush(self._heap, (at, next(self._order), peer))

    def due(self, now: float) -> list[Peer]:
        """Take out peers whose time has come, at most :data:`PORTION`, the most overdue first; each will be
        woken again only if it asks to be.
        """
        peers: list[Peer] = []
        while len(peers) < PORTION and self.deadline <= now and self._heap:
            _, _, peer = heappop(self._heap)
            peer.wake_at = inf
            peers.append(peer)
        return peers
