"""The search for the largest packet that gets through, and the MTU that follows from it.

Rule: a hole says nothing, so sizes are tried, many at once: a round costs one deadline however many are lost.
A size that is lost is asked for a second time before it is believed. Section: RFC 4821 §7.3 (the search);
WP §5.4.6 (padding to 16 bytes, never past the MTU).
"""

from collections.abc import Callable, Iterable
from typing import Final

STEPS: Final = 24
"""Sizes of one round: three rounds find one among more than ten thousand."""
DATA_OVERHEAD: Final = {4: 20 + 8 + 32, 6: 40 + 8 + 32}
"""Bytes around a packet, by the IP version outside: IP, UDP, and header and tag of transport data."""
LOWEST: Final = {4: 576, 6: 1280}
"""Bytes that every path should take: RFC 1122 §3.3.3, RFC 8200 §5."""
_BLOCK = 16

Ask = Callable[[list[int]], set[int]]
"""Send packets of these sizes at once; those that were answered."""


def search(lowest: int, highest: int, ask: Ask) -> tuple[int, int]:
    """The largest size that is answered and the smallest that is not; 0 where there is none.

    Args:
        lowest, highest: bytes, the range.
        ask: tries sizes.
    """
    best, worst = lowest - 1, highest + 1
    while worst - best > 1:
        sizes = _ladder(best + 1, worst - 1)
        answered = ask(sizes)
        if lost := [size for size in sizes if size not in answered]:
            answered |= ask(lost)
        best = max((size for size in answered if size < worst), default=best)
        worst = min((size for size in sizes if size not in answered and size > best), default=worst)
        if best < lowest and lowest not in answered:
            break
    return max(best, 0) if best >= lowest else 0, worst if worst <= highest else 0


def _ladder(low: int, high: int) -> list[int]:
    """Sizes from ``low`` to ``high``, both among them, evenly apart."""
    count = min(STEPS, high - low + 1)
    if count == 1:
        return [low]
    return sorted({low + (high - low) * step // (count - 1) for step in range(count)})


def inner_mtu(outside: int, version: int) -> int:
    """The MTU of a tunnel whose datagrams may have ``outside`` bytes as whole IP packets."""
    room = outside - DATA_OVERHEAD[version]
    return room - room % _BLOCK if room % _BLOCK else room


def right_mtu(inside: int, outsides: Iterable[tuple[int, int]]) -> int:
    """The line ``MTU =``: what passed inside, or more where a whole path outside was measured.

    Args:
        inside: the largest packet that passed in the tunnel, 0 for none.
        outsides: largest packet and IP version of what was measured outside.
    """
    found = [inner_mtu(size, version) for size, version in outsides if size]
    return max(inside, 0) if not found else min(found) if not inside else max(inside, min(found))
