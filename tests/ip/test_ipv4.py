"""IPv4 packets, against RFC 791 and packets of the Linux kernel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip import PacketError
from glasstunnel.ip.ipv4 import Header, Packet
from glasstunnel.ip.options import Option, parse_options
from tests.ip import captured

A, B = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
PLAIN = Header(source=A, destination=B, protocol=17)


def headers() -> st.SearchStrategy[Header]:
    return st.builds(
        Header,
        source=st.binary(min_size=4, max_size=4),
        destination=st.binary(min_size=4, max_size=4),
        protocol=st.integers(0, 0xFF),
        ttl=st.integers(0, 0xFF),
        dscp=st.integers(0, 0x3F),
        ecn=st.integers(0, 3),
        identification=st.integers(0, 0xFFFF),
        dont_fragment=st.booleans(),
        more_fragments=st.booleans(),
        fragment_offset=st.integers(0, 0x1FFF).map(lambda units: units * 8),
        options=st.binary(max_size=10).map(lambda data: data * 4),
    )


@given(headers(), st.binary(max_size=100), st.binary(max_size=20))
def test_what_was_built_is_read_back_and_padding_behind_it_is_trimmed(
    header: Header, payload: bytes, padding: bytes
) -> None:
    packet = Packet(header.build(payload) + padding)
    assert packet.header() == header
    assert packet.payload == payload
    assert packet.checksum_ok
    assert packet.total_length == 20 + len(header.options) + len(payload)


def test_what_is_not_said_is_zero_and_the_time_to_live_64() -> None:
    assert (PLAIN.ttl, PLAIN.dscp, PLAIN.ecn, PLAIN.identification) == (64, 0, 0, 0)
    assert (PLAIN.dont_fragment, PLAIN.more_fragments, PLAIN.fragment_offset) == (False, False, 0)
    assert PLAIN.options == b""


def test_the_kernels_packet_is_read_field_by_field() -> None:
    packet = Packet(captured.ECHO_REQUEST_V4)
    assert (packet.source, packet.destination, packet.protocol) == (A, B, 1)
    assert (packet.ttl, packet.dscp, packet.ecn) == (64, 0x2E >> 2, 2)
    assert (packet.identification, packet.dont_fragment, packet.more_fragments) == (0x3063, True, False)
    assert (packet.fragment_offset, packet.is_fragment) == (0, False)
    assert (packet.header_length, packet.total_length, len(packet.payload)) == (20, 84, 64)
    assert packet.header_checksum == 0x8614
    assert packet.checksum_ok


@pytest.mark.parametrize(
    "data",
    [
        captured.ECHO_REQUEST_V4,
        captured.RECORD_ROUTE_REQUEST,
        captured.LAST_FRAGMENT_V4,
        captured.TCP_DATA_V4,
    ],
)
def test_the_kernels_packets_are_built_again_byte_for_byte(data: bytes) -> None:
    packet = Packet(data)
    assert packet.header().build(packet.payload) == data


def test_the_last_fragment_of_a_ping_stands_where_the_first_ended() -> None:
    packet = Packet(captured.LAST_FRAGMENT_V4)
    assert packet.fragment_offset == 1480  # 1500 bytes of MTU less 20 of header
    assert not packet.more_fragments
    assert packet.is_fragment


def test_the_first_fragment_is_one_because_more_follow() -> None:
    packet = Packet(Header(source=A, destination=B, protocol=1, more_fragments=True).build())
    assert packet.is_fragment


def test_the_record_route_option_of_ping_fills_the_header() -> None:
    packet = Packet(captured.RECORD_ROUTE_REQUEST)
    assert packet.header_length == 60
    (route,) = parse_options(packet.options)
    assert (route.kind, len(route.data)) == (7, 37)  # RFC 791: kind 7, a pointer and nine addresses
    assert route == Option(7, b"\x08" + A + bytes(32))


def test_a_changed_header_no_longer_has_its_checksum() -> None:
    data = bytearray(PLAIN.build(b"x"))
    data[8] -= 1
    assert not Packet(data).checksum_ok


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "IPv4 packet: expected at least 20 bytes, got 0"),
        (bytes(19), "IPv4 packet: expected at least 20 bytes, got 19"),
        (b"\x65" + bytes(19), "IPv4 version: expected 4, got 6"),
        (b"\x44\0\0\x14" + bytes(16), "IPv4 header length: expected 20 bytes, got 16"),
        (b"\x46\0\0\x18" + bytes(16), "IPv4 header length: expected 20 bytes, got 24"),
        (b"\x45\0\0\x13" + bytes(16), "IPv4 total length: expected 20 bytes, got 19"),
        (b"\x45\0\0\x15" + bytes(16), "IPv4 total length: expected 20 bytes, got 21"),
    ],
)
def test_a_header_that_cannot_be_believed_is_refused_by_field(data: bytes, message: str) -> None:
    with pytest.raises(PacketError) as caught:
        Packet(data)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("source", bytes(16), "IPv4 source: expected 4 bytes, got 16"),
        ("destination", bytes(3), "IPv4 destination: expected 4 bytes, got 3"),
        ("protocol", 256, "IPv4 protocol: expected 0 to 255, got 256"),
        ("ttl", -1, "IPv4 TTL: expected 0 to 255, got -1"),
        ("dscp", 64, "IPv4 DSCP: expected 0 to 63, got 64"),
        ("ecn", 4, "IPv4 ECN: expected 0 to 3, got 4"),
        ("identification", 65536, "IPv4 identification: expected 0 to 65535, got 65536"),
        ("fragment_offset", 4, "IPv4 fragment offset: expected a multiple of 8 from 0 to 65528 bytes, got 4"),
        (
            "fragment_offset",
            65536,
            "IPv4 fragment offset: expected a multiple of 8 from 0 to 65528 bytes, got 65536",
        ),
        ("options", bytes(3), "IPv4 options: expected a multiple of 4 from 0 to 40 bytes, got 3"),
        ("options", bytes(44), "IPv4 options: expected a multiple of 4 from 0 to 40 bytes, got 44"),
    ],
)
def test_a_field_beyond_its_width_is_refused_by_name(field: str, value: object, message: str) -> None:
    fields: dict[str, object] = {"source": A, "destination": B, "protocol": 17, field: value}
    with pytest.raises(PacketError) as caught:
        Header(**fields).build()  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_packet_has_at_most_65535_bytes() -> None:
    assert len(PLAIN.build(bytes(65515))) == 65535
    with pytest.raises(PacketError, match="IPv4 total length: expected 20 to 65535 bytes, got 65536"):
        PLAIN.build(bytes(65516))
