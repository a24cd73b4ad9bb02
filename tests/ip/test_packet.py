"""The fields that the tunnel reads on its hot path, at any offset of any kind of buffer."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip import Buffer, PacketError, ipv4, ipv6, packet
from tests.ip import captured

KINDS: list[Callable[[bytes], Buffer]] = [bytes, bytearray, memoryview]


@pytest.mark.parametrize("kind", KINDS)
def test_the_fields_of_an_ipv4_packet_are_read_in_place(kind: Callable[[bytes], Buffer]) -> None:
    data = captured.ECHO_REQUEST_V4
    buf = kind(b"x" * 16 + data + bytes(12))
    assert packet.version(buf, 16) == 4
    assert packet.total_length(buf, 16, len(data) + 12) == 84
    assert packet.source(buf, 16) == bytes((192, 0, 2, 1))
    assert packet.destination(buf, 16) == bytes((192, 0, 2, 2))
    assert packet.ecn(buf, 16) == 2  # ping -Q 0x2e


@pytest.mark.parametrize("kind", KINDS)
def test_the_fields_of_an_ipv6_packet_are_read_in_place(kind: Callable[[bytes], Buffer]) -> None:
    data = captured.ECHO_REQUEST_V6
    buf = kind(b"x" * 16 + data + bytes(8))
    assert packet.version(buf, 16) == 6
    assert packet.total_length(buf, 16, len(data) + 8) == 104
    assert packet.source(buf, 16) == bytes.fromhex("20010db8000000000000000000000001")
    assert packet.destination(buf, 16) == bytes.fromhex("20010db8000000000000000000000002")
    assert packet.ecn(buf, 16) == 0


@pytest.mark.parametrize("bits", range(4))
def test_the_ecn_bits_of_both_families_are_read(bits: int) -> None:
    v4 = ipv4.Header(source=bytes(4), destination=bytes(4), protocol=17, dscp=0x3F, ecn=bits).build()
    v6 = ipv6.Header(source=bytes(16), destination=bytes(16), next_header=59, dscp=0x3F, ecn=bits).build()
    assert packet.ecn(v4) == packet.ecn(v6) == bits


@pytest.mark.parametrize("size", [255, 256, 257, 1399, 65000])
def test_both_bytes_of_the_length_count(size: int) -> None:
    v4 = ipv4.Header(source=bytes(4), destination=bytes(4), protocol=17).build(bytes(size))
    v6 = ipv6.Header(source=bytes(16), destination=bytes(16), next_header=59).build(bytes(size))
    assert packet.total_length(v4, 0, len(v4)) == ipv4.Packet(v4).total_length == size + 20
    assert packet.total_length(v6, 0, len(v6)) == ipv6.Packet(v6).total_length == size + 40


def test_exactly_as_much_as_the_header_states_is_enough() -> None:
    for data in (captured.ECHO_REQUEST_V4, captured.ECHO_REQUEST_V6):
        assert packet.total_length(data, 0, len(data)) == len(data)
        assert packet.total_length(data, 0, len(data) - 1) == 0


def test_available_counts_and_not_what_else_the_buffer_holds() -> None:
    data = captured.UDP_V4
    assert packet.total_length(data + bytes(100), 0, 19) == 0
    assert packet.total_length(data + bytes(100), 0, len(data) - 1) == 0
    assert packet.total_length(captured.UDP_V6, 0, 39) == 0


@pytest.mark.parametrize("first", [0x00, 0x15, 0x35, 0x55, 0x75, 0xF5])
def test_no_other_version_is_believed(first: int) -> None:
    assert packet.total_length(bytes((first,)) + captured.UDP_V4[1:], 0, len(captured.UDP_V4)) == 0


@pytest.mark.parametrize(
    ("header_length", "total"),
    [(4, 20), (0, 20), (5, 19), (5, 0), (6, 20), (15, 59)],
)
def test_an_ipv4_header_that_contradicts_itself_is_not_believed(header_length: int, total: int) -> None:
    data = bytes((0x40 | header_length, 0)) + total.to_bytes(2) + bytes(96)
    assert packet.total_length(data, 0, len(data)) == 0


def test_headers_alone_are_packets() -> None:
    assert packet.total_length(bytes((0x45, 0, 0, 20)) + bytes(16), 0, 20) == 20
    assert packet.total_length(bytes((0x60,)) + bytes(39), 0, 40) == 40


def test_an_empty_plaintext_is_no_packet() -> None:
    assert packet.total_length(b"", 0, 0) == 0  # a keepalive: WireGuard paper section 6.5


@given(
    st.sampled_from([0x45, 0x46, 0x4F, 0x60]) | st.integers(0, 255),
    st.binary(max_size=80),
    st.integers(0, 20),
)
def test_what_is_believed_is_what_the_parsers_believe(first: int, rest: bytes, cut: int) -> None:
    data = bytes((first,)) + rest
    available = max(len(data) - cut, 0)
    stated = packet.total_length(data, 0, available)
    try:
        view = ipv6.Packet(data[:available]) if first >> 4 == 6 else ipv4.Packet(data[:available])
    except PacketError:
        assert stated == 0
    else:
        assert stated == view.total_length
        assert packet.version(data) == first >> 4
        assert packet.source(data) == view.source
        assert packet.destination(data) == view.destination
        assert packet.destination(data) == view.destination
        assert packet.ecn(data) == view.ecn
