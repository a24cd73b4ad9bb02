"""A handshake, which the device is let try, and what shows that there will be none.

Rule: the device makes it, never we; and nobody waits longer than until it is decided. Section: WP §6.1 (which
times there are), §5.3 and §5.4.7 (what is dropped without a word).
"""

import time

from glasstunnel.diagnose.tunnel import targets
from glasstunnel.diagnose.tunnel.evidence import Evidence, Got, Kind, Peer, Reply
from glasstunnel.diagnose.tunnel.options import Options
from glasstunnel.diagnose.tunnel.probe import packets
from glasstunnel.diagnose.tunnel.probe.device import Device
from glasstunnel.wireguard.parameters import Parameters

_POLL = 0.05  # seconds between two looks at a device, which tells nothing unasked
_WRONG_KEY = ("unknown_peer", "wrong_mac1")  # drops that the verdict asks for
_ABOUT_KEYS = {*_WRONG_KEY, "bad_handshake", "old_timestamp"}
REKEY_TIMEOUT = Parameters().rekey_timeout
"""After a handshake that is younger no other may begin."""
_REJECT_AFTER_TIME = Parameters().reject_after_time  # a handshake that is younger has a session


def handshake(evidence: Evidence, device: Device, options: Options) -> None:
    """Let the device try with every peer that it can reach, and watch what comes of it."""
    for peer in evidence.peers:
        if peer.endpoint and evidence.kind is Kind.OTHER:
            for address in targets.inner_addresses(peer.allowed_ips, evidence.interface.addresses)[:1]:
                packets.wake(evidence.name, address)
    for peer in evidence.peers:
        if peer.endpoint:
            # Both in one: who is refused is refused at once.
            peer.outside = knock(peer.endpoint, min(0.2, options.deadlines.echo), evidence.fwmark)
    began = time.monotonic()
    end = began + options.deadlines.handshake
    while True:
        evidence.drops, found = device.counts()
        for peer in evidence.peers:
            peer.after = found.get(peer.key, peer.after)
        accused = _is_accused(evidence) and time.monotonic() - began > options.deadlines.echo
        if accused or all(_is_decided(peer, evidence) for peer in evidence.peers) or time.monotonic() >= end:
            break
        for peer in evidence.peers:
            if peer.endpoint and not _is_decided(peer, evidence):
                device.try_(peer.key)  # again and again: it begins no sooner than it may anyway
        time.sleep(_POLL)
    for peer in evidence.peers:
        if not _is_decided(peer, evidence):
            peer.waited = round(time.monotonic() - began, 1)


def _is_decided(peer: Peer, evidence: Evidence) -> bool:
    """Whether waiting longer would tell nothing more of this peer."""
    return (
        not peer.endpoint
        or peer.is_fresh
        or _needs_no_other(peer, evidence)
        or peer.grown("bad_handshake") > 0
        or peer.grown("old_timestamp") > 0
        or (
            peer.outside is not None
            and peer.outside.got is not Got.SILENCE
            and not _ABOUT_KEYS & (evidence.drops.keys() | peer.after.drops.keys())
        )
    )


def _needs_no_other(peer: Peer, evidence: Evidence) -> bool:
    """Whether its handshake is so young that its device makes no other, and nothing speaks against it."""
    soon = REKEY_TIMEOUT if evidence.kind is Kind.OURS else _REJECT_AFTER_TIME
    return evidence.now - peer.after.handshake < soon and not _ABOUT_KEYS & peer.after.drops.keys()


def _is_accused(evidence: Evidence) -> bool:
    """Whether the only peer sends what shows a wrong key, and so will not answer."""
    grown = (evidence.drops.get(code, 0) - evidence.drops_before.get(code, 0) for code in _WRONG_KEY)
    return len(evidence.peers) == 1 and any(grown)


def knock(endpoint: str, deadline: float, mark: int) -> Reply:
    """Whether an ICMP error comes back from an endpoint."""
    host, port = address_of(endpoint)
    return packets.knock(host, port, deadline, mark)


def address_of(endpoint: str) -> tuple[str, int]:
    """Address and port of ``192.0.2.1:51820`` or ``[2001:db8::1]:51820``."""
    host, _, port = endpoint.rpartition(":")
    return host.strip("[]"), int(port)
