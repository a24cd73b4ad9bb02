"""Randomness that a seed decides.

Rule: BLAKE2b in counter mode, so that the bytes are the same on every machine and every version of Python.
"""

from hashlib import blake2b


class Randomness:
    """A stream of bytes; an instance stands where ``os.urandom`` would.

    Args:
        seed: any text; different seeds give streams that have nothing to do with each other.
    """

    def __init__(self, seed: str) -> None:
        self._key = blake2b(seed.encode()).digest()
        self._counter = 0
        self._rest = b""

    def __call__(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        while len(self._rest) < length:
            self._rest += blake2b(self._counter.to_bytes(8), key=self._key).digest()
            self._counter += 1
        taken, self._rest = self._rest[:length], self._rest[length:]
        return taken

    def uniform(self, high: float = 1.0) -> float:
        """A number from 0 (included) to ``high`` (excluded)."""
        return high * int.from_bytes(self(6)) / 2**48

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound - 1``."""
        return int(self.uniform(bound))
