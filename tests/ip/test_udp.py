"""UDP datagrams, against RFC 768, RFC 8200 section 8.1 and datagrams of the Linux kernel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip import PacketError, ipv4, ipv6
from glasstunnel.ip.udp import CHECKSUM_OFFSET, PROTOCOL, Datagram, Header
from tests.ip import captured

ADDRESSES = st.sampled_from([4, 16]).flatmap(lambda n: st.tuples(*[st.binary(min_size=n, max_size=n)] * 2))
PORTS = st.integers(0, 0xFFFF)


@pytest.mark.parametrize("packet", [ipv4.Packet(captured.UDP_V4), ipv6.Packet(captured.UDP_V6)])
def test_the_kernels_datagram_is_read_and_built_again_byte_for_byte(
    packet: ipv4.Packet | ipv6.Packet,
) -> None:
    datagram = Datagram(packet.payload)
    assert datagram.destination_port == 7
    assert bytes(datagram.payload) == b"glass tunnel!"
    assert datagram.length == 8 + 13
    assert datagram.checksum_ok(packet.source, packet.destination)
    built = datagram.header().build(datagram.payload, packet.source, packet.destination)
    assert built == packet.payload


def test_the_protocol_number_is_17() -> None:
    assert PROTOCOL == ipv4.Packet(captured.UDP_V4).protocol == ipv6.Packet(captured.UDP_V6).next_header == 17


@given(ADDRESSES, PORTS, PORTS, st.binary(max_size=60), st.binary(max_size=8))
def test_what_was_built_is_read_back_and_what_follows_it_is_trimmed(
    addresses: tuple[bytes, bytes], source_port: int, destination_port: int, payload: bytes, surplus: bytes
) -> None:
    header = Header(source_port, destination_port)
    datagram = Datagram(header.build(payload, *addresses) + surplus)
    assert datagram.header() == header
    assert datagram.payload == payload
    assert datagram.checksum_ok(*addresses)
    assert datagram.checksum == int.from_bytes(datagram.buf[CHECKSUM_OFFSET:][:2]) != 0


@pytest.mark.parametrize("size", [247, 248, 249, 1400, 65527])
def test_both_bytes_of_the_length_count(size: int) -> None:
    assert Datagram(Header(1, 2).build(bytes(size), bytes(4), bytes(4))).length == size + 8


def test_a_checksum_that_computes_to_zero_is_sent_as_ffff() -> None:
    source, destination = bytes(4), bytes(4)
    # The pseudo-header sums to 17 + 10, the header to 10 and the payload: 0xffff - 37 completes the sum.
    payload = (0xFFFF - 17 - 10 - 10).to_bytes(2)
    datagram = Datagram(Header(0, 0).build(payload, source, destination))
    assert datagram.checksum == 0xFFFF
    assert datagram.checksum_ok(source, destination)


def test_no_checksum_is_right_over_ipv4_and_wrong_over_ipv6() -> None:
    datagram = Datagram(bytes((0, 7, 0, 7, 0, 8, 0, 0)))
    assert datagram.checksum_ok(bytes(4), bytes(4))
    assert not datagram.checksum_ok(bytes(16), bytes(16))


def test_a_datagram_for_another_address_does_not_verify() -> None:
    packet = ipv4.Packet(captured.UDP_V4)
    assert not Datagram(packet.payload).checksum_ok(packet.source, bytes((192, 0, 2, 3)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(7), "UDP datagram: expected at least 8 bytes, got 7"),
        (bytes((0, 1, 0, 2, 0, 7, 0, 0)), "UDP length: expected 8 bytes, got 7"),
        (bytes((0, 1, 0, 2, 0, 10, 0, 0, 0)), "UDP length: expected 8 to 9 bytes, got 10"),
    ],
)
def test_a_datagram_cut_short_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(PacketError) as caught:
        Datagram(data)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("header", "size", "message"),
    [
        (Header(65536, 0), 0, "UDP source port: expected 0 to 65535, got 65536"),
        (Header(0, -1), 0, "UDP destination port: expected 0 to 65535, got -1"),
        (Header(0, 0), 65528, "UDP length: expected 8 to 65535 bytes, got 65536"),
    ],
)
def test_a_field_beyond_its_width_is_refused_by_name(header: Header, size: int, message: str) -> None:
    with pytest.raises(PacketError) as caught:
        header.build(bytes(size), bytes(4), bytes(4))
    assert str(caught.value) == message
