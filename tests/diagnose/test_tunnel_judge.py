"""From what was seen of a tunnel to a verdict, as far as the handshake: layers, evidence, how sure."""

from dataclasses import replace
from typing import Any

import pytest

from glasstunnel.diagnose.causes import Confidence
from glasstunnel.diagnose.tunnel import causes
from glasstunnel.diagnose.tunnel.causes import Cause
from glasstunnel.diagnose.tunnel.dump import parse_drops
from glasstunnel.diagnose.tunnel.evidence import (
    Counts,
    Evidence,
    Filtered,
    Got,
    Interface,
    Kind,
    Local,
    NatLife,
    Reply,
    Search,
    Way,
)
from glasstunnel.diagnose.tunnel.finding import Verdict
from glasstunnel.diagnose.tunnel.judge import reach_verdict
from glasstunnel.operate import keys, status
from glasstunnel.sim import Node
from glasstunnel.wireguard import uapi
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.messages import MessageType
from tests.diagnose.tunnel_seen import (
    BACKWARD,
    ENDPOINT,
    INNER,
    KEY,
    NAME,
    NOW,
    OTHER,
    OUTWARD,
    OWN,
    THERE,
    evidence,
    peer,
    standing,
)
from tests.wireguard import paper
from tests.wireguard.pair import Pair

CERTAIN, LIKELY, POSSIBLE = Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE


def judged(seen: Evidence) -> tuple[Cause, Confidence, list[str]]:
    found = reach_verdict(seen).finding
    return found.cause, found.confidence, [fact.code for fact in found.facts]


def values(seen: Evidence, code: str) -> dict[str, str]:
    """Those of a fact of the verdict."""
    return next(fact.values for fact in reach_verdict(seen).finding.facts if fact.code == code)


def notes(seen: Evidence) -> list[str]:
    return [note.code for note in reach_verdict(seen).notes]


# The verdict as a whole


def test_every_class_has_its_own_exit_status_and_none_of_those_that_every_command_has() -> None:
    statuses = [number for number, _ in causes.CLASSES.values()]
    assert len(set(statuses)) == len(statuses)
    assert not {1, 2} & set(statuses)
    assert {cause: causes.exit_status(cause) for cause in (Cause.ALL_WELL, Cause.SILENT, Cause.FIREWALL)} == {
        Cause.ALL_WELL: 0,
        Cause.SILENT: 26,
        Cause.FIREWALL: 23,
    }


def test_a_verdict_has_the_class_and_the_exit_status_of_its_one_cause() -> None:
    verdict = reach_verdict(evidence(peer()))
    assert isinstance(verdict, Verdict)
    assert (verdict.cause, verdict.kind, verdict.exit_status) == (Cause.SILENT, "silence", 26)


def test_the_first_layer_that_fails_is_the_verdict_and_others_are_told_besides() -> None:
    seen = evidence(peer(key=OTHER), peer(outward=Way(THERE, error="ENETUNREACH")))
    seen.interface = replace(seen.interface, up=False)
    verdict = reach_verdict(seen)
    assert verdict.cause is Cause.INTERFACE_DOWN
    assert [finding.cause for finding in verdict.also] == [Cause.NO_ROUTE]


# All well


def test_an_answer_and_a_session_are_well() -> None:
    assert judged(evidence(standing())) == (Cause.ALL_WELL, CERTAIN, ["handshake", "answers"])
    fresh = standing(before=0, searches=[Search(INNER, False, 1420, 0)])
    assert judged(evidence(fresh))[2] == ["handshake-now", "answers", "largest-passes"]


def test_a_session_without_anybody_who_would_answer_is_only_possibly_well() -> None:
    assert judged(evidence(standing(echoes=[]))) == (Cause.ALL_WELL, POSSIBLE, ["handshake"])


def test_a_server_whose_peer_has_never_spoken_is_not_at_fault() -> None:
    seen = evidence(peer(endpoint="", configured=""))
    assert judged(seen) == (Cause.ALL_WELL, POSSIBLE, ["nobody-spoke"])
    assert notes(seen) == ["never-spoke"]


def test_a_configuration_without_a_fault_is_not_up() -> None:
    seen = evidence(peer(outside=None), kind=Kind.FILE)
    assert judged(seen) == (Cause.NOT_UP, CERTAIN, ["not-up"])
    assert reach_verdict(seen).also == ()


def test_that_a_configuration_is_not_up_is_not_told_beside_its_fault() -> None:
    verdict = reach_verdict(evidence(kind=Kind.FILE))
    assert (verdict.cause, verdict.also) == (Cause.NO_PEER, ())


# Interface and configuration


@pytest.mark.parametrize(
    ("facts", "cause", "codes"),
    [
        ({"public_key": ""}, Cause.NO_PRIVATE_KEY, ["no-private-key"]),
        ({"interface": Interface(exists=False, up=False)}, Cause.INTERFACE_DOWN, ["interface-elsewhere"]),
        ({"interface": Interface(up=False)}, Cause.INTERFACE_DOWN, ["interface-down"]),
        ({"own_key_as_peer": True}, Cause.OWN_KEY_AS_PEER, ["own-key"]),
        ({"peers": []}, Cause.NO_PEER, ["no-peer"]),
        ({"doubled": [("10.0.0.0/8", (KEY, OTHER))]}, Cause.OVERLAPPING_ALLOWED_IPS, ["doubled"]),
    ],
)
def test_what_is_wrong_with_the_interface_or_its_configuration_is_certain(
    facts: dict[str, Any], cause: Cause, codes: list[str]
) -> None:
    assert judged(evidence(**{"peers": [standing()], **facts})) == (cause, CERTAIN, codes)


def test_of_allowed_ips_that_are_doubled_the_last_peer_has_the_packets() -> None:
    """A table of prefixes has one peer for each (WP §2): a prefix moves to the peer that is given it last."""
    told = values(evidence(standing(), doubled=[("10.0.0.0/8", (KEY, OTHER))]), "doubled")
    assert told == {"prefix": "10.0.0.0/8", "keys": "pppppppp…, qqqqqqqq…", "last": "qqqqqqqq…"}


def test_a_peer_with_this_ends_own_key_is_not_counted_as_one_that_is_missing() -> None:
    """A device passes over such a peer, so it has none."""
    verdict = reach_verdict(evidence(own_key_as_peer=True))
    assert (verdict.cause, verdict.also) == (Cause.OWN_KEY_AS_PEER, ())
    assert verdict.finding.peer == OWN


# Endpoint and routes


def test_a_name_that_does_not_resolve_is_the_fault_unless_the_device_knows_an_address() -> None:
    lost: dict[str, Any] = {
        "unresolved": "no such name",
        "configured": "nosuch.invalid:51820",
        "outward": None,
    }
    assert judged(evidence(peer(endpoint="", **lost), kind=Kind.FILE))[:2] == (
        Cause.ENDPOINT_UNRESOLVED,
        CERTAIN,
    )
    assert judged(evidence(peer(endpoint="", **lost)))[0] is Cause.ENDPOINT_UNRESOLVED
    assert judged(evidence(standing(**{**lost, "outward": OUTWARD})))[0] is Cause.ALL_WELL


def test_an_only_peer_in_a_file_without_an_endpoint_is_surely_missing_one_of_several_likely() -> None:
    """Of several, some may be those that are to begin."""
    lost: dict[str, Any] = {"endpoint": "", "configured": "", "outward": None}
    one = evidence(peer(**lost), kind=Kind.FILE)
    assert judged(one) == (Cause.ENDPOINT_MISSING, CERTAIN, ["no-endpoint"])
    two = evidence(peer(**lost), peer(key=OTHER), kind=Kind.FILE)
    assert judged(two)[:2] == (Cause.ENDPOINT_MISSING, LIKELY)


def test_an_endpoint_that_was_configured_and_is_unknown_to_the_device_is_missing() -> None:
    assert judged(evidence(peer(endpoint="")))[0] is Cause.ENDPOINT_MISSING


def test_of_peers_that_have_to_begin_only_what_was_dropped_now_or_of_the_only_one_accuses_one() -> None:
    away: dict[str, Any] = {"endpoint": "", "configured": "", "outward": None, "backward": None}
    count = {"wrong_mac1": 1}
    assert judged(evidence(peer(**away), drops=count, drops_before=count))[:2] == (
        Cause.PEER_HAS_WRONG_KEY,
        POSSIBLE,
    )
    both = peer(**away), peer(key=OTHER, **away)
    assert judged(evidence(*both, drops=count, drops_before=count))[0] is Cause.ALL_WELL
    assert judged(evidence(*both, drops=count))[:2] == (Cause.PEER_HAS_WRONG_KEY, POSSIBLE)


@pytest.mark.parametrize(
    ("outward", "cause", "code"),
    [
        (Way(THERE, error="ENETUNREACH"), Cause.NO_ROUTE, "no-route"),
        (Way(THERE, interface=NAME), Cause.ENDPOINT_THROUGH_TUNNEL, "through-tunnel"),
    ],
)
def test_where_the_kernel_leads_datagrams_is_certain_but_tells_nothing_of_one_that_has_just_been_answered(
    outward: Way, cause: Cause, code: str
) -> None:
    assert judged(evidence(peer(outward=outward))) == (cause, CERTAIN, [code])
    fresh = standing(before=0, outward=outward)
    assert judged(evidence(fresh))[0] is Cause.ALL_WELL


def test_the_mark_with_which_the_route_was_asked_is_told_as_wg_writes_it() -> None:
    told = values(evidence(peer(outward=Way(THERE, interface=NAME)), fwmark=51820), "through-tunnel")
    assert told == {"endpoint": ENDPOINT, "name": NAME, "mark": "0xca6c"}


def test_a_configured_endpoint_that_is_another_than_the_devices_has_moved() -> None:
    moved: dict[str, Any] = {"resolved": ("203.0.113.9:51820",), "configured": "home.example:51820"}
    assert judged(evidence(peer(**moved))) == (Cause.ENDPOINT_MOVED, LIKELY, ["moved"])
    assert judged(evidence(standing(**moved)))[0] is Cause.ALL_WELL  # it has roamed
    assert judged(evidence(peer(resolved=(ENDPOINT,))))[0] is Cause.SILENT


# This machine's filters


def test_the_reverse_path_filter_is_what_the_kernel_calls_exdev() -> None:
    blocked = replace(BACKWARD, error="EXDEV", interface="")
    assert judged(evidence(peer(backward=blocked))) == (
        Cause.REVERSE_PATH_FILTER,
        CERTAIN,
        ["backward-filtered"],
    )
    assert judged(evidence(standing(backward=blocked)))[0] is Cause.ALL_WELL


RULE = "inet f c handle 7"


def test_a_rule_that_surely_drops_the_datagrams_is_the_fault() -> None:
    seen = evidence(peer(), filtered=[Filtered("output", "outer", RULE)])
    assert judged(seen) == (Cause.FIREWALL, CERTAIN, ["filtered"])
    assert values(seen, "filtered")["rule"] == RULE


def test_a_rule_that_perhaps_drops_them_is_the_fault_only_if_the_system_has_refused_one() -> None:
    maybe = [Filtered("output", "outer", RULE, sure=False)]
    refused = Reply(THERE, 60, Got.NOT_PERMITTED)
    assert judged(evidence(peer(outside=refused), filtered=maybe)) == (
        Cause.FIREWALL,
        LIKELY,
        ["filtered-maybe"],
    )
    assert judged(evidence(peer(), filtered=maybe)) == (
        Cause.SILENT,
        CERTAIN,
        ["nothing-came", "filtered-maybe", "silence-hides"],
    )
    assert judged(evidence(peer(outside=None), filtered=maybe))[0] is Cause.SILENT


def test_what_drops_packets_inside_does_not_stop_a_handshake() -> None:
    assert judged(evidence(peer(), filtered=[Filtered("input", "inner", RULE)]))[0] is Cause.SILENT


@pytest.mark.parametrize(
    ("got", "by", "cause", "confidence"),
    [
        (Got.PORT_UNREACHABLE, THERE, Cause.ENDPOINT_CLOSED, CERTAIN),
        (Got.PORT_UNREACHABLE, "203.0.113.99", Cause.ENDPOINT_CLOSED, LIKELY),  # a filter may say so
        (Got.HOST_UNREACHABLE, "203.0.113.99", Cause.ENDPOINT_UNREACHABLE, CERTAIN),
        (Got.PROHIBITED, "203.0.113.99", Cause.ENDPOINT_UNREACHABLE, CERTAIN),
        (Got.TIME_EXCEEDED, "203.0.113.99", Cause.ENDPOINT_UNREACHABLE, CERTAIN),
        (Got.NOT_PERMITTED, "", Cause.FIREWALL, CERTAIN),
        (Got.SILENCE, "", Cause.SILENT, CERTAIN),
        (Got.NOT_SENT, "", Cause.SILENT, CERTAIN),
    ],
)
def test_who_refuses_datagrams_is_believed(got: Got, by: str, cause: Cause, confidence: Confidence) -> None:
    reply = Reply(THERE, 60, got, by)
    assert judged(evidence(peer(outside=reply)))[:2] == (cause, confidence)
    assert judged(evidence(standing(outside=reply)))[0] is Cause.ALL_WELL  # roaming: it is elsewhere by now


def test_an_endpoint_of_version_six_may_itself_say_that_its_port_is_closed() -> None:
    reply = Reply("2001:db8::2", 60, Got.PORT_UNREACHABLE, "2001:db8::2")
    there = peer(endpoint="[2001:db8::2]:51820", outside=reply)
    assert judged(evidence(there))[:2] == (Cause.ENDPOINT_CLOSED, CERTAIN)


# Keys: what real devices count


@pytest.fixture
def pair() -> Pair:
    return Pair()


def looked_at(node: Node, now: float, then: Evidence | None = None) -> Evidence:
    """What a diagnosis reads of a device of ours, at two moments if there is an earlier one."""
    known = status.parse(NAME, uapi.get(node.device, now, int((NOW + now) * 1e9)))
    mine, theirs = parse_drops(NAME, uapi.drops(node.device))
    assert known.public_key
    seen = evidence(public_key=keys.encode(known.public_key), drops=mine, drops_before=mine)
    seen.now = NOW + now
    for one in known.peers:
        key = keys.encode(one.public_key)
        at = one.handshake_seconds + one.handshake_nanoseconds / 1e9
        after = Counts(one.endpoint or "", at, one.rx_bytes, one.tx_bytes, theirs.get(key, {}))
        before = next((was.after for was in then.peers if was.key == key), after) if then else after
        there = peer(key=key, configured=one.endpoint or "")
        there.before, there.after = before, after
        seen.peers.append(there)
    if then:
        seen.drops_before = then.drops
    return seen


def watched(pair: Pair, node: Node, seconds: float = 6.5) -> Evidence:
    """The device is let try for so long."""
    then = looked_at(node, pair.now)
    for one in node.device.peers.values():
        one.want_initiation(pair.now)
    pair.advance(seconds)
    return looked_at(node, pair.now, then)


def test_two_devices_that_fit_make_a_handshake_which_is_fresh_at_both(pair: Pair) -> None:
    before = looked_at(pair.right, pair.now)
    assert watched(pair, pair.left, 1).peers[0].is_fresh
    assert looked_at(pair.right, pair.now, before).peers[0].is_fresh
    assert not watched(pair, pair.left, 1).peers[0].is_fresh  # five seconds are not over


def test_different_preshared_keys_are_certain_where_the_handshake_is_begun_and_silence_there() -> None:
    pair = Pair(psk=b"p" * 32)
    pair.to_left.preshared_key = b"q" * 32
    seen = watched(pair, pair.left)
    assert judged(seen) == (Cause.WRONG_PRESHARED_KEY, CERTAIN, ["bad-response"])
    assert values(seen, "bad-response") == {"count": "2", "now": "2"}
    later = looked_at(pair.left, pair.now)
    assert judged(later)[:2] == (Cause.WRONG_PRESHARED_KEY, POSSIBLE)  # it may have been mended since


def test_who_has_a_wrong_key_of_the_other_is_told_by_what_each_drops(pair: Pair) -> None:
    """WP §5.4.4: mac1 is keyed with the responder's key; §5.4.2: the initiator's is in the message."""
    pair.left.device.remove_peer(pair.to_right.public_key)
    pair.left.device.add_peer(paper.pub(b"x" * 32), endpoint=Path(pair.right.address))
    then = looked_at(pair.right, pair.now)
    assert judged(watched(pair, pair.left))[0] is Cause.SILENT  # whoever has the wrong key is told nothing
    seen = looked_at(pair.right, pair.now, then)
    assert judged(seen) == (Cause.PEER_HAS_WRONG_KEY, LIKELY, ["wrong-mac1"])
    then = looked_at(pair.left, pair.now)
    pair.to_left.endpoint = Path(pair.left.address)
    watched(pair, pair.right)
    seen = looked_at(pair.left, pair.now, then)
    assert judged(seen) == (Cause.WE_HAVE_WRONG_KEY, LIKELY, ["unknown-peer"])


def test_with_several_peers_or_from_before_it_is_only_possible_whose_key_is_wrong() -> None:
    """The counter is the device's: a stranger has no peer. Port scanners count too."""
    for reason, cause in (
        ("unknown_peer", Cause.WE_HAVE_WRONG_KEY),
        ("wrong_mac1", Cause.PEER_HAS_WRONG_KEY),
    ):
        several = evidence(peer(), peer(key=OTHER), drops={reason: 1})
        assert judged(several)[:2] == (cause, POSSIBLE)
        before = evidence(peer(), drops={reason: 1}, drops_before={reason: 1})
        assert judged(before)[:2] == (cause, POSSIBLE)
        assert judged(evidence(standing(), drops={reason: 1}))[0] is Cause.ALL_WELL


def test_what_is_dropped_now_goes_before_a_refusal_and_what_was_dropped_once_does_not() -> None:
    refused = Reply(THERE, 60, Got.PORT_UNREACHABLE, THERE)
    old = peer(outside=refused, dropped={"bad_handshake": 3}, dropped_before={"bad_handshake": 3})
    assert judged(evidence(old))[0] is Cause.ENDPOINT_CLOSED
    now = peer(outside=refused, dropped={"bad_handshake": 4}, dropped_before={"bad_handshake": 3})
    assert judged(evidence(now))[0] is Cause.WRONG_PRESHARED_KEY


def test_a_peer_whose_clock_has_gone_back_is_told_from_its_timestamps(pair: Pair) -> None:
    """WP §5.1: an initiation with a timestamp that is not greater is dropped; only a new device forgets."""
    pair.connect()
    pair.advance(200)  # the session is over
    then = looked_at(pair.right, pair.now)
    replayed = pair.left.sent_of(MessageType.INITIATION)[0].data
    pair.right.device.receive(pair.now, 0, pair.right.rng, replayed, Path(pair.left.address))
    seen = looked_at(pair.right, pair.now, then)
    assert judged(seen) == (Cause.PEER_CLOCK_BEHIND, CERTAIN, ["old-timestamp"])


def test_a_session_that_stands_makes_old_timestamps_a_note_if_it_was_made_just_now() -> None:
    dropped: dict[str, Any] = {"dropped": {"old_timestamp": 2}, "dropped_before": {"old_timestamp": 1}}
    fresh = standing(before=0, **dropped)
    assert judged(evidence(fresh))[0] is Cause.ALL_WELL
    assert notes(evidence(fresh)) == ["old-timestamp"]
    assert judged(evidence(standing(**dropped)))[:2] == (Cause.PEER_CLOCK_BEHIND, CERTAIN)
    kept = standing(dropped={"old_timestamp": 1}, dropped_before={"old_timestamp": 1})
    assert judged(evidence(kept))[0] is Cause.ALL_WELL
    assert judged(evidence(peer(dropped={"old_timestamp": 1}, dropped_before={"old_timestamp": 1})))[:2] == (
        Cause.PEER_CLOCK_BEHIND,
        POSSIBLE,
    )


# The clock of this machine


def test_a_file_or_a_handshake_from_the_future_says_that_this_clock_is_behind() -> None:
    file = evidence(peer(), local=Local(newest_file=NOW + 3600, newest_path="/etc/wireguard/wg0.conf"))
    assert judged(file) == (Cause.CLOCK_BEHIND, LIKELY, ["file-from-future"])
    assert values(file, "file-from-future")["seconds"] == "3600"
    shake = evidence(peer(NOW + 600))
    assert judged(shake) == (Cause.CLOCK_BEHIND, LIKELY, ["handshake-from-future"])
    assert values(shake, "handshake-from-future") == {"seconds": "600"}


def test_a_minute_from_the_future_and_a_handshake_just_now_accuse_no_clock() -> None:
    assert judged(evidence(peer(), local=Local(newest_file=NOW + 59)))[0] is Cause.SILENT
    fresh = standing(before=0)
    assert judged(evidence(fresh, local=Local(newest_file=NOW + 3600)))[0] is Cause.ALL_WELL


# Silence


def test_silence_stays_silence_with_what_it_hides() -> None:
    seen = evidence(peer())
    assert judged(seen) == (Cause.SILENT, CERTAIN, ["nothing-came", "silence-hides"])
    assert values(seen, "nothing-came") == {"endpoint": ENDPOINT, "seconds": "6"}


@pytest.mark.parametrize(("age", "cause"), [(179, Cause.ALL_WELL), (181, Cause.SILENT)])
def test_a_session_stands_for_three_minutes(age: float, cause: Cause) -> None:
    """REJECT_AFTER_TIME, WP §6.1."""
    assert judged(evidence(standing(NOW - age)))[0] is cause


def test_who_is_up_nowhere_is_not_called_silent() -> None:
    assert judged(evidence(peer(), kind=Kind.FILE))[0] is Cause.NOT_UP
    down = evidence(peer(), interface=Interface(up=False))
    assert [one.cause for one in (reach_verdict(down).finding, *reach_verdict(down).also)] == [
        Cause.INTERFACE_DOWN
    ]


# Notes


def test_what_could_not_be_seen_is_told_and_so_is_a_local_network_that_is_taken_away() -> None:
    seen = evidence(standing(allowed_ips=(f"{INNER}/32", "192.0.2.0/24")), unknown=["no-ruleset"])
    assert notes(seen) == ["no-ruleset", "taken-network"]


@pytest.mark.parametrize(
    ("life", "code"),
    [
        (NatLife(25, 30), "nat-forgets"),
        (NatLife(180), "nat-outlasts"),
        (NatLife(20, 0, True), "nat-at-least"),
        (NatLife(20, 60, True), "nat-forgets"),
        (NatLife(0, 0, True), "nat-disturbed"),
        (NatLife(0, 5), "nat-shorter"),
        (NatLife(0, 5, True), "nat-shorter"),
    ],
)
def test_how_long_a_nat_remembers_is_a_note(life: NatLife, code: str) -> None:
    assert notes(evidence(standing(nat=life))) == [code]


def test_the_keepalive_for_a_nat_comes_before_its_end() -> None:
    (note,) = reach_verdict(evidence(standing(nat=NatLife(25, 30)))).notes
    assert note.values == {"survived": "25", "lost": "30", "keepalive": "20"}


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ({"outside": Reply(THERE, 60, Got.PORT_UNREACHABLE, THERE)}, Cause.ENDPOINT_CLOSED),
        ({"backward": replace(BACKWARD, error="EXDEV")}, Cause.REVERSE_PATH_FILTER),
        ({"resolved": ("198.51.100.9:51820",)}, Cause.ENDPOINT_MOVED),
        ({"waited": 6.5}, Cause.SILENT),
        ({"waited": 1.0}, Cause.NO_DATA),  # too short for another handshake: the silence tells nothing
    ],
)
def test_a_session_that_stands_excuses_no_way_that_has_been_closed_since(
    facts: dict[str, Any], cause: Cause
) -> None:
    unanswered = [Reply(INNER, 64, Got.SILENCE)]
    assert judged(evidence(standing(echoes=unanswered, **facts)))[0] is cause
    assert judged(evidence(standing(**facts)))[0] is Cause.ALL_WELL
    assert judged(evidence(standing(echoes=unanswered, keepalive_came=True, **facts)))[0] is Cause.NO_DATA


GUEST: dict[str, Any] = {"configured": "", "key": OTHER}
AWAY: dict[str, Any] = {**GUEST, "endpoint": "", "outward": None, "backward": None, "outside": None}


def test_a_guest_of_a_server_that_serves_others_may_have_left() -> None:
    served, left = standing(configured=""), peer(NOW - 900, **GUEST)
    assert judged(evidence(served, left))[0] is Cause.ALL_WELL
    assert notes(evidence(served, left)) == ["gone"]
    assert judged(evidence(left))[0] is Cause.SILENT  # the only one, or the one that was asked about
    assert judged(evidence(left, peer(NOW - 900, configured="")))[0] is Cause.SILENT  # nobody is served
    ours_to_begin = peer(NOW - 900, key=OTHER)
    assert judged(evidence(served, ours_to_begin))[0] is Cause.SILENT


def test_a_stranger_accuses_no_peer_that_has_spoken() -> None:
    left, stranger = peer(NOW - 900, **GUEST), {"unknown_peer": 1}
    assert judged(evidence(standing(configured=""), left, drops=stranger))[0] is Cause.ALL_WELL


@pytest.mark.parametrize(("sure", "confidence"), [(True, LIKELY), (False, POSSIBLE)])
def test_a_server_whose_filter_drops_a_first_datagram_is_told(sure: bool, confidence: Confidence) -> None:
    lost = [Filtered("input", "inner", "inet f c 1"), Filtered("input", "first", "inet f c 2", sure)]
    seen = evidence(peer(**AWAY), filtered=lost)
    assert judged(seen)[:2] == (Cause.FIREWALL, confidence)
    assert values(seen, "filtered" if sure else "filtered-maybe")["rule"] == "inet f c 2"
    assert judged(evidence(standing(configured=""), peer(**AWAY), filtered=lost))[0] is Cause.ALL_WELL
    assert judged(evidence(peer(**AWAY), filtered=lost[:1]))[0] is Cause.ALL_WELL


def test_a_file_that_says_something_else_than_the_device_is_a_note() -> None:
    assert notes(evidence(standing(), not_applied=[OTHER])) == ["not-applied"]
