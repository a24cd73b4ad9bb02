"""IPv6 (RFC 8200): a view that reads a packet in place and walks its extension headers, and a header value.

Rule: :class:`Packet` checks the fixed header in its constructor and trims the buffer to the payload length;
the chain of extension headers is walked only when :meth:`Packet.extensions` or :meth:`Packet.upper_layer`
asks, and may raise. Jumbograms (RFC 2675) are not read: a payload length of 0 means no payload.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from glasstunnel.ip import Buffer
from glasstunnel.ip.fields import require, require_at_least

HEADER_LENGTH = 40  # bytes, fixed: RFC 8200 section 3
MIN_MTU = 1280  # bytes, every link carries this much: RFC 8200 section 5
DEFAULT_HOP_LIMIT = 64

# Extension headers whose chain can be followed: IANA "IPv6 Extension Header Types" (RFC 7045 section 4).
HOP_BY_HOP = 0
ROUTING = 43
FRAGMENT = 44
AUTHENTICATION = 51
DESTINATION_OPTIONS = 60
EXTENSIONS = frozenset({HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS, 135, 139, 140})
# The chain ends at ESP (50), whose next header is encrypted, and at NO_NEXT_HEADER.
NO_NEXT_HEADER = 59

_HEADER = Struct("!IHBB16s16s")


class Extension(NamedTuple):
    """One extension header: its number, and where it stands in the packet (both in bytes)."""

    kind: int
    offset: int
    length: int


class UpperLayer(NamedTuple):
    """What the chain of extension headers leads to.

    ``protocol`` is its number and ``offset`` where it begins in the packet, in bytes. For a fragment
    ``fragment_offset`` (bytes) says where the data belong: unless that is 0, no upper-layer header stands at
    ``offset``, but the middle of one payload.
    """

    protocol: int
    offset: int
    fragment_offset: int
    more_fragments: bool

    @property
    def is_fragment(self) -> bool:
        return self.more_fragments or self.fragment_offset > 0


class Packet:
    """A view of one IPv6 packet; raises :exc:`PacketError` if the fixed header cannot be believed."""

    __slots__ = ("buf",)

    def __init__(self, buf: Buffer) -> None:
        view = memoryview(buf)
        require_at_least("IPv6 packet", len(view), HEADER_LENGTH)
        require("IPv6 version", view[0] >> 4, 6, 6)
        length = view[4] << 8 | view[5]
        require("IPv6 payload length", length, 0, len(view) - HEADER_LENGTH, "bytes")
        self.buf = view[: HEADER_LENGTH + length]

    @property
    def total_length(self) -> int:
        """Header and payload in bytes."""
        return len(self.buf)

    @property
    def traffic_class(self) -> int:
        """8 bits: DSCP in the upper six, ECN in the lower two (RFC 2474, RFC 3168)."""
        return (self.buf[0] & 15) << 4 | self.buf[1] >> 4

    @property
    def dscp(self) -> int:
        return self.traffic_class >> 2

    @property
    def ecn(self) -> int:
        return self.traffic_class & 3

    @property
    def flow_label(self) -> int:
        """20 bits (RFC 6437)."""
        return int.from_bytes(self.buf[1:4]) & 0xFFFFF

    @property
    def next_header(self) -> int:
        """The number of what follows the fixed header: an extension header or the upper layer."""
        return self.buf[6]

    @property
    def hop_limit(self) -> int:
        return self.buf[7]

    @property
    def source(self) -> bytes:
        """16 packed bytes."""
        return bytes(self.buf[8:24])

    @property
    def destination(self) -> bytes:
        """16 packed bytes."""
        return bytes(self.buf[24:40])

    @property
    def payload(self) -> memoryview:
        """All that follows the fixed header, extension headers included."""
        return self.buf[HEADER_LENGTH:]

    def extensions(self) -> Iterator[Extension]:
        """The extension headers in order; raises :exc:`PacketError` where one does not fit into the packet.

        The walk ends after the fragment header of a fragment that is not the first: what stands there is data
        from the middle of a packet.
        """
        kind, offset = self.next_header, HEADER_LENGTH
        while kind in EXTENSIONS:
            require_at_least(f"IPv6 extension header {kind}", len(self.buf) - offset, 8)
            units = self.buf[offset + 1]
            if kind == FRAGMENT:
                length = 8  # section 4.5: fixed, the second byte is reserved
            elif kind == AUTHENTICATION:
                length = (units + 2) * 4  # RFC 4302 section 2.2: in words of four bytes, minus two
            else:
                length = (units + 1) * 8  # in units of eight bytes, not counting the first
            require_at_least(f"IPv6 extension header {kind}", len(self.buf) - offset, length)
            yield Extension(kind, offset, length)
            if kind == FRAGMENT and self._fragment_offset(offset):
                return
            kind, offset = self.buf[offset], offset + length

    def upper_layer(self) -> UpperLayer:
        """Where the extension headers end and what begins there; raises as :meth:`extensions` does."""
        protocol, offset, fragment_offset, more = self.next_header, HEADER_LENGTH, 0, False
        for extension in self.extensions():
            protocol, offset = self.buf[extension.offset], extension.offset + extension.length
            if extension.kind == FRAGMENT:
                fragment_offset = self._fragment_offset(extension.offset)
                more = bool(self.buf[extension.offset + 3] & 1)
        return UpperLayer(protocol, offset, fragment_offset, more)

    def _fragment_offset(self, offset: int) -> int:
        """The upper 13 bits of the field count units of eight bytes: cleared of the rest, it counts bytes."""
        return (self.buf[offset + 2] << 8 | self.buf[offset + 3]) & 0xFFF8

    def header(self) -> "Header":
        """The fixed header's fields as a value; the payload length follows when it is built."""
        return Header(
            source=self.source,
            destination=self.destination,
            next_header=self.next_header,
            hop_limit=self.hop_limit,
            dscp=self.dscp,
            ecn=self.ecn,
            flow_label=self.flow_label,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The fields of the fixed header that are free to choose; units as in :class:`Packet`."""

    source: bytes
    destination: bytes
    next_header: int
    hop_limit: int = DEFAULT_HOP_LIMIT
    dscp: int = 0
    ecn: int = 0
    flow_label: int = 0

    def build(self, payload: Buffer = b"") -> bytes:
        """The packet; ``payload`` begins with the header that ``next_header`` names.

        Raises :exc:`PacketError` for a payload beyond 65535 bytes and a field beyond its width.
        """
        require("IPv6 payload length", len(payload), 0, 0xFFFF, "bytes")
        require("IPv6 source", len(self.source), 16, 16, "bytes")
        require("IPv6 destination", len(self.destination), 16, 16, "bytes")
        require("IPv6 next header", self.next_header, 0, 0xFF)
        require("IPv6 hop limit", self.hop_limit, 0, 0xFF)
        require("IPv6 DSCP", self.dscp, 0, 0x3F)
        require("IPv6 ECN", self.ecn, 0, 3)
        require("IPv6 flow label", self.flow_label, 0, 0xFFFFF)
        first = 6 << 28 | self.dscp << 22 | self.ecn << 20 | self.flow_label
        fields = (first, len(payload), self.next_header, self.hop_limit, self.source, self.destination)
        return _HEADER.pack(*fields) + payload
