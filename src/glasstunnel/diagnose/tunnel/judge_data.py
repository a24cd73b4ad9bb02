"""A session stands: does it carry what it should?

Rule: what the kernel and the counters say outright is certain, what an answer's absence suggests is likely.
An echo that is not answered may be a host that does not answer echoes: only together with something else is
it a fault. Section: WP §2 (cryptokey routing), §6.5 (the passive keepalive tells that data was opened);
ip-sysctl ``rp_filter``; RFC 1812 §4.2.2.9 and §5.3.1 (a router says that the time to live is over).
"""

from collections.abc import Iterator

from glasstunnel.diagnose.causes import Confidence
from glasstunnel.diagnose.finding import Fact, fact
from glasstunnel.diagnose.tunnel import natlife, targets
from glasstunnel.diagnose.tunnel.causes import Cause
from glasstunnel.diagnose.tunnel.evidence import (
    Evidence,
    Filtered,
    Got,
    Kind,
    NatLife,
    Peer,
    Reply,
    Target,
    Way,
)
from glasstunnel.diagnose.tunnel.finding import Finding

_CERTAIN, _LIKELY, _POSSIBLE = Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE


def peer(evidence: Evidence, peer: Peer) -> Iterator[Finding]:
    """What is wrong with one peer's data; at most one finding."""
    finding = (
        _arrivals(evidence, peer)
        or _ways(evidence, peer)
        or _allowed(peer)
        or _echoes(evidence, peer)
        or _large(evidence, peer)
    )
    if finding:
        yield finding


def _arrivals(evidence: Evidence, peer: Peer) -> Finding | None:
    """The kernel would drop what comes out of the tunnel, although it would send answers into it."""
    for one in peer.arrivals:
        if one.error == "EXDEV" and _leads_in(evidence, peer, one.prefix):
            facts = (fact("arrival-filtered", source=one.source, name=evidence.name),)
            return Finding(Cause.REVERSE_PATH_FILTER, _CERTAIN, facts, peer.key)
    return None


def _leads_in(evidence: Evidence, peer: Peer, prefix: str) -> bool:
    return any(way.prefix == prefix and way.interface == evidence.name for way in peer.ways)


def _ways(evidence: Evidence, peer: Peer) -> Finding | None:
    """Allowed IPs say what a tunnel may carry; that it is led there is for routes."""
    if not evidence.interface.up:
        return None
    wrong = [way for way in peer.ways if way.interface != evidence.name and not _is_taken(evidence, way)]
    if not wrong:
        return None
    facts = tuple(
        fact("not-routed", prefix=way.prefix, interface=way.interface or way.error, name=evidence.name)
        for way in wrong
    )
    return Finding(Cause.NOT_ROUTED, _CERTAIN, facts, peer.key)


def _is_taken(evidence: Evidence, way: Way) -> bool:
    """Whether the address asked about is of a local network, which a default route rightly goes around."""
    return targets.is_through(way.destination, [network for network, _ in evidence.local.networks])


def _allowed(peer: Peer) -> Finding | None:
    """Our device has dropped what came from the peer for its source."""
    count = peer.after.drops.get("wrong_source", 0)
    if not count or not (peer.grown("wrong_source") or not _answered(peer)):
        return None
    facts = (fact("wrong-source", count=count, now=peer.grown("wrong_source")),)
    return Finding(Cause.ALLOWED_IPS_MISSING, _CERTAIN, facts, peer.key)


def _answered(peer: Peer) -> bool:
    return any(reply.got is Got.ANSWER for reply in peer.echoes)


def _echoes(evidence: Evidence, peer: Peer) -> Finding | None:
    """Small packets come back, or why not."""
    if not peer.echoes or _answered(peer):
        return None
    facts = [unanswered(reply) for reply in peer.echoes]
    inner = [one for one in evidence.filtered if one.what == "inner"]
    if inner or any(reply.got in (Got.PROHIBITED, Got.NOT_PERMITTED) for reply in peer.echoes):
        rules = map(filter_fact, inner)
        sure = any(one.sure for one in inner) or not inner
        return Finding(Cause.FIREWALL, _CERTAIN if sure else _LIKELY, (*facts, *rules), peer.key)
    if peer.keepalive_came:
        facts.append(fact("opened-there"))
        return Finding(Cause.NO_DATA, _LIKELY, tuple(facts), peer.key)
    facts.append(fact("not-opened-there"))
    return Finding(Cause.NO_DATA, _POSSIBLE, tuple(facts), peer.key)


def unanswered(reply: Reply) -> Fact:
    """What came of an echo request instead of its answer."""
    if reply.by:
        return fact("refused", address=reply.address, got=reply.got, by=reply.by)
    return fact("no-answer", address=reply.address, got=reply.got)


def filter_fact(one: Filtered) -> Fact:
    """The rule that drops a packet."""
    return fact("filtered" if one.sure else "filtered-maybe", hook=one.hook, what=one.what, rule=one.rule)


def _large(evidence: Evidence, peer: Peer) -> Finding | None:
    """Small ones pass, large ones do not."""
    inside = next((one for one in peer.searches if not one.outside and one.smallest_lost), None)
    if inside is None:
        return None
    outside = next((one for one in peer.searches if one.outside), None)
    facts = [
        fact("large-lost", address=inside.address, largest=inside.largest, lost=inside.smallest_lost),
        fact("mtu-reported", size=inside.reported) if inside.reported else fact("mtu-hole"),
    ]
    if outside:
        facts.append(
            fact("outside-path", address=outside.address, largest=outside.largest, lost=outside.smallest_lost)
        )
    facts.append(fact("right-mtu", mtu=inside.largest, now=evidence.interface.mtu))
    return Finding(Cause.LARGE_PACKETS_LOST, _CERTAIN, tuple(facts), peer.key)


# The address that should be reached


def target(evidence: Evidence) -> Iterator[Finding]:
    """What is wrong with the way to the address that the user names; at most one finding."""
    if (found := evidence.target) is None:
        return
    finding = _beyond(evidence, found) if found.way.interface == evidence.name else _onward(evidence, found)
    if finding:
        yield finding


def _beyond(evidence: Evidence, found: Target) -> Finding | None:
    """Through the tunnel: the peer has to forward."""
    if found.answered is None or found.answered.got is Got.ANSWER:
        return None
    silent = unanswered(found.answered)
    owner = next((one for one in evidence.peers if targets.is_through(found.address, one.allowed_ips)), None)
    if owner is None:
        facts = (silent, fact("not-allowed", address=found.address))
        return Finding(Cause.ALLOWED_IPS_MISSING, _CERTAIN, facts)
    if found.answered.got is Got.PROHIBITED:
        return Finding(Cause.FIREWALL, _CERTAIN, (silent,), owner.key)
    if not _answered(owner):
        return None if owner.echoes else Finding(Cause.NO_DATA, _POSSIBLE, (silent,), owner.key)
    if found.one_hop and found.one_hop.got is Got.TIME_EXCEEDED:
        hop = fact("hop-says", by=found.one_hop.by)
        return Finding(Cause.NO_MASQUERADE, _POSSIBLE, (silent, hop, fact("no-way-back")), owner.key)
    return Finding(Cause.FORWARDING_OFF, _LIKELY, (silent, fact("hop-silent")), owner.key)


def _onward(evidence: Evidence, found: Target) -> Finding | None:
    """Out of the tunnel: it is for this machine to forward."""
    if found.way.error:
        return Finding(
            Cause.NO_ROUTE, _CERTAIN, (fact("no-way", address=found.address, error=found.way.error),)
        )
    if not found.forwarded:
        facts = (fact("outside-tunnel", address=found.address, interface=found.way.interface),)
        return Finding(Cause.ALLOWED_IPS_MISSING, _CERTAIN, facts)
    version = 6 if ":" in found.address else 4
    if not evidence.local.forwarding.get(version, True):
        return Finding(Cause.FORWARDING_OFF, _CERTAIN, (fact("forwarding-off", version=version),))
    for way in found.forwarded:
        if way.error == "EXDEV":
            facts = (fact("arrival-filtered", source=way.source, name=evidence.name),)
            return Finding(Cause.REVERSE_PATH_FILTER, _CERTAIN, facts)
        if way.error == "EHOSTUNREACH":
            facts = (fact("not-forwarded", source=way.source, address=found.address),)
            return Finding(Cause.FORWARDING_OFF, _CERTAIN, facts)
    for one in evidence.filtered:
        if one.what == "through":
            return Finding(Cause.FIREWALL, _CERTAIN if one.sure else _POSSIBLE, (filter_fact(one),))
    if found.translated is False and found.private:
        facts = (fact("untranslated", source=found.source, address=found.address),)
        return Finding(Cause.NO_MASQUERADE, _LIKELY, facts)
    return None


def well_facts(evidence: Evidence) -> list[Fact]:
    """What speaks for the way to the address that the user names."""
    found = evidence.target
    if found is None or evidence.kind is Kind.FILE:
        return []
    facts = []
    if found.answered and found.answered.got is Got.ANSWER:
        facts.append(fact("answers", address=found.address, ms=found.answered.ms))
    if found.forwarded:
        facts.append(fact("forwards", source=found.source, address=found.address))
        if found.translated is False:
            facts.append(fact("must-know-way-back", source=found.source))
    return facts


def nat_fact(life: NatLife) -> Fact:
    """What was measured of the NAT, with the line that follows."""
    keepalive = natlife.right_keepalive(life)
    if life.lost and life.survived:
        return fact("nat-forgets", survived=life.survived, lost=life.lost, keepalive=keepalive)
    if life.lost:
        return fact("nat-shorter", lost=life.lost, keepalive=keepalive)
    if not life.disturbed:
        return fact("nat-outlasts", survived=life.survived)
    if life.survived:
        return fact("nat-at-least", survived=life.survived, keepalive=keepalive)
    return fact("nat-disturbed")
