"""The commands that mend a cause, and those that take them back.

Rule: every command is for a root shell on Ubuntu 24.04 and Debian 12, is complete unless it names a
PLACEHOLDER in capitals, writes files of its own where the system has a folder for them, and keeps a copy of
any other. Section: resolved.conf(5), resolvectl(1), systemd.exec(5) "UnsetEnvironment=", systemd.unit(5)
"%%"; docker/docs "Daemon proxy configuration"; moby daemon/config/config.go (``registry-mirrors`` can be
reloaded).
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from glasstunnel.diagnose.causes import Cause
from glasstunnel.diagnose.evidence import Evidence, Host, Lookup
from glasstunnel.diagnose.finding import Finding, Verdict
from glasstunnel.diagnose.options import Resolver

PROXY_PLACEHOLDER = "http://PROXY:PORT"
NO_PROXY = "localhost,127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
_DAEMON_JSON = "/etc/docker/daemon.json"
_DROP_INS = "/etc/systemd/system/docker.service.d"
_COPY = ".before-diagnose"
_RESTART = ("systemctl daemon-reload", "systemctl restart docker")
_BY_PROXY = (
    Cause.NAME_BASED_RESET,
    Cause.BLOCKED_ADDRESS,
    Cause.PROXY_NEEDED,
    Cause.INTERCEPTING_CERTIFICATE,
)


@dataclass(frozen=True)
class Remedy:
    """One way to mend it."""

    code: str  # which: a key of the story's REMEDIES
    heeded_by: str  # who obeys it: "system" (every program here), "shell", "daemon", "" for nobody: advice
    commands: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()  # keys of the story's WARNINGS


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
        return [_without_mirror(finding.host, evidence)]
    if cause is Cause.STALE_HOSTS:
        found.append(_without_hosts_line(finding.host, evidence))
    if cause in (Cause.POISONED_RESOLVER, Cause.RESOLVER_FAILS) and host:
        found += _resolver(host, evidence, resolvers)
    if cause in (Cause.POISONED_RESOLVER, Cause.RESOLVER_FAILS, Cause.BLOCKED_ADDRESS) and host:
        found += _pin(host, evidence)
    if cause in _BY_PROXY:
        found += _through_proxy(_working_proxy(host), evidence)
    if cause is Cause.INTERCEPTING_CERTIFICATE:
        found.insert(0, _authority())
    if cause is Cause.WRONG_CLOCK:
        found += _clock(host)
    if cause is Cause.PROXY_BROKEN and host:
        found += _other_proxy(host, evidence)
    if cause is Cause.LARGE_PACKETS_LOST:
        found.append(_smaller_packets(evidence))
    if cause is Cause.NO_NETWORK:
        found.append(_network(evidence))
    if cause is Cause.RATE_LIMIT:
        found.append(Remedy("log-in", "daemon", ("docker login",), ("docker logout",)))
        found.append(Remedy("wait", ""))
    if cause is Cause.IMAGE_OR_PERMISSION:
        registry = "" if evidence.image.on_hub else f" {evidence.image.domain}"
        found.append(Remedy("check-name", ""))
        found.append(Remedy("log-in", "daemon", (f"docker login{registry}",), (f"docker logout{registry}",)))
    if cause in (Cause.REGISTRY_FAILS, Cause.TOKEN_HOST, Cause.BLOB_HOST):
        found.append(Remedy("not-here", ""))
    return found


# Names


def _without_hosts_line(name: str, evidence: Evidence) -> Remedy:
    copy = f"/etc/hosts{_COPY}"
    pattern = name.replace(".", r"\.")
    expression = rf"/^[^#]*[[:space:]]{pattern}([[:space:]]|$)/s/^/# /"
    return Remedy(
        "hosts-line",
        "system",
        (
            f"cp /etc/hosts {copy}",
            f"sed -E {shlex.quote(expression)} {copy} > /etc/hosts",
            *_flush(evidence),
        ),
        (f"cp {copy} /etc/hosts", *_flush(evidence)),
        ("desktop-hosts",) if evidence.machine.desktop else (),
    )


def _flush(evidence: Evidence) -> tuple[str, ...]:
    return ("resolvectl flush-caches",) if evidence.machine.resolved else ()


def _resolver(host: Host, evidence: Evidence, resolvers: tuple[Resolver, ...]) -> list[Remedy]:
    """Another resolver, over a transport whose answers were right here."""
    machine = evidence.machine
    right = set(host.proven)
    good = [
        (resolver, transport)
        for transport in ("tls", "udp", "tcp")
        for resolver in resolvers
        if any(_gave(item, resolver, transport, right) for item in host.lookups)
    ]
    encrypted = [resolver for resolver, transport in good if transport == "tls"]
    plain = [(resolver, transport) for resolver, transport in good if transport != "tls"]
    if machine.resolved and (encrypted or plain):
        return [_resolved(encrypted[0], secure=True) if encrypted else _resolved(plain[0][0], secure=False)]
    plain = [(resolver, kind) for resolver, kind in plain if getattr(resolver, kind) == 53]
    if not plain:
        return [_install_resolved(encrypted[0])] if encrypted else []
    resolver, kind = plain[0]
    if machine.network_manager:
        return [_network_manager(resolver, machine.interface)]
    lines = f"nameserver {resolver.address}\\n" + ("options use-vc\\n" if kind == "tcp" else "")
    return [
        Remedy(
            "resolv-conf",
            "system",
            (f"cp -L /etc/resolv.conf /etc/resolv.conf{_COPY}", f"printf '{lines}' > /etc/resolv.conf"),
            (f"cat /etc/resolv.conf{_COPY} > /etc/resolv.conf",),
            ("resolv-conf-owner",) + (("udp-can-be-forged",) if kind == "udp" else ()),
        )
    ]


def _resolved(resolver: Resolver, *, secure: bool) -> Remedy:
    port = resolver.tls if secure else resolver.udp
    usual = 853 if secure else 53
    address = f"[{resolver.address}]" if ":" in resolver.address and port != usual else resolver.address
    server = address + ("" if port == usual else f":{port}") + (f"#{resolver.name}" if resolver.name else "")
    file = "/etc/systemd/resolved.conf.d/diagnose.conf"
    text = rf"[Resolve]\nDNS={server}\nDNSOverTLS={'yes' if secure else 'no'}\nDomains=~.\n"
    return Remedy(
        "resolved",
        "system",
        (
            "install -d /etc/systemd/resolved.conf.d",
            f"printf '{text}' > {file}",
            "systemctl restart systemd-resolved",
            "resolvectl flush-caches",
        ),
        (f"rm {file}", "systemctl restart systemd-resolved", "resolvectl flush-caches"),
        () if secure else ("udp-can-be-forged",),
    )


def _install_resolved(resolver: Resolver) -> Remedy:
    """Only the encrypted answers are right, and nothing here speaks DNS over TLS yet."""
    configured = _resolved(resolver, secure=True)
    return Remedy(
        "install-resolved",
        "system",
        (
            "apt-get install systemd-resolved",
            *configured.commands,
            "ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf",
        ),
        ("apt-get purge systemd-resolved", *configured.undo[:1]),
        ("resolv-conf-owner",),
    )


def _network_manager(resolver: Resolver, interface: str) -> Remedy:
    family = "ipv6" if ":" in resolver.address else "ipv4"
    name = f'"$(nmcli -g GENERAL.CONNECTION device show {interface})"'
    return Remedy(
        "network-manager",
        "system",
        (
            f"nmcli connection modify {name} {family}.ignore-auto-dns yes {family}.dns {resolver.address}",
            f"nmcli device reapply {interface}",
        ),
        (
            f"nmcli connection modify {name} {family}.ignore-auto-dns no {family}.dns ''",
            f"nmcli device reapply {interface}",
        ),
        ("udp-can-be-forged",),
    )


def _gave(lookup: Lookup, resolver: Resolver, transport: str, right: set[str]) -> bool:
    """Whether a resolver's answers over a transport were right, all of them."""
    same = (lookup.source, lookup.transport) == (resolver.address, transport) and lookup.public
    return same and bool(lookup.addresses) and set(lookup.addresses) <= right and not lookup.later


def _pin(host: Host, evidence: Evidence) -> list[Remedy]:
    """A line in the hosts file, for an address that has just proved to be right."""
    used = {address for item in host.lookups if item.source == "system" for address in item.addresses}
    right = [address for address in host.proven if address not in used]
    if not right:
        return []
    line = f"{right[0]} {host.name}  # diagnose"
    copy = f"/etc/hosts{_COPY}"
    return [
        Remedy(
            "pin",
            "system",
            (f"cp /etc/hosts {copy}", f"echo {shlex.quote(line)} >> /etc/hosts", *_flush(evidence)),
            (f"cp {copy} /etc/hosts", *_flush(evidence)),
            ("pin-goes-stale",) + (("desktop-hosts",) if evidence.machine.desktop else ()),
        )
    ]


# Ways around


def _working_proxy(host: Host | None) -> str:
    replies = host.replies if host else []
    return next((reply.via for reply in replies if "://" in reply.via and reply.status), PROXY_PLACEHOLDER)


def _through_proxy(proxy: str, evidence: Evidence) -> list[Remedy]:
    warnings = ("placeholder-proxy",) if proxy == PROXY_PLACEHOLDER else ()
    if evidence.machine.desktop:
        return [Remedy("desktop-proxy", "", warnings=warnings)]
    file = f"{_DROP_INS}/diagnose-proxy.conf"
    value = proxy.replace("%", "%%")  # systemd.unit(5): "%" begins a specifier
    settings = (f"HTTP_PROXY={value}", f"HTTPS_PROXY={value}", f"NO_PROXY={NO_PROXY}")
    lines = " ".join(shlex.quote(f'Environment="{setting}"') for setting in settings)
    drop_in = Remedy(
        "proxy-drop-in",
        "daemon",
        (f"install -d {_DROP_INS}", f"printf '%s\\n' '[Service]' {lines} > {file}", *_RESTART),
        (f"rm {file}", *_RESTART),
        warnings,
    )
    shell = Remedy(
        "proxy-shell",
        "shell",
        (f"export HTTPS_PROXY={shlex.quote(proxy)} HTTP_PROXY={shlex.quote(proxy)} NO_PROXY={NO_PROXY}",),
        ("unset HTTPS_PROXY HTTP_PROXY NO_PROXY",),
        warnings,
    )
    return [drop_in, shell]


def _other_proxy(host: Host, evidence: Evidence) -> list[Remedy]:
    """Without the proxy that does not work, if that works; else another one."""
    proxies = evidence.machine.proxies
    source = proxies.source if proxies else ""
    if not host.proven:
        return _through_proxy(PROXY_PLACEHOLDER, evidence)
    names = "HTTP_PROXY HTTPS_PROXY http_proxy https_proxy"
    if source == "environment":
        return [Remedy("no-proxy-shell", "shell", (f"unset {names}",))]
    if source == _DAEMON_JSON:
        return [_edit_daemon_json("no-proxy-json", 'settings.pop("proxies", None)', _RESTART)]
    file = f"{_DROP_INS}/zz-diagnose-no-proxy.conf"
    return [
        Remedy(
            "no-proxy-drop-in",
            "daemon",
            (
                f"install -d {_DROP_INS}",
                f"printf '%s\\n' '[Service]' 'UnsetEnvironment={names}' > {file}",
                *_RESTART,
            ),
            (f"rm {file}", *_RESTART),
        )
    ]


def _without_mirror(name: str, evidence: Evidence) -> Remedy:
    bad = [url for url in evidence.machine.mirrors if name in url]
    statement = f'settings["registry-mirrors"] = [m for m in settings["registry-mirrors"] if m not in {bad}]'
    return _edit_daemon_json("without-mirror", statement, ("systemctl reload docker",))


def _edit_daemon_json(code: str, statement: str, then: tuple[str, ...]) -> Remedy:
    copy = f"{_DAEMON_JSON}{_COPY}"
    program = (
        f'import json; settings = json.load(open("{copy}")); {statement}; '
        f'json.dump(settings, open("{_DAEMON_JSON}", "w"), indent=2)'
    )
    return Remedy(
        code,
        "daemon",
        (f"cp {_DAEMON_JSON} {copy}", f"python3 -c {shlex.quote(program)}", *then),
        (f"cp {copy} {_DAEMON_JSON}", *then),
    )


# The machine itself


def _authority() -> Remedy:
    file = "/usr/local/share/ca-certificates/AUTHORITY.crt"
    return Remedy(
        "authority",
        "system",
        (f"cp AUTHORITY.crt {file}", "update-ca-certificates", "systemctl restart docker"),
        (f"rm {file}", "update-ca-certificates --fresh", "systemctl restart docker"),
        ("trust-only-your-own",),
    )


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
