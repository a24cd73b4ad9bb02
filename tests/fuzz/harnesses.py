"""For each parser a harness: any bytes in, and nothing may come out but what the parser declares.

The rule: a harness is one function of bytes that returns nothing and raises only when something is wrong, so
hypothesis and atheris can drive the same one. Its corpus comes from the simulator, or is a page of examples.
"""

import errno
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import cast

from glasstunnel.host import control
from glasstunnel.host.loop import Loop
from glasstunnel.ip import PacketError, echo, icmp, ipv4, ipv6, packet, tcp, udp, unreachable, virtio
from glasstunnel.ip.address import parse_address, parse_interface_address, parse_prefix
from glasstunnel.ip.options import parse_options
from glasstunnel.noise import CURVE25519, HandshakeState, NoiseError, Protocol
from glasstunnel.operate import config, keys, status, values
from glasstunnel.sim import Datagram, Node, Randomness
from glasstunnel.wireguard import messages, uapi
from glasstunnel.wireguard.annotate import annotate
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.cookie import MACS_SIZE, add_macs, mac1_key
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.messages import MessageError, MessageType
from glasstunnel.wireguard.setrequest import UapiError
from tests.fuzz import toyvpn
from tests.fuzz.digest import device_state, digest
from tests.ip import captured
from tests.ip.joined import arriving
from tests.ip.packets import TIMESTAMPS, UDP, Flow, marked, repaired, without_meaning
from tests.wireguard.pair import Pair
from tests.wireguard.pair import packet as inner
from tests.wireguard.tunnelled import Tunnel

STRANGER = Path(("203.0.113.66", 6))
_TRANSPORT_DATA = b"\4\0\0\0"
_WALL = 1_900_000_000 * 10**9


@dataclass(frozen=True)
class Harness:
    """One parser: ``run`` gets any bytes, ``corpus`` gives some from which to begin."""

    name: str
    run: Callable[[bytes], None]
    corpus: Callable[[], list[bytes]]


def one_sentence(error: Exception, said: str = "expected") -> None:
    """What a user is told is one line that says what was expected."""
    text = str(error)
    assert said in text, text
    assert "\n" not in text, text


# Datagrams of a stranger


class Victim:
    """A device with a session, a handshake under way and a packet that waits, and what its peer has sent."""

    def __init__(self) -> None:
        self.pair = pair = Pair("victim")
        pair.connect()
        pair.send(pair.right, inner("back", "10.0.0.2", "10.0.0.1"))
        pair.advance(1)
        third = pair.add("third", ("192.0.2.3", 3333))
        assert third.device.public_key is not None
        waiting = pair.right.device.add_peer(
            third.device.public_key,
            endpoint=Path(third.address),
            allowed_ips=[(parse_address("10.0.0.3"), 32)],
        )
        assert pair.right.device.public_key is not None
        third.device.add_peer(pair.right.device.public_key, allowed_ips=[(parse_address("10.0.0.2"), 32)])
        held: list[Datagram] = []
        pair.network.layers.append(_Hold(held))
        pair.send(pair.right, inner("wait", "10.0.0.2", "10.0.0.3"))  # right initiates …
        pair.advance(0)
        [initiation] = held
        pair.carry_out(third, third.device.receive(pair.now, _WALL, third.rng, initiation.data, STRANGER))
        pair.send(pair.left, inner("late"))  # … and all that answers or follows is held back
        self.device = pair.right.device
        self.node: Node = pair.right
        assert waiting in self.device.peers.values()
        self.mac1_key = mac1_key(pair.right.device.public_key)
        self.messages = [datagram.data for node in (pair.left, pair.right, third) for datagram in node.sent]
        self.genuine = {authenticated(datagram.data) for datagram in held[1:]}
        # Noise is given the pre-shared key when a first response is to be read, whoever has sent that: it is
        # our own configuration that moves then, and it moves here so that the harness sees nothing move.
        for message in self.messages:
            if authenticated(message) in self.genuine and message[0] == MessageType.RESPONSE:
                forged = add_macs(message[: -MACS_SIZE - 1] + bytes(MACS_SIZE + 1), self.mac1_key)
                self.device.receive(pair.now, _WALL, pair.right.rng, forged, STRANGER)


class _Hold:
    """A layer that keeps what passes."""

    def __init__(self, held: list[Datagram]) -> None:
        self._held = held

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        self._held.append(datagram)
        return ()


def authenticated(datagram: bytes) -> bytes:
    """The part of a message that only the owner of the sender's key can have written.

    Of a handshake message that is what Noise covers, and the receiver index, which must fit. The sender index
    is covered by mac1 alone, and whoever knows the receiver's public key can write that: WireGuard leaves it
    so, for who can change it on the way could as well stop the message.
    """
    if datagram[:1] in (bytes([MessageType.INITIATION]), bytes([MessageType.RESPONSE])):
        return datagram[:4] + datagram[8:-MACS_SIZE]
    return datagram


@cache
def victim() -> Victim:
    """One for the whole run: it must be the same after each datagram."""
    return Victim()


def receive(data: bytes) -> None:
    """A device takes in a datagram that nobody with a key has sent: no answer, and nothing has changed."""
    it = victim()
    _refuse(it, data)
    if data[:1] in (b"\1", b"\2") and len(data) > MACS_SIZE:
        _refuse(it, add_macs(data, it.mac1_key))  # who knows our public key can write a right mac1


def _refuse(it: Victim, data: bytes) -> None:
    if authenticated(data) in it.genuine:
        return
    before, dropped = device_state(it.device), it.device.drops.total()
    assert it.device.receive(it.pair.now, _WALL, it.node.rng, data, STRANGER) == []
    assert device_state(it.device) == before
    assert it.device.drops.total() == dropped + 1


def open_burst(data: bytes) -> None:
    """The same for transport data, several datagrams of one receiver index to a burst.

    The first byte says where they are cut: as long as that and 16 more, as with GRO the last may be shorter.
    """
    it = victim()
    length = 16 + data[0] if data else 16
    rows = [data[i : i + length] for i in range(1, len(data), length)][:64]
    head = rows[0][:8] if rows else b""
    if len(head) < 8 or head[:4] != _TRANSPORT_DATA:
        return  # such a datagram goes elsewhere
    rows = [row for row in rows if row[:8] == head and row not in it.genuine]
    if not rows:
        return
    burst = Burst(len(rows), 1420)
    for row in rows:
        burst.add_datagram(row)
    before, dropped = device_state(it.device), it.device.drops.total()
    opened = it.device.open(it.pair.now, burst, STRANGER)
    assert (opened.peer, opened.rows, opened.events) == (None, [], [])
    assert device_state(it.device) == before
    assert it.device.drops.total() == dropped + len(rows)


def parse_message(data: bytes) -> None:
    """A message that is accepted is built again to the same bytes, and its runs cover it."""
    try:
        kind = messages.message_type(data)
    except MessageError as error:
        one_sentence(error, "e")
        return
    if kind is MessageType.INITIATION:
        assert messages.Initiation.parse(data).build() == data
    elif kind is MessageType.RESPONSE:
        assert messages.Response.parse(data).build() == data
    assert b"".join(run.value for run in annotate(data)) == data


def open_corpus() -> list[bytes]:
    """Bursts of one: the cut is far behind."""
    return [b"\xff" + message for message in victim().messages]


# Noise

_PATTERNS = ("NN", "IK", "XX", "IKpsk2", "XXpsk3", "NNpsk0", "K", "X")


@cache
def _listeners() -> list[tuple[HandshakeState, list[bytes]]]:
    """Handshakes of which one side waits for a message, each with that message."""
    rng, found = Randomness("noise"), []
    for name in _PATTERNS:
        protocol = Protocol.parse(f"Noise_{name}_25519_ChaChaPoly_BLAKE2s")
        static = [CURVE25519.keypair(rng(32)), CURVE25519.keypair(rng(32))]
        states = []
        for initiator in (True, False):
            ours, theirs = static[not initiator], static[initiator]
            needs = protocol.pattern.required_keys[initiator]
            states.append(
                HandshakeState(
                    protocol,
                    initiator=initiator,
                    s=ours if "s" in needs else None,
                    rs=theirs.public if "rs" in needs else None,
                    psks=[bytes(32)] * protocol.pattern.psk_count,
                    rng=rng,
                )
            )
        writer, reader = states
        while not writer.finished:
            message = writer.write_message(b"payload")
            found.append((reader, [message]))
            if name in ("K", "X", "NNpsk0"):
                break
            copy = _copy(reader)
            copy.read_message(message)
            writer, reader = copy, writer
    return found


def _copy(state: HandshakeState) -> HandshakeState:
    twin = object.__new__(HandshakeState)
    for name in HandshakeState.__slots__:
        value = getattr(state, name)
        setattr(twin, name, list(value) if isinstance(value, list) else value)
    return twin


def read_noise(data: bytes) -> None:
    """A handshake message is read or refused with a NoiseError, and a refused one has changed nothing."""
    listeners = _listeners()
    reader, genuine = listeners[data[0] % len(listeners) if data else 0]
    if data[1:] in genuine:
        return
    before = digest(reader)
    trial = _copy(reader)
    try:
        trial.read_message(data[1:])
    except NoiseError:
        assert digest(trial) == before


def noise_corpus() -> list[bytes]:
    """Each message with the number of the handshake that waits for it, and once damaged."""
    return [
        bytes([number]) + message + end
        for number, (_, genuine) in enumerate(_listeners())
        for message in genuine
        for end in (b"", b"\0")
    ]


# Text


def parse_config(data: bytes) -> None:
    """A configuration is refused in one sentence, or it is written and read again to the same value."""
    try:
        parsed = config.parse(data.decode(errors="replace"), "wg0.conf")
        text = config.dump(parsed)
    except config.ConfigError as error:
        one_sentence(error)
        return
    assert config.parse(text, "again") == parsed


_READERS: dict[str, Callable[[str], object]] = {
    "endpoint": values.endpoint,
    "fwmark": values.fwmark,
    "keepalive": values.keepalive,
    "mtu": values.mtu,
    "table": values.table,
    "boolean": values.boolean,
    "private_key": values.private_key,
    "preshared_key": values.preshared_key,
    "dns": values.dns,
    "key": keys.decode,
    "address": parse_address,
    "prefix": parse_prefix,
    "interface_address": parse_interface_address,
}


def read_values(data: bytes) -> None:
    """Each reader takes a text of one line, or refuses it with a ValueError that says what was expected."""
    text = data.decode(errors="replace").replace("\n", " ")
    for read in _READERS.values():
        try:
            value = read(text)
        except ValueError as error:
            one_sentence(error)
        else:
            assert read is not values.endpoint or values.endpoint(str(value)) == value


def parse_status(data: bytes) -> None:
    """What another program answers on its control socket is read or refused with a StatusError."""
    try:
        read = status.parse("wg0", data.decode(errors="replace"))
    except status.StatusError as error:
        one_sentence(error, "wg0: ")
    else:
        assert read.name == "wg0"


def status_corpus() -> list[bytes]:
    """The answers of the two devices of a session."""
    pair = Pair("status")
    pair.connect()
    return [uapi.get(node.device, pair.now, _WALL).encode() for node in (pair.left, pair.right)]


# UAPI


def set_device(data: bytes) -> None:
    """A request changes nothing and has its number, or leaves a device that can be told and set elsewhere."""
    pair = Pair("set")
    device = pair.left.device
    before = device_state(device)
    number = 0
    try:
        uapi.set(device, data.decode(errors="replace"), pair.now)
    except UapiError as error:
        one_sentence(error)
        number = error.errno
    assert number in (0, errno.EINVAL, errno.EPROTO)
    assert number == 0 or device_state(device) == before
    for peer in device.peers.values():
        assert device.peers[peer.public_key] is peer
        assert peer.public_key != device.public_key
        assert all(device.allowed_ips.lookup(address) for address, _ in peer.allowed_ips)
    told = _settings(device)
    other = Device()
    uapi.set(other, told, 0.0)
    assert _settings(other) == told


def _settings(device: Device) -> str:
    """What ``get`` tells of a device and ``set`` understands."""
    lines = uapi.get(device, 0.0, 0).splitlines()
    return "\n".join(
        line for line in lines if not line.startswith(("last_", "tx_", "rx_", "errno=")) and line
    )


def set_corpus() -> list[bytes]:
    """A request with every key, on the devices of the simulator."""
    pair = Pair("set")
    known, stranger = pair.to_right.public_key.hex(), bytes(range(32)).hex()
    own = pair.left.device.public_key
    assert own
    requests = (
        f"private_key={stranger}\nlisten_port=0\nfwmark=4294967295\nreplace_peers=true\npublic_key={known}",
        f"public_key={known}\nupdate_only=true\npreshared_key={stranger}\nallowed_ip=-10.0.0.2/32",
        f"public_key={stranger}\nprotocol_version=1\nendpoint=[fe80::1%eth0]:1\nallowed_ip=10.0.0.9/8",
        f"public_key={own.hex()}\nendpoint=192.0.2.9:65535\npublic_key={known}\nremove=true",
        f"public_key={known}\nreplace_allowed_ips=true\nallowed_ip=::/0\npersistent_keepalive_interval=25",
    )
    return [request.encode() for request in requests]


# The control socket


class _NoLoop:
    """Where an event loop stands; whoever fuzzes calls the client itself."""

    def watch(self, fd: int, on_readable: object, on_writable: object = None) -> None: ...

    def unwatch(self, fd: int) -> None: ...


def frame_requests(data: bytes) -> None:
    """However a stream is cut, each request in it is answered once, in order, and nothing is kept for ever.

    The first byte is the length of the pieces in which the client writes.
    """
    length, stream = 1 + (data[0] if data else 0), data[1:]
    asked: list[str] = []
    closed: list[object] = []

    waiting: list[str] = []

    def submit(_client: control._Client, request: str) -> None:
        waiting.append(request)

    def carry_out(client: control._Client) -> None:
        while waiting:  # the reply to one brings the next
            asked.append(waiting.pop())
            if asked[-1] == "bye":
                client.close()
            else:
                client.reply(bytearray(b"errno=0\n\n"))

    replies = b""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        client = control._Client(ours, cast("Loop", _NoLoop()), submit, closed.append)
        for place in range(0, len(stream), length):
            if closed:
                break
            theirs.send(stream[place : place + length])
            client._readable()
            carry_out(client)
            replies += _drain(theirs)  # a reader that keeps up: how many replies fit is the kernel's affair
    wanted = stream.split(b"\n\n")[:-1]
    if b"bye" in wanted:
        wanted = wanted[: wanted.index(b"bye") + 1]
    assert asked == [request.decode(errors="replace") for request in wanted]
    assert bool(closed) == (b"bye" in wanted)
    assert replies == b"errno=0\n\n" * (len(wanted) - wanted.count(b"bye"))


def _drain(connection: socket.socket) -> bytes:
    read = b""
    while True:
        try:
            chunk = connection.recv(1 << 16)
        except BlockingIOError:
            return read
        if not chunk:
            return read
        read += chunk


_STREAMS = (b"get=1\n\n", b"set=1\nlisten_port=1\n\nget=1\n\n", b"\n\n\n\n\n", b"get=1\n\nbye\n\nget=1\n\n")


# IP


def _read_everything(view: object) -> None:
    """Use every property of a view; none may fail once the constructor has let the bytes pass."""
    for name in dir(type(view)):
        if isinstance(getattr(type(view), name), property):
            getattr(view, name)


def parse_ip(data: bytes) -> None:
    """Every view of a packet and its upper layers, and the programs that answer packets."""
    for view in (ipv4.Packet, ipv6.Packet, udp.Datagram, tcp.Segment, icmp.Message):
        try:
            made = view(data)
        except PacketError as error:
            one_sentence(error)
            continue
        _read_everything(made)
        if isinstance(made, ipv4.Packet | tcp.Segment):
            try:
                list(parse_options(made.options))
            except PacketError as error:
                one_sentence(error)
    router = bytes(16 if data[:1] >= b"\x50" else 4)
    for answer in (echo.reply(data), unreachable.host_unreachable(data, router)):
        if answer is not None:
            assert packet.total_length(answer, 0, len(answer)) == len(answer)


def ip_corpus() -> list[bytes]:
    """Packets that real programs sent."""
    return [value for name, value in vars(captured).items() if name.isupper()]


# Super-packets


@cache
def _tunnel() -> Tunnel:
    """One for the whole run: what lay in its trains before must not matter."""
    return Tunnel()


def carry(data: bytes) -> None:
    """A virtio header of 10 bytes and a packet, refused or carried through a tunnel to the same bytes.

    As from the kernel the packet is as long as its IP header says.
    """
    one = data[virtio.SIZE : virtio.SIZE + 0xFFFF]
    if not one or packet.total_length(one, 0, len(one)) != len(one):
        return
    if packet.destination(one) == parse_address(_tunnel().pair.right.address[0]):
        return  # to the peer's own endpoint: that is another matter
    try:
        cut, found = _tunnel().carry(one, virtio.VnetHeader.parse(data), 1420)
    except PacketError as error:
        one_sentence(error)
        return
    came = [without_meaning(one) for joined in found for one in joined]
    assert came == [without_meaning(one) for one in cut]


def carry_corpus() -> list[bytes]:
    """Super-packets of TCP and UDP, with and without options."""
    found = []
    for flow in (
        Flow(options=TIMESTAMPS),
        Flow(flags=tcp.Flag.ACK | tcp.Flag.CWR | tcp.Flag.PSH, dont_fragment=False, ecn=2),
        Flow(ip_options=b"\1\1\1\1"),
        Flow(version=6),
        Flow(version=6, extensions=(0,)),
        Flow(protocol=UDP),
        Flow(version=6, protocol=UDP),
    ):
        whole, todo = flow.super_packet(bytes(range(50)), 11)
        header = bytearray(virtio.SIZE)
        todo.write(memoryview(header))
        found.append(bytes(header) + whole)
    return found


def join(data: bytes) -> None:
    """Packets end to end, as a peer may send them in one train: each arrives once and in order, as it was.

    Of the bits of the first byte each eighth packet has one, which says whether its checksums are made right:
    who has a key can do that.
    """
    repair, data = data[0] if data else 0, data[1:]
    packets: list[bytes] = []
    while len(packets) < 256 and (size := packet.total_length(data, 0, min(len(data), 0xFFFF))):
        whole = repair >> len(packets) % 8 & 1
        packets.append(repaired(data[:size]) if whole else data[:size])
        data = data[size:]
    if packets and sum(map(len, packets)) <= 1 << 18:
        came = [without_meaning(one) for one in arriving(packets)]
        assert came == [without_meaning(one) for one in packets]


def join_corpus() -> list[bytes]:
    """Trains of one flow, of two, of packets that are marked, cut short or empty."""
    found = []
    for flow in (
        Flow(options=TIMESTAMPS),
        Flow(version=6),
        Flow(protocol=UDP),
        Flow(version=6, protocol=UDP),
    ):
        segments = flow.segments(bytes(range(50)), 11)
        other = replace(flow, destination_port=1).segments(bytes(35), 7)
        empty = replace(flow, sequence=flow.sequence + 50).packet(b"")
        found += [segments, segments + other, [*segments, empty, *other]]
        found.append([*segments[:2], marked(segments[2]), *segments[3:]])
    return [first + b"".join(packets) for packets in found for first in (b"\0", b"\xff")]


_KEY = keys.encode(bytes(range(32)))
_CONFIG = f"""[Interface]
PrivateKey = {_KEY}
ListenPort = 51820
FwMark = 0xca6c
Address = 10.0.0.1/24, fd00::1/64
DNS = 10.0.0.53, example.org
MTU = 1420
Table = auto
PostUp = echo %i
SaveConfig = true

[Peer]  # first
PublicKey = {_KEY}
PresharedKey = {_KEY}
AllowedIPs = 10.0.0.2/32, fd00::2/128
Endpoint = [2001:db8::1%eth0]:51820
PersistentKeepalive = 25
"""
_VALUES = (
    *("192.0.2.1:51820", "[fe80::1%eth0]:1", "vpn.example.org:65535", "0xffffffff", "off", "auto", "main"),
    *("10.0.0.0/8", "::/0", "1420", "true", _KEY),
)

HARNESSES = (
    Harness("receive", receive, lambda: victim().messages),
    Harness("open", open_burst, open_corpus),
    Harness("message", parse_message, lambda: victim().messages),
    Harness("noise", read_noise, noise_corpus),
    Harness("config", parse_config, lambda: [_CONFIG.encode()]),
    Harness("values", read_values, lambda: [value.encode() for value in _VALUES]),
    Harness("status", parse_status, status_corpus),
    Harness("set", set_device, set_corpus),
    Harness("control", frame_requests, lambda: [bytes([n]) + s for s in _STREAMS for n in (0, 5, 255)]),
    Harness("ip", parse_ip, ip_corpus),
    Harness("carry", carry, carry_corpus),
    Harness("join", join, join_corpus),
    Harness("toyvpn-server", toyvpn.serve, lambda: toyvpn.DATAGRAMS),
    Harness("toyvpn-client", toyvpn.be_told, lambda: toyvpn.DATAGRAMS + toyvpn.REPLIES),
    Harness("toyvpn-reply", toyvpn.read_parameters, lambda: toyvpn.REPLIES),
    Harness("toyvpn-arguments", toyvpn.read_arguments, lambda: toyvpn.ARGUMENTS),
)
