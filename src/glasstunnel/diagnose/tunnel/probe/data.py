"""Packets in the tunnel: small ones, then large ones, then after longer and longer silences.

Rule: every size and every silence is tried with packets of one's own; how long to wait for an answer is
learnt from the first. Section: WP §6.5 (the passive keepalive), §5.4.6; see pathmtu.py and natlife.py.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from glasstunnel.diagnose.tunnel import natlife, pathmtu, targets
from glasstunnel.diagnose.tunnel.evidence import Counts, Evidence, Got, Peer, Search
from glasstunnel.diagnose.tunnel.options import Options
from glasstunnel.diagnose.tunnel.probe import machine, packets
from glasstunnel.diagnose.tunnel.probe.device import Device
from glasstunnel.diagnose.tunnel.probe.handshake import REKEY_TIMEOUT, address_of
from glasstunnel.diagnose.tunnel.probe.packets import Echo
from glasstunnel.host.errors import HostError


class Say(Protocol):
    """Is told each step before it is done, and of a silence how long it is."""

    def __call__(self, step: str, seconds: int = 0) -> None: ...


_POLL = 0.2  # seconds between two looks at a device, which tells nothing unasked
_SMALL = 64  # bytes
_SPARE, _TIMES = 0.2, 4  # seconds, and round trips, until a packet is taken for lost where one was answered


def data(evidence: Evidence, peer: Peer, device: Device, options: Options, say: Say) -> None:
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
        if peer.waited > REKEY_TIMEOUT or (peer.outside and peer.outside.got is not Got.SILENCE):
            return  # the way outside is closed
        say("keepalive")
        peer.keepalive_came = _keepalive(peer, device, options.deadlines.keepalive, came_before)
        return
    address = answering[0].address
    say("sizes")
    soon = min(deadline, _SPARE + _TIMES * answering[0].ms / 1000)
    _search(evidence, peer, address, (soon, deadline, deadline), mtu)
    if options.nat_life:
        _nat_life(evidence, peer, address, device, options, say)


def _keepalive(peer: Peer, device: Device, deadline: float, before: int) -> bool:
    """Whether the other device says, by its passive keepalive, that it has got something (WP §6.5)."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        _, found = device.counts()
        if found.get(peer.key, peer.after).received > before:
            return True
        time.sleep(_POLL)
    return False


def _search(evidence: Evidence, peer: Peer, address: str, deadlines: Sequence[float], mtu: int) -> None:
    """Large packets inside, and outside where they are lost inside.

    A small one goes before and after those of a round: where it is lost too the way stood still, and the
    round is asked again, with more patience.
    """
    reported = [0]

    def ask(where: str, interface: str, mark: int, sizes: list[int]) -> set[int]:
        for deadline in deadlines:
            tries = [Echo(where, size) for size in (_SMALL, *sizes, _SMALL)]
            got = packets.echoes(tries, deadline, interface, mark)
            if got[0][0].got is got[-1][0].got is Got.ANSWER:
                break
        reported[0] = max(reported[0], *(told for _, told in got))
        return {reply.size for reply, _ in got[1:-1] if reply.got is Got.ANSWER}

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
            lambda seconds: say("silence", seconds),
        )
