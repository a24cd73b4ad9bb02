"""Where a datagram leaves from and what its outer header says, with wireguard-go at the other end.

The scenarios of "sticky sources" and of route MTUs are those of the kernel's own ``netns.sh``. One echo
request is sent and never repeated: what is asserted is that not even one packet is lost.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from glasstunnel.host.namespace import Namespace, veth_pair
from tests.interop.lab import PATIENCE, Host, Lab, ping, run, until

pytestmark = pytest.mark.interop

LENGTH = {4: 24, 6: 64}
ETH_P_ALL = 0x0003


def ping_once(address: str, *words: str) -> None:
    """One echo request, which must be answered."""
    run("ping", "-n", "-c1", f"-W{PATIENCE:.0f}", *words, address)


def endpoint_of_us(lab: Lab) -> str:
    """Where wireguard-go believes us to be: the source of the last datagram that it got from us."""
    return run("wg", "show", lab.theirs.interface, "endpoints").split()[1]


def endpoint_of_them(lab: Lab) -> str:
    with lab.ours.namespace:  # where a scope has its name; elsewhere it is a number
        return run("wg", "show", lab.ours.interface, "endpoints").split()[1]


def speak_to(lab: Lab, endpoint: str) -> None:
    """Let wireguard-go send to this endpoint of ours from now on."""
    with lab.theirs.namespace:
        run("wg", "set", lab.theirs.interface, "peer", lab.ours.public_key, "endpoint", endpoint)


def at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def add(host: Host, address: str, device: str = "eth0") -> None:
    with host.namespace:
        run("ip", "address", "add", f"{address}/{LENGTH[6 if ':' in address else 4]}", "dev", device)


def remove(host: Host, address: str, device: str = "eth0") -> None:
    with host.namespace:
        run("ip", "address", "del", f"{address}/{LENGTH[6 if ':' in address else 4]}", "dev", device)


def second_cable(lab: Lab) -> None:
    """Another cable, ``eth1`` at both ends, and no objection to answers that come in on it."""
    veth_pair(lab.ours.namespace, "eth1", lab.theirs.namespace, "eth1")
    for host in (lab.ours, lab.theirs):
        with host.namespace:
            for where in ("all", "eth0", "eth1"):
                Path(f"/proc/sys/net/ipv4/conf/{where}/rp_filter").write_text("0")
            Path("/proc/sys/net/ipv4/conf/eth0/promote_secondaries").write_text("1")


# The server: reply from the address that was spoken to


@pytest.mark.parametrize("version", [4, 6])
def test_a_reply_comes_from_the_address_that_was_spoken_to(lab: Lab, tmp_path: Path, version: int) -> None:
    """The second address, which the system would never choose by itself, and then the first one again."""
    first = lab.ours.outer[version]
    second = {4: "192.0.2.7", 6: "2001:db8::7"}[version]
    add(lab.ours, second)
    with lab.wireguard_go(f"Endpoint = {at(second, lab.ours.port)}"), lab.up(lab.config(tmp_path)):
        for address in (second, first, second):
            speak_to(lab, at(address, lab.ours.port))
            with lab.theirs.namespace:
                ping_once(lab.ours.inner[4])
                ping_once(lab.ours.inner[6])
            assert endpoint_of_us(lab) == at(address, lab.ours.port)


@pytest.mark.parametrize("version", [4, 6])
def test_so_it_does_from_an_address_of_another_interface(lab: Lab, tmp_path: Path, version: int) -> None:
    address = {4: "10.50.0.1", 6: "fd50::1"}[version]
    with lab.ours.namespace:
        run("ip", "link", "add", "dummy0", "type", "veth", "peer", "dummy1")
        run("ip", "link", "set", "dummy0", "up")
    add(lab.ours, address, "dummy0")
    with lab.theirs.namespace:
        run("ip", "route", "add", address, "via", lab.ours.outer[version])
    with lab.wireguard_go(f"Endpoint = {at(address, lab.ours.port)}"), lab.up(lab.config(tmp_path)):
        with lab.theirs.namespace:
            ping_once(lab.ours.inner[4])
        assert endpoint_of_us(lab) == at(address, lab.ours.port)


@pytest.mark.parametrize("version", [4, 6])
def test_two_interfaces_reply_each_for_itself(lab: Lab, tmp_path: Path, version: int) -> None:
    second_cable(lab)
    ours, theirs = {4: ("198.51.100.1", "198.51.100.2"), 6: ("2001:db8:1::1", "2001:db8:1::2")}[version]
    add(lab.ours, ours, "eth1")
    add(lab.theirs, theirs, "eth1")
    with lab.wireguard_go(f"Endpoint = {at(ours, lab.ours.port)}"), lab.up(lab.config(tmp_path)):
        for address, peer in (
            (ours, theirs),
            (lab.ours.outer[version], lab.theirs.outer[version]),
            (ours, theirs),
        ):
            speak_to(lab, at(address, lab.ours.port))
            with lab.theirs.namespace:
                ping_once(lab.ours.inner[4])
            assert endpoint_of_us(lab) == at(address, lab.ours.port)
            assert endpoint_of_them(lab) == at(peer, lab.theirs.port)


# The client: sticky, but not too sticky


@pytest.mark.parametrize("version", [4, 6])
def test_a_source_that_has_gone_costs_no_packet(lab: Lab, tmp_path: Path, version: int) -> None:
    second_cable(lab)  # for promote_secondaries
    before, after = lab.ours.outer[version], {4: "192.0.2.10", 6: "2001:db8::10"}[version]
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(version)}")
    with lab.wireguard_go(), lab.up(config):
        for old, new in ((before, after), (after, before)):
            with lab.ours.namespace:
                ping_once(lab.theirs.inner[4])
            assert endpoint_of_us(lab) == at(old, lab.ours.port)
            add(lab.ours, new)
            with lab.ours.namespace:
                ping_once(lab.theirs.inner[4])
            assert endpoint_of_us(lab) == at(old, lab.ours.port), "it sticks while it can"
            remove(lab.ours, old)
            with lab.ours.namespace:
                ping_once(lab.theirs.inner[4])
            assert endpoint_of_us(lab) == at(new, lab.ours.port)


def test_a_route_that_moves_to_another_interface_takes_the_source_with_it(lab: Lab, tmp_path: Path) -> None:
    """And back when it moves back: the metric decides."""
    second_cable(lab)
    add(lab.ours, "192.0.2.3", "eth1")
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}")
    routes = (
        ("192.0.2.0/24", "dev", "eth0", "src", "192.0.2.1", "metric", "2"),
        ("192.0.2.0/24", "dev", "eth1", "src", "192.0.2.3", "metric", "1"),
    )
    with lab.ours.namespace:
        run("ip", "route", "flush", "dev", "eth0")
        run("ip", "route", "flush", "dev", "eth1")
        run("ip", "route", "add", *routes[0])
    with lab.wireguard_go(), lab.up(config), lab.ours.namespace:
        ping_once(lab.theirs.inner[4])
        assert endpoint_of_us(lab) == "192.0.2.1:51001"
        run("ip", "route", "add", *routes[1])
        ping_once(lab.theirs.inner[4])
        assert endpoint_of_us(lab) == "192.0.2.3:51001"
        run("ip", "route", "del", *routes[1])
        ping_once(lab.theirs.inner[4])
        assert endpoint_of_us(lab) == "192.0.2.1:51001"


def test_a_rule_that_leads_elsewhere_takes_the_source_with_it(lab: Lab, tmp_path: Path) -> None:
    second_cable(lab)
    add(lab.ours, "192.0.2.3", "eth1")
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}")
    with lab.ours.namespace:
        run("ip", "route", "del", "192.0.2.0/24", "dev", "eth1")
        run("ip", "route", "add", "192.0.2.0/24", "dev", "eth1", "src", "192.0.2.3", "table", "77")
    with lab.wireguard_go(), lab.up(config), lab.ours.namespace:
        ping_once(lab.theirs.inner[4])
        assert endpoint_of_us(lab) == "192.0.2.1:51001"
        run("ip", "rule", "add", "to", "192.0.2.2", "lookup", "77")
        ping_once(lab.theirs.inner[4])
        assert endpoint_of_us(lab) == "192.0.2.3:51001"


def test_an_unrelated_change_of_routes_leaves_the_source_alone(lab: Lab, tmp_path: Path) -> None:
    add(lab.ours, "192.0.2.7")
    with lab.wireguard_go("Endpoint = 192.0.2.7:51001"), lab.up(lab.config(tmp_path)):
        with lab.theirs.namespace:
            ping_once(lab.ours.inner[4])
        with lab.ours.namespace:
            run("ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.2")
            run("ip", "link", "add", "dummy0", "type", "veth", "peer", "dummy1")
            run("ip", "rule", "add", "to", "203.0.113.0/24", "lookup", "77")
            ping_once(lab.theirs.inner[4])
        assert endpoint_of_us(lab) == "192.0.2.7:51001"


def test_the_next_hop_of_a_multipath_route_may_die(lab: Lab, tmp_path: Path) -> None:
    """The peer is at a third address, reached over either cable; each in turn goes down."""
    second_cable(lab)
    add(lab.ours, "198.51.100.1", "eth1")
    add(lab.theirs, "198.51.100.2", "eth1")
    with lab.theirs.namespace:
        run("ip", "address", "add", "203.0.113.2/32", "dev", "lo")
    multipath = ("203.0.113.2/32", "nexthop", "via", "192.0.2.2", "nexthop", "via", "198.51.100.2")
    sources = {"eth0": "192.0.2.1", "eth1": "198.51.100.1"}
    with lab.ours.namespace:
        Path("/proc/sys/net/ipv4/conf/all/ignore_routes_with_linkdown").write_text("1")
        run("ip", "route", "add", *multipath)
    config = lab.config(tmp_path, "Endpoint = 203.0.113.2:51002")
    with lab.wireguard_go(), lab.up(config), lab.ours.namespace:
        ping_once(lab.theirs.inner[4])
        used = next(name for name, source in sources.items() if endpoint_of_us(lab) == f"{source}:51001")
        other = {"eth0": "eth1", "eth1": "eth0"}[used]
        run("ip", "link", "set", used, "down")
        ping_once(lab.theirs.inner[4])
        assert endpoint_of_us(lab) == f"{sources[other]}:51001"


# Link-local endpoints


@pytest.mark.parametrize("initiator", ["ours", "theirs"])
def test_a_link_local_endpoint_keeps_its_scope(lab: Lab, tmp_path: Path, initiator: str) -> None:
    """Configured in one direction, learned in the other; the interface is renamed, deleted and made anew."""
    add(lab.ours, "fe80::a")
    add(lab.theirs, "fe80::b")
    ours, theirs = "[fe80::a%eth0]:51001", "[fe80::b%eth0]:51002"
    our_lines = [f"Endpoint = {theirs}"] if initiator == "ours" else []
    their_lines = [f"Endpoint = {ours}"] if initiator == "theirs" else []
    with lab.wireguard_go(*their_lines), lab.up(lab.config(tmp_path, *our_lines)):
        with (lab.ours if initiator == "ours" else lab.theirs).namespace:
            ping_once((lab.theirs if initiator == "ours" else lab.ours).inner[4])
        assert endpoint_of_them(lab) == theirs
        assert endpoint_of_us(lab).startswith("[fe80::a")  # wireguard-go does not show the scope
        with lab.ours.namespace:
            ping_once(lab.theirs.inner[6])
            rename("eth0", "lan0")
            until_usable("fe80::a", "lan0")
            ping_once(lab.theirs.inner[4])
        assert endpoint_of_them(lab) == "[fe80::b%lan0]:51002"
        with lab.ours.namespace:
            rename("lan0", "eth0")
            until_usable("fe80::a", "eth0")
            ping_once(lab.theirs.inner[4])
            run("ip", "link", "del", "eth0")
        assert endpoint_of_them(lab).startswith("[fe80::b")  # of no interface any more; wg does not crash
        veth_pair(lab.ours.namespace, "eth0", lab.theirs.namespace, "eth0")
        add(lab.ours, "fe80::a")
        add(lab.theirs, "fe80::b")
        with lab.ours.namespace:
            ping_once(lab.theirs.inner[4])
        assert endpoint_of_them(lab) == theirs


def rename(old: str, new: str) -> None:
    run("ip", "link", "set", old, "down")
    run("ip", "link", "set", old, "name", new)
    run("ip", "link", "set", new, "up")
    run("ip", "address", "replace", "fe80::a/64", "dev", new)  # went with the interface


def until_usable(address: str, device: str) -> None:
    until(lambda: f"{address}/64" in run("ip", "address", "show", device), f"{address} is on {device}")


# Roaming


def test_we_roam_from_ipv4_to_ipv6_and_back(lab: Lab, tmp_path: Path) -> None:
    """They turn to our other address, and so our answers go to theirs: who speaks last says where to go."""
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}")
    with lab.wireguard_go(), lab.up(config):
        with lab.ours.namespace:
            ping_once(lab.theirs.inner[4])
        for version in (6, 4, 6):
            speak_to(lab, lab.ours.endpoint(version))
            with lab.theirs.namespace:
                ping_once(lab.ours.inner[4])
            assert endpoint_of_them(lab) == lab.theirs.endpoint(version)
            with lab.ours.namespace:
                ping_once(lab.theirs.inner[6])
            assert endpoint_of_us(lab) == lab.ours.endpoint(version)


class Nat:
    """A router between a client with a private address and a server, which hides the client (masquerade)."""

    def __init__(self, client: Host, server: Host) -> None:
        self.namespace = Namespace()
        veth_pair(client.namespace, "nat0", self.namespace, "inside")
        veth_pair(server.namespace, "nat0", self.namespace, "outside")
        with client.namespace:
            run("ip", "address", "add", "192.168.9.2/24", "dev", "nat0")
            run("ip", "route", "add", "203.0.113.0/24", "via", "192.168.9.1")
        with server.namespace:
            run("ip", "address", "add", "203.0.113.2/24", "dev", "nat0")
        with self.namespace:
            run("ip", "address", "add", "192.168.9.1/24", "dev", "inside")
            run("ip", "address", "add", "203.0.113.1/24", "dev", "outside")
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            run(
                "nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority srcnat; }"
            )
            run("nft", "add", "rule", "ip", "nat", "out", "oifname", "outside", "masquerade", "random")

    def rebind(self, old: str, new: str) -> None:
        """The router gets another address, as by DHCP; the kernel forgets its mappings with the old one."""
        with self.namespace:
            run("ip", "address", "del", f"{old}/24", "dev", "outside")
            run("ip", "address", "add", f"{new}/24", "dev", "outside")


@pytest.mark.parametrize("client", ["ours", "theirs"])
def test_a_nat_that_rebinds_is_followed(lab: Lab, tmp_path: Path, client: str) -> None:
    behind, server = (lab.ours, lab.theirs) if client == "ours" else (lab.theirs, lab.ours)
    nat = Nat(behind, server)
    endpoint = f"Endpoint = 203.0.113.2:{server.port}"
    our_lines, their_lines = ([endpoint], []) if client == "ours" else ([], [endpoint])
    seen = endpoint_of_us if client == "ours" else endpoint_of_them
    with lab.wireguard_go(*their_lines), lab.up(lab.config(tmp_path, *our_lines)):
        for old, new in (("203.0.113.1", "203.0.113.9"), ("203.0.113.9", "203.0.113.1")):
            with behind.namespace:
                ping(server.inner[4])
            assert seen(lab).rpartition(":")[0] == old
            with server.namespace:
                ping_once(behind.inner[4])
            nat.rebind(old, new)
        with behind.namespace:
            ping(server.inner[4])
        with server.namespace:
            ping_once(behind.inner[6])
    nat.namespace.close()


@pytest.mark.parametrize("client", ["ours", "theirs"])
def test_a_persistent_keepalive_keeps_a_short_lived_mapping(lab: Lab, tmp_path: Path, client: str) -> None:
    """The mapping lives for two seconds; after three keepalives, one a second, it is still there."""
    behind, server = (lab.ours, lab.theirs) if client == "ours" else (lab.theirs, lab.ours)
    nat = Nat(behind, server)
    with nat.namespace:
        for name in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
            Path(f"/proc/sys/net/netfilter/{name}").write_text("2")
    lines = [f"Endpoint = 203.0.113.2:{server.port}", "PersistentKeepalive = 1"]
    our_lines, their_lines = (lines, []) if client == "ours" else ([], lines)
    with lab.wireguard_go(*their_lines), lab.up(lab.config(tmp_path, *our_lines)), server.namespace:
        until(lambda: received(server), "there is a session")
        before = received(server)
        until(lambda: received(server) >= before + 3 * 32, "three keepalives have come")
        ping_once(behind.inner[4])
    nat.namespace.close()


def received(host: Host) -> int:
    return int(run("wg", "show", host.interface, "transfer").split()[1])


# The outer header


class Wire:
    """What passes one end of a cable, or an interface without a link layer, from now on."""

    def __init__(self, host: Host, device: str) -> None:
        with host.namespace:
            self.socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(ETH_P_ALL)
            )
            self.socket.bind((device, ETH_P_ALL))

    def packets(self) -> Iterator[bytes]:
        """The IP packets since the last call."""
        while True:
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                return
            if data[0] >> 4 in (4, 6):
                yield data

    def datagrams(self, port: int) -> list[tuple[int, bytes]]:
        """Traffic class byte and payload of what was sent from this UDP port."""
        return [
            (traffic_class(packet), packet[start + 8 :])
            for packet in self.packets()
            if packet[9 if packet[0] >> 4 == 4 else 6] == socket.IPPROTO_UDP
            for start in [20 if packet[0] >> 4 == 4 else 40]
            if packet[start : start + 2] == port.to_bytes(2)
        ]

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def traffic_class(packet: bytes) -> int:
    return packet[1] if packet[0] >> 4 == 4 else (packet[0] & 15) << 4 | packet[1] >> 4


@pytest.mark.parametrize("initiator", ["ours", "theirs"])
@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_our_handshake_messages_are_af41_and_data_carry_the_inner_ecn(
    lab: Lab, tmp_path: Path, outer: int, initiator: str
) -> None:
    """DSCP AF41 is 34: kernel messages.h. Of the inner traffic class only the ECN bits come out, and a mark
    that is there already begins again at ECT(0): RFC 6040 §4.1 and RFC 3168 §9.1.1.
    """
    our_lines = [f"Endpoint = {lab.theirs.endpoint(outer)}"] if initiator == "ours" else []
    their_lines = [f"Endpoint = {lab.ours.endpoint(outer)}"] if initiator == "theirs" else []
    config = lab.config(tmp_path, *our_lines)
    with lab.wireguard_go(*their_lines), lab.up(config), Wire(lab.theirs, "eth0") as wire:
        with (lab.ours if initiator == "ours" else lab.theirs).namespace:
            ping_once((lab.theirs if initiator == "ours" else lab.ours).inner[4])
        seen = wire.datagrams(lab.ours.port)
        handshakes = [(tos, data[0]) for tos, data in seen if data[0] != 4]
        assert handshakes == [(34 << 2, 1 if initiator == "ours" else 2)]
        assert {tos for tos, data in seen if data[0] == 4} == {0}
        for inner in (4, 6):
            for given, expected in ((0b01, 0b01), (0b10, 0b10), (0b11, 0b10), (34 << 2 | 0b10, 0b10)):
                with lab.ours.namespace:
                    ping_once(lab.theirs.inner[inner], "-Q", str(given))
                assert {tos for tos, _ in wire.datagrams(lab.ours.port)} == {expected}


@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_a_congestion_mark_on_the_way_reaches_the_inner_packet(lab: Lab, tmp_path: Path, outer: int) -> None:
    """The network marks all datagrams to us; a packet that cannot carry the mark must be dropped: RFC 6040
    §4.2.
    """
    family = {4: "ip", 6: "ip6"}[outer]
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(outer)}")
    with lab.wireguard_go(), lab.up(config):
        with lab.ours.namespace:
            ping_once(lab.theirs.inner[4])
        with lab.theirs.namespace:
            run("nft", f"add table {family} marks")
            run("nft", f"add chain {family} marks out {{ type filter hook output priority 0; }}")
            run("nft", f"add rule {family} marks out udp dport {lab.ours.port} {family} ecn set ce")
        with Wire(lab.ours, lab.ours.interface) as inside:
            for inner in (4, 6):
                with lab.theirs.namespace:
                    ping_once(
                        lab.ours.inner[inner], "-Q", "2"
                    )  # which our kernel answers: its checksum is right
                marks = [traffic_class(packet) & 3 for packet in inside.packets()]
                assert marks[0] == 0b11
            with lab.theirs.namespace:
                run("ping", "-n", "-c1", "-W0.2", lab.ours.inner[4], check=False)
            assert list(inside.packets()) == []


def test_our_datagrams_may_be_fragmented_on_the_way(lab: Lab, tmp_path: Path) -> None:
    """The kernel's WireGuard sets no DF bit: ``udp_tunnel_xmit_skb`` in socket.c gets 0 for it."""
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}")
    with lab.wireguard_go(), lab.up(config), Wire(lab.theirs, "eth0") as wire, lab.ours.namespace:
        ping_once(lab.theirs.inner[4])
        ours = [packet for packet in wire.packets() if packet[12:16] == bytes((192, 0, 2, 1))]
        assert {packet[6] >> 5 & 0b010 for packet in ours} == {0}


# Padding


@pytest.mark.parametrize("inner", [4, 6], ids=["inner4", "inner6"])
def test_padding_respects_the_mtu_of_the_route(lab: Lab, tmp_path: Path, inner: int) -> None:
    """WP §5.4.6 and kernel send.c ``calculate_skb_padding``: 1297 bytes would be padded to 1312."""
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}", interface="MTU = 1300")
    size = 1297 - {4: 20 + 8, 6: 40 + 8}[inner]
    route = f"{lab.theirs.inner[inner]}/{32 if inner == 4 else 128}", "dev", lab.ours.interface
    with lab.wireguard_go(), lab.up(config), Wire(lab.theirs, "eth0") as wire, lab.ours.namespace:
        lengths = []
        for mtu in (None, "1299", None, "1298", "1297"):
            if mtu:
                run("ip", "route", "replace", *route, "mtu", mtu)
            else:
                run("ip", "route", "replace", *route)
            ping_once(lab.theirs.inner[inner], "-s", str(size))
            lengths += [max(len(data) for _, data in wire.datagrams(lab.ours.port)) - 32]
        assert lengths == [1300, 1299, 1300, 1298, 1297]
