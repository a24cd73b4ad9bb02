"""What is told: in words of the reader, without the libraries' own."""

import pytest

from glasstunnel.diagnose.causes import Cause, Confidence
from glasstunnel.diagnose.finding import Finding, fact
from glasstunnel.diagnose.story import dated, explained, marked, named, told


@pytest.mark.parametrize(
    ("offset", "lasting"),
    [
        ("+25919999", "300 days fast"),
        ("-172800", "2 days slow"),
        ("-172799", "48 hours slow"),
        ("+7200", "2 hours fast"),
        ("+3600", "60 minutes fast"),
        ("-301", "5 minutes slow"),
        ("+90", "90 seconds fast"),
    ],
)
def test_a_clock_is_fast_or_slow_by_days_hours_minutes_or_seconds(offset: str, lasting: str) -> None:
    sentence = told(fact("clocks", offset=offset, server="2026-02-01T12:00:00+00:00"), str)
    assert sentence == f"this clock is {lasting}: the server says 2026-02-01 12:00:00 UTC"


def test_a_time_that_is_none_stays_as_it_is() -> None:
    assert dated("soon") == "soon"


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("certificate has expired", "the certificate has expired"),
        ("Hostname mismatch, certificate is not valid for 'a'.", "the certificate is for other names"),
        ("wrong version number", "what answers does not speak TLS"),
        ("something new", "something new"),
        ("", ""),
    ],
)
def test_what_a_library_says_is_put_into_words(words: str, meaning: str) -> None:
    assert explained(words, str) == meaning


def test_a_detail_that_is_not_there_leaves_no_colon() -> None:
    sentence = told(fact("no-reply", url="https://a/", via="1.1.1.1", outcome="reset", detail=""), str)
    assert sentence == "https://a/ by 1.1.1.1: connection reset"


def test_a_mark_says_whose_the_address_is_where_that_is_known() -> None:
    assert marked("known forgery, Facebook", str) == "known forgery, Facebook's"
    assert marked("private", str) == "private"


def test_answers_are_told_with_who_gave_them() -> None:
    answers = (
        "31.13.94.37 (known forgery, Facebook) <- system, hosts, 1.1.1.1 udp; no such name <- 9.9.9.9 tls"
    )
    assert told(fact("answers", host="a", answers=answers), str) == (
        "what was answered for a: 31.13.94.37 (known forgery, Facebook's) <- this system, /etc/hosts, "
        "1.1.1.1 udp; no such name <- 9.9.9.9 tls"
    )


@pytest.mark.parametrize(("role", "part"), [("blob", "where the layers are"), ("redirect", "leads one on")])
def test_a_host_behind_the_registry_is_named_by_what_it_is_for(role: str, part: str) -> None:
    finding = Finding(Cause.BLOB_HOST, Confidence.CERTAIN, (), "h", role, Cause.BLOCKED_ADDRESS)
    assert part in named(finding, str)
    assert named(finding, str).endswith(
        " (the path to the addresses of h is blocked, whatever name is asked for)"
    )
