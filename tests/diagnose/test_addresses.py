"""What addresses give away, and how own ones are hidden."""

import pytest

from glasstunnel.diagnose.addresses import Mask, canonical, mark


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("98.85.153.80", ""),
        ("2606:4700:4700::1111", ""),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("169.254.1.1", "private"),
        ("fe80::1", "private"),
        ("fd00::1", "private"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("224.0.0.1", "multicast"),
        ("198.51.100.1", "special"),
        ("255.255.255.255", "special"),
        ("243.185.187.39", "known forgery"),
        ("37.61.54.158", "known forgery"),
        ("2001::1", "known forgery"),
        ("2001:0:ffff::1", "known forgery"),
        ("31.13.94.37", "known forgery, Facebook"),
        ("104.244.46.1", "known forgery, Twitter"),
        ("162.125.1.1", "known forgery, Dropbox"),
    ],
)
def test_an_address_that_no_public_registry_has_is_marked(address: str, expected: str) -> None:
    assert mark(address) == expected


def test_addresses_have_one_spelling() -> None:
    assert canonical("2001:0DB8::0001") == "2001:db8::1"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("10.0.0.1", "own-address-1"),
        ("10.0.0.1:53", "own-address-1:53"),
        ("http://user:secret@10.0.0.1:3128/", "http://***@own-address-1:3128/"),
        ("fe80::1%eth0", "own-address-1%eth0"),
        ("[fd00::1]:53", "[own-address-1]:53"),
        ("10.0.0.1, 10.0.0.2 and 10.0.0.1.", "own-address-1, own-address-2 and own-address-1."),
        ("203.0.113.9", "own-address-1"),
    ],
)
def test_own_addresses_and_passwords_are_hidden_each_under_one_name(text: str, hidden: str) -> None:
    assert Mask(["203.0.113.9"])(text) == hidden


def test_with_an_own_address_of_ipv6_its_neighbours_are_hidden_such_as_the_router_that_resolves() -> None:
    hidden = Mask(["2001:db8:1:2::7"])("2001:db8:1:2::1 2001:db8:1:2::7 2001:db8:1:3::1")
    assert hidden == "own-address-1 own-address-2 2001:db8:1:3::1"


@pytest.mark.parametrize(
    "text",
    [
        *("8.8.8.8", "127.0.0.53", "::1", "0.0.0.0", "NO_PROXY=10.0.0.0/8,fd00::/8"),
        *("12:34:56", "1.2.3.4.5", "999.1.1.1", "sha256:abcdef", "version 10.0.0.1x"),
    ],
)
def test_what_is_not_the_users_own_stays(text: str) -> None:
    assert Mask()(text) == text
