"""The Internet checksum: RFC 1071, its pseudo-headers (RFC 9293 section 3.1, RFC 8200 section 8.1), RFC 1624.

Rule: a sum is the ones' complement sum of 16-bit big-endian words, a checksum its complement. Adding with
end-around carry is arithmetic modulo 65535, because 2**16 = 1 (mod 65535): the whole buffer read as one big
number and reduced once gives the sum, and the interpreter does both in C. The two zeros of ones' complement
are kept apart as an adder keeps them: 0 comes out only of zeros, every other multiple of 65535 is 0xffff.
"""

from glasstunnel.ip import Buffer


def ones_complement_sum(data: Buffer, initial: int = 0) -> int:
    """The sum of ``data`` and ``initial``, 0..0xffff. An odd last byte counts as the high half of a word.

    ``initial`` is any sum or non-negative number of sums already added up, such as a pseudo-header's.
    """
    number = int.from_bytes(data)
    if len(data) & 1:
        number <<= 8
    number += initial
    return number % 0xFFFF or (0xFFFF if number else 0)


def checksum(data: Buffer, initial: int = 0) -> int:
    """What goes into a checksum field that ``data`` holds as zero: the complement of the sum."""
    return ~ones_complement_sum(data, initial) & 0xFFFF


def verifies(data: Buffer, initial: int = 0) -> bool:
    """Whether ``data``, its checksum field included, sums to 0xffff (RFC 1071 section 1, step 3)."""
    return ones_complement_sum(data, initial) == 0xFFFF


def pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> int:
    """The sum of the pseudo-header, to be passed as ``initial``.

    ``source`` and ``destination`` are packed, 4 or 16 bytes; ``protocol`` is the upper layer's number (6 TCP,
    17 UDP, 58 ICMPv6); ``length`` is that of the upper layer's header and payload in bytes. The zeros between
    the fields and the width of the length differ between IPv4 and IPv6, but not the sum.
    """
    return int.from_bytes(source + destination) % 0xFFFF + protocol + (length >> 16) + (length & 0xFFFF)


def updated(old_checksum: int, old: Buffer, new: Buffer) -> int:
    """The checksum after the bytes ``old`` became ``new``: RFC 1624 equation 3, HC' = ~(~HC + ~m + m').

    Both hold the same even number of bytes, and the change begins at an even offset of the checksummed data.
    The result equals a checksum made anew, unless the data are all zeros now, which no IP packet's are.
    """
    return ~ones_complement_sum(new, (~old_checksum & 0xFFFF) + (~ones_complement_sum(old) & 0xFFFF)) & 0xFFFF
