"""A tunnel whose datagrams would come back into it.

Rule: that datagrams to one peer are packets for another peer of the same interface is onion routing, and
works. Datagrams to a peer that are packets for the very same peer would be wrapped without an end, and once
they are longer than the MTU, each fragment of each again. The kernel lets that grow until the packets are too
long (socket.c, "remove errant restriction on looping to self"); here it ends where it begins. Section: WP §2.
"""

from socket import AF_INET, AF_INET6, inet_ntop

from glasstunnel.ip import PacketError, ipv4, ipv6, packet, udp
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.events import Path


def comes_back(burst: Burst, dst: bytes, port: int, endpoint: Path) -> bool:
    """Whether there is a datagram to ``endpoint`` from our UDP ``port`` among packets for that same peer.

    Args:
        burst: the packets, all of them for ``dst``, 4 or 16 bytes.
        port: that of our sockets.
        endpoint: the peer's.
    """
    host, remote_port = endpoint.remote
    if inet_ntop(AF_INET if len(dst) == 4 else AF_INET6, dst) != host:
        return False
    return any(_ports(one) == (port, remote_port) for one in burst.packets())


def _ports(one: memoryview) -> tuple[int, int] | None:
    """Source and destination port, if the packet is UDP and its header is not in another fragment."""
    try:
        if packet.version(one) == 4:
            view = ipv4.Packet(one)
            protocol, offset, later = view.protocol, view.header_length, view.fragment_offset
        else:
            layer = ipv6.Packet(one).upper_layer()
            protocol, offset, later = layer.protocol, layer.offset, layer.fragment_offset
    except PacketError:
        return None
    if protocol != udp.PROTOCOL or later or len(one) < offset + 4:
        return None
    return int.from_bytes(one[offset : offset + 2]), int.from_bytes(one[offset + 2 : offset + 4])
