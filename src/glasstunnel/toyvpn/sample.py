"""What the two ends of the sample do to the world; shared by the models of both.

Rule: a model acts as its program is seen to act from outside, by the clock that it is given: one turn of its
loop after the other, each with at most one packet and one datagram, 100 ms of sleep after a turn in which
there was neither. The programs' faults are all there, and each has a test of its own. Section: AOSP
samples/ToyVpn, ToyVpnServer.cpp @0472e792 and ToyVpnConnection.java @0278c48f.
"""

from dataclasses import dataclass
from typing import Final

from glasstunnel.toyvpn.events import Path, Send

SLEEP: Final = 0.1
"""Seconds that both programs sleep when they had nothing to do."""
TUN_QUEUE: Final = 500
"""Packets that wait in a TUN until they are read; the kernel's default ``txqueuelen`` of a TUN."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """Write this packet into the TUN."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class PortUnreachable:
    """The kernel answers ``path`` with ICMP port unreachable: no socket takes what it sends."""

    path: Path


@dataclass(frozen=True, slots=True)
class Says:
    """The program has come to another state, and says so in its log."""

    text: str


Output = Send | Deliver | PortUnreachable | Says


def woken(now: float) -> float:
    """When a program wakes that goes to sleep now. Its clocks have whole microseconds."""
    return round(now + SLEEP, 6)
