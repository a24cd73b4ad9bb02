"""All probes of a tunnel, in the order in which a tunnel needs what they see.

Rule: what can be asked without a packet is asked first; then the device is let try, then packets are sent
into the tunnel. A layer that fails leaves those behind it untried.
"""

import socket
import threading
import time
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

from glasstunnel.diagnose.tunnel import targets
from glasstunnel.diagnose.tunnel.evidence import Counts, Evidence, Kind, Peer
from glasstunnel.diagnose.tunnel.options import Options
from glasstunnel.diagnose.tunnel.probe import machine, through
from glasstunnel.diagnose.tunnel.probe.data import Say, data
from glasstunnel.diagnose.tunnel.probe.device import Device
from glasstunnel.diagnose.tunnel.probe.handshake import address_of, handshake, knock
from glasstunnel.diagnose.tunnel.probe.ways import way
from glasstunnel.host.errors import HostError
from glasstunnel.host.names import check_name
from glasstunnel.host.resolve import resolve
from glasstunnel.operate import files, keys
from glasstunnel.operate.config import Config, ConfigError


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
    kind = device.kind if device else Kind.FILE
    path = str(file.absolute()) if file else ""
    evidence = Evidence(name, kind, path if _is_path(subject) else subject, path, time.time())
    _identify(evidence, device, config, options.peer)
    evidence.interface = machine.interface(name)
    evidence.local = machine.local(name, (file,) if file else ())
    say("names")
    _resolve(evidence.peers, config, options.deadlines.names)
    say("routes")
    for peer in evidence.peers:
        _ask_ways(evidence, peer)
    rules, unknown = machine.ruleset()
    evidence.unknown += unknown
    evidence.filtered = through.filtered(evidence, rules)
    evidence.filter_owners = rules.owners
    if evidence.kind is Kind.OTHER:
        evidence.unknown.append("no-drop-counters")
    if device and evidence.interface.up:
        say("handshake")
        handshake(evidence, device, options)
        say("data")
        for peer in evidence.peers:
            if evidence.has_session(peer):
                data(evidence, peer, device, options, say)
    else:
        evidence.unknown.append("not-asked")
        for peer in evidence.peers:
            if peer.endpoint:
                peer.outside = knock(peer.endpoint, options.deadlines.echo, evidence.fwmark)
    if options.to:
        say("target")
        known = None if unknown else rules
        evidence.target = through.target(evidence, options.to, known, options.deadlines.echo)
    if device:
        evidence.drops, found = device.counts()
        for peer in evidence.peers:
            peer.after = found.get(peer.key, peer.after)
    evidence.seconds = round(time.monotonic() - began, 1)
    return evidence


def _is_path(subject: str) -> bool:
    return "/" in subject or subject.endswith(".conf")


def _configuration(subject: str) -> tuple[Path | None, Config | None]:
    try:
        file = files.find(subject)
    except (ConfigError, PermissionError):  # the folder of configurations is closed to others
        if _is_path(subject):
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
        if config and not evidence.doubled:
            there = {peer.key: set(peer.allowed_ips) for peer in evidence.peers}
            here = {key: set(map(str, peer.allowed_ips)) for key, peer in configured.items()}
            here.pop(evidence.public_key, None)
            evidence.not_applied = [key for key in {**here, **there} if here.get(key) != there.get(key)]
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
            peer.unresolved = _why(error)
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
            peer.unresolved = "no-resolver"


def _why(error: HostError) -> str:
    """The two usual reasons by a code, any other as it is told."""
    cause = error.__cause__
    number = cause.errno if isinstance(cause, socket.gaierror) else None
    none = {socket.EAI_NONAME: "no-such-name", socket.EAI_NODATA: "no-such-name"}
    return {**none, socket.EAI_AGAIN: "no-resolver"}.get(number or 0, str(error))


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
