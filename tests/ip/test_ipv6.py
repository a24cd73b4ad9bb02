"""IPv6 packets and their extension headers, against RFC 8200 and packets of the Linux kernel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip import PacketError, ipv6
from glasstunnel.ip.address import parse_address
from glasstunnel.ip.ipv6 import Extension, Header, Packet, UpperLayer
from tests.ip import captured

A, B = parse_address("2001:db8::1"), parse_address("2001:db8::2")
UDP, NO_NEXT_HEADER = 17, 59
HOP_BY_HOP, ROUTING, FRAGMENT, ESP, AUTHENTICATION, DESTINATION = 0, 43, 44, 50, 51, 60


def chain(first: int, *extensions: bytes) -> Packet:
    return Packet(Header(source=A, destination=B, next_header=first).build(b"".join(extensions)))


def headers() -> st.SearchStrategy[Header]:
    return st.builds(
        Header,
        source=st.binary(min_size=16, max_size=16),
        destination=st.binary(min_size=16, max_size=16),
        next_header=st.integers(0, 0xFF),
        hop_limit=st.integers(0, 0xFF),
        dscp=st.integers(0, 0x3F),
        ecn=st.integers(0, 3),
        flow_label=st.integers(0, 0xFFFFF),
    )


@given(headers(), st.binary(max_size=100), st.binary(max_size=20))
def test_what_was_built_is_read_back_and_padding_behind_it_is_trimmed(
    header: Header, payload: bytes, padding: bytes
) -> None:
    packet = Packet(header.build(payload) + padding)
    assert packet.header() == header
    assert packet.payload == payload
    assert packet.total_length == 40 + len(payload)
    assert packet.traffic_class == header.dscp << 2 | header.ecn


def test_what_is_not_said_is_zero_and_the_hop_limit_64() -> None:
    plain = Header(source=A, destination=B, next_header=17)
    assert Header(source=A, destination=B, next_header=17, hop_limit=64, dscp=0, ecn=0, flow_label=0) == plain


def test_the_chain_is_followed_through_all_that_rfc_7045_lists_but_esp() -> None:
    assert NO_NEXT_HEADER == ipv6.NO_NEXT_HEADER
    # RFC 7045 section 4; ESP (50) hides what follows, and 253 and 254, for experiments, have no known form
    for number in range(256):
        followed = len(list(chain(number, bytes((NO_NEXT_HEADER, 0)) + bytes(14)).extensions())) == 1
        assert followed == (number in {0, 43, 44, 51, 60, 135, 139, 140})


def test_the_kernels_packet_is_read_field_by_field() -> None:
    packet = Packet(captured.ECHO_REQUEST_V6)
    assert (packet.source, packet.destination, packet.next_header) == (A, B, 58)
    assert (packet.traffic_class, packet.flow_label, packet.hop_limit) == (0, 0xC4ADD, 64)
    assert (packet.total_length, len(packet.payload)) == (104, 64)
    assert packet.upper_layer() == UpperLayer(58, 40, 0, False)
    assert list(packet.extensions()) == []


@pytest.mark.parametrize(
    "data",
    [captured.ECHO_REQUEST_V6, captured.LAST_FRAGMENT_V6, captured.LISTENER_REPORT, captured.UNREACHABLE_V6],
)
def test_the_kernels_packets_are_built_again_byte_for_byte(data: bytes) -> None:
    packet = Packet(data)
    assert packet.header().build(packet.payload) == data


def test_the_kernels_listener_report_has_a_hop_by_hop_header_before_icmpv6() -> None:
    packet = Packet(captured.LISTENER_REPORT)
    assert list(packet.extensions()) == [Extension(HOP_BY_HOP, 40, 8)]
    assert packet.upper_layer() == UpperLayer(58, 48, 0, False)


def test_the_last_fragment_of_a_ping_stands_where_the_first_ended() -> None:
    upper = Packet(captured.LAST_FRAGMENT_V6).upper_layer()
    assert upper == UpperLayer(58, 48, 1448, False)  # 1500 of MTU less 40 and 8 of headers, in units of 8
    assert upper.is_fragment


def test_extension_headers_are_walked_with_the_length_rule_of_each() -> None:
    packet = chain(
        HOP_BY_HOP,
        bytes((DESTINATION, 0)) + b"\xff" * 6,  # RFC 8200 section 4.3: units of 8 after the first
        bytes((ROUTING, 2)) + b"\xff" * 22,
        bytes((AUTHENTICATION, 1)) + b"\xff" * 14,
        bytes((FRAGMENT, 4)) + b"\xff" * 22,  # RFC 4302 section 2.2: units of 4, less 2
        bytes((UDP, 0xFF, 0, 1)) + bytes(4),  # RFC 8200 section 4.5: 8, whatever the reserved byte holds
        b"data",
    )
    assert list(packet.extensions()) == [
        Extension(HOP_BY_HOP, 40, 8),
        Extension(DESTINATION, 48, 24),
        Extension(ROUTING, 72, 16),
        Extension(AUTHENTICATION, 88, 24),
        Extension(FRAGMENT, 112, 8),
    ]
    assert packet.upper_layer() == UpperLayer(UDP, 120, 0, True)
    assert packet.upper_layer().is_fragment
    assert bytes(packet.buf[120:]) == b"data"


def test_the_walk_ends_where_a_later_fragment_begins() -> None:
    packet = chain(FRAGMENT, bytes((DESTINATION, 0, 0, 8 | 1)) + bytes(4), b"\xff" * 8)
    assert packet.upper_layer() == UpperLayer(DESTINATION, 48, 8, True)


def test_a_whole_packet_in_one_fragment_is_no_fragment() -> None:
    upper = chain(FRAGMENT, bytes((UDP, 0, 0, 0)) + bytes(4), bytes(8)).upper_layer()  # RFC 6946: atomic
    assert upper == UpperLayer(UDP, 48, 0, False)
    assert not upper.is_fragment


@pytest.mark.parametrize("number", [ESP, NO_NEXT_HEADER, UDP, 255])
def test_the_chain_ends_at_what_is_no_extension_header(number: int) -> None:
    assert chain(number, bytes(8)).upper_layer() == UpperLayer(number, 40, 0, False)


@pytest.mark.parametrize(
    ("first", "data", "message"),
    [
        (HOP_BY_HOP, b"", "IPv6 extension header 0: expected at least 8 bytes, got 0"),
        (ROUTING, bytes(7), "IPv6 extension header 43: expected at least 8 bytes, got 7"),
        (
            DESTINATION,
            bytes((UDP, 1)) + bytes(6),
            "IPv6 extension header 60: expected at least 16 bytes, got 8",
        ),
        (
            AUTHENTICATION,
            bytes((UDP, 4)) + bytes(6),
            "IPv6 extension header 51: expected at least 24 bytes, got 8",
        ),
    ],
)
def test_an_extension_header_cut_short_is_refused(first: int, data: bytes, message: str) -> None:
    packet = chain(first, data)
    with pytest.raises(PacketError) as caught:
        packet.upper_layer()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "IPv6 packet: expected at least 40 bytes, got 0"),
        (b"\x60" + bytes(38), "IPv6 packet: expected at least 40 bytes, got 39"),
        (b"\x45" + bytes(39), "IPv6 version: expected 6, got 4"),
        (b"\x60\0\0\0\0\x03" + bytes(36), "IPv6 payload length: expected 0 to 2 bytes, got 3"),
    ],
)
def test_a_header_that_cannot_be_believed_is_refused_by_field(data: bytes, message: str) -> None:
    with pytest.raises(PacketError) as caught:
        Packet(data)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("source", bytes(4), "IPv6 source: expected 16 bytes, got 4"),
        ("destination", b"", "IPv6 destination: expected 16 bytes, got 0"),
        ("next_header", 256, "IPv6 next header: expected 0 to 255, got 256"),
        ("hop_limit", -1, "IPv6 hop limit: expected 0 to 255, got -1"),
        ("dscp", 64, "IPv6 DSCP: expected 0 to 63, got 64"),
        ("ecn", 4, "IPv6 ECN: expected 0 to 3, got 4"),
        ("flow_label", 1 << 20, "IPv6 flow label: expected 0 to 1048575, got 1048576"),
    ],
)
def test_a_field_beyond_its_width_is_refused_by_name(field: str, value: object, message: str) -> None:
    fields: dict[str, object] = {"source": A, "destination": B, "next_header": 17, field: value}
    with pytest.raises(PacketError) as caught:
        Header(**fields).build()  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_payload_has_at_most_65535_bytes() -> None:
    header = Header(source=A, destination=B, next_header=17)
    assert len(header.build(bytes(65535))) == 65575
    with pytest.raises(PacketError, match="IPv6 payload length: expected 0 to 65535 bytes, got 65536"):
        header.build(bytes(65536))
