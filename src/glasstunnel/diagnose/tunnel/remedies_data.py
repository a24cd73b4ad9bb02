"""The ways to mend what keeps a tunnel's packets from passing: filters, routes, sizes, forwarding.

Rule: as in remedies.py. A packet filter is spoken to by who owns it (ufw, firewalld, Docker), because what is
written past the owner is gone when he next writes. Section: ip-sysctl (the greater of "all" and the
interface's own ``rp_filter`` holds, and 2 is loose); nft(8), ufw(8), firewall-cmd(1), Docker's documentation
"Packet filtering and firewalls"; RFC 8200 §5 (IPv6 needs 1280 bytes).
"""

from ipaddress import ip_interface, ip_network

from glasstunnel.diagnose.remedy import Remedy
from glasstunnel.diagnose.tunnel import targets
from glasstunnel.diagnose.tunnel.evidence import Evidence
from glasstunnel.diagnose.tunnel.finding import Finding
from glasstunnel.diagnose.tunnel.ways_back import again, is_, peer_of, value

_TABLE = "glasstunnel_diagnose"
_SYSCTL = "/etc/sysctl.d/90-glasstunnel.conf"
_LEAST_IPV6 = 1280  # bytes: RFC 8200 §5


# Filters


def accept(finding: Finding, evidence: Evidence) -> list[Remedy]:
    """Let these packets pass, by the owner of the filter if he is known."""
    found = [Remedy("filter", "system", ("nft -a list ruleset",))]
    what, hook = value(finding, "what").replace("first", "outer"), value(finding, "hook")
    if "legacy" in value(finding, "rule"):
        found = [Remedy("filter", "system", ("iptables-legacy-save", "ip6tables-legacy-save"))]
    cable = evidence.target.way.interface if evidence.target else ""
    for owner in evidence.filter_owners:
        if (commands := _ACCEPT.get((owner, what, hook))) is not None:
            words = {"port": evidence.listen_port, "name": evidence.name, "cable": cable}
            undo = _UNDO[owner, what, hook]
            found.insert(
                0,
                Remedy(
                    _OWNED[owner],
                    "system",
                    tuple(one.format(**words) for one in commands),
                    tuple(one.format(**words) for one in undo),
                    ("docker-forgets",) if owner == "docker" else (),
                ),
            )
    return found


_OWNED = {"ufw": "filter-ufw", "firewalld": "filter-firewalld", "docker": "filter-docker"}
_FIREWALLD = "firewall-cmd --permanent"
_DOCKER = (
    "iptables {do} DOCKER-USER -i {{name}} -j ACCEPT",
    "iptables {do} DOCKER-USER -o {{name}} -j ACCEPT",
)
_ACCEPT: dict[tuple[str, str, str], tuple[str, ...]] = {
    ("ufw", "outer", "input"): ("ufw allow {port}/udp",),
    ("ufw", "inner", "input"): ("ufw allow in on {name}",),
    ("ufw", "through", "forward"): ("ufw route allow in on {name} out on {cable}",),
    ("firewalld", "outer", "input"): (f"{_FIREWALLD} --add-port={{port}}/udp", "firewall-cmd --reload"),
    ("firewalld", "inner", "input"): (
        f"{_FIREWALLD} --zone=trusted --add-interface={{name}}",
        "firewall-cmd --reload",
    ),
    ("docker", "through", "forward"): tuple(one.format(do="-I") for one in _DOCKER),
}
_UNDO: dict[tuple[str, str, str], tuple[str, ...]] = {
    ("ufw", "outer", "input"): ("ufw delete allow {port}/udp",),
    ("ufw", "inner", "input"): ("ufw delete allow in on {name}",),
    ("ufw", "through", "forward"): ("ufw route delete allow in on {name} out on {cable}",),
    ("firewalld", "outer", "input"): (f"{_FIREWALLD} --remove-port={{port}}/udp", "firewall-cmd --reload"),
    ("firewalld", "inner", "input"): (
        f"{_FIREWALLD} --zone=trusted --remove-interface={{name}}",
        "firewall-cmd --reload",
    ),
    ("docker", "through", "forward"): tuple(one.format(do="-D") for one in _DOCKER),
}


def loosen(finding: Finding, evidence: Evidence) -> list[Remedy]:
    """The reverse path filter takes a packet that any interface could answer."""
    name = value(finding, "interface") or value(finding, "name")
    key = f"net/ipv4/conf/{name}/rp_filter"  # slashes, because a name may hold dots
    return [_sysctl("rp-filter", key, "2", "1")]


def _sysctl(code: str, key: str, new: str, old: str, warnings: tuple[str, ...] = ()) -> Remedy:
    commands, undo = (f"sysctl -w {key}={new}",), (f"sysctl -w {key}={old}",)
    return Remedy(code, "system", commands, undo, warnings, file=_SYSCTL, lines=(f"{key} = {new}",))


# Routes and allowed IPs


def route(finding: Finding, evidence: Evidence) -> list[Remedy]:
    """A route for each prefix, but for one that would take the way to the endpoint with it.

    It is put before one that is there for the same prefix, which stays, and holds again when ours is gone.
    """
    peer = peer_of(finding, evidence)
    host = peer.endpoint.rpartition(":")[0].strip("[]") if peer else ""
    prefixes = [fact.values["prefix"] for fact in finding.facts]
    if any(prefix.endswith("/0") or (host and targets.is_through(host, [prefix])) for prefix in prefixes):
        return [again("up-again", evidence)]
    routes = [(_ip(prefix), f"{prefix} dev {evidence.name}") for prefix in prefixes]
    return [
        Remedy(
            "route",
            "system",
            tuple(f"{ip} route {'add' if ip[2:] else 'prepend'} {one}" for ip, one in routes),
            tuple(f"{ip} route del {one}" for ip, one in routes),
            ("route-not-kept",),
        )
    ]


def _ip(prefix: str) -> str:
    return "ip -6" if ":" in prefix else "ip"


def allow(finding: Finding, evidence: Evidence) -> list[Remedy]:
    """The whole list of allowed IPs, which replaces the old one: wg(8)."""
    peer, address = peer_of(finding, evidence), value(finding, "address")
    elsewhere = is_(finding, "outside-tunnel")  # not the address is missing, but where its packets come from
    prefix = "PREFIX" if elsewhere or not address else targets.host_prefix(address)
    key, old = (peer.key, peer.allowed_ips) if peer else ("PUBLIC_KEY", ())
    command = f"wg set {evidence.name} peer {key} allowed-ips"
    routes = (f"ip route add PREFIX dev {evidence.name}",) if elsewhere else ()
    return [
        Remedy(
            "add-allowed",
            "system",
            (f"{command} {','.join((*old, prefix))}", *routes),
            (f"{command} {','.join(old)}",) if old else (),
            ("placeholder",) if prefix == "PREFIX" or not peer else (),
            file=evidence.file,
            lines=("[Peer]", f"PublicKey = {key}", f"AllowedIPs = {', '.join((*old, prefix))}"),
        )
    ]


# Sizes


def shrink(finding: Finding, evidence: Evidence) -> list[Remedy]:
    """A smaller MTU, unless that would be too small for IPv6."""
    now, mtu = value(finding, "now"), value(finding, "mtu")
    command = f"ip link set dev {evidence.name} mtu"
    small = int(mtu) < _LEAST_IPV6
    lost = [one for one in evidence.interface.addresses if ":" in one and not one.startswith("fe80")]
    back = tuple(f"ip -6 address add {one} dev {evidence.name}" for one in lost if small)
    shrunk = Remedy(
        "mtu",
        "system",
        (f"{command} {mtu}",),
        (f"{command} {now}", *back),
        ("no-ipv6",) if small else (),
        file=evidence.file,
        lines=("[Interface]", f"MTU = {mtu}"),
    )
    carries = any(":" in prefix for one in evidence.peers for prefix in one.allowed_ips)
    mend = Remedy("mend-path", "")
    return [mend, shrunk] if small and (lost or carries) else [shrunk, mend] if small else [shrunk]


# Beyond an end


def forward(finding: Finding, evidence: Evidence) -> list[Remedy]:
    """A router forwards."""
    address = value(finding, "address")
    six = value(finding, "version") == "6" or ":" in address
    key = "net.ipv6.conf.all.forwarding" if six else "net.ipv4.ip_forward"
    warnings = ("ra-ignored",) if six else ()
    if not is_(finding, "hop-silent"):
        return [_sysctl("forward", key, "1", "0", warnings)]
    look = f"glasstunnel diagnose tunnel INTERFACE --to {address}"
    there = (*warnings, "placeholder")
    return [
        Remedy(
            "forward-there", "", (f"sysctl -w {key}=1", look), (), there, file=_SYSCTL, lines=(f"{key} = 1",)
        )
    ]


def masquerade(finding: Finding, evidence: Evidence) -> list[Remedy]:
    """The router's own address as the source, to which answers find their way."""
    if is_(finding, "no-way-back") or evidence.target is None:
        return [Remedy("masquerade-there", "")]
    source, cable = value(finding, "source"), evidence.target.way.interface
    family = "ip6" if ":" in source else "ip"
    prefix = next(
        prefix
        for peer in evidence.peers
        for prefix in peer.allowed_ips
        if targets.is_through(source, [prefix])
    )
    prefix = _network_of(prefix, evidence) if ip_network(prefix).num_addresses == 1 else prefix
    chain = f"{family} {_TABLE} postrouting"
    commands = (
        f"nft add table {family} {_TABLE}",
        f"nft 'add chain {chain} {{ type nat hook postrouting priority srcnat; }}'",
        f"nft 'add rule {chain} {family} saddr {prefix} oifname \"{cable}\" masquerade'",
    )
    undo = (f"nft delete table {family} {_TABLE}",)
    lines = ("[Interface]", *(f"PostUp = {one}" for one in commands), f"PostDown = {undo[0]}")
    return [Remedy("masquerade", "system", commands, undo, (), file=evidence.file, lines=lines)]


def _network_of(prefix: str, evidence: Evidence) -> str:
    """The interface's own network where an address of it is meant: its neighbours will want the same."""
    address = ip_network(prefix).network_address
    own = (ip_interface(one).network for one in evidence.interface.addresses)
    return next((str(network) for network in own if address in network), prefix)


def look_inside(finding: Finding, evidence: Evidence) -> list[Remedy]:
    """What the other end may do with what it has opened."""
    own = [one for one in evidence.interface.addresses if not one.startswith("fe80")]
    mine = ", ".join(targets.host_prefix(one.partition("/")[0]) for one in own)
    lines = ("[Peer]", f"PublicKey = {evidence.public_key}", f"AllowedIPs = {mine}")
    look = ("glasstunnel diagnose tunnel INTERFACE", "wg show INTERFACE", "ip address show dev INTERFACE")
    return [
        Remedy("allowed-there", "", lines=lines),
        Remedy("look-inside", "", (*look, "nft list ruleset"), (), ("placeholder",)),
    ]
