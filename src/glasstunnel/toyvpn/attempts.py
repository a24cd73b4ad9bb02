"""How many secrets one source may guess: a token bucket each.

Rule: a source is an IPv4 address or the upper half of an IPv6 address. Only a wrong secret costs a token, and
who has none left is not heard at all, right or wrong: so a guesser gets one guess a second, and any number of
clients may share an address. The source of a datagram proves nothing: whoever forges it can use up another's
tokens, and new clients from there must wait until the forger tires. Nothing in this protocol prevents it.
Section: the shape is that of WireGuard's ratelimiter.c.
"""

from socket import AF_INET, AF_INET6, inet_pton
from typing import Final

PER_SECOND: Final = 1.0
"""Tokens that flow into a bucket."""
BURST: Final = 15
"""Tokens that a bucket holds: five starts of the sample's client, which says all three times."""
MAX_SOURCES: Final = 1 << 16
"""Sources that are remembered at once; a new one takes the place of the one that guessed longest ago."""


class Attempts:
    """The buckets of all sources, the one that was used last at the end."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[bytes, tuple[float, float]] = {}  # tokens, and when they were that many

    def may_try(self, now: float, host: str) -> bool:
        """Whether ``host``, an address as text, has a token."""
        return self._tokens(now, _source(host)) >= 1

    def failed(self, now: float, host: str) -> None:
        """Take a token from ``host``, which has one."""
        key = _source(host)
        tokens = self._tokens(now, key)
        self._buckets.pop(key, None)
        if len(self._buckets) >= MAX_SOURCES:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = tokens - 1, now

    def _tokens(self, now: float, key: bytes) -> float:
        tokens, then = self._buckets.get(key, (BURST, now))
        return min(BURST, tokens + (now - then) * PER_SECOND)


def _source(host: str) -> bytes:
    address = host.partition("%")[0]
    return inet_pton(AF_INET6, address)[:8] if ":" in address else inet_pton(AF_INET, address)
