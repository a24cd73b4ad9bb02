"""ToyVpn's two ends as a tunnel serves them.

Rule: packet and datagram are the same bytes, so both data paths carry them as they are; even control messages
come in bursts, since either end tells the kinds apart itself. Section: core.py for what a tunnel asks;
``main`` of ToyVpnServer.cpp.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from glasstunnel.ip.ipv4 import HEADER_LENGTH
from glasstunnel.toyvpn.client import Client, State
from glasstunnel.toyvpn.events import Opened, Refused, Sealed
from glasstunnel.toyvpn.server import Server
from glasstunnel.wireguard.framing import Framing

BARE: Final = Framing(
    headroom=0,
    tailroom=0,
    head=1,
    least=0,
    shortest=HEADER_LENGTH,
    is_data=lambda _datagram: True,
    size=lambda size, _mtu: size + (size & 1),
)
"""An IP packet and nothing else. What shares a burst agrees in its first byte: one IP version, or control.

Packets of an odd size lie in rows that are a byte longer, which checksums over columns need; so they do not
lie end to end, and go one by one.
"""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The server has not answered; the client asks again in so many seconds."""

    seconds: float


class ToyCore:
    """Makes a :class:`~glasstunnel.host.core.Core` of ``end``, on UDP port ``port`` (0: any)."""

    def __init__(self, end: Server | Client, port: int = 0) -> None:
        self.end, self.listen_port = end, port
        self.fwmark = 0
        self.is_up = False
        self.seal: Callable[..., Sealed | Refused] = end.seal
        self.open: Callable[..., Opened] = end.open

    @property
    def deadline(self) -> float:
        """As :attr:`.Core.deadline`."""
        return self.end.deadline

    def up(self, now: float) -> Sequence[Any]:
        """A client begins to ask its server."""
        self.is_up = True
        return self.end.start(now) if isinstance(self.end, Client) else []

    def goodbye(self) -> Sequence[Any]:
        """What a client says before its sockets close for good."""
        return self.end.stop() if isinstance(self.end, Client) else []

    def down(self) -> None:
        """Sessions outlive an interface that is set down and up again."""
        self.is_up = False

    def tick(self, now: float, _wall: int, _rng: Callable[[int], bytes]) -> Sequence[Any]:
        """As :meth:`.Core.tick`."""
        if not isinstance(self.end, Client):
            return self.end.tick(now)
        before, events = self.end.state, self.end.tick(now)
        return [*events, *self._unanswered(now, before)]

    def refused(self, now: float) -> Sequence[Any]:
        """The client's server has refused it."""
        assert isinstance(self.end, Client)
        before, events = self.end.state, self.end.refused(now)
        return [*events, *self._unanswered(now, before)]

    def _unanswered(self, now: float, before: State) -> Sequence[Unanswered]:
        is_over = before is State.ASKING and isinstance(self.end, Client) and self.end.state is State.RESTING
        return [Unanswered(self.end.deadline - now)] if is_over else []

    def enqueue(self, datagram: memoryview, path: object) -> None:
        """Nothing waits: to :data:`BARE` everything is data."""

    def forget_source(self, result: object) -> None:
        """A path is that of the last datagram from there; until there is another, each sending finds out
        anew that the source has gone, and does without.
        """

    def forget_sources(self) -> None:
        """The same."""
