"""Addresses and prefixes between text and packed bytes; the standard library's ipaddress is the judge."""

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip import PacketError
from glasstunnel.ip.address import (
    InterfaceAddress,
    Prefix,
    format_address,
    is_for_many,
    is_single_host,
    mask,
    parse_address,
    parse_interface_address,
    parse_prefix,
)

PACKED = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)


@given(PACKED)
def test_text_and_bytes_of_an_address_convert_both_ways(packed: bytes) -> None:
    text = format_address(packed)
    assert parse_address(text) == packed
    assert ipaddress.ip_address(text).packed == packed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0",
        "10.0.0.300",
        "10.0.0.1 ",
        "010.0.0.1x",
        "::1::",
        "fe80::1%eth0",
        "1.2.3.4:",
        "\0",
        "é",
        "\ud800",
    ],
)
def test_what_is_no_address_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(PacketError) as caught:
        parse_address(text)
    assert str(caught.value) == f'expected an IPv4 or IPv6 address, got "{text}"'


@pytest.mark.parametrize("length", [0, 3, 5, 15, 17])
def test_only_four_or_sixteen_bytes_are_an_address(length: int) -> None:
    with pytest.raises(PacketError, match=f"expected 4 or 16 packed bytes, got {length}"):
        format_address(bytes(length))


@given(PACKED, st.integers(0, 128))
def test_a_prefix_keeps_its_bits_and_loses_those_of_the_host(packed: bytes, length: int) -> None:
    length = min(length, len(packed) * 8)
    prefix = parse_prefix(f"{format_address(packed)}/{length}")
    network = ipaddress.ip_network((packed, length), strict=False)
    assert prefix == Prefix(network.network_address.packed, length)
    assert str(prefix) == f"{format_address(network.network_address.packed)}/{length}"
    assert mask(packed, length) == prefix.address


def test_an_interface_address_keeps_its_host_bits_and_knows_its_network() -> None:
    address = parse_interface_address("10.0.0.2/24")
    assert address == InterfaceAddress(bytes((10, 0, 0, 2)), 24)
    assert str(address) == "10.0.0.2/24"
    assert address.network == Prefix(bytes((10, 0, 0, 0)), 24)


@pytest.mark.parametrize(("text", "length"), [("10.0.0.1", 32), ("fd00::1", 128)])
def test_without_a_length_a_prefix_is_the_single_address(text: str, length: int) -> None:
    assert parse_prefix(text) == Prefix(parse_address(text), length)
    assert parse_interface_address(text).length == length


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.0.300/24", 'expected an address with a prefix such as 10.0.0.0/24, got "10.0.0.300/24"'),
        ("/24", 'expected an address with a prefix such as 10.0.0.0/24, got "/24"'),
        ("10.0.0.0/33", 'expected a prefix length from 0 to 32 after the "/", got "10.0.0.0/33"'),
        ("10.0.0.0/", 'expected a prefix length from 0 to 32 after the "/", got "10.0.0.0/"'),
        ("10.0.0.0/-1", 'expected a prefix length from 0 to 32 after the "/", got "10.0.0.0/-1"'),
        ("10.0.0.0/2/4", 'expected a prefix length from 0 to 32 after the "/", got "10.0.0.0/2/4"'),
        ("fd00::/129", 'expected a prefix length from 0 to 128 after the "/", got "fd00::/129"'),
        ("fd00::/٣", 'expected a prefix length from 0 to 128 after the "/", got "fd00::/٣"'),
        (
            "fd00::/00000000064",
            'expected a prefix length from 0 to 128 after the "/", got "fd00::/00000000064"',
        ),
    ],
)
def test_a_wrong_prefix_is_refused_with_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(PacketError) as caught:
        parse_prefix(text)
    assert str(caught.value) == message


@given(st.text(max_size=30))
def test_nothing_but_a_packet_error_escapes_the_text_parsers(text: str) -> None:
    for parse in (parse_address, parse_prefix, parse_interface_address):
        with suppress(PacketError):
            assert parse(text)


@pytest.mark.parametrize(
    "text", ["10.0.0.1", "1.0.0.0", "223.255.255.255", "128.0.0.1", "fd00::1", "fe80::1", "::2"]
)
def test_a_unicast_address_is_one_hosts(text: str) -> None:
    assert is_single_host(parse_address(text))
    assert not is_for_many(parse_address(text))


@pytest.mark.parametrize("text", ["0.0.0.0", "0.1.2.3", "127.0.0.1", "240.0.0.1", "::", "::1"])
def test_zero_loopback_and_class_e_addresses_name_no_host_on_a_network(text: str) -> None:
    assert not is_single_host(parse_address(text))
    assert not is_for_many(parse_address(text))


@pytest.mark.parametrize("text", ["224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1", "ff00::"])
def test_multicast_and_broadcast_reach_many(text: str) -> None:
    assert not is_single_host(parse_address(text))
    assert is_for_many(parse_address(text))
