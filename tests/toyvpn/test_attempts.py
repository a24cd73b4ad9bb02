"""Fifteen handshakes at once from one source, then one a second."""

import pytest

from glasstunnel.toyvpn import attempts
from glasstunnel.toyvpn.attempts import Attempts


def allowed(it: Attempts, now: float, host: str, tries: int) -> int:
    return sum(it.allow(now, host) for _ in range(tries))


def test_five_starts_of_the_samples_client_pass_at_once_and_then_one_handshake_a_second() -> None:
    it = Attempts()
    assert allowed(it, 0, "192.0.2.1", 100) == 15
    assert allowed(it, 0.9, "192.0.2.1", 100) == 0
    assert allowed(it, 3, "192.0.2.1", 100) == 3
    assert allowed(it, 100, "192.0.2.1", 100) == 15


def test_sources_do_not_pay_for_each_other() -> None:
    it = Attempts()
    assert [allowed(it, 0, f"192.0.2.{host}", 20) for host in range(4)] == [15] * 4


def test_all_of_an_ipv6_network_is_one_source() -> None:
    it = Attempts()
    assert allowed(it, 0, "2001:db8::1", 10) == 10
    assert allowed(it, 0, "2001:db8::2%eth0", 10) == 5
    assert allowed(it, 0, "2001:db8:0:1::1", 10) == 10


def test_so_many_sources_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MAX_SOURCES", 2)
    it = Attempts()
    assert [it.allow(0, f"192.0.2.{host}") for host in range(3)] == [True, True, False]
    assert it.allow(16, "192.0.2.3"), "the others' buckets are full again"
