"""TCP segments (RFC 9293 section 3.1): a view with its options, and a header value.

Rule: this is the format, not the protocol: no state, no window arithmetic. It serves checksums, the
description of packets, and the cutting and merging of segments on the data path.
"""

from dataclasses import dataclass
from enum import IntFlag
from struct import Struct

from glasstunnel.ip import Buffer
from glasstunnel.ip.checksum import checksum, pseudo_header, verifies
from glasstunnel.ip.fields import require, require_at_least, require_multiple
from glasstunnel.ip.options import MAX_OPTIONS

PROTOCOL = 6
HEADER_LENGTH = 20  # bytes, without options
CHECKSUM_OFFSET = 16  # bytes from the header's begin

_HEADER = Struct("!HHIIBBHHH")


class Flag(IntFlag):
    """The control bits, RFC 9293 section 3.1; CWR and ECE from RFC 3168."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10
    URG = 0x20
    ECE = 0x40
    CWR = 0x80


# Kinds of options
MAXIMUM_SEGMENT_SIZE = 2  # RFC 9293 section 3.7.1: u16, bytes
WINDOW_SCALE = 3  # RFC 7323 section 2: u8, a shift
SACK_PERMITTED = 4  # RFC 2018 section 2: no data
SACK = 5  # RFC 2018 section 3: pairs of u32, left and right edge
TIMESTAMPS = 8  # RFC 7323 section 3: u32 value, u32 echo reply


class Segment:
    """A view of one TCP segment; raises :exc:`PacketError` if the header does not fit."""

    __slots__ = ("buf", "header_length")

    def __init__(self, buf: Buffer) -> None:
        self.buf = memoryview(buf)
        require_at_least("TCP segment", len(self.buf), HEADER_LENGTH)
        self.header_length = (self.buf[12] >> 4) * 4
        require("TCP data offset", self.header_length, HEADER_LENGTH, min(len(self.buf), 60), "bytes")

    @property
    def source_port(self) -> int:
        return self.buf[0] << 8 | self.buf[1]

    @property
    def destination_port(self) -> int:
        return self.buf[2] << 8 | self.buf[3]

    @property
    def sequence(self) -> int:
        """The number of the first payload byte, modulo 2**32 (of the SYN itself if that is set)."""
        return int.from_bytes(self.buf[4:8])

    @property
    def acknowledgment(self) -> int:
        """The next byte that the sender expects, modulo 2**32; means nothing unless ACK is set."""
        return int.from_bytes(self.buf[8:12])

    @property
    def reserved(self) -> int:
        """4 bits that must be zero when sent and are ignored when received."""
        return self.buf[12] & 15

    @property
    def flags(self) -> Flag:
        return Flag(self.buf[13])

    @property
    def window(self) -> int:
        """The field itself, not scaled."""
        return self.buf[14] << 8 | self.buf[15]

    @property
    def checksum(self) -> int:
        return self.buf[16] << 8 | self.buf[17]

    @property
    def urgent_pointer(self) -> int:
        return self.buf[18] << 8 | self.buf[19]

    @property
    def options(self) -> memoryview:
        """The options with their padding, 0..40 bytes, for :func:`~glasstunnel.ip.options.parse_options`."""
        return self.buf[HEADER_LENGTH : self.header_length]

    @property
    def payload(self) -> memoryview:
        return self.buf[self.header_length :]

    def checksum_ok(self, source: bytes, destination: bytes) -> bool:
        """Whether the checksum is right for these packed addresses."""
        return verifies(self.buf, pseudo_header(source, destination, PROTOCOL, len(self.buf)))

    def header(self) -> "Header":
        """The header's fields as a value, without the data offset and checksum, which follow when built."""
        return Header(
            source_port=self.source_port,
            destination_port=self.destination_port,
            sequence=self.sequence,
            acknowledgment=self.acknowledgment,
            flags=self.flags,
            window=self.window,
            urgent_pointer=self.urgent_pointer,
            options=bytes(self.options),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The fields of a TCP header that are free to choose; ``options`` as from ``build_options``."""

    source_port: int
    destination_port: int
    sequence: int
    flags: Flag
    acknowledgment: int = 0
    window: int = 0
    urgent_pointer: int = 0
    options: bytes = b""

    def build(self, payload: Buffer, source: bytes, destination: bytes) -> bytes:
        """The segment with data offset and checksum; ``source`` and ``destination`` are packed addresses.

        Raises :exc:`PacketError` for options that are no multiple of 4 bytes or more than 40 and for a field
        beyond its width.
        """
        require_multiple("TCP options", len(self.options), 4, MAX_OPTIONS)
        require("TCP source port", self.source_port, 0, 0xFFFF)
        require("TCP destination port", self.destination_port, 0, 0xFFFF)
        require("TCP sequence number", self.sequence, 0, 0xFFFFFFFF)
        require("TCP acknowledgment number", self.acknowledgment, 0, 0xFFFFFFFF)
        require("TCP flags", self.flags, 0, 0xFF)
        require("TCP window", self.window, 0, 0xFFFF)
        require("TCP urgent pointer", self.urgent_pointer, 0, 0xFFFF)
        segment = bytearray(
            _HEADER.pack(
                self.source_port,
                self.destination_port,
                self.sequence,
                self.acknowledgment,
                (HEADER_LENGTH + len(self.options)) // 4 << 4,
                self.flags,
                self.window,
                0,
                self.urgent_pointer,
            )
        )
        segment += self.options
        segment += payload
        pseudo = pseudo_header(source, destination, PROTOCOL, len(segment))
        segment[CHECKSUM_OFFSET : CHECKSUM_OFFSET + 2] = checksum(segment, pseudo).to_bytes(2)
        return bytes(segment)
