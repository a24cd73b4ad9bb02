"""IP packets as bytes: IPv4, IPv6, ICMP, ICMPv6, UDP and TCP parsed, built and checked.

Rule: pure. Nothing here opens a socket, reads a clock or keeps state. A parser is a view over the caller's
buffer and raises :exc:`PacketError`, and nothing else, on bytes it cannot accept; a value type builds bytes.
Sources: RFC 791, 8200, 792, 4443, 768, 9293, 1071.
"""

__all__ = ["Buffer", "PacketError"]

Buffer = bytes | bytearray | memoryview
"""What the parsers of this room read. A memoryview is contiguous and of format ``B``."""


class PacketError(ValueError):
    """Bytes or text are not what they should be; the message names the field and the expectation."""
