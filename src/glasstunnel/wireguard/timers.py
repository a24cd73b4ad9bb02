"""The timers of a peer as one table: what starts each, what cancels it, how long it runs.

Rule: whoever wants to know when something happens reads :data:`TABLE`; the code below only carries it out.
What a timer does when it expires is the function of :mod:`~glasstunnel.wireguard.expiry` named in the table.
Section: WP §6.2 to §6.5; kernel timers.c.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag, auto
from math import inf
from typing import Final

from glasstunnel.wireguard.parameters import Parameters

MAX_KEEPALIVE: Final = 0xFFFF
"""Seconds between persistent keepalives at the most."""


class Occasion(IntFlag):
    """What happens to a peer, as far as timers care. Occasions that coincide are joined with ``|``.

    A number, since it is looked up for every burst: the hash of a plain flag is a function in Python.
    """

    SENT = auto()
    """Anything authenticated was sent: handshake message, data, keepalive."""
    SENT_DATA = auto()
    """Data with a packet inside was sent."""
    RECEIVED = auto()
    """Anything authenticated was received."""
    RECEIVED_DATA = auto()
    """Data with a packet inside was received."""
    INITIATED = auto()
    """An initiation was sent."""
    DERIVED = auto()
    """A keypair was derived."""
    COMPLETED = auto()
    """A session stands: the response was read, or the first data confirmed our response."""
    GAVE_UP = auto()
    """The last repetition of the initiation went unanswered."""


class Timer(IntEnum):
    """Names of the kernel's timers without their ``timer_``."""

    ZERO_KEY_MATERIAL = 0
    RETRANSMIT_HANDSHAKE = 1
    SEND_KEEPALIVE = 2
    NEW_HANDSHAKE = 3
    PERSISTENT_KEEPALIVE = 4


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table.

    ``starts`` sets the timer to run for ``duration`` (seconds); with ``waits`` it does so only if the timer
    is not running. ``cancels`` stops it. Where both apply, it starts. ``action`` is the function that is
    called when it expires.
    """

    timer: Timer
    starts: Occasion
    waits: Occasion
    cancels: Occasion
    duration: Callable[["Timers"], float]
    action: str


NEVER: Final = Occasion(0)

TABLE: Final = (
    Rule(
        Timer.ZERO_KEY_MATERIAL,
        starts=Occasion.DERIVED,
        waits=Occasion.GAVE_UP,
        cancels=NEVER,
        duration=lambda t: t.parameters.erase_time,
        action="zero_key_material",
    ),
    Rule(
        Timer.RETRANSMIT_HANDSHAKE,
        starts=Occasion.INITIATED,
        waits=NEVER,
        cancels=Occasion.COMPLETED,
        duration=lambda t: t.parameters.rekey_timeout + t.jitter,
        action="retransmit_handshake",
    ),
    Rule(
        Timer.SEND_KEEPALIVE,
        starts=NEVER,
        waits=Occasion.RECEIVED_DATA,
        cancels=Occasion.SENT | Occasion.GAVE_UP,
        duration=lambda t: t.parameters.keepalive_timeout,
        action="send_passive_keepalive",
    ),
    Rule(
        Timer.NEW_HANDSHAKE,
        starts=NEVER,
        waits=Occasion.SENT_DATA,
        cancels=Occasion.RECEIVED,
        duration=lambda t: t.parameters.new_handshake_timeout + t.jitter,
        action="start_new_handshake",
    ),
    Rule(
        Timer.PERSISTENT_KEEPALIVE,
        starts=Occasion.SENT | Occasion.RECEIVED,
        waits=NEVER,
        cancels=NEVER,
        duration=lambda t: t.persistent_keepalive or inf,
        action="send_persistent_keepalive",
    ),
)
"""In the order of :class:`Timer`, which is also the order in which timers that expire together act.

Erasing comes first: after a long sleep everything is due at once, and a handshake that begins then must not
be erased.
"""


class Timers:
    """The five timers of one peer: when each expires, in seconds; infinity where it does not run."""

    __slots__ = ("due", "jitter", "need_another_keepalive", "parameters", "persistent_keepalive")

    parameters: Parameters
    jitter: float
    """Seconds that the next start of a jittered timer is late by; drawn anew with each initiation."""
    persistent_keepalive: int
    """Interval in seconds, 0 for none."""
    need_another_keepalive: bool
    """Data arrived while a keepalive was already due: after that one there shall be another."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.due = [inf] * len(TABLE)
        self.jitter = 0.0
        self.persistent_keepalive = 0
        self.need_another_keepalive = False

    def on(self, occasion: Occasion, now: float) -> None:
        """Start and cancel what the table says for these occasions."""
        starts, cancels = _effects(occasion)
        due = self.due
        for timer in cancels:
            due[timer] = inf
        for timer, waits, duration in starts:
            if not waits or due[timer] == inf:
                due[timer] = now + duration(self)
            elif timer is Timer.SEND_KEEPALIVE:
                self.need_another_keepalive = True

    def running(self, timer: Timer) -> bool:
        """Whether the timer will expire."""
        return self.due[timer] != inf

    def expired(self, now: float) -> list[Rule]:
        """Stop the timers that are due and return their lines of the table."""
        rules = [rule for rule in TABLE if self.due[rule.timer] <= now]
        for rule in rules:
            self.due[rule.timer] = inf
        return rules

    def clear(self) -> None:
        """Stop all timers."""
        self.due = [inf] * len(TABLE)
        self.need_another_keepalive = False


_Start = tuple[Timer, bool, Callable[[Timers], float]]
_EFFECTS: dict[Occasion, tuple[list[_Start], list[Timer]]] = {}


def _effects(occasion: Occasion) -> tuple[list[_Start], list[Timer]]:
    """The lines of the table that concern these occasions, looked up once for each combination."""
    found = _EFFECTS.get(occasion)
    if found is None:
        starts = [
            (rule.timer, not rule.starts & occasion, rule.duration)
            for rule in TABLE
            if (rule.starts | rule.waits) & occasion
        ]
        found = _EFFECTS[occasion] = starts, [rule.timer for rule in TABLE if rule.cancels & occasion]
    return found


def checked_keepalive(interval: int) -> int:
    """The interval of persistent keepalives. Raises :exc:`ValueError` unless it is 0 to 65535 seconds."""
    if not 0 <= interval <= MAX_KEEPALIVE:
        raise ValueError(f"persistent keepalive: expected 0 to {MAX_KEEPALIVE} seconds, got {interval}")
    return interval
