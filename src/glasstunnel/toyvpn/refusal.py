"""The ICMP message with which a host refuses a datagram: port unreachable, as of a closed port.

Rule: it quotes the datagram's IP and UDP headers, for from these the sender's kernel finds the socket that is
to hear of it; what the datagram held is nobody's business. Section: RFC 792 (type 3, code 3), RFC 4443
section 3.1 (type 1, code 4).
"""

from struct import Struct
from typing import Final

from glasstunnel.ip import icmp, ipv4, ipv6
from glasstunnel.ip.address import format_address, parse_address

_CODE_PORT_V4: Final = 3
_CODE_PORT_V6: Final = 4
_UDP: Final = 17
Address = tuple[str, int]
"""Address and UDP port of one side."""
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


def parse_port_unreachable(message: bytes | memoryview, family: int) -> tuple[Address, Address] | None:
    """Whose datagram is refused and by whom, address and port each; None for any other message.

    Of a long datagram no more is quoted than its beginning.

    Args:
        message: an ICMP message if ``family`` is 4, ICMPv6 if it is 6.
    """
    what, quoted = bytes(message[:2]), bytes(message[icmp.HEADER_LENGTH :])
    if family == 4:
        wanted = bytes((icmp.DESTINATION_UNREACHABLE, _CODE_PORT_V4))
        protocol, addresses, upper = quoted[9:10], quoted[12:20], (quoted[:1] or b"\0")[0] % 16 * 4
    else:
        wanted = bytes((icmp.V6_DESTINATION_UNREACHABLE, _CODE_PORT_V6))
        protocol, addresses, upper = quoted[6:7], quoted[8:40], ipv6.HEADER_LENGTH
    ports = quoted[upper : upper + 4]
    if (what, protocol) != (wanted, bytes((_UDP,))) or len(ports) < 4:
        return None
    half = len(addresses) // 2
    client = format_address(addresses[:half]), int.from_bytes(ports[:2])
    return client, (format_address(addresses[half:]), int.from_bytes(ports[2:]))
