"""Destination unreachable: the ICMP error of a tunnel without a peer for a packet, and when to be silent.

Rule: an error must never answer an error, nor a packet that many hosts received or that no single host sent:
otherwise errors multiply. IPv4: RFC 1122 section 3.2.2 and RFC 1812 section 4.3.2; IPv6: RFC 4443 section
2.4. Linux's WireGuard sends these two codes for a packet that no peer's allowed IPs cover (``wg_xmit``).
"""

from glasstunnel.ip import Buffer, PacketError, icmp, ipv4, ipv6
from glasstunnel.ip.address import is_for_many, is_single_host
from glasstunnel.ip.fields import require

MAX_IPV4_ERROR = 576  # bytes of the whole error packet: RFC 1812 section 4.3.2.3
PRECEDENCE_INTERNETWORK_CONTROL = 0x30  # as DSCP (CS6): RFC 1812 section 4.3.2.5


def host_unreachable(packet: Buffer, source: bytes) -> bytes | None:
    """The IP packet that reports ``packet`` undeliverable to its sender, or None if none may be sent.

    IPv4 gets destination unreachable with code 1 (host), IPv6 with code 3 (address). ``source`` is the packed
    address that the report comes from, of the packet's family; the undeliverable packet's own destination
    will do. An address of the sender itself will not: Linux drops an IPv4 packet that comes in from one of
    its own. None, too, for a packet that cannot be parsed. Raises :exc:`PacketError` only for a ``source`` of
    the wrong family.
    """
    try:
        view: ipv4.Packet | ipv6.Packet
        if len(packet) and packet[0] >> 4 == 6:
            view = ipv6.Packet(packet)
            silent = _must_be_silent_v6(view)
        else:
            view = ipv4.Packet(packet)
            silent = _must_be_silent_v4(view)
    except PacketError:
        return None
    require("ICMP source", len(source), len(view.source), len(view.source), "bytes")
    if silent:
        return None
    return _report_v4(view, source) if isinstance(view, ipv4.Packet) else _report_v6(view, source)


def _must_be_silent_v4(packet: ipv4.Packet) -> bool:
    if packet.fragment_offset or not is_single_host(packet.source) or is_for_many(packet.destination):
        return True
    # The type of an ICMP message cut below one byte is unknown: it may be an error.
    return packet.protocol == icmp.PROTOCOL and (not packet.payload or packet.payload[0] in icmp.ERRORS)


def _must_be_silent_v6(packet: ipv6.Packet) -> bool:
    upper = packet.upper_layer()
    if not is_single_host(packet.source) or is_for_many(packet.destination) or upper.fragment_offset:
        return True
    if upper.protocol != icmp.PROTOCOL_V6:
        return False
    kind = packet.buf[upper.offset] if upper.offset < len(packet.buf) else 0
    return kind < icmp.V6_FIRST_INFORMATIONAL or kind == icmp.V6_REDIRECT


def _report_v4(packet: ipv4.Packet, source: bytes) -> bytes:
    room = MAX_IPV4_ERROR - ipv4.HEADER_LENGTH - icmp.HEADER_LENGTH
    code = icmp.CODE_HOST_UNREACHABLE
    message = icmp.build(icmp.DESTINATION_UNREACHABLE, code, bytes(4), packet.buf[:room])
    header = ipv4.Header(
        source=source,
        destination=packet.source,
        protocol=icmp.PROTOCOL,
        dscp=PRECEDENCE_INTERNETWORK_CONTROL,
        dont_fragment=True,  # an atomic datagram needs no identification of its own: RFC 6864 section 4.1
    )
    return header.build(message)


def _report_v6(packet: ipv6.Packet, source: bytes) -> bytes:
    room = ipv6.MIN_MTU - ipv6.HEADER_LENGTH - icmp.HEADER_LENGTH  # RFC 4443 section 2.4 (c)
    code = icmp.V6_CODE_ADDRESS_UNREACHABLE
    body = packet.buf[:room]
    message = icmp.build(icmp.V6_DESTINATION_UNREACHABLE, code, bytes(4), body, source, packet.source)
    header = ipv6.Header(source=source, destination=packet.source, next_header=icmp.PROTOCOL_V6)
    return header.build(message)
