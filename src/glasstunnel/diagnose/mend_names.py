"""What mends a name: the hosts file, another resolver.

Rule: a resolver is named only if its answers were right here, over the transport by which it will be asked.
Section: resolved.conf(5), resolvectl(1), resolv.conf(5), nmcli(1), hosts(5).
"""

import shlex

from glasstunnel.diagnose.evidence import Evidence, Host, Outcome
from glasstunnel.diagnose.options import Resolver
from glasstunnel.diagnose.remedy import COPY, Remedy

_KEEP = f"cp -L /etc/resolv.conf /etc/resolv.conf{COPY}"
_RESTORE = f"cat /etc/resolv.conf{COPY} > /etc/resolv.conf"


def without_hosts_line(name: str, evidence: Evidence) -> Remedy:
    copy = f"/etc/hosts{COPY}"
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


def resolver(host: Host, evidence: Evidence, resolvers: tuple[Resolver, ...]) -> list[Remedy]:
    """Another resolver, over a transport whose answers were right here."""
    machine = evidence.machine
    right = set(host.proven)
    good = [
        (resolver, transport)
        for transport in ("tls", "udp", "tcp")
        for resolver in resolvers
        if _gave(host, resolver, transport, right)
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
            (_KEEP, f"printf '{lines}' > /etc/resolv.conf"),
            (_RESTORE,),
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
            _KEEP,
            "apt-get install systemd-resolved",
            *configured.commands,
            "ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf",
        ),
        # the package leaves behind what it last wrote, with the resolver of the drop-in
        ("apt-get purge systemd-resolved", *configured.undo[:1], _RESTORE),
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


def _gave(host: Host, resolver: Resolver, transport: str, right: set[str]) -> bool:
    """Whether a resolver's answers over a transport were right, all of them, whatever was asked for."""
    said = [
        item
        for item in host.lookups
        if (item.source, item.transport) == (resolver.address, transport) and item.public and item.addresses
    ]
    return bool(said) and all(set(item.addresses) <= right and not item.later for item in said)


def pin(evidence: Evidence) -> list[Remedy]:
    """Lines in the hosts file, for addresses that have just proved to be right; none if one would be missing.

    A pull needs every host on its way, and where the resolver is silent none of them has an address. So it
    must have been seen to its end.
    """
    needed = [host for host in evidence.hosts if host.role != "mirror" and host.lookups]
    lost = [host for host in needed if not set(host.proven) & set(_used(host)) or _misleads(host)]
    seen = any("/blobs/" in reply.url and reply.status < 400 for host in needed for reply in host.replies)
    silent = any(not _used(host) for host in lost)
    if not lost or not all(host.proven for host in lost) or (silent and not seen):
        return []
    lines = dict.fromkeys(f"{host.proven[0]} {host.name}  # diagnose" for host in lost)
    copy = f"/etc/hosts{COPY}"
    return [
        Remedy(
            "pin",
            "system",
            (
                f"cp /etc/hosts {copy}",
                *(f"echo {shlex.quote(line)} >> /etc/hosts" for line in lines),
                *_flush(evidence),
            ),
            (f"cp {copy} /etc/hosts", *_flush(evidence)),
            ("pin-goes-stale",) + (("desktop-hosts",) if evidence.machine.desktop else ()),
        )
    ]


def _used(host: Host) -> list[str]:
    return [address for item in host.lookups if item.source == "system" for address in item.addresses]


def _misleads(host: Host) -> bool:
    """Whether an address that the system uses takes connections and breaks them: no other is tried then."""
    taken = {item.address for item in host.connections if item.outcome is Outcome.OK}
    return any(address in taken and address not in host.proven for address in _used(host))
