"""The two MACs at the end of a handshake message.

Rule: mac1 proves that the sender knows our public key and is checked before anything costly is done; a
message without it gets no answer. Section: WP §5.3 and §5.4.4; kernel cookie.c.

mac2 is sixteen zeros here: it answers a cookie, and a device that never is under load asks for none.
"""

from hmac import compare_digest
from typing import Final

from glasstunnel.wireguard.crypto import hash256, mac

LABEL_MAC1: Final = b"mac1----"
MAC_SIZE: Final = 16
MACS_SIZE: Final = 2 * MAC_SIZE


def mac1_key(public_key: bytes) -> bytes:
    """Key of every mac1 that is sent to the owner of ``public_key`` (32 bytes)."""
    return hash256(LABEL_MAC1 + public_key)


def add_macs(message: bytes, key: bytes) -> bytes:
    """A handshake message (148 or 92 bytes, its last 32 still empty) with mac1 under ``key`` and an empty
    mac2.
    """
    body = message[:-MACS_SIZE]
    return body + mac(key, body) + bytes(MAC_SIZE)


def mac1_is_right(message: bytes | memoryview, key: bytes) -> bool:
    """Whether the mac1 of a handshake message (148 or 92 bytes) is the one under ``key``."""
    return compare_digest(mac(key, message[:-MACS_SIZE]), bytes(message[-MACS_SIZE:-MAC_SIZE]))
