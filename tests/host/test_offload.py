"""The fast path: how super-packets and joined datagrams become trains, and what the kernel refuses."""

import errno
import os
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from glasstunnel.host import backend
from glasstunnel.host.ancillary import can_join
from glasstunnel.host.backend import choose, offload_wanted
from glasstunnel.host.errors import HostError
from glasstunnel.host.link import limit_super_packets
from glasstunnel.host.offload import OffloadPath
from glasstunnel.host.plain import PlainPath
from glasstunnel.host.tun_offload import OffloadTun
from glasstunnel.host.udp import Udp
from glasstunnel.host.udp_offload import OffloadUdp
from glasstunnel.ip.address import parse_address
from glasstunnel.ip.checksum import checksum
from glasstunnel.ip.tcp import Flag
from glasstunnel.wireguard.events import Path
from tests.host.fakes import FakeTun, ip_packet, mtu_of
from tests.host.superpackets import NOTHING, segments, super_packet, tcp_packet, udp_packet
from tests.host.test_plain import Sender, data

Rig = tuple[FakeTun, Udp, OffloadPath]
ONE, TWO, THREE = (parse_address(f"10.0.0.{number}") for number in (1, 2, 3))
SOL_UDP, UDP_SEGMENT = 17, 103  # linux/udp.h
TURN = 256  # packets


@pytest.fixture
def rig() -> Iterator[Rig]:
    with closing(FakeTun(offload=True)) as tun, closing(Udp()) as udp:
        yield tun, udp, OffloadPath(tun, udp, mtu_of)


def packets(path: OffloadPath) -> list[bytes]:
    return [bytes(packet) for packet in path.burst.packets()]


def datagrams(path: OffloadPath) -> list[bytes]:
    return [bytes(datagram) for datagram in path.burst.datagrams()]


def waits(side: OffloadTun | OffloadUdp) -> bool:
    """Whether there is something that the kernel does not know of any more."""
    return side.waiting


def runs_of_packets(path: OffloadPath) -> list[list[bytes]]:
    """All runs that the TUN has."""
    runs = []
    while path.packets.read(TURN) is not None:
        runs.append(packets(path))
    return runs


def runs_of_datagrams(path: OffloadPath, port: int = 1) -> list[list[bytes]]:
    """All runs that a socket has, by default the one of IPv4."""
    runs = []
    while path.datagrams[port].read(TURN) is not None:
        runs.append(datagrams(path))
    return runs


# Which path


@pytest.mark.parametrize("offload", [False, True])
def test_a_tun_with_virtio_headers_gets_the_fast_path(offload: bool) -> None:
    with closing(FakeTun(offload=offload)) as tun, closing(Udp()) as udp:
        assert isinstance(choose(tun, udp, mtu_of), OffloadPath if offload else PlainPath)


@pytest.mark.parametrize(("wish", "wanted"), [("", True), ("plain", False)])
def test_the_environment_can_ask_for_the_plain_path(
    monkeypatch: pytest.MonkeyPatch, wish: str, wanted: bool
) -> None:
    monkeypatch.setenv("GLASSTUNNEL_DATA_PATH", wish)
    monkeypatch.setattr(backend, "can_join", lambda: True)
    assert offload_wanted() == wanted


def test_any_other_wish_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSTUNNEL_DATA_PATH", "fast")
    with pytest.raises(HostError, match=r'^GLASSTUNNEL_DATA_PATH: expected "plain" or nothing, got "fast"$'):
        offload_wanted()


@pytest.mark.parametrize("missing", [103, 104, 0])  # UDP_SEGMENT since Linux 4.18, UDP_GRO since 5.0
def test_a_kernel_without_the_offloads_gets_the_plain_path(
    monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    real = socket.socket

    class Old(real):  # type: ignore[valid-type, misc]  # a class that the test has at hand
        def setsockopt(self, level: int, option: int, value: int) -> None:
            if (level, option) == (SOL_UDP, missing):
                raise OSError(errno.ENOPROTOOPT, "Protocol not available")
            super().setsockopt(level, option, value)

        def getsockopt(self, *_: int) -> int:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")  # of UDP_GRO before Linux 5.13

    monkeypatch.delenv("GLASSTUNNEL_DATA_PATH", raising=False)
    monkeypatch.setattr("glasstunnel.host.ancillary.socket.socket", Old)
    assert can_join() == offload_wanted() == (not missing)


@pytest.mark.parametrize("mtu", [0, 68, 72, 1420, 65535])
def test_an_interface_that_takes_no_limit_of_super_packets_goes_on(rig: Rig, mtu: int) -> None:
    """It has gone, or there is no right to set it, or the kernel knows no such limit."""
    tun, _, path = rig
    limit_super_packets(tun, mtu)
    tun.give(ip_packet("10.0.0.1", "10.0.0.2"))
    assert path.packets.read(TURN) == TWO


# From the TUN


def test_an_empty_tun_gives_nothing(rig: Rig) -> None:
    _, _, path = rig
    assert path.packets.read(TURN) is None
    assert not waits(path.packets)


def test_super_packets_of_one_size_fill_one_train(rig: Rig) -> None:
    tun, _, path = rig
    one, two = (tcp_packet(ONE, TWO, bytes([i]) * 3500, sequence=i * 3500) for i in (1, 2))
    tun.kernel.send(super_packet(one, 1000))
    tun.kernel.send(super_packet(two, 1000))
    assert path.packets.read(TURN) == TWO
    assert packets(path) == segments(one, 1000) + segments(two, 1000)
    assert path.burst.shorter == {3: 540, 7: 540}
    assert path.packets.read(TURN) is None


def test_a_super_packet_that_does_not_fit_goes_on_in_the_next_train(rig: Rig) -> None:
    """Segments of 1 byte each."""
    tun, _, path = rig
    packet = tcp_packet(ONE, TWO, bytes(range(256)) * 4, flags=Flag.ACK | Flag.PSH | Flag.CWR)
    tun.kernel.send(super_packet(packet, 1))
    assert path.packets.read(1) == TWO
    assert waits(path.packets)
    found = [*packets(path), *(one for run in runs_of_packets(path) for one in run)]
    assert found == segments(packet, 1)


@pytest.mark.parametrize(
    "other", ["another size", "another destination", "other ECN bits", "an ordinary one"]
)
def test_what_is_not_like_the_first_super_packet_begins_another_run(rig: Rig, other: str) -> None:
    tun, _, path = rig
    one = tcp_packet(ONE, TWO, bytes(3000))
    two = tcp_packet(
        ONE, THREE if "destination" in other else TWO, bytes(3000), ecn=2 if "ECN" in other else 0
    )
    step = 900 if "size" in other else 3000 if "ordinary" in other else 1000
    tun.kernel.send(super_packet(one, 1000))
    if "ordinary" in other:
        tun.give(two)
    else:
        tun.kernel.send(super_packet(two, step))
    tun.kernel.send(super_packet(one, 1000))
    assert runs_of_packets(path) == [segments(one, 1000), segments(two, step), segments(one, 1000)]


def test_ordinary_packets_are_gathered_while_they_are_no_longer_than_the_first(rig: Rig) -> None:
    tun, _, path = rig
    sent = [ip_packet("10.0.0.1", "10.0.0.2", b"x" * size) for size in (50, 20, 50, 0, 51, 50)]
    tun.give(*sent)
    assert runs_of_packets(path) == [sent[:4], sent[4:]]


@pytest.mark.parametrize("number", [1, 3, 4, 9])
@pytest.mark.parametrize("kinds", ["one", "two"])
def test_open_checksums_are_closed(rig: Rig, number: int, kinds: str) -> None:
    """By columns where all packets are alike, one by one elsewhere; odd sizes too."""
    tun, _, path = rig
    sent = []
    for i in range(number):
        options = b"\1" * 4 if kinds == "two" and i % 2 else b""
        packet = tcp_packet(ONE, TWO, b"odd" * (9 - i), options=options)
        with_header = bytearray(super_packet(packet, 1))
        with_header[1] = with_header[4] = 0  # not a super-packet, only the checksum is open
        tun.kernel.send(bytes(with_header))
        sent.append(packet)
    assert [one for run in runs_of_packets(path) for one in run] == sent


@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize("where", [(20, 1000), (65535, 65535), (60, 0)])
def test_a_checksum_outside_its_packet_is_counted_and_stays_open(
    rig: Rig, number: int, where: tuple[int, int]
) -> None:
    """Whatever the header says: of the last, the field would be inside the first packet alone."""
    tun, _, path = rig
    sent = [udp_packet(ONE, TWO, b"x" * (34 if not i else 12)) for i in range(number)]
    todo = struct.pack("<BBHHHH", 1, 0, 0, 0, *where)
    for packet in sent:
        tun.kernel.send(todo + packet)
    found = [one for run in runs_of_packets(path) for one in run]
    assert found[1:] == sent[1:]
    assert (found == sent) == (where != (60, 0))
    assert path.errors == Counter({"checksum outside its packet": number - (where == (60, 0))})


def test_what_is_no_packet_or_no_super_packet_is_counted_and_passed_over(rig: Rig) -> None:
    tun, _, path = rig
    good = ip_packet("10.0.0.1", "10.0.0.2")
    wrong = bytearray(super_packet(tcp_packet(ONE, TWO, bytes(3000)), 1000))
    wrong[1] = 3  # GSO_UDP, which nobody asked for
    for item in (NOTHING + b"\x55" * 40, bytes(wrong), NOTHING + good, NOTHING + b"\x45", NOTHING + good):
        tun.kernel.send(item)
    assert runs_of_packets(path) == [[good], [good]]
    assert path.errors == {"not IP": 2, "malformed super-packet": 1}
    assert not waits(path.packets)


def test_a_limit_of_one_reads_nothing_ahead(rig: Rig) -> None:
    """The loop sleeps on what the kernel knows; a packet that only we know of would wait for ever."""
    tun, _, path = rig
    tun.give(*(ip_packet("10.0.0.1", f"10.0.0.{last}") for last in (2, 3, 4)))
    assert path.packets.read(TURN) == TWO
    assert waits(path.packets)
    assert path.packets.read(1) == THREE
    assert not waits(path.packets)
    assert path.packets.read(1) == parse_address("10.0.0.4")


# To the TUN


def test_a_packet_that_is_read_alone_is_like_one_that_is_gathered(rig: Rig) -> None:
    tun, _, path = rig
    whole = tcp_packet(ONE, TWO, b"odd")
    with_header = bytearray(super_packet(whole, 1))
    with_header[1] = with_header[4] = 0  # not a super-packet, only the checksum is open
    tun.kernel.send(bytes(with_header))
    assert path.packets.read(1) == TWO
    assert packets(path) == [whole]
    assert (path.packets.mtu, path.packets.ecn) == (1420, 0)
    tun.give(ip_packet("10.0.0.1", "10.0.0.3", b"x" * 9000, ecn=2))
    assert path.packets.read(1) == THREE
    assert packets(path) == [ip_packet("10.0.0.1", "10.0.0.3", b"x" * 9000, ecn=2)]
    assert path.packets.ecn == 2
    assert path.packets.read(1) is None


def test_a_super_packet_that_is_read_alone_is_cut(rig: Rig) -> None:
    tun, _, path = rig
    whole = tcp_packet(ONE, TWO, b"x" * 3000)
    tun.kernel.send(super_packet(whole, 1000))
    assert path.packets.read(1) == TWO
    assert packets(path) == segments(whole, 1000)
    assert not waits(path.packets)


def test_what_is_no_packet_and_is_read_alone_is_counted(rig: Rig) -> None:
    tun, _, path = rig
    tun.kernel.send(NOTHING + b"\x50" * 30)
    assert path.packets.read(1) is None
    assert path.errors == {"not IP": 1}


def test_packets_that_differ_in_what_the_core_does_not_ask_for_share_a_run(rig: Rig) -> None:
    tun, _, path = rig
    usual = ip_packet("10.0.0.1", "10.0.0.2", b"usual")
    urgent = usual[:1] + b"\xb8" + usual[2:]  # DSCP EF
    tun.give(usual, urgent)
    assert path.packets.read(TURN) == TWO
    assert packets(path) == [usual, urgent]


def fill(path: OffloadPath, sent: list[bytes]) -> None:
    """Put packets into a train, of which the first is the longest."""
    path.burst.arrange(32 + -(-len(sent[0]) // 16) * 16)
    shorter = {row: len(packet) for row, packet in enumerate(sent) if len(packet) < len(sent[0])}
    path.burst.fill(len(sent), len(sent[0]), shorter)
    for row, packet in enumerate(sent):
        path.burst.plain[row][: len(packet)] = packet


def test_one_flow_is_written_by_one_call_and_what_is_left_out_parts_it(rig: Rig) -> None:
    tun, _, path = rig
    sent = segments(tcp_packet(ONE, TWO, b"abcdefgh" * 1000), 1000)
    fill(path, sent)
    path.packets.write(range(8))
    assert [len(one) for one in tun.raw()] == [10 + 40 + 8000]
    fill(path, sent)
    path.packets.write([0, 1, 2, 3, 5, 6, 7])
    raw = tun.raw()
    assert [len(one) for one in raw] == [10 + 40 + 4000, *3 * [10 + 40 + 1000]]
    assert raw[1:] == [NOTHING + packet for packet in sent[5:]]


def test_a_joined_packet_that_the_kernel_refuses_is_written_packet_by_packet(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kernels before 6.2 take no super-packet of UDP."""
    tun, _, path = rig
    sent = [udp_packet(ONE, TWO, bytes([i]) * 99) for i in range(5)]
    fill(path, sent)
    real = os.write

    def write(fd: int, what: bytes) -> int:
        if what[1]:
            raise OSError(errno.EINVAL, "")
        return real(fd, what)

    monkeypatch.setattr("glasstunnel.host.tun_offload.os.write", write)
    path.packets.write(range(5))
    assert tun.written() == sent
    assert not path.errors


def test_packets_that_the_kernel_refuses_are_counted_one_by_one(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, path = rig
    fill(path, segments(tcp_packet(ONE, TWO, bytes(5000)), 1000))

    def write(fd: int, what: bytes) -> int:
        raise OSError(errno.EIO, "down")

    monkeypatch.setattr("glasstunnel.host.tun_offload.os.write", write)
    path.packets.write(range(5))
    path.packets.put(ip_packet("10.0.0.1", "10.0.0.2"))
    assert path.errors == {"EIO": 6}


# From the network


def joined(sender: Sender, size: int, *messages: bytes) -> None:
    """Send messages of ``size`` bytes, of which the last may be shorter, by one call."""
    control = [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", size))]
    sender.socket.sendmsg([b"".join(messages)], control)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_joined_datagrams_are_a_train_and_others_follow_it(rig: Rig, host: str) -> None:
    _, udp, path = rig
    sent = [data(7, bytes([i]) * 100) for i in range(20)]
    with Sender(udp, host) as sender:
        joined(sender, 116, *sent[:8], data(7, bytes(50)))
        sender.send(*sent[8:12], data(7))
        joined(sender, 116, *sent[12:])
        run = [*sent[:8], data(7, bytes(50)), *sent[8:12], data(7), *sent[12:]]
        assert runs_of_datagrams(path, 0 if ":" in host else 1) == [run]


def test_joined_datagrams_for_other_receiver_indices_are_other_runs(rig: Rig) -> None:
    _, udp, path = rig
    sent = [data(index, bytes(100)) for index in (7, 7, 7, 8, 8, 7)]
    with Sender(udp) as sender:
        joined(sender, 116, *sent)
        assert runs_of_datagrams(path) == [sent[:3], sent[3:5], sent[5:]]


def test_a_handshake_message_that_was_joined_comes_alone_and_in_its_place(rig: Rig) -> None:
    _, udp, path = rig
    handshake = b"\1\0\0\0" + b"h" * 144
    sent = [data(7, bytes(132)), data(7, bytes(132)), handshake, handshake, data(7, bytes(132)), data(7)]
    with Sender(udp) as sender:
        joined(sender, 148, *sent)
        assert path.datagrams[1].read(TURN) == sender.path
        assert datagrams(path) == sent[:2]
        assert waits(path.datagrams[1])
        assert runs_of_datagrams(path) == [[handshake], [handshake], sent[4:]]
    assert not waits(path.datagrams[1])


@pytest.mark.parametrize("tail", [1, 7, 8, 15])
@pytest.mark.parametrize("before", [0, 0xFF])
def test_a_tail_too_short_for_a_message_is_never_taken_for_one(rig: Rig, tail: int, before: int) -> None:
    """Whatever lies behind it in the buffer, such as what came before."""
    _, udp, path = rig
    with Sender(udp) as sender:
        if before:
            joined(sender, 116, *[data(7, bytes(100))] * 9)
            runs_of_datagrams(path)
        sent = [data(7, bytes(100))] * 3
        joined(sender, 116, *sent, data(7)[:tail])
        found = [one for run in runs_of_datagrams(path) for one in run]
    assert found[:3] == sent
    assert found[3:] == ([] if tail < 8 else [data(7)[:tail]])
    assert path.errors == ({"too short": 1} if tail < 8 else {})


def test_short_datagrams_are_counted_and_passed_over(rig: Rig) -> None:
    _, udp, path = rig
    with Sender(udp) as sender:
        sender.send(b"", b"\4\0\0\0")
        joined(sender, 4, *[b"\4\0\0\0"] * 3)
        sender.send(data(7, bytes(16)))
        assert runs_of_datagrams(path) == [[data(7, bytes(16))]]
    assert path.errors["too short"] in (3, 5)  # what was joined is one, and is not worth a look


def test_other_senders_other_addresses_of_ours_and_other_ecn_bits_begin_other_runs(rig: Rig) -> None:
    _, udp, path = rig
    port = path.datagrams[1]
    one_packet = data(7, bytes(50))
    with Sender(udp) as one, Sender(udp) as two, Sender(udp, "127.0.0.2") as three:
        one.send(one_packet)
        two.send(one_packet, one_packet)
        three.send(one_packet)
        two.send(one_packet, tos=2)
        two.send(one_packet, one_packet, tos=0x88 | 3)
        found = []
        while (remote := port.read(TURN)) is not None:
            found.append((remote, port.ecn, path.burst.n))
        assert found == [
            (one.path, 0, 1),
            (two.path, 0, 2),
            (three.path, 0, 1),
            (two.path, 2, 1),
            (two.path, 3, 2),
        ]


def test_a_longer_datagram_begins_another_run(rig: Rig) -> None:
    _, udp, path = rig
    sent = [data(7, bytes(size)) for size in (50, 20, 50, 51, 40)]
    with Sender(udp) as sender:
        sender.send(*sent)
        assert runs_of_datagrams(path) == [sent[:3], sent[3:]]


def test_the_largest_datagram_is_received(rig: Rig) -> None:
    _, udp, path = rig
    largest = data(7, bytes(65507 - 16))
    with Sender(udp) as sender:
        sender.send(data(7), largest, largest)
        assert [one for run in runs_of_datagrams(path) for one in run] == [data(7), largest, largest]


def test_a_limit_of_one_receives_nothing_ahead(rig: Rig) -> None:
    _, udp, path = rig
    port = path.datagrams[1]
    with Sender(udp) as sender:
        sender.send(data(7, bytes(16)), data(8, bytes(16)), data(8, bytes(16)))
        assert port.read(TURN) is not None
        assert waits(port)
        assert port.read(1) is not None
        assert not waits(port)
        assert (port.read(1) is not None, path.burst.n) == (True, 1)


# To the network


def sealed(path: OffloadPath, sizes: list[int]) -> list[bytes]:
    """Put datagrams into a train, of which the first is the longest; return them."""
    sent = [bytes([i % 251]) * size for i, size in enumerate(sizes)]
    path.burst.arrange(sizes[0])
    path.burst.fill(len(sent), sizes[0], {row: size for row, size in enumerate(sizes) if size < sizes[0]})
    for row, datagram in enumerate(sent):
        path.burst.wire[row][: len(datagram)] = datagram
    return sent


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(10)
        yield one


@pytest.mark.parametrize(
    "sizes",
    [
        [1452] * 45,
        [1452] * 60,
        [100] * 200,
        [1452] * 10 + [500] + [1452] * 10 + [32] + [40],
        [32, 32],
        [4000] * 40,
        [65507],
    ],
    ids=["one call", "too many bytes", "too many rows", "shorter rows", "two", "jumbo", "the largest"],
)
def test_a_train_arrives_whole_and_in_order(rig: Rig, receiver: socket.socket, sizes: list[int]) -> None:
    _, _, path = rig
    sent = sealed(path, sizes)
    way = Path(receiver.getsockname())
    assert path.send(way, 0) == way
    assert [receiver.recv(65535) for _ in sent] == sent
    assert not path.errors


def test_a_train_of_one_size_is_one_call(rig: Rig, receiver: socket.socket) -> None:
    _, udp, path = rig
    sent = sealed(path, [1000] * 64)
    calls = []
    real = udp.send_joined
    udp.send_joined = lambda *words: calls.append(len(words[0])) or real(*words)  # type: ignore[method-assign, func-returns-value]
    udp.send = None  # type: ignore[method-assign, assignment]  # nothing goes alone
    path.send(Path(receiver.getsockname()), 2)
    assert calls == [64_000]
    assert [receiver.recv(65535) for _ in sent] == sent


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("tos", [0, 0x88])
def test_a_train_whose_source_has_gone_loses_nothing(rig: Rig, host: str, tos: int) -> None:
    _, _, path = rig
    family, gone = (socket.AF_INET6, "2001:db8::77") if ":" in host else (socket.AF_INET, "192.0.2.77")
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as other:
        other.bind((host, 0))
        other.settimeout(10)
        remote = other.getsockname()[:2]
        sent = sealed(path, [1000] * 70)
        assert path.send(Path(remote, gone, socket.if_nametoindex("lo")), tos) == Path(remote)
        assert [other.recv(2000) for _ in sent] == sent
    assert not path.errors


class Kernel:
    """A socket of the system that refuses what is joined, and says how often it was asked."""

    def __init__(self, code: int) -> None:
        self.code, self.calls = code, 0
        self.sent: list[bytes] = []

    def sendmsg(
        self, buffers: tuple[bytes, ...], control: list[tuple[int, int, bytes]], flags: int, address: object
    ) -> int:
        self.calls += 1
        if any(kind[:2] == (SOL_UDP, UDP_SEGMENT) for kind in control):
            raise OSError(self.code, "")
        self.sent += map(bytes, buffers)
        return len(buffers[0])

    def sendto(self, datagram: bytes, address: object) -> int:
        self.sent.append(bytes(datagram))
        return len(datagram)

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO, errno.EMSGSIZE])
def test_what_the_kernel_does_not_cut_goes_datagram_by_datagram(rig: Rig, code: int) -> None:
    """A path whose MTU is smaller than a datagram, or hardware that sums nothing."""
    _, udp, path = rig
    udp.sockets[1].socket.close()
    udp.sockets[1].socket = kernel = Kernel(code)  # type: ignore[assignment]  # a fake
    sent = sealed(path, [1000] * 5 + [10])
    way = Path(("192.0.2.1", 5))
    assert path.send(way, 0) == way
    assert kernel.sent == sent
    assert not path.errors


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOBUFS, errno.EPERM])
def test_what_cannot_go_at_all_is_counted_and_lost_by_one_call(rig: Rig, code: int) -> None:
    """A full buffer drops: a train that asked again for each of its rows would make things worse."""
    _, udp, path = rig
    udp.sockets[1].socket.close()
    udp.sockets[1].socket = kernel = Kernel(code)  # type: ignore[assignment]  # a fake
    sealed(path, [1000] * 5 + [10])
    path.send(Path(("192.0.2.1", 5)), 0)
    assert (kernel.calls, kernel.sent) == (1, [])
    assert path.errors == {errno.errorcode[code]: 6}


def test_errors_of_former_sockets_are_kept(rig: Rig) -> None:
    _, udp, path = rig
    with Sender(udp) as sender:
        sender.send(b"x")
        assert runs_of_datagrams(path) == []
    udp.rebind(0, 0)
    path.renew()
    with Sender(udp) as sender:
        sender.send(b"x", data(7, bytes(16)))
        assert runs_of_datagrams(path) == [[data(7, bytes(16))]]
    assert path.errors == {"too short": 2}


def test_the_memory_for_pitches_is_bounded(rig: Rig) -> None:
    """Each size of a packet has views of its own, which are made once and not kept for ever."""
    tun, udp, path = rig
    with Sender(udp) as sender:
        for size in range(32, 3000, 7):
            tun.give(ip_packet("10.0.0.1", "10.0.0.2", bytes(size)))
            assert runs_of_packets(path)
            sender.send(data(7, bytes(size)))
            assert runs_of_datagrams(path)
    for cache in (path.burst._layouts, path.packets._targets):
        assert 0 < len(cache) <= 128


def test_a_stranger_s_ever_new_lengths_prepare_no_rows(rig: Rig) -> None:
    _, udp, path = rig
    with Sender(udp) as sender:
        for size in range(16, 1400, 50):
            sender.send(data(7, bytes(size)))
            assert runs_of_datagrams(path) == [[data(7, bytes(size))]]
            assert len(path.burst.wire) == 4


def test_the_segments_of_the_stand_in_are_complete_packets() -> None:
    for packet in segments(tcp_packet(ONE, TWO, bytes(2500), dont_fragment=False), 1000):
        assert checksum(packet[:20]) == 0
