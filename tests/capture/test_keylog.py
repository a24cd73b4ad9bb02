"""The key log of Wireshark's WireGuard dissector."""

from base64 import b64encode

import pytest

from glasstunnel.capture import keylog

KEYS = {
    "static_private": b"\1" * 32,
    "remote_static": b"\2" * 32,
    "ephemeral_private": b"\3" * 32,
    "preshared_key": b"\4" * 32,
}


def test_a_handshake_has_four_lines_with_the_psk_after_the_ephemeral_key() -> None:
    names, keys = zip(*(line.split(" = ") for line in keylog.handshake(**KEYS).splitlines()), strict=True)
    assert names == (
        "LOCAL_STATIC_PRIVATE_KEY",
        "REMOTE_STATIC_PUBLIC_KEY",
        "LOCAL_EPHEMERAL_PRIVATE_KEY",
        "PRESHARED_KEY",
    )
    assert list(keys) == [b64encode(key).decode() for key in KEYS.values()]


def test_a_device_has_one_line() -> None:
    key = b64encode(KEYS["static_private"]).decode()
    assert keylog.identity(KEYS["static_private"]) == f"LOCAL_STATIC_PRIVATE_KEY = {key}\n"


@pytest.mark.parametrize("field", KEYS)
def test_a_key_of_another_length_is_refused_and_not_repeated(field: str) -> None:
    with pytest.raises(ValueError, match="_KEY: expected 32 bytes, got 31") as caught:
        keylog.handshake(**{**KEYS, field: b"k" * 31})
    assert "kkk" not in str(caught.value)
    assert "a2tr" not in str(caught.value)  # … nor in base64
