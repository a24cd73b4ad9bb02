"""Hash, Mac, Xaead and TAI64N, WP §5.4."""

from hashlib import blake2s

from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.wireguard.crypto import hash256, hchacha20, mac, tai64n, xaead, xaead_open
from tests.wireguard import paper


def test_hash_is_blake2s_with_the_vector_of_rfc_7693() -> None:
    expected = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"  # RFC 7693, appendix B
    assert hash256(b"abc").hex() == expected


def test_mac_is_keyed_blake2s_of_sixteen_bytes_and_not_hmac() -> None:
    key = bytes(range(32))
    assert mac(key, b"message") == blake2s(b"message", digest_size=16, key=key).digest()
    assert mac(key, b"message") != paper.hmac(key, b"message")[:16]


def test_hchacha20_has_the_vector_of_the_draft() -> None:
    """draft-irtf-cfrg-xchacha-03 §2.2.1."""
    key = bytes(range(32))
    nonce = bytes.fromhex("000000090000004a0000000031415927")
    expected = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    assert hchacha20(key, nonce).hex() == paper.hchacha20(key, nonce).hex() == expected


LADIES_AND_GENTLEMEN = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)
SEALED = bytes.fromhex(
    "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
    "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
    "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
    "21f9664c97637da9768812f615c68b13b52e"
    "c0875924c1c7987947deafd8780acf49"
)


def test_xchacha20_poly1305_has_the_vector_of_the_draft() -> None:
    """draft-irtf-cfrg-xchacha-03 A.3.1."""
    key, nonce = bytes(range(0x80, 0xA0)), bytes(range(0x40, 0x58))
    auth = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    assert xaead(key, nonce, LADIES_AND_GENTLEMEN, auth) == SEALED
    assert xaead_open(key, nonce, SEALED, auth) == LADIES_AND_GENTLEMEN


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=24, max_size=24), st.binary(max_size=40))
def test_xchacha20_poly1305_is_the_drafts_for_any_key_and_nonce(
    key: bytes, nonce: bytes, text: bytes
) -> None:
    assert hchacha20(key, nonce[:16]) == paper.hchacha20(key, nonce[:16])
    assert xaead(key, nonce, text, b"auth") == paper.xaead(key, nonce, text, b"auth")


@given(st.integers(0, 8 * (32 + 24 + 16 + len(SEALED)) - 1))
def test_one_wrong_bit_of_key_nonce_data_or_ciphertext_opens_nothing(place: int) -> None:
    key, nonce, auth = bytes(range(32)), bytes(range(24)), bytes(16)
    whole = bytearray(key + nonce + auth + xaead(key, nonce, LADIES_AND_GENTLEMEN, auth))
    whole[place // 8] ^= 1 << place % 8
    assert xaead_open(bytes(whole[:32]), bytes(whole[32:56]), bytes(whole[72:]), bytes(whole[56:72])) is None


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
