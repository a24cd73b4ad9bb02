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
from glasstunnel.diagnose.report import json_text, remedies_as_text, shown
from glasstunnel.diagnose.story import CONFIDENCES, Translate
from glasstunnel.diagnose.tunnel.evidence import Evidence, Got, Peer
from glasstunnel.diagnose.tunnel.finding import Finding, Verdict
from glasstunnel.diagnose.tunnel.judge import reach_verdict, short
from glasstunnel.diagnose.tunnel.remedies import remedies
from glasstunnel.diagnose.tunnel.story import CAUSES, REMEDIES, WARNINGS, told

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
        "remedies": [
            {
                "code": remedy.code,
                "title": REMEDIES[remedy.code],
                "heeded_by": remedy.heeded_by,
                "commands": list(remedy.commands),
                "undo": list(remedy.undo),
                "warnings": [WARNINGS[code] for code in remedy.warnings],
            }
            for remedy in ways
        ],
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
        sentence = f"{_(CAUSES[other.cause])} [{_caused(other, _)}]"
        lines += ["", _("Besides: {sentence}").format(sentence=sentence)]
        lines += [f"  - {told(fact, _)}" for fact in other.facts]
    if verdict.notes:
        lines += ["", _("To know besides:"), *(f"  - {told(fact, _)}" for fact in verdict.notes)]
    lines += ["", _("Layers:"), *(f"  {line}" for line in _layers(evidence))]
    return "\n".join(lines) + "\n"


def _caused(finding: Finding, _: Translate) -> str:
    peer = f" ({short(finding.peer)})" if finding.peer else ""
    return f"{finding.cause}{peer}, {_(CONFIDENCES[finding.confidence])}"


def _layers(evidence: Evidence) -> list[str]:
    """What was seen, in the words of the field."""
    interface = evidence.interface
    state = ("up" if interface.up else "down") if interface.exists else "none"
    lines = [
        f"interface  {state}, mtu {interface.mtu}, {', '.join(interface.addresses) or '-'} ({evidence.kind})",
        f"key        {evidence.public_key or '-'}, port {evidence.listen_port}, mark {evidence.fwmark:#x}",
    ]
    if evidence.drops:
        lines.append("drops      " + _counters(evidence.drops))
    for peer in evidence.peers:
        lines += [f"peer       {peer.key}", *(f"  {line}" for line in _peer(peer))]
    return lines


def _peer(peer: Peer) -> list[str]:
    lines = [
        f"endpoint   {peer.endpoint or '-'}"
        + (f" (configured {peer.configured})" if peer.configured else ""),
        f"allowed    {', '.join(peer.allowed_ips) or '-'}",
        f"received   {peer.before.received} -> {peer.after.received} bytes",
        f"sent       {peer.before.sent} -> {peer.after.sent} bytes",
    ]
    if peer.outward:
        lines.append(f"route      {peer.outward.interface or peer.outward.error}")
    if peer.after.drops:
        lines.append("drops      " + _counters(peer.after.drops))
    if peer.outside and peer.outside.got is not Got.SILENCE:
        lines.append(f"knock      {peer.outside.got} {peer.outside.by}".rstrip())
    lines += [
        f"echo       {reply.address} {reply.got} {reply.by or f'{reply.ms} ms'}" for reply in peer.echoes
    ]
    lines += [
        f"size       {one.address} {'outside' if one.outside else 'inside'}: "
        f"{one.largest} passes, {one.smallest_lost or 'none'} lost"
        for one in peer.searches
    ]
    return lines


def _counters(drops: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in drops.items())
