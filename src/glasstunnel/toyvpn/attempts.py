"""How many handshakes one source may try: a token bucket each.

Rule: a source is an IPv4 address or the upper half of an IPv6 address. Right and wrong handshakes count
alike: a guesser gets one guess a second, and who knows the secret cannot make the server answer at will. The
source of a datagram proves nothing, so whoever forges it can use up another's tokens: that client then waits
until the forger tires. Nothing in this protocol prevents it. Section: the
shape is that of WireGuard's ratelimiter.c.
"""

from socket import AF_INET, AF_INET6, inet_pton
from typing import Final

PER_SECOND: Final = 1.0
"""Tokens that flow into a bucket."""
BURST: Final = 15
"""Tokens that a bucket holds: five starts of the sample's client, which says all three times."""
MAX_SOURCES: Final = 1 << 16
"""Sources that are remembered at once; beyond it a new one is refused."""


class Attempts:
    """The buckets of all sources, the one that was used last at the end."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[bytes, tuple[float, float]] = {}  # tokens, and when they were that many

    def allow(self, now: float, host: str) -> bool:
        """Take a token of ``host``, an address as text, if it has one."""
        self._forget(now)
        key = _source(host)
        if key not in self._buckets and len(self._buckets) >= MAX_SOURCES:
            return False
        tokens, then = self._buckets.pop(key, (BURST, now))
        tokens = min(BURST, tokens + (now - then) * PER_SECOND)
        allowed = tokens >= 1
        self._buckets[key] = tokens - allowed, now
        return allowed

    def _forget(self, now: float) -> None:
        """Drop the sources whose bucket is full again: they stand at the beginning."""
        while self._buckets:
            oldest = next(iter(self._buckets))
            if now - self._buckets[oldest][1] <= BURST / PER_SECOND:
                return
            del self._buckets[oldest]


def _source(host: str) -> bytes:
    address = host.partition("%")[0]
    return inet_pton(AF_INET6, address)[:8] if ":" in address else inet_pton(AF_INET, address)
