"""DH functions: a key pair, and the secret that it shares with a public key (sections 4.1 and 12.1).

Rule: an all-zero output is never returned. A peer whose public key is a point of low order would otherwise know
the secret without knowing any private key. The specification lets an implementation either go on with the zeros or signal an
error; this one signals, because WireGuard demands it and because the library beneath does so as well.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from .errors import InvalidKeyError, InvalidPublicKeyError

RandomBytes = Callable[[int], bytes]
"""A source of randomness: takes a number of bytes, returns as many unpredictable ones (``os.urandom``)."""


@dataclass(frozen=True)
class DH:
    """One set of DH functions: its name in protocol names, and the length of public keys and of outputs in bytes."""

    name: str
    dhlen: int
    private_key: Callable[[bytes], X25519PrivateKey]
    public_key: Callable[[bytes], X25519PublicKey]

    def generate_keypair(self, rng: RandomBytes) -> "KeyPair":
        """GENERATE_KEYPAIR(): a new key pair, made from ``dhlen`` bytes of *rng*."""
        return KeyPair(self, rng(self.dhlen))

    def keypair(self, private: bytes) -> "KeyPair":
        """The key pair of the private key *private* (``dhlen`` bytes)."""
        return KeyPair(self, private)


class KeyPair:
    """A private key, its public key, and the secrets that were precomputed with it.

    ``public`` is the public key, ``dhlen`` bytes. Raises :class:`InvalidKeyError` when *private* has another length.
    """

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
        """The private key, ``dhlen`` bytes."""
        return self._private.private_bytes_raw()

    def dh(self, public: bytes) -> bytes:
        """DH(key_pair, public_key): the shared secret, ``dhlen`` bytes.

        Raises :class:`InvalidPublicKeyError` when *public* has the wrong length or the secret would be all zeros.
        """
        known = self._precomputed.get(public)
        if known is not None:
            return known
        try:
            return self._private.exchange(self._functions.public_key(public))
        except ValueError as error:
            raise InvalidPublicKeyError(
                f"no secret can be shared with the {self._functions.name} public key {public.hex()}"
            ) from error

    def precompute(self, public: bytes) -> None:
        """Compute the secret shared with *public* now, and let :meth:`dh` return it from memory.

        A static key meets the same remote static key in every handshake: the token ``ss`` then costs nothing.
        Raises what :meth:`dh` raises.
        """
        self._precomputed[public] = self.dh(public)

    def forget(self, public: bytes) -> None:
        """Drop the secret precomputed with *public*, if there is one."""
        self._precomputed.pop(public, None)

    def __repr__(self) -> str:
        return f"<KeyPair {self._functions.name} public={self.public.hex()}>"


CURVE25519 = DH("25519", 32, X25519PrivateKey.from_private_bytes, X25519PublicKey.from_public_bytes)

DH_FUNCTIONS = {functions.name: functions for functions in (CURVE25519,)}
