"""What a kernel does with super-packets, packet by packet and from the values of each header.

Rule: made of the builders of :mod:`glasstunnel.ip` alone, so that it may be held against the code that works
a column at a time. Section: Linux segmentation-offloads.rst; virtio 1.2 §5.1.6.
"""

from dataclasses import replace

from glasstunnel.ip import ipv4, ipv6, tcp, udp
from glasstunnel.ip.checksum import ones_complement_sum, pseudo_header
from glasstunnel.ip.tcp import Flag

NOTHING = bytes(10)
NEEDS_CSUM = 1
TCPV4, TCPV6, UDP_L4 = 1, 4, 5
LAST, FIRST = Flag.FIN | Flag.PSH, Flag.CWR


def super_packet(packet: bytes, step: int) -> bytes:
    """A packet of TCP or UDP with the virtio header that asks for segments of ``step`` bytes."""
    upper = upper_layer(packet)
    protocol = packet[9] if upper == 20 else packet[6]
    is_tcp = protocol == tcp.PROTOCOL
    length, offset = len(packet) - upper, 16 if is_tcp else 6
    begin = upper + (packet[upper + 12] >> 4) * 4 if is_tcp else upper + 8
    kind = (TCPV4 if upper == 20 else TCPV6) if is_tcp else UDP_L4
    half = len(packet[8:upper]) // 2 if upper == 40 else 4
    addresses = packet[upper - 2 * half : upper]
    pseudo = ones_complement_sum(b"", pseudo_header(addresses[:half], addresses[half:], protocol, length))
    open_ = packet[: upper + offset] + pseudo.to_bytes(2) + packet[upper + offset + 2 :]
    fields = ((NEEDS_CSUM, 1), (kind, 1), *((n, 2) for n in (begin, step, upper, offset)))
    return b"".join(number.to_bytes(size, "little") for number, size in fields) + open_


def written(data: bytes) -> list[bytes]:
    """The packets that the kernel takes out of what was written to a TUN with virtio headers."""
    flags, kind = data[:2]
    step, start, offset = (int.from_bytes(data[i : i + 2], "little") for i in (4, 6, 8))
    packet = data[10:]
    if not kind:
        if flags & NEEDS_CSUM:
            sum_ = ~ones_complement_sum(packet[start:]) & 0xFFFF
            packet = packet[: start + offset] + sum_.to_bytes(2) + packet[start + offset + 2 :]
        return [packet]
    assert flags == NEEDS_CSUM
    assert start == upper_layer(packet)
    assert data == super_packet(packet, step), "the sum of the pseudo-header, and the rest of the header"
    return segments(packet, step)


def segments(packet: bytes, step: int) -> list[bytes]:
    """The packets that a super-packet stands for, each built from its values."""
    upper = upper_layer(packet)
    ip = ipv4.Packet(packet).header() if upper == 20 else ipv6.Packet(packet).header()
    data, found = packet[upper:], list[bytes]()
    if (packet[9] if upper == 20 else packet[6]) == udp.PROTOCOL:
        ports = udp.Header(source_port=int.from_bytes(data[:2]), destination_port=int.from_bytes(data[2:4]))
        found = [
            ports.build(data[at : at + step], ip.source, ip.destination) for at in range(8, len(data), step)
        ]
    else:
        segment = tcp.Segment(data)
        header, payload = segment.header(), bytes(segment.payload)
        for at in range(0, len(payload), step):
            flags = header.flags
            flags &= ~(Flag(0) if at + step >= len(payload) else LAST) & 0xFF
            flags &= ~(FIRST if at else Flag(0)) & 0xFF
            sequence = (header.sequence + at) & 0xFFFFFFFF
            one = replace(header, flags=flags, sequence=sequence)
            found.append(one.build(payload[at : at + step], ip.source, ip.destination))
    if isinstance(ip, ipv6.Header):
        return [ip.build(one) for one in found]
    counts = 0 if ip.dont_fragment else 1
    return [
        replace(ip, identification=(ip.identification + counts * i) & 0xFFFF).build(one)
        for i, one in enumerate(found)
    ]


def upper_layer(packet: bytes) -> int:
    """Where it begins."""
    return (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40


def tcp_packet(
    source: bytes,
    destination: bytes,
    payload: bytes,
    *,
    sequence: int = 1000,
    flags: Flag = Flag.ACK,
    ecn: int = 0,
    port: int = 5000,
    dont_fragment: bool = True,
    options: bytes = b"",
) -> bytes:
    """A complete packet of TCP."""
    header = tcp.Header(
        source_port=port, destination_port=80, sequence=sequence, flags=flags, window=500, options=options
    )
    segment = header.build(payload, source, destination)
    if len(source) == 16:
        return ipv6.Header(source=source, destination=destination, next_header=6, ecn=ecn).build(segment)
    return ipv4.Header(
        source=source,
        destination=destination,
        protocol=6,
        ecn=ecn,
        identification=7,
        dont_fragment=dont_fragment,
    ).build(segment)


def udp_packet(source: bytes, destination: bytes, payload: bytes, *, ecn: int = 0, port: int = 5000) -> bytes:
    """A complete packet of UDP."""
    datagram = udp.Header(source_port=port, destination_port=53).build(payload, source, destination)
    if len(source) == 16:
        return ipv6.Header(source=source, destination=destination, next_header=17, ecn=ecn).build(datagram)
    return ipv4.Header(
        source=source, destination=destination, protocol=17, ecn=ecn, dont_fragment=True
    ).build(datagram)
