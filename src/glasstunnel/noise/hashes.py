"""Hash functions, and the HMAC and HKDF built on them (sections 4.3 and 12.5 to 12.8).

Rule: whatever the hash, keys are derived by HMAC, even where the hash has a keyed mode of its own, as BLAKE2
has. HMAC is written out from RFC 2104, where it is one line: for the short inputs of a handshake this takes
half the time of the standard library's general construction.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

IPAD = bytes(byte ^ 0x36 for byte in range(256))
OPAD = bytes(byte ^ 0x5C for byte in range(256))
"""Translation tables that XOR every byte with 0x36 and with 0x5c (RFC 2104, section 2)."""


class _Digest(Protocol):
    def digest(self) -> bytes: ...


@dataclass(frozen=True)
class Hash:
    """A set of hash functions: its name in protocol names, HASHLEN and BLOCKLEN in bytes, the hash itself."""

    name: str
    hashlen: int
    blocklen: int
    new: Callable[[bytes], _Digest]

    def hash(self, data: bytes) -> bytes:
        """HASH(data): HASHLEN bytes."""
        return self.new(data).digest()

    def hmac(self, key: bytes, data: bytes) -> bytes:
        """HMAC-HASH(key, data): HASHLEN bytes, for a key of any length (RFC 2104)."""
        inner, outer = self._pads(key)
        return self.hash(outer + self.hash(inner + data))

    def hkdf(self, chaining_key: bytes, input_key_material: bytes, num_outputs: int) -> tuple[bytes, ...]:
        """HKDF(chaining_key, input_key_material, num_outputs): two or three outputs of HASHLEN bytes.

        This is RFC 5869 with the chaining key as salt and an empty info. Each output is an HMAC under the
        same key, whose pads are made once.
        """
        hash_ = self.hash
        inner, outer = self._pads(self.hmac(chaining_key, input_key_material))
        output1 = hash_(outer + hash_(inner + b"\x01"))
        output2 = hash_(outer + hash_(inner + output1 + b"\x02"))
        if num_outputs == 2:
            return output1, output2
        output3 = hash_(outer + hash_(inner + output2 + b"\x03"))
        return output1, output2, output3

    def _pads(self, key: bytes) -> tuple[bytes, bytes]:
        """What HMAC puts before the data and before the inner hash."""
        if len(key) > self.blocklen:
            key = self.hash(key)
        block = key.ljust(self.blocklen, b"\0")
        return block.translate(IPAD), block.translate(OPAD)


SHA256 = Hash("SHA256", 32, 64, hashlib.sha256)
SHA512 = Hash("SHA512", 64, 128, hashlib.sha512)
BLAKE2S = Hash("BLAKE2s", 32, 64, hashlib.blake2s)
BLAKE2B = Hash("BLAKE2b", 64, 128, hashlib.blake2b)

HASHES = {functions.name: functions for functions in (SHA256, SHA512, BLAKE2S, BLAKE2B)}
