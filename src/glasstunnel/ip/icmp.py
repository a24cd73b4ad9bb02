"""ICMP (RFC 792) and ICMPv6 (RFC 4443) messages: a view that serves both, and the echo message as a value.

Rule: the two formats are one (type, code, checksum, four bytes that the type defines, body); what differs is
the meaning of the numbers and that ICMPv6 sums a pseudo-header too. So whoever checks or builds an ICMPv6
message brings the packed addresses, and whoever does not means ICMP of IPv4.
"""

from dataclasses import dataclass
from struct import Struct

from glasstunnel.ip import Buffer
from glasstunnel.ip.checksum import checksum, pseudo_header, verifies
from glasstunnel.ip.fields import require, require_at_least

PROTOCOL = 1  # in the IPv4 header
PROTOCOL_V6 = 58  # as IPv6 next header
HEADER_LENGTH = 8  # bytes, the four that the type defines included

# RFC 792, IANA "ICMP Type Numbers"
ECHO_REPLY = 0
DESTINATION_UNREACHABLE = 3
ECHO_REQUEST = 8
CODE_HOST_UNREACHABLE = 1
# Everything that reports an error: unreachable, source quench, redirect, time exceeded, parameter problem.
ERRORS = frozenset({3, 4, 5, 11, 12})

# RFC 4443, IANA "ICMPv6 type numbers"
V6_DESTINATION_UNREACHABLE = 1
V6_ECHO_REQUEST = 128
V6_ECHO_REPLY = 129
V6_REDIRECT = 137  # RFC 4861 section 4.5
V6_CODE_ADDRESS_UNREACHABLE = 3
V6_FIRST_INFORMATIONAL = 128  # below are the errors: RFC 4443 section 2.1

_HEADER = Struct("!BBH4s")


class Message:
    """A view of one ICMP or ICMPv6 message; raises :exc:`PacketError` below 8 bytes."""

    __slots__ = ("buf",)

    def __init__(self, buf: Buffer) -> None:
        self.buf = memoryview(buf)
        require_at_least("ICMP message", len(self.buf), HEADER_LENGTH)

    @property
    def type(self) -> int:
        return self.buf[0]

    @property
    def code(self) -> int:
        return self.buf[1]

    @property
    def checksum(self) -> int:
        return self.buf[2] << 8 | self.buf[3]

    @property
    def rest(self) -> bytes:
        """The four bytes whose meaning depends on the type."""
        return bytes(self.buf[4:8])

    @property
    def identifier(self) -> int:
        """Of an echo message: which program asked."""
        return self.buf[4] << 8 | self.buf[5]

    @property
    def sequence(self) -> int:
        """Of an echo message: which of its questions this is."""
        return self.buf[6] << 8 | self.buf[7]

    @property
    def body(self) -> memoryview:
        """What follows the first eight bytes: an echo's data, or a piece of the packet an error is about."""
        return self.buf[HEADER_LENGTH:]

    def checksum_ok(self, source: bytes = b"", destination: bytes = b"") -> bool:
        """Whether the checksum is right: of ICMPv6 with its packed addresses of 16 bytes, of ICMP without."""
        return verifies(self.buf, _pseudo(source, destination, len(self.buf)))


def build(
    kind: int, code: int, rest: bytes, body: Buffer, source: bytes = b"", destination: bytes = b""
) -> bytes:
    """A message with its checksum: ICMPv6 if given its packed addresses of 16 bytes, ICMP without them.

    ``rest`` is the four bytes whose meaning depends on ``kind``. Raises :exc:`PacketError` for a field beyond
    its width.
    """
    require("ICMP type", kind, 0, 0xFF)
    require("ICMP code", code, 0, 0xFF)
    require("ICMP header rest", len(rest), 4, 4, "bytes")
    pseudo = _pseudo(source, destination, HEADER_LENGTH + len(body))
    value = checksum(_HEADER.pack(kind, code, 0, rest) + body, pseudo)
    return _HEADER.pack(kind, code, value, rest) + body


@dataclass(frozen=True, slots=True)
class Echo:
    """An echo request, or the reply to one, of either family."""

    identifier: int
    sequence: int
    data: bytes = b""
    reply: bool = False

    def build(self, source: bytes = b"", destination: bytes = b"") -> bytes:
        """The message, ICMPv6 if given its packed addresses, ICMP without them; raises as :func:`build`."""
        require("ICMP echo identifier", self.identifier, 0, 0xFFFF)
        require("ICMP echo sequence", self.sequence, 0, 0xFFFF)
        if source:
            kind = V6_ECHO_REPLY if self.reply else V6_ECHO_REQUEST
        else:
            kind = ECHO_REPLY if self.reply else ECHO_REQUEST
        rest = self.identifier.to_bytes(2) + self.sequence.to_bytes(2)
        return build(kind, 0, rest, self.data, source, destination)


def _pseudo(source: bytes, destination: bytes, length: int) -> int:
    return pseudo_header(source, destination, PROTOCOL_V6, length) if source else 0
