"""The one thing that must never happen to ChaCha20-Poly1305, watched at the primitive itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from glasstunnel.wireguard import keypair


class NonceReusedError(Exception):
    """Two packets were sealed under one key with one nonce: whoever saw both can forge."""


@contextmanager
def watched_nonces() -> Iterator[set[tuple[bytes, bytes]]]:
    """While this lasts, sealing raises NonceReusedError for a pair of key and nonce that any device used."""
    used: set[tuple[bytes, bytes]] = set()

    class Watched:
        def __init__(self, key: bytes) -> None:
            self.key = key
            self.aead = ChaCha20Poly1305(key)
            self.decrypt_into = self.aead.decrypt_into

        def encrypt_into(self, nonce: bytes, *rest: Any) -> int:
            if (self.key, nonce) in used:
                raise NonceReusedError(f"nonce {nonce.hex()} twice under one key")
            used.add((self.key, nonce))
            return self.aead.encrypt_into(nonce, *rest)

    with patch.object(keypair, "ChaCha20Poly1305", Watched):
        yield used
