"""The window that lets each counter through once.

Rule: ask it only about a packet that has been authenticated; a forged counter must never move it.
Section: RFC 6479 (a ring of words: sliding forward clears whole words and never shifts bits); WP §5.4.6.

The ring grows with what it has seen, up to 1 kB: ten thousand peers that only keep alive need one word each.
"""

from array import array

WORD_BITS = 64
WORDS = 128
_WORD = (1 << WORD_BITS) - 1
WINDOW_BITS = WORDS * WORD_BITS
"""8192 bits of ring."""
WINDOW_SIZE = WINDOW_BITS - WORD_BITS
"""8128 of them usable: one word is always partly ahead of the greatest counter (kernel messages.h:35-37)."""


class ReplayWindow:
    """Which of the last 8128 counters of one receiving key have been seen."""

    __slots__ = ("_words", "greatest")

    def __init__(self) -> None:
        self.greatest = -1
        """Greatest counter accepted so far, -1 before the first."""
        self._words = array("Q")  # word i of the ring, as far as the window has come

    def accept(self, counter: int) -> bool:
        """True, once, for a counter that is new and not too old: at most 8128 behind the greatest."""
        greatest = self.greatest
        if counter > greatest:
            self._slide(counter)
        elif greatest - counter > WINDOW_SIZE:
            return False
        place = (counter >> 6) & (WORDS - 1)
        bit = 1 << (counter & (WORD_BITS - 1))
        word = self._words[place]
        if word & bit:
            return False
        self._words[place] = word | bit
        return True

    def accept_run(self, first: int, n: int) -> bool:
        """As :meth:`accept` of ``n`` counters, at most 8128, in order from ``first`` on, if all are greater
        than any before; otherwise False, and nothing is changed: each may still be asked about by itself.
        """
        if first <= self.greatest:
            return False
        self._slide(first + n - 1)
        run = ((1 << n) - 1) << (first & (WORD_BITS - 1))
        place = first >> 6
        while run:
            self._words[place & (WORDS - 1)] |= run & _WORD
            run >>= WORD_BITS
            place += 1
        return True

    def _slide(self, counter: int) -> None:
        """Make ``counter`` the greatest: clear the words that the window enters."""
        words, current = self._words, self.greatest >> 6
        for step in range(1, min((counter >> 6) - current, WORDS) + 1):
            place = (current + step) & (WORDS - 1)
            if place < len(words):
                words[place] = 0
            else:
                words.append(0)  # the words are entered in order, so this one is next
        self.greatest = counter
