"""What goes in and out of the core besides bursts: paths, results and events, all plain values.

Rule: the core does nothing to the world; it returns a list of these, in the order in which they are to
happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from glasstunnel.wireguard.peer import Peer


class Path(NamedTuple):
    """Where a datagram came from or goes to; the core compares paths and stores them.

    Only the defence against floods looks inside, at address and port of the other side.
    """

    remote: tuple[str, int]
    """Address and UDP port of the other side; an IPv6 address may carry its scope (``fe80::1%eth0``)."""
    local: str = ""
    """Our address on this path, empty if the system is to choose."""
    ifindex: int = 0
    """Interface of the path, 0 if the system is to choose."""


class Drop(StrEnum):
    """Why something was dropped; the keys of the drop counters."""

    MALFORMED = "malformed message"
    NO_PRIVATE_KEY = "device has no private key"
    WRONG_MAC1 = "wrong mac1"
    HANDSHAKES_FULL = "queue of handshake messages full"
    NO_COOKIE = "no cookie under load, sent one"
    RATE_LIMITED = "handshakes too fast from one source"
    BAD_COOKIE_REPLY = "cookie reply not authentic or not asked for"
    UNKNOWN_PEER = "initiation from an unknown peer"
    BAD_HANDSHAKE = "handshake not authentic"
    OLD_TIMESTAMP = "initiation with an old timestamp"
    FLOOD = "initiations too fast"
    UNKNOWN_INDEX = "unknown receiver index"
    EXPIRED_KEYPAIR = "keypair expired"
    NOT_AUTHENTIC = "transport data not authentic"
    REPLAYED = "counter replayed or too old"
    NOT_IP = "not an IP packet"
    WRONG_SOURCE = "source not among the peer's allowed IPs"
    CONGESTION = "congestion mark on a packet that cannot carry it"
    TOO_LONG = "packet too long for a datagram"
    NO_ROUTE = "no peer for the destination"
    NO_ENDPOINT = "peer has no endpoint"
    LOOP = "datagram to a peer on the way to that same peer"
    QUEUE_FULL = "queue of staged packets full"
    GAVE_UP = "no handshake in time"
    DOWN = "interface went down"


@dataclass(frozen=True, slots=True)
class Send:
    """Send ``data`` along ``path`` with this traffic class byte (DSCP and ECN).

    ``peer`` is None for a cookie reply: whoever gets one has not been asked for a name.
    """

    peer: Peer | None
    data: bytes
    path: Path
    tos: int = 0


@dataclass(frozen=True, slots=True)
class KeysReady:
    """A session stands: packets may be sealed for ``peer`` from now on."""

    peer: Peer
    initiator: bool


@dataclass(frozen=True, slots=True)
class GaveUp:
    """No response to any repetition of the initiation: ``peer`` is silent, its staged packets are gone."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class KeyLog:
    """All that opens the handshake whose message is sent next, and the traffic after it: 32 bytes each.

    Only from a device that was told to, by :attr:`Device.key_log`; it is for whoever looks into a tunnel of
    his own, and for nothing else.
    """

    peer: Peer
    static_private: bytes = field(repr=False)
    ephemeral_private: bytes = field(repr=False)
    preshared_key: bytes = field(repr=False)


Event = Send | KeysReady | GaveUp | KeyLog


@dataclass(frozen=True, slots=True)
class Sealed:
    """The burst now holds datagrams: send them along ``path`` with this traffic class byte."""

    peer: Peer
    path: Path
    tos: int


@dataclass(frozen=True, slots=True)
class Staged:
    """The packets were copied and wait for a session with ``peer``; the burst is free again. A tick may be
    due.
    """

    peer: Peer


@dataclass(frozen=True, slots=True)
class Refused:
    """The packets go nowhere; ``reports`` are ICMP errors for their senders: write them into the TUN."""

    reason: Drop
    reports: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a burst of transport data held.

    ``rows`` are those that hold a packet for the TUN; the others were keepalives or were dropped, each for
    its own reason. ``peer`` is None where not one row was authentic.
    """

    peer: Peer | None
    rows: Sequence[int]
    events: list[Event]
