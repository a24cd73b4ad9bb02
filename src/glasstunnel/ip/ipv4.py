"""IPv4 (RFC 791): a view that reads a packet in place, and a header value that builds one.

Rule: :class:`Packet` checks in its constructor all that its properties rely on, so no property can fail. It
trims the buffer to the total length, because link padding and WireGuard's zeros may follow. It does not judge
the header checksum: ask :attr:`Packet.checksum_ok`.
"""

from dataclasses import dataclass
from struct import Struct

from glasstunnel.ip import Buffer
from glasstunnel.ip.checksum import checksum, verifies
from glasstunnel.ip.fields import require, require_at_least, require_multiple
from glasstunnel.ip.options import MAX_OPTIONS

HEADER_LENGTH = 20  # bytes, without options: RFC 791 section 3.1
MAX_LENGTH = 0xFFFF  # bytes, header included
DEFAULT_TTL = 64  # IANA "IP Option Numbers" registry, recommended TTL

_HEADER = Struct("!BBHHHBBH4s4s")
_DONT_FRAGMENT = 0x4000
_MORE_FRAGMENTS = 0x2000


class Packet:
    """A view of one IPv4 packet; raises :exc:`PacketError` if the header cannot be believed."""

    __slots__ = ("buf", "header_length")

    def __init__(self, buf: Buffer) -> None:
        view = memoryview(buf)
        require_at_least("IPv4 packet", len(view), HEADER_LENGTH)
        require("IPv4 version", view[0] >> 4, 4, 4)
        self.header_length = (view[0] & 15) * 4
        require("IPv4 header length", self.header_length, HEADER_LENGTH, min(len(view), 60), "bytes")
        total = view[2] << 8 | view[3]
        require("IPv4 total length", total, self.header_length, len(view), "bytes")
        self.buf = view[:total]

    @property
    def total_length(self) -> int:
        """Header and payload in bytes."""
        return len(self.buf)

    @property
    def dscp(self) -> int:
        """Differentiated services code point, 6 bits (RFC 2474)."""
        return self.buf[1] >> 2

    @property
    def ecn(self) -> int:
        """Explicit congestion notification, 2 bits (RFC 3168)."""
        return self.buf[1] & 3

    @property
    def identification(self) -> int:
        return self.buf[4] << 8 | self.buf[5]

    @property
    def dont_fragment(self) -> bool:
        return bool(self.buf[6] & 0x40)

    @property
    def more_fragments(self) -> bool:
        return bool(self.buf[6] & 0x20)

    @property
    def fragment_offset(self) -> int:
        """Where the payload stands in the unfragmented one, in bytes (the field counts units of eight)."""
        return ((self.buf[6] & 0x1F) << 8 | self.buf[7]) * 8

    @property
    def is_fragment(self) -> bool:
        return self.more_fragments or self.fragment_offset > 0

    @property
    def ttl(self) -> int:
        return self.buf[8]

    @property
    def protocol(self) -> int:
        """The upper layer's number: 1 ICMP, 6 TCP, 17 UDP."""
        return self.buf[9]

    @property
    def header_checksum(self) -> int:
        return self.buf[10] << 8 | self.buf[11]

    @property
    def checksum_ok(self) -> bool:
        return verifies(self.buf[: self.header_length])

    @property
    def source(self) -> bytes:
        """4 packed bytes."""
        return bytes(self.buf[12:16])

    @property
    def destination(self) -> bytes:
        """4 packed bytes."""
        return bytes(self.buf[16:20])

    @property
    def options(self) -> memoryview:
        """The options with their padding, 0..40 bytes, for :func:`~glasstunnel.ip.options.parse_options`."""
        return self.buf[HEADER_LENGTH : self.header_length]

    @property
    def payload(self) -> memoryview:
        return self.buf[self.header_length :]

    def header(self) -> "Header":
        """The header's fields as a value. Lengths and checksum are left out: they follow when it is built."""
        return Header(
            source=self.source,
            destination=self.destination,
            protocol=self.protocol,
            ttl=self.ttl,
            dscp=self.dscp,
            ecn=self.ecn,
            identification=self.identification,
            dont_fragment=self.dont_fragment,
            more_fragments=self.more_fragments,
            fragment_offset=self.fragment_offset,
            options=bytes(self.options),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The fields of an IPv4 header that are free to choose; units as in :class:`Packet`."""

    source: bytes
    destination: bytes
    protocol: int
    ttl: int = DEFAULT_TTL
    dscp: int = 0
    ecn: int = 0
    identification: int = 0
    dont_fragment: bool = False
    more_fragments: bool = False
    fragment_offset: int = 0
    options: bytes = b""

    def build(self, payload: Buffer = b"") -> bytes:
        """The packet: header with lengths and checksum filled in, then ``payload``.

        Raises :exc:`PacketError` for options that are no multiple of 4 bytes or more than 40, a fragment
        offset that is no multiple of 8, a packet beyond 65535 bytes, and a field beyond its width.
        """
        require_multiple("IPv4 options", len(self.options), 4, MAX_OPTIONS)
        require_multiple("IPv4 fragment offset", self.fragment_offset, 8, 0x1FFF * 8)
        header_length = HEADER_LENGTH + len(self.options)
        total = header_length + len(payload)
        require("IPv4 total length", total, HEADER_LENGTH, MAX_LENGTH, "bytes")
        require("IPv4 source", len(self.source), 4, 4, "bytes")
        require("IPv4 destination", len(self.destination), 4, 4, "bytes")
        require("IPv4 protocol", self.protocol, 0, 0xFF)
        require("IPv4 TTL", self.ttl, 0, 0xFF)
        require("IPv4 DSCP", self.dscp, 0, 0x3F)
        require("IPv4 ECN", self.ecn, 0, 3)
        require("IPv4 identification", self.identification, 0, 0xFFFF)
        header = bytearray(
            _HEADER.pack(
                0x40 | header_length // 4,
                self.dscp << 2 | self.ecn,
                total,
                self.identification,
                _DONT_FRAGMENT * self.dont_fragment
                | _MORE_FRAGMENTS * self.more_fragments
                | self.fragment_offset // 8,
                self.ttl,
                self.protocol,
                0,
                self.source,
                self.destination,
            )
        )
        header += self.options
        header[10:12] = checksum(header).to_bytes(2)
        return bytes(header) + payload
