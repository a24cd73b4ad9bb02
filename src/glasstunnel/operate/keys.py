"""Private, public and preshared keys as wg(8) makes and writes them: 32 bytes, in base64 44 characters.

Rule: the text form is canonical base64 (RFC 4648 section 4: one ``=``, unused bits zero), as wg demands, so
that one key has one text. No error repeats what it was given, for that may be most of a secret key.
"""

import base64
import binascii

from glasstunnel.noise import CURVE25519, RandomBytes
from glasstunnel.noise.dh import clamp

KEY_LENGTH = 32  # bytes
KEY_TEXT_LENGTH = 44  # characters of base64


class KeyTextError(ValueError):
    """A text is no key; the message says what was expected, and of the text no more than its length."""


def encode(key: bytes) -> str:
    """The base64 text of a key of 32 bytes; raises :exc:`KeyTextError` for any other length."""
    if len(key) != KEY_LENGTH:
        raise KeyTextError(f"expected a key of {KEY_LENGTH} bytes, got {len(key)}")
    return base64.b64encode(key).decode("ascii")


def decode(text: str) -> bytes:
    """The 32 bytes of a key from its base64 text; raises :exc:`KeyTextError` unless that is canonical."""
    if len(text) != KEY_TEXT_LENGTH:
        raise KeyTextError(
            f"expected a key of {KEY_TEXT_LENGTH} characters of base64, got {len(text)} characters"
        )
    try:
        key = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):  # ValueError: a character outside of ASCII
        key = b""
    if len(key) != KEY_LENGTH or encode(key) != text:
        raise KeyTextError(f"expected a key of {KEY_TEXT_LENGTH} characters of base64, got other characters")
    return key


def genkey(rng: RandomBytes) -> bytes:
    """A new private key of 32 bytes from ``rng`` (``os.urandom``), clamped as ``wg genkey`` does."""
    return clamp(rng(KEY_LENGTH))


def genpsk(rng: RandomBytes) -> bytes:
    """A new preshared key: 32 bytes of ``rng``."""
    return rng(KEY_LENGTH)


def pubkey(private: bytes) -> bytes:
    """The public key, 32 bytes, of a private key of 32 bytes, clamped or not."""
    return CURVE25519.keypair(private).public
