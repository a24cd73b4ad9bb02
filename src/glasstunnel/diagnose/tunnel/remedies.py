"""The commands that mend a tunnel, and those that take them back.

Rule: every command is for a root shell on Ubuntu 24.04 and Debian 12, and is complete unless it names a
PLACEHOLDER in capitals. What only the other end can mend is advice, with what to type there. Section: wg(8)
"set"; ip-link(8), ip-route(8); ip-sysctl (the stricter of "all" and the interface's own ``rp_filter`` holds,
and 2, loose, is the greatest number); nft(8).
"""

import shlex
from collections.abc import Callable

from glasstunnel.diagnose.remedy import Remedy
from glasstunnel.diagnose.tunnel import targets
from glasstunnel.diagnose.tunnel.causes import Cause
from glasstunnel.diagnose.tunnel.evidence import Evidence, Peer
from glasstunnel.diagnose.tunnel.finding import Finding, Verdict

_TABLE = "glasstunnel_diagnose"


def remedies(verdict: Verdict, evidence: Evidence) -> list[Remedy]:
    """For the verdict, and for what fails besides; each way once."""
    found: dict[tuple[str, tuple[str, ...]], Remedy] = {}
    for finding in (verdict.finding, *verdict.also):
        for remedy in _for(finding, evidence):
            found.setdefault((remedy.code, remedy.commands), remedy)
    return list(found.values())


def _for(finding: Finding, evidence: Evidence) -> list[Remedy]:
    make = _MAKERS.get(finding.cause)
    return make(finding, evidence) if make else []


def _peer(finding: Finding, evidence: Evidence) -> Peer | None:
    """The peer of a finding, or the only one."""
    found = next((one for one in evidence.peers if one.key == finding.peer), None)
    return found or (evidence.peers[0] if len(evidence.peers) == 1 else None)


def _value(finding: Finding, name: str) -> str:
    """A value of the finding's facts, "" if none has it."""
    return next((fact.values[name] for fact in finding.facts if name in fact.values), "")


def _is(finding: Finding, code: str) -> bool:
    return any(fact.code == code for fact in finding.facts)


def _advice(code: str) -> Callable[[Finding, Evidence], list[Remedy]]:
    return lambda finding, evidence: [Remedy(code, "")]


# The interface and its configuration


def _not_up(finding: Finding, evidence: Evidence) -> list[Remedy]:
    file = shlex.quote(evidence.file)
    return [Remedy("up", "system", (f"glasstunnel up {file}",), (f"glasstunnel down {file}",))]


def _interface(finding: Finding, evidence: Evidence) -> list[Remedy]:
    if not evidence.interface.exists:
        return [Remedy("namespace", "")]
    command = f"ip link set dev {evidence.name}"
    return [Remedy("link-up", "system", (f"{command} up",), (f"{command} down",))]


def _private_key(finding: Finding, evidence: Evidence) -> list[Remedy]:
    command = f"wg set {evidence.name} private-key FILE"
    return [Remedy("private-key", "system", (command,), warnings=("placeholder",))]


def _add_peer(finding: Finding, evidence: Evidence) -> list[Remedy]:
    command = f"wg set {evidence.name} peer PUBLIC_KEY"
    return [
        Remedy(
            "add-peer",
            "system",
            (f"{command} allowed-ips PREFIX endpoint HOST:PORT",),
            (f"{command} remove",),
            ("placeholder", "not-kept"),
        )
    ]


# The endpoint


def _endpoint(finding: Finding, evidence: Evidence) -> list[Remedy]:
    command = f"wg set {evidence.name} peer {finding.peer} endpoint"
    known, used = _value(finding, "now").partition(", ")[0], _value(finding, "used")
    return [
        Remedy(
            "endpoint",
            "system",
            (f"{command} {shlex.quote(known or 'HOST:PORT')}",),
            (f"{command} {shlex.quote(used)}",) if used else (),
            ("not-kept",) if known else ("placeholder", "not-kept"),
        )
    ]


def _resolve(finding: Finding, evidence: Evidence) -> list[Remedy]:
    host = _value(finding, "endpoint").rpartition(":")[0]
    return [Remedy("resolve", "system", (f"getent ahosts {shlex.quote(host)}",))]


def _around(finding: Finding, evidence: Evidence) -> list[Remedy]:
    host = _value(finding, "endpoint").rpartition(":")[0].strip("[]")
    route = f"{host} via GATEWAY dev INTERFACE"
    return [
        Remedy(
            "go-around",
            "system",
            (f"ip route add {route}",),
            (f"ip route del {route}",),
            ("placeholder",),
        )
    ]


def _filter(finding: Finding, evidence: Evidence) -> list[Remedy]:
    return [Remedy("filter", "system", ("nft -a list ruleset",))]


def _rp_filter(finding: Finding, evidence: Evidence) -> list[Remedy]:
    name = _value(finding, "interface") or _value(finding, "name")
    key = f"net/ipv4/conf/{name}/rp_filter"  # slashes, because a name may hold dots
    return [
        Remedy("rp-filter", "system", (f"sysctl -w {key}=2",), (f"sysctl -w {key}=1",), ("until-reboot",))
    ]


# Keys and clocks


def _preshared(finding: Finding, evidence: Evidence) -> list[Remedy]:
    command = f"wg set {evidence.name} peer {finding.peer} preshared-key FILE"
    return [Remedy("preshared", "system", (command,), warnings=("placeholder", "not-kept"))]


def _tell_own_key(finding: Finding, evidence: Evidence) -> list[Remedy]:
    return [Remedy("tell-own-key", "", (f"echo {evidence.public_key}",))]


def _peer_clock(finding: Finding, evidence: Evidence) -> list[Remedy]:
    name = evidence.name
    again = (f"glasstunnel down {name}", f"glasstunnel up {name}")
    return [Remedy("clock-there", ""), Remedy("forget-timestamp", "system", again, (), ("loses-session",))]


def _clock(finding: Finding, evidence: Evidence) -> list[Remedy]:
    return [
        Remedy(
            "clock",
            "system",
            ("timedatectl set-ntp true", "systemctl restart systemd-timesyncd"),
            ("timedatectl set-ntp false",),
        )
    ]


# Data


def _route(finding: Finding, evidence: Evidence) -> list[Remedy]:
    """A route for each prefix, but for one that would take the way to the endpoint with it."""
    peer = _peer(finding, evidence)
    host = peer.endpoint.rpartition(":")[0].strip("[]") if peer else ""
    prefixes = [fact.values["prefix"] for fact in finding.facts]
    if any(prefix.endswith("/0") or (host and targets.is_through(host, [prefix])) for prefix in prefixes):
        name = evidence.name
        again = (f"glasstunnel down {name}", f"glasstunnel up {name}")
        return [Remedy("up-again", "system", again, (), ("loses-session",))]
    commands = [f"{prefix} dev {evidence.name}" for prefix in prefixes]
    return [
        Remedy(
            "route",
            "system",
            tuple(f"ip route add {one}" for one in commands),
            tuple(f"ip route del {one}" for one in commands),
            ("not-kept",),
        )
    ]


def _add_allowed(finding: Finding, evidence: Evidence) -> list[Remedy]:
    peer, address = _peer(finding, evidence), _value(finding, "address")
    prefix = f"{address}/{128 if ':' in address else 32}" if address else "PREFIX"
    old = ",".join(peer.allowed_ips) if peer else ""
    command = f"wg set {evidence.name} peer {peer.key if peer else 'PUBLIC_KEY'} allowed-ips"
    if _is(finding, "outside-tunnel"):  # the address is no peer's: what is missing is where packets come from
        prefix = "PREFIX"
    warnings = ("placeholder", "not-kept") if prefix == "PREFIX" or not peer else ("not-kept",)
    return [
        Remedy(
            "add-allowed",
            "system",
            (f"{command} {old},{prefix}" if old else f"{command} {prefix}",),
            (f"{command} {old}",) if old else (),
            warnings,
        )
    ]


def _mtu(finding: Finding, evidence: Evidence) -> list[Remedy]:
    command = f"ip link set dev {evidence.name} mtu"
    now, mtu = _value(finding, "now"), _value(finding, "mtu")
    return [Remedy("mtu", "system", (f"{command} {mtu}",), (f"{command} {now}",), ("not-kept",))]


def _forward(finding: Finding, evidence: Evidence) -> list[Remedy]:
    key = "net.ipv6.conf.all.forwarding" if _version(finding) == 6 else "net.ipv4.ip_forward"
    if _is(finding, "hop-silent"):
        return [Remedy("forward-there", "", (f"sysctl -w {key}=1",))]
    return [Remedy("forward", "system", (f"sysctl -w {key}=1",), (f"sysctl -w {key}=0",), ("until-reboot",))]


def _version(finding: Finding) -> int:
    return 6 if _value(finding, "version") == "6" or ":" in _value(finding, "address") else 4


def _masquerade(finding: Finding, evidence: Evidence) -> list[Remedy]:
    if _is(finding, "no-way-back") or evidence.target is None:
        return [Remedy("masquerade-there", "")]
    source, cable = _value(finding, "source"), evidence.target.way.interface
    family = "ip6" if ":" in source else "ip"
    prefix = next(
        prefix
        for peer in evidence.peers
        for prefix in peer.allowed_ips
        if targets.is_through(source, [prefix])
    )
    chain = f"{family} {_TABLE} postrouting"
    return [
        Remedy(
            "masquerade",
            "system",
            (
                f"nft add table {family} {_TABLE}",
                f"nft 'add chain {chain} {{ type nat hook postrouting priority srcnat; }}'",
                f"nft 'add rule {chain} {family} saddr {prefix} oifname \"{cable}\" masquerade'",
            ),
            (f"nft delete table {family} {_TABLE}",),
        )
    ]


def _look_there(finding: Finding, evidence: Evidence) -> list[Remedy]:
    port = _value(finding, "endpoint").rpartition(":")[2]
    watch = (f"tcpdump -n -i any udp port {port}",) if port else ()
    ask = ("glasstunnel diagnose tunnel INTERFACE",)
    return [Remedy("look-there", "", (*ask, *watch), (), ("placeholder",))]


_MAKERS: dict[Cause, Callable[[Finding, Evidence], list[Remedy]]] = {
    Cause.NOT_UP: _not_up,
    Cause.INTERFACE_DOWN: _interface,
    Cause.NO_PEER: _add_peer,
    Cause.NO_PRIVATE_KEY: _private_key,
    Cause.OWN_KEY_AS_PEER: _advice("own-key"),
    Cause.OVERLAPPING_ALLOWED_IPS: _advice("one-owner"),
    Cause.ENDPOINT_MISSING: _endpoint,
    Cause.ENDPOINT_UNRESOLVED: _resolve,
    Cause.ENDPOINT_MOVED: _endpoint,
    Cause.NO_ROUTE: _advice("path"),
    Cause.ENDPOINT_THROUGH_TUNNEL: _around,
    Cause.ENDPOINT_CLOSED: _look_there,
    Cause.ENDPOINT_UNREACHABLE: _advice("path"),
    Cause.FIREWALL: _filter,
    Cause.REVERSE_PATH_FILTER: _rp_filter,
    Cause.WRONG_PRESHARED_KEY: _preshared,
    Cause.WE_HAVE_WRONG_KEY: _advice("ask-their-key"),
    Cause.PEER_HAS_WRONG_KEY: _tell_own_key,
    Cause.PEER_CLOCK_BEHIND: _peer_clock,
    Cause.CLOCK_BEHIND: _clock,
    Cause.SILENT: _look_there,
    Cause.NOT_ROUTED: _route,
    Cause.ALLOWED_IPS_MISSING: _add_allowed,
    Cause.LARGE_PACKETS_LOST: _mtu,
    Cause.FORWARDING_OFF: _forward,
    Cause.NO_MASQUERADE: _masquerade,
    Cause.NO_DATA: _look_there,
}
