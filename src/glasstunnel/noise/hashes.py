"""Hash functions, and the HMAC and HKDF built on them (sections 4.3 and 12.5 to 12.8).

Rule: BLAKE2 has a keyed mode of its own, yet HKDF uses HMAC with every hash; WireGuard needs both, and the keyed mode
is not the business of Noise. HMAC is written out from RFC 2104, in which it takes three lines: for inputs as short as a
handshake's that is about twice as fast as the general constructions of the standard library.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class _Digest(Protocol):
    def digest(self) -> bytes: ...


@dataclass(frozen=True)
class Hash:
    """One set of hash functions: its name in protocol names, output length and block length in bytes."""

    name: str
    hashlen: int
    blocklen: int
    new: Callable[[bytes], _Digest]

    def hash(self, data: bytes) -> bytes:
        """HASH(data): ``hashlen`` bytes."""
        return self.new(data).digest()

    def _pads(self, key: bytes) -> tuple[bytes, bytes]:
        """The two blocks that HMAC hashes first: the key, padded with zeros, XORed with 0x36 and with 0x5c."""
        if len(key) > self.blocklen:
            key = self.hash(key)
        block = key.ljust(self.blocklen, b"\0")
        return block.translate(_INNER), block.translate(_OUTER)

    def hmac(self, key: bytes, data: bytes) -> bytes:
        """HMAC-HASH(key, data) of RFC 2104: ``hashlen`` bytes, for a key of any length."""
        inner, outer = self._pads(key)
        return self.new(outer + self.new(inner + data).digest()).digest()

    def hkdf(self, chaining_key: bytes, input_key_material: bytes, num_outputs: int) -> list[bytes]:
        """HKDF(chaining_key, input_key_material, num_outputs): outputs of ``hashlen`` bytes each.

        This is HKDF of RFC 5869 with the chaining key as salt and an empty info. Noise asks for two outputs or three.
        """
        inner, outer = self._pads(self.hmac(chaining_key, input_key_material))
        outputs = []
        output = b""
        for counter in range(1, num_outputs + 1):
            output = self.new(outer + self.new(inner + output + bytes((counter,))).digest()).digest()
            outputs.append(output)
        return outputs


SHA256 = Hash("SHA256", 32, 64, hashlib.sha256)
SHA512 = Hash("SHA512", 64, 128, hashlib.sha512)
BLAKE2S = Hash("BLAKE2s", 32, 64, hashlib.blake2s)
BLAKE2B = Hash("BLAKE2b", 64, 128, hashlib.blake2b)

HASHES = {function.name: function for function in (SHA256, SHA512, BLAKE2S, BLAKE2B)}
