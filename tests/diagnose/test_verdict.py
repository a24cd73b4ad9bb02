"""From evidence to the one cause, and how sure it is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from glasstunnel.diagnose.causes import CLASSES, Cause, Confidence, exit_status
from glasstunnel.diagnose.evidence import Certificate, Evidence, Handshake, Host, Lookup, Outcome
from glasstunnel.diagnose.finding import Verdict
from glasstunnel.diagnose.machine import Proxies
from glasstunnel.diagnose.registry import Choice
from glasstunnel.diagnose.story import named
from glasstunnel.diagnose.verdict import reach_verdict
from tests.diagnose.seen import (
    AUTH,
    BLOB,
    BLOBS,
    FORGED,
    HOME,
    INNOCENT,
    MANIFEST,
    NOW,
    OTHER,
    REGISTRY,
    RESOLVER,
    RIGHT,
    asked,
    certificate,
    evidence,
    host,
    reply,
    system,
    tls,
)

WELL = [
    reply("/v2/", 401),
    reply(MANIFEST),
    reply(BLOB, 307),
]
TOKEN = host(replies=[reply("/token", on=AUTH)], role="token")
BLOB_HOST = host(replies=[reply("/x", 206, on=BLOBS, size=65536)], role="blob")
TRUE = asked(RESOLVER, "tls", RIGHT)
RESET, SILENT = Outcome.RESET, Outcome.TIMEOUT
PROXY = "http://192.168.77.80:8888"


def judged(*hosts: Host, reachable: bool = True, **facts: object) -> Verdict:
    return reach_verdict(evidence(*hosts, reachable=reachable, **facts))


def said(verdict: Verdict) -> tuple[Cause, Confidence]:
    return verdict.cause, verdict.finding.confidence


def codes(verdict: Verdict) -> list[str]:
    return [fact.code for fact in verdict.finding.facts]


# All well, and what comes after TLS


def test_all_is_well_when_the_first_bytes_of_a_layer_came() -> None:
    verdict = judged(host(replies=WELL), TOKEN, BLOB_HOST)
    assert said(verdict) == (Cause.ALL_WELL, Confidence.CERTAIN)
    assert verdict.exit_status == 0
    assert verdict.also == ()


def test_a_registry_may_keep_its_layers_itself() -> None:
    assert judged(host(replies=[*WELL[:2], reply(BLOB)])).cause is Cause.ALL_WELL


def test_how_many_pulls_are_left_is_told_where_the_registry_says_it() -> None:
    left = reply(MANIFEST, headers={"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "7;w=21600"})
    verdict = judged(host(replies=[WELL[0], left, reply(BLOB)]))
    assert codes(verdict) == ["first-bytes", "reply"]
    assert verdict.finding.facts[1].values["limits"] == (
        "ratelimit-limit: 100;w=21600, ratelimit-remaining: 7;w=21600"
    )


def test_without_the_first_bytes_nobody_says_that_all_is_well() -> None:
    verdict = judged(host(replies=WELL[:1]))
    assert said(verdict) == (Cause.REGISTRY_FAILS, Confidence.POSSIBLE)
    assert codes(verdict) == ["incomplete"]


@pytest.mark.parametrize(
    ("status", "path", "cause"),
    [
        (429, MANIFEST, Cause.RATE_LIMIT),
        (429, "/v2/", Cause.RATE_LIMIT),
        (401, MANIFEST, Cause.IMAGE_OR_PERMISSION),
        (403, MANIFEST, Cause.IMAGE_OR_PERMISSION),
        (404, MANIFEST, Cause.IMAGE_OR_PERMISSION),
        (404, "/v2/", Cause.REGISTRY_FAILS),
        (503, "/v2/", Cause.REGISTRY_FAILS),
        (500, MANIFEST, Cause.REGISTRY_FAILS),
        (403, BLOB, Cause.REGISTRY_FAILS),
    ],
)
def test_what_a_registry_answers_is_told_from_faults_of_the_network(
    status: int, path: str, cause: Cause
) -> None:
    verdict = judged(host(replies=[reply(path, status, headers={"retry-after": "9"}, errors=("X",))]))
    assert verdict.cause is cause
    assert verdict.finding.facts[0].values["limits"] == "retry-after: 9"
    assert verdict.finding.facts[0].values["errors"] == "X"


def test_a_registry_that_breaks_off_below_http_fails() -> None:
    verdict = judged(host(replies=[reply("/v2/", 0, outcome=RESET)]))
    assert said(verdict) == (Cause.REGISTRY_FAILS, Confidence.POSSIBLE)
    assert codes(verdict) == ["no-reply"]


# Names

CROSS_RIGHT = [tls(RIGHT), tls(FORGED, RESET), tls(FORGED, RESET, INNOCENT)]


@pytest.mark.parametrize(
    ("name", "told", "connections", "handshakes", "cause", "sure"),
    [
        (
            "the forged address resets whatever name it hears",
            [system(FORGED), asked(HOME, "udp", FORGED, public=False), TRUE],
            {FORGED: Outcome.OK, RIGHT: Outcome.OK},
            CROSS_RIGHT,
            Cause.POISONED_RESOLVER,
            Confidence.CERTAIN,
        ),
        (
            "the forged address is silent",
            [system(FORGED), TRUE],
            {FORGED: SILENT, RIGHT: Outcome.OK},
            [tls(RIGHT)],
            Cause.POISONED_RESOLVER,
            Confidence.CERTAIN,
        ),
        (
            "an address that says nothing of itself does not work where the resolver's does",
            [system("44.1.1.1"), TRUE],
            {"44.1.1.1": SILENT, RIGHT: Outcome.OK},
            [tls(RIGHT)],
            Cause.POISONED_RESOLVER,
            Confidence.LIKELY,
        ),
        (
            "another site lives there",
            [system("44.1.1.1"), TRUE],
            {"44.1.1.1": Outcome.OK, RIGHT: Outcome.OK},
            [tls("44.1.1.1", Outcome.UNTRUSTED, code=62), tls(RIGHT)],
            Cause.POISONED_RESOLVER,
            Confidence.CERTAIN,
        ),
        (
            "the line in the hosts file is old",
            [
                Lookup("hosts", "file", "any", Outcome.OK, system("44.1.1.1").records),
                system("44.1.1.1"),
                TRUE,
            ],
            {"44.1.1.1": Outcome.REFUSED, RIGHT: Outcome.OK},
            [tls(RIGHT)],
            Cause.STALE_HOSTS,
            Confidence.CERTAIN,
        ),
        (
            "the resolver says that there is no such name",
            [system(), TRUE],
            {RIGHT: Outcome.OK},
            [tls(RIGHT)],
            Cause.POISONED_RESOLVER,
            Confidence.CERTAIN,
        ),
        (
            "the resolver does not answer",
            [system(outcome=SILENT), TRUE],
            {RIGHT: Outcome.OK},
            [tls(RIGHT)],
            Cause.RESOLVER_FAILS,
            Confidence.CERTAIN,
        ),
        (
            "nobody knows the name",
            [system(), asked(RESOLVER, "tls")],
            {},
            [],
            Cause.IMAGE_OR_PERMISSION,
            Confidence.LIKELY,
        ),
        (
            "every address fails, and the system's is another site's",
            [system("44.1.1.1")],
            {"44.1.1.1": Outcome.OK},
            [tls("44.1.1.1", Outcome.UNTRUSTED, code=62)],
            Cause.POISONED_RESOLVER,
            Confidence.LIKELY,
        ),
    ],
)
def test_a_wrong_name_is_told_from_a_bad_path(
    name: str,
    told: Sequence[Lookup],
    connections: dict[str, Outcome],
    handshakes: Sequence[Handshake],
    cause: Cause,
    sure: Confidence,
) -> None:
    verdict = judged(host(told, connections, handshakes))
    assert said(verdict) == (cause, sure), name
    assert verdict.kind in ("names", "registry")


def test_two_answers_to_one_question_are_evidence_and_told_once() -> None:
    lookups = [
        system(FORGED),
        asked("8.8.8.8", "udp", FORGED, later=[[RIGHT]]),
        asked(RESOLVER, "udp", FORGED, later=[[RIGHT], []]),
        TRUE,
    ]
    verdict = judged(host(lookups, {FORGED: SILENT, RIGHT: Outcome.OK}, [tls(RIGHT)]))
    two = [fact.values for fact in verdict.finding.facts if fact.code == "two-answers"]
    assert two == [{"resolvers": f"8.8.8.8, {RESOLVER}", "first": FORGED, "second": RIGHT}]


def test_answers_are_told_each_once_with_all_who_gave_it() -> None:
    lookups = [
        system(FORGED),
        asked(RESOLVER, "udp", FORGED),
        TRUE,
        asked(RESOLVER, "https", RIGHT),
        asked("9.9.9.9", "tls"),
    ]
    verdict = judged(host(lookups, {FORGED: SILENT, RIGHT: Outcome.OK}, [tls(RIGHT)]))
    assert verdict.finding.facts[0].values["answers"] == (
        f"{FORGED} (known forgery, Facebook) <- system, {RESOLVER} udp; {RIGHT} <- {RESOLVER} tls https; "
        "no such name <- 9.9.9.9 tls"
    )


def test_a_forged_name_before_a_name_based_reset_is_told_first_and_the_reset_behind_it() -> None:
    cross = [
        tls(RIGHT, RESET),
        tls(RIGHT, Outcome.OK, INNOCENT),
        tls(FORGED, RESET),
        tls(FORGED, RESET, INNOCENT),
    ]
    verdict = judged(host([system(FORGED), TRUE], {FORGED: Outcome.OK, RIGHT: Outcome.OK}, cross))
    assert verdict.cause is Cause.POISONED_RESOLVER
    assert [other.cause for other in verdict.also] == [Cause.NAME_BASED_RESET]


def test_an_address_that_many_resolvers_name_is_told_of_once() -> None:
    cross = [tls(RIGHT, RESET), tls(RIGHT, Outcome.OK, INNOCENT)]
    same = [TRUE, asked("8.8.8.8", "tls", RIGHT), asked("9.9.9.9", "https", RIGHT)]
    for told in (system(FORGED), system()):
        (behind,) = judged(host([told, *same], {RIGHT: Outcome.OK}, cross)).also
        codes = [item.code for item in behind.facts]
        assert codes == ["tcp-connects", "tls-fails", "innocent-works"]


def test_an_unmarked_wrong_address_is_doubted_where_only_the_others_speak() -> None:
    wrong = "44.1.1.1"
    cross = [
        tls(RIGHT, RESET),
        tls(RIGHT, Outcome.OK, INNOCENT),
        tls(wrong, RESET),
        tls(wrong, RESET, INNOCENT),
    ]
    verdict = judged(host([system(wrong), TRUE], {wrong: Outcome.OK, RIGHT: Outcome.OK}, cross))
    assert said(verdict) == (Cause.POISONED_RESOLVER, Confidence.LIKELY)


def test_other_addresses_alone_are_no_doubt() -> None:
    """Answers of a large host differ from place to place."""
    cross = [
        tls(OTHER, RESET),
        tls(OTHER, Outcome.OK, INNOCENT),
        tls(RIGHT, RESET),
        tls(RIGHT, RESET, INNOCENT),
    ]
    verdict = judged(host([system(OTHER), TRUE], {OTHER: Outcome.OK, RIGHT: Outcome.OK}, cross))
    assert said(verdict) == (Cause.NAME_BASED_RESET, Confidence.CERTAIN)


def test_a_name_that_is_denied_hides_the_path_behind_it() -> None:
    cross = [tls(RIGHT, RESET), tls(RIGHT, Outcome.OK, INNOCENT)]
    verdict = judged(host([system(), TRUE], {RIGHT: Outcome.OK}, cross))
    assert said(verdict) == (Cause.POISONED_RESOLVER, Confidence.LIKELY)
    assert [other.cause for other in verdict.also] == [Cause.NAME_BASED_RESET]


# The path


@pytest.mark.parametrize(
    ("cut", "innocent", "cause", "sure"),
    [
        (tls(RIGHT, RESET), Outcome.OK, Cause.NAME_BASED_RESET, Confidence.CERTAIN),
        (tls(RIGHT, RESET), Outcome.ALERT, Cause.NAME_BASED_RESET, Confidence.CERTAIN),
        (tls(RIGHT, SILENT), Outcome.OK, Cause.NAME_BASED_RESET, Confidence.CERTAIN),
        (tls(RIGHT, Outcome.CLOSED), Outcome.OK, Cause.NAME_BASED_RESET, Confidence.CERTAIN),
        (tls(RIGHT, RESET), RESET, Cause.BLOCKED_ADDRESS, Confidence.POSSIBLE),
        (tls(RIGHT, SILENT), SILENT, Cause.BLOCKED_ADDRESS, Confidence.LIKELY),
        (tls(RIGHT, Outcome.GARBLED), Outcome.GARBLED, Cause.REGISTRY_FAILS, Confidence.POSSIBLE),
        (tls(RIGHT, Outcome.ALERT), Outcome.OK, Cause.REGISTRY_FAILS, Confidence.POSSIBLE),
    ],
)
def test_the_cross_test_tells_a_block_of_the_name_from_one_of_the_address(
    cut: Handshake, innocent: Outcome, cause: Cause, sure: Confidence
) -> None:
    verdict = judged(host(handshakes=[cut, tls(RIGHT, innocent, INNOCENT)]))
    assert said(verdict) == (cause, sure)
    assert codes(verdict)[:2] == ["tcp-connects", "tls-fails"]


def test_where_nothing_encrypted_was_heard_a_blocked_address_is_only_possible() -> None:
    lookups = [system(RIGHT), asked(RESOLVER, "tls", outcome=RESET)]
    verdict = judged(host(lookups, handshakes=[tls(RIGHT, RESET), tls(RIGHT, RESET, INNOCENT)]))
    assert said(verdict) == (Cause.BLOCKED_ADDRESS, Confidence.POSSIBLE)


def test_small_segments_that_pass_where_full_ones_do_not_show_that_large_packets_are_lost() -> None:
    cross = [tls(RIGHT, SILENT), tls(RIGHT, SILENT, INNOCENT), tls(RIGHT, segment=536)]
    verdict = judged(host(handshakes=cross))
    assert said(verdict) == (Cause.LARGE_PACKETS_LOST, Confidence.CERTAIN)
    assert codes(verdict)[-1] == "small-segments-work"


def test_an_address_without_a_handshake_is_not_judged_by_one() -> None:
    assert said(judged(host(handshakes=[]))) == (Cause.REGISTRY_FAILS, Confidence.POSSIBLE)


def test_one_address_of_several_that_is_cut_is_told_though_others_work() -> None:
    cross = [tls(OTHER), tls(RIGHT, RESET), tls(RIGHT, RESET, INNOCENT)]
    lookups = [system(RIGHT, OTHER), asked(RESOLVER, "tls", RIGHT, OTHER)]
    verdict = judged(host(lookups, {RIGHT: Outcome.OK, OTHER: Outcome.OK}, cross))
    assert verdict.cause is Cause.BLOCKED_ADDRESS
    assert codes(verdict)[0] == "proven"


def test_an_address_that_does_not_connect_beside_one_that_works_is_nothing_to_a_daemon() -> None:
    lookups = [system(RIGHT, OTHER), TRUE]
    seen = host(lookups, {RIGHT: Outcome.OK, OTHER: SILENT}, [tls(RIGHT)], [*WELL[:2], reply(BLOB)])
    assert judged(seen).cause is Cause.ALL_WELL
    assert codes(judged(seen)) == ["first-bytes", "goes-on-without"]
    assert judged(seen).finding.facts[1].values["failing"] == OTHER


def test_a_forged_address_that_is_dead_beside_one_that_works_is_told_with_its_mark() -> None:
    tried = {RIGHT: Outcome.OK, FORGED: SILENT}
    seen = host([system(RIGHT, FORGED), TRUE], tried, [tls(RIGHT)], [*WELL[:2], reply(BLOB)])
    assert judged(seen).finding.facts[1].values["failing"] == f"{FORGED} (known forgery, Facebook)"


@pytest.mark.parametrize(
    ("wrong", "shake", "cause"),
    [
        (FORGED, tls(FORGED, RESET), Cause.POISONED_RESOLVER),
        ("2a03:2880::1", tls("2a03:2880::1", Outcome.UNTRUSTED, code=62), Cause.POISONED_RESOLVER),
        ("2a03:2880::1", tls("2a03:2880::1", RESET), Cause.BLOCKED_ADDRESS),
        (OTHER, tls(OTHER, Outcome.UNTRUSTED, code=62), Cause.INTERCEPTING_CERTIFICATE),
    ],
    ids=("marked", "another's certificate", "neither", "of the true ones"),
)
def test_an_address_of_somebody_else_beside_one_that_works_is_a_wrong_name(
    wrong: str, shake: Handshake, cause: Cause
) -> None:
    lookups = [system(wrong, RIGHT), asked(RESOLVER, "tls", RIGHT, OTHER)]
    shakes = [shake, tls(wrong, RESET, INNOCENT), tls(RIGHT)]
    assert judged(host(lookups, {wrong: Outcome.OK, RIGHT: Outcome.OK}, shakes)).cause is cause


def test_right_addresses_that_do_not_work_where_other_right_ones_do_are_blocked() -> None:
    lookups = [system(OTHER), asked(RESOLVER, "tls", RIGHT, OTHER)]
    verdict = judged(host(lookups, {OTHER: SILENT, RIGHT: Outcome.OK}, [tls(RIGHT)]))
    assert said(verdict) == (Cause.BLOCKED_ADDRESS, Confidence.LIKELY)


# The network


@pytest.mark.parametrize(
    ("told", "connections", "reachable", "route", "cause", "sure"),
    [
        ([system(RIGHT), TRUE], {RIGHT: SILENT}, True, True, Cause.BLOCKED_ADDRESS, Confidence.LIKELY),
        ([system(RIGHT), TRUE], {RIGHT: SILENT}, False, True, Cause.BLOCKED_ADDRESS, Confidence.LIKELY),
        ([system(RIGHT)], {RIGHT: Outcome.UNREACHABLE}, False, False, Cause.NO_NETWORK, Confidence.CERTAIN),
        ([system(RIGHT)], {RIGHT: SILENT}, False, True, Cause.NO_NETWORK, Confidence.LIKELY),
        (
            [system(RIGHT), asked(HOME, "udp", RIGHT, public=False)],
            {RIGHT: SILENT},
            False,
            True,
            Cause.PROXY_NEEDED,
            Confidence.POSSIBLE,
        ),
        ([system(outcome=SILENT)], {}, False, False, Cause.NO_NETWORK, Confidence.CERTAIN),
        ([system(outcome=SILENT)], {}, False, True, Cause.NO_NETWORK, Confidence.LIKELY),
        ([system()], {}, False, True, Cause.PROXY_NEEDED, Confidence.POSSIBLE),
        ([system(outcome=SILENT)], {}, True, True, Cause.RESOLVER_FAILS, Confidence.POSSIBLE),
        (
            [system(), asked(RESOLVER, "tls", outcome=Outcome.UNTRUSTED)],
            {},
            True,
            True,
            Cause.PROXY_NEEDED,
            Confidence.LIKELY,
        ),
        ([asked(RESOLVER, "tls", outcome=SILENT)], {}, False, False, Cause.NO_NETWORK, Confidence.CERTAIN),
    ],
)
def test_how_far_the_network_lets_one_out_decides(
    told: Sequence[Lookup],
    connections: dict[str, Outcome],
    reachable: bool,
    route: bool,
    cause: Cause,
    sure: Confidence,
) -> None:
    assert said(judged(host(told, connections, []), reachable=reachable, default_route=route)) == (
        cause,
        sure,
    )


def test_without_controls_nothing_is_said_of_them() -> None:
    seen = evidence(host([system(RIGHT)], {RIGHT: SILENT}, []))
    seen.controls = []
    assert [fact.code for fact in reach_verdict(seen).finding.facts] == ["tcp-fails"]


# Certificates


def dated(seconds: float) -> dict[str, str]:
    return {"date": format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)}


@pytest.mark.parametrize(
    ("code", "headers", "cause", "sure"),
    [
        (20, {}, Cause.INTERCEPTING_CERTIFICATE, Confidence.LIKELY),
        (10, dated(NOW - 86400), Cause.WRONG_CLOCK, Confidence.CERTAIN),
        (9, dated(NOW + 86400), Cause.WRONG_CLOCK, Confidence.CERTAIN),
        (10, dated(NOW + 60), Cause.REGISTRY_FAILS, Confidence.LIKELY),
        (9, {}, Cause.WRONG_CLOCK, Confidence.LIKELY),
        (10, {}, Cause.WRONG_CLOCK, Confidence.POSSIBLE),
        (10, {"date": "yesterday"}, Cause.WRONG_CLOCK, Confidence.POSSIBLE),
    ],
)
@pytest.mark.parametrize("shown", [certificate(), None])
def test_a_certificate_that_does_not_verify_is_somebody_elses_or_the_clock_is_wrong(
    shown: Certificate | None, code: int, headers: dict[str, str], cause: Cause, sure: Confidence
) -> None:
    seen = host(
        handshakes=[tls(RIGHT, Outcome.UNTRUSTED, code=code, certificate=shown)],
        replies=[reply("/v2/", 401, headers=headers, verified=False)],
    )
    assert said(judged(seen)) == (cause, sure)


# Proxies


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (Outcome.REFUSED, Cause.PROXY_BROKEN),
        (Outcome.PROXY, Cause.PROXY_BROKEN),
        (Outcome.UNTRUSTED, Cause.INTERCEPTING_CERTIFICATE),
    ],
)
def test_a_proxy_that_leads_nowhere_is_broken_though_the_way_without_it_works(
    outcome: Outcome, cause: Cause
) -> None:
    verdict = judged(host(replies=[reply("/v2/", 0, via=PROXY, outcome=outcome)], proxy=PROXY))
    assert said(verdict) == (cause, Confidence.CERTAIN)
    assert codes(verdict) == ["proxy-fails", "direct-works"]


def test_behind_a_proxy_that_works_the_layers_without_it_do_not_matter() -> None:
    replies = [reply("/v2/", 401, via=PROXY), reply(MANIFEST, via=PROXY), reply(BLOB, 200, via=PROXY)]
    seen = host([system(outcome=SILENT)], {}, [], replies, proxy=PROXY)
    assert judged(seen, default_route=False).cause is Cause.ALL_WELL


def test_a_proxy_that_was_not_asked_is_not_blamed() -> None:
    assert codes(judged(host(proxy=PROXY))) == ["incomplete"]
    assert codes(judged(host([], {}, [], [reply("/v2/", 0, via=PROXY, outcome=RESET)], proxy=PROXY))) == [
        "proxy-fails"
    ]


def test_a_proxy_is_needed_where_nothing_else_leads_out_and_one_that_others_use_does() -> None:
    apt = Proxies("apt", "", PROXY)
    seen = host([system(RIGHT)], {RIGHT: SILENT}, [], [reply("/v2/", 401, via=PROXY)])
    verdict = judged(seen, reachable=False, elsewhere=(apt,))
    assert said(verdict) == (Cause.PROXY_NEEDED, Confidence.CERTAIN)
    assert codes(verdict)[-1] == "known-proxy-works"


def test_a_host_that_was_asked_by_a_known_proxy_only_is_not_held_to_its_layers() -> None:
    seen = host([system(RIGHT)], {RIGHT: SILENT}, [], [reply("/v2/", 401, via=PROXY)])
    token = host([], {}, [], [reply("/token", on=AUTH, via=PROXY)], role="token", name=AUTH)
    assert judged(seen, token, reachable=False).also == ()


# The other hosts


def cut_host(role: str, name: str) -> Host:
    cross = [tls(RIGHT, RESET, name), tls(RIGHT, Outcome.OK, INNOCENT)]
    return host(handshakes=cross, role=role, name=name)


@pytest.mark.parametrize(
    ("role", "name", "cause"),
    [
        ("token", AUTH, Cause.TOKEN_HOST),
        ("blob", BLOBS, Cause.BLOB_HOST),
        ("mirror", "m.cn", Cause.MIRROR_BROKEN),
    ],
)
def test_the_other_hosts_are_judged_by_the_same_layers(role: str, name: str, cause: Cause) -> None:
    verdict = judged(host(replies=[*WELL[:2], reply(BLOB)]), cut_host(role, name))
    assert said(verdict) == (cause, Confidence.CERTAIN)
    assert (verdict.finding.why, verdict.finding.host) == (Cause.NAME_BASED_RESET, name)


@pytest.mark.parametrize(
    ("role", "status", "cause"),
    [
        ("token", 503, Cause.TOKEN_HOST),
        ("token", 401, Cause.IMAGE_OR_PERMISSION),
        ("token", 429, Cause.RATE_LIMIT),
        ("token", 0, Cause.TOKEN_HOST),
        ("blob", 403, Cause.BLOB_HOST),
        ("mirror", 503, Cause.MIRROR_BROKEN),
    ],
)
def test_what_the_other_hosts_answer_counts(role: str, status: int, cause: Cause) -> None:
    outcome = Outcome.OK if status else RESET
    verdict = judged(host(replies=WELL), host(replies=[reply("/x", status, outcome=outcome)], role=role))
    assert verdict.cause is cause
    assert verdict.finding.why is None


def test_a_mirror_that_fails_is_named_though_the_daemon_falls_back() -> None:
    verdict = judged(host(replies=WELL), TOKEN, BLOB_HOST, cut_host("mirror", "m.cn"))
    assert verdict.cause is Cause.MIRROR_BROKEN
    assert codes(verdict)[-1] == "falls-back"


def test_mirrors_are_asked_before_the_hub_so_theirs_is_the_first_fault() -> None:
    verdict = judged(
        host(handshakes=[tls(RIGHT, RESET), tls(RIGHT, RESET, INNOCENT)]), cut_host("mirror", "m.cn")
    )
    assert verdict.cause is Cause.MIRROR_BROKEN
    assert [other.cause for other in verdict.also] == [Cause.BLOCKED_ADDRESS]


def test_a_mirror_that_has_not_got_the_image_is_not_broken() -> None:
    mirror = host(replies=[reply("/v2/", on="m.cn"), reply(MANIFEST, 404, on="m.cn")], role="mirror")
    assert judged(host(replies=WELL), TOKEN, BLOB_HOST, mirror).cause is Cause.ALL_WELL


def test_with_a_mirror_that_has_the_image_a_pull_goes_well_and_the_hubs_fault_is_told() -> None:
    mirror = host(replies=[reply("/v2/", on="m.cn"), reply(MANIFEST, on="m.cn")], role="mirror")
    verdict = judged(host(handshakes=[tls(RIGHT, RESET), tls(RIGHT, Outcome.OK, INNOCENT)]), mirror)
    assert said(verdict) == (Cause.ALL_WELL, Confidence.LIKELY)
    assert "the mirror" in named(verdict.finding, str)  # and nothing of bytes, which nobody has seen
    assert [other.cause for other in verdict.also] == [Cause.NAME_BASED_RESET]


def test_a_fault_of_the_machine_is_not_told_again_for_each_host() -> None:
    lookups = [system(outcome=SILENT), TRUE]
    seen = [host(lookups, replies=WELL), host(lookups, role="token"), host(lookups, role="blob")]
    verdict = judged(*seen)
    assert verdict.cause is Cause.RESOLVER_FAILS
    assert verdict.also == ()


def test_a_plain_host_is_proven_by_tcp() -> None:
    seen = host(handshakes=[], replies=[*WELL[:2], reply(BLOB)])
    seen.plain = True
    assert judged(seen).cause is Cause.ALL_WELL


# The list


def test_every_cause_has_one_class_and_every_class_a_status_of_its_own() -> None:
    causes = [cause for _, several in CLASSES.values() for cause in several]
    assert sorted(causes) == sorted(Cause)
    statuses = [status for status, _ in CLASSES.values()]
    assert len(set(statuses)) == len(statuses)
    assert not {1, 2} & set(statuses)
    assert exit_status(Cause.ALL_WELL) == 0


def test_nothing_seen_is_no_verdict_on_anybody() -> None:
    seen: Evidence = evidence()
    assert reach_verdict(seen).cause is Cause.REGISTRY_FAILS
    assert seen.image.host == REGISTRY


def test_where_nobody_listens_in_ones_own_network_no_path_is_blamed() -> None:
    """As with localhost:5000/app and no registry running."""
    for address in ("127.0.0.1", "192.168.77.5"):
        verdict = judged(host([system(address)], {address: Outcome.REFUSED}, []))
        assert (verdict.cause, verdict.finding.confidence) == (Cause.REGISTRY_FAILS, Confidence.LIKELY)
        assert codes(verdict) == ["tcp-fails"]


def test_an_image_for_other_machines_is_told_with_those_that_there_are() -> None:
    seen = evidence(host(replies=[reply("/v2/", 200), reply(MANIFEST)]))
    seen.misfit = Choice("linux/riscv64", "", ())
    verdict = reach_verdict(seen)
    assert (verdict.cause, verdict.finding.facts[0].values["offered"]) == (Cause.IMAGE_OR_PERMISSION, "-")


def test_a_host_for_which_no_time_was_left_is_not_judged() -> None:
    cut = host(connections={RIGHT: SILENT}, handshakes=[], role="token", name=AUTH)
    cut.cut = True
    verdict = judged(host(replies=[reply("/v2/", 401)]), cut)
    assert (verdict.cause, codes(verdict)) == (Cause.REGISTRY_FAILS, ["incomplete"])


def test_a_reply_that_was_cut_short_proves_nothing_and_of_two_the_last_counts() -> None:
    short = replace(reply(MANIFEST, 0, outcome=SILENT), cut=True)
    assert codes(judged(host(replies=[reply("/v2/", 401), short]))) == ["incomplete"]
    again = [reply("/v2/", 200), reply(MANIFEST, 401), reply(MANIFEST), reply(BLOB)]
    assert judged(host(replies=again)).cause is Cause.ALL_WELL
