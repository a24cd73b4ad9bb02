"""What holds at every moment, whatever the network does; and a world that looks whether it does.

Rule: a check asks the wire and the device's public face, not the code that it checks. The first thing that is
wrong ends the world with a sentence that says what, where and when. Section: WP §5.4.6 (counters), §6.1 and
§6.2 (lifetimes), §2 (cryptokey routing).
"""

from collections import Counter
from collections.abc import Sequence

from glasstunnel.ip.packet import source
from glasstunnel.sim.network import Datagram, Layer
from glasstunnel.sim.world import Node, World
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path, Refused, Sealed, Staged
from glasstunnel.wireguard.messages import MessageType
from glasstunnel.wireguard.peer import Peer


class InvariantError(Exception):
    """Something that must never happen has happened."""


def sessions_are_named(device: Device) -> str:
    """Every receiver index leads to one live session, or to the one handshake of its peer that is under way.

    Returns what is wrong, or nothing.
    """
    waiting: Counter[Peer] = Counter()
    for index, (peer, keypair) in device.indices.items():
        if device.peers.get(peer.public_key) is not peer:
            return f"index {index:#x} leads to a peer that is gone"
        places = peer.keypairs.previous, peer.keypairs.current, peer.keypairs.next
        if keypair is None:
            waiting[peer] += 1
        elif keypair not in places or keypair.local_index != index:
            return f"index {index:#x} leads to a session that is gone"
    for peer in device.peers.values():
        if waiting[peer] > 1:
            return f"{waiting[peer]} handshakes of one peer are under way"
        for keypair in (peer.keypairs.previous, peer.keypairs.current, peer.keypairs.next):
            if keypair and device.indices.get(keypair.local_index) != (peer, keypair):
                return f"a session that lives is not found under its index {keypair.local_index:#x}"
    return ""


def drops_add_up(device: Device) -> str:
    """What peers have dropped is in the device's own counters too."""
    for reason in {reason for peer in device.peers.values() for reason in peer.drops}:
        of_peers = sum(peer.drops[reason] for peer in device.peers.values())
        if of_peers > device.drops[reason]:
            return f"{of_peers} drops of peers, {device.drops[reason]} of the device: {reason}"
    return ""


DEVICE_CHECKS = (sessions_are_named, drops_add_up)


class Watch(World):
    """A world in which every device is looked at after everything that happens to it.

    ``home`` says who may write which source address; packets must differ from each other.
    """

    def __init__(self, seed: str, layers: Sequence[Layer] = ()) -> None:
        super().__init__(seed, layers)
        self.home: dict[bytes, Node] = {}
        self.put: dict[bytes, Node] = {}
        """Every packet that was put into a tunnel, and by whom."""
        self.initiated: dict[Peer, float] = {}
        """When each peer was last sent an initiation; to be cleared when it may be sent another at once."""
        self._came_out: set[bytes] = set()
        self._sealed: dict[tuple[str, bytes], float] = {}  # sender, receiver index: when first used
        self._counters: set[tuple[str, bytes]] = set()  # sender, receiver index and counter
        self._tx: Counter[Peer] = Counter()

    def send(self, node: Node, *packets: bytes) -> Sealed | Staged | Refused:
        """As :meth:`World.send`, remembering what was put in."""
        for packet in packets:
            self.put[packet] = node
        return super().send(node, *packets)

    def _deliver(self, datagram: Datagram) -> None:
        node = self.nodes.get(datagram.destination)
        if node is None:
            return
        before, seen = self._accounts(node), len(node.inbox)
        deaf = self.now < node.wakes_at or not node.device.is_up
        super()._deliver(datagram)
        received, dropped = (now - then for now, then in zip(self._accounts(node), before, strict=True))
        is_cookie_reply = datagram.data[:1] == bytes([MessageType.COOKIE_REPLY])  # kept, and not counted
        if (received, dropped) not in (
            ((0, 0),) if deaf else ((len(datagram.data), 0), (0, 1), (0, 0 if is_cookie_reply else 1))
        ):
            self._fail(
                node, f"{len(datagram.data)} bytes arrived; {received} were counted, {dropped} dropped"
            )
        for packet in node.inbox[seen:]:
            self._came(node, packet)
        self._check(node)

    def _take_in(self, node: Node, message: bytes, path: Path) -> None:
        """Without the queue, so that what becomes of a message is seen at once."""
        self.carry_out(node, node.device.receive(self.now, self.wall(node), node.rng, message, path))

    def _came(self, node: Node, packet: bytes) -> None:
        """A packet came out of the tunnel."""
        if packet not in self.put:
            self._fail(node, f"a packet came out that nobody put in: {packet.hex()}")
        if packet in self._came_out:
            self._fail(node, f"a packet came out twice: {packet.hex()}")
        if self.home.get(source(packet)) is not self.put[packet]:
            self._fail(node, f"a packet of {self.put[packet].name} came out with the source of another")
        self._came_out.add(packet)

    def _tick(self, node: Node) -> None:
        super()._tick(node)
        if node.device.deadline <= self.now and node.wakes_at <= self.now and not node.device.incoming:
            self._fail(node, f"after a tick the deadline is {node.device.deadline}")
        self._check(node)

    def _emit(self, node: Node, peer: Peer | None, data: bytes, path: Path, tos: int) -> None:
        if peer:
            self._tx[peer] += len(data)
        if data[0] == MessageType.TRANSPORT_DATA:
            index, nonce = (node.name, data[4:8]), (node.name, data[4:16])
            if nonce in self._counters:
                self._fail(node, f"the counter {int.from_bytes(data[8:16], 'little')} was used twice")
            self._counters.add(nonce)
            age = self.now - self._sealed.setdefault(index, self.now)
            if age >= self.parameters.reject_after_time:
                self._fail(node, f"a key sealed {age} seconds after it had first been used")
        elif data[0] == MessageType.INITIATION and peer:
            pause = self.now - self.initiated.get(peer, -self.parameters.rekey_timeout)
            if pause < self.parameters.rekey_timeout:
                self._fail(node, f"two initiations to one peer within {pause} seconds")
            self.initiated[peer] = self.now
        super()._emit(node, peer, data, path, tos)

    def _check(self, node: Node) -> None:
        for check in DEVICE_CHECKS:
            if wrong := check(node.device):
                self._fail(node, wrong)
        for peer in node.device.peers.values():
            if peer.tx_bytes != self._tx[peer]:
                self._fail(node, f"{self._tx[peer]} bytes were sent to a peer, {peer.tx_bytes} are counted")

    def _accounts(self, node: Node) -> tuple[int, int]:
        """Bytes received and found good, datagrams dropped."""
        return sum(peer.rx_bytes for peer in node.device.peers.values()), node.device.drops.total()

    def _fail(self, node: Node, what: str) -> None:
        raise InvariantError(f"seed {self.seed!r}, second {self.now:.6f}, {node.name}: {what}")
