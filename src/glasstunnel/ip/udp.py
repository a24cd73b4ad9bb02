"""UDP (RFC 768, over IPv6 RFC 8200 section 8.1): a view and a header value.

Rule: the checksum covers the addresses too, so whoever checks or builds a datagram brings them, packed.
"""

from dataclasses import dataclass
from struct import Struct

from glasstunnel.ip import Buffer
from glasstunnel.ip.checksum import checksum, pseudo_header, verifies
from glasstunnel.ip.fields import require, require_at_least

PROTOCOL = 17
HEADER_LENGTH = 8  # bytes
CHECKSUM_OFFSET = 6  # bytes from the header's begin

_HEADER = Struct("!HHHH")


class Datagram:
    """A view of one UDP datagram; raises :exc:`PacketError` if it is cut short.

    It is trimmed to the length field: bytes of the IP payload beyond it do not belong to the datagram.
    """

    __slots__ = ("buf",)

    def __init__(self, buf: Buffer) -> None:
        view = memoryview(buf)
        require_at_least("UDP datagram", len(view), HEADER_LENGTH)
        length = view[4] << 8 | view[5]
        require("UDP length", length, HEADER_LENGTH, len(view), "bytes")
        self.buf = view[:length]

    @property
    def source_port(self) -> int:
        return self.buf[0] << 8 | self.buf[1]

    @property
    def destination_port(self) -> int:
        return self.buf[2] << 8 | self.buf[3]

    @property
    def length(self) -> int:
        """Header and payload in bytes."""
        return len(self.buf)

    @property
    def checksum(self) -> int:
        """0 means over IPv4 that the sender made none."""
        return self.buf[6] << 8 | self.buf[7]

    @property
    def payload(self) -> memoryview:
        return self.buf[HEADER_LENGTH:]

    def checksum_ok(self, source: bytes, destination: bytes) -> bool:
        """Whether the checksum is right for these packed addresses.

        A checksum of 0 is accepted over IPv4 and refused over IPv6 (RFC 8200 section 8.1).
        """
        if self.checksum == 0:
            return len(source) == 4
        return verifies(self.buf, pseudo_header(source, destination, PROTOCOL, len(self.buf)))

    def header(self) -> "Header":
        return Header(self.source_port, self.destination_port)


@dataclass(frozen=True, slots=True)
class Header:
    """The two ports, 0..65535."""

    source_port: int
    destination_port: int

    def build(self, payload: Buffer, source: bytes, destination: bytes) -> bytes:
        """The datagram with length and checksum; ``source`` and ``destination`` are packed addresses.

        Raises :exc:`PacketError` for a port or a length beyond 16 bits.
        """
        require("UDP source port", self.source_port, 0, 0xFFFF)
        require("UDP destination port", self.destination_port, 0, 0xFFFF)
        length = HEADER_LENGTH + len(payload)
        require("UDP length", length, HEADER_LENGTH, 0xFFFF, "bytes")
        ports = (self.source_port, self.destination_port, length)
        pseudo = pseudo_header(source, destination, PROTOCOL, length)
        # A computed 0 is sent as its other form, because 0 in the field means "none made" (RFC 768).
        value = checksum(_HEADER.pack(*ports, 0) + payload, pseudo) or 0xFFFF
        return _HEADER.pack(*ports, value) + payload
