"""The packet that keeps the sample's client alive: an echo request that the phone's own kernel answers.

Rule: the client lives as long as its TUN gives it something to send, and the server can see to that: what it
sends into the tunnel for the phone itself is answered by the phone. The answer comes back only if its
destination is routed into the tunnel, so the request's source is an address that the parameters route. The
server keeps the answer to itself. Section: RFC 792, RFC 4443 section 4; RFC 1122 section 3.2.2.6: every host
answers.
"""

from collections.abc import Sequence
from typing import Final

from glasstunnel.ip import PacketError, icmp, ipv4, ipv6
from glasstunnel.ip.address import InterfaceAddress, Prefix, is_single_host, mask

_DATA: Final = b"are you still there?"
_IDENTIFIER: Final = 0x7095


def source_for(
    client: Sequence[InterfaceAddress], routes: Sequence[Prefix], own: Sequence[bytes] = ()
) -> tuple[bytes, bytes] | None:
    """Source and destination of echo requests that a client answers through the tunnel; None if it answers
    none.

    Our own address is preferred, then the neighbour of the client's, then the first host of a route: that
    address need not be ours, for the answer comes to us whatever it is.
    """
    taken = {one.address for one in client}
    for address, _ in client:
        number, size = int.from_bytes(address), len(address)
        firsts = (int.from_bytes(prefix.address) + 1 for prefix in routes if len(prefix.address) == size)
        numbers = (number - 1, number + 1, *firsts)
        others = (other.to_bytes(size) for other in numbers if 0 <= other < 1 << 8 * size)
        for candidate in (*own, *others):
            routed = any(
                len(prefix.address) == size == len(candidate)
                and mask(candidate, prefix.length) == prefix.address
                for prefix in routes
            )
            if routed and candidate not in taken and is_single_host(candidate):
                return candidate, address
    return None


def request(source: bytes, destination: bytes, sequence: int) -> bytes:
    """The echo request, a complete IP packet."""
    echo = icmp.Echo(_IDENTIFIER, sequence & 0xFFFF, _DATA)
    if len(source) == 4:
        header = ipv4.Header(source=source, destination=destination, protocol=icmp.PROTOCOL)
        return header.build(echo.build())
    header6 = ipv6.Header(source=source, destination=destination, next_header=icmp.PROTOCOL_V6)
    return header6.build(echo.build(source, destination))


def is_answer(packet: bytes | memoryview, source: bytes) -> bool:
    """Whether an IP packet is the answer to a request that was sent from ``source``."""
    try:
        whole = ipv4.Packet(packet) if len(source) == 4 else ipv6.Packet(packet)
        if whole.destination != source:
            return False
        if isinstance(whole, ipv4.Packet):
            kind, is_icmp = icmp.ECHO_REPLY, whole.protocol == icmp.PROTOCOL and not whole.is_fragment
        else:
            kind, is_icmp = icmp.V6_ECHO_REPLY, whole.next_header == icmp.PROTOCOL_V6
        message = icmp.Message(whole.payload)
    except PacketError:
        return False
    return is_icmp and (message.type, message.identifier, bytes(message.body)) == (kind, _IDENTIFIER, _DATA)
