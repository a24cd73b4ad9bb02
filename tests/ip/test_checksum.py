"""The Internet checksum, against RFC 1071, RFC 1624, a sum done word by word, and the Linux kernel's."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glasstunnel.ip.checksum import checksum, ones_complement_sum, pseudo_header, updated, verifies
from tests.ip import captured


def word_by_word(data: bytes) -> int:
    """RFC 1071 section 4.1 done slowly: add 16-bit words, fold each carry back in at once."""
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"))
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_the_example_of_rfc_1071_section_3_comes_out() -> None:
    assert ones_complement_sum(bytes.fromhex("0001 f203 f4f5 f6f7")) == 0xDDF2


def test_the_checksum_is_the_complement_of_the_sum() -> None:
    assert checksum(bytes.fromhex("0001 f203 f4f5 f6f7")) == 0x220D


@given(st.binary(max_size=200))
def test_one_reduction_equals_the_sum_word_by_word(data: bytes) -> None:
    assert ones_complement_sum(data) == word_by_word(data)


@pytest.mark.parametrize(
    ("data", "total"),
    [("", 0), ("0000", 0), ("00", 0), ("ffff", 0xFFFF), ("fffe0001", 0xFFFF), ("ff", 0xFF00)],
)
def test_zero_comes_only_from_zeros(data: str, total: int) -> None:
    assert ones_complement_sum(bytes.fromhex(data)) == total == word_by_word(bytes.fromhex(data))


@given(st.lists(st.binary(max_size=40).filter(lambda part: len(part) % 2 == 0)))
def test_a_sum_may_be_made_in_parts(parts: list[bytes]) -> None:
    total = 0
    for part in parts:
        total = ones_complement_sum(part, total)
    assert total == word_by_word(b"".join(parts))


@given(st.binary(min_size=2, max_size=100), st.integers(0, 0xFFFF))
def test_data_with_its_checksum_in_place_verifies_and_with_one_bit_changed_does_not(
    data: bytes, place: int
) -> None:
    whole = checksum(data).to_bytes(2) + data
    assert verifies(whole)
    bit = place % (len(whole) * 8)
    spoilt = (int.from_bytes(whole) ^ 1 << bit).to_bytes(len(whole))
    assert not verifies(spoilt)


@given(
    st.sampled_from([4, 16]).flatmap(lambda n: st.tuples(*[st.binary(min_size=n, max_size=n)] * 2)),
    st.sampled_from([6, 17, 58]),
    st.integers(0, 0x1FFFF),
)
def test_the_pseudo_header_is_summed_as_the_rfcs_lay_it_out(
    addresses: tuple[bytes, bytes], protocol: int, length: int
) -> None:
    source, destination = addresses
    if len(source) == 4:  # RFC 9293 section 3.1: addresses, zero, protocol, 16 bits of length
        length &= 0xFFFF
        laid_out = source + destination + bytes((0, protocol)) + length.to_bytes(2)
    else:  # RFC 8200 section 8.1: addresses, 32 bits of length, three zeros, next header
        laid_out = source + destination + length.to_bytes(4) + bytes((0, 0, 0, protocol))
    assert ones_complement_sum(b"", pseudo_header(source, destination, protocol, length)) == word_by_word(
        laid_out
    )


def test_the_example_of_rfc_1624_section_4_comes_out() -> None:
    assert updated(0xDD2F, bytes.fromhex("5555"), bytes.fromhex("3285")) == 0x0000


@given(st.binary(min_size=4, max_size=60), st.binary(min_size=2, max_size=2), st.integers(0, 28))
def test_an_updated_checksum_equals_one_made_anew(data: bytes, new: bytes, word: int) -> None:
    data = data[: len(data) & ~1]
    at = word * 2 % len(data)
    changed = data[:at] + new + data[at + 2 :]
    assume(any(changed))  # only zeros sum to 0 and not to 0xffff, and no packet is all zeros
    value = updated(checksum(data), data[at : at + 2], new)
    assert verifies(value.to_bytes(2) + changed)


def test_the_kernels_checksums_verify() -> None:
    packet = captured.ECHO_REQUEST_V4
    assert verifies(packet[:20])
    assert verifies(packet[20:])
    packet = captured.TCP_DATA_V4
    assert verifies(packet[20:], pseudo_header(packet[12:16], packet[16:20], 6, len(packet) - 20))
    packet = captured.TCP_DATA_V6
    assert verifies(packet[40:], pseudo_header(packet[8:24], packet[24:40], 6, len(packet) - 40))
