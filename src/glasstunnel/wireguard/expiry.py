"""What the timers do when they expire: one function for each, under the name that the table gives.

Rule: when a timer expires is in :mod:`~glasstunnel.wireguard.timers` alone; a function here does its work
through the peer and returns the events. Section: WP §6; kernel timers.c ``wg_expired_*``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from glasstunnel.wireguard.events import Drop, Event, GaveUp
from glasstunnel.wireguard.handshake import Rng
from glasstunnel.wireguard.timers import Occasion

if TYPE_CHECKING:
    from glasstunnel.wireguard.peer import Peer


def retransmit_handshake(peer: Peer, now: float, wall: int, rng: Rng) -> list[Event]:
    """Repeat the initiation, or give the peer up when it has been repeated often enough."""
    if peer.attempts > peer.timers.parameters.max_retries:
        peer.drop_staged(Drop.GAVE_UP)
        peer.on(Occasion.GAVE_UP, now)
        return [GaveUp(peer)]
    if not peer.may_initiate(now):  # we have answered an initiation of the peer's meanwhile
        peer.on(Occasion.INITIATED, now)
        return []
    peer.attempts += 1
    peer.forget_source()
    return peer.initiate(now, wall, rng)


def send_passive_keepalive(peer: Peer, now: float, wall: int, rng: Rng) -> list[Event]:
    """Tell the peer that its data arrived, since nothing else has told it."""
    events = peer.send_keepalive(now)
    if peer.timers.need_another_keepalive:
        peer.timers.need_another_keepalive = False
        peer.on(Occasion.RECEIVED_DATA, now)
    return events


def start_new_handshake(peer: Peer, now: float, wall: int, rng: Rng) -> list[Event]:
    """Data went out and nothing came back: the session may be dead."""
    peer.forget_source()
    peer.attempts = 0
    return peer.initiate(now, wall, rng)


def zero_key_material(peer: Peer, now: float, wall: int, rng: Rng) -> list[Event]:
    """Erase what could still open recorded traffic."""
    peer.forget_sessions()
    return []


def send_persistent_keepalive(peer: Peer, now: float, wall: int, rng: Rng) -> list[Event]:
    """Keep a NAT's mapping alive."""
    return peer.send_keepalive(now) if peer.persistent_keepalive else []
