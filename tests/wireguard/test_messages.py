"""Sizes and places of the fields, WP §5.4.2 to §5.4.6."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.wireguard.messages import (
    Initiation,
    MessageError,
    MessageType,
    Response,
    message_type,
    padded_size,
    receiver_index,
)


def test_types_are_numbered_as_in_the_paper() -> None:
    assert [(kind.name, kind.value) for kind in MessageType] == [
        ("INITIATION", 1),
        ("RESPONSE", 2),
        ("COOKIE_REPLY", 3),
        ("TRANSPORT_DATA", 4),
    ]


def test_the_fields_of_an_initiation_stand_where_the_paper_puts_them() -> None:
    data = Initiation(0x04030201, b"e" * 32, b"s" * 48, b"t" * 28, b"1" * 16, b"2" * 16).build()
    assert (
        data
        == b"\x01\0\0\0" + b"\x01\x02\x03\x04" + b"e" * 32 + b"s" * 48 + b"t" * 28 + b"1" * 16 + b"2" * 16
    )
    assert len(data) == 148
    assert Initiation.parse(data).build() == data


def test_the_fields_of_a_response_stand_where_the_paper_puts_them() -> None:
    data = Response(0x04030201, 0x08070605, b"e" * 32, b"n" * 16, b"1" * 16, b"2" * 16).build()
    assert data == bytes([2, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]) + b"e" * 32 + b"n" * 16 + b"1" * 16 + b"2" * 16
    assert len(data) == 92
    assert Response.parse(data).build() == data


@pytest.mark.parametrize(("kind", "size"), [(1, 148), (2, 92), (3, 64), (4, 32), (4, 48), (4, 1500)])
def test_a_datagram_of_the_right_length_has_its_type(kind: int, size: int) -> None:
    assert message_type(bytes([kind, 0, 0, 0]) + bytes(size - 4)) == kind


@pytest.mark.parametrize(
    ("datagram", "complaint"),
    [
        (b"", "length: expected at least 4 bytes, got 0"),
        (b"\1\0\0", "length: expected at least 4 bytes, got 3"),
        (bytes(148), "type: expected 1 to 4 and three zero bytes, got 0x00000000"),
        (b"\5\0\0\0" + bytes(144), "type: expected 1 to 4"),
        (b"\1\0\0\1" + bytes(144), "type: expected 1 to 4 and three zero bytes, got 0x01000001"),
        (b"\1\0\0\0" + bytes(143), "initiation has 148 bytes, got 147"),
        (b"\1\0\0\0" + bytes(145), "initiation has 148 bytes, got 149"),
        (b"\2\0\0\0" + bytes(87), "response has 92 bytes, got 91"),
        (b"\3\0\0\0" + bytes(61), "cookie_reply has 64 bytes, got 65"),
        (b"\4\0\0\0" + bytes(27), "transport data has at least 32 bytes, got 31"),
    ],
)
def test_a_datagram_that_is_no_message_is_refused_with_the_field(datagram: bytes, complaint: str) -> None:
    with pytest.raises(MessageError, match=complaint):
        message_type(datagram)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_message_error(datagram: bytes) -> None:
    try:
        kind = message_type(datagram)
    except MessageError:
        return
    assert datagram[:4] == bytes([kind, 0, 0, 0])


def test_the_receiver_index_of_transport_data_is_bytes_four_to_eight() -> None:
    assert receiver_index(b"\4\0\0\0\x78\x56\x34\x12") == 0x12345678


@pytest.mark.parametrize(
    ("size", "mtu", "padded"),
    [
        (0, 1420, 0),
        (1, 1420, 16),
        (16, 1420, 16),
        (17, 1420, 32),
        (1408, 1420, 1408),
        (1409, 1420, 1420),  # 1424 would be past the MTU
        (1420, 1420, 1420),
        (1421, 1420, 1436),  # longer than the MTU: the part beyond it is padded as a packet of its own
        (2840, 1420, 2840),
        (17, 0, 32),  # MTU not known
    ],
)
def test_padding_goes_to_sixteen_but_not_past_the_mtu(size: int, mtu: int, padded: int) -> None:
    assert padded_size(size, mtu) == padded


@given(size=st.integers(0, 65535), mtu=st.integers(576, 65535))
def test_padding_adds_less_than_sixteen_and_respects_the_mtu(size: int, mtu: int) -> None:
    padded = padded_size(size, mtu)
    assert 0 <= padded - size < 16
    assert padded % 16 == 0 or padded % mtu == 0 or padded > mtu
    assert size > mtu or padded <= mtu
