"""How many handshakes one source may ask for: a token bucket each.

Rule: a source is an IPv4 address or the upper half of an IPv6 address, since whoever has one address of a /64
has all of them. Only sources whose mac2 was right come here, so the table holds addresses that exist; it is
bounded all the same. Section: WP §5.3; kernel ratelimiter.c.
"""

from typing import Final

PACKETS_PER_SECOND: Final = 20
"""Tokens that flow into a bucket (kernel, ratelimiter.c)."""
PACKETS_BURSTABLE: Final = 5
"""Tokens that a bucket holds (kernel, ratelimiter.c)."""
MAX_ENTRIES: Final = 8 * 8192
"""Sources that are remembered at once: the kernel's bound on a machine of more than 1 GB. Beyond it a new
source is refused.
"""
MEMORY: Final = 1.0
"""Seconds for which a silent source is remembered; its bucket has been full long before."""


class RateLimiter:
    """The buckets of all sources, the one that was used last at the end."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[bytes, tuple[float, float]] = {}  # tokens, and when they were that many

    def __len__(self) -> int:
        return len(self._buckets)

    def allow(self, now: float, source: bytes) -> bool:
        """Take a token from the bucket of ``source`` (an address of 4 or 16 bytes), if there is one."""
        self._forget(now)
        key = source[:8]
        if key not in self._buckets and len(self._buckets) >= MAX_ENTRIES:
            return False
        tokens, then = self._buckets.pop(key, (PACKETS_BURSTABLE, now))
        tokens = min(PACKETS_BURSTABLE, tokens + (now - then) * PACKETS_PER_SECOND)
        allowed = tokens >= 1
        self._buckets[key] = tokens - allowed, now
        return allowed

    def _forget(self, now: float) -> None:
        """Drop the sources that have been silent: they stand at the beginning."""
        while self._buckets:
            oldest = next(iter(self._buckets))
            if now - self._buckets[oldest][1] <= MEMORY:
                return
            del self._buckets[oldest]
