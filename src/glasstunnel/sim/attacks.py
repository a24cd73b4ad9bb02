"""What somebody on the path does who keeps what passes and means harm.

Rule: the attacker has no key; all that it can do is to send what it has seen once more, at any later time,
from anywhere, to anybody. (Bytes of its own making are the business of the fuzzers.)
"""

from collections.abc import Iterable
from dataclasses import replace

from glasstunnel.sim.network import Datagram
from glasstunnel.sim.randomness import Randomness


class Replay:
    """A layer that captures datagrams and now and then lets an old one follow the one that passes.

    The capture is a fair sample of all that ever passed, so old sessions are replayed into new ones. An old
    datagram goes where it went, or along the path of the one that passes, or back to who sent that.

    Args:
        probability: of a replay, for each datagram that passes.
        memory: how many datagrams the attacker keeps.
        late: seconds after which the replay comes, at the most.
    """

    def __init__(self, probability: float, memory: int = 256, late: float = 1.0) -> None:
        self.probability = probability
        self.memory = memory
        self.late = late
        self._captured: list[Datagram] = []
        self._seen = 0

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """The datagram itself, and perhaps an old one."""
        yield datagram
        if self._captured and rng.uniform() < self.probability:
            old = self._captured[rng.below(len(self._captured))]
            source, destination = (
                (old.source, old.destination),
                (datagram.source, datagram.destination),
                (datagram.destination, datagram.source),
            )[rng.below(3)]
            at = datagram.at + rng.uniform(self.late)
            yield replace(old, at=at, source=source, destination=destination)
        self._capture(datagram, rng)

    def _capture(self, datagram: Datagram, rng: Randomness) -> None:
        """Reservoir sampling: after n datagrams each of them is kept with probability memory / n."""
        self._seen += 1
        if len(self._captured) < self.memory:
            self._captured.append(datagram)
        elif (place := rng.below(self._seen)) < self.memory:
            self._captured[place] = datagram
