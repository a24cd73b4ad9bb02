"""A user-space echo responder: an IP packet in, the reply or None out.

Rule: it answers exactly what a host must answer, an intact echo request from one host to one host (RFC 1122
section 3.2.2.6, RFC 4443 section 4.2), whatever the destination address: whose packets it gets to see is the
caller's choice. It keeps nothing, so a request in fragments stays unanswered.
"""

from glasstunnel.ip import Buffer, PacketError, icmp, ipv4, ipv6
from glasstunnel.ip.address import is_single_host
from glasstunnel.ip.options import parse_options

_SOURCE_ROUTES = (131, 137)  # loose and strict: RFC 791 section 3.1


def reply(packet: Buffer) -> bytes | None:
    """The echo reply to ``packet``, as a complete IP packet, or None if it is no echo request to be answered.

    The reply goes from the request's destination to its source and carries its data unchanged. The DSCP is
    kept (RFC 1349 section 5.1), the ECN bits are not: nobody here reacts to congestion. IPv4: identification
    and DF are the request's, so they are as unique as those were; options are not sent back, and a
    source-routed request, which would have to return by the same route, is not answered. IPv6: extension
    headers are not sent back.
    """
    try:
        if len(packet) and packet[0] >> 4 == 6:
            return _reply_v6(ipv6.Packet(packet))
        return _reply_v4(ipv4.Packet(packet))
    except PacketError:
        return None


def _reply_v4(packet: ipv4.Packet) -> bytes | None:
    if packet.protocol != icmp.PROTOCOL or packet.is_fragment or not packet.checksum_ok:
        return None
    if not (is_single_host(packet.source) and is_single_host(packet.destination)):
        return None
    message = icmp.Message(packet.payload)
    if message.type != icmp.ECHO_REQUEST or message.code != 0 or not message.checksum_ok():
        return None
    if any(option.kind in _SOURCE_ROUTES for option in parse_options(packet.options)):
        return None
    header = ipv4.Header(
        source=packet.destination,
        destination=packet.source,
        protocol=icmp.PROTOCOL,
        dscp=packet.dscp,
        identification=packet.identification,
        dont_fragment=packet.dont_fragment,
    )
    return header.build(icmp.build(icmp.ECHO_REPLY, 0, message.rest, message.body))


def _reply_v6(packet: ipv6.Packet) -> bytes | None:
    upper = packet.upper_layer()
    if upper.protocol != icmp.PROTOCOL_V6 or upper.is_fragment:
        return None
    if not (is_single_host(packet.source) and is_single_host(packet.destination)):
        return None
    if any(e.kind == ipv6.ROUTING and packet.buf[e.offset + 3] for e in packet.extensions()):
        return None  # segments left: the packet has not arrived yet, RFC 8200 section 4.4
    message = icmp.Message(packet.buf[upper.offset :])
    if message.type != icmp.V6_ECHO_REQUEST or message.code != 0:
        return None
    if not message.checksum_ok(packet.source, packet.destination):
        return None
    header = ipv6.Header(
        source=packet.destination,
        destination=packet.source,
        next_header=icmp.PROTOCOL_V6,
        dscp=packet.dscp,
    )
    return header.build(
        icmp.build(icmp.V6_ECHO_REPLY, 0, message.rest, message.body, packet.destination, packet.source)
    )
