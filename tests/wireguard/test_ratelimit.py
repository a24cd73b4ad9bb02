"""The token bucket of a source: 20 a second, 5 at once, WP §5.3; kernel ratelimiter.c and its self-test."""

from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard.ratelimit import MAX_ENTRIES, RateLimiter

SOURCE = parse_address("192.0.2.1")


def test_five_pass_at_once_and_the_sixth_does_not() -> None:
    limiter = RateLimiter()
    assert [limiter.allow(7.0, SOURCE) for _ in range(7)] == [True] * 5 + [False] * 2


def test_afterwards_twenty_pass_in_a_second() -> None:
    limiter = RateLimiter()
    for _ in range(5):
        limiter.allow(0, SOURCE)
    assert sum(limiter.allow(n / 1024, SOURCE) for n in range(1025)) == 20
    assert sum(limiter.allow(1 + n / 1024, SOURCE) for n in range(1, 10241)) == 200


def test_a_pause_fills_the_bucket_to_five_and_no_further() -> None:
    limiter = RateLimiter()
    for now in (0.0, 0.25, 1.2, 1000.0):
        assert [limiter.allow(now, SOURCE) for _ in range(6)] == [True] * 5 + [False]


def test_every_ipv4_address_has_a_bucket_of_its_own() -> None:
    limiter = RateLimiter()
    for last in range(200):
        source = parse_address(f"192.0.2.{last}")
        assert [limiter.allow(0, source) for _ in range(6)] == [True] * 5 + [False]


def test_all_ipv6_addresses_of_a_64_share_a_bucket() -> None:
    limiter = RateLimiter()
    same = [parse_address(f"2001:db8:0:1::{last:x}") for last in range(6)]
    assert [limiter.allow(0, source) for source in same] == [True] * 5 + [False]
    assert limiter.allow(0, parse_address("2001:db8:0:2::1"))
    assert limiter.allow(0, parse_address("32.1.13.184"))  # the first bytes of 2001:db8::, but IPv4


def test_a_source_is_forgotten_when_it_was_silent_for_more_than_a_second() -> None:
    limiter = RateLimiter()
    for last in range(100):
        limiter.allow(last / 100, parse_address(f"198.51.100.{last}"))
    assert len(limiter) == 100
    limiter.allow(1.5, SOURCE)
    assert len(limiter) == 1 + 50
    limiter.allow(100, SOURCE)
    assert len(limiter) == 1


def test_the_table_is_bounded_and_refuses_new_sources_until_old_ones_are_forgotten() -> None:
    limiter = RateLimiter()
    for n in range(MAX_ENTRIES):
        assert limiter.allow(0, n.to_bytes(4))
    assert not limiter.allow(0.5, bytes([255] * 4))
    assert limiter.allow(0.5, bytes(4)), "a known source passes still"
    assert len(limiter) == MAX_ENTRIES == 65536
    assert limiter.allow(1.2, bytes([255] * 4))
    assert len(limiter) == 2


@given(st.lists(st.floats(0, 0.2), max_size=300))
def test_no_pattern_gets_more_than_the_burst_and_the_rate(pauses: list[float]) -> None:
    limiter, now, passed = RateLimiter(), 0.0, 0
    for pause in pauses:
        now += pause
        passed += limiter.allow(now, SOURCE)
    assert passed <= 5 + 20 * now + 1e-6
