"""What a tunnel asks of every packet, answered straight from the buffer.

Rule: these functions run once or twice per packet on the hot path, so they read fields in place (``buf`` is
bytes, bytearray or memoryview, the packet begins at ``offset``), make no object but their result, and check
nothing twice: :func:`total_length` is the gate, and the other functions may be called only for a packet that
passed it. Field positions: RFC 791 section 3.1 and RFC 8200 section 3.
"""

from glasstunnel.ip import Buffer

IPV4_HEADER = 20  # bytes, without options: RFC 791 section 3.1
IPV6_HEADER = 40  # bytes: RFC 8200 section 3


def version(buf: Buffer, offset: int = 0) -> int:
    """The IP version field: 4, 6, or whatever nonsense (0..15) a non-empty buffer's first byte holds."""
    return buf[offset] >> 4


def total_length(buf: Buffer, offset: int, available: int) -> int:
    """How many bytes the IP header says the packet has, header included; 0 if it cannot be believed.

    ``available`` is how many bytes from ``offset`` on belong to the packet or its padding. WireGuard's
    receiver trims the zero padding with this (paper section 5.4.6). The answer is 0 when the version is
    neither 4 nor 6, when the header does not fit, when an IPv4 header length is below 20 bytes or beyond the
    total length, and when the header states more than ``available``.
    """
    if available < IPV4_HEADER:
        return 0
    first = buf[offset]
    if first >> 4 == 4:
        length = buf[offset + 2] << 8 | buf[offset + 3]
        return length if IPV4_HEADER <= (first & 15) << 2 <= length <= available else 0
    if first >> 4 == 6:
        length = (buf[offset + 4] << 8 | buf[offset + 5]) + IPV6_HEADER
        return length if length <= available else 0
    return 0


def source(buf: Buffer, offset: int = 0) -> bytes:
    """The packed source address: 4 bytes of an IPv4 packet, 16 of an IPv6 packet."""
    if buf[offset] >> 4 == 4:
        return bytes(buf[offset + 12 : offset + 16])
    return bytes(buf[offset + 8 : offset + 24])


def destination(buf: Buffer, offset: int = 0) -> bytes:
    """The packed destination address: 4 bytes of an IPv4 packet, 16 of an IPv6 packet."""
    if buf[offset] >> 4 == 4:
        return bytes(buf[offset + 16 : offset + 20])
    return bytes(buf[offset + 24 : offset + 40])


def ecn(buf: Buffer, offset: int = 0) -> int:
    """The two ECN bits (RFC 3168): 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE."""
    if buf[offset] >> 4 == 4:
        return buf[offset + 1] & 3
    return buf[offset + 1] >> 4 & 3
