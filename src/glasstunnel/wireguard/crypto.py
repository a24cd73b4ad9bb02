"""What the messages need besides Noise: a hash, a keyed MAC and TAI64N; and how private keys are clamped.

Rule: each function is one line of the paper. Section: WP §5.4 (Hash, Mac, Timestamp); RFC 7693 (BLAKE2s);
RFC 7748 (clamping); TAI64N: https://cr.yp.to/libtai/tai64.html.
"""

from hashlib import blake2s

TIMESTAMP_SIZE = 12
TIMESTAMP_GRAIN = 1 << 24
"""Nanoseconds to which a timestamp is rounded down, 16.8 ms, so that it tells less of the clock (kernel
noise.c:466).
"""

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


def tai64n(wall: int) -> bytes:
    """The 12-byte label of a time given in nanoseconds since 1970: 8 bytes of seconds, 4 of nanoseconds,
    big-endian.

    Labels compare as bytes as their times do. Nanoseconds are rounded down to :data:`TIMESTAMP_GRAIN`.
    """
    seconds, nanoseconds = divmod(wall, _SECOND)
    nanoseconds -= nanoseconds % TIMESTAMP_GRAIN
    return (_TAI64_EPOCH + seconds).to_bytes(8, "big") + nanoseconds.to_bytes(4, "big")


def clamp(key: bytes) -> bytes:
    """A private key of 32 bytes with the bits set and cleared that Curve25519 fixes (RFC 7748 section 5)."""
    return bytes((key[0] & 248, *key[1:31], key[31] & 127 | 64))
