"""A network as a pile of layers.

Rule: a layer takes one datagram and gives back what becomes of it: nothing, one, several, later, damaged.
Layers know nothing of each other, so any fault is had by piling them up. (The shape is that of smoltcp's
fault injector.) The layers are in :mod:`~glasstunnel.sim.faults`, :mod:`~glasstunnel.sim.nat` and
:mod:`~glasstunnel.sim.attacks`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import Protocol

from glasstunnel.sim.randomness import Randomness

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram under way; ``at`` is when it arrives, in seconds of the world's clock."""

    at: float
    source: Address
    destination: Address
    data: bytes
    tos: int = 0


class Layer(Protocol):
    """One thing that happens to datagrams under way."""

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """What becomes of a datagram."""


class Network:
    """Carries datagrams through its layers, the first one first.

    Args:
        rng: what the layers draw from.
        layers: the faults; a list that may be changed while the world runs.
    """

    def __init__(self, rng: Randomness, layers: Sequence[Layer] = ()) -> None:
        self.layers = list(layers)
        self._rng = rng
        self._under_way: list[tuple[float, int, Datagram]] = []
        self._sent = 0

    @property
    def next_arrival(self) -> float:
        """When the next datagram arrives; infinity if none is under way."""
        return self._under_way[0][0] if self._under_way else inf

    def send(self, datagram: Datagram) -> None:
        """Take a datagram; what becomes of it arrives later."""
        fates: list[Datagram] = [datagram]
        for layer in self.layers:
            fates = [fate for one in fates for fate in layer(one, self._rng)]
        for fate in fates:
            self._sent += 1  # breaks ties: what was sent first arrives first
            heappush(self._under_way, (fate.at, self._sent, fate))

    def arrivals(self, now: float) -> list[Datagram]:
        """Take out what has arrived by now, in order."""
        arrived = []
        while self._under_way and self.next_arrival <= now:
            arrived.append(heappop(self._under_way)[2])
        return arrived
