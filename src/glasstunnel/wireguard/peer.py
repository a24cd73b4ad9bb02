"""The state machine of one peer: handshakes, keypairs, staged packets, timers.

Rule: everything that happens to a peer passes through one method here, which changes its state, tells the
timers and returns the events. When a timer expires is in :mod:`~glasstunnel.wireguard.timers`, what it does
in :mod:`~glasstunnel.wireguard.expiry`. Section: WP §6; kernel send.c, receive.c.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from math import inf
from typing import TYPE_CHECKING, Final

from glasstunnel.wireguard import expiry
from glasstunnel.wireguard.cookie import CookieGenerator
from glasstunnel.wireguard.crypto import TIMESTAMP_GRAIN, TIMESTAMP_SIZE, tai64n
from glasstunnel.wireguard.events import Drop, Event, KeyLog, KeysReady, Path, Send
from glasstunnel.wireguard.handshake import (
    HandshakeError,
    InitiatorHandshake,
    ResponderHandshake,
    Rng,
    TransportKeys,
)
from glasstunnel.wireguard.keypair import Keypair, Keypairs
from glasstunnel.wireguard.messages import INITIATION_SIZE, KEEPALIVE_SIZE, RESPONSE_SIZE, Response
from glasstunnel.wireguard.staging import StagedPackets
from glasstunnel.wireguard.timers import Occasion, Timers, checked_keepalive

if TYPE_CHECKING:
    from glasstunnel.wireguard.device import Device

HANDSHAKE_TOS: Final = 0x88
"""Traffic class of handshake messages: DSCP AF41 (kernel messages.h ``HANDSHAKE_DSCP``)."""

# Occasions that coincide, joined once.
_SENT_DATA: Final = Occasion.SENT | Occasion.SENT_DATA
_RECEIVED_DATA: Final = Occasion.RECEIVED | Occasion.RECEIVED_DATA
_SENT_INITIATION: Final = Occasion.SENT | Occasion.INITIATED
_SENT_RESPONSE: Final = Occasion.RECEIVED | Occasion.SENT | Occasion.DERIVED
_RECEIVED_RESPONSE: Final = Occasion.RECEIVED | Occasion.DERIVED | Occasion.COMPLETED


class Peer:
    """One peer of a device; made by :meth:`Device.add_peer`."""

    def __init__(
        self,
        device: Device,
        public_key: bytes,
        preshared_key: bytes,
        endpoint: Path | None,
        persistent_keepalive: int = 0,
    ) -> None:
        self._device = device
        self.public_key = public_key
        self.preshared_key = preshared_key
        self.endpoint = endpoint
        self.tx_bytes = 0
        """Bytes of UDP payload sent to this peer."""
        self.rx_bytes = 0
        """Bytes of UDP payload received from this peer and found good."""
        self.last_handshake: float | None = None
        """``now`` at which the last session began to stand."""
        self.drops: Counter[Drop] = Counter()
        self.keypairs = Keypairs()
        self.timers = Timers(device.parameters)
        self.timers.persistent_keepalive = checked_keepalive(persistent_keepalive)
        self.wake_at = inf
        """Kept by the device's schedule."""
        self.cookies = CookieGenerator(public_key, device.parameters)
        self.staged = StagedPackets(device.parameters.max_staged_packets)
        """What waits for a session."""
        self._initiation: tuple[int, InitiatorHandshake] | None = None  # the index we gave it, and its state
        self._wants_initiation = False
        self.attempts = 0
        """Repetitions of the initiation since somebody wanted a session."""
        self._asked_in_last_minute = False
        self._last_sent_handshake = -inf
        self._last_consumed_initiation = -inf
        self._latest_timestamp = bytes(TIMESTAMP_SIZE)
        self._sent_wall = -TIMESTAMP_GRAIN

    def __repr__(self) -> str:
        return f"<Peer {b64encode(self.public_key).decode()}>"

    @property
    def allowed_ips(self) -> list[tuple[bytes, int]]:
        """The prefixes that are routed to this peer, as (address, length)."""
        return list(self._device.allowed_ips.of(self))

    @property
    def persistent_keepalive(self) -> int:
        """Interval of persistent keepalives in seconds, 0 for none."""
        return self.timers.persistent_keepalive

    def set_persistent_keepalive(self, now: float, interval: int) -> list[Event]:
        """Change the interval; switched on while the interface is up, it begins with a keepalive at once.

        Raises:
            ValueError: if the interval is not 0 to 65535 seconds.
        """
        before, self.timers.persistent_keepalive = self.persistent_keepalive, checked_keepalive(interval)
        return self.send_keepalive(now) if interval and not before and self._device.is_up else []

    def set_endpoint(self, now: float, endpoint: Path) -> list[Event]:
        """Tell where the peer is; if the interface is up, what waited for that begins at once."""
        unknown, self.endpoint = self.endpoint is None, endpoint
        if not self._device.is_up:
            return []
        return self.send_keepalive(now) if unknown and self.persistent_keepalive else self.flush(now)

    # Sending

    def sendable(self, now: float, packets: int) -> Keypair | None:
        """The keypair that may seal so many packets now, if there is one."""
        current = self.keypairs.current
        return current if current and current.may_seal(now, packets, self._device.parameters) else None

    def sealed(self, now: float, keypair: Keypair, size: int, has_data: bool) -> None:
        """Datagrams of ``size`` bytes altogether have been sealed and are about to be sent."""
        self.tx_bytes += size
        self.on(_SENT_DATA if has_data else Occasion.SENT, now)
        if keypair.wants_rekey_after_sending(now, self._device.parameters):
            self.want_initiation(now)

    def stage(self, packet: bytes, mtu: int) -> None:
        """Keep a packet, not to be padded past ``mtu`` bytes, until there is a session."""
        if self.staged.add(packet, mtu):
            self.drop(Drop.QUEUE_FULL)

    def drop_staged(self, reason: Drop) -> None:
        """Drop the packets that wait."""
        if lost := self.staged.clear():
            self.drop(reason, lost)

    def flush(self, now: float) -> list[Event]:
        """Send what is staged, or ask for a session to send it with."""
        if not self.staged or self.endpoint is None:
            return []
        keypair = self.sendable(now, len(self.staged))
        if keypair is None:
            self.want_initiation(now)
            return []
        sealed = self.staged.seal(keypair)
        sizes = [len(data) for data, _ in sealed]
        self.sealed(now, keypair, sum(sizes), has_data=max(sizes) > KEEPALIVE_SIZE)
        return [Send(self, data, self.endpoint, tos) for data, tos in sealed]

    def send_keepalive(self, now: float) -> list[Event]:
        """Send an empty packet, unless there are real ones to send."""
        if self.endpoint is None:
            return []
        if not self.staged:
            self.staged.add(b"", 0)
        return self.flush(now)

    # Handshake, as initiator

    def want_initiation(self, now: float) -> None:
        """Ask for a new session at the next tick; unlike a repetition this counts attempts anew."""
        self.attempts = 0
        if not self._wants_initiation and self.may_initiate(now):
            self._wants_initiation = True
            self._device.schedule.wake(self, now)

    def resume(self) -> None:
        """The peer or our key is new: if there is something to say, ask for a session at the next tick."""
        if self.staged or self.persistent_keepalive:
            self._wants_initiation = True
            self._device.schedule.wake(self, -inf)

    def may_initiate(self, now: float) -> bool:
        """Whether the last handshake message to this peer is five seconds old."""
        return now - self._last_sent_handshake >= self._device.parameters.rekey_timeout

    def initiate(self, now: float, wall: int, rng: Rng) -> list[Event]:
        """Send an initiation, at most one in five seconds."""
        device = self._device
        if device.static is None or self.endpoint is None or not self.may_initiate(now):
            return []
        self._last_sent_handshake = now
        handshake = InitiatorHandshake(device.static, self.public_key, rng)
        index = device.new_index(rng)
        self._sent_wall = max(
            wall, self._sent_wall + TIMESTAMP_GRAIN
        )  # never back, whatever the wall clock does
        try:
            initiation = handshake.create_initiation(index, tai64n(self._sent_wall))
        except HandshakeError:
            self.drop(Drop.BAD_HANDSHAKE)
            return []
        self._forget_initiation()
        self._initiation = index, handshake
        device.indices[index] = self, None
        self._draw_jitter(rng)
        self.on(_SENT_INITIATION, now)
        return [*self._key_log(handshake), self._send_handshake(now, initiation.build())]

    def consume_response(self, now: float, response: Response, path: Path) -> list[Event]:
        """Finish the handshake we began: the new session is used at once, if only for a keepalive."""
        assert self._initiation is not None  # the device knows the index, and no keypair that has it
        index, handshake = self._initiation
        try:
            keys = handshake.consume_response(response, self.preshared_key)
        except HandshakeError:
            return self.drop(Drop.BAD_HANDSHAKE)
        self._initiation = None
        self.rx_bytes += RESPONSE_SIZE
        self.endpoint = path
        self._begin_session(now, keys, index, initiator=True)
        self.on(_RECEIVED_RESPONSE, now)
        return [*self._complete(now, initiator=True), *self.send_keepalive(now)]

    # Handshake, as responder

    def respond(self, now: float, rng: Rng, handshake: ResponderHandshake, path: Path) -> list[Event]:
        """Answer an authentic initiation, unless it is a replay or comes too fast.

        An initiation of our own that is still under way is not given up (boringtun does the same, the kernel
        does not): two that cross both become sessions at once instead of colliding again after the timeout.
        The price: the two sides then seal with different sessions, and at the next rekey what is under way
        in one of them is lost.
        """
        device = self._device
        if handshake.timestamp <= self._latest_timestamp:
            return self.drop(Drop.OLD_TIMESTAMP)
        if now - self._last_consumed_initiation < 1 / device.parameters.initiations_per_second:
            return self.drop(Drop.FLOOD)
        index = device.new_index(rng)
        response, keys = handshake.create_response(index, self.preshared_key)
        self._draw_jitter(rng)
        self._latest_timestamp = handshake.timestamp
        self._last_consumed_initiation = self._last_sent_handshake = now
        self.rx_bytes += INITIATION_SIZE
        self.endpoint = path
        self._begin_session(now, keys, index, initiator=False)
        self.on(_SENT_RESPONSE, now)
        return [*self._key_log(handshake), self._send_handshake(now, response.build())]

    # Both roles

    def received(self, now: float, keypair: Keypair, path: Path, packets: int) -> list[Event]:
        """Authentic transport data with so many packets arrived: roam, confirm the session, keep it fresh."""
        self.endpoint = path
        self.on(_RECEIVED_DATA if packets else Occasion.RECEIVED, now)
        if packets > 1:
            self.timers.need_another_keepalive = True  # as if they had come one by one
        events: list[Event] = []
        dropped = self.keypairs.confirm(keypair)
        if dropped is not None:
            self._release(dropped)
            self.on(Occasion.COMPLETED, now)
            events = [*self._complete(now, initiator=False), *self.flush(now)]
        current = self.keypairs.current
        if (
            current
            and not self._asked_in_last_minute
            and current.wants_rekey_after_receiving(now, self._device.parameters)
        ):
            self._asked_in_last_minute = True
            self.want_initiation(now)
        return events

    def tick(self, now: float, wall: int, rng: Rng) -> list[Event]:
        """Do what is due: expired timers first, then an initiation that was asked for."""
        events: list[Event] = []
        for rule in self.timers.expired(now):
            events += getattr(expiry, rule.action)(self, now, wall, rng)
        if self._wants_initiation:
            self._wants_initiation = False
            events += self.initiate(now, wall, rng)
        self.wake_at = inf  # whatever asked for this tick, or for another during it, has been done
        self._device.schedule.wake(self, min(self.timers.due))
        return events

    def clear(self) -> None:
        """Forget sessions, handshakes under way and timers."""
        self.forget_sessions()
        self.timers.clear()
        self.wake_at = inf
        self._wants_initiation = False
        self._last_sent_handshake = -inf

    def forget_sessions(self) -> None:
        """Forget sessions and handshakes under way; what they could have opened can never be opened again."""
        self._release(self.keypairs.clear())
        self._forget_initiation()

    def stop(self) -> None:
        """The interface is down: as :meth:`clear`, and packets that wait are dropped."""
        self.clear()
        self.drop_staged(Drop.DOWN)

    def retire(self) -> None:
        """The device has removed this peer: whoever still holds it can bring nothing about any more."""
        self.clear()
        self.staged.clear()
        self.endpoint = None

    def _draw_jitter(self, rng: Rng) -> None:
        self.timers.jitter = self._device.parameters.rekey_jitter * int.from_bytes(rng(4)) / 2**32

    def _begin_session(self, now: float, keys: TransportKeys, index: int, initiator: bool) -> None:
        keypair = Keypair(keys.sending, keys.receiving, index, keys.remote_index, initiator, now)
        self._device.indices[index] = self, keypair
        self._release(self.keypairs.add(keypair))

    def _complete(self, now: float, initiator: bool) -> list[Event]:
        self.attempts = 0
        self._asked_in_last_minute = False
        self.last_handshake = now
        return [KeysReady(self, initiator)]

    def _key_log(self, handshake: InitiatorHandshake | ResponderHandshake) -> list[Event]:
        device = self._device
        if not device.key_log or device.private_key is None:
            return []
        return [KeyLog(self, device.private_key, handshake.ephemeral_private, self.preshared_key)]

    def _send_handshake(self, now: float, message: bytes) -> Send:
        assert self.endpoint is not None
        self.tx_bytes += len(message)
        return Send(self, self.cookies.add_macs(now, message), self.endpoint, HANDSHAKE_TOS)

    def _release(self, keypairs: list[Keypair]) -> None:
        for keypair in keypairs:
            del self._device.indices[keypair.local_index]

    def _forget_initiation(self) -> None:
        if self._initiation:
            del self._device.indices[self._initiation[0]]
            self._initiation = None

    def forget_source(self) -> None:
        """Let the system choose our address anew: the old one has gone, or may be why nobody answers."""
        if self.endpoint:
            self.endpoint = Path(self.endpoint.remote)

    def drop(self, reason: Drop, packets: int = 1) -> list[Event]:
        """Count something that is dropped; no events come of it."""
        self.drops[reason] += packets
        self._device.drops[reason] += packets
        return []

    def on(self, occasion: Occasion, now: float) -> None:
        """Tell the timers what has happened."""
        self.timers.on(occasion, now)
        self._device.schedule.wake(self, min(self.timers.due))
