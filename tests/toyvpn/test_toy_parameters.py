"""Arguments, reply and value of the parameters, as ToyVpnServer and VpnService.Builder have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip.address import InterfaceAddress, Prefix, parse_address, parse_interface_address
from glasstunnel.toyvpn.parameters import ParameterError, Parameters, from_arguments, parse_reply

EXAMPLE = ["-m", "1400", "-a", "10.0.0.2", "32", "-d", "8.8.8.8", "-r", "0.0.0.0", "0", "-s", "lab.test"]
VALUE = Parameters(
    mtu=1400,
    addresses=(InterfaceAddress(b"\x0a\0\0\2", 32),),
    routes=(Prefix(bytes(4), 0),),
    dns=(b"\x08\x08\x08\x08",),
    search=("lab.test",),
)


def test_the_arguments_of_the_sample_are_read() -> None:
    assert from_arguments(EXAMPLE) == VALUE


def test_a_reply_is_zero_parameters_and_spaces_to_1024_bytes() -> None:
    reply = VALUE.reply()
    assert len(reply) == 1024
    assert reply.rstrip(b" ") == b"\0m,1400 a,10.0.0.2,32 r,0.0.0.0,0 d,8.8.8.8 s,lab.test"
    assert b"\0" not in reply[1:]


def test_what_a_server_says_a_client_reads() -> None:
    assert parse_reply(VALUE.reply()) == VALUE


def test_both_families_go_through() -> None:
    arguments = [
        "-a",
        "10.0.0.2",
        "32",
        "-a",
        "fd00::2",
        "128",
        "-r",
        "::",
        "0",
        "-r",
        "10.0.0.0",
        "8",
        "-d",
        "2001:db8::1",
    ]
    parameters = from_arguments(arguments)
    assert parse_reply(parameters.reply()) == parameters
    assert str(parameters) == "a,10.0.0.2,32 a,fd00::2,128 r,::,0 r,10.0.0.0,8 d,2001:db8::1"


@pytest.mark.parametrize(
    "text",
    [
        b"\0 a,10.0.0.2,32 ",
        b"\0a,10.0.0.2,32\0\0\0",
        b"\0a,10.0.0.2,32  x,1,2,3   q",
        b"\0,nothing a,10.0.0.2,32",
    ],
)
def test_doubled_spaces_and_unknown_letters_are_skipped(text: bytes) -> None:
    assert parse_reply(text) == Parameters(addresses=VALUE.addresses)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "reply: expected 00 and parameters"),
        (b"\0", "reply: expected 00 and parameters"),
        (b"m,1400", "reply: expected 00 and parameters"),
        (b"\0\xff", "reply: expected ASCII after the first byte"),
        (b"\0m,1400", "address: expected at least one, got none"),
        (b"\0m", "MTU: expected 1 field, got 0"),
        (b"\0m,1400,1", "MTU: expected 1 field, got 2"),
        (b"\0m,40000", 'MTU: expected 68 to 32767, got "40000"'),
        (b"\0m,-1", 'MTU: expected 68 to 32767, got "-1"'),
        (b"\0m,1200 a,fd00::2,128", "MTU: expected 1280 to 32767 bytes, got 1200"),
        (b"\0a,10.0.0.2", "address: expected 2 fields, got 1"),
        (b"\0a,10.0.0,32", 'address: expected an IPv4 or IPv6 address, got "10.0.0"'),
        (b"\0a,10.0.0.2,33", 'address\'s prefix length: expected 0 to 32, got "33"'),
        (b"\0a,127.0.0.1,8", 'address: expected that of one host, got "127.0.0.1"'),
        (b"\0r,10.0.0.2,24", 'route: expected no bits beyond its length, got "10.0.0.2/24"'),
        (b"\0r,10.0.0.0,", 'route\'s prefix length: expected 0 to 32, got ""'),
        (b"\0d,dns.test", 'DNS server: expected an IPv4 or IPv6 address, got "dns.test"'),
        (b"\0s,a\nb", r'search domain: expected letters, digits, "-", "." and "_", got "a\nb"'),
        (b"\0d,127.0.0.1", 'DNS server: expected that of one host, got "127.0.0.1"'),
        (b"\0r,127.0.0.0,8", 'route: expected none to loopback, got "127.0.0.0/8"'),
        (b"\0r,::1,128", 'route: expected none to loopback, got "::1/128"'),
        (b"\0s,", 'search domain: expected letters, digits, "-", "." and "_", got ""'),
    ],
)
def test_a_wrong_reply_is_refused_in_one_sentence_that_names_the_field(text: bytes, said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_reply(text)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["1400"], 'options: expected one such as -m before "1400"'),
        (["-x", "1"], "options: expected -m, -a, -r, -d or -s, got -x"),
        (["-m"], "MTU: expected 1 field, got 0"),
        (["--pool", "x"], 'options: expected one such as -m before "--pool"'),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(arguments: list[str], said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        from_arguments(arguments)
    assert str(caught.value) == said


def test_parameters_of_1023_bytes_fit_and_of_1024_do_not() -> None:
    assert b" " not in Parameters(search=("x" * 1021,)).reply()
    with pytest.raises(ParameterError, match="parameters: expected at most 1023 bytes together, got 1024"):
        Parameters(search=("x" * 1022,)).reply()


addresses = st.one_of(
    st.tuples(st.integers(1, 126).map(lambda n: bytes((n, 0, 0, 1))), st.integers(0, 32)),
    st.tuples(st.integers(2, 2**64).map(lambda n: (0xFD << 120 | n).to_bytes(16)), st.integers(0, 128)),
).map(lambda pair: InterfaceAddress(*pair))


@given(
    st.none() | st.integers(1280, 32767),
    st.lists(addresses, min_size=1, max_size=4),
    st.lists(addresses.map(lambda one: one.network), max_size=4),
    st.lists(addresses.map(lambda one: one.address), max_size=3),
    st.lists(st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True), max_size=3),
)
def test_every_value_survives_the_wire(
    mtu: int | None,
    hosts: list[InterfaceAddress],
    routes: list[Prefix],
    dns: list[bytes],
    search: list[str],
) -> None:
    value = Parameters(mtu, tuple(hosts), tuple(routes), tuple(dns), tuple(search))
    assert parse_reply(value.reply()) == value
    assert value.with_addresses([parse_interface_address("10.9.9.9")]).addresses == (
        InterfaceAddress(parse_address("10.9.9.9"), 32),
    )
