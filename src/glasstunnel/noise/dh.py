"""DH functions: key pairs, and the secrets they share with public keys (sections 4.1, 12.1 and 12.2).

Rule: no secret is all zeros. A public key of low order gives that output with every private key, so that
anybody knows the "secret". The specification lets an implementation go on with the zeros or signal an error.
This one signals it: in WireGuard such a point never produces a session.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from .errors import InvalidKeyError, InvalidPublicKeyError

RandomBytes = Callable[[int], bytes]
"""A source of randomness, such as ``os.urandom``: takes a number of bytes and returns that many."""


class _PrivateKey(Protocol):
    def exchange(self, peer_public_key: Any, /) -> bytes: ...

    def public_key(self) -> Any: ...

    def private_bytes_raw(self) -> bytes: ...


@dataclass(frozen=True)
class DH:
    """A set of DH functions: its name in protocol names, DHLEN in bytes, and how keys are read."""

    name: str
    dhlen: int
    private_key: Callable[[bytes], _PrivateKey]
    public_key: Callable[[bytes], Any]

    def generate_keypair(self, rng: RandomBytes) -> "KeyPair":
        """GENERATE_KEYPAIR(): a new key pair from DHLEN bytes of *rng*."""
        return KeyPair(self, rng(self.dhlen))

    def keypair(self, private: bytes) -> "KeyPair":
        """The key pair of a private key. Raises :class:`InvalidKeyError` unless it has DHLEN bytes."""
        return KeyPair(self, private)


class KeyPair:
    """A private key and its public key ``public`` (DHLEN bytes); made by :meth:`DH.keypair`."""

    __slots__ = ("_functions", "_precomputed", "_private", "public")

    def __init__(self, functions: DH, private: bytes) -> None:
        if len(private) != functions.dhlen:
            raise InvalidKeyError(
                f"a {functions.name} private key has {functions.dhlen} bytes, not {len(private)}"
            )
        self._functions = functions
        self._private = functions.private_key(private)
        self._precomputed: dict[bytes, bytes] = {}
        self.public: bytes = self._private.public_key().public_bytes_raw()

    @property
    def private(self) -> bytes:
        """The private key, DHLEN bytes."""
        return self._private.private_bytes_raw()

    def dh(self, public: bytes) -> bytes:
        """DH(key_pair, public_key): the shared secret, DHLEN bytes.

        Raises :class:`InvalidPublicKeyError` if *public* has not DHLEN bytes, or is of low order.
        """
        secret = self._precomputed.get(public)
        if secret is not None:
            return secret
        try:
            return self._private.exchange(self._functions.public_key(public))
        except ValueError:
            raise InvalidPublicKeyError(
                f"no secret can be shared with the {self._functions.name} public key {public.hex()}"
            ) from None

    def precompute(self, public: bytes) -> None:
        """Compute the secret shared with *public* now, once, and let :meth:`dh` return it from memory.

        Two static keys meet again in every handshake, so the token ``ss`` need not cost a DH each time.
        Raises as :meth:`dh` does.
        """
        self._precomputed[public] = self.dh(public)

    def forget(self, public: bytes) -> None:
        """Drop the secret precomputed with *public*, if there is one."""
        self._precomputed.pop(public, None)

    def __repr__(self) -> str:
        return f"<KeyPair {self._functions.name} public={self.public.hex()}>"


CURVE25519 = DH("25519", 32, X25519PrivateKey.from_private_bytes, X25519PublicKey.from_public_bytes)
CURVE448 = DH("448", 56, X448PrivateKey.from_private_bytes, X448PublicKey.from_public_bytes)

DH_FUNCTIONS = {dh.name: dh for dh in (CURVE25519, CURVE448)}


def clamp(key: bytes) -> bytes:
    """A private key of 32 bytes with the bits set and cleared that Curve25519 fixes (RFC 7748, section 5)."""
    return bytes((key[0] & 248, *key[1:31], key[31] & 127 | 64))
