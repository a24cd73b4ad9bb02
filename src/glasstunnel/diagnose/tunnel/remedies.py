"""The ways to mend a tunnel: commands with those that take them back, and lines for the files that keep it.

Rule: every command is for a root shell on Ubuntu 24.04 and Debian 12, and is complete unless it names a
PLACEHOLDER in capitals. What a command sets is gone with the interface or at the next start: the line that
keeps it stands beside. What only the other end can mend is advice, with what to type there. Section: wg(8)
"set"; wg-quick(8); ip-link(8), ip-route(8).
"""

import shlex
from collections.abc import Callable

from glasstunnel.diagnose.remedy import Remedy
from glasstunnel.diagnose.tunnel import remedies_data
from glasstunnel.diagnose.tunnel.causes import Cause
from glasstunnel.diagnose.tunnel.evidence import Evidence, Kind
from glasstunnel.diagnose.tunnel.finding import Finding, Verdict
from glasstunnel.diagnose.tunnel.ways_back import again, value


def remedies(verdict: Verdict, evidence: Evidence) -> list[Remedy]:
    """For the verdict, and for what fails besides; each way once."""
    found: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Remedy] = {}
    for finding in (verdict.finding, *verdict.also):
        for remedy in _for(finding, evidence):
            found.setdefault((remedy.code, remedy.commands, remedy.lines), remedy)
    return list(found.values())


def _for(finding: Finding, evidence: Evidence) -> list[Remedy]:
    make = _MAKERS.get(finding.cause)
    return make(finding, evidence) if make else []


# The interface and its configuration


def _not_up(finding: Finding, evidence: Evidence) -> list[Remedy]:
    file = shlex.quote(evidence.subject)
    return [Remedy("up", "system", (f"glasstunnel up {file}",), (f"glasstunnel down {file}",))]


def _interface(finding: Finding, evidence: Evidence) -> list[Remedy]:
    if not evidence.interface.exists:
        return [Remedy("namespace", "")]
    if evidence.file:  # with the interface its routes went, and its IPv6 addresses
        return [again("up-again", evidence)]
    command = f"ip link set dev {evidence.name}"
    return [Remedy("link-up", "system", (f"{command} up",), (f"{command} down",), ("routes-gone",))]


def _private_key(finding: Finding, evidence: Evidence) -> list[Remedy]:
    command = f"wg set {evidence.name} private-key FILE"
    lines = ("[Interface]", "PrivateKey = PRIVATE_KEY")
    return [
        Remedy("private-key", "system", (command,), (), ("placeholder",), file=evidence.file, lines=lines)
    ]


def _add_peer(finding: Finding, evidence: Evidence) -> list[Remedy]:
    lines = ("[Peer]", "PublicKey = PUBLIC_KEY", "AllowedIPs = PREFIX", "Endpoint = HOST:PORT")
    command = f"wg set {evidence.name} peer PUBLIC_KEY"
    running = evidence.kind is not Kind.FILE
    commands = (f"{command} allowed-ips PREFIX endpoint HOST:PORT",) if running else ()
    undo = (f"{command} remove",) if running else ()
    return [Remedy("add-peer", "system", commands, undo, ("placeholder",), file=evidence.file, lines=lines)]


def _own_key(finding: Finding, evidence: Evidence) -> list[Remedy]:
    lines = ("[Peer]", "PublicKey = PUBLIC_KEY")
    return [Remedy("own-key", "system", (), (), ("placeholder",), file=evidence.file, lines=lines)]


def _one_owner(finding: Finding, evidence: Evidence) -> list[Remedy]:
    return [Remedy("one-owner", "system", file=evidence.file)]


# The endpoint


def _endpoint(finding: Finding, evidence: Evidence) -> list[Remedy]:
    """Where the peer is; a name is resolved when a configuration is applied, so the file may be right."""
    command = f"wg set {evidence.name} peer {finding.peer} endpoint"
    known, used = value(finding, "now").partition(", ")[0], value(finding, "used")
    if known:
        back = (f"{command} {shlex.quote(used)}",)
        return [Remedy("endpoint-again", "system", (f"{command} {shlex.quote(known)}",), back)]
    lines = ("[Peer]", f"PublicKey = {finding.peer}", "Endpoint = HOST:PORT")  # only a file can lack it
    return [Remedy("endpoint", "system", (), (), ("placeholder",), file=evidence.file, lines=lines)]


def _resolve(finding: Finding, evidence: Evidence) -> list[Remedy]:
    host = value(finding, "endpoint").rpartition(":")[0]
    return [Remedy("resolve", "system", (f"getent ahosts {shlex.quote(host)}", "cat /etc/resolv.conf"))]


def _no_route(finding: Finding, evidence: Evidence) -> list[Remedy]:
    host = _host(finding)
    mark = f" mark {evidence.fwmark:#x}" if evidence.fwmark else ""
    family = "ip -6" if ":" in host else "ip"
    asked = (f"ip route get {host}{mark}",) if host else ()
    return [Remedy("route-out", "system", ("ip -brief address", f"{family} route", *asked))]


def _path(finding: Finding, evidence: Evidence) -> list[Remedy]:
    return [Remedy("path", "system", (f"tracepath -n {_host(finding)}",))]


def _around(finding: Finding, evidence: Evidence) -> list[Remedy]:
    host = _host(finding)
    route = f"{host} via GATEWAY dev INTERFACE"
    lines = ("[Interface]", f"PostUp = ip route add {route}", f"PostDown = ip route del {route}")
    return [
        Remedy(
            "go-around",
            "system",
            (f"ip route add {route}",),
            (f"ip route del {route}",),
            ("placeholder",),
            file=evidence.file,
            lines=lines,
        )
    ]


def _host(finding: Finding) -> str:
    return (value(finding, "endpoint").rpartition(":")[0] or value(finding, "address")).strip("[]")


# Keys and clocks


def _preshared(finding: Finding, evidence: Evidence) -> list[Remedy]:
    command = f"wg set {evidence.name} peer {finding.peer} preshared-key FILE"
    lines = ("[Peer]", f"PublicKey = {finding.peer}", "PresharedKey = PRESHARED_KEY")
    return [Remedy("preshared", "system", (command,), (), ("placeholder",), file=evidence.file, lines=lines)]


def _ask_their_key(finding: Finding, evidence: Evidence) -> list[Remedy]:
    ask = Remedy("show-their-key", "", ("wg show INTERFACE public-key",), warnings=("placeholder",))
    lines = ("[Peer]", "PublicKey = PUBLIC_KEY")
    return [ask, Remedy("their-key", "system", (), (), ("placeholder",), file=evidence.file, lines=lines)]


def _tell_own_key(finding: Finding, evidence: Evidence) -> list[Remedy]:
    return [Remedy("tell-own-key", "", lines=("[Peer]", f"PublicKey = {evidence.public_key}"))]


def _peer_clock(finding: Finding, evidence: Evidence) -> list[Remedy]:
    return [Remedy("clock-there", "", _CLOCK), again("forget-timestamp", evidence)]


def _clock(finding: Finding, evidence: Evidence) -> list[Remedy]:
    return [Remedy("clock", "system", _CLOCK, ("timedatectl set-ntp false",))]


_CLOCK = ("timedatectl set-ntp true", "systemctl restart systemd-timesyncd")


# What is at the other end


def _look_there(finding: Finding, evidence: Evidence) -> list[Remedy]:
    port = value(finding, "endpoint").rpartition(":")[2]
    look = (
        "glasstunnel diagnose tunnel INTERFACE",
        "wg show INTERFACE",
        f"tcpdump -n -i any udp port {port}",
    )
    return [Remedy("look-there", "", look, (), ("placeholder",))]


_MAKERS: dict[Cause, Callable[[Finding, Evidence], list[Remedy]]] = {
    Cause.NOT_UP: _not_up,
    Cause.INTERFACE_DOWN: _interface,
    Cause.NO_PEER: _add_peer,
    Cause.NO_PRIVATE_KEY: _private_key,
    Cause.OWN_KEY_AS_PEER: _own_key,
    Cause.OVERLAPPING_ALLOWED_IPS: _one_owner,
    Cause.ENDPOINT_MISSING: _endpoint,
    Cause.ENDPOINT_UNRESOLVED: _resolve,
    Cause.ENDPOINT_MOVED: _endpoint,
    Cause.NO_ROUTE: _no_route,
    Cause.ENDPOINT_THROUGH_TUNNEL: _around,
    Cause.ENDPOINT_CLOSED: _look_there,
    Cause.ENDPOINT_UNREACHABLE: _path,
    Cause.FIREWALL: remedies_data.accept,
    Cause.REVERSE_PATH_FILTER: remedies_data.loosen,
    Cause.WRONG_PRESHARED_KEY: _preshared,
    Cause.WE_HAVE_WRONG_KEY: _ask_their_key,
    Cause.PEER_HAS_WRONG_KEY: _tell_own_key,
    Cause.PEER_CLOCK_BEHIND: _peer_clock,
    Cause.CLOCK_BEHIND: _clock,
    Cause.SILENT: _look_there,
    Cause.NOT_ROUTED: remedies_data.route,
    Cause.ALLOWED_IPS_MISSING: remedies_data.allow,
    Cause.LARGE_PACKETS_LOST: remedies_data.shrink,
    Cause.FORWARDING_OFF: remedies_data.forward,
    Cause.NO_MASQUERADE: remedies_data.masquerade,
    Cause.NO_DATA: remedies_data.look_inside,
}
