"""Two tunnels in one loop, with stand-ins for their TUNs and real UDP over the loopback interface."""

import logging
import os
import socket
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import pytest

from glasstunnel.host.clock import Timer, now
from glasstunnel.host.loop import Loop
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.observer import Observer
from glasstunnel.host.tun import Tun
from glasstunnel.host.tunnel import Tunnel
from glasstunnel.host.udp import Udp
from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard.cookie import add_macs, mac1_key
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Drop, Event, GaveUp, KeysReady, Path
from glasstunnel.wireguard.parameters import PARAMETERS
from tests.host.fakes import FakeTun, ip_packet

PATIENCE = 10.0  # seconds: a safety net


@dataclass
class Diary(Observer):
    """Writes down what it is told."""

    entries: list[tuple[str, bytes]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def packet_out(self, now: float, packet: memoryview) -> None:
        self._note("packet_out", now, packet)

    def datagram_out(self, now: float, datagram: bytes | memoryview, path: Path, tos: int) -> None:
        self._note("datagram_out", now, datagram)

    def datagram_in(self, now: float, datagram: bytes | memoryview, path: Path, ecn: int) -> None:
        self._note("datagram_in", now, datagram)

    def packet_in(self, now: float, packet: memoryview) -> None:
        self._note("packet_in", now, packet)

    def event(self, now: float, event: Event) -> None:
        self.events.append(event)
        self.times.append(now)

    def _note(self, what: str, now: float, data: bytes | memoryview) -> None:
        self.entries.append((what, bytes(data)))
        self.times.append(now)

    def of(self, what: str) -> list[bytes]:
        return [data for kind, data in self.entries if kind == what]


@dataclass
class End:
    """One end: its tunnel, its stand-in for a TUN, its diary."""

    tunnel: Tunnel[Device]
    tun: FakeTun
    diary: Diary
    address: str


class Pair:
    """Two ends that know each other; only ``left`` knows where the other is."""

    def __init__(self, loop: Loop, host: str = "127.0.0.1", *, offload: bool = False) -> None:
        self.loop, self.offload = loop, offload
        devices = Device(os.urandom(32)), Device(os.urandom(32))
        udps = Udp(), Udp()
        for mine, other, address, endpoint in (
            (devices[0], devices[1], "10.0.0.2", Path((host, udps[1].port))),
            (devices[1], devices[0], "10.0.0.1", None),
        ):
            assert other.public_key
            mine.add_peer(other.public_key, endpoint=endpoint, allowed_ips=[(parse_address(address), 32)])
        self.left, self.right = (
            self._end(device, udp, address)
            for device, udp, address in zip(devices, udps, ("10.0.0.1", "10.0.0.2"), strict=True)
        )

    def _end(self, device: Device, udp: Udp, address: str) -> End:
        tun, diary = FakeTun(offload=self.offload), Diary()
        return End(Tunnel(device, tun, udp, self.loop, observer=diary), tun, diary, address)

    def close(self) -> None:
        self.left.tunnel.close()
        self.right.tunnel.close()

    def serve_until(self, condition: Callable[[], object]) -> None:
        """Run the loop, asking after every wakeup."""
        deadline = now() + PATIENCE
        timer = Timer(self.loop, self.loop.stop)
        while not condition():
            assert now() < deadline, "waited in vain"
            timer.arm(now() + 0.002)
            self.loop.run()
        timer.close()

    def carry(self, source: End, target: End, *packets: bytes) -> list[bytes]:
        """Give packets to one TUN and wait for as many at the other."""
        source.tun.give(*packets)
        arrived: list[bytes] = []

        def all_there() -> bool:
            arrived.extend(target.tun.written())
            return len(arrived) >= len(packets)

        self.serve_until(all_there)
        return arrived


@pytest.fixture(params=["plain4", "plain6", "fast4", "fast6"])
def pair(loop: Loop, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """On both data paths, in both families outside."""
    host = "::1" if request.param.endswith("6") else "127.0.0.1"
    with closing(Pair(loop, host, offload=request.param.startswith("fast"))) as pair:
        yield pair


def packet(source: End, target: End, payload: bytes = b"", ecn: int = 0) -> bytes:
    return ip_packet(source.address, target.address, payload, ecn)


def test_packets_cross_in_both_directions_unchanged_and_in_order(pair: Pair) -> None:
    there = [packet(pair.left, pair.right, bytes([i]) * (10 * i)) for i in range(50)]
    assert pair.carry(pair.left, pair.right, *there) == there
    back = [packet(pair.right, pair.left, bytes([i]) * i) for i in range(200)]
    assert pair.carry(pair.right, pair.left, *back) == back


def test_the_first_packet_waits_for_the_handshake_and_is_not_lost(pair: Pair) -> None:
    first = packet(pair.left, pair.right, b"first")
    assert pair.carry(pair.left, pair.right, first) == [first]
    kinds = [datagram[0] for datagram in pair.left.diary.of("datagram_out")]
    assert kinds == [1, 4]
    assert [datagram[0] for datagram in pair.right.diary.of("datagram_out")] == [2]


def test_an_observer_sees_each_packet_and_each_datagram_on_both_sides(pair: Pair) -> None:
    packets = [packet(pair.left, pair.right, bytes([i])) for i in range(5)]
    pair.carry(pair.left, pair.right, *packets)
    left, right = pair.left.diary, pair.right.diary
    assert left.of("packet_out") == packets == right.of("packet_in")
    assert left.of("datagram_out") == right.of("datagram_in")
    assert right.of("datagram_out") == left.of("datagram_in")
    assert [event.initiator for event in left.events if isinstance(event, KeysReady)] == [True]
    assert [event.initiator for event in right.events if isinstance(event, KeysReady)] == [False]
    assert left.times == sorted(left.times)


def test_a_tunnel_without_an_observer_does_the_same(pair: Pair) -> None:
    pair.left.tunnel.observer = pair.right.tunnel.observer = None
    packets = [packet(pair.left, pair.right, bytes([i])) for i in range(5)]
    assert pair.carry(pair.left, pair.right, *packets) == packets
    assert pair.left.diary.entries == []


def test_ecn_bits_reach_the_other_side(pair: Pair) -> None:
    packets = [packet(pair.left, pair.right, bytes([ecn]), ecn) for ecn in (0, 1, 2, 3)]
    pair.carry(pair.left, pair.right, packet(pair.left, pair.right))
    assert pair.carry(pair.left, pair.right, *packets) == packets


def test_a_persistent_keepalive_begins_when_the_interface_is_up(pair: Pair) -> None:
    (peer,) = pair.left.tunnel.device.peers.values()
    peer.timers.persistent_keepalive = 25
    pair.left.tunnel.up()
    pair.serve_until(lambda: peer.last_handshake is not None)
    assert pair.left.diary.of("packet_out") == []


def test_data_passes_through_a_flood_of_handshakes_most_of_which_get_a_cookie(pair: Pair) -> None:
    pair.carry(pair.left, pair.right, packet(pair.left, pair.right))
    device, before = pair.right.tunnel.device, pair.right.tunnel.device.drops.copy()
    assert device.public_key
    worthless = add_macs(b"\1\0\0\0" + b"x" * 144, mac1_key(device.public_key))
    (peer,) = pair.left.tunnel.device.peers.values()
    assert peer.endpoint
    family = socket.AF_INET6 if ":" in peer.endpoint.remote[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as stranger:
        for _ in range(3000):  # before the loop runs again: all of them wait in the socket
            stranger.sendto(worthless, peer.endpoint.remote)
        packets = [packet(pair.left, pair.right, bytes([i])) for i in range(200)]
        assert pair.carry(pair.left, pair.right, *packets) == packets
        pair.serve_until(lambda: not device.incoming)
        assert stranger.recv(100)[:1] == b"\3"
    drops = device.drops - before
    assert set(drops) == {Drop.NO_COOKIE, Drop.BAD_HANDSHAKE}
    assert drops[Drop.BAD_HANDSHAKE] < 512 < drops[Drop.NO_COOKIE]


def test_a_packet_that_comes_alone_brings_about_no_system_call_in_vain(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for one look in eight turns whether there are more, after the packet is through."""
    pair.carry(pair.left, pair.right, packet(pair.left, pair.right))
    read, found = os.readv, list[bool]()

    def counted(fd: int, buffers: Sequence[memoryview]) -> int:
        if fd != pair.left.tun.fd:
            return read(fd, buffers)
        try:
            length = read(fd, buffers)
        except BlockingIOError:
            found.append(False)
            raise
        found.append(True)
        return length

    monkeypatch.setattr(os, "readv", counted)
    for _ in range(24):
        pair.carry(pair.left, pair.right, packet(pair.left, pair.right))
    assert (found.count(True), found.count(False)) == (24, 3)


def test_an_initiation_without_an_answer_is_repeated_when_its_time_has_come(loop: Loop) -> None:
    """The deadline of the core wakes the loop: WP §6.4, here with 20 ms in place of 5 s."""
    quick = replace(PARAMETERS, rekey_timeout=0.02, rekey_jitter=0.0, rekey_attempt_time=0.1)
    device, other = Device(os.urandom(32), parameters=quick), Device(os.urandom(32))
    assert other.public_key
    sent: list[float] = []

    class Third(Observer):
        def datagram_out(self, now: float, datagram: bytes | memoryview, path: Path, tos: int) -> None:
            assert (len(datagram), tos) == (148, 0x88)
            sent.append(now)
            if len(sent) == 3:
                loop.stop()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        endpoint = Path(silent.getsockname())
        device.add_peer(other.public_key, endpoint=endpoint, allowed_ips=[(parse_address("10.0.0.2"), 32)])
        tun = FakeTun()
        with closing(Tunnel(device, tun, Udp(), loop, observer=Third())):
            start = now()
            tun.give(ip_packet("10.0.0.1", "10.0.0.2"))
            loop.run()
    assert sent[1] - start >= 0.02
    assert sent[2] - start >= 0.04


def test_a_peer_that_does_not_answer_is_logged_by_the_beginning_of_its_key(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    quick = replace(PARAMETERS, rekey_timeout=0.01, rekey_jitter=0.0, rekey_attempt_time=0.02)
    device, other = Device(os.urandom(32), parameters=quick), Device(bytes([7]) * 32)
    assert other.public_key

    class Ending(Observer):
        def event(self, now: float, event: Event) -> None:
            if isinstance(event, GaveUp):
                loop.stop()

    device.add_peer(
        other.public_key, endpoint=Path(("127.0.0.1", 9)), allowed_ips=[(parse_address("10.0.0.2"), 32)]
    )
    tun = FakeTun()
    with caplog.at_level(logging.INFO), closing(Tunnel(device, tun, Udp(), loop, observer=Ending())):
        tun.give(ip_packet("10.0.0.1", "10.0.0.2"))
        loop.run()
    key = b64encode(other.public_key).decode()
    assert [record.message for record in caplog.records] == [f"fake: {key[:8]}… does not answer"]


def test_noise_from_the_network_is_counted_and_disturbs_nothing(pair: Pair) -> None:
    pair.carry(pair.left, pair.right, packet(pair.left, pair.right))
    right = pair.right.tunnel
    noise = [b"", b"\4\0\0\0", b"\4\0\0\0" + bytes(12), b"\1\0\0\0" + bytes(144), b"\x99" * 60, bytes(1400)]
    for sender in right.udp.sockets:
        host = "::1" if sender.family == socket.AF_INET6 else "127.0.0.1"
        with socket.socket(sender.family, socket.SOCK_DGRAM) as stranger:
            for datagram in noise:
                stranger.sendto(datagram, (host, right.udp.port))
    seen = 2 * len(noise)
    pair.serve_until(lambda: right.device.drops.total() + right.errors.total() == seen)
    assert right.errors == {"too short": 4}
    good = packet(pair.left, pair.right, b"good")
    assert pair.carry(pair.left, pair.right, good) == [good]


def test_a_closed_tunnel_watches_nothing_and_may_be_closed_again(loop: Loop) -> None:
    before = set(os.listdir("/proc/self/fd"))
    pair = Pair(loop)
    pair.carry(pair.left, pair.right, packet(pair.left, pair.right))
    pair.close()
    pair.close()
    assert set(os.listdir("/proc/self/fd")) == before
    assert list(loop._callbacks) == [loop._wakeup]


@pytest.mark.parametrize("has_session", [False, True])
def test_a_source_that_has_gone_is_given_up_without_a_loss(pair: Pair, has_session: bool) -> None:
    """By bursts and by single messages; the core is told, so that the next burst does not fail again."""
    (peer,) = pair.left.tunnel.device.peers.values()
    if has_session:
        pair.carry(pair.left, pair.right, packet(pair.left, pair.right))
    assert peer.endpoint
    remote = peer.endpoint.remote
    peer.endpoint = Path(remote, "2001:db8::77" if ":" in remote[0] else "192.0.2.77", 1)
    sent = [packet(pair.left, pair.right, bytes([number])) for number in range(3)]
    pair.carry(pair.left, pair.right, *sent)
    assert peer.endpoint.remote == remote
    assert peer.endpoint.local in ("", remote[0]), "forgotten, or learned anew from what came back"
    assert not pair.left.tunnel.errors


def test_another_port_or_mark_lets_the_system_choose_the_source_anew(pair: Pair) -> None:
    """Kernel netlink.c ``set_port`` and ``wg_set_device``: the rules may lead elsewhere."""
    pair.carry(pair.left, pair.right, packet(pair.left, pair.right))
    (peer,) = pair.right.tunnel.device.peers.values()
    assert peer.endpoint
    assert peer.endpoint.local
    pair.right.tunnel.bind(0, None)
    assert peer.endpoint == Path(peer.endpoint.remote)


@pytest.mark.interop
def test_a_deleted_interface_stops_the_loop(
    namespace: Namespace, loop: Loop, interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Tunnel(Device(os.urandom(32)), Tun(interface), Udp(), loop)):
        with Netlink() as net:
            net.link_up(interface, 1420)
        subprocess.run(["ip", "link", "delete", interface], check=True)
        loop.run()
    assert [record.message for record in caplog.records] == [f"the interface {interface} was deleted"]


@pytest.mark.interop
def test_a_tunnel_whose_interface_is_down_goes_on(namespace: Namespace, loop: Loop, interface: str) -> None:
    """What arrives meanwhile is counted and lost; the session lives on."""
    with closing(Pair(loop)) as pair:
        pair.carry(pair.left, pair.right, packet(pair.left, pair.right))
        pair.right.tunnel.close()
        down = Tunnel(pair.right.tunnel.device, Tun(interface), Udp(), loop)
        pair.right.tunnel = down
        (peer,) = pair.left.tunnel.device.peers.values()
        peer.endpoint = Path(("127.0.0.1", down.udp.port))
        pair.left.tun.give(packet(pair.left, pair.right, b"lost"))
        pair.serve_until(lambda: down.errors.total() == 1)
        assert set(down.errors) <= {"EIO", "EINVAL"}


@pytest.mark.interop
@pytest.mark.parametrize("offload", [False, True], ids=["plain", "fast"])
def test_without_sockets_packets_go_nowhere_and_the_interface_stays(
    namespace: Namespace, loop: Loop, interface: str, offload: bool
) -> None:
    """As while the port is in use by another program."""
    tun, deleted = Tun(interface, offload=offload), list[str]()
    with closing(
        Tunnel(Device(os.urandom(32)), tun, None, loop, on_deleted=lambda: deleted.append(interface))
    ) as tunnel:
        with Netlink() as net:
            net.add_address(interface, "10.1.0.1/24")
            net.link_up(interface, 1420)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for size in (0, 1000):
                client.sendto(bytes(size), ("10.1.0.2", 7))
        tunnel._tun_readable()
        with pytest.raises(BlockingIOError):
            os.read(tun.fd, 2000)
        assert not deleted
