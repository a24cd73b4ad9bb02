"""What a tunnel asks of the pure core that it serves.

Rule: the tunnel calls these and does what comes back, whichever protocol it is: a
:class:`glasstunnel.wireguard.device.Device`, or the server or client of ToyVpn. Results are told apart by
their classes, which each protocol has in a module ``events``.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.events import Path


class Opened(Protocol):
    """What a burst of datagrams held."""

    @property
    def rows(self) -> Sequence[int]:
        """Those that hold a packet for the TUN."""

    @property
    def events(self) -> Sequence[Any]:
        """What is to be done besides."""


class Core(Protocol):
    """Times are seconds of one clock; an event is a ``Send``, or something for who made the tunnel."""

    listen_port: int
    """The local UDP port, 0 for any."""
    fwmark: int
    """The mark of what is sent, 0 for none."""

    @property
    def is_up(self) -> bool:
        """Whether it may speak."""

    @property
    def deadline(self) -> float:
        """When :meth:`tick` is due."""

    def up(self, now: float) -> Sequence[Any]:
        """The sockets are open; return events."""

    def down(self) -> None:
        """The sockets are about to close."""

    def tick(self, now: float, wall: int, rng: Callable[[int], bytes]) -> Sequence[Any]:
        """Do what is due; return events."""

    def seal(self, now: float, burst: Burst, dst: bytes, mtu: int, ecn: int = 0) -> object:
        """Turn packets for ``dst`` into datagrams, in place: ``Sealed``, ``Refused``, or neither."""

    def open(self, now: float, burst: Burst, path: Path, ecn: int = 0) -> Opened:
        """Turn datagrams into packets, in place."""

    def enqueue(self, datagram: memoryview, path: Path) -> None:
        """Take in a datagram that is not data; a tick may be due then."""

    def forget_source(self, result: Any) -> None:
        """What this ``Sealed`` or ``Send`` said could not leave from the address of its path."""

    def forget_sources(self) -> None:
        """Let the system choose our addresses anew: other rules may lead elsewhere."""


OnEvent = Callable[[Any], None]
"""Is told each event that is no ``Send``."""
