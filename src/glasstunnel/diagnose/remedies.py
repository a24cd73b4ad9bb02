"""The commands that mend a cause, and those that take them back.

Rule: each cause that was found has its ways, what fails behind it too, and each way is named once. Section:
timedatectl(1), ip-link(8); :mod:`glasstunnel.diagnose.mend_names`, :mod:`glasstunnel.diagnose.mend_daemon`.
"""

import shlex
from collections.abc import Iterable

from glasstunnel.diagnose import mend_daemon, mend_names
from glasstunnel.diagnose.causes import Cause
from glasstunnel.diagnose.daemon import Kind
from glasstunnel.diagnose.evidence import Evidence, Host, Outcome
from glasstunnel.diagnose.finding import Finding, Verdict
from glasstunnel.diagnose.options import Resolver
from glasstunnel.diagnose.remedy import Remedy

_BY_PIN = (
    Cause.POISONED_RESOLVER,
    Cause.RESOLVER_FAILS,
    Cause.BLOCKED_ADDRESS,
    Cause.NAME_BASED_RESET,  # where it is done at one address, or over one version of IP, only
)
_BY_PROXY = (
    Cause.NAME_BASED_RESET,
    Cause.BLOCKED_ADDRESS,
    Cause.PROXY_NEEDED,
    Cause.INTERCEPTING_CERTIFICATE,
)


def remedies(verdict: Verdict, evidence: Evidence, resolvers: Iterable[Resolver]) -> list[Remedy]:
    """For the verdict, and for what fails behind it; each way once."""
    found: dict[tuple[str, tuple[str, ...]], Remedy] = {}
    for finding in (verdict.finding, *verdict.also):
        if finding.cause is Cause.ALL_WELL:
            break
        for remedy in _for(finding, evidence, tuple(resolvers)):
            found.setdefault((remedy.code, remedy.commands), remedy)
    return list(found.values())


def _for(finding: Finding, evidence: Evidence, resolvers: tuple[Resolver, ...]) -> list[Remedy]:
    cause = finding.root
    host = next((h for h in evidence.hosts if (h.name, h.role) == (finding.host, finding.role)), None)
    found: list[Remedy] = []
    if finding.cause is Cause.MIRROR_BROKEN:
        return [mend_daemon.without_mirror(finding.host, evidence)]
    if cause is Cause.STALE_HOSTS:
        found.append(mend_names.without_hosts_line(finding.host, evidence))
    if cause in (Cause.POISONED_RESOLVER, Cause.RESOLVER_FAILS) and host:
        found += mend_names.resolver(host, evidence, resolvers)
    if cause in _BY_PIN and host:
        found += mend_names.pin(evidence)
    if any(fact.code == "name-unknown-everywhere" for fact in finding.facts):
        found.append(Remedy("check-name", ""))
        if cause is Cause.RESOLVER_FAILS:
            found.append(Remedy("own-resolver", ""))
        return found
    if cause in _BY_PROXY:
        found += mend_daemon.through_proxy(mend_daemon.working_proxy(host), evidence)
    if cause is Cause.INTERCEPTING_CERTIFICATE and host:
        found.insert(0, mend_daemon.authority(host, evidence))
    if cause is Cause.WRONG_CLOCK:
        found += _clock(host)
    if cause is Cause.PROXY_BROKEN and host:
        found += mend_daemon.other_proxy(host, evidence)
    if cause is Cause.LARGE_PACKETS_LOST:
        found.append(_smaller_packets(evidence))
    if cause is Cause.NO_NETWORK:
        found.append(_network(evidence))
    if cause is Cause.RATE_LIMIT:
        found += [_log_in(evidence), Remedy("wait", "")]
    if cause is Cause.IMAGE_OR_PERMISSION:
        found.append(Remedy("check-name", ""))
        if not evidence.misfit:
            found.append(_log_in(evidence))
    if cause in (Cause.REGISTRY_FAILS, Cause.TOKEN_HOST, Cause.BLOB_HOST):
        found.append(_registry_fails(finding, host, evidence))
    return found


def _log_in(evidence: Evidence) -> Remedy:
    program = "podman" if evidence.machine.kind is Kind.PODMAN else "docker"
    registry = "" if evidence.image.on_hub and program == "docker" else f" {evidence.image.domain}"
    commands = (f"{program} login{registry}",), (f"{program} logout{registry}",)
    return Remedy("log-in", "shell", *commands, as_root=False)


def _registry_fails(finding: Finding, host: Host | None, evidence: Evidence) -> Remedy:
    """Nothing can be done here, unless there was no time or it is a registry without TLS."""
    if any(fact.code == "incomplete" for fact in finding.facts):
        command = f"glasstunnel diagnose docker-pull --deadline 60 {evidence.image}"
        return Remedy("more-time", "", (command,), as_root=False)
    shakes = host.handshakes if host and host.role == "registry" and not evidence.image.on_hub else []
    if not shakes or any(shake.outcome is not Outcome.GARBLED for shake in shakes):
        return Remedy("not-here", "")
    places = evidence.machine.places
    entry = f"{evidence.image.domain}"
    statement = f'settings.setdefault("insecure-registries", []).append("{entry}")'
    return mend_daemon.edit_settings("insecure-registry", statement, places, places.reload, ("without-tls",))


def _clock(host: Host | None) -> list[Remedy]:
    dates = [reply.headers["date"] for reply in host.replies if "date" in reply.headers] if host else []
    network = Remedy(
        "clock-by-network",
        "system",
        ("timedatectl set-ntp true", "systemctl restart systemd-timesyncd"),
        ("timedatectl set-ntp false",),
    )
    if not dates:
        return [network]
    return [network, Remedy("clock-by-hand", "system", (f"date -u -s {shlex.quote(dates[-1])}",))]


def _smaller_packets(evidence: Evidence) -> Remedy:
    interface = evidence.machine.interface or "INTERFACE"
    return Remedy(
        "smaller-packets",
        "system",
        (f"ip link set dev {interface} mtu 1280",),
        (f"ip link set dev {interface} mtu {evidence.machine.mtu or 1500}",),
        ("until-reboot",),
    )


def _network(evidence: Evidence) -> Remedy:
    restart = "NetworkManager" if evidence.machine.network_manager else "systemd-networkd"
    if evidence.machine.system.startswith("debian") and not evidence.machine.network_manager:
        restart = "networking"
    return Remedy(
        "network",
        "system",
        ("ip -brief address", "ip route", f"systemctl restart {restart}"),
    )
