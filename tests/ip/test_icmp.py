"""ICMP and ICMPv6 messages, against RFC 792, RFC 4443 and messages of the Linux kernel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip import PacketError, icmp, ipv4, ipv6
from glasstunnel.ip.icmp import Echo, Message
from tests.ip import captured

SIXTEEN = st.binary(min_size=16, max_size=16)
A, B = bytes(15) + b"\x01", bytes(15) + b"\x02"


def test_the_kernels_echo_messages_are_read_and_built_again_byte_for_byte() -> None:
    for data, reply in ((captured.ECHO_REQUEST_V4, False), (captured.ECHO_REPLY_V4, True)):
        packet = ipv4.Packet(data)
        message = Message(packet.payload)
        assert (message.identifier, message.sequence, len(message.body)) == (14611, 1, 56)
        assert message.checksum_ok()
        assert Echo(14611, 1, bytes(message.body), reply).build() == packet.payload
    for data, reply in ((captured.ECHO_REQUEST_V6, False), (captured.ECHO_REPLY_V6, True)):
        packet6 = ipv6.Packet(data)
        message = Message(packet6.payload)
        assert (message.identifier, message.sequence, len(message.body)) == (14612, 1, 56)
        assert message.checksum_ok(packet6.source, packet6.destination)
        built = Echo(14612, 1, bytes(message.body), reply).build(packet6.source, packet6.destination)
        assert built == packet6.payload


@pytest.mark.parametrize(
    ("echo", "addresses", "kind"),
    [
        (Echo(1, 2), (), 8),  # RFC 792: echo 8, echo reply 0
        (Echo(1, 2, reply=True), (), 0),
        (Echo(1, 2), (A, B), 128),  # RFC 4443 sections 4.1 and 4.2
        (Echo(1, 2, reply=True), (A, B), 129),
    ],
)
def test_the_type_follows_from_the_family_and_the_direction(
    echo: Echo, addresses: tuple[bytes, ...], kind: int
) -> None:
    message = Message(echo.build(*addresses))
    assert (message.type, message.code) == (kind, 0)
    assert message.rest == bytes((0, 1, 0, 2))


@given(st.integers(0, 255), st.integers(0, 255), st.binary(min_size=4, max_size=4), st.binary(max_size=60))
def test_what_was_built_is_read_back(kind: int, code: int, rest: bytes, body: bytes) -> None:
    for addresses in ((), (A, B)):
        message = Message(icmp.build(kind, code, rest, body, *addresses))
        assert (message.type, message.code, message.rest, bytes(message.body)) == (kind, code, rest, body)
        assert message.checksum_ok(*addresses)
        assert int.from_bytes(message.buf[2:4]) == message.checksum


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=60))
def test_an_echo_is_read_back(identifier: int, sequence: int, data: bytes) -> None:
    message = Message(Echo(identifier, sequence, data).build())
    assert (message.identifier, message.sequence, bytes(message.body)) == (identifier, sequence, data)


@given(SIXTEEN, SIXTEEN, st.binary(max_size=60))
def test_an_icmpv6_checksum_covers_the_addresses_and_the_length(
    source: bytes, destination: bytes, data: bytes
) -> None:
    message = Message(Echo(1, 2, data).build(source, destination))
    # RFC 8200 section 8.1: the sum over the pseudo-header and the message is all ones
    laid_out = source + destination + len(message.buf).to_bytes(4) + bytes((0, 0, 0, 58)) + message.buf
    assert int.from_bytes(laid_out + bytes(len(laid_out) % 2)) % 0xFFFF == 0


def test_a_message_is_at_least_its_eight_bytes() -> None:
    with pytest.raises(PacketError) as caught:
        Message(bytes(7))
    assert str(caught.value) == "ICMP message: expected at least 8 bytes, got 7"


def test_a_field_beyond_its_width_is_refused_by_name() -> None:
    for kind, code, rest, message in (
        (256, 0, bytes(4), "ICMP type: expected 0 to 255, got 256"),
        (0, -1, bytes(4), "ICMP code: expected 0 to 255, got -1"),
        (0, 0, bytes(3), "ICMP header rest: expected 4 bytes, got 3"),
    ):
        with pytest.raises(PacketError) as caught:
            icmp.build(kind, code, rest, b"")
        assert str(caught.value) == message
    for echo, message in (
        (Echo(65536, 0), "ICMP echo identifier: expected 0 to 65535, got 65536"),
        (Echo(0, 65536), "ICMP echo sequence: expected 0 to 65535, got 65536"),
    ):
        with pytest.raises(PacketError) as caught:
            echo.build()
        assert str(caught.value) == message
