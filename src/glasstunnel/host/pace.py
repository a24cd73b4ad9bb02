"""How many packets one side of a tunnel takes in a turn.

Rule: a packet that comes alone is not held up by a look whether there are more, and neither is the answer
that it brings about. So a side that is calm takes one and ends its turn; now and then it looks. Should there
be more, the loop wakes at once again, epoll being level-triggered. A side that is busy fills its train before
it seals or opens any of it. Section: tunnel.py for the turns, loop.py for the wakeups.
"""

from typing import Final

TURN: Final = 256
"""Packets of one side before the other has its turn."""
_UNSEEN: Final = 7  # turns of a calm side without a look, after one that found nothing


class Pace:
    """The pace of one side."""

    __slots__ = ("_unseen", "limit", "turn")

    def __init__(self) -> None:
        self.turn = TURN
        """Packets of the next turn at the most."""
        self.limit = 1
        """Packets of its first burst at the most."""
        self._unseen = 0

    def had(self, packets: int) -> None:
        """A turn is over and has had so many packets."""
        if packets > 1:
            self._unseen, self.limit = 0, TURN
        else:
            self._unseen, self.limit = self._unseen - 1 if self._unseen else _UNSEEN, 1
        self.turn = 1 if self._unseen else TURN
