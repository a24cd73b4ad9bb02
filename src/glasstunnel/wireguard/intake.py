"""How a handshake message comes in: what is asked of it before it may cost anything, and whose it is.

Rule: the cheap questions come first. Nothing is answered without a right mac1; under load nothing is computed
for a source that has not shown, with a cookie, that it receives at its address, nor for one that comes too
often. Only then is there any cryptography of keys. Section: WP §5.3, §5.4; kernel receive.c
``wg_receive_handshake_packet``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from glasstunnel.wireguard.cookie import source_of
from glasstunnel.wireguard.events import Drop, Event, Path, Send
from glasstunnel.wireguard.handshake import HandshakeError, ResponderHandshake, Rng
from glasstunnel.wireguard.messages import (
    CookieReply,
    Initiation,
    MessageError,
    MessageType,
    Response,
    message_type,
)

if TYPE_CHECKING:
    from glasstunnel.noise import KeyPair
    from glasstunnel.wireguard.device import Device


def receive(device: Device, now: float, rng: Rng, datagram: bytes | memoryview, path: Path) -> list[Event]:
    """Take in a datagram that is not transport data; see :meth:`Device.receive`."""
    try:
        kind = message_type(datagram)
    except MessageError:
        return device.ignore(Drop.MALFORMED)
    if device.static is None:
        return device.ignore(Drop.NO_PRIVATE_KEY)
    match kind:
        case MessageType.COOKIE_REPLY:
            return _receive_cookie_reply(device, now, CookieReply.parse(datagram))
        case MessageType.TRANSPORT_DATA:
            return device.ignore(Drop.MALFORMED)  # belongs into a burst
    under_load = device.incoming.under_load(now)
    if not device.cookies.mac1_is_right(datagram):
        return device.ignore(Drop.WRONG_MAC1)
    if under_load:
        if not device.cookies.mac2_is_right(now, rng, datagram, path):
            device.ignore(Drop.NO_COOKIE)
            return [Send(None, device.cookies.reply(now, rng, datagram, path).build(), path)]
        if not device.rate_limiter.allow(now, source_of(path)):
            return device.ignore(Drop.RATE_LIMITED)
    if kind is MessageType.INITIATION:
        return _receive_initiation(device, device.static, now, rng, Initiation.parse(datagram), path)
    return _receive_response(device, now, Response.parse(datagram), path)


def _receive_initiation(
    device: Device, static: KeyPair, now: float, rng: Rng, initiation: Initiation, path: Path
) -> list[Event]:
    handshake = ResponderHandshake(static, rng)
    try:
        handshake.consume_initiation(initiation)
    except HandshakeError:
        return device.ignore(Drop.BAD_HANDSHAKE)
    peer = device.peers.get(handshake.remote_static)
    if peer is None:
        return device.ignore(Drop.UNKNOWN_PEER)
    return peer.respond(now, rng, handshake, path)


def _receive_response(device: Device, now: float, response: Response, path: Path) -> list[Event]:
    peer, keypair = device.indices.get(response.receiver, (None, None))
    if peer is None or keypair is not None:
        return device.ignore(Drop.UNKNOWN_INDEX)
    return peer.consume_response(now, response, path)


def _receive_cookie_reply(device: Device, now: float, reply: CookieReply) -> list[Event]:
    """Keep the cookie for the next handshake message, and do nothing else: the peer has proved nothing about
    its address or its session, so no roaming, no timer and no new attempt.
    """
    peer, _ = device.indices.get(reply.receiver, (None, None))
    if peer is None:
        return device.ignore(Drop.UNKNOWN_INDEX)
    if not peer.cookies.consume(now, reply):
        return peer.drop(Drop.BAD_COOKIE_REPLY)
    return []
