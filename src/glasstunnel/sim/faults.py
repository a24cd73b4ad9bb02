"""What a network does to datagrams without meaning any harm.

Rule: a fault is a value; whatever it draws comes from the network's randomness, and it remembers nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from glasstunnel.sim.network import Datagram
from glasstunnel.sim.randomness import Randomness


@dataclass(frozen=True)
class Delay:
    """Late by ``least`` seconds and a random part of ``spread``; a spread also changes the order."""

    least: float
    spread: float = 0.0

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """Let it arrive later."""
        yield replace(datagram, at=datagram.at + self.least + rng.uniform(self.spread))


@dataclass(frozen=True)
class Reorder:
    """Held back for up to ``late`` seconds with this probability, so that others overtake it."""

    probability: float
    late: float

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """On time, or overtaken."""
        late = rng.uniform(self.late) if rng.uniform() < self.probability else 0.0
        yield replace(datagram, at=datagram.at + late)


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
class Truncate:
    """The end cut off with this probability: at least one byte is missing, and all may be."""

    probability: float

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """Whole, or its beginning."""
        if datagram.data and rng.uniform() < self.probability:
            datagram = replace(datagram, data=datagram.data[: rng.below(len(datagram.data))])
        yield datagram


@dataclass(frozen=True)
class Partition:
    """Nothing passes from ``begin`` to ``end``, in seconds of the world's clock.

    With ``host``, an address without its port, only what goes there is lost: a fault of one direction.
    """

    begin: float
    end: float
    host: str = ""

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """Let it pass outside that time, or elsewhere."""
        cut = self.begin <= datagram.at < self.end
        if not cut or (self.host and datagram.destination[0] != self.host):
            yield datagram
