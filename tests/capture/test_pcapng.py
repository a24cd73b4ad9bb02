"""pcapng as bytes, against the draft: a reader of its own walks the blocks."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.capture import pcapng
from glasstunnel.capture.pcapng import Direction


def blocks(file: bytes) -> list[tuple[int, bytes]]:
    """Type and body of each block; its length stands before and after it and is a multiple of 4."""
    found = []
    while file:
        kind, length = struct.unpack_from("<II", file)
        assert length % 4 == 0
        assert struct.unpack_from("<I", file, length - 4) == (length,)
        found.append((kind, file[8 : length - 4]))
        file = file[length:]
    return found


def options(data: bytes) -> dict[int, bytes]:
    """Code to value; the list ends with code 0, unless it is empty."""
    found = {}
    while data:
        code, length = struct.unpack_from("<HH", data)
        if code == 0:
            assert data == bytes(4)
            break
        assert code not in found
        found[code] = data[4 : 4 + length]
        padding = -length % 4
        assert not any(data[4 + length : 4 + length + padding])
        data = data[4 + length + padding :]
        assert data, "options that do not end"
    return found


def test_a_section_header_says_the_byte_order_and_that_the_length_is_unknown() -> None:
    ((kind, body),) = blocks(pcapng.section_header("glasstunnel", "a comment"))
    assert kind == 0x0A0D0D0A
    assert body[:4] == bytes.fromhex("4d3c2b1a")
    assert struct.unpack_from("<HHq", body, 4) == (1, 0, -1)
    assert options(body[16:]) == {1: b"a comment", 4: b"glasstunnel"}


def test_an_interface_has_raw_ip_nanoseconds_and_no_limit() -> None:
    ((kind, body),) = blocks(pcapng.interface("outer"))
    assert kind == 1
    assert struct.unpack_from("<HHI", body) == (101, 0, 0)
    assert options(body[8:]) == {2: b"outer", 9: b"\x09"}


@pytest.mark.parametrize(("direction", "flags"), [(Direction.INBOUND, 1), (Direction.OUTBOUND, 2)])
def test_a_packet_carries_its_time_its_length_and_its_direction(direction: Direction, flags: int) -> None:
    at = 1_795_000_000_123_456_789
    ((kind, body),) = blocks(pcapng.packet(1, at, b"seven..", direction, "看"))
    assert kind == 6
    number, high, low, captured, original = struct.unpack_from("<IIIII", body)
    assert (number, high << 32 | low, captured, original) == (1, at, 7, 7)
    assert body[20:28] == b"seven..\0"
    assert options(body[28:]) == {1: "看".encode(), 2: struct.pack("<I", flags)}


def test_without_options_there_is_not_even_their_end() -> None:
    ((_, body),) = blocks(pcapng.packet(0, 0, b"four"))
    assert body == bytes(12) + struct.pack("<II", 4, 4) + b"four"


def test_secrets_are_a_block_of_type_10_for_wireguard() -> None:
    ((kind, body),) = blocks(pcapng.secrets(b"PRESHARED_KEY = x\n"))
    assert kind == 10
    assert struct.unpack_from("<II", body) == (0x57474B4C, 18)
    assert body[8:] == b"PRESHARED_KEY = x\n\0\0"


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**64 - 1), st.binary(max_size=70), st.sampled_from(Direction), st.text(max_size=9)
        )
    )
)
def test_any_packets_can_be_read_back(packets: list[tuple[int, bytes, Direction, str]]) -> None:
    file = b"".join(pcapng.packet(0, at, data, way, comment) for at, data, way, comment in packets)
    read = []
    for _, body in blocks(file):
        _, high, low, length, _ = struct.unpack_from("<IIIII", body)
        found = options(body[20 + length + -length % 4 :])
        way = Direction(int.from_bytes(found.get(2, b""), "little"))
        read.append((high << 32 | low, body[20 : 20 + length], way, found.get(1, b"").decode()))
    assert read == packets


def test_a_time_beyond_64_bits_and_a_comment_beyond_16_are_refused() -> None:
    for at in (-1, 2**64):
        with pytest.raises(ValueError, match=f"nanoseconds since 1970 in 64 bits, got {at}"):
            pcapng.packet(0, at, b"")
    assert pcapng.packet(0, 0, b"", comment="c" * 0xFFFF)
    with pytest.raises(ValueError, match="at most 65535 bytes of UTF-8, got 65536"):
        pcapng.packet(0, 0, b"", comment="c" * 0x10000)
