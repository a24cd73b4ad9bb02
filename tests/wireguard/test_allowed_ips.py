"""Cryptokey routing, WP §2: longest prefix, one owner at a time."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.wireguard.allowed_ips import AllowedIPs


def packed(text: str) -> bytes:
    return ip_address(text).packed


def table(*entries: tuple[str, str]) -> AllowedIPs[str]:
    routes: AllowedIPs[str] = AllowedIPs()
    for prefix, owner in entries:
        address, length = prefix.split("/")
        routes.insert(packed(address), int(length), owner)
    return routes


def test_the_longest_prefix_decides() -> None:
    routes = table(
        ("0.0.0.0/0", "default"), ("10.0.0.0/8", "wide"), ("10.1.0.0/16", "narrow"), ("10.1.2.3/32", "one")
    )
    assert routes.lookup(packed("192.0.2.1")) == "default"
    assert routes.lookup(packed("10.2.0.1")) == "wide"
    assert routes.lookup(packed("10.1.2.4")) == "narrow"
    assert routes.lookup(packed("10.1.2.3")) == "one"


def test_ipv4_and_ipv6_never_meet() -> None:
    routes = table(("::/0", "six"), ("10.0.0.0/8", "four"))
    assert routes.lookup(packed("10.0.0.1")) == "four"
    assert routes.lookup(packed("11.0.0.1")) is None
    assert routes.lookup(packed("fd00::1")) == "six"


def test_a_prefix_belongs_to_the_last_who_claimed_it() -> None:
    routes = table(("10.0.0.0/24", "a"), ("10.0.0.0/24", "b"))
    assert routes.lookup(packed("10.0.0.1")) == "b"
    assert list(routes.of("a")) == []
    assert list(routes.of("b")) == [(packed("10.0.0.0"), 24)]


def test_host_bits_are_cleared() -> None:
    assert list(table(("10.1.2.3/16", "a")).of("a")) == [(packed("10.1.0.0"), 16)]


def test_removing_an_owner_uncovers_the_wider_prefix() -> None:
    routes = table(("10.0.0.0/8", "wide"), ("10.1.0.0/16", "narrow"), ("fd00::/8", "narrow"))
    routes.remove("narrow")
    assert routes.lookup(packed("10.1.0.1")) == "wide"
    assert routes.lookup(packed("fd00::1")) is None
    assert list(routes.of("narrow")) == []
    routes.remove("narrow")
    routes.remove("nobody")


def test_removing_an_owner_leaves_others_prefixes_of_the_same_length() -> None:
    routes = table(("10.1.0.0/16", "a"), ("10.2.0.0/16", "b"), ("10.3.0.0/16", "a"))
    routes.remove("a")
    assert [routes.lookup(packed(f"10.{n}.0.1")) for n in (1, 2, 3)] == [None, "b", None]


@pytest.mark.parametrize(
    ("address", "length", "complaint"),
    [
        (bytes(5), 8, "address: expected 4 or 16 bytes, got 5"),
        (bytes(4), 33, "prefix length: expected 0 to 32, got 33"),
        (bytes(16), 129, "prefix length: expected 0 to 128, got 129"),
        (bytes(4), -1, "prefix length: expected 0 to 32, got -1"),
    ],
)
def test_what_is_no_prefix_is_refused(address: bytes, length: int, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        AllowedIPs[str]().insert(address, length, "a")


PREFIXES = st.one_of(
    st.tuples(st.integers(0, 2**32 - 1).map(lambda n: (n & 0x0F0F0003).to_bytes(4)), st.integers(0, 32)),
    st.tuples(st.integers(0, 2**128 - 1).map(lambda n: (n & 0xF).to_bytes(16)), st.integers(0, 128)),
)


@given(
    entries=st.lists(st.tuples(PREFIXES, st.sampled_from("abc")), max_size=30),
    removed=st.sampled_from("abcd"),
)
def test_lookup_agrees_with_a_search_through_all_prefixes(
    entries: list[tuple[tuple[bytes, int], str]], removed: str
) -> None:
    routes: AllowedIPs[str] = AllowedIPs()
    naive = {}
    for (address, length), owner in entries:
        routes.insert(address, length, owner)
        naive[ip_network((address, length), strict=False)] = owner
    routes.remove(removed)
    naive = {network: owner for network, owner in naive.items() if owner != removed}
    for (address, _), _ in entries:
        matching = [network for network in naive if ip_address(address) in network]
        best = max(matching, key=lambda network: network.prefixlen, default=None)
        assert routes.lookup(address) == (naive[best] if best else None)
    for owner in "abc":
        owned = [
            (network.network_address.packed, network.prefixlen)
            for network, who in naive.items()
            if who == owner
        ]
        assert sorted(routes.of(owner)) == sorted(owned)
