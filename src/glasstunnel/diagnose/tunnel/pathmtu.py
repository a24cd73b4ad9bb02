"""The search for the largest packet that gets through.

Rule: a hole says nothing, so sizes are tried, many at once: a round costs one deadline however many are lost.
A size that is lost is asked for again, in the next round, before it is believed. What passes inside is the
right MTU: it has been tried with whatever padding both ends add. Section: RFC 4821 §7.3 (the search); WP
§5.4.6 (padding to 16 bytes, never past the sender's own MTU).
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

STEPS: Final = 24
"""Sizes of one round: three rounds find one among more than ten thousand, and a fourth is sure."""

Ask = Callable[[list[int]], set[int]]
"""Send packets of these sizes at once; those that were answered."""


def search(small: int, highest: int, ask: Ask) -> tuple[int, int]:
    """The largest size that is answered, and the smallest that is not, 0 if there is none.

    Args:
        small: bytes, known to be answered.
        highest: bytes, the largest to try.
        ask: tries sizes.
    """
    best = small
    lost = Counter({highest + 1: 2})  # how often each was
    while True:
        worst = min(size for size in lost if size > best)
        is_sure = lost[worst] > 1
        if is_sure and worst == best + 1:
            return best, worst if worst <= highest else 0
        sizes = _ladder(best + 1, worst - is_sure)
        answered = ask(sizes)
        best = max(answered, default=best)
        lost.update(size for size in sizes if size not in answered)


def _ladder(low: int, high: int) -> list[int]:
    """Sizes from ``low`` to ``high``, both among them, evenly apart."""
    steps = min(STEPS - 1, high - low)
    return [low + (high - low) * step // steps for step in range(steps + 1)] if steps else [low]
