"""The user-space echo responder: what RFC 1122 section 3.2.2.6 and RFC 4443 section 4.2 ask of a host."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip import ipv4, ipv6
from glasstunnel.ip.address import parse_address
from glasstunnel.ip.echo import reply
from glasstunnel.ip.icmp import Echo, Message
from tests.ip import captured

A4, B4 = parse_address("192.0.2.1"), parse_address("192.0.2.2")
A6, B6 = parse_address("2001:db8::1"), parse_address("2001:db8::2")


def request_v4(message: bytes = Echo(7, 1, b"data").build(), **fields: object) -> bytes:
    header: dict[str, object] = {"source": A4, "destination": B4, "protocol": 1} | fields
    return ipv4.Header(**header).build(message)  # type: ignore[arg-type]


def request_v6(
    source: bytes = A6, destination: bytes = B6, *, between: bytes = b"", first: int = 58
) -> bytes:
    message = Echo(7, 1, b"data").build(source, destination)
    return ipv6.Header(source=source, destination=destination, next_header=first).build(between + message)


def test_the_kernels_ping_gets_the_answer_that_the_kernel_gave() -> None:
    answer = reply(captured.ECHO_REQUEST_V4)
    assert answer is not None
    ours, theirs = ipv4.Packet(answer), ipv4.Packet(captured.ECHO_REPLY_V4)
    assert ours.payload == theirs.payload
    assert (ours.source, ours.destination, ours.dscp) == (theirs.source, theirs.destination, theirs.dscp)
    assert ours.checksum_ok
    answer = reply(captured.ECHO_REQUEST_V6)
    assert answer is not None
    ours6, theirs6 = ipv6.Packet(answer), ipv6.Packet(captured.ECHO_REPLY_V6)
    assert ours6.payload == theirs6.payload
    assert (ours6.source, ours6.destination, ours6.dscp) == (B6, A6, theirs6.dscp)


def test_the_answer_is_no_request_so_two_responders_fall_silent() -> None:
    for request in (request_v4(), request_v6()):
        answer = reply(request)
        assert answer is not None
        assert reply(answer) is None


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=100))
def test_identifier_sequence_and_data_come_back_unchanged(
    identifier: int, sequence: int, data: bytes
) -> None:
    answer = reply(request_v4(Echo(identifier, sequence, data).build()))
    assert answer is not None
    assert ipv4.Packet(answer).payload == Echo(identifier, sequence, data, reply=True).build()


def test_the_answer_keeps_dscp_identification_and_df_but_neither_ecn_nor_ttl() -> None:
    answer = reply(request_v4(dscp=46, ecn=3, ttl=3, identification=0x1234, dont_fragment=True))
    assert answer is not None
    header = ipv4.Packet(answer).header()
    expected = ipv4.Header(
        source=B4, destination=A4, protocol=1, dscp=46, identification=0x1234, dont_fragment=True, ttl=64
    )
    assert header == expected


def test_padding_behind_the_packet_is_not_echoed() -> None:
    assert reply(request_v4() + bytes(13)) == reply(request_v4())
    assert reply(request_v6() + bytes(13)) == reply(request_v6())


def test_a_recorded_route_is_not_sent_back_and_a_source_route_is_not_answered() -> None:
    answer = reply(captured.RECORD_ROUTE_REQUEST)
    assert answer is not None
    assert ipv4.Packet(answer).header_length == 20
    for kind in (131, 137):  # RFC 791: loose and strict source route
        assert reply(request_v4(options=bytes((1, kind, 7, 4)) + A4)) is None


def test_options_that_cannot_be_read_are_not_answered() -> None:
    assert reply(request_v4(options=bytes((7, 1, 0, 0)))) is None


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\x45",
        b"\x60",
        request_v4(protocol=17),
        request_v4(more_fragments=True),
        request_v4(fragment_offset=8),
        request_v4(source=parse_address("0.0.0.0")),
        request_v4(source=parse_address("127.0.0.1")),
        request_v4(source=parse_address("224.0.0.1")),
        request_v4(source=parse_address("255.255.255.255")),
        request_v4(destination=parse_address("224.0.0.1")),
        request_v4(destination=parse_address("255.255.255.255")),
        request_v4(b"\x08\0\xf7\xff\0\0"),
        request_v4(b"\x08\x01" + Echo(7, 1).build()[2:]),
        request_v4(Echo(7, 1, reply=True).build()),
        request_v6(first=17),
        request_v6(source=parse_address("::")),
        request_v6(source=parse_address("ff02::1")),
        request_v6(destination=parse_address("ff02::1")),
        ipv6.Header(source=A6, destination=B6, next_header=58).build(Echo(7, 1).build()),  # checksum of ICMP
        ipv6.Header(source=A6, destination=B6, next_header=58).build(Echo(7, 1, reply=True).build(A6, B6)),
        request_v6(first=44, between=bytes((58, 0, 0, 1)) + bytes(4)),
        request_v6(first=44, between=bytes((58, 0, 0, 8)) + bytes(4)),
        captured.LAST_FRAGMENT_V4,
        captured.LAST_FRAGMENT_V6,
        captured.UDP_V4,
        captured.UDP_V6,
        captured.LISTENER_REPORT,
        captured.HOST_UNREACHABLE_V4,
    ],
)
def test_what_is_no_intact_request_from_one_host_to_one_host_is_not_answered(request_: bytes) -> None:
    assert reply(request_) is None


def test_a_damaged_request_is_not_answered() -> None:
    for request in (request_v4(), request_v6()):
        for at in (len(request) - 1, 12):  # the data, and an address
            damaged = bytearray(request)
            damaged[at] ^= 1
            assert reply(damaged) is None


def test_a_request_behind_extension_headers_is_answered_without_them() -> None:
    answer = reply(request_v6(first=60, between=bytes((58, 0, 1, 4)) + bytes(4)))
    assert answer is not None
    packet = ipv6.Packet(answer)
    assert packet.next_header == 58
    assert packet.payload == Echo(7, 1, b"data", reply=True).build(B6, A6)


def test_a_request_with_segments_left_has_not_arrived_yet() -> None:
    assert reply(request_v6(first=43, between=bytes((58, 0, 4, 1)) + bytes(4))) is None
    assert reply(request_v6(first=43, between=bytes((58, 0, 4, 0)) + bytes(4))) is not None


def test_a_source_that_spoke_to_a_code_of_its_own_is_not_answered() -> None:
    message = bytearray(Echo(7, 1).build())
    message[1] = 1
    message[2:4] = (int.from_bytes(message[2:4]) - 1).to_bytes(2)
    assert Message(message).checksum_ok()
    assert reply(request_v4(bytes(message))) is None
