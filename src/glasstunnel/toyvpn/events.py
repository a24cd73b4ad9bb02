"""What goes in and out of our two cores: bursts, results and events.

Rule: the core does nothing to the world; it returns a list of these, in the order in which they are to
happen. Names and shapes are those of the WireGuard core, so that one data path serves both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from glasstunnel.toyvpn.parameters import Parameters
    from glasstunnel.toyvpn.session import Session


class Path(Protocol):
    """Where a datagram came from or goes to; the core looks at the other side's address and port alone."""

    @property
    def remote(self) -> tuple[str, int]:
        """Address and UDP port of the other side."""


class Burst(Protocol):
    """Packets in a buffer of the caller's: row ``i`` is the first ``size[i]`` bytes of ``plain[i]``.

    Packet and datagram are the same bytes in this protocol, so there is no headroom: a datagram that was
    received lies in ``plain`` too.
    """

    @property
    def n(self) -> int:
        """Rows in use."""

    @property
    def size(self) -> Sequence[int]:
        """Length of each row's packet, in bytes."""

    @property
    def plain(self) -> Sequence[memoryview]:
        """Where each row's packet lies."""


class Drop(StrEnum):
    """Why something was dropped; the keys of the drop counters."""

    EMPTY = "empty datagram"
    TOO_LONG = "longer than the sample's buffer"
    MALFORMED = "malformed message"
    WRONG_SECRET = "wrong secret"  # noqa: S105 - the name of a counter
    TOO_MANY_ATTEMPTS = "too many wrong secrets from one source"
    FULL = "no address free"
    UNKNOWN_SOURCE = "data from nobody who has a session"
    NOT_IP = "not an IP packet"
    WRONG_SOURCE = "source not the session's address"
    NO_SESSION = "no session for the destination"
    NOT_CONNECTED = "not connected"


class End(StrEnum):
    """Why a session ended."""

    SILENT = "heard nothing from it"
    GAVE_WAY = "silent when asked, and another needed its address"
    REPLACED = "another client speaks from its address and port"
    GOODBYE = "it said goodbye"


@dataclass(frozen=True, slots=True)
class Send:
    """Send ``data`` along ``path``."""

    data: bytes
    path: Path
    tos: int = 0


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer what came along ``path`` with an ICMP port unreachable, as if there were no socket."""

    path: Path


@dataclass(frozen=True, slots=True)
class Began:
    """A session stands."""

    session: Session


@dataclass(frozen=True, slots=True)
class Moved:
    """The client of a session has another address or port now; ``former`` was the one before."""

    session: Session
    former: Path


@dataclass(frozen=True, slots=True)
class Ended:
    """A session is over, its address free."""

    session: Session
    reason: End


@dataclass(frozen=True, slots=True)
class Connected:
    """The server has answered; where ``changed``, set up the interface with these parameters."""

    parameters: Parameters
    changed: bool


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The server does not answer any more, or not in a way to be understood; the client goes on trying."""

    reason: str


Event = Send | Refuse | Began | Moved | Ended | Connected | Disconnected


@dataclass(frozen=True, slots=True)
class Sealed:
    """Send the burst's rows as they are along ``path``."""

    path: Path
    tos: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """The packets go nowhere."""

    reason: Drop


@dataclass(frozen=True, slots=True)
class Opened:
    """What a burst of datagrams held: ``rows`` are those that hold a packet for the TUN."""

    rows: Sequence[int]
    events: list[Event]
