"""Flows of TCP and UDP, their packets one by one, and super-packets with the header that the kernel writes.

The rule: nothing here knows how the code under test cuts or joins. :func:`expand` does it the slow way, with
the views and builders of :mod:`glasstunnel.ip`, one packet after the other, as segmentation-offloads.rst and
``tcp_gso_segment`` say.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from glasstunnel.ip import ipv4, ipv6, tcp, udp
from glasstunnel.ip.checksum import checksum, ones_complement_sum, pseudo_header, updated
from glasstunnel.ip.tcp import Flag
from glasstunnel.ip.virtio import VnetHeader

TCP, UDP = 6, 17
KINDS = {(4, TCP): 1, (6, TCP): 4, (4, UDP): 5, (6, UDP): 5}  # virtio 1.2 §5.1.6: VIRTIO_NET_HDR_GSO_...
CHECKSUM = {TCP: 16, UDP: 6}  # where the field lies in the header: RFC 9293 §3.1, RFC 768
TIMESTAMPS = bytes((1, 1, 8, 10)) + bytes(range(8))  # RFC 7323 appendix A
ADDRESSES = {
    4: (bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))),
    6: (b"\xfd" + bytes(14) + b"\1", b"\xfd" + bytes(14) + b"\2"),
}
NOISE = 0xA5  # what lies behind the packets of a matrix

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What the packets of a flow have in common; ``sequence`` and ``identification`` are the first one's."""

    version: int = 4
    protocol: int = TCP
    source_port: int = 40000
    destination_port: int = 5201
    sequence: int = 1000
    acknowledgment: int = 77
    flags: Flag = Flag.ACK
    window: int = 501
    urgent_pointer: int = 0
    options: bytes = b""
    """Of TCP."""
    identification: int = 1
    dont_fragment: bool = True
    ip_options: bytes = b""
    extensions: tuple[int, ...] = ()
    """Numbers of IPv6 extension headers, each of eight bytes."""
    ecn: int = 0
    dscp: int = 0
    ttl: int = 64
    flow_label: int = 0

    @property
    def addresses(self) -> tuple[bytes, bytes]:
        """Source and destination."""
        return ADDRESSES[self.version]

    def packet(self, payload: bytes) -> bytes:
        """The first packet of the flow, complete."""
        source, destination = self.addresses
        if self.protocol == UDP:
            upper = udp.Header(self.source_port, self.destination_port).build(payload, source, destination)
        else:
            upper = tcp.Header(
                source_port=self.source_port,
                destination_port=self.destination_port,
                sequence=self.sequence,
                acknowledgment=self.acknowledgment,
                flags=self.flags,
                window=self.window,
                urgent_pointer=self.urgent_pointer,
                options=self.options,
            ).build(payload, source, destination)
        if self.version == 4:
            return ipv4.Header(
                source=source,
                destination=destination,
                protocol=self.protocol,
                ttl=self.ttl,
                dscp=self.dscp,
                ecn=self.ecn,
                identification=self.identification,
                dont_fragment=self.dont_fragment,
                options=self.ip_options,
            ).build(upper)
        numbers = (*self.extensions, self.protocol)
        extensions = b"".join(bytes((following, 0, 1, 4, 0, 0, 0, 0)) for following in numbers[1:])  # PadN
        return ipv6.Header(
            source=source,
            destination=destination,
            next_header=numbers[0],
            hop_limit=self.ttl,
            dscp=self.dscp,
            ecn=self.ecn,
            flow_label=self.flow_label,
        ).build(extensions + upper)

    @property
    def upper(self) -> int:
        """Where TCP or UDP begins, in bytes."""
        return 20 + len(self.ip_options) if self.version == 4 else 40 + 8 * len(self.extensions)

    @property
    def begin(self) -> int:
        """Where the payload begins, in bytes."""
        return self.upper + (8 if self.protocol == UDP else 20 + len(self.options))

    def super_packet(self, payload: bytes, step: int) -> tuple[bytes, VnetHeader]:
        """One packet with all the payload, its checksum open, and its header: segments of ``step`` bytes."""
        whole, offset = bytearray(self.packet(payload)), CHECKSUM[self.protocol]
        pseudo = pseudo_header(*self.addresses, self.protocol, len(whole) - self.upper)
        whole[self.upper + offset : self.upper + offset + 2] = ones_complement_sum(b"", pseudo).to_bytes(2)
        kind = KINDS[self.version, self.protocol] | 0x80 * (Flag.CWR in self.flags)
        return bytes(whole), VnetHeader(1, kind, self.begin, step, self.upper, offset)

    def segments(self, payload: bytes, step: int) -> list[bytes]:
        """The packets that the super-packet stands for."""
        return expand(*self.super_packet(payload, step))


def expand(packet: bytes, todo: VnetHeader) -> list[bytes]:
    """Cut a super-packet, one packet after the other."""
    upper, step = todo.csum_start, todo.gso_size
    outer = ipv4.Packet(packet) if packet[0] >> 4 == 4 else ipv6.Packet(packet)
    assert outer.total_length == len(packet)
    inner = (
        tcp.Segment(packet[upper:]) if todo.gso_type in (1, 4, 0x81, 0x84) else udp.Datagram(packet[upper:])
    )
    payload = bytes(inner.payload)
    found = []
    for begin in range(0, len(payload), step):
        last = begin + step >= len(payload)
        header = inner.header()
        if isinstance(header, tcp.Header):
            flags = header.flags
            if not last:
                flags &= ~(Flag.FIN | Flag.PSH)
            if begin:
                flags &= ~Flag.CWR
            header = replace(header, sequence=(header.sequence + begin) % 2**32, flags=flags)
        data = header.build(payload[begin : begin + step], outer.source, outer.destination)
        if isinstance(inner, tcp.Segment):
            data = _with_reserved(data, inner.reserved)
        if isinstance(outer, ipv4.Packet):
            ip = outer.header()
            if not ip.dont_fragment:
                ip = replace(ip, identification=(ip.identification + begin // step) % 2**16)
            found.append(ip.build(data))
        else:
            found.append(outer.header().build(bytes(packet[40:upper]) + data))
    return found


def _with_reserved(segment: bytes, bits: int) -> bytes:
    """A segment with these reserved bits, which the builder leaves zero."""
    before, after = segment[12:14], bytes((segment[12] | bits, segment[13]))
    sum_ = updated(int.from_bytes(segment[16:18]), before, after)
    return segment[:12] + after + segment[14:16] + sum_.to_bytes(2) + segment[18:] if bits else segment


def expand_written(written: bytes) -> list[bytes]:
    """Cut what would be written into a TUN: a header of 10 bytes, and the packet."""
    return expand(written[10:], VnetHeader(*struct.unpack("<BBHHHH", written[:10])))


def verified(packet: bytes) -> bool:
    """Whether every checksum of a packet of TCP or UDP over IP is there and right."""
    outer = ipv4.Packet(packet) if packet[0] >> 4 == 4 else ipv6.Packet(packet)
    if isinstance(outer, ipv4.Packet) and not outer.checksum_ok:
        return False
    protocol = outer.protocol if isinstance(outer, ipv4.Packet) else outer.next_header
    if protocol == TCP:
        return tcp.Segment(outer.payload).checksum_ok(outer.source, outer.destination)
    datagram = udp.Datagram(outer.payload)
    return datagram.checksum != 0 and datagram.checksum_ok(outer.source, outer.destination)


def without_meaning(packet: bytes) -> bytes:
    """A packet without its identification, if it says nothing (RFC 6864 §4.1)."""
    if packet[0] >> 4 == 4 and packet[6] & 0x40:
        return packet[:4] + bytes(2) + packet[6:10] + bytes(2) + packet[12:]
    return packet


def marked(packet: bytes) -> bytes:
    """The packet as a router leaves it that is congested: CE, and the header's checksum made right."""
    if packet[0] >> 4 == 6:
        return packet[:1] + bytes((packet[1] | 0x30,)) + packet[2:]
    sum_ = updated(int.from_bytes(packet[10:12]), packet[:2], bytes((packet[0], packet[1] | 3)))
    return packet[:1] + bytes((packet[1] | 3,)) + packet[2:10] + sum_.to_bytes(2) + packet[12:]


def repaired(packet: bytes) -> bytes:
    """A packet, which is as long as its IP header says, with checksums that are right, where it has any."""
    one = bytearray(packet)
    if one[0] >> 4 == 4:
        upper, protocol, addresses = (one[0] & 15) * 4, one[9], (one[12:16], one[16:20])
        one[10:12] = bytes(2)
        one[10:12] = checksum(one[:upper]).to_bytes(2)
    else:
        upper, protocol, addresses = 40, one[6], (one[8:24], one[24:40])
    field = upper + CHECKSUM.get(protocol, len(one))
    if field + 2 <= len(one):
        one[field : field + 2] = bytes(2)
        pseudo = pseudo_header(bytes(addresses[0]), bytes(addresses[1]), protocol, len(one) - upper)
        one[field : field + 2] = (checksum(one[upper:], pseudo) or 0xFFFF * (protocol == UDP)).to_bytes(2)
    return bytes(one)


def matrix(packets: Sequence[bytes]) -> tuple[Bytes, int, dict[int, int]]:
    """Packets in rows, as a train holds them, with noise behind each; the greatest size, and row to size of
    those that are shorter.
    """
    whole = max(map(len, packets))
    rows = np.full((len(packets), whole + 33), NOISE, np.uint8)
    for row, packet in enumerate(packets):
        rows[row, : len(packet)] = np.frombuffer(packet, np.uint8)
    return rows, whole, {row: len(one) for row, one in enumerate(packets) if len(one) < whole}


def of_rows(rows: Bytes, sizes: Iterable[int]) -> list[bytes]:
    """The packets in rows of these sizes."""
    return [row[:size].tobytes() for row, size in zip(rows, sizes, strict=True)]


def payload_of(size: int, seed: int = 0) -> bytes:
    """Bytes that look like none before them."""
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8).tobytes()


def flows(*, plain: bool = False) -> st.SearchStrategy[Flow]:
    """Any flow; if ``plain``, only such as may be joined."""
    return st.builds(
        Flow,
        version=st.sampled_from([4, 6]),
        protocol=st.sampled_from([TCP, UDP]),
        source_port=st.integers(0, 0xFFFF),
        destination_port=st.integers(0, 0xFFFF),
        sequence=st.integers(0, 2**32 - 1) | st.integers(2**32 - 9000, 2**32 - 1),
        acknowledgment=st.integers(0, 2**32 - 1),
        flags=st.just(Flag.ACK) if plain else st.integers(0, 0xFF).map(Flag),
        window=st.integers(0, 0xFFFF),
        urgent_pointer=st.just(0) if plain else st.integers(0, 0xFFFF),
        options=st.sampled_from([b"", TIMESTAMPS, TIMESTAMPS + bytes((1, 1, 5, 18)) + bytes(16)]),
        identification=st.integers(0, 0xFFFF),
        dont_fragment=st.booleans(),
        ip_options=st.just(b"") if plain else st.sampled_from([b"", b"\x94\x04\0\0", b"\1" * 40]),
        extensions=st.just(()) if plain else st.sampled_from([(), (0,), (0, 60)]),
        ecn=st.integers(0, 3),
        dscp=st.integers(0, 63),
        ttl=st.integers(1, 255),
        flow_label=st.integers(0, 0xFFFFF),
    )
