"""A burst: many packets in one buffer that its owner allocates once and reuses.

Rule: the core allocates no buffer per packet. A row has room in front for the header of transport data and
room behind for padding and tag, so a packet is sealed and opened where it lies::

    0              16                       16 + size                    pitch
    | header       | packet                 | padding, tag               |
    ^ wire[i]      ^ plain[i]

Section: WP §5.4.6 (header of 16 bytes, padding to 16, tag of 16).
"""

from array import array
from collections.abc import Iterable, Iterator

from glasstunnel.wireguard.framing import HEADROOM, TAILROOM, TRANSPORT_DATA, Framing

__all__ = ["HEADROOM", "TAILROOM", "Burst"]

_ALIGNMENT = 64  # a cache line, so that two rows never share one


class Burst:
    """Room for ``rows`` packets of at most ``mtu`` bytes each, which lie in their datagrams as ``framing``
    says.

    Row ``i`` begins at ``i * pitch`` of ``buf``. While it holds a packet, ``size[i]`` is the packet's length
    and the packet lies at ``plain[i]``; while it holds a datagram, ``size[i]`` is the datagram's length and
    it lies at ``wire[i]``. ``n`` rows are in use. One packet is a burst of one.

    Raises:
        ValueError: if ``rows`` is below 1, or if a row would be longer than a datagram can be (65535 bytes).
    """

    __slots__ = ("buf", "capacity", "framing", "n", "pitch", "plain", "size", "wire")

    def __init__(self, rows: int, mtu: int, framing: Framing = TRANSPORT_DATA) -> None:
        room = framing.headroom + mtu + framing.tailroom
        if rows < 1:
            raise ValueError(f"rows: expected at least 1, got {rows}")
        if not 0 <= mtu <= 0xFFFF:
            raise ValueError(f"mtu: expected 0 to 65535 bytes, got {mtu}")
        self.framing = framing
        self.capacity = rows
        self.pitch = -(-room // _ALIGNMENT) * _ALIGNMENT
        self.buf = memoryview(bytearray(rows * self.pitch))
        self.size = array("H", bytes(2 * rows))
        self.n = 0
        self.wire = [self.buf[i * self.pitch : (i + 1) * self.pitch] for i in range(rows)]
        self.plain = [row[framing.headroom :] for row in self.wire]

    def add_packet(self, packet: bytes | memoryview) -> None:
        """Copy a packet into the next free row."""
        self.plain[self.n][: len(packet)] = packet
        self.size[self.n] = len(packet)
        self.n += 1

    def add_datagram(self, datagram: bytes | memoryview) -> None:
        """Copy a datagram into the next free row."""
        self.wire[self.n][: len(datagram)] = datagram
        self.size[self.n] = len(datagram)
        self.n += 1

    @property
    def longest(self) -> int:
        """The greatest size of a row in use, in bytes."""
        return max(self.size[: self.n])

    @property
    def shortest(self) -> int:
        """The smallest size of a row in use, in bytes."""
        return min(self.size[: self.n])

    def survey(self) -> None:
        """Rows have been changed one by one: see what there is now. Here nothing else is kept of them."""

    def packets(self, rows: Iterable[int] | None = None) -> Iterator[memoryview]:
        """The packets of the given rows, by default of all: views, valid until the burst is reused."""
        for i in range(self.n) if rows is None else rows:
            yield self.plain[i][: self.size[i]]

    def datagrams(self) -> Iterator[memoryview]:
        """The datagrams of all rows: views, valid until the burst is reused."""
        for i in range(self.n):
            yield self.wire[i][: self.size[i]]
