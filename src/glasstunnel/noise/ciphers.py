"""Cipher functions: ChaChaPoly and AESGCM (sections 4.2, 12.3 and 12.4).

Rule: a nonce is a number of 64 bits, and each cipher writes it into the AEAD's 12 bytes in its own way: after
four zero bytes, little-endian in ChaChaPoly, big-endian in AESGCM.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import aead

KEY_LENGTH = 32
TAG_LENGTH = 16
MAX_NONCE = 2**64 - 1
"""The nonce that no message may use: it is reserved for :meth:`Cipher.rekey` (section 5.1)."""

AEAD = aead.ChaCha20Poly1305 | aead.AESGCM


@dataclass(frozen=True)
class Cipher:
    """A set of cipher functions: its name in protocol names, the AEAD of a key, the 12 bytes of a nonce."""

    name: str
    aead: Callable[[bytes], AEAD]
    nonce: Callable[[int], bytes]

    def rekey(self, key: bytes) -> bytes:
        """REKEY(k): the first 32 bytes of ENCRYPT(k, 2**64 - 1, zerolen, zeros), with 32 bytes of zeros."""
        return self.aead(key).encrypt(self.nonce(MAX_NONCE), bytes(KEY_LENGTH), b"")[:KEY_LENGTH]


CHACHAPOLY = Cipher("ChaChaPoly", aead.ChaCha20Poly1305, struct.Struct("<4xQ").pack)
AESGCM = Cipher("AESGCM", aead.AESGCM, struct.Struct(">4xQ").pack)

CIPHERS = {cipher.name: cipher for cipher in (CHACHAPOLY, AESGCM)}
