"""Links, addresses, routes and rules: what we set through netlink is what ip(8) then shows."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from glasstunnel.host.errors import HostError
from glasstunnel.host.namespace import Namespace, veth_pair
from glasstunnel.host.netlink import Netlink, Rule
from glasstunnel.host.tun import Tun
from tests.host.fakes import NOBODY, in_a_child

pytestmark = pytest.mark.interop


@pytest.fixture
def net(namespace: Namespace) -> Iterator[Netlink]:
    with Netlink() as net:
        yield net


@pytest.fixture
def tun(net: Netlink, interface: str) -> Iterator[Tun]:
    """An interface that is up, with an address of each family."""
    with closing(Tun(interface)) as tun:
        net.add_address(tun.name, "10.0.0.1/24")
        net.add_address(tun.name, "fd00::1/64")
        net.link_up(tun.name, 1420)
        yield tun


def ip(*words: str) -> list[dict[str, Any]]:
    """The answer of ip(8)."""
    found: list[dict[str, Any]] = json.loads(
        subprocess.run(["ip", "-j", *words], check=True, capture_output=True, text=True).stdout or "[]"
    )
    return found


def rules(version: int) -> list[str]:
    text = subprocess.run(["ip", f"-{version}", "rule"], check=True, capture_output=True, text=True).stdout
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]


def test_an_interface_comes_up_with_its_mtu(net: Netlink, tun: Tun) -> None:
    (link,) = ip("link", "show", tun.name)
    assert "UP" in link["flags"]
    assert link["mtu"] == net.mtu(net.index(tun.name)) == 1420


def test_an_address_has_its_length_and_alone_it_is_a_host(net: Netlink, tun: Tun) -> None:
    net.add_address(tun.name, "10.7.7.7")
    net.add_address(tun.name, "fd07::7")
    (link,) = ip("address", "show", tun.name)
    addresses = {
        (info["local"], info["prefixlen"]) for info in link["addr_info"] if info["scope"] == "global"
    }
    assert addresses == {("10.0.0.1", 24), ("fd00::1", 64), ("10.7.7.7", 32), ("fd07::7", 128)}


def test_the_addresses_of_an_interface_are_told_by_family(net: Netlink, tun: Tun) -> None:
    assert net.addresses(tun.name, 4) == ["10.0.0.1"]
    assert [one for one in net.addresses(tun.name, 6) if not one.startswith("fe80")] == ["fd00::1"]


def test_a_route_is_what_ip_would_have_made(net: Netlink, tun: Tun) -> None:
    """The same destination, protocol, scope and metric as ``ip route add``."""
    for prefix in ("10.1.0.0/16", "fd01::/32"):
        version = "-6" if ":" in prefix else "-4"
        net.add_route(tun.name, prefix, 1001)
        subprocess.run(["ip", version, "route", "add", prefix, "dev", tun.name, "table", "1002"], check=True)
        ours, theirs = (
            ip(version, "route", "show", "table", "1001"),
            ip(version, "route", "show", "table", "1002"),
        )
        assert ours == theirs
        assert len(ours) == 1


@pytest.mark.parametrize(("prefix", "version"), [("0.0.0.0/0", "-4"), ("::/0", "-6")])
def test_a_default_route_in_a_table_of_its_own(net: Netlink, tun: Tun, prefix: str, version: str) -> None:
    net.add_route(tun.name, prefix, 51820)
    (route,) = ip(version, "route", "show", "table", "51820")
    assert (route["dst"], route["dev"]) == ("default", tun.name)
    assert ip(version, "route", "show", "default") == []


def test_a_route_that_exists_is_refused_in_one_sentence(net: Netlink, tun: Tun) -> None:
    net.add_route(tun.name, "10.1.0.0/16")
    with pytest.raises(
        HostError, match=rf"^cannot add the route 10\.1\.0\.0/16 dev {tun.name}: File exists$"
    ):
        net.add_route(tun.name, "10.1.0.0/16")


def test_an_interface_that_is_not_there_is_named(net: Netlink) -> None:
    with pytest.raises(HostError, match=r"^there is no interface nosuch$"):
        net.link_up("nosuch")
    with pytest.raises(HostError, match=r"^there is no interface nosuch$"):
        net.add_address("nosuch", "10.0.0.1/24")
    with pytest.raises(HostError, match=r"^there is no interface nosuch$"):
        net.add_route("nosuch", "10.0.0.0/8")


def test_an_ipv6_address_where_ipv6_is_off_is_explained(net: Netlink, tun: Tun) -> None:
    """The kernel says EACCES, which has nothing to do with rights."""
    Path(f"/proc/sys/net/ipv6/conf/{tun.name}/disable_ipv6").write_text("1")
    with pytest.raises(HostError, match=r"^cannot give .* the address fd02::1/64: .*IPv6 is switched off"):
        net.add_address(tun.name, "fd02::1/64")


@pytest.mark.skipif(os.geteuid() != 0, reason="drops the rights of root")
def test_without_rights_one_sentence_says_so(net: Netlink) -> None:
    def attempt() -> None:
        with Netlink() as mine:
            mine.link_up("lo", 1400)

    assert in_a_child(attempt, uid=NOBODY) == (
        "HostError: cannot set lo up with an MTU of 1400: "
        "Operation not permitted; run as root (CAP_NET_ADMIN)"
    )


@pytest.mark.parametrize("version", [4, 6])
def test_rules_come_before_the_others_and_say_what_was_meant(net: Netlink, version: int) -> None:
    """Above all "suppress_prefixlength 0": a rule without it would lead everything past the tunnel."""
    before = rules(version)
    one = Rule(version, net.next_priority(version), 51820, unless_mark=51820)
    net.add_rule(one)
    two = Rule(version, net.next_priority(version), 254, suppress_default=True)
    net.add_rule(two)
    assert rules(version) == [
        before[0],
        "32764: from all lookup main suppress_prefixlength 0",
        "32765: not from all fwmark 0xca6c lookup 51820",
        *before[1:],
    ]
    net.delete_rule(one)
    net.delete_rule(two)
    assert rules(version) == before


@pytest.mark.parametrize("version", [4, 6])
def test_only_the_rule_that_is_meant_is_removed(net: Netlink, version: int) -> None:
    """Two tunnels with a default route have each a rule that reads the same but for its priority."""
    one = Rule(version, net.next_priority(version), 254, suppress_default=True)
    net.add_rule(one)
    two = Rule(version, net.next_priority(version), 254, suppress_default=True)
    net.add_rule(two)
    net.delete_rule(one)
    assert f"{two.priority}: from all lookup main suppress_prefixlength 0" in rules(version)
    assert len([rule for rule in rules(version) if "suppress" in rule]) == 1


def test_removing_a_rule_that_is_gone_is_no_error(net: Netlink) -> None:
    net.delete_rule(Rule(4, 12345, 51820, unless_mark=1))


def test_inverted_rules_with_a_mark_are_noticed(net: Netlink) -> None:
    assert not net.has_inverted_rule(4)
    subprocess.run(["ip", "rule", "add", "not", "fwmark", "7", "table", "7"], check=True)
    assert net.has_inverted_rule(4)
    assert not net.has_inverted_rule(6)


def test_the_first_table_without_routes_in_either_family_is_free(net: Netlink, tun: Tun) -> None:
    assert net.free_table() == 51820
    net.add_route(tun.name, "10.0.0.0/8", 51820)
    net.add_route(tun.name, "fd05::/16", 51821)
    assert net.free_table() == 51822


def test_the_mtu_of_a_path_is_that_of_its_route_or_its_interface(net: Netlink, namespace: Namespace) -> None:
    other = Namespace()
    veth_pair(namespace, "eth0", other, "eth0")
    net.add_address("eth0", "192.0.2.1/24")
    net.link_up("eth0", 1380)
    subprocess.run(["ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.2", "mtu", "1300"], check=True)
    assert net.path_mtu("192.0.2.2") == 1380
    assert net.path_mtu("198.51.100.9") == 1300
    assert net.path_mtu("203.0.113.1") is None
    assert net.path_mtu("fe80::1%eth0") == 1380
    assert net.default_mtu() is None
    subprocess.run(["ip", "route", "add", "default", "via", "192.0.2.2"], check=True)
    assert net.default_mtu() == 1380
    other.close()
