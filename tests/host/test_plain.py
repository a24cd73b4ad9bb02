"""The plain data path: how packets and datagrams are grouped into runs, and that none is lost or mixed up."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glasstunnel.host.plain import ROWS, PlainPath
from glasstunnel.host.udp import Udp
from glasstunnel.wireguard.events import Path
from tests.host.fakes import FakeTun, ip_packet, mtu_of

Rig = tuple[FakeTun, Udp, PlainPath]


@pytest.fixture
def rig() -> Iterator[Rig]:
    with closing(FakeTun()) as tun, closing(Udp()) as udp:
        yield tun, udp, PlainPath(tun, udp, mtu_of)


def packets(path: PlainPath) -> list[bytes]:
    return [bytes(packet) for packet in path.burst.packets()]


def datagrams(path: PlainPath) -> list[bytes]:
    return [bytes(datagram) for datagram in path.burst.datagrams()]


def packed(address: str) -> bytes:
    return ip_address(address).packed


def source(destination: str) -> str:
    """Somebody of the same family."""
    return "fd00::99" if ":" in destination else "10.0.0.1"


def data(index: int, payload: bytes = b"") -> bytes:
    """Transport data: type 4, three zero bytes, receiver index, counter, payload."""
    return b"\4\0\0\0" + index.to_bytes(4, "little") + bytes(8) + payload


class Sender:
    """A socket that sends to the IPv4 or IPv6 port of a rig."""

    def __init__(self, udp: Udp, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((host, udp.port))

    @property
    def address(self) -> tuple[str, int]:
        name = self.socket.getsockname()
        return name[0], name[1]

    @property
    def path(self) -> Path:
        """The path of what it sends, as the rig sees it: the interface matters for IPv4 only."""
        interface = socket.if_nametoindex("lo") if self.socket.family == socket.AF_INET else 0
        return Path(self.address, self.socket.getpeername()[0], interface)

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *messages: bytes, tos: int = 0) -> None:
        level, name = (
            (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
            if self.socket.family == socket.AF_INET6
            else (socket.IPPROTO_IP, socket.IP_TOS)
        )
        self.socket.setsockopt(level, name, tos)
        for message in messages:
            self.socket.send(message)


# From the TUN


def test_an_empty_tun_gives_nothing(rig: Rig) -> None:
    _, _, path = rig
    assert path.packets.read(ROWS) is None
    assert path.burst.n == 0


def test_packets_to_one_destination_are_one_run(rig: Rig) -> None:
    tun, _, path = rig
    sent = [ip_packet(f"10.0.0.{i}", "10.0.9.9", b"x" * i) for i in range(1, 6)]
    for packet in sent:
        tun.kernel.send(packet)
    assert path.packets.read(ROWS) == packed("10.0.9.9")
    assert packets(path) == sent
    assert path.packets.read(ROWS) is None


def test_another_destination_begins_another_run_and_nothing_is_lost(rig: Rig) -> None:
    tun, _, path = rig
    sent = [ip_packet(source(to), to, to.encode()) for to in ("10.0.0.2", "10.0.0.2", "10.0.0.3", "fd00::1")]
    for packet in sent:
        tun.kernel.send(packet)
    runs = []
    while (destination := path.packets.read(ROWS)) is not None:
        runs.append((destination, packets(path)))
    assert runs == [
        (packed("10.0.0.2"), sent[:2]),
        (packed("10.0.0.3"), sent[2:3]),
        (packed("fd00::1"), sent[3:]),
    ]


@pytest.mark.parametrize("destination", ["10.0.0.2", "fd00::2"])
def test_other_ecn_bits_begin_another_run(rig: Rig, destination: str) -> None:
    """The outer header of a run has one ECN field, so its packets must agree: RFC 6040."""
    tun, _, path = rig
    for ecn in (0, 2, 2, 3):
        tun.kernel.send(ip_packet(source(destination), destination, ecn=ecn))
    found = []
    while path.packets.read(ROWS) is not None:
        found.append((path.packets.ecn, path.burst.n))
    assert found == [(0, 1), (2, 2), (3, 1)]


def test_what_is_no_ip_packet_is_counted_and_passed_over(rig: Rig) -> None:
    tun, _, path = rig
    good = ip_packet("10.0.0.1", "10.0.0.2", b"good")
    for junk in (b"\x00" * 40, b"\x45\0\0", good[:19], b"\x75" + good[1:]):
        tun.kernel.send(junk)
    tun.kernel.send(good)
    assert path.packets.read(ROWS) == packed("10.0.0.2")
    assert packets(path) == [good]
    assert path.errors == {"not IP": 4}


def test_a_full_burst_ends_the_run(rig: Rig) -> None:
    tun, _, path = rig
    for i in range(ROWS + 3):
        tun.kernel.send(ip_packet("10.0.0.1", "10.0.0.2", bytes([i])))
    path.packets.read(2 * ROWS)
    assert path.burst.n == ROWS
    path.packets.read(2 * ROWS)
    assert [packet[-1] for packet in packets(path)] == [ROWS, ROWS + 1, ROWS + 2]


def test_a_limit_of_one_leaves_nothing_carried_over(rig: Rig) -> None:
    """The loop sleeps on what the kernel knows; a packet that only we know of would wait for ever."""
    tun, _, path = rig
    for last in (2, 3, 4):
        tun.kernel.send(ip_packet("10.0.0.1", f"10.0.0.{last}"))
    assert path.packets.read(ROWS) == packed("10.0.0.2")
    assert path.packets.read(1) == packed("10.0.0.3")
    with pytest.raises(BlockingIOError):
        tun.kernel.recv(1)  # nothing was written back
    assert path.packets.read(1) == packed("10.0.0.4")
    assert path.packets.read(1) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["10.0.0.2", "10.0.0.3", "fd00::1"]), st.integers(0, 3)), max_size=40),
    st.lists(st.integers(1, 5), min_size=1),
)
def test_every_packet_comes_out_once_and_in_order_whatever_the_limits(
    rig: Rig, flow: list[tuple[str, int]], limits: list[int]
) -> None:
    tun, _, path = rig
    sent = [ip_packet(source(to), to, i.to_bytes(2), ecn) for i, (to, ecn) in enumerate(flow)]
    for packet in sent:
        tun.kernel.send(packet)
    found: list[bytes] = []
    for turn in range(len(sent) + 1):
        destination = path.packets.read(limits[turn % len(limits)])
        if destination is None:
            break
        assert all(packet[-2 - len(destination) : -2] == destination for packet in packets(path))
        found += packets(path)
    while path.packets.read(1) is not None:
        found += packets(path)
    assert found == sent


def test_packets_are_written_row_by_row(rig: Rig) -> None:
    tun, _, path = rig
    sent = [ip_packet("10.0.0.1", "10.0.0.2", bytes([i]) * i) for i in range(4)]
    path.burst.n = 0
    for packet in sent:
        path.burst.add_packet(packet)
    path.packets.write([0, 2, 3])
    assert tun.written() == [sent[0], sent[2], sent[3]]


def test_a_packet_that_the_kernel_refuses_is_counted_and_the_next_one_is_written(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A TUN that is down answers EIO, on new kernels EINVAL."""
    tun, _, path = rig
    path.burst.n = 0
    for i in range(2):
        path.burst.add_packet(ip_packet("10.0.0.1", "10.0.0.2", bytes([i])))
    real, calls = os.write, []

    def write(fd: int, what: bytes) -> int:
        calls.append(fd)
        if len(calls) == 1:
            raise OSError(errno.EIO, "down")
        return real(fd, what)

    monkeypatch.setattr("glasstunnel.host.plain.os.write", write)
    path.packets.write([0, 1])
    assert path.errors == {"EIO": 1}
    assert len(tun.written()) == 1


# From the network


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_transport_data_for_one_receiver_index_is_one_run(rig: Rig, host: str) -> None:
    _, udp, path = rig
    port = path.datagrams[0 if ":" in host else 1]
    sent = [data(7, b"a"), data(7, b"bb"), data(7)]
    with Sender(udp, host) as sender:
        sender.send(*sent)
        assert port.read(ROWS) == sender.path
    assert datagrams(path) == sent
    assert port.read(ROWS) is None


def test_a_burst_full_of_datagrams_ends_the_run(rig: Rig) -> None:
    _, udp, path = rig
    port = path.datagrams[1]
    with Sender(udp) as sender:
        sender.send(*(data(1, bytes([i])) for i in range(ROWS + 3)))
        found = []
        while port.read(2 * ROWS) is not None:
            found.append([datagram[-1] for datagram in datagrams(path)])
    assert found == [list(range(ROWS)), [ROWS, ROWS + 1, ROWS + 2]]


def test_handshake_messages_come_one_at_a_time_and_in_their_place(rig: Rig) -> None:
    _, udp, path = rig
    port = path.datagrams[1]
    sent = [data(7), b"\1\0\0\0" + bytes(144), b"\1\0\0\0" + bytes(144), data(7), data(8), data(8), data(7)]
    with Sender(udp) as sender:
        sender.send(*sent)
    runs = []
    while port.read(ROWS) is not None:
        runs.append(datagrams(path))
    assert runs == [[sent[0]], [sent[1]], [sent[2]], [sent[3]], sent[4:6], [sent[6]]]


def test_another_sender_begins_another_run(rig: Rig) -> None:
    _, udp, path = rig
    port = path.datagrams[1]
    with Sender(udp) as one, Sender(udp) as two:
        one.send(data(7, b"1"))
        two.send(data(7, b"2"), data(7, b"3"))
        one.send(data(7, b"4"))
        runs = []
        while (remote := port.read(ROWS)) is not None:
            runs.append((remote.remote, [datagram[16:] for datagram in datagrams(path)]))
        assert runs == [(one.address, [b"1"]), (two.address, [b"2", b"3"]), (one.address, [b"4"])]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_ecn_bits_of_the_outer_header_are_told_and_part_runs(rig: Rig, host: str) -> None:
    _, udp, path = rig
    port = path.datagrams[0 if ":" in host else 1]
    with Sender(udp, host) as sender:
        sender.send(data(7), tos=0)
        sender.send(data(7), data(7), tos=2)
        sender.send(data(7), tos=0x88 | 3)
    found = []
    while port.read(ROWS) is not None:
        found.append((port.ecn, path.burst.n))
    assert found == [(0, 1), (2, 2), (3, 1)]


def test_what_is_too_short_for_any_message_is_counted_and_passed_over(rig: Rig) -> None:
    _, udp, path = rig
    port = path.datagrams[1]
    with Sender(udp) as sender:
        sender.send(b"", b"\4\0\0\0", data(7))
        assert port.read(ROWS) == sender.path
    assert datagrams(path) == [data(7)]
    assert path.errors == {"too short": 2}


def test_the_largest_datagram_fits_into_a_row(rig: Rig) -> None:
    """65535 bytes of an IPv4 packet less 20 and 8 of headers: a peer's MTU may be any."""
    _, udp, path = rig
    largest = data(7, bytes(65507 - 16))
    with Sender(udp) as sender:
        sender.send(largest)
    assert path.datagrams[1].read(ROWS) is not None
    assert datagrams(path) == [largest]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), max_size=30),
    st.lists(st.integers(1, 5), min_size=1),
)
def test_every_datagram_comes_out_once_and_in_order_whatever_the_limits(
    rig: Rig, flow: list[tuple[int, int]], limits: list[int]
) -> None:
    _, udp, path = rig
    port = path.datagrams[1]
    sent = [bytes((kind, 0, 0, 0, index, 0, 0, 0)) + bytes([i]) for i, (kind, index) in enumerate(flow)]
    with Sender(udp) as sender:
        sender.send(*sent)
    found: list[bytes] = []
    for turn in range(len(sent)):
        if port.read(limits[turn % len(limits)]) is None:
            break
        assert path.burst.n == 1 or {datagram[:8] for datagram in datagrams(path)} == {datagrams(path)[0][:8]}
        found += datagrams(path)
    while port.read(1) is not None:
        found += datagrams(path)
    assert found == sent


# To the network


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("tos", [0, 2, 0x88])
def test_a_burst_is_sent_datagram_by_datagram_with_its_traffic_class(rig: Rig, host: str, tos: int) -> None:
    _, _, path = rig
    with closing(Udp()) as other, closing(FakeTun()) as tun:
        receiver = PlainPath(tun, other, mtu_of)
        path.burst.n = 0
        sent = [data(9, bytes([i])) for i in range(3)]
        for datagram in sent:
            path.burst.add_datagram(datagram)
        path.send(Path((host, other.port)), tos)
        port = receiver.datagrams[0 if ":" in host else 1]
        port.read(ROWS)
        assert (datagrams(receiver), port.ecn) == (sent, tos & 3)


def test_what_cannot_be_sent_is_counted_and_ends_nothing(rig: Rig) -> None:
    _, _, path = rig
    path.burst.n = 0
    for _ in range(2):
        path.burst.add_datagram(data(9))
    path.send(Path(("127.0.0.1", 0)), 0)  # port 0 is refused
    path.send(Path(("fe80::1%no-such-if", 5)), 0)
    assert path.errors == {"EINVAL": 2, "ENODEV": 2}


# From which address


def test_datagrams_to_another_address_of_ours_begin_another_run(rig: Rig) -> None:
    """A run has one path, and what was sent to 127.0.0.2 is answered from there."""
    _, udp, path = rig
    port = path.datagrams[1]
    with Sender(udp) as sender:
        for host in ("127.0.0.1", "127.0.0.2", "127.0.0.2", "127.0.0.1"):
            sender.socket.sendto(data(7, host.encode()), (host, udp.port))
        runs = []
        while (found := port.read(ROWS)) is not None:
            runs.append((found.local, [bytes(datagram[16:]) for datagram in path.burst.datagrams()]))
    assert runs == [
        ("127.0.0.1", [b"127.0.0.1"]),
        ("127.0.0.2", [b"127.0.0.2"] * 2),
        ("127.0.0.1", [b"127.0.0.1"]),
    ]


def test_a_burst_leaves_from_the_address_of_its_path(rig: Rig) -> None:
    _, udp, path = rig
    lo = socket.if_nametoindex("lo")
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind(("127.0.0.1", 0))
        for source in ("127.0.0.9", "127.0.0.8"):
            path.burst.n = 0
            path.burst.add_datagram(b"one")
            path.burst.add_datagram(b"two")
            way = Path(other.getsockname(), source, lo)
            assert path.send(way, 0x88) == way
            assert [other.recvfrom(10) for _ in "12"] == [
                (b"one", (source, udp.port)),
                (b"two", (source, udp.port)),
            ]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("tos", [0, 0x88])
def test_a_burst_whose_source_has_gone_loses_nothing(rig: Rig, host: str, tos: int) -> None:
    """Neither its first row nor the others, whether the kernel says EINVAL or ENETUNREACH."""
    _, _, path = rig
    family, gone = (socket.AF_INET6, "2001:db8::77") if ":" in host else (socket.AF_INET, "192.0.2.77")
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as other:
        other.bind((host, 0))
        remote = other.getsockname()[:2]
        path.burst.n = 0
        for message in (b"one", b"two", b"three"):
            path.burst.add_datagram(message)
        assert path.send(Path(remote, gone, socket.if_nametoindex("lo")), tos) == Path(remote)
        assert [other.recv(10) for _ in "123"] == [b"one", b"two", b"three"]
    assert not path.errors
