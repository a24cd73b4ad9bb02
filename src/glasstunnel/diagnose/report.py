"""The report: as text, fit for a bug tracker, and as JSON.

Rule: both are made from the same verdict and the same evidence. What belongs to the user's own network is
hidden unless asked for: private addresses and the machine's own. Passwords in the URLs of proxies are never
shown but in a command that needs them.
Section: the book's part on diagnosis.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from glasstunnel.diagnose.addresses import is_address, without_passwords
from glasstunnel.diagnose.evidence import Evidence, Handshake, Host, Lookup, Outcome
from glasstunnel.diagnose.finding import Fact, Finding, Verdict
from glasstunnel.diagnose.remedy import Remedy
from glasstunnel.diagnose.story import (
    CONFIDENCES,
    KINDS,
    OUTCOMES,
    REMEDIES,
    ROLES,
    WARNINGS,
    Translate,
    explained,
    marked,
    named,
    source_named,
    told,
)

FORMAT = 1
"""Raised when a field of the JSON report changes its meaning or goes."""


def as_json(verdict: Verdict, remedies: Iterable[Remedy], evidence: Evidence) -> dict[str, object]:
    """Everything, as values; the sentences are in English."""
    return {
        "format": FORMAT,
        "image": str(evidence.image),
        "verdict": {
            **_finding(verdict.finding),
            "class": verdict.kind,
            "exit_status": verdict.exit_status,
            "also": [_finding(finding) for finding in verdict.also],
        },
        "remedies": [remedy_as_json(remedy) for remedy in remedies],
        "layers": _seen(evidence),
    }


def remedy_as_json(
    remedy: Remedy, titles: Mapping[str, str] = REMEDIES, cautions: Mapping[str, str] = WARNINGS
) -> dict[str, object]:
    """A way to mend it, as values."""
    return dataclasses.asdict(remedy) | {
        "title": titles[remedy.code],
        "warnings": [cautions[code] for code in remedy.warnings],
    }


def _seen(evidence: Evidence) -> dict[str, object]:
    seen = dataclasses.asdict(evidence)
    seen["image"] = str(evidence.image)
    seen["machine"]["faults"] = [_fact(fact) for fact in evidence.machine.faults]
    return seen


def _fact(fact: Fact) -> dict[str, str]:
    return {"code": fact.code, **fact.values, "text": told(fact, str)}


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "cause": finding.cause,
        "why": finding.why,
        "host": finding.host,
        "role": finding.role,
        "confidence": finding.confidence,
        "sentence": named(finding, str),
        "evidence": [_fact(fact) for fact in finding.facts],
    }


def json_text(document: dict[str, object], mask: Callable[[str], str], *, whole: bool = False) -> str:
    """The document as text, each string of it as ``mask`` shows it; with ``whole`` only passwords are hidden.

    Commands are then as they must be. Where they are not, a remedy says so: ``masked``.
    """
    plain = json.loads(json.dumps(document))
    shown = _masked(plain, without_passwords if whole else mask)
    for remedy, before in zip(shown["remedies"], plain["remedies"], strict=True):
        if whole:
            remedy |= before
        remedy["masked"] = any(remedy[key] != before[key] for key in ("commands", "undo", "lines"))
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _masked(value: object, mask: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _masked(item, mask) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, mask) for item in value]
    return mask(value) if isinstance(value, str) else value


def own_addresses(evidence: Evidence) -> set[str]:
    """The machine's addresses, as its connections show them, and as the registry sees them."""
    connections = [item for host in evidence.hosts for item in host.connections] + evidence.controls
    found = {item.local.partition("%")[0] for item in connections if item.local}
    for host in evidence.hosts:
        found |= {reply.headers.get("docker-ratelimit-source", "") for reply in host.replies}
    return {address for address in found if is_address(address)} - {"127.0.0.1", "::1"}


def as_text(verdict: Verdict, evidence: Evidence, _: Translate, version: str) -> str:
    """The report for people."""
    when = datetime.fromtimestamp(evidence.now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    finding, cause = verdict.finding, _caused(verdict.finding, _)
    lines = [
        f"glasstunnel {version} diagnose docker-pull {evidence.image}",
        f"{when}, {evidence.seconds:.1f} s, {evidence.machine.system}",
        "",
        _("Verdict: {sentence}").format(sentence=named(finding, _)),
        _("Cause: {cause}").format(cause=cause),
        "",
        _("Evidence:"),
        *(f"  - {told(fact, _)}" for fact in finding.facts),
    ]
    for other in verdict.also:
        sentence = _("{sentence} ({why})").format(sentence=named(other, _), why=_caused(other, _))
        lines += ["", _("Behind it: {sentence}").format(sentence=sentence)]
        lines += [f"  - {told(fact, _)}" for fact in other.facts]
    lines += ["", _("Layers:")]
    for host in evidence.hosts:
        lines += _layers(host, _)
    lines += ["", _("This machine:"), *(f"  {line}" for line in _machine(evidence, _))]
    return "\n".join(lines) + "\n"


def remedies_as_text(
    remedies: list[Remedy],
    _: Translate,
    titles: Mapping[str, str] = REMEDIES,
    cautions: Mapping[str, str] = WARNINGS,
) -> str:
    """The ways to mend it, for the user's own eyes: commands hold the addresses that they need."""
    lines: list[str] = []
    for number, remedy in enumerate(remedies, 1):
        title = _(titles[remedy.code])
        is_here = remedy.commands and remedy.as_root and remedy.heeded_by
        lines += ["", f"{number}. {title}" + (_(" (as root)") if is_here else "")]
        lines += [
            "   " + _("Beware: {warning}").format(warning=_(cautions[code])) for code in remedy.warnings
        ]
        lines += [f"     {command}" for command in remedy.commands]
        if remedy.lines:
            lines += ["   " + _kept(remedy, _), *(f"     {line}" for line in remedy.lines)]
        if remedy.undo:
            lines += ["   " + _("To undo it:"), *(f"     {command}" for command in remedy.undo)]
    return "\n".join(lines) + "\n" if lines else ""


def _kept(remedy: Remedy, _: Translate) -> str:
    if remedy.file:
        return (_("To keep it, in {file}:") if remedy.commands else _("In {file}:")).format(file=remedy.file)
    if not remedy.heeded_by:
        return _("In the configuration there:")
    return _("To keep it, in the tunnel's configuration:") if remedy.commands else _("In its configuration:")


def shown(
    text: str,
    mending: str,
    mask: Callable[[str], str],
    _: Translate,
    *,
    whole: bool = False,
    terminal: bool = True,
) -> str:
    """The report, and below it the ways to mend it, whose commands need what the report hides.

    On a terminal they are whole; what goes into a file or a pipe may be published from its first line to its
    last. ``whole`` hides no address in either. A password stands in commands alone.
    """
    if whole or terminal:
        note = _("What follows holds addresses or passwords of your own: it is not for a public report.")
    else:
        note = _(
            "Commands with own-address-1 or *** do not work as they stand: --unmasked prints them whole."
        )
    head = without_passwords(text) if whole else mask(text)
    if mask(mending) != mending:
        head += f"\n{note}\n"
    return head + (mending if whole or terminal else mask(mending))


def _caused(finding: Finding, _: Translate) -> str:
    why = f" / {finding.why}" if finding.why else ""
    sure = _(CONFIDENCES[finding.confidence])
    return _("{cause}, {confidence}").format(cause=f"{finding.cause}{why}", confidence=sure)


def _layers(host: Host, _: Translate) -> list[str]:
    by = "  " + _("by {way}").format(way=host.proxy) if host.proxy else ""
    lines = [f"  {_(ROLES[host.role])}  {host.name}:{host.port}{by}"]
    name = _("name")
    lines += [f"    {name}  {line}" for line in _merged(host.lookups, _)]
    lines += [
        f"    TCP   {item.address:<15} {_ended(item.outcome, item.ms, item.detail, _)}"
        for item in host.connections
    ]
    lines += [f"    TLS   {item.address:<15} {_shake(item, _)}" for item in host.handshakes]
    for item in host.replies:
        way = _("by {way}").format(way=item.via)
        read = item.status and item.outcome is Outcome.OK
        ended = f"{item.status} {item.ms:.0f} ms" if read else _ended(item.outcome, item.ms, item.detail, _)
        lines.append(f"    HTTP  {item.url} {way}: {ended}")
    return lines


def _ended(outcome: Outcome, ms: float, detail: str, _: Translate) -> str:
    return f"{_failed(outcome, detail, _)} {ms:.0f} ms"


def _failed(outcome: Outcome, detail: str, _: Translate) -> str:
    how = _(OUTCOMES[outcome])
    return _("{outcome} ({detail})").format(outcome=how, detail=explained(detail, _)) if detail else how


def _merged(lookups: Iterable[Lookup], _: Translate) -> list[str]:
    """A line for each answer, with everybody who gave it."""
    given: dict[tuple[str, str], list[str]] = {}
    denied = _(OUTCOMES[Outcome.NO_SUCH_NAME])
    for item in lookups:
        given.setdefault((item.source, item.transport), []).extend(_answer(item, _))
    answers: dict[str, dict[str, list[str]]] = {}
    for (source, transport), several in given.items():
        addresses = list(dict.fromkeys(several))
        # That there is no IPv6 address goes without saying where there is one of IPv4.
        known = [one for one in addresses if not one.startswith(denied)] or addresses
        name = source_named(source, _)
        way = [transport] if source == name else []
        answers.setdefault(", ".join(known), {}).setdefault(name, []).extend(way)
    return [
        f"{what}  <- {', '.join(' '.join((name, *ways)) for name, ways in who.items())}"
        for what, who in answers.items()
    ]


def _answer(item: Lookup, _: Translate) -> Iterable[str]:
    for record in sorted(item.records, key=lambda record: record.address):
        ttl = "" if record.ttl is None else f" ttl {record.ttl}"
        odd = _(" ({mark})").format(mark=marked(record.mark, _)) if record.mark else ""
        yield record.address + ttl + odd
    if not item.records:
        yield _failed(item.outcome, item.detail, _)
    for later in item.later:
        if later:
            addresses = ", ".join(sorted(record.address for record in later))
            yield _("then {addresses}").format(addresses=addresses)


def _shake(item: Handshake, _: Translate) -> str:
    issuer = item.certificate.issuer if item.certificate and item.outcome is not Outcome.OK else ""
    by = ", " + _("issued by {issuer}").format(issuer=issuer) if issuer else ""
    small = _(" (segments of {size} bytes)").format(size=item.segment) if item.segment else ""
    return f"{item.server_name}{small}: {_ended(item.outcome, item.ms, item.detail, _)}{by}"


def _machine(evidence: Evidence, _: Translate) -> list[str]:
    machine = evidence.machine
    lines = [
        f"resolv.conf: {', '.join(machine.name_servers) or '-'}"
        + (f" (systemd-resolved: {', '.join(machine.upstream) or '-'})" if machine.resolved else ""),
        f"nsswitch: {machine.nsswitch or '-'}",
        _("default route: {interface}").format(interface=machine.interface or "-")
        + (f", MTU {machine.mtu}" if machine.mtu else ""),
    ]
    lines.append(_("who pulls: {who}").format(who=_(KINDS[machine.kind]).format(endpoint=machine.endpoint)))
    if machine.proxies and (machine.proxies.https or machine.proxies.http):
        proxies = machine.proxies
        url, no = proxies.https or proxies.http, proxies.no or "-"
        lines.append(_("proxy ({source}): {url}").format(source=proxies.source, url=url) + f", NO_PROXY {no}")
    if machine.daemon and machine.environment and machine.environment != machine.proxies:
        lines.append(_("the proxy of this shell's environment is not the daemon's"))
    if machine.stale:
        lines.append(_("the daemon runs with other proxies than its files say: restart it"))
    if machine.mirrors:
        lines.append(f"registry-mirrors: {', '.join(machine.mirrors)}")
    if machine.daemon_dns:
        lines.append(
            _("daemon.json sets dns to {servers}: for containers only, a pull does not use it").format(
                servers=", ".join(machine.daemon_dns)
            )
        )
    return lines + [told(fact, _) for fact in machine.faults]
