"""What the kernel does only after seconds or minutes: the last file, when most of them are over.

Nothing here can pass early: the times are the paper's, and a session that was renewed before its time fails.
"""

import pytest

from tests.interop.lab import until
from tests.kernel.ageing import Aged

pytestmark = pytest.mark.kernel

REKEY_AFTER_TIME = 120  # seconds, WP §6.1
KEEPALIVE = (4, 32)
PATIENCE = 60.0  # seconds beyond that; an emulated machine may be slow


def test_the_kernel_answers_a_packet_without_an_answer_by_one_keepalive(aged: Aged) -> None:
    """After Keepalive-Timeout, 10 s, WP §6.5; and no keepalive is answered by another."""
    until(lambda: KEEPALIVE in aged.silent.traffic.received, "the kernel sends a keepalive", PATIENCE)
    assert aged.silent.traffic.received.count(KEEPALIVE) == 1


def test_the_kernel_makes_a_new_session_after_120_seconds_and_no_ping_is_lost(aged: Aged) -> None:
    traffic = aged.pinging.traffic
    until(lambda: len(traffic.sessions) == 2, "there is a new session", REKEY_AFTER_TIME + PATIENCE)
    assert traffic.sessions == [False, False]
    assert traffic.times[1] - traffic.times[0] >= REKEY_AFTER_TIME - 1
    before = len(aged.answered())
    until(lambda: len(aged.answered()) > before + 1, "pings are answered under the new key")
    answered = aged.answered()[-20:]  # earlier ones may have drowned in the floods of test_cookies.py
    assert answered == list(range(answered[0], answered[0] + 20))
    assert len(aged.silent.traffic.sessions) == 1  # an idle tunnel makes no new session
