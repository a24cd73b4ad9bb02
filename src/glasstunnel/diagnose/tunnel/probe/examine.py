"""All probes of a tunnel, in the order in which a tunnel needs what they see.

Rule: what can be asked without a packet is asked first; then the device is let try, then packets are sent
into the tunnel. A layer that fails leaves those behind it untried.
"""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from glasstunnel.diagnose.tunnel import natlife, pathmtu, targets
from glasstunnel.diagnose.tunnel.evidence import (
    Counts,
    Evidence,
    Got,
    Kind,
    Peer,
    Reply,
    Search,
)
from glasstunnel.diagnose.tunnel.options import Options
from glasstunnel.diagnose.tunnel.probe import machine, packets, through
from glasstunnel.diagnose.tunnel.probe.device import Device
from glasstunnel.diagnose.tunnel.probe.packets import Echo
from glasstunnel.diagnose.tunnel.probe.ways import way
from glasstunnel.host.errors import HostError
from glasstunnel.host.names import check_name
from glasstunnel.host.resolve import resolve
from glasstunnel.operate import files, keys
from glasstunnel.operate.config import Config, ConfigError

Say = Callable[[str], None]
_POLL = 0.05  # seconds between two looks at a device
_SMALL = 64
_ABOUT_KEYS = {
    "unknown_peer",
    "wrong_mac1",
    "bad_handshake",
    "old_timestamp",
}  # drops that the verdict asks for
RECENT = 180.0
"""Seconds: REJECT_AFTER_TIME, WP §6.1. A handshake that is younger has a session."""


def examine(subject: str, options: Options, say: Say) -> Evidence:
    """See everything.

    Args:
        subject: an interface, a configuration's name, or a path to one.
        options: how.
        say: is told each step before it is done.

    Raises:
        HostError, ConfigError, StatusError: if there is nothing of that name, or it cannot be read.
    """
    began = time.monotonic()
    file, config = _configuration(subject)
    name = files.interface_name(file) if file else check_name(subject)
    device = _device(name, config is not None)
    evidence = Evidence(name, device.kind if device else Kind.FILE, now=time.time())
    _identify(evidence, device, config, options.peer)
    evidence.interface = machine.interface(name)
    evidence.local = machine.local(name, (file,) if file else ())
    say("names")
    _resolve(evidence.peers, config, options.deadlines.names)
    say("routes")
    for peer in evidence.peers:
        _ask_ways(evidence, peer)
    rules = machine.ruleset()
    if rules is None:
        evidence.unknown.append("no-ruleset")
    elif machine.has_legacy_rules():
        evidence.unknown.append("legacy-rules")
    if rules:
        evidence.filtered = through.filtered(evidence, rules)
    if evidence.kind is Kind.OTHER:
        evidence.unknown.append("no-drop-counters")
    if device and evidence.interface.up:
        say("handshake")
        _handshake(evidence, device, options)
        say("data")
        for peer in evidence.peers:
            if _has_session(peer, evidence):
                _data(evidence, peer, device, options, say)
    else:
        evidence.unknown.append("not-asked")
        for peer in evidence.peers:
            if peer.endpoint:
                peer.outside = _knock(peer.endpoint, options.deadlines.echo, evidence.fwmark)
    if options.to:
        say("target")
        evidence.target = through.target(evidence, options.to, rules, options.deadlines.echo)
    if device:
        evidence.drops, found = device.counts()
        for peer in evidence.peers:
            peer.after = found.get(peer.key, peer.after)
    evidence.seconds = round(time.monotonic() - began, 1)
    return evidence


def _configuration(subject: str) -> tuple[Path | None, Config | None]:
    try:
        file = files.find(subject)
    except (ConfigError, PermissionError):  # the folder of configurations is closed to others
        if "/" in subject or subject.endswith(".conf"):
            raise
        return None, None
    return file, files.load(file)


def _device(name: str, is_configured: bool) -> Device | None:
    try:
        return Device(name)
    except HostError:
        if not is_configured:
            raise
        return None


def _identify(evidence: Evidence, device: Device | None, config: Config | None, only: str) -> None:
    configured = {keys.encode(peer.public_key): peer for peer in config.peers} if config else {}
    if config:
        own = keys.pubkey(config.interface.private_key)
        evidence.public_key, evidence.own_key_as_peer = keys.encode(own), keys.encode(own) in configured
        evidence.listen_port, evidence.fwmark = config.interface.listen_port, config.interface.fwmark
        evidence.doubled = targets.overlapping(
            (key, [str(prefix) for prefix in peer.allowed_ips]) for key, peer in configured.items()
        )
    if device:
        status = device.status
        evidence.public_key = keys.encode(status.public_key) if status.public_key else ""
        evidence.listen_port, evidence.fwmark = status.listen_port, status.fwmark
        evidence.peers = [
            Peer(keys.encode(one.public_key), tuple(one.allowed_ips), keepalive=one.persistent_keepalive)
            for one in status.peers
        ]
        evidence.drops_before, before = device.counts()
        for peer in evidence.peers:
            peer.before = peer.after = before.get(peer.key, Counts())
    else:
        evidence.peers = [
            Peer(key, tuple(map(str, one.allowed_ips)), keepalive=one.persistent_keepalive)
            for key, one in configured.items()
        ]
    for peer in evidence.peers:
        if (one := configured.get(peer.key)) and one.endpoint:
            peer.configured = str(one.endpoint)
    if only:
        evidence.peers = [peer for peer in evidence.peers if peer.key == only]
        if not evidence.peers:
            raise HostError(f"{evidence.name} has no peer {only}")


def _resolve(peers: Iterable[Peer], config: Config | None, deadline: float) -> None:
    """Names to addresses, beside each other; a resolver that hangs is left behind."""
    found = {keys.encode(peer.public_key): peer.endpoint for peer in config.peers} if config else {}

    def look_up(peer: Peer) -> None:
        endpoint = found[peer.key]
        assert endpoint
        try:
            path = resolve(endpoint.host, endpoint.port, retries=0)
        except HostError as error:
            peer.unresolved = str(error)
        else:
            host, port = path.remote
            peer.resolved = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}",)

    end = time.monotonic() + deadline
    started = []
    for peer in peers:
        if found.get(peer.key):
            thread = threading.Thread(target=look_up, args=(peer,), daemon=True)
            thread.start()
            started.append((thread, peer))
    for thread, peer in started:
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            peer.unresolved = "no answer from the resolver"


def address_of(endpoint: str) -> tuple[str, int]:
    """Address and port of ``192.0.2.1:51820`` or ``[2001:db8::1]:51820``."""
    host, _, port = endpoint.rpartition(":")
    return host.strip("[]"), int(port)


def _ask_ways(evidence: Evidence, peer: Peer) -> None:
    if peer.endpoint:
        host, _ = address_of(peer.endpoint)
        peer.outward = way(host, mark=evidence.fwmark)
        if peer.outward.interface not in ("", "lo", evidence.name):
            own = _own_address(peer.outward.interface, ip_address(host.partition("%")[0]).version)
            if own:
                peer.backward = way(own, source=host, comes_in=peer.outward.interface, mark=evidence.fwmark)
    if evidence.interface.up:
        for prefix in peer.allowed_ips:
            peer.ways.append(way(targets.sample(prefix), prefix=prefix))
            for address in evidence.interface.addresses:
                host = address.partition("/")[0]
                if (":" in host) == (":" in prefix):
                    peer.arrivals.append(
                        way(host, source=targets.sample(prefix), comes_in=evidence.name, prefix=prefix)
                    )
                    break


def _own_address(interface: str, version: int) -> str:
    addresses = machine.interface(interface).addresses
    found = [one.partition("/")[0] for one in addresses if (":" in one) == (version == 6)]
    return next((one for one in found if not one.startswith("fe80")), "")


def _handshake(evidence: Evidence, device: Device, options: Options) -> None:
    """Let the device try with every peer that it can reach, and watch what comes of it."""
    for peer in evidence.peers:
        if peer.endpoint and evidence.kind is Kind.OTHER:
            for address in targets.inner_addresses(peer.allowed_ips, evidence.interface.addresses)[:1]:
                packets.wake(evidence.name, address)
    for peer in evidence.peers:
        if peer.endpoint:
            # Both in one: who is refused is refused at once.
            peer.outside = _knock(peer.endpoint, min(0.2, options.deadlines.echo), evidence.fwmark)
    end = time.monotonic() + options.deadlines.handshake
    while True:
        evidence.drops, found = device.counts()
        for peer in evidence.peers:
            peer.after = found.get(peer.key, peer.after)
        if all(_is_decided(peer, evidence) for peer in evidence.peers) or time.monotonic() >= end:
            break
        for peer in evidence.peers:
            if peer.endpoint and not _is_decided(peer, evidence):
                device.try_(peer.key)  # again and again: it begins no sooner than it may anyway
        time.sleep(_POLL)


def _is_decided(peer: Peer, evidence: Evidence) -> bool:
    """Whether waiting longer would tell nothing more of this peer."""
    return (
        not peer.endpoint
        or peer.is_fresh
        or (evidence.kind is Kind.OTHER and evidence.now - peer.after.handshake < RECENT)
        or peer.grown("bad_handshake") > 0
        or peer.grown("old_timestamp") > 0
        or (
            peer.outside is not None
            and peer.outside.got is not Got.SILENCE
            and not _ABOUT_KEYS & (evidence.drops.keys() | peer.after.drops.keys())
        )
    )


def _has_session(peer: Peer, evidence: Evidence) -> bool:
    return peer.is_fresh or 0 < evidence.now - peer.after.handshake < RECENT


def _knock(endpoint: str, deadline: float, mark: int) -> Reply:
    host, port = address_of(endpoint)
    return packets.knock(host, port, deadline, mark)


def _data(evidence: Evidence, peer: Peer, device: Device, options: Options, say: Say) -> None:
    """Small packets, then large ones, then the largest that there is room for."""
    deadline, name, mtu = options.deadlines.echo, evidence.name, evidence.interface.mtu
    addresses = targets.inner_addresses(peer.allowed_ips, evidence.interface.addresses)
    if not addresses:
        return
    came_before = peer.after.received
    small = [Echo(address, _SMALL) for address in addresses]
    peer.echoes += [reply for reply, _ in packets.echoes(small, deadline, name)]
    answering = [reply for reply in peer.echoes if reply.got is Got.ANSWER]
    if not answering:
        say("keepalive")
        peer.keepalive_came = _keepalive(peer, device, options.deadlines.keepalive, came_before)
        return
    address = answering[0].address
    say("large packets")
    _search(evidence, peer, address, deadline, mtu)
    if options.nat_life:
        _nat_life(evidence, peer, address, device, options, say)


def _keepalive(peer: Peer, device: Device, deadline: float, before: int) -> bool:
    """Whether the other device says, by its passive keepalive, that it has got something (WP §6.5)."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        _, found = device.counts()
        if found.get(peer.key, peer.after).received > before:
            return True
        time.sleep(4 * _POLL)
    return False


def _search(evidence: Evidence, peer: Peer, address: str, deadline: float, mtu: int) -> None:
    reported = [0]

    def ask(where: str, interface: str, mark: int, sizes: list[int]) -> set[int]:
        got = packets.echoes([Echo(where, size) for size in sizes], deadline, interface, mark)
        reported[0] = max(reported[0], *(told for _, told in got), 0)
        return {reply.size for reply, _ in got if reply.got is Got.ANSWER}

    def inside(sizes: list[int]) -> set[int]:
        return ask(address, evidence.name, 0, sizes)

    if inside([mtu]) or inside([mtu]):
        peer.searches.append(Search(address, False, mtu, 0))
        return
    largest, lost = pathmtu.search(_SMALL, mtu, inside)
    peer.searches.append(Search(address, False, largest, lost, reported[0]))
    if not peer.outward or not peer.outward.interface:
        return
    host, _ = address_of(peer.endpoint)
    reported[0] = 0

    def outside(sizes: list[int]) -> set[int]:
        return ask(host, "", evidence.fwmark, sizes)

    highest = peer.outward.mtu or machine.interface(peer.outward.interface).mtu
    if outside([_SMALL]):
        largest, lost = pathmtu.search(_SMALL, highest, outside)
        peer.searches.append(Search(host, True, largest, lost, reported[0]))


def _nat_life(
    evidence: Evidence, peer: Peer, address: str, device: Device, options: Options, say: Say
) -> None:
    def passed() -> int:
        counts = device.counts()[1].get(peer.key, Counts())
        return counts.received + counts.sent

    def echo() -> bool:
        tries = [Echo(address)]
        got = packets.echoes(tries, options.deadlines.echo, evidence.name)
        if got[0][0].got is not Got.ANSWER:
            got = packets.echoes(tries, options.deadlines.echo, evidence.name)
        return got[0][0].got is Got.ANSWER

    with suppress(HostError):
        peer.nat = natlife.measure(
            time.sleep,
            echo,
            passed,
            options.deadlines.keepalive,
            options.silences or natlife.SILENCES,
            lambda seconds: say(f"a silence of {seconds} s"),
        )
