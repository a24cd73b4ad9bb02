"""The paper's constants, WP §6.1, and the kernel's where the paper has none."""

from dataclasses import replace

import pytest

from glasstunnel.wireguard.parameters import PARAMETERS, Parameters


def test_the_default_values_are_those_of_the_papers_table() -> None:
    assert PARAMETERS.rekey_after_messages == 2**60
    assert PARAMETERS.reject_after_messages == 2**64 - 2**13 - 1
    assert PARAMETERS.rekey_after_time == 120
    assert PARAMETERS.reject_after_time == 180
    assert PARAMETERS.rekey_attempt_time == 90
    assert PARAMETERS.rekey_timeout == 5
    assert PARAMETERS.keepalive_timeout == 10


def test_what_the_paper_leaves_open_is_the_kernels() -> None:
    assert PARAMETERS.rekey_jitter == pytest.approx(0.333, abs=0.001)
    assert PARAMETERS.initiations_per_second == 50
    assert PARAMETERS.max_staged_packets == 128
    assert PARAMETERS.max_queued_handshakes == 4096
    assert PARAMETERS.cookie_secret_max_age == 120
    assert PARAMETERS.cookie_secret_latency == 5


def test_times_that_follow_from_others_are_the_papers() -> None:
    assert PARAMETERS.max_retries == 18
    assert PARAMETERS.last_minute == 165
    assert PARAMETERS.new_handshake_timeout == 15
    assert PARAMETERS.erase_time == 540
    assert PARAMETERS.under_load == 512
    assert PARAMETERS.cookie_lifetime == 115


def test_times_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(
        ValueError, match="rekey_after_time: expected a time above 0 and below reject_after_time"
    ):
        Parameters(rekey_after_time=200)
    with pytest.raises(ValueError, match="rekey_after_messages: expected at most reject_after_messages"):
        Parameters(rekey_after_messages=11, reject_after_messages=10)
    with pytest.raises(ValueError, match="reject_after_time: expected more than keepalive_timeout"):
        Parameters(rekey_after_time=1, reject_after_time=15)


def test_a_queue_in_which_no_load_could_be_seen_is_refused() -> None:
    with pytest.raises(ValueError, match="max_queued_handshakes: expected at least 8"):
        Parameters(max_queued_handshakes=7)


@pytest.mark.parametrize("name", ["rekey_timeout", "initiations_per_second", "max_staged_packets"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected more than 0"):
        replace(PARAMETERS, **{name: 0})
