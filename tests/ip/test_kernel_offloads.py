"""Cutting and joining behind a real TUN: what the kernel's TCP and UDP say to it.

One side of a connection has a TUN with super-packets, the other a plain one; the test carries the packets
between them. The kernel drops what has a wrong checksum or does not fit, so all bytes arrive or none do.
"""

import os
import select
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path

import numpy as np
import pytest

from glasstunnel.ip import ipv4, ipv6, packet, tcp, udp
from glasstunnel.ip.address import parse_address
from glasstunnel.ip.options import parse_options
from glasstunnel.ip.segmentation import SuperPacket
from glasstunnel.ip.virtio import VnetHeader, finish_checksum
from tests.ip.joined import written
from tests.ip.network import (
    FAMILIES,
    NEEDS,
    OFFLOADS,
    OURS,
    PATIENCE,
    THEIRS,
    UDP_OFFLOADS,
    in_new_network,
    open_tun,
)
from tests.ip.packets import marked, payload_of, without_meaning

pytestmark = NEEDS

SOL_UDP, UDP_SEGMENT = 17, 103  # linux/udp.h
PORT = 5201
MARKED = (30, 60)  # of the packets that may be marked: few, so that the window stays wide
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0  # linux/in.h


@dataclass
class End:
    """A TUN in a namespace of its own, a socket there, and the kernel's counters."""

    tun: int
    socket: socket.socket
    counters: list[TextIOWrapper]
    super_packets: list[int] = field(default_factory=list)
    """The gso_type of each super-packet that it sent, or that was joined of what it sent."""
    packets: list[bytes] = field(default_factory=list)
    """Packets that it sent, or that were cut of what it sent."""
    congested: bool = False
    """Whether a few of its packets that may be marked are marked on the way."""
    markable: int = 0
    """How many may have been."""

    def close(self) -> None:
        os.close(self.tun)
        self.socket.close()
        for one in self.counters:
            one.close()

    def counted(self, wanted: str) -> int:
        """The sum of all counters of this name, from SNMP's MIBs for IP, TCP and UDP."""
        total = 0
        for one in self.counters:
            one.seek(0)
            lines = [line.split() for line in one.read().splitlines()]
            for names, values in zip(lines[::2], lines[1::2], strict=True):
                total += sum(int(v) for name, v in zip(names, values, strict=True) if name == wanted)
        return total

    def on_the_way(self, one: bytes) -> bytes:
        """A packet that it has sent, as it arrives."""
        self.markable += packet.ecn(one) in (1, 2)
        if self.congested and packet.ecn(one) in (1, 2) and self.markable in MARKED:
            one = marked(one)
        self.packets.append(one)
        return one


def end(
    addresses: dict[socket.AddressFamily, str], offloads: int | None, make: Callable[[], socket.socket]
) -> End:
    def work() -> End:
        tun = open_tun(addresses, offloads=offloads)
        return End(
            tun, make(), [Path(f"/proc/thread-self/net/{name}").open() for name in ("snmp", "netstat")]
        )

    return in_new_network(work)


def cut(one: memoryview) -> list[bytes]:
    """What was read from a TUN with virtio headers, as packets that are complete."""
    todo, data = VnetHeader.parse(one), one[10:]
    if todo.gso_type:
        made = SuperPacket(data, todo)
        rows = np.full((made.packets, made.size + 1), 0xA5, np.uint8)
        last = made.cut(rows, 0, made.packets)
        return [row[: made.size].tobytes() for row in rows[:-1]] + [rows[-1, :last].tobytes()]
    if todo.flags & 1:
        assert finish_checksum(data, todo.csum_start, todo.csum_offset)
    return [bytes(data)]


def waiting(tun: int) -> list[memoryview]:
    """All that can be read now, at most 256."""
    found: list[memoryview] = []
    while len(found) < 256:
        try:
            found.append(memoryview(bytearray(os.read(tun, 10 + 65535))))
        except BlockingIOError:
            break
    return found


def carry(fast: End, plain: End) -> None:
    """Carry what waits: super-packets cut towards the plain TUN, packets joined towards the fast one."""
    for one in waiting(fast.tun):
        if one[1]:
            fast.super_packets.append(one[1])
        for whole in cut(one):
            os.write(plain.tun, fast.on_the_way(whole))
    packets = [plain.on_the_way(bytes(one)) for one in waiting(plain.tun)]
    for write in written(packets) if packets else ():
        if write[1]:
            plain.super_packets.append(write[1])
        os.write(fast.tun, write)


def listening(family: socket.AddressFamily) -> socket.socket:
    server = socket.create_server(("", PORT), family=family)
    server.setblocking(False)
    return server


def until(fast: End, plain: End, sockets: list[socket.socket], done: Callable[[], bool]) -> None:
    """Carry packets and let ``done`` do its part whenever something moves, until it says so."""
    while not done():
        carry(fast, plain)
        descriptors = [fast.tun, plain.tun, *(one.fileno() for one in sockets)]
        assert any(select.select(descriptors, [], [], PATIENCE)), f"nothing came for {PATIENCE} seconds"


def transfer(fast: End, plain: End, sender: socket.socket, receiver: socket.socket, data: bytes) -> bytes:
    """Send ``data`` over a connection; what arrives."""
    left, arrived = memoryview(data), bytearray()

    def step() -> bool:
        nonlocal left
        try:
            while left:
                left = left[sender.send(left) :]
        except BlockingIOError:
            pass
        try:
            while some := receiver.recv(1 << 16):
                arrived.extend(some)
        except BlockingIOError:
            pass
        return len(arrived) >= len(data)

    until(fast, plain, [receiver], step)
    return bytes(arrived)


@contextmanager
def connection(
    family: socket.AddressFamily, *settings: tuple[str, int]
) -> Iterator[tuple[End, End, socket.socket]]:
    """The fast end, whose socket is connected, the plain end, and what that has accepted."""

    def connecting() -> socket.socket:
        for name, value in settings:
            Path(f"/proc/sys/net/ipv4/{name}").write_text(str(int(value)))
        client = socket.socket(family)
        client.setblocking(False)
        client.connect_ex((THEIRS[family], PORT))
        return client

    plain = end(THEIRS, None, lambda: listening(family))
    fast = end(OURS, OFFLOADS, connecting)
    accepted: list[socket.socket] = []

    def established() -> bool:
        try:
            accepted.append(plain.socket.accept()[0])
        except BlockingIOError:
            return False
        accepted[0].setblocking(False)
        return True

    try:
        until(fast, plain, [plain.socket], established)
        yield fast, plain, accepted[0]
    finally:
        fast.close()
        plain.close()
        for one in accepted:
            one.close()


@pytest.mark.parametrize("timestamps", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_kernels_tcp_is_content_with_what_is_cut_and_joined(
    family: socket.AddressFamily, timestamps: bool
) -> None:
    there, back = payload_of(300_001, 1), payload_of(300_001, 2)
    with connection(family, ("tcp_timestamps", timestamps)) as (fast, plain, accepted):
        assert transfer(fast, plain, fast.socket, accepted, there) == there
        assert transfer(fast, plain, accepted, fast.socket, back) == back
        kind = 1 if family == socket.AF_INET else 4
        assert set(fast.super_packets) == set(plain.super_packets) == {kind}
        assert (fast.counted("InCsumErrors"), plain.counted("InCsumErrors")) == (0, 0)
        data = [tcp.Segment(view.payload) for view in views(fast.packets, tcp.PROTOCOL)][1:]
        for segment in data:
            kinds = {option.kind for option in parse_options(segment.options)}
            assert (tcp.TIMESTAMPS in kinds) == timestamps


def test_congestion_marks_reach_the_kernel_through_joined_packets_and_its_answer_through_cut_ones() -> None:
    """RFC 3168 §6.1: the receiver of a mark answers with ECE, and the sender of data with CWR, once."""
    there, back = payload_of(300_001, 1), payload_of(300_001, 2)
    with connection(socket.AF_INET, ("tcp_ecn", 1)) as (fast, plain, accepted):
        fast.congested = plain.congested = True
        assert transfer(fast, plain, fast.socket, accepted, there) == there
        assert transfer(fast, plain, accepted, fast.socket, back) == back
        assert (fast.counted("InCEPkts"), plain.counted("InCEPkts")) == (len(MARKED), len(MARKED))
        assert 0x81 in fast.super_packets, "no super-packet with CWR"
        assert 1 in plain.super_packets
        assert (fast.counted("InCsumErrors"), plain.counted("InCsumErrors")) == (0, 0)


def views(packets: list[bytes], protocol: int) -> list[ipv4.Packet | ipv6.Packet]:
    """Packets of this protocol: the kernel also speaks of its own accord, of neighbours and groups."""
    found: list[ipv4.Packet | ipv6.Packet] = []
    for data in packets:
        view = ipv4.Packet(data) if packet.version(data) == 4 else ipv6.Packet(data)
        if (view.protocol if isinstance(view, ipv4.Packet) else view.next_header) == protocol:
            found.append(view)
    return found


def sending(family: socket.AddressFamily, fragments: bool) -> socket.socket:
    """A UDP socket that lets the kernel cut what it sends, under a flow label that is not random."""
    Path("/proc/sys/net/ipv6/auto_flowlabels").write_text("0")
    client = socket.socket(family, socket.SOCK_DGRAM)
    if fragments:
        client.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    client.bind((OURS[family], 40000))
    client.connect((THEIRS[family], PORT))
    client.setsockopt(SOL_UDP, UDP_SEGMENT, 1000)
    return client


def counted_from_zero(packets: list[bytes]) -> list[bytes]:
    """Packets of IPv4 whose identification begins at 0, its checksum left out; else without one."""
    if packets[0][0] >> 4 == 6 or packets[0][6] & 0x40:
        return [*map(without_meaning, packets)]
    first = int.from_bytes(packets[0][4:6])
    return [
        one[:4] + ((int.from_bytes(one[4:6]) - first) % 65536).to_bytes(2) + one[6:10] + one[12:]
        for one in packets
    ]


@pytest.mark.parametrize(
    ("family", "fragments"), [(socket.AF_INET, False), (socket.AF_INET, True), (socket.AF_INET6, False)]
)
@pytest.mark.parametrize("size", [10_000, 10_007, 1_001])
def test_datagrams_are_cut_as_the_kernel_cuts_them(
    family: socket.AddressFamily, fragments: bool, size: int
) -> None:
    """The same datagrams sent into a TUN with super-packets of UDP, and into a plain one."""
    found = []
    for offloads in (OFFLOADS | UDP_OFFLOADS, None):
        one = end(OURS, offloads, lambda: sending(family, fragments))
        try:
            one.socket.send(payload_of(size))
            read = waiting(one.tun)
            if offloads is None:
                packets = [bytes(data) for data in read]
            else:
                assert sum(data[1] == 5 for data in read) == 1, "no super-packet of UDP"
                packets = [whole for data in read for whole in cut(data)]
            found.append(views(packets, udp.PROTOCOL))
        finally:
            one.close()
    ours, kernels = found
    assert len(kernels) == -(-size // 1000)
    assert all(view.checksum_ok for view in ours if isinstance(view, ipv4.Packet))
    cut_by_us, cut_by_kernel = ([bytes(view.buf) for view in one] for one in found)
    assert counted_from_zero(cut_by_us) == counted_from_zero(cut_by_kernel)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("n", "size", "last"), [(2, 1000, 1000), (45, 1372, 1372), (64, 1001, 1), (7, 1, 1)])
def test_joined_datagrams_arrive_in_a_socket_one_by_one(
    family: socket.AddressFamily, n: int, size: int, last: int
) -> None:
    def listening_for_datagrams() -> socket.socket:
        server = socket.socket(family, socket.SOCK_DGRAM)
        server.setblocking(False)
        server.bind((OURS[family], PORT))
        return server

    source, destination = parse_address(THEIRS[family]), parse_address(OURS[family])
    payloads = [payload_of(size if row < n - 1 else last, row) for row in range(n)]
    packets = []
    for row, payload in enumerate(payloads):
        data = udp.Header(40000, PORT).build(payload, source, destination)
        if family == socket.AF_INET:
            ip4 = ipv4.Header(source=source, destination=destination, protocol=17, identification=row)
            packets.append(ip4.build(data))
        else:
            packets.append(ipv6.Header(source=source, destination=destination, next_header=17).build(data))
    (one_write,) = written(packets)
    assert struct.unpack_from("<BBHH", one_write)[1::2] == (5, size)
    one = end(OURS, OFFLOADS | UDP_OFFLOADS, listening_for_datagrams)
    try:
        os.write(one.tun, one_write)  # the kernel has handled the packet when this returns
        assert [one.socket.recv(65535) for _ in range(n)] == payloads
        assert one.counted("InCsumErrors") == 0
    finally:
        one.close()
