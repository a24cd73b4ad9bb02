"""What the kernel says of routes, read back from routes that ip(8) has set; and that news is noticed."""

import os
import select
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

import pytest

from glasstunnel.host.namespace import Namespace
from glasstunnel.host.routes import Route, Routes
from glasstunnel.host.tun import Tun

pytestmark = pytest.mark.interop


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


def packed(address: str) -> bytes:
    return ip_address(address).packed


def has_news(routes: Routes) -> bool:
    return bool(select.select([routes.fd], [], [], 0)[0])


@pytest.fixture
def routes(namespace: Namespace) -> Iterator[Routes]:
    """Asked of a namespace with eth7 (192.0.2.1/24, 2001:db8::1/64) in it."""
    Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")
    ip("link add eth7 type veth peer name eth8")
    ip("link set eth8 up")
    ip("link set eth7 up")
    ip("address add 192.0.2.1/24 dev eth7")
    ip("address add 2001:db8::1/64 dev eth7")
    with closing(Routes()) as routes:
        yield routes


@pytest.mark.parametrize(
    ("prefix", "inside"), [("10.0.0.0/8", "10.1.2.3"), ("2001:db8:1::/48", "2001:db8:1::2")]
)
def test_a_route_has_an_interface_and_perhaps_an_mtu(routes: Routes, prefix: str, inside: str) -> None:
    index = socket.if_nametoindex("eth7")
    assert routes.towards(packed(inside)) is None
    ip(f"route add {prefix} dev eth7")
    routes.changed()
    assert routes.towards(packed(inside)) == Route(index, 0)
    assert routes.mtu(packed(inside), 1420) == 1420
    ip(f"route replace {prefix} dev eth7 mtu 1299")
    routes.changed()
    assert routes.towards(packed(inside)) == Route(index, 1299)
    assert routes.mtu(packed(inside), 1420) == 1299
    assert routes.mtu(packed(inside), 1280) == 1280


def test_a_source_that_is_not_ours_has_no_route(routes: Routes) -> None:
    assert routes.towards(packed("192.0.2.2"), packed("192.0.2.1")) is not None
    assert routes.towards(packed("192.0.2.2"), packed("192.0.2.9")) is None


def test_rules_are_asked_with_the_mark_and_the_ports(routes: Routes) -> None:
    ip("route add blackhole 192.0.2.0/24 table 7")
    ip("rule add fwmark 7 lookup 7")
    ip("rule add ipproto udp sport 51820 dport 9 lookup 7")
    routes.changed()
    destination = packed("192.0.2.2")
    assert routes.towards(destination) is not None
    assert routes.towards(destination, mark=7) is None
    assert routes.towards(destination, ports=(51820, 9)) is None
    assert routes.towards(destination, ports=(51820, 10)) is not None


@pytest.mark.parametrize(
    "change",
    [
        "link set eth7 down",
        "link set eth7 mtu 1400",
        "address add 192.0.2.2/24 dev eth7",
        "address add 2001:db8::2/64 dev eth7",
        "route add 10.0.0.0/8 dev eth7",
        "route add 2001:db8:1::/48 dev eth7",
        "rule add fwmark 7 lookup 7",
        "-6 rule add fwmark 7 lookup 7",
        "nexthop add id 7 dev eth7",
    ],
)
def test_every_change_is_news(routes: Routes, change: str) -> None:
    told = []
    with closing(Routes(lambda: told.append(change))) as listener:
        while has_news(listener):  # of what the fixture did
            listener.changed()
        told.clear()
        ip(change)
        assert has_news(listener)
        listener.changed()
        assert not has_news(listener)
        assert told == [change]


def test_more_news_than_there_is_room_for_is_news_too(routes: Routes) -> None:
    routes._news.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for number in range(50):
        ip(f"route add 10.0.{number}.0/24 dev eth7")
    assert routes.towards(packed("10.1.0.1")) is None
    routes.changed()
    assert not has_news(routes)
    assert routes.towards(packed("10.0.49.1")) is not None


def test_the_routes_of_a_tun_are_those_of_the_namespace_to_which_it_was_moved(
    routes: Routes, interface: str
) -> None:
    """They are heard of although no socket of ours is there, which would keep the namespace from ending."""
    other = Namespace()
    with closing(Tun(interface)) as tun, closing(Routes(place=tun.namespace)) as inner:
        ip(f"link set {interface} netns /proc/{os.getpid()}/fd/{other.fd}")
        assert has_news(inner)
        inner.changed()
        with other:
            ip(f"link set {interface} up")
            ip(f"route add 10.0.0.0/8 dev {interface} mtu 1299")
            index = socket.if_nametoindex(interface)
        assert has_news(inner)
        inner.changed()
        assert inner.towards(packed("10.1.2.3")) == Route(index, 1299)
        assert routes.towards(packed("10.1.2.3")) is None
        with other:
            ip(f"route change 10.0.0.0/8 dev {interface} mtu 1298")
        assert has_news(inner)
        inner.changed()
        assert inner.mtu(packed("10.1.2.3"), 1420) == 1298
        other.close()
        assert select.select([tun.fd], [], [], 10)[0], "the namespace has ended and the interface with it"


def test_a_tun_that_has_gone_leaves_us_where_we_are(routes: Routes, interface: str) -> None:
    with closing(Tun(interface)) as tun, closing(Routes(place=tun.namespace)) as inner:
        ip(f"link del {interface}")
        assert inner.towards(packed("192.0.2.2")) is not None
