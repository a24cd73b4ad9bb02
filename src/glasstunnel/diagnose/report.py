"""The report: as text, fit for a bug tracker, and as JSON.

Rule: both are made from the same verdict and the same evidence. What belongs to the user's own network is
hidden unless asked for: private addresses and the machine's own, and passwords in the URLs of proxies.
Section: the book's part on diagnosis.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from glasstunnel.diagnose.addresses import is_address
from glasstunnel.diagnose.evidence import Evidence, Handshake, Host, Lookup, Outcome
from glasstunnel.diagnose.finding import Finding, Verdict
from glasstunnel.diagnose.remedies import Remedy
from glasstunnel.diagnose.story import CONFIDENCES, REMEDIES, WARNINGS, Translate, named, told

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
        "remedies": [
            {
                "code": remedy.code,
                "title": REMEDIES[remedy.code],
                "heeded_by": remedy.heeded_by,
                "commands": list(remedy.commands),
                "undo": list(remedy.undo),
                "warnings": [WARNINGS[code] for code in remedy.warnings],
            }
            for remedy in remedies
        ],
        "layers": {**dataclasses.asdict(evidence), "image": str(evidence.image)},
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "cause": finding.cause,
        "why": finding.why,
        "host": finding.host,
        "role": finding.role,
        "confidence": finding.confidence,
        "sentence": named(finding, str),
        "evidence": [{"code": fact.code, **fact.values, "text": told(fact, str)} for fact in finding.facts],
    }


def json_text(document: dict[str, object], mask: Callable[[str], str]) -> str:
    """The document as text, each string of it as ``mask`` shows it."""
    return json.dumps(_masked(json.loads(json.dumps(document)), mask), indent=2, ensure_ascii=False)


def _masked(value: object, mask: Callable[[str], str]) -> object:
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
        lines += ["", _("Behind it: {sentence}").format(sentence=f"{named(other, _)} [{_caused(other, _)}]")]
        lines += [f"  - {told(fact, _)}" for fact in other.facts]
    lines += ["", _("Layers:")]
    for host in evidence.hosts:
        lines += _layers(host)
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
        lines += ["", f"{number}. {title}" + (_(" (as root)") if remedy.commands else "")]
        lines += [
            "   " + _("Beware: {warning}").format(warning=_(cautions[code])) for code in remedy.warnings
        ]
        lines += [f"     {command}" for command in remedy.commands]
        if remedy.undo:
            lines += ["   " + _("To undo it:"), *(f"     {command}" for command in remedy.undo)]
    return "\n".join(lines) + "\n" if lines else ""


def with_remedies(text: str, mending: str, is_private: bool, _: Translate) -> str:
    """The report, and the ways to mend it, which may hold the addresses that the report hides."""
    if is_private:
        text += (
            "\n"
            + _("What follows holds addresses of your own network: it is not for a public report.")
            + "\n"
        )
    return text + mending


def _caused(finding: Finding, _: Translate) -> str:
    why = f" / {finding.why}" if finding.why else ""
    return f"{finding.cause}{why}, {_(CONFIDENCES[finding.confidence])}"


def _layers(host: Host) -> list[str]:
    lines = [f"  {host.role}  {host.name}:{host.port}" + (f"  via {host.proxy}" if host.proxy else "")]
    lines += [f"    name  {line}" for line in _merged(host.lookups)]
    lines += [
        f"    tcp   {item.address:<15} {item.outcome} {item.ms:.0f} ms {item.detail}".rstrip()
        for item in host.connections
    ]
    lines += [f"    tls   {item.address:<15} {_shake(item)}" for item in host.handshakes]
    lines += [
        f"    http  {item.url} via {item.via}: {item.status or item.outcome} "
        f"{item.ms:.0f} ms {item.detail}".rstrip()
        for item in host.replies
    ]
    return lines


def _merged(lookups: Iterable[Lookup]) -> list[str]:
    """A line for each answer, with everybody who gave it."""
    given: dict[tuple[str, str], list[str]] = {}
    for item in lookups:
        given.setdefault((item.source, item.transport), []).extend(_answer(item))
    answers: dict[str, dict[str, list[str]]] = {}
    for (source, transport), several in given.items():
        addresses = list(dict.fromkeys(several))
        # That there is no IPv6 address goes without saying where there is one of IPv4.
        known = [one for one in addresses if not one.startswith(str(Outcome.NO_SUCH_NAME))] or addresses
        answers.setdefault(", ".join(known), {}).setdefault(source, []).append(transport)
    return [
        f"{what}  <- {', '.join(' '.join((source, *ways)) for source, ways in who.items())}"
        for what, who in answers.items()
    ]


def _answer(item: Lookup) -> Iterable[str]:
    for record in sorted(item.records, key=lambda record: record.address):
        ttl = "" if record.ttl is None else f" ttl {record.ttl}"
        yield record.address + ttl + (f" ({record.mark})" if record.mark else "")
    if not item.records:
        yield f"{item.outcome} {item.detail}".rstrip()
    for later in item.later:
        if later:
            yield f"then {', '.join(sorted(record.address for record in later))}"


def _shake(item: Handshake) -> str:
    certificate = (
        f" by {item.certificate.issuer}" if item.certificate and item.outcome is not Outcome.OK else ""
    )
    small = f" (segments of {item.segment})" if item.segment else ""
    return f"{item.server_name}{small}: {item.outcome} {item.ms:.0f} ms {item.detail}{certificate}".rstrip()


def _machine(evidence: Evidence, _: Translate) -> list[str]:
    machine = evidence.machine
    lines = [
        f"resolv.conf: {', '.join(machine.name_servers) or '-'}"
        + (f" (systemd-resolved: {', '.join(machine.upstream) or '-'})" if machine.resolved else ""),
        f"nsswitch: {machine.nsswitch or '-'}",
        f"default route: {machine.interface or '-'}" + (f", mtu {machine.mtu}" if machine.mtu else ""),
    ]
    where = "Docker Desktop" if machine.desktop else "dockerd" if machine.daemon else "-"
    lines.append(f"daemon: {where}")
    if machine.proxies:
        proxies = machine.proxies
        lines.append(
            f"proxy ({proxies.source}): {proxies.https or proxies.http}, NO_PROXY {proxies.no or '-'}"
        )
    if machine.daemon and machine.environment and machine.environment != machine.proxies:
        lines.append(_("the proxy of this shell's environment is not the daemon's"))
    if machine.running and machine.configured and machine.running != machine.configured:
        lines.append(_("the daemon runs with other proxies than its files say: restart it"))
    if machine.mirrors:
        lines.append(f"registry-mirrors: {', '.join(machine.mirrors)}")
    if machine.daemon_dns:
        lines.append(
            _("daemon.json sets dns to {servers}: for containers only, a pull does not use it").format(
                servers=", ".join(machine.daemon_dns)
            )
        )
    return lines + list(machine.faults)
