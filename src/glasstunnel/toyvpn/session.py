"""One session of our server, and when something is due in it.

Rule: a session knows when it last heard and said what; what is due, and when, follows from these times and
from nothing else. All times are seconds of the caller's clock. Section: the client's timers in
ToyVpnConnection.java ``run``; the times are in :class:`Times`.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf

from glasstunnel.ip.address import InterfaceAddress
from glasstunnel.toyvpn.events import Path


@dataclass(frozen=True, slots=True)
class Times:
    """The server's times, in seconds."""

    ask: float | None = 6.0
    """A client that has sent no packet for so long is asked for one, by an echo request through its tunnel.
    The sample's client crashes 20 s after its last packet, so it is asked three times before. None: never.
    """
    keepalive: float = 6.0
    """As long as nothing is sent to a client that is not asked, before it is sent a keepalive. Our client
    waits 10 s before it suspects anything.
    """
    fresh: float = 5.0
    """So long after a handshake the sample's client waits for the reply, and takes whatever comes first for
    it: a keepalive crashes it, a packet makes it fail. Nothing but replies is due in this time.
    """
    repeat: float = 1.0
    """The reply is repeated every so often while a session is fresh and its client has said nothing else."""
    apart: float = 0.5
    """A handshake that comes sooner after the last reply is a copy of one that has been answered."""
    answer: float = 2.0
    """Who is asked whether it is still there has so long to answer, before another gets its place."""
    silence: float = 60.0
    """A session of which nothing was heard for so long is over."""


TIMES = Times()


class Due(Enum):
    """What a session needs, in the order of precedence."""

    END = auto()
    YIELD = auto()
    REPLY = auto()
    ASK = auto()
    KEEPALIVE = auto()


@dataclass(frozen=True, slots=True)
class Rival:
    """Who gets the place of a session that does not answer: itself from elsewhere, or another client."""

    path: Path
    token: bytes
    is_newcomer: bool


@dataclass(eq=False, slots=True)
class Session:
    """A client and what we know of it."""

    place: int
    addresses: tuple[InterfaceAddress, ...]
    path: Path
    token: bytes
    """Of a client of ours; empty for the sample's."""
    began: float
    heard: float
    """When anything came from it."""
    packet: float
    """When a packet came through its tunnel."""
    sent: float
    """When anything was sent to it."""
    asked: float = -inf
    """When it was sent an echo request."""
    replied: float = -inf
    """When it was sent the parameters."""
    confirmed: bool = False
    """Whether it has said anything but the handshake, and so has had the reply."""
    rival: Rival | None = None
    challenged: float = -inf
    """When the rival appeared."""
    echo: tuple[bytes, bytes] | None = None
    """Source and destination of the echo requests that it answers; None if it answers none."""
    sequence: int = 0
    """Of the echo requests."""
    scheduled: float = inf
    """When the server looks at it next."""
    rx_packets: int = 0
    rx_bytes: int = 0
    tx_packets: int = 0
    tx_bytes: int = 0
    packed: tuple[bytes, ...] = field(init=False)
    """Its addresses, packed."""

    def __post_init__(self) -> None:
        self.packed = tuple(one.address for one in self.addresses)

    def next(self, times: Times) -> tuple[float, Due]:
        """What is due next, and when."""
        due = [(self.heard + times.silence, Due.END)]
        if self.rival:
            due.append((self.challenged + times.answer, Due.YIELD))
        settled = -inf if self.confirmed else self.began + times.fresh
        if not self.confirmed and self.replied + times.repeat < settled:
            due.append((self.replied + times.repeat, Due.REPLY))
        if times.ask is not None and self.echo and not self.token:
            due.append((max(self.packet + times.ask, self.asked + times.ask, settled), Due.ASK))
        else:
            due.append((max(self.sent + times.keepalive, settled), Due.KEEPALIVE))
        return min(due, key=lambda one: (one[0], one[1].value))
