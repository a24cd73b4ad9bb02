"""Options of IPv4 and TCP headers: one format (RFC 791 section 3.1, RFC 9293 section 3.1).

Rule: an option is its kind, its length in bytes with these two bytes counted, and its data. Only the kinds 0,
end of the list, and 1, no operation, are single bytes; they are padding and are never shown.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from glasstunnel.ip import Buffer, PacketError
from glasstunnel.ip.fields import require

END_OF_OPTIONS = 0
NO_OPERATION = 1
MAX_OPTIONS = 40  # bytes: both headers count words of four bytes in four bits, and five words are fixed


class Option(NamedTuple):
    """One option: its kind and its data, without the kind and length bytes."""

    kind: int
    data: bytes = b""


def parse_options(data: Buffer) -> Iterator[Option]:
    """The options in order; raises :exc:`PacketError` for a length below 2 or beyond the header."""
    at = 0
    while at < len(data) and data[at] != END_OF_OPTIONS:
        kind = data[at]
        if kind == NO_OPERATION:
            at += 1
            continue
        remain = len(data) - at
        if remain < 2 or not 2 <= data[at + 1] <= remain:
            got = data[at + 1] if remain > 1 else "none"
            raise PacketError(f"option {kind} length: expected 2 or more within {remain} bytes, got {got}")
        yield Option(kind, bytes(data[at + 2 : at + data[at + 1]]))
        at += data[at + 1]


def build_options(options: Iterable[Option]) -> bytes:
    """The options one after another, filled up with zeros (kind 0) to a multiple of 4 bytes.

    Raises :exc:`PacketError` for the kinds 0 and 1 and for more than 40 bytes.
    """
    data = bytearray()
    for kind, content in options:
        require("option kind", kind, 2, 0xFF)
        require("option data", len(content), 0, MAX_OPTIONS - 2, "bytes")
        data += bytes((kind, 2 + len(content))) + content
    require("options", len(data), 0, MAX_OPTIONS, "bytes")
    return bytes(data) + bytes(-len(data) % 4)
