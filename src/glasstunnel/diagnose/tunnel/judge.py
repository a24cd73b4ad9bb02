"""From all that was seen of a tunnel to one verdict.

Rule: the layers are judged in the order in which a tunnel needs them, and the first that fails is the
verdict. What only one end can know is not guessed at the other: silence stays silence, with what could be
behind it. Section: WP §5.3 (what is dropped without a word), §5.4.2 and §5.4.3 (which key is in what).
"""

from collections.abc import Callable, Iterator

from glasstunnel.diagnose.causes import Confidence
from glasstunnel.diagnose.finding import Fact, fact
from glasstunnel.diagnose.tunnel import judge_data, targets
from glasstunnel.diagnose.tunnel.causes import Cause
from glasstunnel.diagnose.tunnel.evidence import Evidence, Got, Kind, Peer
from glasstunnel.diagnose.tunnel.finding import Finding, Verdict
from glasstunnel.diagnose.tunnel.judge_data import filter_fact
from glasstunnel.wireguard.parameters import Parameters

_CERTAIN, _LIKELY, _POSSIBLE = Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE
_CLOCK_SLACK = 60.0  # seconds by which a file may be from the future
_REKEY_TIMEOUT = Parameters().rekey_timeout  # in which a device begins no second handshake
_ICMP = {
    Got.PORT_UNREACHABLE: Cause.ENDPOINT_CLOSED,
    Got.HOST_UNREACHABLE: Cause.ENDPOINT_UNREACHABLE,
    Got.PROHIBITED: Cause.ENDPOINT_UNREACHABLE,
    Got.TIME_EXCEEDED: Cause.ENDPOINT_UNREACHABLE,
    Got.NOT_PERMITTED: Cause.FIREWALL,
}


def reach_verdict(evidence: Evidence) -> Verdict:
    """Judge."""
    notes = tuple(_notes(evidence))
    found = [*_interface(evidence), *_peers(evidence), *judge_data.target(evidence), _well(evidence)]
    # What is at fault here, at several peers alike, is told once.
    once: dict[tuple[Cause, tuple[Fact, ...]], Finding] = {}
    for one in found:
        once.setdefault((one.cause, one.facts), one)
    first, *rest = once.values()
    return Verdict(
        first, tuple(one for one in rest if one.cause not in (Cause.ALL_WELL, Cause.NOT_UP)), notes
    )


def _interface(evidence: Evidence) -> Iterator[Finding]:
    """What is wrong before any peer is spoken to."""
    if evidence.kind is not Kind.FILE:
        if not evidence.public_key:
            yield Finding(Cause.NO_PRIVATE_KEY, _CERTAIN, (fact("no-private-key", name=evidence.name),))
        if not evidence.interface.exists:
            yield Finding(Cause.INTERFACE_DOWN, _CERTAIN, (fact("interface-elsewhere", name=evidence.name),))
        elif not evidence.interface.up:
            yield Finding(Cause.INTERFACE_DOWN, _CERTAIN, (fact("interface-down", name=evidence.name),))
    if evidence.own_key_as_peer:
        yield Finding(
            Cause.OWN_KEY_AS_PEER,
            _CERTAIN,
            (fact("own-key", key=evidence.public_key),),
            evidence.public_key,
        )
    elif not evidence.peers:
        yield Finding(Cause.NO_PEER, _CERTAIN, (fact("no-peer", name=evidence.name),))
    for prefix, owners in evidence.doubled:
        facts = (fact("doubled", prefix=prefix, keys=", ".join(map(short, owners)), last=short(owners[-1])),)
        yield Finding(Cause.OVERLAPPING_ALLOWED_IPS, _CERTAIN, facts, owners[0])


def _peers(evidence: Evidence) -> Iterator[Finding]:
    for peer in evidence.peers:
        for layer in _LAYERS:
            if finding := layer(evidence, peer):
                yield finding
                break
        else:
            yield from judge_data.peer(evidence, peer)


# Layers of one peer


def _endpoint(evidence: Evidence, peer: Peer) -> Finding | None:
    if peer.unresolved and not peer.after.endpoint:
        facts = (fact("unresolved", endpoint=peer.configured, why=peer.unresolved),)
        return Finding(Cause.ENDPOINT_UNRESOLVED, _CERTAIN, facts, peer.key)
    if not peer.endpoint:
        if evidence.has_session(peer) or _is_server(evidence, peer):
            return None
        facts = (fact("no-endpoint", key=short(peer.key)),)
        return Finding(
            Cause.ENDPOINT_MISSING, _CERTAIN if len(evidence.peers) == 1 else _LIKELY, facts, peer.key
        )
    return None


def _is_server(evidence: Evidence, peer: Peer) -> bool:
    """Whether it is for the peer to begin: then its silence is not ours to judge."""
    return evidence.kind is not Kind.FILE and not peer.configured


def _route(evidence: Evidence, peer: Peer) -> Finding | None:
    way = peer.outward
    if way is None or peer.is_fresh:
        return None
    if way.error:
        facts = (fact("no-route", endpoint=peer.endpoint, error=way.error),)
        return Finding(Cause.NO_ROUTE, _CERTAIN, facts, peer.key)
    if way.interface == evidence.name:
        facts = (
            fact("through-tunnel", endpoint=peer.endpoint, name=evidence.name, mark=f"{evidence.fwmark:#x}"),
        )
        return Finding(Cause.ENDPOINT_THROUGH_TUNNEL, _CERTAIN, facts, peer.key)
    return None


def _first(evidence: Evidence, peer: Peer) -> Finding | None:
    """A peer that has to begin cannot, for the filter here drops what it would begin with."""
    if peer.endpoint or not _is_server(evidence, peer) or any(one.after.handshake for one in evidence.peers):
        return None
    for one in evidence.filtered:
        if one.what == "first":
            return Finding(Cause.FIREWALL, _LIKELY if one.sure else _POSSIBLE, (filter_fact(one),), peer.key)
    return None


def _filters(evidence: Evidence, peer: Peer) -> Finding | None:
    """What this machine itself does to the datagrams."""
    if _works(evidence, peer):
        return None
    if peer.backward and peer.backward.error == "EXDEV":
        facts = (fact("backward-filtered", endpoint=peer.endpoint, interface=peer.backward.comes_in),)
        return Finding(Cause.REVERSE_PATH_FILTER, _CERTAIN, facts, peer.key)
    for one in evidence.filtered:
        if one.what == "outer" and (one.sure or _refused(peer)):
            return Finding(Cause.FIREWALL, _CERTAIN if one.sure else _LIKELY, (filter_fact(one),), peer.key)
    return None


def _refused(peer: Peer) -> bool:
    return peer.outside is not None and peer.outside.got is Got.NOT_PERMITTED


def _icmp(evidence: Evidence, peer: Peer) -> Finding | None:
    """Somebody said that the datagrams do not arrive."""
    reply = peer.outside
    if _works(evidence, peer) or reply is None or reply.got not in _ICMP:
        return None
    who = {"by": reply.by} if reply.by else {}
    facts = (fact("icmp" if reply.by else "icmp-here", endpoint=peer.endpoint, got=reply.got, **who),)
    host = peer.endpoint.rpartition(":")[0].strip("[]")
    sure = reply.got is not Got.PORT_UNREACHABLE or reply.by == host
    return Finding(_ICMP[reply.got], _CERTAIN if sure else _LIKELY, facts, peer.key)


def _keys(evidence: Evidence, peer: Peer) -> Finding | None:
    """Who has the wrong key of whom, from what our device has dropped."""
    if peer.is_fresh:
        return None
    stands = evidence.has_session(peer)
    for reason, code, cause in (
        ("bad_handshake", "bad-response", Cause.WRONG_PRESHARED_KEY),
        ("old_timestamp", "old-timestamp", Cause.PEER_CLOCK_BEHIND),
    ):
        count, grown = peer.after.drops.get(reason, 0), peer.grown(reason)
        if grown or (count and not stands):  # a session may outlast the peer that it was made with
            facts = (fact(code, count=count, now=grown),)
            return Finding(cause, _CERTAIN if grown else _POSSIBLE, facts, peer.key)
    if stands:
        return None
    alone = len(evidence.peers) == 1
    for reason, cause in (
        ("unknown_peer", Cause.WE_HAVE_WRONG_KEY),
        ("wrong_mac1", Cause.PEER_HAS_WRONG_KEY),
    ):
        count = evidence.drops.get(reason, 0)
        grown = count - evidence.drops_before.get(reason, 0)
        # What a stranger sends accuses none of several peers that have spoken, or have never had to.
        if count and (alone or (not peer.after.handshake and (grown or peer.endpoint))):
            facts = (fact(reason.replace("_", "-"), count=count, now=grown, key=short(evidence.public_key)),)
            return Finding(cause, _LIKELY if grown and alone else _POSSIBLE, facts, peer.key)
    return None


def _keys_now(evidence: Evidence, peer: Peer) -> Finding | None:
    """What arrives and is dropped just now tells more than that something else does not arrive."""
    finding = _keys(evidence, peer)
    return finding if finding and finding.confidence is not _POSSIBLE else None


def _moved(evidence: Evidence, peer: Peer) -> Finding | None:
    """The name has other addresses than the device sends to."""
    if _works(evidence, peer) or not peer.resolved or not peer.after.endpoint:
        return None
    if peer.after.endpoint in peer.resolved:
        return None
    facts = (fact("moved", endpoint=peer.configured, now=", ".join(peer.resolved), used=peer.after.endpoint),)
    return Finding(Cause.ENDPOINT_MOVED, _LIKELY, facts, peer.key)


def _clock(evidence: Evidence, peer: Peer) -> Finding | None:
    behind = evidence.local.newest_file - evidence.now
    ahead = max((one.after.handshake for one in evidence.peers), default=0) - evidence.now
    if peer.is_fresh:
        return None
    if behind > _CLOCK_SLACK:
        facts = (fact("file-from-future", path=evidence.local.newest_path, seconds=round(behind)),)
        return Finding(Cause.CLOCK_BEHIND, _LIKELY, facts, peer.key)
    if ahead > _CLOCK_SLACK:
        facts = (fact("handshake-from-future", seconds=round(ahead)),)
        return Finding(Cause.CLOCK_BEHIND, _LIKELY, facts, peer.key)
    return None


def _silence(evidence: Evidence, peer: Peer) -> Finding | None:
    """Nobody says anything, which is what a device does that does not like what it gets."""
    if evidence.kind is Kind.FILE or not evidence.interface.up or not peer.endpoint:
        return None
    if _works(evidence, peer) or (evidence.has_session(peer) and peer.waited < _REKEY_TIMEOUT):
        return None
    if _has_left(evidence, peer):
        return None
    facts = [fact("nothing-came", endpoint=peer.endpoint, seconds=f"{evidence.seconds:.0f}")]
    facts += [filter_fact(one) for one in evidence.filtered if one.what == "outer"]
    facts.append(fact("silence-hides"))
    return Finding(Cause.SILENT, _CERTAIN, tuple(facts), peer.key)


_LAYERS: tuple[Callable[[Evidence, Peer], Finding | None], ...] = (
    _endpoint,
    _first,
    _route,
    _filters,
    _keys_now,
    _icmp,
    _keys,
    _clock,
    _moved,
    _silence,
)


# What is common


def _works(evidence: Evidence, peer: Peer) -> bool:
    """Whether the session is of use, as far as can be told: one may stand whose way is closed meanwhile."""
    unanswered = peer.echoes and all(reply.got is not Got.ANSWER for reply in peer.echoes)
    return peer.is_fresh or (evidence.has_session(peer) and (not unanswered or peer.keepalive_came))


def _has_left(evidence: Evidence, peer: Peer) -> bool:
    """Whether it is a guest of a server that serves others: such come and go."""
    others = any(evidence.has_session(one) for one in evidence.peers if one is not peer)
    return others and _is_server(evidence, peer) and peer.after.handshake > 0


def short(key: str) -> str:
    """A key as a report names it."""
    return f"{key[:8]}…"


def _well(evidence: Evidence) -> Finding:
    if evidence.kind is Kind.FILE:
        return Finding(Cause.NOT_UP, _CERTAIN, (fact("not-up", name=evidence.name),))
    facts = []
    for peer in evidence.peers:
        if evidence.has_session(peer):
            facts.append(
                fact("handshake", key=short(peer.key), age=round(evidence.now - peer.after.handshake))
                if not peer.is_fresh
                else fact("handshake-now", key=short(peer.key))
            )
        facts += [
            fact("answers", address=reply.address, ms=reply.ms)
            for reply in peer.echoes
            if reply.got is Got.ANSWER
        ]
        facts += [
            fact("largest-passes", size=one.largest)
            for one in peer.searches
            if not one.outside and not one.smallest_lost
        ]
    facts += judge_data.well_facts(evidence)
    sure = any(reply.got is Got.ANSWER for peer in evidence.peers for reply in peer.echoes)
    return Finding(Cause.ALL_WELL, _CERTAIN if sure else _POSSIBLE, tuple(facts) or (fact("nobody-spoke"),))


def _notes(evidence: Evidence) -> Iterator[Fact]:
    """What could not be known, and what is odd without being the fault."""
    yield from (fact(code) for code in evidence.unknown)
    yield from (fact("not-applied", key=short(key)) for key in evidence.not_applied)
    for peer in evidence.peers:
        for prefix, network, interface in targets.taken_networks(peer.allowed_ips, evidence.local.networks):
            yield fact("taken-network", prefix=prefix, network=network, interface=interface)
        if peer.nat:
            yield judge_data.nat_fact(peer.nat)
        if peer.is_fresh and (count := peer.after.drops.get("old_timestamp", 0)):
            yield fact("old-timestamp", count=count, now=peer.grown("old_timestamp"))
        if not peer.endpoint and not peer.after.handshake and evidence.kind is not Kind.FILE:
            yield fact("never-spoke", key=short(peer.key))
        if not evidence.has_session(peer) and _has_left(evidence, peer):
            yield fact("gone", key=short(peer.key), age=round(evidence.now - peer.after.handshake))
