"""The device: our identity, the peers, the receiver indices and the path of bursts.

Rule: whatever goes in or out passes through five functions, ``seal`` and ``open`` for bursts of transport
data, ``receive`` for handshake messages, which ``enqueue`` lets wait for a tick, ``up`` and ``tick`` for
time. Whoever calls them does what the result says. What a handshake message brings about is in
:mod:`~glasstunnel.wireguard.intake`. Section: WP §2 (cryptokey routing), §5.3 (load), §5.4
(messages).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from math import inf

from glasstunnel.noise import CURVE25519, InvalidPublicKeyError, KeyPair
from glasstunnel.noise.dh import clamp
from glasstunnel.wireguard import intake, vector
from glasstunnel.wireguard.allowed_ips import AllowedIPs
from glasstunnel.wireguard.arrivals import accept
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.cookie import CookieChecker
from glasstunnel.wireguard.ecn import NOT_ECT, encapsulate
from glasstunnel.wireguard.events import Drop, Event, Opened, Path, Refused, Sealed, Send, Staged
from glasstunnel.wireguard.handshake import KEY_SIZE, NO_PSK, Rng
from glasstunnel.wireguard.incoming import HANDSHAKES_PER_TICK, Incoming
from glasstunnel.wireguard.keypair import Keypair
from glasstunnel.wireguard.messages import (
    KEEPALIVE_SIZE,
    MAX_PACKET_SIZE,
    MessageError,
    message_type,
    receiver_index,
)
from glasstunnel.wireguard.parameters import PARAMETERS, Parameters
from glasstunnel.wireguard.peer import Peer
from glasstunnel.wireguard.ratelimit import RateLimiter
from glasstunnel.wireguard.routing_loop import comes_back
from glasstunnel.wireguard.schedule import Schedule
from glasstunnel.wireguard.unreachable import Unreachable


class Device:
    """A WireGuard interface without the interface.

    Args:
        private_key: 32 bytes, or None: then nothing is sent and nothing understood until there is one.
        parameters: the protocol's constants.
    """

    def __init__(self, private_key: bytes | None = None, *, parameters: Parameters = PARAMETERS) -> None:
        self.parameters = parameters
        self.peers: dict[bytes, Peer] = {}
        """By static public key."""
        self.allowed_ips: AllowedIPs[Peer] = AllowedIPs()
        self.indices: dict[int, tuple[Peer, Keypair | None]] = {}
        """Receiver index to session, or to a peer whose handshake is under way."""
        self.schedule = Schedule()
        self.drops: Counter[Drop] = Counter()
        self.listen_port = 0
        """For UAPI only: the core opens no socket."""
        self.fwmark = 0
        """For UAPI only."""
        self.key_log = False
        """Whether a :class:`~glasstunnel.wireguard.events.KeyLog` comes before each handshake message."""
        self.private_key: bytes | None = None
        self.static: KeyPair | None = None
        self.incoming = Incoming(parameters)
        """Handshake messages that wait for a tick."""
        self.rate_limiter = RateLimiter()
        self.cookies: CookieChecker
        """Of our public key; none until there is one."""
        self._unreachable = Unreachable()
        self.is_up = False
        """Whether the interface is up: only then does the device speak before it is spoken to."""
        self.set_private_key(private_key)

    # Configuration

    @property
    def public_key(self) -> bytes | None:
        """Our static public key, 32 bytes, if we have one."""
        return self.static.public if self.static else None

    def set_private_key(self, private_key: bytes | None) -> None:
        """Become somebody else: sessions end, and a peer that we have become is removed, as the kernel does.

        The key is clamped, as the kernel does (``wg_noise_set_static_identity_private_key``). The one that we
        have already changes nothing. If the interface is up, peers with a persistent keepalive and those for
        whom packets wait are spoken to at the next tick.

        Raises:
            ValueError: if the key is not 32 bytes.
        """
        if private_key is not None and len(private_key) != KEY_SIZE:
            raise ValueError(f"private key: expected {KEY_SIZE} bytes, got {len(private_key)}")
        if private_key is not None:
            private_key = clamp(private_key)
            if private_key == self.private_key:
                return
        for peer in self.peers.values():
            peer.clear()
        self.private_key = private_key
        self.static = CURVE25519.keypair(private_key) if private_key is not None else None
        if self.static:
            self.cookies = CookieChecker(self.static.public, self.parameters)
            self.remove_peer(self.static.public)
            for peer in self.peers.values():
                self._precompute(peer)
                if self.is_up:
                    peer.resume()

    def add_peer(
        self,
        public_key: bytes,
        *,
        preshared_key: bytes = NO_PSK,
        endpoint: Path | None = None,
        allowed_ips: Iterable[tuple[bytes, int]] = (),
        persistent_keepalive: int = 0,
    ) -> Peer:
        """Add a peer; with a persistent keepalive it is spoken to at the next tick, if the interface is up.

        Args:
            public_key: its static public key, 32 bytes.
            preshared_key: 32 bytes, zeros for none.
            endpoint: where it is, if we know it.
            allowed_ips: (address of 4 or 16 bytes, prefix length); taken from any peer that had the same
                prefix.
            persistent_keepalive: interval in seconds, 0 for none.

        Raises:
            ValueError: if a key has the wrong length, is known already or is our own, or a number is out of
                range.
        """
        for name, key in (("public key", public_key), ("preshared key", preshared_key)):
            if len(key) != KEY_SIZE:
                raise ValueError(f"{name}: expected {KEY_SIZE} bytes, got {len(key)}")
        if public_key in self.peers:
            raise ValueError("public key: expected one that no other peer has")
        if public_key == self.public_key:
            raise ValueError("public key: expected another than the device's own")
        prefixes = list(allowed_ips)
        for address, length in prefixes:
            AllowedIPs.check(address, length)
        peer = Peer(self, public_key, preshared_key, endpoint, persistent_keepalive)
        for address, length in prefixes:
            self.allowed_ips.insert(address, length, peer)
        self.peers[public_key] = peer
        self._precompute(peer)
        if self.is_up and persistent_keepalive:
            peer.resume()
        return peer

    def remove_peer(self, public_key: bytes) -> None:
        """Forget a peer and all that belongs to it; nothing happens if there is none of that key."""
        peer = self.peers.pop(public_key, None)
        if peer:
            self.allowed_ips.remove(peer)
            peer.retire()
            if self.static:
                self.static.forget(public_key)

    def _precompute(self, peer: Peer) -> None:
        if self.static:
            # A key of low order is kept: each handshake with it fails, and is counted.
            with suppress(InvalidPublicKeyError):
                self.static.precompute(peer.public_key)

    def new_index(self, rng: Rng) -> int:
        """A random receiver index that is not in use."""
        while True:
            index = int.from_bytes(rng(4))
            if index not in self.indices:
                return index

    # Time

    def up(self, now: float) -> list[Event]:
        """The interface is up: peers with a persistent keepalive are spoken to at once (``wg_open``)."""
        self.is_up = True
        return [
            event
            for peer in self.peers.values()
            if peer.persistent_keepalive
            for event in peer.send_keepalive(now)
        ]

    def down(self) -> None:
        """The interface is down: sessions, handshakes and timers end, and what waits is dropped.

        Configuration stays, endpoints with it. Whoever calls this reads no datagrams until :meth:`up`: the
        kernel closes its sockets meanwhile (``wg_stop``).
        """
        self.is_up = False
        self.incoming.clear()
        for peer in self.peers.values():
            peer.stop()

    @property
    def deadline(self) -> float:
        """When :meth:`tick` is due: at once (minus infinity) while handshake messages wait; infinity for
        never.
        """
        return -inf if self.incoming else self.schedule.deadline

    def tick(self, now: float, wall: int, rng: Rng) -> list[Event]:
        """Do what is due by now, for so many peers at most, and work off some of the handshake messages that
        wait; while more is due, the deadline stays past.

        Args:
            now: seconds of a clock that never goes back and counts a laptop's sleep.
            wall: nanoseconds since 1970, for the timestamp of initiations.
            rng: randomness, such as ``os.urandom``.
        """
        events: list[Event] = []
        for _ in range(min(HANDSHAKES_PER_TICK, len(self.incoming))):
            events += self.receive(now, wall, rng, *self.incoming.first)
            self.incoming.done()
        for peer in self.schedule.due(now):
            events += peer.tick(now, wall, rng)
        return events

    # Bursts

    def seal(
        self, now: float, burst: Burst, dst: bytes, mtu: int, ecn: int = NOT_ECT
    ) -> Sealed | Staged | Refused:
        """Turn packets into transport data, in place.

        Args:
            now: seconds.
            burst: at least one packet, all of them for ``dst``, none longer than the burst's rows allow.
            dst: the packets' destination address, 4 or 16 bytes.
            mtu: MTU of the tunnel's interface in bytes, past which nothing is padded.
            ecn: the two ECN bits that all packets have.
        """
        peer = self.allowed_ips.lookup(dst)
        if peer is None:
            self.drops[Drop.NO_ROUTE] += burst.n
            return Refused(Drop.NO_ROUTE, self._unreachable.report(now, burst, dst))
        if burst.longest > MAX_PACKET_SIZE:
            self._drop(peer, Drop.TOO_LONG, burst.n)
            return Refused(Drop.TOO_LONG)
        if peer.endpoint is None:
            self._drop(peer, Drop.NO_ENDPOINT, burst.n)
            return Refused(Drop.NO_ENDPOINT, self._unreachable.report(now, burst, dst))
        if comes_back(burst, dst, self.listen_port, peer.endpoint):
            self._drop(peer, Drop.LOOP, burst.n)
            return Refused(Drop.LOOP)
        keypair = peer.sendable(now, burst.n)
        if keypair is None:
            for packet in burst.packets():
                peer.stage(bytes(packet), mtu)
            peer.want_initiation(now)
            return Staged(peer)
        peer.sealed(now, keypair, vector.seal(keypair, burst, mtu), has_data=True)
        return Sealed(peer, peer.endpoint, encapsulate(ecn))

    def open(self, now: float, burst: Burst, path: Path, ecn: int = NOT_ECT) -> Opened:
        """Turn transport data into packets, in place.

        Args:
            now: seconds.
            burst: at least one datagram of type 4, all of them with one receiver index and from one path.
            path: where they came from.
            ecn: the two ECN bits that all datagrams had.
        """
        peer, keypair = self.indices.get(receiver_index(burst.wire[0]), (None, None))
        if peer is None or keypair is None:
            self.drops[Drop.UNKNOWN_INDEX] += burst.n
            return Opened(None, [], [])
        if not keypair.may_open(now, self.parameters):
            self._drop(peer, Drop.EXPIRED_KEYPAIR, burst.n)
            return Opened(None, [], [])
        failed = vector.open_(keypair, burst, self.parameters.reject_after_messages)
        for verdict in failed.values():
            self._drop(peer, verdict, 1)
        if len(failed) == burst.n:
            return Opened(None, [], [])
        data: Sequence[int] = range(burst.n)
        if failed or not burst.shortest:  # a keepalive is empty
            data = [row for row in data if row not in failed and burst.size[row]]
        peer.rx_bytes += KEEPALIVE_SIZE * (burst.n - len(failed) - len(data))
        events = peer.received(now, keypair, path, len(data))
        return Opened(peer, accept(self.allowed_ips, peer, burst, data, ecn), events)

    # Handshakes

    def enqueue(self, datagram: bytes | memoryview, path: Path) -> None:
        """Let a datagram that is not transport data wait for its turn: :meth:`tick` will :meth:`receive` it.

        What is no message at all is dropped at once and never adds to the load.
        """
        try:
            message_type(datagram)
        except MessageError:
            self.ignore(Drop.MALFORMED)
        else:
            if not self.incoming.put(bytes(datagram), path):
                self.ignore(Drop.HANDSHAKES_FULL)

    def receive(
        self, now: float, wall: int, rng: Rng, datagram: bytes | memoryview, path: Path
    ) -> list[Event]:
        """Take in a datagram that is not transport data, now.

        Args:
            now, wall, rng: as for :meth:`tick`.
            datagram: any bytes from anybody.
            path: where they came from.
        """
        return intake.receive(self, now, rng, datagram, path)

    # Sources

    def forget_source(self, result: Sealed | Send) -> None:
        """What this result said could not leave from the address of its path: let the system choose anew."""
        if result.peer:
            result.peer.forget_source()

    def forget_sources(self) -> None:
        """Let the system choose our address towards every peer anew."""
        for peer in self.peers.values():
            peer.forget_source()

    def ignore(self, reason: Drop) -> list[Event]:
        """Count something that is dropped and belongs to no peer; no events come of it."""
        self.drops[reason] += 1
        return []

    def _drop(self, peer: Peer, reason: Drop, packets: int) -> bool:
        peer.drop(reason, packets)
        return False
