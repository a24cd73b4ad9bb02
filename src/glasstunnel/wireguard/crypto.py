"""What the messages need besides Noise: a hash, a keyed MAC, an AEAD with long nonces and TAI64N.

Rule: each function is one line of the paper. Section: WP §5.4 (Hash, Mac, Xaead, Timestamp); RFC 7693
(BLAKE2s); draft-irtf-cfrg-xchacha-03 (HChaCha20, XChaCha20-Poly1305); TAI64N:
https://cr.yp.to/libtai/tai64.html.
"""

from hashlib import blake2s
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

XNONCE_SIZE = 24
"""Bytes of a nonce that is long enough to be drawn at random (draft-irtf-cfrg-xchacha-03 §2.1)."""
TIMESTAMP_SIZE = 12
TIMESTAMP_GRAIN = 1 << 24
"""Nanoseconds to which a timestamp is rounded down, 16.8 ms, so that it tells less of the clock (kernel
noise.c:466).
"""

_BLOCK = Struct("<16I")
_ROW = Struct("<4I")
_TWO_ROWS = Struct("<8I")
_CONSTANTS = _ROW.unpack(b"expand 32-byte k")  # the first row of ChaCha20's state (RFC 8439 §2.3)
_SECOND = 1_000_000_000
_TAI64_EPOCH = (
    1 << 62
) + 10  # TAI64 label of 1970-01-01 00:00:00 UTC, as the kernel counts it: no leap seconds


def hash256(data: bytes) -> bytes:
    """BLAKE2s with 32 bytes of output."""
    return blake2s(data).digest()


def mac(key: bytes, data: bytes | memoryview) -> bytes:
    """Keyed BLAKE2s with 16 bytes of output: a MAC of its own kind, not HMAC."""
    return blake2s(data, digest_size=16, key=key).digest()


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """A key of 32 bytes from one of 32 and a nonce of 16 (draft-irtf-cfrg-xchacha-03 §2.2).

    HChaCha20 is ChaCha20's block function without its last step, which adds the state that the rounds began
    with; of the result only the first and the last row are kept. So we take a block and undo that step: those
    two rows began as the constants and as the nonce. Thirty times as fast as the rounds in Python.
    """
    block = _BLOCK.unpack(Cipher(algorithms.ChaCha20(key, nonce), mode=None).encryptor().update(bytes(64)))
    ends, began = block[:4] + block[12:], _CONSTANTS + _ROW.unpack(nonce)
    return _TWO_ROWS.pack(*[(end - begin) & 0xFFFFFFFF for end, begin in zip(ends, began, strict=True)])


def xaead(key: bytes, nonce: bytes, plaintext: bytes, auth: bytes) -> bytes:
    """XChaCha20-Poly1305: the ciphertext and its tag, 16 bytes longer; ``key`` has 32 bytes, ``nonce`` 24."""
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])).encrypt(bytes(4) + nonce[16:], plaintext, auth)


def xaead_open(key: bytes, nonce: bytes, ciphertext: bytes, auth: bytes) -> bytes | None:
    """The plaintext of :func:`xaead`, or None if it was not made with this key, nonce and ``auth``."""
    try:
        return ChaCha20Poly1305(hchacha20(key, nonce[:16])).decrypt(bytes(4) + nonce[16:], ciphertext, auth)
    except InvalidTag:
        return None


def tai64n(wall: int) -> bytes:
    """The 12-byte label of a time given in nanoseconds since 1970: 8 bytes of seconds, 4 of nanoseconds,
    big-endian.

    Labels compare as bytes as their times do. Nanoseconds are rounded down to :data:`TIMESTAMP_GRAIN`.
    """
    seconds, nanoseconds = divmod(wall, _SECOND)
    nanoseconds -= nanoseconds % TIMESTAMP_GRAIN
    return (_TAI64_EPOCH + seconds).to_bytes(8, "big") + nanoseconds.to_bytes(4, "big")
