"""Hash, Mac and TAI64N, WP §5.4."""

from hashlib import blake2s

from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.wireguard.crypto import hash256, mac, tai64n
from tests.wireguard import paper


def test_hash_is_blake2s_with_the_vector_of_rfc_7693() -> None:
    expected = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"  # RFC 7693, appendix B
    assert hash256(b"abc").hex() == expected


def test_mac_is_keyed_blake2s_of_sixteen_bytes_and_not_hmac() -> None:
    key = bytes(range(32))
    assert mac(key, b"message") == blake2s(b"message", digest_size=16, key=key).digest()
    assert mac(key, b"message") != paper.hmac(key, b"message")[:16]


def test_a_label_is_big_endian_seconds_from_two_to_the_62_and_ten() -> None:
    assert tai64n(0).hex() == "400000000000000a" + "00000000"
    assert tai64n(1_700_000_000 * 10**9).hex() == f"{2**62 + 10 + 1_700_000_000:016x}" + "00000000"


def test_nanoseconds_are_rounded_down_to_two_to_the_24() -> None:
    assert tai64n(2**24 - 1)[8:] == bytes(4)
    assert tai64n(2**24)[8:] == (2**24).to_bytes(4, "big")
    assert tai64n(999_999_999)[8:] == (59 * 2**24).to_bytes(4, "big")


@given(st.integers(0, 2**62), st.integers(0, 10**12))
def test_later_times_have_greater_or_equal_labels_and_a_grain_later_greater_ones(
    wall: int, more: int
) -> None:
    assert tai64n(wall) <= tai64n(wall + more)
    assert tai64n(wall) < tai64n(wall + 2**24)
