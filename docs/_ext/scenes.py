"""The scenes that the book draws: small worlds of the simulator, played to the end and written down.

The rule: nothing is drawn that has not happened.  A scene is a list of flights, one for each datagram, with
the moments at which it left and arrived; byte cards and sequence diagrams read nothing else.  Keys and
randomness are fixed and legible, so that every build, and every reader, gets the same bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from glasstunnel.ip import echo, icmp, ipv4
from glasstunnel.ip.address import parse_address
from glasstunnel.sim import Datagram, Delay, Layer, Node, Randomness, World
from glasstunnel.wireguard.events import KeysReady, Path
from glasstunnel.wireguard.handshake import NO_PSK
from glasstunnel.wireguard.messages import MessageType

# The secrets of the handshake that the pages take apart: 128 bytes that count up from zero.
STATIC_I, STATIC_R, EPHEMERAL_I, EPHEMERAL_R = (bytes(range(n, n + 32)) for n in (0x00, 0x20, 0x40, 0x60))
INDEX_I, INDEX_R = 0x01020304, 0x0A0B0C0D
COOKIE_SECRET, COOKIE_NONCE = bytes(range(0x80, 0xA0)), bytes(range(0xA0, 0xB8))
TUNNEL_I, TUNNEL_R = "10.0.0.1", "10.0.0.2"
ONE_WAY = 0.01  # seconds that a datagram takes
INITIATOR, RESPONDER = "发起方", "响应方"


class Scripted(Randomness):
    """Randomness that gives the answers of a script, each to one call, and no more."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__("unused")
        self._answers = iter(answers)

    def __call__(self, length: int) -> bytes:
        """The next answer; raises ValueError where the script has another length, or has ended."""
        answer = next(self._answers, b"")
        if len(answer) != length:
            raise ValueError(f"the script has {len(answer)} bytes where {length} are asked for")
        return answer


@dataclass(frozen=True)
class Flight:
    """One datagram under way: from whom to whom, and when; times are seconds of the world's clock."""

    source: str
    destination: str
    sent: float
    arrived: float | None  # None if it was lost
    data: bytes


@dataclass(frozen=True)
class Note:
    """Something that a node did or learned without sending anything."""

    node: str
    at: float
    text: str


@dataclass
class Recorder:
    """A layer that sends datagrams through other layers and remembers what became of each."""

    layers: list[Layer]
    fates: list[tuple[Datagram, float | None]] = field(default_factory=list)

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """What becomes of a datagram."""
        arriving = [datagram]
        for layer in self.layers:
            arriving = [fate for one in arriving for fate in layer(one, rng)]
        self.fates += [(datagram, fate.at) for fate in arriving] or [(datagram, None)]
        return arriving


class Scene:
    """Two nodes that know each other's keys, one way 10 ms apart."""

    def __init__(self, seed: str, left: str, right: str, psk: bytes = NO_PSK) -> None:
        self._recorder = Recorder([Delay(ONE_WAY)])
        self.world = World(seed, [self._recorder])
        self.left = self.world.add(left, ("192.0.2.1", 51820))
        self.right = self.world.add(right, ("192.0.2.2", 51820))
        self.psk = psk
        self.asides: list[Note] = []

    def introduce(self, both_endpoints: bool = False) -> None:
        """Make the nodes each other's peers; left knows where right is, right only if both are to know."""
        pairs = ((self.left, self.right, TUNNEL_R), (self.right, self.left, TUNNEL_I))
        for node, other, address in pairs:
            assert other.device.public_key is not None
            peer = node.device.add_peer(
                other.device.public_key, preshared_key=self.psk, allowed_ips=[(parse_address(address), 32)]
            )
            if node is self.left or both_endpoints:
                peer.endpoint = Path(other.address)

    def aside(self, node: Node, text: str) -> None:
        """Write down, for now, what a node did without sending anything."""
        self.asides.append(Note(node.name, self.world.now, text))

    @property
    def flights(self) -> list[Flight]:
        """Every datagram, in the order in which they left."""
        names = {node.address: node.name for node in (self.left, self.right)}
        return [
            Flight(names[datagram.source], names[datagram.destination], datagram.at, arrived, datagram.data)
            for datagram, arrived in self._recorder.fates
        ]

    @property
    def notes(self) -> list[Note]:
        """What the nodes did without sending, in order of time; a session that stands is always told."""
        ready = [
            Note(node.name, at, "会话可用")
            for node in (self.left, self.right)
            for at, event in node.history
            if isinstance(event, KeysReady)
        ]
        return sorted([*self.asides, *ready], key=lambda note: note.at)


def ping(sequence: int, source: str = TUNNEL_I, destination: str = TUNNEL_R) -> bytes:
    """An echo request whose data is the name of the book, twelve bytes of UTF-8."""
    header = ipv4.Header(
        source=parse_address(source), destination=parse_address(destination), protocol=icmp.PROTOCOL
    )
    return header.build(icmp.Echo(identifier=1, sequence=sequence, data="玻璃隧道".encode()).build())


def first_ping(psk: bytes = NO_PSK) -> Scene:
    """A tunnel is used for the first time: initiation, response, ping, its answer, and a keepalive."""
    scene = Scene("first ping", INITIATOR, RESPONDER, psk)
    for node, private, index, ephemeral in (
        (scene.left, STATIC_I, INDEX_I, EPHEMERAL_I),
        (scene.right, STATIC_R, INDEX_R, EPHEMERAL_R),
    ):
        node.device.set_private_key(private)
        node.rng = Scripted(index.to_bytes(4), ephemeral, bytes(4))  # the last four are the retry's jitter
    scene.introduce()
    world = scene.world
    world.send(scene.left, ping(1))
    world.advance(3 * ONE_WAY)
    answer = echo.reply(scene.right.inbox[0])
    assert answer is not None
    world.send(scene.right, answer)
    world.advance(20)
    return scene


def too_early() -> Scene:
    """The responder has a packet before it may send: it waits for the proof that the keys are shared."""
    scene = Scene("too early", INITIATOR, RESPONDER)
    scene.introduce()
    world = scene.world
    world.send(scene.left, ping(1))
    world.advance(1.5 * ONE_WAY)
    world.send(scene.right, ping(2, TUNNEL_R, TUNNEL_I))
    scene.aside(scene.right, "报文排队")
    world.advance(4 * ONE_WAY)
    return scene


def crossing() -> Scene:
    """Both begin at the same moment, and their initiations cross."""
    scene = Scene("crossing", "甲", "乙")
    scene.introduce(both_endpoints=True)
    world = scene.world
    world.send(scene.left, ping(1))
    world.send(scene.right, ping(2, TUNNEL_R, TUNNEL_I))
    world.advance(4 * ONE_WAY)
    return scene


def under_load() -> Scene:
    """The responder is under load: it gives a cookie, and the repeated initiation brings the answer to it."""
    scene = Scene("under load", INITIATOR, RESPONDER)
    scene.left.device.set_private_key(STATIC_I)
    scene.right.device.set_private_key(STATIC_R)
    first, second = (INDEX_I.to_bytes(4), EPHEMERAL_I), ((INDEX_I + 1).to_bytes(4), EPHEMERAL_I[::-1])
    scene.left.rng = Scripted(*first, bytes(4), *second, bytes(4))
    scene.right.rng = Scripted(COOKIE_SECRET, COOKIE_NONCE, INDEX_R.to_bytes(4), EPHEMERAL_R, bytes(4))
    scene.introduce()
    world = scene.world
    world.send(scene.left, ping(1))
    for _ in range(2):
        _burden(scene.right)
        scene.aside(scene.right, "高负载")
        world.advance(5)
    world.advance(1)
    return scene


def _burden(node: Node) -> None:
    """Let so many worthless messages of strangers wait that it is load."""
    for _ in range(node.device.parameters.under_load):
        node.device.enqueue(bytes((MessageType.INITIATION, *bytes(147))), Path(("203.0.113.66", 6)))


SCENES = {"first-ping": first_ping, "too-early": too_early, "crossing": crossing, "under-load": under_load}
