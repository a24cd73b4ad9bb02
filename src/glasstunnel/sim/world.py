"""Devices on one virtual clock.

Rule: the world does what a host does, and only that: it hands datagrams and packets to devices in bursts and
carries out the events that come back. Time jumps from one thing that happens to the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from glasstunnel.ip.packet import destination, ecn
from glasstunnel.sim.network import Address, Datagram, Layer, Network
from glasstunnel.sim.randomness import Randomness
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Event, Path, Refused, Sealed, Send, Staged
from glasstunnel.wireguard.handshake import Rng
from glasstunnel.wireguard.messages import MessageType
from glasstunnel.wireguard.parameters import PARAMETERS, Parameters
from glasstunnel.wireguard.peer import Peer

MTU = 1420
_BEGINNING = 1_700_000_000 * 10**9  # wall clock at time 0, nanoseconds since 1970
_SECOND = 1_000_000_000
_ROWS = 32


@dataclass
class Node:
    """A device in the world: where it is, what came out of its tunnel, what happened to it."""

    name: str
    address: Address
    device: Device
    rng: Rng
    """What the device draws from."""
    inbox: list[bytes] = field(default_factory=list)
    """Packets that came out of the tunnel, in order."""
    reports: list[bytes] = field(default_factory=list)
    """ICMP messages of the device's own, about packets that go nowhere."""
    history: list[tuple[float, Event]] = field(default_factory=list)
    """Every event of the device with its time."""
    sent: list[Datagram] = field(default_factory=list)
    """Every datagram that left the node."""
    wall_offset: int = 0
    """Nanoseconds by which this node's wall clock is wrong."""
    wakes_at: float = -inf
    """Time of the world until which this node sleeps."""

    def sent_of(self, kind: MessageType) -> list[Datagram]:
        """The datagrams of one type that left the node."""
        return [datagram for datagram in self.sent if datagram.data[0] == kind]


class World:
    """A clock, a network, nodes.

    Args:
        seed: decides everything that is random.
        layers: the faults of the network.
        parameters: the protocol's constants, for all nodes.
    """

    def __init__(self, seed: str, layers: Sequence[Layer] = (), parameters: Parameters = PARAMETERS) -> None:
        self.now = 0.0
        self.parameters = parameters
        self.seed = seed
        self.network = Network(Randomness(f"{seed}/network"), layers)
        self.nodes: dict[Address, Node] = {}
        self._burst = Burst(_ROWS, MTU)

    def wall(self, node: Node) -> int:
        """What the node's wall clock shows, in nanoseconds since 1970."""
        return _BEGINNING + round(self.now * _SECOND) + node.wall_offset

    def add(
        self, name: str, address: Address, private_key: bytes | None = None, rng: Rng | None = None
    ) -> Node:
        """A new node, its interface up. Its private key and its randomness follow from the seed and its name,
        unless given.
        """
        rng = rng or Randomness(f"{self.seed}/{name}")
        node = Node(name, address, Device(private_key or rng(32), parameters=self.parameters), rng)
        self.nodes[address] = node
        node.device.up(self.now)
        return node

    def move(self, node: Node, address: Address) -> None:
        """Give a node another address, as roaming and NAT rebinding do."""
        del self.nodes[node.address]
        node.address = address
        self.nodes[address] = node

    def send(self, node: Node, *packets: bytes) -> Sealed | Staged | Refused:
        """Put packets for one destination into a node's tunnel."""
        self._fill(packets)
        result = node.device.seal(self.now, self._burst, destination(packets[0]), MTU, ecn=ecn(packets[0]))
        if isinstance(result, Sealed):
            for datagram in self._burst.datagrams():
                self._emit(node, result.peer, bytes(datagram), result.path, result.tos)
        elif isinstance(result, Refused):
            node.reports += result.reports
        self._tick(node)
        return result

    def start(self, node: Node) -> None:
        """Bring a node's interface up."""
        self.carry_out(node, node.device.up(self.now))
        self._tick(node)

    def stop(self, node: Node) -> None:
        """Take a node's interface down: its sessions end, and nothing arrives until it starts again."""
        node.device.down()

    def restart(self, node: Node) -> None:
        """The node's process starts again: its key stays, all else is gone; the interface is down."""
        node.device = Device(node.device.private_key, parameters=self.parameters)

    def sleep(self, node: Node, seconds: float) -> None:
        """Close the laptop's lid: what arrives meanwhile is lost, and on waking everything is due at once.

        The clock of the timers counts sleep, so between two ticks of this node it jumps ahead.
        """
        node.wakes_at = self.now + seconds

    def advance(self, seconds: float) -> None:
        """Let this much time pass and everything happen that happens in it."""
        end = self.now + seconds
        while (moment := self._next_moment()) <= end:
            self.now = max(self.now, moment)
            for datagram in self.network.arrivals(self.now):
                self._deliver(datagram)
            for node in self.nodes.values():
                self._tick(node)
        self.now = end

    def carry_out(self, node: Node, events: list[Event]) -> None:
        """Do what a node's device wants done: send its datagrams, write down the rest."""
        for event in events:
            node.history.append((self.now, event))
            if isinstance(event, Send):
                self._emit(node, event.peer, event.data, event.path, event.tos)

    def _next_moment(self) -> float:
        deadlines = (max(node.device.deadline, node.wakes_at) for node in self.nodes.values())
        return min(self.network.next_arrival, min(deadlines, default=inf))

    def _deliver(self, datagram: Datagram) -> None:
        node = self.nodes.get(datagram.destination)
        if node is None or not node.device.is_up or self.now < node.wakes_at:
            return
        path = Path(datagram.source)
        if datagram.data[:4] == bytes((MessageType.TRANSPORT_DATA, 0, 0, 0)) and len(datagram.data) >= 8:
            self._fill([datagram.data], wire=True)
            opened = node.device.open(self.now, self._burst, path, ecn=datagram.tos & 3)
            node.inbox += [bytes(packet) for packet in self._burst.packets(opened.rows)]
            self.carry_out(node, opened.events)
        else:
            self._take_in(node, datagram.data, path)

    def _take_in(self, node: Node, message: bytes, path: Path) -> None:
        """Let a handshake message wait for the node's next tick."""
        node.device.enqueue(message, path)

    def _fill(self, items: Sequence[bytes], wire: bool = False) -> None:
        self._burst.n = 0
        for item in items:
            (self._burst.add_datagram if wire else self._burst.add_packet)(item)

    def _tick(self, node: Node) -> None:
        if max(node.device.deadline, node.wakes_at) <= self.now:
            self.carry_out(node, node.device.tick(self.now, self.wall(node), node.rng))

    def _emit(self, node: Node, peer: Peer | None, data: bytes, path: Path, tos: int) -> None:
        datagram = Datagram(self.now, node.address, path.remote, data, tos)
        node.sent.append(datagram)
        self.network.send(datagram)
