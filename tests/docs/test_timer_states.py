"""The state diagrams of the timers say what the timers do."""

from math import inf

import pytest

from glasstunnel.wireguard.parameters import Parameters
from glasstunnel.wireguard.timers import TABLE, Occasion, Timer, Timers
from timer_states import OFF, ON, TOLD, arrows, diagram


@pytest.mark.parametrize("timer", Timer)
def test_every_arrow_is_what_the_timer_does_and_none_is_missing(timer: Timer) -> None:
    drawn = [(start, end, told) for start, end, told in arrows(TABLE[timer]) if not told.startswith("到时")]
    done = []
    for occasion in Occasion:
        for running in (False, True):
            timers = Timers(Parameters())
            timers.persistent_keepalive = 25
            if running:
                timers.due[timer] = 1000.0
            timers.on(occasion, now=1.0)
            if timers.due[timer] != (1000.0 if running else inf):
                done.append((ON if running else OFF, ON if timers.running(timer) else OFF, TOLD[occasion]))
    assert sorted(drawn) == sorted(done)


def test_a_diagram_begins_stopped_and_ends_with_what_the_timer_calls() -> None:
    lines = diagram(TABLE[Timer.RETRANSMIT_HANDSHAKE]).splitlines()
    assert lines[:3] == ["stateDiagram-v2", "direction LR", "[*] --> 停"]
    assert lines[-1] == "走 --> 停: 到时：retransmit_handshake"
