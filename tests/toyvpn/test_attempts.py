"""Fifteen wrong secrets at once from one source, then one a second."""

import pytest

from glasstunnel.toyvpn import attempts
from glasstunnel.toyvpn.attempts import Attempts


def guesses(it: Attempts, now: float, host: str, tries: int = 100) -> int:
    """How many of so many wrong secrets are looked at."""
    seen = 0
    for _ in range(tries):
        if it.may_try(now, host):
            it.failed(now, host)
            seen += 1
    return seen


def test_a_guesser_gets_fifteen_guesses_at_once_and_then_one_a_second() -> None:
    it = Attempts()
    assert guesses(it, 0, "192.0.2.1") == 15
    assert guesses(it, 0.9, "192.0.2.1") == 0
    assert guesses(it, 3, "192.0.2.1") == 3
    assert guesses(it, 100, "192.0.2.1") == 15


def test_right_secrets_cost_nothing() -> None:
    it = Attempts()
    assert all(it.may_try(0, "192.0.2.1") for _ in range(1000))


def test_sources_do_not_pay_for_each_other() -> None:
    it = Attempts()
    assert [guesses(it, 0, f"192.0.2.{host}") for host in range(4)] == [15] * 4


def test_all_of_an_ipv6_network_is_one_source() -> None:
    it = Attempts()
    assert guesses(it, 0, "2001:db8::1", 10) == 10
    assert guesses(it, 0, "2001:db8::2%eth0") == 5
    assert guesses(it, 0, "2001:db8:0:1::1") == 15


def test_so_many_sources_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MAX_SOURCES", 2)
    it = Attempts()
    assert [guesses(it, 0, host) for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3")] == [15] * 3
    assert guesses(it, 0, "192.0.2.2") == 0
    assert guesses(it, 0, "192.0.2.3") == 0
    assert guesses(it, 0, "192.0.2.1") == 15, "it guessed longest ago"
