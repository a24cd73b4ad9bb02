"""The ICMP message with which a host refuses a datagram: port unreachable, as of a closed port.

Rule: it quotes the datagram's IP and UDP headers, for from these the sender's kernel finds the socket that is
to hear of it; what the datagram held is nobody's business. Section: RFC 792 (type 3, code 3), RFC 4443
section 3.1 (type 1, code 4).
"""

from struct import Struct
from typing import Final

from glasstunnel.ip import icmp, ipv4, ipv6
from glasstunnel.ip.address import parse_address

_CODE_PORT_V4: Final = 3
_CODE_PORT_V6: Final = 4
_UDP: Final = 17
_UDP_HEADER: Final = Struct("!HHHH")  # source port, destination port, length, checksum


def port_unreachable(client: tuple[str, int], server: tuple[str, int]) -> bytes:
    """The ICMP message, or ICMPv6 with its checksum, from ``server`` to ``client``: address and port each.

    A zone (``fe80::1%eth0``) is left out. Raises :exc:`~glasstunnel.ip.PacketError` for what is no address.
    """
    source, destination = (parse_address(host.partition("%")[0]) for host, _ in (client, server))
    quoted = _UDP_HEADER.pack(client[1], server[1], _UDP_HEADER.size, 0)
    if len(source) == 4:
        header = ipv4.Header(source=source, destination=destination, protocol=_UDP)
        body = header.build(quoted)
        return icmp.build(icmp.DESTINATION_UNREACHABLE, _CODE_PORT_V4, bytes(4), body)
    header6 = ipv6.Header(source=source, destination=destination, next_header=_UDP)
    body = header6.build(quoted)
    return icmp.build(icmp.V6_DESTINATION_UNREACHABLE, _CODE_PORT_V6, bytes(4), body, destination, source)
