"""A network as a pile of faults.

Rule: a layer takes one datagram and gives back what becomes of it: nothing, one, several, later, damaged.
Layers know nothing of each other, so any fault is had by piling them up. (The shape is that of smoltcp's
fault injector.)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
    """One fault."""

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """What becomes of a datagram."""


@dataclass(frozen=True)
class Delay:
    """Late by ``least`` seconds and a random part of ``spread``; a spread also changes the order."""

    least: float
    spread: float = 0.0

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """Let it arrive later."""
        yield replace(datagram, at=datagram.at + self.least + rng.uniform(self.spread))


@dataclass(frozen=True)
class Drop:
    """Lost with this probability."""

    probability: float

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """Let it pass, or not."""
        if rng.uniform() >= self.probability:
            yield datagram


@dataclass(frozen=True)
class Duplicate:
    """Arrives a second time with this probability."""

    probability: float

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """Once, or twice; a layer of delay below moves the two apart."""
        yield datagram
        if rng.uniform() < self.probability:
            yield datagram


@dataclass(frozen=True)
class Corrupt:
    """One bit flipped with this probability."""

    probability: float

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """Whole, or damaged."""
        if datagram.data and rng.uniform() < self.probability:
            data = bytearray(datagram.data)
            data[rng.below(len(data))] ^= 1 << rng.below(8)
            datagram = replace(datagram, data=bytes(data))
        yield datagram


@dataclass(frozen=True)
class Partition:
    """Nothing passes from ``begin`` to ``end``, in seconds of the world's clock."""

    begin: float
    end: float

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """Let it pass outside that time."""
        if not self.begin <= datagram.at < self.end:
            yield datagram


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
