"""Congestion marks across the tunnel.

Rule: a router that marks the outer packet must be heard by the inner connection, and a packet whose ends know
nothing of ECN must not carry a mark out of the tunnel. Section: RFC 6040 §4.2 for decapsulation; the kernel
delivers the packet that the RFC drops, marked outside and not ECN-capable inside. Encapsulation is RFC 3168
§9.1.1, as in the kernel (``INET_ECN_encapsulate``): the outer header of a packet already marked begins again
at ECT(0).
"""

from typing import Final

from glasstunnel.ip.checksum import updated
from glasstunnel.ip.packet import ecn, version

NOT_ECT: Final = 0
ECT_1: Final = 1
ECT_0: Final = 2
CE: Final = 3


def encapsulate(inner: int) -> int:
    """ECN bits of the outer header for a packet with these."""
    return ECT_0 if inner == CE else inner


def decapsulate(packet: memoryview, outer: int) -> bool:
    """Carry the outer ECN bits into an opened packet, in place; False if the packet must be dropped."""
    inner = ecn(packet)
    if outer == ECT_1 and inner == ECT_0:
        return _mark(packet, ECT_1)
    if outer != CE or inner == CE:
        return True
    return inner != NOT_ECT and _mark(packet, CE)


def _mark(packet: memoryview, bits: int) -> bool:
    """Give a packet these ECN bits, and its IPv4 header the checksum that goes with them."""
    if version(packet) == 6:
        packet[1] = packet[1] & 0b1100_1111 | bits << 4
        return True
    before = bytes(packet[:2])
    packet[1] = packet[1] & 0b1111_1100 | bits
    packet[10:12] = updated(int.from_bytes(packet[10:12]), before, packet[:2]).to_bytes(2)
    return True
