"""Keys and their text, against RFC 7748, RFC 4648 and Debian's wg."""

import base64
import os
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.noise.dh import clamp
from glasstunnel.operate.keys import KeyTextError, decode, encode, genkey, genpsk, pubkey

KEYS = st.binary(min_size=32, max_size=32)
# RFC 7748 section 6.1: Alice's private key as it is printed there, and her public key
PRIVATE = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
PUBLIC = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")

needs_wg = pytest.mark.skipif(shutil.which("wg") is None, reason="needs Debian's wireguard-tools")


def wg(command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["wg", command], input=text, capture_output=True, text=True, check=False)


@given(KEYS)
def test_text_and_bytes_of_a_key_convert_both_ways(key: bytes) -> None:
    text = encode(key)
    assert text == base64.b64encode(key).decode()
    assert len(text) == 44
    assert decode(text) == key


def test_the_public_key_of_rfc_7748_comes_out_whether_clamped_or_not() -> None:
    assert pubkey(PRIVATE) == PUBLIC
    assert pubkey(clamp(PRIVATE)) == PUBLIC


@given(KEYS)
def test_clamping_fixes_five_bits_and_no_other(key: bytes) -> None:
    # RFC 7748 section 5: the low three bits of the first byte, the top two of the last
    scalar = int.from_bytes(key, "little")
    expected = scalar & ~0b111 & ~(1 << 255) | 1 << 254
    assert clamp(key) == expected.to_bytes(32, "little")


def test_generated_keys_are_the_randomness_that_was_given() -> None:
    assert genkey(lambda size: PRIVATE[:size]) == clamp(PRIVATE)
    assert genpsk(lambda size: PRIVATE[:size]) == PRIVATE


@pytest.mark.parametrize("size", [0, 31, 33])
def test_only_32_bytes_are_a_key(size: int) -> None:
    with pytest.raises(KeyTextError) as caught:
        encode(bytes(size))
    assert str(caught.value) == f"expected a key of 32 bytes, got {size}"


TEXT = encode(PRIVATE)
WRONG = [
    "",
    TEXT[:-1],
    TEXT + "=",
    " " + TEXT[1:],
    TEXT[:-1] + "A",
    TEXT[:-2] + "==",
    TEXT[:10] + "-" + TEXT[11:],
    TEXT[:10] + "=" + TEXT[11:],
    TEXT[:10] + "é" + TEXT[11:],
    TEXT[:42] + chr(ord(TEXT[42]) + 1) + "=",  # the same bytes, but a bit set that no byte uses
]


@pytest.mark.parametrize("text", WRONG)
def test_a_text_that_is_not_the_canonical_one_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(KeyTextError) as caught:
        decode(text)
    assert str(caught.value).startswith("expected a key of 44 characters of base64, got ")
    assert not text or text not in str(caught.value)


@given(st.text(min_size=40, max_size=48))
def test_nothing_but_a_key_text_error_escapes(text: str) -> None:
    try:
        key = decode(text)
    except KeyTextError:
        return
    assert encode(key) == text


@needs_wg
def test_wg_derives_the_same_public_keys() -> None:
    for private in (PRIVATE, clamp(PRIVATE), bytes(31) + b"\x01", b"\xff" * 32, genkey(os.urandom)):
        assert wg("pubkey", encode(private)).stdout == encode(pubkey(private)) + "\n"


@needs_wg
def test_the_keys_of_wg_are_clamped_as_ours_are_and_its_preshared_keys_are_not() -> None:
    for _ in range(8):
        private = decode(wg("genkey").stdout.strip())
        assert private == clamp(private)
    # Of 64 random keys about 2 are clamped by chance; that all are happens once in 10**96 runs.
    assert any(key != clamp(key) for key in (decode(wg("genpsk").stdout.strip()) for _ in range(64)))


@needs_wg
@pytest.mark.parametrize("text", [text for text in WRONG if text.isascii()])
def test_wg_refuses_the_same_texts(text: str) -> None:
    if text == TEXT + "=":
        text = TEXT + "A"  # wg pubkey stops reading after 44 characters and looks only for more
    assert wg("pubkey", text).returncode != 0
