"""The UDP sockets: both families on one port, traffic class, marks, and errors that end nothing."""

import errno
import os
import select
import socket
import struct
import subprocess
from contextlib import closing

import pytest

from glasstunnel.host import udp as udp_module
from glasstunnel.host.errors import HostError
from glasstunnel.host.namespace import Namespace, veth_pair
from glasstunnel.host.plain import PlainPath
from glasstunnel.host.routes import Routes
from glasstunnel.host.udp import Udp, UdpSocket
from glasstunnel.wireguard.events import Path
from tests.host.fakes import NOBODY, FakeTun, in_a_child, mtu_of

SO_MARK = 36  # asm-generic/socket.h


def test_both_families_have_one_random_port() -> None:
    with closing(Udp()) as udp:
        assert [one.family for one in udp.sockets] == [socket.AF_INET6, socket.AF_INET]
        assert {one.socket.getsockname()[1] for one in udp.sockets} == {udp.port}
        assert udp.port > 0


def test_the_ipv6_socket_takes_no_ipv4() -> None:
    """Otherwise the two could not have one port, and IPv4 addresses would come as ::ffff:192.0.2.1."""
    with closing(Udp()) as udp:
        six = udp.sockets[0].socket
        assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_a_wanted_port_is_taken_or_refused_in_one_sentence() -> None:
    with closing(Udp()) as udp:
        with pytest.raises(HostError, match=f"^the UDP port {udp.port} is in use by another program$"):
            Udp(udp.port)
        port = udp.port
    with closing(Udp(port)) as again:
        assert again.port == port


def test_a_random_port_that_is_taken_in_one_family_is_given_up_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = []
    real = udp_module._open

    def taken_twice(port: int, fwmark: int, routes: Routes) -> list[UdpSocket]:
        tries.append(port)
        if len(tries) < 3:
            raise OSError(errno.EADDRINUSE, "")
        return real(port, fwmark, routes)

    monkeypatch.setattr(udp_module, "_open", taken_twice)
    Udp().close()
    assert tries == [0, 0, 0]


@pytest.mark.parametrize(
    ("missing", "present"), [(socket.AF_INET6, socket.AF_INET), (socket.AF_INET, socket.AF_INET6)]
)
def test_a_system_without_one_family_gets_the_other(
    monkeypatch: pytest.MonkeyPatch, missing: int, present: int
) -> None:
    real = socket.socket

    def limited(family: int, kind: int, protocol: int = 0) -> socket.socket:
        if family == missing:
            raise OSError(errno.EAFNOSUPPORT, "")
        return real(family, kind, protocol)

    monkeypatch.setattr("glasstunnel.host.udp.socket.socket", limited)
    with closing(Udp()) as udp:
        assert [one.family for one in udp.sockets] == [present]
        address = "127.0.0.1" if missing == socket.AF_INET else "::1"
        udp.send([b"x"], Path((address, 9)))
        assert udp.errors == {"EAFNOSUPPORT": 1}


def test_datagrams_that_cannot_be_sent_are_counted_by_their_reason() -> None:
    with closing(Udp()) as udp:
        udp.send([b"x" * 70000], Path(("127.0.0.1", 9)))
        udp.send([b"x"], Path(("127.0.0.1", 0)))
        assert udp.errors == {"EMSGSIZE": 1, "EINVAL": 1}


def in_pktinfo(interface: int, local: str, destination: str) -> bytes:
    """What IP_PKTINFO says of a datagram: ip(7)."""
    return struct.pack("=i4s4s", interface, socket.inet_aton(local), socket.inet_aton(destination))


def in6_pktinfo(local: str, interface: int) -> bytes:
    """What IPV6_PKTINFO says of a datagram: RFC 3542 section 6.1."""
    return socket.inet_pton(socket.AF_INET6, local) + struct.pack("=i", interface)


def test_a_path_has_both_addresses_and_for_ipv4_the_interface() -> None:
    """The kernel keeps the interface of IPv4 endpoints only: ``src_if4`` in socket.c."""
    with closing(Udp()) as udp:
        six, four = udp.sockets
        assert four.path(("192.0.2.1", 5), in_pktinfo(3, "198.51.100.1", "255.255.255.255")) == Path(
            ("192.0.2.1", 5), "198.51.100.1", 3
        )
        assert six.path(("2001:db8::1", 5, 0, 0), in6_pktinfo("2001:db8::2", 3)) == Path(
            ("2001:db8::1", 5), "2001:db8::2"
        )
        lo = socket.if_nametoindex("lo")
        assert six.path(("fe80::1", 5, 0, lo), in6_pktinfo("fe80::2", lo)) == Path(
            ("fe80::1%lo", 5), "fe80::2"
        )


def test_an_interface_that_has_gone_is_named_by_its_number() -> None:
    with closing(Udp()) as udp:
        path = udp.sockets[0].path(("fe80::1", 5, 0, 99999), in6_pktinfo("fe80::2", 99999))
        assert path == Path(("fe80::1%99999", 5), "fe80::2")
        udp.send([b"x"], path)
        assert sum(udp.errors.values()) == 1


def test_the_memory_for_paths_is_bounded() -> None:
    """Whoever can make us answer many addresses must not fill our memory."""
    with closing(Udp()) as udp:
        four = udp.sockets[1]
        for number in range(20000):
            address = f"127.0.{number % 250}.1", 1 + number // 250
            path = four.path(address, in_pktinfo(1, "127.0.0.1", "127.0.0.1"))
            four.way(path, 0)
        for cache in (four._paths, four._ways, udp.routes._known):
            assert 0 < len(cache) <= 4096


@pytest.mark.interop
@pytest.mark.parametrize("mark", [0x80000000, 0xFFFFFFFF])
def test_a_mark_may_have_its_highest_bit(namespace: Namespace, mark: int) -> None:
    with closing(Udp(fwmark=mark)) as udp:
        marks = [one.socket.getsockopt(socket.SOL_SOCKET, SO_MARK) for one in udp.sockets]
        assert [mark & 0xFFFFFFFF for mark in marks] == [mark, mark]


@pytest.mark.interop
def test_an_interface_that_comes_back_as_another_is_found(namespace: Namespace) -> None:
    with namespace, closing(Udp()) as udp:
        for _ in range(2):
            ip(*cable("fe80::7/64 nodad"))
            path = Path(("fe80::1%eth7", 7))
            udp.send([b"x"], path)
            assert not udp.errors
            subprocess.run(["ip", "link", "del", "eth7"], check=True)


@pytest.mark.interop
def test_a_mark_is_set_on_both_sockets(namespace: Namespace) -> None:
    with closing(Udp(fwmark=51820)) as udp:
        marks = [one.socket.getsockopt(socket.SOL_SOCKET, SO_MARK) for one in udp.sockets]
        assert marks == [51820, 51820]
        udp.set_fwmark(0)
        assert [one.socket.getsockopt(socket.SOL_SOCKET, SO_MARK) for one in udp.sockets] == [0, 0]


@pytest.mark.skipif(os.geteuid() != 0, reason="drops the rights of root")
def test_a_mark_without_rights_is_refused_in_one_sentence() -> None:
    assert in_a_child(lambda: Udp(fwmark=1), uid=NOBODY) == (
        "HostError: cannot set the mark 0x1 on a socket: Operation not permitted; run as root (CAP_NET_ADMIN)"
    )


@pytest.mark.interop
def test_link_local_addresses_keep_their_interface(namespace: Namespace) -> None:
    """fe80::1 means nothing without its scope: answers must go through the same interface."""
    other = Namespace()
    veth_pair(namespace, "cable", other, "cable")
    for where, address in ((namespace, "fe80::aa/64"), (other, "fe80::bb/64")):
        with where:
            subprocess.run(f"ip address add {address} dev cable nodad".split(), check=True)
    with closing(Udp()) as ours, closing(FakeTun()) as tun:
        with other:
            theirs = Udp()
        with closing(theirs):
            there = PlainPath(tun, theirs, mtu_of)
            ours.send([b"\1\0\0\0 hello"], Path(("fe80::bb%cable", theirs.port)))
            select.select([theirs.sockets[0].fd], [], [], 10)
            path = there.datagrams[0].read(1)
            assert path == Path(("fe80::aa%cable", ours.port), "fe80::bb")
            assert theirs.send([b"\1\0\0\0 hello"], path) == path, "in whichever namespace the thread is"
            select.select([ours.sockets[0].fd], [], [], 10)
            assert PlainPath(tun, ours, mtu_of).datagrams[0].read(1) == Path(
                ("fe80::bb%cable", theirs.port), "fe80::aa"
            )
    other.close()


class Refusing:
    """A socket of the system that refuses what has a control message: a source or a traffic class."""

    def __init__(self, code: int, refusals: int = 1 << 30) -> None:
        self.code, self.refusals = code, refusals
        self.sent: list[bytes] = []

    def sendmsg(self, buffers: tuple[bytes, ...], control: list[object], flags: int, address: object) -> int:
        if self.refusals:
            self.refusals -= 1
            raise OSError(self.code, "")
        self.sent += buffers
        return len(buffers[0])

    def sendto(self, data: bytes, address: object) -> int:
        self.sent.append(data)
        return len(data)

    def close(self) -> None:
        """Nothing to close."""


def refusing(udp: Udp, code: int, refusals: int = 1 << 30) -> Refusing:
    """Put such a socket in the place of the IPv6 one."""
    socket = Refusing(code, refusals)
    udp.sockets[0].socket.close()
    udp.sockets[0].socket = socket  # type: ignore[assignment]  # a fake
    return socket


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH])
def test_whatever_the_kernel_calls_it_a_source_that_has_gone_is_given_up(code: int) -> None:
    with closing(Udp()) as udp:
        kernel = refusing(udp, code)
        assert udp.send([b"one", b"two"], Path(("2001:db8::1", 5), "2001:db8::9")) == Path(("2001:db8::1", 5))
        assert (kernel.sent, udp.errors) == ([b"one", b"two"], {})


@pytest.mark.parametrize("code", [errno.EPERM, errno.EMSGSIZE, errno.ENOBUFS])
def test_another_refusal_costs_the_datagram_and_not_the_source(code: int) -> None:
    path = Path(("2001:db8::1", 5), "2001:db8::9")
    with closing(Udp()) as udp:
        kernel = refusing(udp, code, refusals=1)
        assert udp.send([b"one", b"two"], path) == path
        assert (kernel.sent, udp.errors) == ([b"two"], {errno.errorcode[code]: 1})


def test_a_far_end_that_cannot_be_reached_at_all_costs_each_datagram_once() -> None:
    with closing(Udp()) as udp:
        refusing(udp, errno.ENETUNREACH)
        path = Path(("2001:db8::1", 5))
        assert udp.send([b"one", b"two"], path, tos=0x88) == path
        assert udp.errors == {"ENETUNREACH": 2}


@pytest.mark.interop
def test_a_source_sticks_while_its_route_leads_through_the_interface_of_the_peer(
    namespace: Namespace,
) -> None:
    """Kernel socket.c ``send4``: the route is looked up with the source, and its interface compared."""
    with closing(Udp()) as udp:
        ip(*cable("192.0.2.1/24"))
        udp.routes.changed()
        here, there = socket.if_nametoindex("eth7"), socket.if_nametoindex("eth8")
        four = udp.sockets[1]
        for interface, kept in ((here, True), (there, False)):
            path = Path(("192.0.2.2", 5), "192.0.2.1", interface)
            assert four.way(path, 0)[1] == (path if kept else Path(("192.0.2.2", 5)))
        path = Path(("192.0.2.2", 5), "192.0.2.1", here)
        subprocess.run(["ip", "address", "del", "192.0.2.1/24", "dev", "eth7"], check=True)
        assert four.way(path, 0)[1] == path, "nobody has told us yet"
        select.select([udp.routes.fd], [], [], 10)
        udp.routes.changed()
        assert four.way(path, 0)[1] == Path(("192.0.2.2", 5))


@pytest.mark.interop
def test_a_mark_decides_by_which_rules_a_source_is_judged(namespace: Namespace) -> None:
    with closing(Udp()) as udp:
        ip(*cable("192.0.2.1/24"), "route add 192.0.2.0/24 dev eth8 table 7", "rule add fwmark 7 lookup 7")
        udp.routes.changed()
        path = Path(("192.0.2.2", 5), "192.0.2.1", socket.if_nametoindex("eth7"))
        assert udp.sockets[1].way(path, 0)[1] == path
        udp.set_fwmark(7)
        assert udp.sockets[1].way(path, 0)[1] == Path(("192.0.2.2", 5))


@pytest.mark.interop
def test_a_scope_is_the_interface_and_not_its_name(namespace: Namespace) -> None:
    """As in the kernel, which keeps the number; an interface that was made anew has only its name."""
    with closing(Udp()) as udp:
        six = udp.sockets[0]
        subprocess.run(["ip", "link", "add", "eth7", "type", "veth", "peer", "name", "eth8"], check=True)
        number = socket.if_nametoindex("eth7")
        assert six.scopes.number("eth7") == number
        subprocess.run(["ip", "link", "set", "eth7", "name", "lan7"], check=True)
        assert six.scopes.number("eth7") == number
        subprocess.run(["ip", "link", "del", "lan7"], check=True)
        with pytest.raises(OSError, match="No such device"):
            six.scopes.number("eth7")
        subprocess.run(["ip", "link", "add", "eth7", "type", "veth", "peer", "name", "eth8"], check=True)
        assert six.scopes.number("eth7") == socket.if_nametoindex("eth7") != number


@pytest.mark.parametrize(
    "scope", ["99999999999999", "2147483648", "9" * 5000, "a" * 16, "gone", "lo" + "\ufffd" * 5]
)
def test_a_scope_that_can_be_no_interface_is_counted_as_none(scope: str) -> None:
    """wg(8) passes on whatever somebody wrote behind the %."""
    with closing(Udp()) as udp:
        for _ in range(2):
            udp.send([b"\1\0\0\0 hello"], Path((f"fe80::1%{scope}", 5)))
        assert udp.errors == {"ENODEV": 2}


def ip(*commands: str) -> None:
    """Run ip(8) with each."""
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)


def cable(address: str) -> tuple[str, ...]:
    """What makes eth7, which has an address, and eth8, its other end; both up."""
    make = "link add eth7 type veth peer name eth8"
    return make, f"address add dev eth7 {address}", "link set eth8 up", "link set eth7 up"
