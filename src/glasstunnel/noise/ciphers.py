"""Cipher functions: ChaChaPoly and AESGCM (sections 4.2, 12.3 and 12.4).

Rule: a nonce is a number of 64 bits, and the two ciphers write it differently into the 12 bytes of the AEAD: four zero
bytes come first in both, then the number follows little-endian in ChaChaPoly and big-endian in AESGCM.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM as AesGcm
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

AEAD = AesGcm | ChaCha20Poly1305
KEY_LENGTH = 32
TAG_LENGTH = 16
MAX_NONCE = 2**64 - 1
"""Reserved for :meth:`Cipher.rekey`, so that no message is ever encrypted under it (section 5.1)."""


@dataclass(frozen=True)
class Cipher:
    """One set of cipher functions: its name in protocol names, its AEAD, and how a nonce is written."""

    name: str
    aead: Callable[[bytes], AEAD]
    nonce: Callable[[int], bytes]

    def rekey(self, key: bytes) -> bytes:
        """REKEY(k): the first 32 bytes of ENCRYPT(k, 2**64 - 1, zerolen, 32 zero bytes)."""
        return self.aead(key).encrypt(self.nonce(MAX_NONCE), bytes(KEY_LENGTH), b"")[:KEY_LENGTH]


CHACHAPOLY = Cipher("ChaChaPoly", ChaCha20Poly1305, struct.Struct("<4xQ").pack)
AESGCM = Cipher("AESGCM", AesGcm, struct.Struct(">4xQ").pack)

CIPHERS = {cipher.name: cipher for cipher in (CHACHAPOLY, AESGCM)}
