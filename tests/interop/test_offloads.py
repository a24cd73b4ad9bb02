"""The fast data path on real interfaces: against our plain path, against wireguard-go, and on cables that
cut, join, mark and lose.

Section: Linux segmentation-offloads.rst; udp(7); RFC 3168 and RFC 6040 for marks of congestion.
"""

import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from glasstunnel.host.namespace import Namespace, veth_pair
from glasstunnel.host.tunnel import Tunnel
from glasstunnel.host.udp import Buffer
from glasstunnel.wireguard.events import Drop
from glasstunnel.wireguard.events import Path as Way
from tests.host.relay import Relay
from tests.interop import bare
from tests.interop.end import End, lost, two_hosts
from tests.interop.lab import PATIENCE, Lab, ping, run, until
from tests.interop.service import Ours, Service
from tests.interop.test_netns import streams

pytestmark = pytest.mark.interop

ONE, TWO = End.numbered(1), End.numbered(2)
PATHS = {"plain": False, "fast": True}
PINGS = (0, 1, 7, 999, 1391, 1392, 1393, 5001, 30_011, 60_000)  # bytes; fragments from 1393 on
DATAGRAMS = (0, 1, 2, 15, 16, 17, 500, 1371, 1372, 1372, 1371, 1373, 3001, 9000, 33_333, 1, 60_000)
HEADERS = 72  # bytes: IPv6, and TCP with timestamps
SEGMENTS = 30  # of one call, into the tunnel
SOL_UDP, UDP_SEGMENT = 17, 103  # linux/udp.h


@dataclass(frozen=True)
class Cable:
    """Two hosts, and who serves the interfaces of each."""

    one: Namespace
    two: Namespace
    first: Service
    second: Service

    @contextmanager
    def tunnel(
        self,
        first: str = "fast",
        second: str = "fast",
        *,
        version: int = 4,
        mtu: int = 1420,
        endpoint: str = "",
    ) -> Iterator[tuple[Ours, Ours]]:
        """Between two ends on these paths; the first is the initiator.

        Args:
            endpoint: where the first finds the second, as a line of a [Peer]; by default on the cable.
        """
        with (
            self.second.interface(
                TWO.config(ONE.peer()), TWO.addresses, mtu=mtu, offload=PATHS[second]
            ) as two,
            self.first.interface(
                ONE.config(TWO.peer(endpoint or TWO.endpoint(version))),
                ONE.addresses,
                mtu=mtu,
                offload=PATHS[first],
            ) as one,
        ):
            for end in (one, two):
                end.do(Tunnel.follow)
            with self.one:
                ping(TWO.inner[4])
            yield one, two

    @contextmanager
    def set(self, *words: str) -> Iterator[None]:
        """Features of the cable at both ends, as ``ethtool -K`` names them, and as they were at the end."""
        opposite = {"on": "off", "off": "on"}
        try:
            self._ethtool(*words)
            yield
        finally:
            self._ethtool(*(opposite.get(word, word) for word in words))

    def _ethtool(self, *words: str) -> None:
        for namespace in (self.one, self.two):
            with namespace:
                run("ethtool", "-K", "eth0", *words)

    def both_ways(self, version: int, size: int = 500_000) -> None:
        """TCP in both directions."""
        streams(self.one, self.two, TWO.inner[version], size)
        streams(self.two, self.one, ONE.inner[version], size)


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    with two_hosts() as (one, two), closing(Service(one)) as first, closing(Service(two)) as second:
        yield Cable(one, two, first, second)


@contextmanager
def rules(namespace: Namespace, *chains: str) -> Iterator[None]:
    """Rules of nftables in a namespace, for the time of the block: each a hook with its rules."""
    text = "".join(
        f"chain c{number} {{ type filter hook {chain}; }}\n" for number, chain in enumerate(chains)
    )
    with namespace:
        run("nft", "-f", "-", text=f"table inet test {{\n{text}}}\n")
    try:
        yield
    finally:
        with namespace:
            run("nft", "delete", "table", "inet", "test")


def counted(namespace: Namespace) -> int:
    """Packets that the counter of the rules has seen."""
    with namespace:
        return sum(
            map(int, re.findall(r"counter packets (\d+)", run("nft", "list", "table", "inet", "test")))
        )


def datagrams(source: Namespace, target: Namespace, address: str) -> None:
    """Datagrams of many sizes, and of one size cut by the kernel, arrive whole and in order."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with source:
        sender = socket.socket(family, socket.SOCK_DGRAM)
    with target:
        receiver = socket.socket(family, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.bind((address, 0))
        receiver.settimeout(PATIENCE)
        sender.connect(receiver.getsockname()[:2])
        for number, size in enumerate(DATAGRAMS):
            sent = [bytes([number, i]) * (size // 2) + b"!" * (size & 1) for i in range(2)]
            for one in sent:
                sender.send(one)
            assert [receiver.recv(65535) for _ in sent] == sent
        for size in (1, 64, 1001, 1372 - 20 * (family == socket.AF_INET6)):
            sent = [bytes([i]) * size for i in range(SEGMENTS)]
            sent[-1] = b"last"[:size]
            sender.sendmsg([b"".join(sent)], [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", size))])
            assert [receiver.recv(65535) for _ in sent] == sent


@pytest.mark.parametrize("inner", [4, 6], ids=["inner4", "inner6"])
@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
@pytest.mark.parametrize("paths", ["fast-fast", "fast-plain", "plain-fast"])
def test_the_paths_carry_tcp_datagrams_and_fragments_of_each_other(
    cable: Cable, paths: str, outer: int, inner: int
) -> None:
    with cable.tunnel(*paths.split("-"), version=outer) as (one, two):
        cable.both_ways(inner, 200_000)
        datagrams(cable.one, cable.two, TWO.inner[inner])
        datagrams(cable.two, cable.one, ONE.inner[inner])
        for size in PINGS:
            with cable.one:
                assert lost(TWO.inner[inner], size=size) == 0
        assert one.tunnel.errors + two.tunnel.errors == {}


@pytest.mark.parametrize("inner", [4, 6], ids=["inner4", "inner6"])
@pytest.mark.parametrize("initiator", ["ours", "theirs"])
def test_wireguard_go_and_the_fast_path_carry_datagrams_and_fragments_of_each_other(
    lab: Lab, tmp_path: Path, initiator: str, inner: int
) -> None:
    ours, theirs = lab.ours, lab.theirs
    lines = [f"Endpoint = {theirs.endpoint(4)}"], [f"Endpoint = {ours.endpoint(6)}"]
    with (
        lab.wireguard_go(*lines[1] if initiator == "theirs" else ()),
        lab.up(lab.config(tmp_path, *lines[0] if initiator == "ours" else ())),
    ):
        first, second = (ours, theirs) if initiator == "ours" else (theirs, ours)
        with first.namespace:
            ping(second.inner[inner])
            for size in PINGS:
                assert lost(second.inner[inner], size=size) == 0
        datagrams(ours.namespace, theirs.namespace, theirs.inner[inner])
        datagrams(theirs.namespace, ours.namespace, ours.inner[inner])


@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_a_cable_with_a_smaller_mtu_than_a_datagram_gets_fragments(
    cable: Cable, monkeypatch: pytest.MonkeyPatch, outer: int
) -> None:
    """There the kernel cuts no trains (EINVAL), and each datagram goes alone."""
    try:
        for namespace in (cable.one, cable.two):
            with namespace:
                run("ip", "link", "set", "eth0", "mtu", "1300")
        with cable.tunnel(version=outer) as (one, two):
            answers: list[bool] = []
            real = one.tunnel.udp.send_joined

            def send_joined(datagrams: Buffer, segment: int, path: Way, tos: int) -> bool:
                answers.append(real(datagrams, segment, path, tos))
                return answers[-1]

            monkeypatch.setattr(one.tunnel.udp, "send_joined", send_joined)
            cable.both_ways(4)
            datagrams(cable.one, cable.two, TWO.inner[4])
            assert False in answers
            assert one.tunnel.errors + two.tunnel.errors == {}
    finally:
        for namespace in (cable.one, cable.two):
            with namespace:
                run("ip", "link", "set", "eth0", "mtu", "1500")


@pytest.mark.parametrize(
    "features",
    ["tx-udp-segmentation off", "tx-udp-segmentation off gro on", "gro on", "tx off rx off"],
)
def test_trains_that_the_cable_cuts_or_joins_arrive_whole(cable: Cable, features: str) -> None:
    """What UDP_GRO is given is a mixture then; without checksum offload the kernel cuts before the cable."""
    with cable.set(*features.split()), cable.tunnel() as (one, two):
        cable.both_ways(4)
        cable.both_ways(6)
        datagrams(cable.one, cable.two, TWO.inner[4])
        assert one.tunnel.errors + two.tunnel.errors == {}


@pytest.mark.parametrize("features", ["tx-udp-segmentation off", "gro on"], ids=["datagrams", "trains"])
def test_what_is_lost_on_the_cable_is_sent_again(cable: Cable, features: str) -> None:
    """One in fifty, of datagrams or of whole trains."""
    loss = f"input priority 0; udp dport {{ {ONE.port}, {TWO.port} }} numgen random mod 50 == 0 counter drop"
    with (
        cable.set(*features.split()),
        cable.tunnel() as (one, two),
        rules(cable.one, loss),
        rules(cable.two, loss),
    ):
        cable.both_ways(4, 1_000_000)
        assert counted(cable.one) + counted(cable.two) > 0
        assert one.tunnel.errors + two.tunnel.errors == {}


@pytest.mark.parametrize("inner", [4, 6], ids=["inner4", "inner6"])
@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
@pytest.mark.parametrize("joined", [False, True], ids=["alone", "joined"])
def test_what_the_network_reorders_and_repeats_tcp_puts_in_order(
    cable: Cable, joined: bool, outer: int, inner: int
) -> None:
    """Datagrams pass a relay; a segment that was joined to the wrong one would spoil the stream."""
    with cable.two:
        relay = Relay(TWO.outer[outer], (TWO.outer[outer], TWO.port), seed=outer, twice=0.02, joined=joined)
    host, port = relay.address
    there = f"Endpoint = [{host}]:{port}" if outer == 6 else f"Endpoint = {host}:{port}"
    with closing(relay), relay.serving(), cable.tunnel(endpoint=there) as (one, two):
        before = kernel_counter(cable.two, "TcpExtTCPOFOQueue")  # segments that TCP had to put in order
        cable.both_ways(inner)
        assert relay.reordered > 0
        assert kernel_counter(cable.two, "TcpExtTCPOFOQueue") > before
        assert two.device.drops[Drop.REPLAYED] > 0
        assert one.tunnel.errors + two.tunnel.errors == {}


def kernel_counter(namespace: Namespace, name: str) -> int:
    """One of the counters that nstat(8) knows."""
    with namespace:
        return int(json.loads(run("nstat", "-asz", "--json", name))["kernel"][name])


@pytest.mark.parametrize(
    ("features", "joined"),
    [("gro on", False), ("gro on tso off", True)],
    ids=["whole", "joined"],
)
def test_super_packets_of_a_host_behind_ours_arrive_as_they_were(
    cable: Cable, features: str, joined: bool
) -> None:
    """Some are longer than one train, and the kernel cuts them before they reach the TUN; or GRO has joined
    them on their way to us.
    """
    with cable.tunnel() as (one, two), closing(Namespace()) as host:
        veth_pair(host, "eth0", cable.one, "lan0")
        with host:
            run("ip", "address", "add", "10.77.0.2/24", "dev", "eth0")
            run("ip", "route", "add", "default", "via", "10.77.0.1")
            run("ethtool", "-K", "eth0", *features.split())
        with cable.one:
            run("ip", "address", "add", "10.77.0.1/24", "dev", "lan0")
            run("ethtool", "-K", "lan0", "gro", "on")
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        with cable.two:
            ours = f"{ONE.inner[4]}/32,{ONE.inner[6]}/128,10.77.0.0/24"
            run("wg", "set", two.name, "peer", ONE.public_key, "allowed-ips", ours)
            run("ip", "route", "add", "10.77.0.0/24", "dev", two.name)
        longer = 1500 if joined else longest_super_packet(cable.one, one.name)
        with rules(cable.one, f'forward priority 0; oifname "{one.name}" meta length > {longer} counter'):
            streams(host, cable.two, TWO.inner[4], 4_000_000)
            assert counted(cable.one) > 0
        streams(cable.two, host, "10.77.0.2", 1_000_000)
        for namespace in (host, cable.two):
            assert kernel_counter(namespace, "TcpInCsumErrors") == 0
        assert one.tunnel.errors + two.tunnel.errors == {}


def longest_super_packet(namespace: Namespace, interface: str) -> int:
    """Bytes that the kernel hands to this interface at once, at the most."""
    with namespace:
        return int(re.findall(r"gso_max_size (\d+)", run("ip", "-d", "link", "show", interface))[0])


@pytest.mark.parametrize("version", [4, 6])
def test_marks_of_congestion_reach_the_tcp_inside_which_slows_down(cable: Cable, version: int) -> None:
    """One outer packet in ten is marked on its way; the sender answers with CWR (RFC 3168 §6.1.2)."""
    sysctl = Path("/proc/sys/net/ipv4/tcp_ecn")
    ecn = "ip ecn" if version == 4 else "ip6 ecn"
    some = f"udp dport {TWO.port} {ecn} ect0 numgen random mod 10 == 0"
    with cable.tunnel(version=version) as (one, two), ExitStack() as undo:
        for namespace in (cable.one, cable.two):
            with namespace:
                before = sysctl.read_text()
                sysctl.write_text("1")
            undo.callback(_write, namespace, sysctl, before)
        undo.enter_context(
            rules(
                cable.two,
                f"prerouting priority -300; {some} {ecn} set ce",
                f'input priority 0; iifname "{two.name}" ip ecn ce counter',
            )
        )
        undo.enter_context(
            rules(cable.one, f'output priority 0; oifname "{one.name}" tcp flags & cwr == cwr counter')
        )
        streams(cable.one, cable.two, TWO.inner[4], 2_000_000)
        assert counted(cable.two) > 0
        assert counted(cable.one) > 0


def _write(namespace: Namespace, file: Path, text: str) -> None:
    with namespace:
        file.write_text(text)


def test_the_mtu_may_change_while_traffic_passes(cable: Cable) -> None:
    """Super-packets of before the change are on their way then."""
    jumbo = 8920
    for namespace in (cable.one, cable.two):
        with namespace:
            run("ip", "link", "set", "eth0", "mtu", "9000")
    try:
        with cable.tunnel(mtu=jumbo) as (one, two):
            thread = threading.Thread(target=cable.both_ways, args=(4, 6_000_000))
            thread.start()
            changes = 0
            while thread.is_alive():
                for mtu in (1280, 1420, jumbo):
                    for end, namespace in ((one, cable.one), (two, cable.two)):
                        with namespace:
                            run("ip", "link", "set", end.name, "mtu", str(mtu))
                    changes += 1
            thread.join()
            assert changes > 4
            assert max(size for _, size in one.traffic.sent) >= jumbo + 32
            cable.both_ways(6)
    finally:
        for namespace in (cable.one, cable.two):
            with namespace:
                run("ip", "link", "set", "eth0", "mtu", "1500")


def test_the_longest_super_packet_follows_the_mtu(lab: Lab) -> None:
    """So that it fills one train: 45 datagrams of 1452 bytes, 7 of 8952; see limit_super_packets."""
    ours = lab.ours
    with bare.interface(ours), ours.namespace:
        limit = partial(longest_super_packet, ours.namespace, ours.interface)

        def holds(packets: int, size: int) -> bool:
            return packets * size <= limit() - HEADERS < (packets + 1) * size

        run("ip", "link", "set", ours.interface, "up")
        for mtu, packets in ((1420, 45), (8920, 7), (1280, 49), (1420, 45)):
            run("ip", "link", "set", ours.interface, "mtu", str(mtu))
            until(
                partial(holds, packets, mtu - HEADERS),
                f"super-packets hold {packets} packets of the MTU {mtu}",
            )
        run("ip", "link", "set", ours.interface, "mtu", "68")
        until(lambda: limit() == 4096, "the least is set")
        assert "state" in run("ip", "link", "show", ours.interface)
