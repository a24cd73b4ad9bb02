"""From what was seen of a tunnel with a session to a verdict on what it carries."""

from dataclasses import replace
from typing import Any

import pytest

from glasstunnel.diagnose.causes import Confidence
from glasstunnel.diagnose.finding import Fact
from glasstunnel.diagnose.tunnel.causes import Cause
from glasstunnel.diagnose.tunnel.evidence import (
    Evidence,
    Filtered,
    Got,
    Interface,
    Kind,
    Local,
    Reply,
    Search,
    Target,
    Way,
)
from glasstunnel.diagnose.tunnel.judge import reach_verdict
from tests.diagnose.tunnel_seen import (
    CABLE,
    ENDPOINT,
    INNER,
    KEY,
    NAME,
    OTHER,
    OURS,
    OUT,
    echo,
    evidence,
    peer,
    standing,
)

CERTAIN, LIKELY, POSSIBLE = Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE
RULE = "inet f c handle 7"


def judged(seen: Evidence) -> tuple[Cause, Confidence, list[str]]:
    found = reach_verdict(seen).finding
    return found.cause, found.confidence, [fact.code for fact in found.facts]


def fact_of(seen: Evidence, code: str) -> Fact:
    return next(fact for fact in reach_verdict(seen).finding.facts if fact.code == code)


# Routes


def test_the_reverse_path_filter_is_at_fault_only_for_a_prefix_whose_answers_go_into_the_tunnel() -> None:
    """ip-sysctl: it drops what comes by another way than answers would go; that is its purpose for others."""
    arrival = Way(OURS, source=INNER, comes_in=NAME, error="EXDEV", prefix=f"{INNER}/32")
    seen = evidence(standing(arrivals=[arrival]))
    assert judged(seen) == (Cause.REVERSE_PATH_FILTER, CERTAIN, ["arrival-filtered"])
    elsewhere = standing(arrivals=[arrival], ways=[Way(INNER, interface=CABLE, prefix=f"{INNER}/32")])
    assert judged(evidence(elsewhere))[0] is Cause.NOT_ROUTED


def test_allowed_ips_that_no_route_leads_into_the_tunnel_are_told_with_where_they_go() -> None:
    ways = [
        Way(INNER, interface=NAME, prefix=f"{INNER}/32"),
        Way("10.8.0.1", interface=CABLE, prefix="10.8.0.0/24"),
        Way("10.7.0.1", error="ENETUNREACH", prefix="10.7.0.0/24"),
    ]
    seen = evidence(standing(ways=ways))
    assert judged(seen) == (Cause.NOT_ROUTED, CERTAIN, ["not-routed", "not-routed"])
    assert [fact.values["interface"] for fact in reach_verdict(seen).finding.facts] == [CABLE, "ENETUNREACH"]


def test_a_local_network_goes_rightly_around_a_tunnel_that_takes_everything_else() -> None:
    local = Way("192.0.2.1", interface=CABLE, prefix="192.0.0.0/16")
    assert judged(evidence(standing(ways=[local])))[0] is Cause.ALL_WELL


def test_routes_of_an_interface_that_is_down_accuse_nothing_but_that() -> None:
    """The kernel takes them away with it."""
    gone = standing(ways=[Way(INNER, error="ENETUNREACH", prefix=f"{INNER}/32")])
    verdict = reach_verdict(evidence(gone, interface=Interface(up=False)))
    assert (verdict.cause, verdict.also) == (Cause.INTERFACE_DOWN, ())


# Cryptokey routing


def test_a_source_outside_the_peers_allowed_ips_is_the_fault_if_it_came_now_or_nothing_answers() -> None:
    now = standing(dropped={"wrong_source": 2})
    assert judged(evidence(now)) == (Cause.ALLOWED_IPS_MISSING, CERTAIN, ["wrong-source"])
    old: dict[str, Any] = {"dropped": {"wrong_source": 2}, "dropped_before": {"wrong_source": 2}}
    assert judged(evidence(standing(**old, echoes=[echo(Got.SILENCE)])))[0] is Cause.ALLOWED_IPS_MISSING
    assert judged(evidence(standing(**old)))[0] is Cause.ALL_WELL


# Small packets


def test_silence_inside_is_told_with_whether_the_peer_has_opened_anything() -> None:
    """WP §6.5: who has got something and says nothing for ten seconds sends a keepalive."""
    silent = [echo(Got.SILENCE)]
    assert judged(evidence(standing(echoes=silent, keepalive_came=True))) == (
        Cause.NO_DATA,
        LIKELY,
        ["no-answer", "opened-there"],
    )
    assert judged(evidence(standing(echoes=silent))) == (
        Cause.NO_DATA,
        POSSIBLE,
        ["no-answer", "not-opened-there"],
    )


def test_one_address_that_answers_is_enough() -> None:
    both = [echo(Got.SILENCE, "10.9.0.3"), echo()]
    assert judged(evidence(standing(echoes=both)))[:2] == (Cause.ALL_WELL, CERTAIN)


@pytest.mark.parametrize(
    ("got", "rules", "confidence", "codes"),
    [
        (Got.SILENCE, [Filtered("input", "inner", RULE)], CERTAIN, ["no-answer", "filtered"]),
        (Got.SILENCE, [Filtered("input", "inner", RULE, False)], LIKELY, ["no-answer", "filtered-maybe"]),
        (Got.PROHIBITED, [], CERTAIN, ["no-answer"]),
        (Got.NOT_PERMITTED, [], CERTAIN, ["no-answer"]),
        (
            Got.NOT_PERMITTED,
            [Filtered("output", "inner", RULE, False)],
            LIKELY,
            ["no-answer", "filtered-maybe"],
        ),
    ],
)
def test_a_filter_that_drops_what_is_inside_is_the_fault(
    got: Got, rules: list[Filtered], confidence: Confidence, codes: list[str]
) -> None:
    seen = evidence(standing(echoes=[echo(got)]), filtered=rules)
    assert judged(seen) == (Cause.FIREWALL, confidence, codes)
    assert judged(evidence(standing(), filtered=rules))[0] is Cause.ALL_WELL  # an answer outweighs it


# Large packets


def test_a_size_that_is_lost_is_told_with_the_largest_that_passes_which_is_the_right_mtu() -> None:
    searches = [Search(INNER, False, 1232, 1233)]
    seen = evidence(standing(searches=searches))
    assert judged(seen) == (Cause.LARGE_PACKETS_LOST, CERTAIN, ["large-lost", "mtu-hole", "right-mtu"])
    assert fact_of(seen, "right-mtu").values == {"mtu": "1232", "now": "1420"}
    assert fact_of(seen, "large-lost").values == {"address": INNER, "largest": "1232", "lost": "1233"}


def test_a_router_that_says_what_the_path_takes_and_the_path_outside_are_evidence() -> None:
    searches = [Search(INNER, False, 1232, 1233, 1300), Search("198.51.100.2", True, 1300, 1301)]
    seen = evidence(standing(searches=searches))
    assert judged(seen)[2] == ["large-lost", "mtu-reported", "outside-path", "right-mtu"]
    assert fact_of(seen, "mtu-reported").values == {"size": "1300"}


def test_a_tunnel_that_takes_its_whole_mtu_has_no_fault_whatever_was_searched_outside() -> None:
    searches = [Search(INNER, False, 1420, 0), Search("198.51.100.2", True, 1300, 1301)]
    assert judged(evidence(standing(searches=searches)))[2] == ["handshake", "answers", "largest-passes"]


# An address behind the peer


def beyond(got: Got, hop: Got | None = None) -> Target:
    """An address to which the kernel goes through the tunnel."""
    one_hop = None if hop is None else Reply(OUT, 64, hop, INNER)
    return Target(OUT, Way(OUT, interface=NAME), answered=Reply(OUT, 64, got, ms=3.5), one_hop=one_hop)


WHOLE: dict[str, Any] = {"allowed_ips": (f"{INNER}/32", "203.0.113.0/24")}


def test_an_answer_from_behind_the_peer_is_well_and_told() -> None:
    seen = evidence(standing(**WHOLE, echoes=[]), target=beyond(Got.ANSWER))
    assert judged(seen) == (Cause.ALL_WELL, POSSIBLE, ["handshake", "answers"])
    assert fact_of(seen, "answers").values == {"address": OUT, "ms": "3.5"}


def test_an_address_in_nobodys_allowed_ips_has_no_peer_to_go_to() -> None:
    seen = evidence(standing(), target=beyond(Got.HOST_UNREACHABLE))
    assert judged(seen) == (Cause.ALLOWED_IPS_MISSING, CERTAIN, ["no-answer", "not-allowed"])


@pytest.mark.parametrize(
    ("target", "cause", "confidence", "codes"),
    [
        (beyond(Got.PROHIBITED), Cause.FIREWALL, CERTAIN, ["no-answer"]),
        (
            beyond(Got.SILENCE, Got.TIME_EXCEEDED),
            Cause.NO_MASQUERADE,
            POSSIBLE,
            ["no-answer", "hop-says", "no-way-back"],
        ),
        (beyond(Got.SILENCE, Got.SILENCE), Cause.FORWARDING_OFF, LIKELY, ["no-answer", "hop-silent"]),
        (beyond(Got.SILENCE), Cause.FORWARDING_OFF, LIKELY, ["no-answer", "hop-silent"]),
    ],
)
def test_a_peer_that_answers_itself_and_forwards_says_so_of_a_packet_of_one_hop(
    target: Target, cause: Cause, confidence: Confidence, codes: list[str]
) -> None:
    """RFC 1812 §5.3.1: a router that would forward sends time exceeded, a host that does not is silent."""
    assert judged(evidence(standing(**WHOLE), target=target)) == (cause, confidence, codes)


def test_behind_a_peer_that_does_not_answer_itself_nothing_is_said_that_is_not_known() -> None:
    unknown = evidence(standing(**WHOLE, echoes=[]), target=beyond(Got.SILENCE))
    assert judged(unknown) == (Cause.NO_DATA, POSSIBLE, ["no-answer"])
    verdict = reach_verdict(
        evidence(standing(**WHOLE, echoes=[echo(Got.SILENCE)]), target=beyond(Got.SILENCE))
    )
    assert (verdict.cause, verdict.also) == (Cause.NO_DATA, ())  # the peer's own silence, told once


# An address out of the tunnel, by this machine


def onward(**facts: Any) -> Target:
    """An address to which peers come by this machine."""
    known: dict[str, Any] = {
        "way": Way(OUT, interface=CABLE),
        "forwarded": [Way(OUT, source=INNER, comes_in=NAME, interface=CABLE)],
        "source": INNER,
        "translated": True,
        "private": True,
        "answered": Reply(OUT, 64, Got.SILENCE),
    }
    return Target(OUT, **{**known, **facts})


def test_packets_that_would_be_forwarded_and_translated_are_well() -> None:
    assert judged(evidence(standing(), target=onward()))[2] == ["handshake", "answers", "forwards"]
    here = onward(answered=Reply(OUT, 64, Got.ANSWER, ms=2.0))
    assert judged(evidence(standing(), target=here))[2] == ["handshake", "answers", "answers", "forwards"]


def test_a_source_that_is_not_private_needs_no_translation_but_a_way_back() -> None:
    seen = evidence(standing(), target=onward(translated=False, private=False))
    assert judged(seen)[0] is Cause.ALL_WELL
    assert judged(seen)[2][-1] == "must-know-way-back"


def test_a_private_source_that_nothing_translates_is_likely_lost_and_unknown_rules_accuse_nothing() -> None:
    seen = evidence(standing(), target=onward(translated=False))
    assert judged(seen) == (Cause.NO_MASQUERADE, LIKELY, ["untranslated"])
    assert judged(evidence(standing(), target=onward(translated=None)))[0] is Cause.ALL_WELL


@pytest.mark.parametrize("error", ["EXDEV", "EHOSTUNREACH"])
def test_what_the_kernel_refuses_to_forward_is_certain(error: str) -> None:
    """EXDEV is the reverse path filter, EHOSTUNREACH an interface that does not forward."""
    cause, code = {
        "EXDEV": (Cause.REVERSE_PATH_FILTER, "arrival-filtered"),
        "EHOSTUNREACH": (Cause.FORWARDING_OFF, "not-forwarded"),
    }[error]
    refused = [
        Way(OUT, source=OURS, comes_in=NAME, interface=CABLE),
        Way(OUT, source=INNER, comes_in=NAME, error=error),
    ]
    assert judged(evidence(standing(), target=onward(forwarded=refused))) == (cause, CERTAIN, [code])


def test_forwarding_is_asked_of_the_version_of_the_address() -> None:
    only_six = Local(forwarding={4: False, 6: True})
    assert judged(evidence(standing(), local=only_six, target=onward())) == (
        Cause.FORWARDING_OFF,
        CERTAIN,
        ["forwarding-off"],
    )
    six = replace(onward(), address="2001:db8::7")
    assert judged(evidence(standing(), local=only_six, target=six))[0] is Cause.ALL_WELL
    only_four = Local(forwarding={4: True, 6: False})
    seen = evidence(standing(), local=only_four, target=six)
    assert fact_of(seen, "forwarding-off").values == {"version": "6"}


@pytest.mark.parametrize(
    ("sure", "confidence", "code"), [(True, CERTAIN, "filtered"), (False, POSSIBLE, "filtered-maybe")]
)
def test_a_rule_that_drops_what_is_forwarded_is_the_fault(
    sure: bool, confidence: Confidence, code: str
) -> None:
    rules = [Filtered("input", "inner", "other"), Filtered("forward", "through", RULE, sure)]
    seen = evidence(standing(), filtered=rules, target=onward())
    assert judged(seen) == (Cause.FIREWALL, confidence, [code])
    assert fact_of(seen, code).values["rule"] == RULE


def test_without_a_route_or_a_peer_to_come_from_nothing_can_be_forwarded() -> None:
    nowhere = onward(way=Way(OUT, error="ENETUNREACH"))
    assert judged(evidence(standing(), target=nowhere)) == (Cause.NO_ROUTE, CERTAIN, ["no-way"])
    nobody = onward(forwarded=[])
    assert judged(evidence(standing(), target=nobody)) == (
        Cause.ALLOWED_IPS_MISSING,
        CERTAIN,
        ["outside-tunnel"],
    )


def test_a_target_of_a_configuration_that_is_not_up_is_no_evidence_of_a_tunnel() -> None:
    seen = evidence(peer(), kind=Kind.FILE, target=onward())
    assert judged(seen) == (Cause.NOT_UP, CERTAIN, ["not-up"])


def test_each_peer_has_its_own_finding() -> None:
    dumb = standing(key=OTHER, echoes=[echo(Got.SILENCE, "10.9.0.3")])
    verdict = reach_verdict(evidence(peer(), standing(), dumb))
    assert (verdict.cause, verdict.finding.peer) == (Cause.SILENT, KEY)
    assert [(one.cause, one.peer) for one in verdict.also] == [(Cause.NO_DATA, OTHER)]
    assert verdict.finding.facts[0].values["endpoint"] == ENDPOINT
