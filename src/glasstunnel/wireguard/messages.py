"""The four messages: parse and build, and nothing else.

Rule: a message is its bytes; a field is at a fixed place, integers are little-endian, and there is no magic
number: the first four bytes are the type and three reserved zeros. Section: WP §5.4.2 to §5.4.7; kernel
messages.h:56-114.
"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Self


class MessageType(IntEnum):
    """First byte of every message (kernel messages.h ``enum message_type``)."""

    INITIATION = 1
    RESPONSE = 2
    COOKIE_REPLY = 3
    TRANSPORT_DATA = 4


INITIATION_SIZE = 148
RESPONSE_SIZE = 92
COOKIE_REPLY_SIZE = 64
TRANSPORT_HEADER_SIZE = 16
TAG_SIZE = 16
KEEPALIVE_SIZE = TRANSPORT_HEADER_SIZE + TAG_SIZE
"""32 bytes: transport data without a packet, the smallest there is."""
PADDING_MULTIPLE = 16
MAX_PACKET_SIZE = 65472
"""The longest packet that fits: sealed it has 65504 bytes, and a UDP datagram over IPv4 carries 65507."""

_INITIATION = Struct("<B3xI32s48s28s16s16s")
_RESPONSE = Struct("<B3xII32s16s16s16s")
_COOKIE_REPLY = Struct("<B3xI24s32s")
TRANSPORT_HEADER = Struct("<B3xIQ")
"""Type 4, three reserved zeros, receiver index, counter."""
_UINT32 = Struct("<I")


class MessageError(ValueError):
    """A datagram that is not a message: the text names the field and what was expected."""


def message_type(datagram: bytes | memoryview) -> MessageType:
    """The type of a datagram, once its reserved bytes are zero and its length fits that type.

    Raises:
        MessageError: naming the type, the reserved bytes or the length.
    """
    if len(datagram) < 4:
        raise MessageError(f"length: expected at least 4 bytes, got {len(datagram)}")
    (number,) = _UINT32.unpack_from(datagram)
    try:
        kind = MessageType(number)
    except ValueError:
        raise MessageError(f"type: expected 1 to 4 and three zero bytes, got {number:#010x}") from None
    if kind is MessageType.TRANSPORT_DATA:
        if len(datagram) < KEEPALIVE_SIZE:
            raise MessageError(
                f"length: transport data has at least {KEEPALIVE_SIZE} bytes, got {len(datagram)}"
            )
    elif len(datagram) != _SIZES[kind]:
        raise MessageError(f"length: {kind.name.lower()} has {_SIZES[kind]} bytes, got {len(datagram)}")
    return kind


_SIZES = {
    MessageType.INITIATION: INITIATION_SIZE,
    MessageType.RESPONSE: RESPONSE_SIZE,
    MessageType.COOKIE_REPLY: COOKIE_REPLY_SIZE,
}


@dataclass(frozen=True, slots=True)
class Initiation:
    """Type 1, 148 bytes (WP §5.4.2): 4 type, 4 sender, 32 ephemeral, 48 static, 28 timestamp, 16 mac1, 16
    mac2.
    """

    sender: int
    ephemeral: bytes
    encrypted_static: bytes
    encrypted_timestamp: bytes
    mac1: bytes = bytes(16)
    mac2: bytes = bytes(16)

    @classmethod
    def parse(cls, datagram: bytes | memoryview) -> Self:
        """Take 148 bytes apart; :func:`message_type` has looked at type and length."""
        return cls(*_INITIATION.unpack(datagram)[1:])

    def build(self) -> bytes:
        """The 148 bytes."""
        return _INITIATION.pack(
            MessageType.INITIATION,
            self.sender,
            self.ephemeral,
            self.encrypted_static,
            self.encrypted_timestamp,
            self.mac1,
            self.mac2,
        )


@dataclass(frozen=True, slots=True)
class Response:
    """Type 2, 92 bytes (WP §5.4.3): 4 type, 4 sender, 4 receiver, 32 ephemeral, 16 empty, 32 MACs."""

    sender: int
    receiver: int
    ephemeral: bytes
    encrypted_nothing: bytes
    mac1: bytes = bytes(16)
    mac2: bytes = bytes(16)

    @classmethod
    def parse(cls, datagram: bytes | memoryview) -> Self:
        """Take 92 bytes apart; :func:`message_type` has looked at type and length."""
        return cls(*_RESPONSE.unpack(datagram)[1:])

    def build(self) -> bytes:
        """The 92 bytes."""
        return _RESPONSE.pack(
            MessageType.RESPONSE,
            self.sender,
            self.receiver,
            self.ephemeral,
            self.encrypted_nothing,
            self.mac1,
            self.mac2,
        )


@dataclass(frozen=True, slots=True)
class CookieReply:
    """Type 3, 64 bytes (WP §5.4.7): 4 type, 4 receiver, 24 nonce, 16 cookie and 16 tag."""

    receiver: int
    nonce: bytes
    encrypted_cookie: bytes

    @classmethod
    def parse(cls, datagram: bytes | memoryview) -> Self:
        """Take 64 bytes apart; :func:`message_type` has looked at type and length."""
        return cls(*_COOKIE_REPLY.unpack(datagram)[1:])

    def build(self) -> bytes:
        """The 64 bytes."""
        return _COOKIE_REPLY.pack(MessageType.COOKIE_REPLY, self.receiver, self.nonce, self.encrypted_cookie)


def receiver_index(datagram: bytes | memoryview) -> int:
    """Receiver index of transport data: bytes 4 to 8."""
    index: int = _UINT32.unpack_from(datagram, 4)[0]
    return index


sender_index = receiver_index
"""Sender index of an initiation or a response: it stands in the same place."""


def padded_size(size: int, mtu: int) -> int:
    """Length of a packet after padding: the next multiple of 16, but never past the MTU (kernel send.c:142).

    A packet longer than the MTU, or one on a path whose MTU is not known (0), is padded as its last part
    would be.
    """
    if mtu == 0:
        return -(-size // PADDING_MULTIPLE) * PADDING_MULTIPLE
    last = size % mtu if size > mtu else size
    return size - last + min(mtu, -(-last // PADDING_MULTIPLE) * PADDING_MULTIPLE)
