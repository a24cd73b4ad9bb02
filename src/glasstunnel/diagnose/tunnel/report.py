"""The report on a tunnel: as text, fit for a bug tracker, and as JSON.

Rule: as for a pull, both are made from the same verdict and the same evidence, and addresses of the user's
own network are hidden unless asked for. Section: the book's part on diagnosis.
"""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_interface

from glasstunnel import __version__
from glasstunnel.diagnose.addresses import Mask
from glasstunnel.diagnose.remedy import Remedy
from glasstunnel.diagnose.report import json_text, remedies_as_text, remedy_as_json, shown
from glasstunnel.diagnose.story import CONFIDENCES, N_, Translate
from glasstunnel.diagnose.tunnel.evidence import Evidence, Got, Peer, Reply, Search
from glasstunnel.diagnose.tunnel.finding import Finding, Verdict
from glasstunnel.diagnose.tunnel.judge import reach_verdict, short
from glasstunnel.diagnose.tunnel.remedies import remedies
from glasstunnel.diagnose.tunnel.story import CAUSES, GOT, KINDS, REMEDIES, WARNINGS, told

FORMAT = 1
"""Raised when a field of the JSON report changes its meaning or goes."""


def printed(
    evidence: Evidence, _: Translate, in_json: bool = False, unmasked: bool = False, terminal: bool = True
) -> tuple[int, str]:
    """The exit status, and what the command prints: the report, as text with the ways to mend it below."""
    verdict = reach_verdict(evidence)
    ways = remedies(verdict, evidence)
    mask = Mask(own_addresses(evidence), networks=True)
    if in_json:
        return verdict.exit_status, json_text(as_json(verdict, ways, evidence), mask, whole=unmasked) + "\n"
    text = as_text(verdict, evidence, _, __version__)
    mending = remedies_as_text(ways, _, REMEDIES, WARNINGS)
    return verdict.exit_status, shown(text, mending, mask, _, whole=unmasked, terminal=terminal)


def as_json(verdict: Verdict, ways: Iterable[Remedy], evidence: Evidence) -> dict[str, object]:
    """Everything, as values; the sentences are in English."""
    return {
        "format": FORMAT,
        "tunnel": evidence.name,
        "verdict": {
            **_finding(verdict.finding),
            "class": verdict.kind,
            "exit_status": verdict.exit_status,
            "also": [_finding(finding) for finding in verdict.also],
            "notes": [{"code": fact.code, **fact.values, "text": told(fact, str)} for fact in verdict.notes],
        },
        "remedies": [remedy_as_json(remedy, REMEDIES, WARNINGS) for remedy in ways],
        "layers": dataclasses.asdict(evidence),
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "cause": finding.cause,
        "peer": finding.peer,
        "confidence": finding.confidence,
        "sentence": CAUSES[finding.cause],
        "evidence": [{"code": fact.code, **fact.values, "text": told(fact, str)} for fact in finding.facts],
    }


def own_addresses(evidence: Evidence) -> set[str]:
    """The machine's own addresses, and those of the networks that it is in."""
    found = {str(ip_interface(address).ip) for address in evidence.interface.addresses}
    found |= {str(ip_interface(network).ip) for network, _ in evidence.local.networks}
    return found | {peer.backward.destination for peer in evidence.peers if peer.backward}


def as_text(verdict: Verdict, evidence: Evidence, _: Translate, version: str) -> str:
    """The report for people."""
    when = datetime.fromtimestamp(evidence.now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lines = [
        f"glasstunnel {version} diagnose tunnel {evidence.name}",
        f"{when}, {evidence.seconds:.1f} s",
        "",
        _("Verdict: {sentence}").format(sentence=_(CAUSES[verdict.cause])),
        _("Cause: {cause}").format(cause=_caused(verdict.finding, _)),
        "",
        _("Evidence:"),
        *(f"  - {told(fact, _)}" for fact in verdict.finding.facts),
    ]
    for other in verdict.also:
        sentence = _("{sentence} ({why})").format(sentence=_(CAUSES[other.cause]), why=_caused(other, _))
        lines += ["", _("Besides: {sentence}").format(sentence=sentence)]
        lines += [f"  - {told(fact, _)}" for fact in other.facts]
    if verdict.notes:
        lines += ["", _("To know besides:"), *(f"  - {told(fact, _)}" for fact in verdict.notes)]
    lines += ["", _("Layers:"), *(f"  {line}" for line in _layers(evidence, _))]
    return "\n".join(lines) + "\n"


def _caused(finding: Finding, _: Translate) -> str:
    peer = f" ({short(finding.peer)})" if finding.peer else ""
    sure = _(CONFIDENCES[finding.confidence])
    return _("{cause}, {confidence}").format(cause=f"{finding.cause}{peer}", confidence=sure)


def _layers(evidence: Evidence, _: Translate) -> list[str]:
    """What was seen, in the words of the field."""
    interface = evidence.interface
    state = (N_("up") if interface.up else N_("down")) if interface.exists else N_("none here")
    addresses = ", ".join(interface.addresses) or "-"
    lines = [
        _("interface  {state}, MTU {mtu}, {addresses}, {kind}").format(
            state=_(state), mtu=interface.mtu, addresses=addresses, kind=_(KINDS[evidence.kind])
        ),
        _("public key  {key}, port {port}, mark {mark}").format(
            key=evidence.public_key or "-", port=evidence.listen_port, mark=f"{evidence.fwmark:#x}"
        ),
    ]
    if evidence.drops:
        lines.append(_("dropped  {counters}").format(counters=_counters(evidence.drops)))
    for peer in evidence.peers:
        lines += [_("peer  {key}").format(key=peer.key), *(f"  {line}" for line in _peer(peer, _))]
    return lines


def _peer(peer: Peer, _: Translate) -> list[str]:
    where = peer.endpoint or "-"
    if peer.configured and peer.configured != where:
        where = _("{endpoint} (configured: {configured})").format(endpoint=where, configured=peer.configured)
    before, after = peer.before, peer.after
    lines = [
        _("endpoint  {endpoint}").format(endpoint=where),
        _("allowed IPs  {prefixes}").format(prefixes=", ".join(peer.allowed_ips) or "-"),
        _("received  {before} -> {after} bytes").format(before=before.received, after=after.received),
        _("sent  {before} -> {after} bytes").format(before=before.sent, after=after.sent),
    ]
    if peer.outward:
        lines.append(_("way out  {interface}").format(interface=peer.outward.interface or peer.outward.error))
    if after.drops:
        lines.append(_("dropped  {counters}").format(counters=_counters(after.drops)))
    if peer.outside and peer.outside.got is not Got.SILENCE:
        lines.append(_("knock  {outcome}").format(outcome=_ended(peer.outside, _)))
    lines += [
        _("echo  {address}: {outcome}").format(address=reply.address, outcome=_ended(reply, _))
        for reply in peer.echoes
    ]
    return lines + [_sizes(one, _) for one in peer.searches]


def _ended(reply: Reply, _: Translate) -> str:
    got = _(GOT[reply.got])
    if reply.got is Got.ANSWER:
        return f"{got} {reply.ms} ms"
    return _("{got}, says {by}").format(got=got, by=reply.by) if reply.by else got


def _sizes(one: Search, _: Translate) -> str:
    title = _("size outside") if one.outside else _("size inside")
    template = _("{largest} bytes pass, {lost} do not") if one.smallest_lost else _("{largest} bytes pass")
    passed = template.format(largest=one.largest, lost=one.smallest_lost)
    return _("{title}  {address}: {passed}").format(title=title, address=one.address, passed=passed)


def _counters(drops: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in drops.items())
