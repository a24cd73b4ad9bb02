"""What this machine would do with packets on their way: its filter, its forwarding, its translation.

Rule: the kernel and the rules are asked about packets that are never sent; only the way through the tunnel to
an address that the user names is tried with packets, and one of them may make a single hop, because a router
that forwards says that it was one too many.
"""

from ipaddress import ip_address

from glasstunnel.diagnose.addresses import is_own
from glasstunnel.diagnose.tunnel import targets
from glasstunnel.diagnose.tunnel.evidence import Evidence, Filtered, Target
from glasstunnel.diagnose.tunnel.filters import Packet, Ruleset
from glasstunnel.diagnose.tunnel.probe import packets
from glasstunnel.diagnose.tunnel.probe.packets import Echo
from glasstunnel.diagnose.tunnel.probe.ways import way

_ICMP = {4: 1, 6: 58}
_ANY_PORT = 51820


def filtered(evidence: Evidence, rules: Ruleset) -> list[Filtered]:
    """The tunnel's own packets that the filter here would drop, outside and inside."""
    found: dict[Filtered, None] = {}

    def ask(hook: str, what: str, packet: Packet) -> None:
        if hit := rules.drops(hook, packet):
            found[Filtered(hook, what, hit.rule, hit.sure)] = None

    for peer in evidence.peers:
        backward = peer.backward
        if backward and not backward.error and peer.outward:
            there, here, cable = backward.source, backward.destination, peer.outward.interface
            port = int(peer.endpoint.rpartition(":")[2])
            outer = Packet(here, there, 17, "", cable, evidence.listen_port, port)
            ask("output", "outer", outer)
            # An answer belongs to what we have sent, unless connections are not tracked.
            back = Packet(there, here, 17, cable, "", port, evidence.listen_port, "established")
            ask("input", "outer", back)
        if not peer.endpoint and evidence.listen_port:
            for network, cable in evidence.local.networks:  # by any of which it may begin
                there = targets.sample("::/0" if ":" in network else "0.0.0.0/0")
                here = targets.sample(network)
                ask("input", "first", Packet(there, here, 17, cable, "", _ANY_PORT, evidence.listen_port))
        for address in targets.inner_addresses(peer.allowed_ips, evidence.interface.addresses):
            version = ip_address(address).version
            own = [one.partition("/")[0] for one in evidence.interface.addresses]
            for mine in (one for one in own if ip_address(one).version == version):
                protocol = _ICMP[version]
                ask("output", "inner", Packet(mine, address, protocol, "", evidence.name))
                ask("input", "inner", Packet(address, mine, protocol, evidence.name, "", 0, 0, "established"))
                break
    return list(found)


def target(evidence: Evidence, address: str, rules: Ruleset | None, deadline: float) -> Target:
    """What would become of packets to an address, ours into the tunnel or the peers' out of it."""
    found = Target(address, way(address))
    if found.way.interface == evidence.name:
        tries = [Echo(address), Echo(address, hops=1)]
        (found.answered, _), (found.one_hop, _) = packets.echoes(tries, deadline)
        return found
    version = ip_address(address).version
    sources = [
        targets.sample(prefix)
        for peer in evidence.peers
        for prefix in peer.allowed_ips
        if (":" in prefix) == (version == 6)
    ]
    (found.answered, _), *_rest = packets.echoes([Echo(address)], deadline)
    for source in sources:
        onward = way(address, source=source, comes_in=evidence.name)
        found.forwarded.append(onward)
        if onward.error or not rules or found.source:
            continue
        found.source = source
        found.private = is_own(ip_address(source)) and not is_own(ip_address(address))
        packet = Packet(source, address, _ICMP[version], evidence.name, found.way.interface)
        back = Packet(
            address, source, _ICMP[version], found.way.interface, evidence.name, state="established"
        )
        for one in (packet, back):
            if hit := rules.drops("forward", one):
                evidence.filtered.append(Filtered("forward", "through", hit.rule, hit.sure))
                break
        found.translated = rules.translates(packet)
    return found
