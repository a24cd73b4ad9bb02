"""How long the way to a peer behind a NAT stays open in silence.

Rule: it is measured from outside of the NAT, where the tunnel's other end is reached only as long as its NAT
remembers it: silence, then an echo request into the tunnel, each time a longer one, until none is answered.
What either end sends by itself meanwhile keeps the way open, so such a silence does not count, and one begins
only after the passive keepalive with which this end acknowledges the last answer, but for one that is over
before that is sent. Time is a parameter.
Section: RFC 4787 §4.3; RFC 5780 §4.6, which needs a server for what here the tunnel does; WP §6.5.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

from glasstunnel.diagnose.tunnel.evidence import NatLife
from glasstunnel.wireguard.parameters import Parameters

SILENCES: Final = (5, 8, 10, 15, 20, 25, 30, 45, 60, 90, 120, 150, 180)
"""Seconds; RFC 4787 asks NATs for 120 at the least, Linux keeps a two-way flow for 120."""
_MARGIN = 5  # seconds by which a keepalive has to come before the end, or a quarter of a short silence
_LOOK = 0.5  # seconds
_KEEPALIVE_TIMEOUT = Parameters().keepalive_timeout


def measure(
    wait: Callable[[float], None],
    echo: Callable[[], bool],
    passed: Callable[[], int],
    settle: float,
    silences: Sequence[int] = SILENCES,
    say: Callable[[int], None] = lambda _seconds: None,
) -> NatLife:
    """Measure.

    Args:
        wait: lets so many seconds pass, in which nobody sends anything for us.
        echo: whether the peer answers now.
        passed: bytes that have come from the peer and gone to it so far.
        settle: seconds after which a passive keepalive has certainly been sent; before long silences.
        silences: seconds, ascending.
        say: is told each silence before it begins.
    """
    survived = 0
    disturbed = False
    for silence in silences:
        say(silence)
        before, quiet = _settled(wait, passed, settle) if silence >= _KEEPALIVE_TIMEOUT else (passed(), 0.0)
        wait(max(0.0, silence - quiet))
        lasted = max(silence, math.ceil(quiet))
        spoke = passed() != before
        disturbed |= spoke
        if not echo():
            return NatLife(survived, lasted, disturbed)
        if not spoke:
            survived = lasted
    return NatLife(survived, 0, disturbed)


def _settled(wait: Callable[[float], None], passed: Callable[[], int], settle: float) -> tuple[int, float]:
    """Let the passive keepalive go by, or what has taken its place, such as a handshake.

    Returns:
        the bytes that have passed, and the seconds since, by a look each half second.
    """
    before, quiet = passed(), 0.0
    for _ in range(math.ceil(settle / _LOOK)):
        wait(_LOOK)
        now = passed()
        before, quiet = now, quiet + _LOOK if now == before else 0.0
    return before, quiet


def right_keepalive(life: NatLife) -> int:
    """The line ``PersistentKeepalive =`` for the end behind the NAT, 0 if none is needed."""
    if not life.lost and not life.disturbed:
        return 0
    most = life.survived or life.lost // 2
    return max(1, most - min(_MARGIN, -(-most // 4)))
