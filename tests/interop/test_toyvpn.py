"""ToyVpn in namespaces: our two ends with each other, and each with the model of the sample's other end."""

import os
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from glasstunnel.host.namespace import Namespace, veth_pair
from glasstunnel.toyvpn.sample_client import State
from tests.interop.end import End, two_hosts
from tests.interop.lab import (
    PATIENCE,
    Host,
    addresses_work,
    glasstunnel,
    interface_name,
    ping,
    run,
    transfer,
    until,
)
from tests.interop.system import state
from tests.interop.test_nat import CONNTRACK, FLOWS, MASQUERADE
from tests.interop.toyvpn import POOL, PORT, SECRET, Program, client, sample_client, sample_server, server

pytestmark = pytest.mark.interop

POOLS = ("--pool", "10.9.0.0/24", "--pool", "fd09::/64", "-r", "10.9.0.0", "24", "-r", "fd09::", "64")
SERVER = End.numbered(1).outer
FORWARD = {4: Path("/proc/sys/net/ipv4/ip_forward"), 6: Path("/proc/sys/net/ipv6/conf/all/forwarding")}
ROUTER = "fe80::2"
BEYOND = {4: "198.51.100.2", 6: "2001:db8:1::2"}
DROPPING = "type filter hook forward priority 0; policy drop;"


@pytest.fixture
def hosts() -> Iterator[tuple[Namespace, Namespace]]:
    with two_hosts() as namespaces:
        yield namespaces


@pytest.fixture
def resolvconf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A resolvconf that keeps, in a directory, one file per interface."""
    programs, kept = tmp_path / "programs", tmp_path / "resolvconf"
    programs.mkdir()
    kept.mkdir()
    script = programs / "resolvconf"
    script.write_text(f'#!/bin/sh\ncase $1 in -a) cat > {kept}/"$2" ;; -d) rm -f {kept}/"$2" ;; esac\n')
    script.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return kept


@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_ping_and_tcp_arrive_whole_in_both_directions(hosts: tuple[Namespace, Namespace], outer: int) -> None:
    one = Host(hosts[0], {}, {4: "10.9.0.1", 6: "fd09::1"}, 0, "", "")
    two = Host(hosts[1], {}, {4: "10.9.0.2", 6: "fd09::2"}, 0, "", "")
    with server(one.namespace, "-m", "1400", *POOLS) as ours:
        with client(two.namespace, SERVER[outer]) as theirs:
            for host, program in ((one, ours), (two, theirs)):
                with host.namespace:
                    addresses_work(program.interface)
            for version in (4, 6):
                with two.namespace:
                    ping(one.inner[version])
                transfer(one, two, version, 3_000_000)
                transfer(two, one, version, 3_000_000)
        assert ours.until("session ended")["reason"] == "it said goodbye"
        assert ours.end() == 0
        assert ours.of("stopped")[0]["sessions"] == 1
    assert theirs.process.returncode == 0


@pytest.mark.parametrize("mtu", ["1399", "1400"])
def test_packets_of_an_odd_size_arrive_too(hosts: tuple[Namespace, Namespace], mtu: str) -> None:
    """The fast path sums words; a raw packet has no byte behind it."""
    one = Host(hosts[0], {}, {4: "10.9.0.1"}, 0, "", "")
    two = Host(hosts[1], {}, {4: "10.9.0.2"}, 0, "", "")
    with server(one.namespace, "-m", mtu, *POOL[:2], *POOL[4:]), client(two.namespace, SERVER[4]):
        with two.namespace:
            for size in range(int(mtu) - 28 - 3, int(mtu) - 28 + 1):
                run("ping", "-n", "-c1", "-W2", "-Mdo", f"-s{size}", "10.9.0.1")
        transfer(one, two, 4, 2_000_000)
        transfer(two, one, 4, 2_000_000)


def test_the_samples_client_is_served(hosts: tuple[Namespace, Namespace]) -> None:
    """Its address is the pool's first; its builder was called with what the arguments say."""
    with (
        server(hosts[0], *POOL) as ours,
        sample_client(hosts[1], ["10.9.0.2/24"], SERVER[4]) as model,
    ):
        assert ours.until("session began")["addresses"] == ["10.9.0.2"]
        until(lambda: model.state is State.SESSION, "the sample's client is connected")
        with hosts[1]:
            ping("10.9.0.1")
        with hosts[0]:
            ping("10.9.0.2")
        calls = [(call.method, *call.arguments) for call in model.calls]
        assert calls == [("setMtu", 1400), ("addAddress", "10.9.0.2", 32), ("addRoute", "10.9.0.0", 24)]


def test_the_samples_server_serves_our_client(hosts: tuple[Namespace, Namespace]) -> None:
    arguments = "-m 1400 -a 10.9.0.2 32 -r 10.9.0.0 24"
    with (
        sample_server(hosts[0], ["10.9.0.1/24"], arguments),
        client(hosts[1], SERVER[4]) as ours,
    ):
        assert ours.of("connected")[0]["parameters"] == "m,1400 a,10.9.0.2,32 r,10.9.0.0,24"
        with hosts[1]:
            ping("10.9.0.1")
        with hosts[0]:
            ping("10.9.0.2")


def test_a_server_that_was_killed_and_started_again_is_found_again_with_what_it_says_now(
    hosts: tuple[Namespace, Namespace],
) -> None:
    """The interface is set up anew: another address, another MTU, other routes."""
    with server(hosts[0], *POOL) as first, client(hosts[1], SERVER[4]) as ours:
        with hosts[1]:
            ping("10.9.0.1")
        first.end(signal.SIGKILL)
        words = ("--pool", "10.8.0.0/24", "-m", "1300", "-r", "10.8.0.0", "24")
        with server(hosts[0], *words, interface=first.interface):
            ours.until("connected", 2, patience=30)
            with hosts[1]:
                ping("10.8.0.1")
                lines = run("ip", "-4", "-o", "address", "show", "dev", ours.interface).splitlines()
                assert [line.split()[3] for line in lines] == ["10.8.0.2/32"]
                assert " mtu 1300 " in run("ip", "link", "show", "dev", ours.interface)
                assert "10.9.0.0" not in run("ip", "route")


def test_the_default_route_leads_into_the_tunnel_but_not_the_tunnel_itself_and_nothing_is_left(
    hosts: tuple[Namespace, Namespace], resolvconf: Path
) -> None:
    """As of ``protect()`` and ``addRoute("0.0.0.0", 0)``; name servers and search domain too."""
    with hosts[1]:
        run("ip", "route", "add", "default", "via", SERVER[4])
        before = state()
    words = (*POOL[:4], "-r", "0.0.0.0", "0", "-d", "192.0.2.53", "-s", "lab.test")
    with server(hosts[0], *words), client(hosts[1], SERVER[4]) as ours, hosts[1]:
        for address in ("203.0.113.7", "10.9.0.1"):
            assert f" dev {ours.interface} " in run("ip", "route", "get", address)
        mark = run("ip", "route", "show", "table", "51820")
        assert mark.startswith("default dev")
        assert " dev eth0 " in run("ip", "route", "get", "203.0.113.7", "mark", "51820")
        ping("10.9.0.1")
        assert (resolvconf / ours.interface).read_text() == "nameserver 192.0.2.53\nsearch lab.test\n"
    with hosts[1]:
        assert state() == before
    assert list(resolvconf.iterdir()) == []


def test_a_route_that_holds_the_server_does_not_lead_the_tunnel_into_itself(
    hosts: tuple[Namespace, Namespace],
) -> None:
    with hosts[1]:
        before = state()
    words = (*POOL[:4], "-r", "192.0.2.0", "24", "-r", "10.9.0.0", "24")
    with server(hosts[0], *words), client(hosts[1], SERVER[4]) as ours, hosts[1]:
        assert f" dev {ours.interface} " in run("ip", "route", "get", SERVER[4])
        ping("10.9.0.1")
        ping(SERVER[4])
    with hosts[1]:
        assert state() == before


def test_a_client_that_was_killed_is_cleaned_up_by_down(
    hosts: tuple[Namespace, Namespace], resolvconf: Path
) -> None:
    with hosts[1]:
        before = state()
    with server(hosts[0], *POOL[:4], "-r", "0.0.0.0", "0", "-d", "192.0.2.53"):
        with client(hosts[1], SERVER[4]) as ours:
            ours.end(signal.SIGKILL)
        with hosts[1]:
            done = glasstunnel("down", ours.interface)
            assert done.returncode == 0, done.stderr
    with hosts[1]:
        assert state() == before
    assert list(resolvconf.iterdir()) == []


def test_a_client_that_is_interrupted_before_there_is_an_answer_leaves_nothing(
    hosts: tuple[Namespace, Namespace],
) -> None:
    with hosts[1]:
        before = state()
    with closing(Program(hosts[1], "client", interface_name(), SERVER[4], "8000")) as ours:
        ours.until("asking")
        assert ours.end(signal.SIGINT) == 0
    with hosts[1]:
        assert state() == before


class Internet:
    """A client, a server, and a host beyond it that knows the server alone."""

    def __init__(self, inside: Namespace, middle: Namespace, beyond: Namespace) -> None:
        self.client, self.server, self.beyond = inside, middle, beyond
        veth_pair(middle, "far", beyond, "eth0")
        for namespace, address, device in (
            (middle, "198.51.100.1/24", "far"),
            (middle, "2001:db8:1::1/64", "far"),
            (beyond, f"{BEYOND[4]}/24", "eth0"),
            (beyond, f"{BEYOND[6]}/64", "eth0"),
        ):
            with namespace:
                nodad = ("nodad",) if ":" in address else ()
                run("ip", "address", "add", address, "dev", device, *nodad)


@pytest.fixture
def internet(hosts: tuple[Namespace, Namespace]) -> Iterator[Internet]:
    with closing(Namespace()) as beyond:
        yield Internet(hosts[1], hosts[0], beyond)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (4, (*POOL, "-r", "198.51.100.0", "24", "--nat")),
        (6, (*POOLS, "-r", BEYOND[6], "128", "--nat")),
    ],
    ids=["inner4", "inner6"],
)
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
def test_nat_lets_clients_reach_beyond_the_server_and_goes_with_it(
    internet: Internet, ending: signal.Signals, version: int, words: tuple[str, ...]
) -> None:
    with internet.server:
        FORWARD[version].write_text("0")
        before = state()
    with server(internet.server, *words) as ours:
        with client(internet.client, SERVER[4]), internet.client:
            ping(BEYOND[version])
        with internet.server:
            assert FORWARD[version].read_text() == "1\n"
            family = {4: "ip", 6: "ip6"}[version]
            assert f"table {family} glasstunnel-{ours.interface}-nat" in run("nft", "list", "tables")
        ours.end(ending)
    with internet.server:
        if ending == signal.SIGKILL:
            assert glasstunnel("down", ours.interface).returncode == 0
        assert FORWARD[version].read_text() == "0\n"
        assert state() == before


def test_a_server_that_forwards_still_believes_its_own_router(internet: Internet) -> None:
    """The kernel's routers believe nobody; the default route learned from an advertisement would be gone."""
    accept = FORWARD[6].parents[1] / "far" / "accept_ra"

    def default_route() -> str:
        return run("ip", "-6", "route", "show", "default", "dev", "far", "proto", "ra")

    with internet.server:
        accept.write_text("1")
    with internet.beyond:
        run("ip", "address", "add", f"{ROUTER}/64", "dev", "eth0", "nodad")
        advertise("eth0")
    with internet.server:
        until(lambda: bool(default_route()), "the server has learned of the router")
    with server(internet.server, *POOLS, "--nat"):
        with internet.server:
            assert FORWARD[6].read_text() == "1\n"
            assert default_route()
            assert accept.read_text() == "2\n"
        with server(internet.server, *POOLS, "--nat", port=PORT + 1) as second:
            assert second.end() == 0
        with internet.server:
            assert (FORWARD[6].read_text(), accept.read_text()) == ("1\n", "2\n")
    with internet.server:
        assert (FORWARD[6].read_text(), accept.read_text()) == ("0\n", "1\n")
        assert default_route()


def advertise(interface: str) -> None:
    """A router's advertisement to all nodes, RFC 4861 §4.2: hop limit 64, for half an hour, no options."""
    message = bytes((134, 0, 0, 0, 64, 0)) + (1800).to_bytes(2, "big") + bytes(8)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.bind((ROUTER, 0, 0, socket.if_nametoindex(interface)))
        raw.sendto(message, ("ff02::1", 0, 0, socket.if_nametoindex(interface)))


def test_a_chain_that_drops_what_is_forwarded_is_told(internet: Internet) -> None:
    """As Docker's does; what one table accepts does not help against it."""
    with internet.server:
        run("nft", "add table ip filter; add chain ip filter FORWARD { " + DROPPING + " }")
    with server(internet.server, *POOL, "--nat") as ours:
        assert ours.until("warning")["chain"] == "ip filter FORWARD"


def test_a_nat_that_rebinds_is_followed(internet: Internet) -> None:
    """The sample's server is deaf then: it has connected its socket."""
    client_side, router, far = internet.client, internet.server, internet.beyond
    with client_side:
        run("ip", "route", "add", "default", "via", SERVER[4])

    def translate_to(ports: str) -> None:
        run("nft", "-f", "-", text=MASQUERADE.format(ports=ports).replace('"outside"', '"far"'))

    with router:
        FORWARD[4].write_text("1")
        for name in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
            (CONNTRACK / name).write_text("2")
        translate_to("2000-2999")
    with server(far, *POOL) as ours, client(client_side, "198.51.100.2"):
        with client_side:
            ping("10.9.0.1")
        former = ours.of("session began")[0]["client"]
        with router:
            translate_to("3000-3999")
            until(lambda: " dport=8000 " not in FLOWS.read_text(), "the router has forgotten")
        with client_side:
            ping("10.9.0.1")
        moved = ours.until("session moved")
        assert moved["former"] == former
        assert moved["client"].startswith("198.51.100.1:3")
        assert len(ours.of("session began")) == 1


@pytest.mark.parametrize("version", [4, 6])
def test_who_has_no_session_is_refused_as_by_a_closed_port(
    hosts: tuple[Namespace, Namespace], version: int
) -> None:
    """The one thing after which the sample's client, whose socket is connected, tries again."""
    with server(hosts[0], *POOL):
        with hosts[1]:
            stranger = socket.socket({4: socket.AF_INET, 6: socket.AF_INET6}[version], socket.SOCK_DGRAM)
        with stranger:
            stranger.settimeout(PATIENCE)
            stranger.connect((SERVER[version], PORT))
            stranger.send(b"\0")
            with pytest.raises(ConnectionRefusedError):
                stranger.recv(1)


@pytest.mark.parametrize("version", [4, 6])
def test_a_client_hears_that_it_is_refused(hosts: tuple[Namespace, Namespace], version: int) -> None:
    """By the other kernel's ICMP, of a port where nobody listens yet."""
    with closing(Program(hosts[1], "client", interface_name(), SERVER[version], "8000")) as ours:
        ours.until("waiting", patience=4)  # without an answer it would be 5 s
        with server(hosts[0], "--pool", "10.9.0.0/24", "-r", "10.9.0.0", "24"):
            ours.until("connected")
            with hosts[1]:
                ping("10.9.0.1")


def test_the_secret_is_in_no_process_list(hosts: tuple[Namespace, Namespace], tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    with server(hosts[0], *POOL, "--secret-file", str(file)), client(hosts[1], SERVER[4]):
        lines = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                lines.append(entry.read_bytes())
            except OSError:  # it has ended meanwhile
                continue
        assert any(b"toyvpn" in line for line in lines)
        assert not any(SECRET.encode() in line for line in lines)


def test_an_interface_of_somebody_else_is_served_as_it_is(hosts: tuple[Namespace, Namespace]) -> None:
    """As the sample does: ``ip tuntap add`` and the addresses are the user's, and stay."""
    name = interface_name()
    with hosts[0]:
        run("ip", "tuntap", "add", "dev", name, "mode", "tun")
        run("ip", "address", "add", "10.9.0.1", "peer", "10.9.0.2", "dev", name)
        run("ip", "link", "set", name, "up")
    with (
        server(hosts[0], "-m", "1400", "-a", "10.9.0.2", "32", "-r", "10.9.0.0", "24", interface=name),
        client(hosts[1], SERVER[4]),
        hosts[1],
    ):
        ping("10.9.0.1")
    with hosts[0]:
        assert "10.9.0.1 peer 10.9.0.2" in run("ip", "address", "show", "dev", name)


def test_a_wrong_secret_gets_silence_and_its_client_is_told_of_nothing(
    hosts: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("wrong")
    words = (SERVER[4], "8000", "--secret-file", str(file))
    with server(hosts[0], *POOL) as ours:
        with closing(Program(hosts[1], "client", interface_name(), *words)) as wrong:
            wrong.until("waiting")
            assert wrong.end() == 0
            assert wrong.of("connected") == []
        assert ours.of("session began") == []
        ours.end()
        assert ours.of("stopped")[0]["drops"]["wrong secret"] >= 1
