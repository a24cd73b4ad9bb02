"""Framing: how a packet lies in a datagram, and which datagrams share a burst.

Rule: this is all that a burst and the data paths know of a protocol. WireGuard's transport data has a header
before the packet and padding and a tag behind it; a protocol that sends packets as they are has neither, and
takes the same paths with a framing of its own. Section: WP §5.4.6.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from glasstunnel.wireguard.messages import KEEPALIVE_SIZE, padded_size

HEADROOM: Final = 16
"""Bytes before each packet: type, reserved, receiver index, counter."""
TAILROOM: Final = 31
"""Bytes after each packet: at most 15 of padding and 16 of tag."""
_HEAD: Final = 8
_TRANSPORT_DATA = b"\x04\0\0\0"  # type, reserved


@dataclass(frozen=True, slots=True)
class Framing:
    """Sizes are in bytes."""

    headroom: int
    """Before a packet in its datagram."""
    tailroom: int
    """Behind it, at the most."""
    head: int
    """At the beginning of a datagram: data that agrees in these and in its path shares a burst."""
    least: int
    """Of the smallest datagram that means anything."""
    shortest: int
    """Of the smallest datagram that may be data."""
    is_data: Callable[[memoryview], bool]
    """Whether a datagram that begins so is data, of which many share a burst; any other is alone in it."""
    size: Callable[[int, int], int]
    """Of the datagram that carries a packet of so many bytes, in a tunnel with this MTU."""


TRANSPORT_DATA: Final = Framing(
    headroom=HEADROOM,
    tailroom=TAILROOM,
    head=_HEAD,
    least=_HEAD,
    shortest=KEEPALIVE_SIZE,
    is_data=lambda datagram: datagram[:4] == _TRANSPORT_DATA,
    size=lambda size, mtu: KEEPALIVE_SIZE + padded_size(size, mtu),
)
"""WireGuard's: data of one burst has one receiver index."""
