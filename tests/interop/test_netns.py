"""The scenarios by which the kernel and wireguard-go test themselves, for two interfaces of ours.

Section: netns.sh of both. What it tests besides stands elsewhere: roaming and lost sources in test_sticky.py,
a router that forgets there and in test_nat.py, the interface's state in test_glasstunnel_wg.py.
"""

import os
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256

import pytest

from glasstunnel.host.namespace import Namespace
from glasstunnel.wireguard.events import Drop
from tests.interop.end import End, is_silent, lost, two_hosts
from tests.interop.lab import PATIENCE, addresses_work, ping, run, until
from tests.interop.service import Ours, Service

pytestmark = pytest.mark.interop

ONE, TWO = End.numbered(1), End.numbered(2)
CABLE_MTU = 65535
MTUS = {"1420": 1420, "jumbo": 34816}  # those of netns.sh
STREAMS = 4
OVERHEAD = 32  # bytes of a transport data message besides its packet


@dataclass(frozen=True)
class Hosts:
    """Two hosts, and who serves the interfaces of each."""

    one: Namespace
    two: Namespace
    first: Service
    second: Service

    @contextmanager
    def tunnel(self, *lines: str, version: int = 4, mtu: int = 1420) -> Iterator[tuple[Ours, Ours]]:
        """Both know where the other is; the lines are for the [Peer] of both."""
        texts = [a.config(b.peer(b.endpoint(version), *lines)) for a, b in ((ONE, TWO), (TWO, ONE))]
        with (
            self.first.interface(texts[0], ONE.addresses, mtu=mtu) as one,
            self.second.interface(texts[1], TWO.addresses, mtu=mtu) as two,
        ):
            yield one, two


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with (
        two_hosts(CABLE_MTU) as (one, two),
        closing(Service(one)) as first,
        closing(Service(two)) as second,
    ):
        yield Hosts(one, two, first, second)


def streams(source: Namespace, target: Namespace, address: str, size: int) -> None:
    """Send so many bytes through each of several TCP connections at once, and compare what arrives."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with target:
        listener = socket.create_server((address, 0), family=family)
    with source:
        senders = [socket.create_connection(listener.getsockname()[:2], PATIENCE) for _ in range(STREAMS)]
    sent, arrived = [os.urandom(size) for _ in senders], []

    def send(sender: socket.socket, data: bytes) -> None:
        with sender:
            sender.sendall(data)

    def receive(receiver: socket.socket) -> None:
        digest = sha256()
        with receiver:
            receiver.settimeout(PATIENCE)
            while chunk := receiver.recv(1 << 18):
                digest.update(chunk)
        arrived.append(digest.digest())

    with listener:
        threads = [threading.Thread(target=send, args=pair) for pair in zip(senders, sent, strict=True)]
        threads += [threading.Thread(target=receive, args=(listener.accept()[0],)) for _ in senders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(arrived) == sorted(sha256(data).digest() for data in sent)


@pytest.mark.parametrize("inner", [4, 6], ids=["inner4", "inner6"])
@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
@pytest.mark.parametrize("mtu", MTUS)
def test_parallel_streams_arrive_whole_in_both_directions(
    hosts: Hosts, mtu: str, outer: int, inner: int
) -> None:
    with hosts.tunnel(version=outer, mtu=MTUS[mtu]) as (one, two):
        streams(hosts.one, hosts.two, TWO.inner[inner], 500_000)
        streams(hosts.two, hosts.one, ONE.inner[inner], 500_000)
    for traffic in (one.traffic, two.traffic):
        assert max(size for _, size in traffic.sent) == MTUS[mtu] + OVERHEAD  # no multiple of 16 is needed
    assert one.tunnel.errors + two.tunnel.errors == {}


def test_a_packet_as_long_as_the_mtu_is_not_padded_past_it(hosts: Hosts) -> None:
    mtu = 1420 - 1
    with hosts.tunnel(mtu=mtu) as (one, _), hosts.one:
        for size in range(mtu - 28 - 17, mtu - 28 + 1):
            assert lost(TWO.inner[4], size=size) == 0
    assert max(size for _, size in one.traffic.sent) == mtu + OVERHEAD


def test_a_packet_whose_source_is_not_among_the_allowed_ips_does_not_arrive(hosts: Hosts) -> None:
    """Then the prefix moves to another peer, in the middle of what the first one has, and back."""
    stranger = End.numbered(9).public_key
    with hosts.tunnel() as (_, two), hosts.one:
        ping(TWO.inner[4])
        network, host = "10.9.0.0/24", f"{ONE.inner[4]}/32"
        for prefix, owner, passes in (
            (network, ONE.public_key, True),  # moves nothing: it has the same owner
            (host, stranger, False),  # the longest prefix decides, and it is somebody else's
            (host, ONE.public_key, True),
            (network, stranger, True),  # a shorter one of somebody else takes nothing away
        ):
            with hosts.two:
                run("wg", "set", two.name, "peer", owner, "allowed-ips", prefix)
            assert lost(TWO.inner[4]) == 0 if passes else is_silent(TWO.inner[4])
        with hosts.two:
            run("wg", "set", two.name, "peer", stranger, "remove")
        assert lost(TWO.inner[4]) == 0
    assert two.device.drops[Drop.WRONG_SOURCE]


def test_new_private_keys_on_both_sides_make_a_new_session(hosts: Hosts) -> None:
    with hosts.tunnel() as (one, two):
        with hosts.one:
            ping(TWO.inner[4])
        before = len(one.traffic.sessions)
        new_one, new_two = (replace(end, private_key=run("wg", "genkey")) for end in (ONE, TWO))
        for end, other, interface, place in (
            (new_one, new_two, one, hosts.one),
            (new_two, new_one, two, hosts.two),
        ):
            with place:
                text = end.config(other.peer(other.endpoint(4)))
                run("wg", "syncconf", interface.name, "/dev/stdin", text=text)
        with hosts.one:
            ping(TWO.inner[4])
        assert len(one.traffic.sessions) > before


def test_a_tunnel_goes_through_a_tunnel(hosts: Hosts) -> None:
    mtu = 1420 - 48 - OVERHEAD  # room for IPv6, UDP and the outer tunnel's own
    one, two = (replace(End.numbered(end, 1), outer=outer.inner) for end, outer in ((1, ONE), (2, TWO)))
    with (
        hosts.tunnel() as (outer, _),
        hosts.first.interface(one.config(two.peer(two.endpoint(6))), one.addresses, mtu=mtu),
        hosts.second.interface(two.config(one.peer(one.endpoint(6))), two.addresses, mtu=mtu),
    ):
        with hosts.one:
            ping(two.inner[4])
            ping(two.inner[6])
        streams(hosts.one, hosts.two, two.inner[4], 200_000)
        assert max(size for _, size in outer.traffic.sent) == 1420 + OVERHEAD


def test_a_peer_may_be_reached_through_another_peer_of_the_same_interface(hosts: Hosts) -> None:
    """Onion routing: the inner datagrams are packets of the interface that sends them.

    Where the way leads through the peer itself, little is sent and nobody else notices (the kernel's netns.sh
    allows 70,000 bytes).
    """
    behind = replace(End.numbered(2, 1), outer=TWO.inner)
    ours = replace(ONE, inner=End.numbered(1, 1).inner)  # the same interface with another address
    with hosts.tunnel() as (one, _), hosts.one:
        run("ip", "address", "add", ours.addresses[0], "dev", one.name)
        run("wg", "addconf", one.name, "/dev/stdin", text=behind.peer(behind.endpoint(4)))
        with hosts.second.interface(behind.config(ours.peer()), behind.addresses):
            ping(behind.inner[4])
        itself = f"{behind.inner[4]}:{behind.port}"
        run("wg", "set", one.name, "peer", behind.public_key, "endpoint", itself)
        before = one.do(lambda tunnel: tunnel.device.peers[b64decode(behind.public_key)].tx_bytes)
        assert is_silent(behind.inner[4])
        assert lost(TWO.inner[4]) == 0
        after = one.do(lambda tunnel: tunnel.device.peers[b64decode(behind.public_key)].tx_bytes)
        assert after - before < 70_000
        run("wg", "set", one.name, "peer", behind.public_key, "remove")
        assert lost(TWO.inner[4]) == 0


def test_the_default_route_leads_into_the_tunnel_but_for_what_the_tunnel_sends(hosts: Hosts) -> None:
    mark = "51820"
    everything = "AllowedIPs = 0.0.0.0/0, ::/0"
    with hosts.tunnel(everything) as (one, _), hosts.one:
        run("wg", "set", one.name, "fwmark", mark)
        for version in ("-4", "-6"):
            run("ip", version, "route", "add", "default", "dev", one.name, "table", mark)
            run("ip", version, "rule", "add", "not", "fwmark", mark, "table", mark)
        try:
            with hosts.two:
                run("ip", "address", "add", "198.51.100.1/32", "dev", "lo")
                run("ip", "address", "add", "2001:db8:7::1/128", "dev", "lo")
                addresses_work("lo")
            ping("198.51.100.1")
            ping("2001:db8:7::1")
            ping(TWO.outer[4])  # through the tunnel, although it is a neighbour on the cable
            assert any(kind == 4 for kind, _ in one.traffic.sent)
        finally:
            for version in ("-4", "-6"):
                run("ip", version, "rule", "del", "table", mark)
            with hosts.two:
                run("ip", "address", "del", "198.51.100.1/32", "dev", "lo")
                run("ip", "address", "del", "2001:db8:7::1/128", "dev", "lo")


def test_a_persistent_keepalive_begins_with_the_private_key_or_with_the_wish_for_it(hosts: Hosts) -> None:
    def keepalives(interface: Ours) -> int:
        return sum(message == (4, OVERHEAD) for message in interface.traffic.sent)

    wish = TWO.peer(TWO.endpoint(4), "PersistentKeepalive = 1")
    nameless = f"[Interface]\nListenPort = {ONE.port}\n{wish}"
    with (
        hosts.second.interface(TWO.config(ONE.peer()), TWO.addresses) as two,
        hosts.first.interface(nameless, ONE.addresses) as one,
    ):
        assert one.traffic.sent == []  # who has no key is silent
        with hosts.one:
            run("wg", "set", one.name, "private-key", "/dev/stdin", text=ONE.private_key)
        until(lambda: keepalives(one), "a keepalive tells that there is a session")
        assert one.traffic.sessions == [True]
        with hosts.two:
            before = keepalives(two)
            run("wg", "set", two.name, "peer", ONE.public_key, "persistent-keepalive", "1")
            until(lambda: keepalives(two) > before, "the wish is heard at once")


def test_hundreds_of_peers_and_thousands_of_addresses_are_told_apart(hosts: Hosts) -> None:
    """The last of 300 peers answers, and wg reads back what it has set."""
    keys = [run("wg", "genpsk") for _ in range(299)]  # 32 random bytes
    peers = [
        f"[Peer]\nPublicKey = {key}\nAllowedIPs = "
        + ", ".join([f"10.{128 + n // 256}.{n % 256}.{host}/32" for host in range(16)] + [f"fd01:{n:x}::/32"])
        + "\n"
        for n, key in enumerate(keys)
    ]
    with (
        hosts.first.interface(ONE.config(*peers, TWO.peer(TWO.endpoint(4))), ONE.addresses) as one,
        hosts.second.interface(TWO.config(ONE.peer()), TWO.addresses),
        hosts.one,
    ):
        ping(TWO.inner[4])
        shown = dict(line.split("\t") for line in run("wg", "show", one.name, "allowed-ips").splitlines())
        assert len(shown) == 300
        assert sum(len(prefixes.split()) for prefixes in shown.values()) == 299 * 17 + 2
        run("wg", "syncconf", one.name, "/dev/stdin", text=ONE.config(TWO.peer(TWO.endpoint(4))))
        assert run("wg", "show", one.name, "peers") == TWO.public_key
        assert lost(TWO.inner[4]) == 0
