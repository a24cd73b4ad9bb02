"""Pairs of ToyVpn ends with a user behind each, and what the sample's client thinks of the time.

Rule: a scenario is a value: which ends, what traffic, how long; the same value gives the same events. The
book's diagram of the swapped timers is drawn from :func:`timeline`. Section: ToyVpnConnection.java ``run``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from glasstunnel.ip import ipv4
from glasstunnel.ip.address import parse_address, parse_prefix
from glasstunnel.sim.faults import Delay
from glasstunnel.sim.network import Address, Layer
from glasstunnel.sim.toyvpn import Host, ToyWorld
from glasstunnel.toyvpn.client import Client
from glasstunnel.toyvpn.parameters import from_arguments
from glasstunnel.toyvpn.pool import Pool
from glasstunnel.toyvpn.sample_client import SampleClient
from glasstunnel.toyvpn.sample_client import State as SampleState
from glasstunnel.toyvpn.sample_server import SampleServer
from glasstunnel.toyvpn.server import Server
from glasstunnel.toyvpn.session import TIMES, Times
from glasstunnel.wireguard.events import Path

Kind = Literal["sample", "ours"]
Traffic = Literal["idle", "download", "upload"]

SERVER: Final = ("198.51.100.1", 8000)
CLIENT: Final = ("192.0.2.1", 40000)
SECRET: Final = b"test"
PHONE: Final = parse_address("10.0.0.2")
WEB: Final = parse_address("203.0.113.80")
"""Somebody behind the server."""
_OPTIONS: Final = tuple("-m 1400 -d 8.8.8.8 -r 0.0.0.0 0".split())  # noqa: SIM905 - a command line
_ADDRESS: Final = ("-a", "10.0.0.2", "32")
_UDP: Final = 17
_WAY: Final = 0.02  # seconds that a datagram takes


def make_server(kind: Kind, *, pool: str = "10.0.0.0/24", times: Times = TIMES) -> Server | SampleServer:
    """A server of either kind with the sample's own example for parameters; ours has a pool unless it is
    empty.
    """
    if kind == "sample":
        return SampleServer(SECRET, [argument.encode() for argument in (*_ADDRESS, *_OPTIONS)])
    if not pool:
        return Server(SECRET, from_arguments((*_ADDRESS, *_OPTIONS)), times=times)
    return Server(SECRET, from_arguments(_OPTIONS), Pool([parse_prefix(pool)]), times=times)


def make_client(kind: Kind, number: int = 0) -> Client | SampleClient:
    """A client of either kind; ``number`` makes its token."""
    server = Path(SERVER)
    return SampleClient(SECRET, server) if kind == "sample" else Client(SECRET, bytes([number] * 16), server)


class Pair(ToyWorld):
    """One server, one client, 20 ms apart; the client's machine has 10.0.0.2.

    Args:
        layers: faults of the network, after the delay.
    """

    def __init__(self, server: Kind, client: Kind, layers: Sequence[Layer] = (), **of_server: Any) -> None:
        super().__init__(f"{server} and {client}", [Delay(_WAY), *layers])
        self.server = self.add(Host("server", SERVER, make_server(server, **of_server)))
        self.client = self.join(client)

    def join(self, kind: Kind, address: Address = CLIENT, number: int = 0, inside: bytes = PHONE) -> Host:
        """One more client."""
        host = Host(f"client {number}", address, make_client(kind, number))
        host.inside = inside
        return self.add(host)

    def talk(self, traffic: Traffic, seconds: float, gap: float) -> list[tuple[float, bytes]]:
        """Have packets sent every ``gap`` seconds for so long; what is sent, and when, is in the list once
        it has been.
        """
        said: list[tuple[float, bytes]] = []
        sender = self.server if traffic == "download" else self.client
        ends = (WEB, PHONE) if traffic == "download" else (PHONE, WEB)

        def say() -> None:
            one = message(b"%d" % len(said), *ends)
            said.append((self.now, one))
            self.send(sender, one)

        if traffic != "idle":
            self.every(gap, self.now + seconds, say)
        return said


def message(text: bytes, source: bytes, destination: bytes) -> bytes:
    """An IPv4 packet that nobody answers."""
    return ipv4.Header(source=source, destination=destination, protocol=_UDP).build(text)


@dataclass(frozen=True, slots=True)
class Moment:
    """Something has happened to the sample's client; all times in seconds.

    ``last_receive_time`` and ``last_send_time`` are what the program keeps under these names; ``sent`` and
    ``received`` are when it sent and received anything.
    """

    at: float
    what: str
    last_receive_time: float
    last_send_time: float
    sent: float
    received: float


def timeline(server: Kind, traffic: Traffic, seconds: float, gap: float = 1.0) -> list[Moment]:
    """What happens to the sample's client with a server of either kind, from its session's beginning on.

    ``what`` is one of "session", "sends", "receives" and "crashes", or two of them.
    """
    world = Pair(server, "sample")
    program = world.client.program
    assert isinstance(program, SampleClient)
    while not world.client.is_connected:
        world.advance(0.1)
    began = world.now
    world.talk(traffic, seconds, gap)
    moments = [_moment(program, 0.0, "session", began)]
    while world.now < began + seconds and world.client.is_connected:
        before = program.sent, program.received
        world.advance(0.1)
        if what := _changes(program, before):
            lives = world.client.is_connected
            at = max(program.sent, program.received) if lives else world.client.said()[-1][0]
            moments.append(_moment(program, at - began, " and ".join(what), began))
    return moments


def _changes(program: SampleClient, before: tuple[float, float]) -> list[str]:
    checks: list[tuple[str, Callable[[], bool]]] = [
        ("sends", lambda: program.sent != before[0]),
        ("receives", lambda: program.received != before[1]),
        ("crashes", lambda: program.state is SampleState.CRASHED),
    ]
    return [name for name, holds in checks if holds()]


def _moment(program: SampleClient, at: float, what: str, began: float) -> Moment:
    times = program.last_receive_time, program.last_send_time, program.sent, program.received
    return Moment(round(at, 3), what, *(round(time - began, 3) for time in times))
