"""The capture file format pcapng, as far as a recorder needs it: one section, written block by block.

Rule: what has been written so far is a valid file at any time, so it may be read while it grows. Numbers are
little-endian, times are nanoseconds since 1970. Secrets stand before the packets that they open: a reader
uses what it has read. Section: draft-ietf-opsawg-pcapng, the blocks "Section Header", "Interface
Description", "Enhanced Packet" and "Decryption Secrets".
"""

import struct
from enum import IntEnum
from typing import Final

LINKTYPE_RAW: Final = 101
"""Packets that begin with an IPv4 or IPv6 header, whichever the version says (tcpdump.org/linktypes.html)."""
SECRETS_WIREGUARD: Final = 0x57474B4C
"""Type of a WireGuard key log, "WGKL": the lines of :mod:`~glasstunnel.capture.keylog`."""
MAX_COMMENT: Final = 0xFFFF
"""Bytes of UTF-8 in a comment."""

_SECTION_HEADER, _INTERFACE, _PACKET, _SECRETS = 0x0A0D0D0A, 1, 6, 10
_BYTE_ORDER_MAGIC, _VERSION = 0x1A2B3C4D, (1, 0)
_UNKNOWN_LENGTH = -1  # of the section: it grows
_END_OF_OPTIONS, _COMMENT = 0, 1
_SHB_USERAPPL = 4
_IF_NAME, _IF_TSRESOL, _NANOSECONDS = 2, 9, 9  # the resolution is 10 to the minus this
_EPB_FLAGS = 2


class Direction(IntEnum):
    """Where a packet was going, seen from the interface: the two lowest bits of the packet's flags."""

    UNKNOWN = 0
    INBOUND = 1
    OUTBOUND = 2


def section_header(application: str = "", comment: str = "") -> bytes:
    """The beginning of a file, with the name of the program that writes it."""
    body = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, *_VERSION, _UNKNOWN_LENGTH)
    return _block(_SECTION_HEADER, body + _options((_SHB_USERAPPL, application.encode()), comment=comment))


def interface(name: str, linktype: int = LINKTYPE_RAW, comment: str = "") -> bytes:
    """An interface. They are numbered from 0 as they come; no packet of theirs is cut off."""
    options = _options((_IF_NAME, name.encode()), (_IF_TSRESOL, bytes((_NANOSECONDS,))), comment=comment)
    return _block(_INTERFACE, struct.pack("<HHI", linktype, 0, 0) + options)


def packet(
    number: int,
    at: int,
    data: bytes | memoryview,
    direction: Direction = Direction.UNKNOWN,
    comment: str = "",
) -> bytes:
    """A packet.

    Args:
        number: of its interface.
        at: nanoseconds since 1970.
        data: the whole packet, of the interface's link type.
        direction: whether it came in or went out.
        comment: shown beside it.

    Raises:
        ValueError: if ``at`` is no 64-bit number, or the comment has more than 65535 bytes.
    """
    if not 0 <= at < 1 << 64:
        raise ValueError(f"time of a packet: expected nanoseconds since 1970 in 64 bits, got {at}")
    head = struct.pack("<IIIII", number, at >> 32, at & 0xFFFFFFFF, len(data), len(data))
    flags = struct.pack("<I", direction) if direction else b""
    return _block(_PACKET, head + _padded(bytes(data)) + _options((_EPB_FLAGS, flags), comment=comment))


def secrets(data: bytes, kind: int = SECRETS_WIREGUARD) -> bytes:
    """What opens packets that come later: for WireGuard the text of a key log."""
    return _block(_SECRETS, struct.pack("<II", kind, len(data)) + _padded(data))


def _block(kind: int, body: bytes) -> bytes:
    """A block begins and ends with its length, so that a reader can go both ways."""
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _options(*options: tuple[int, bytes], comment: str) -> bytes:
    """The options that have a value, the comment first; nothing at all if none has."""
    text = comment.encode()
    if len(text) > MAX_COMMENT:
        raise ValueError(f"comment: expected at most {MAX_COMMENT} bytes of UTF-8, got {len(text)}")
    listed = b"".join(
        struct.pack("<HH", code, len(value)) + _padded(value)
        for code, value in ((_COMMENT, text), *options)
        if value
    )
    return listed + struct.pack("<HH", _END_OF_OPTIONS, 0) if listed else b""


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
