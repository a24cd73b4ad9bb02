"""A world for ToyVpn: a server, clients of either kind, and what their users do, on one virtual clock.

Rule: as :mod:`~glasstunnel.sim.world`: the world does what hosts do, and no more. Behind each TUN is a kernel
that answers echo requests to its own address, as a phone's does. Section: design.md; the programs' loops are
in the models.
"""

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from math import inf

from glasstunnel.ip import echo, packet
from glasstunnel.sim.network import Address, Datagram, Layer, Network
from glasstunnel.sim.randomness import Randomness
from glasstunnel.toyvpn.client import Client
from glasstunnel.toyvpn.client import State as ClientState
from glasstunnel.toyvpn.events import Connected, Disconnected, Event, Refuse, Sealed, Send
from glasstunnel.toyvpn.sample import Deliver, Output, PortUnreachable, Says
from glasstunnel.toyvpn.sample_client import SampleClient
from glasstunnel.toyvpn.sample_client import State as SampleState
from glasstunnel.toyvpn.sample_server import SampleServer
from glasstunnel.toyvpn.server import Server
from glasstunnel.wireguard.events import Path

Things = Iterable[Event | Output]


class Rows:
    """A burst of a few packets, each in memory of its own."""

    def __init__(self, *packets: bytes) -> None:
        self.plain = [memoryview(one) for one in packets]
        self.size = [len(one) for one in packets]
        self.n = len(packets)


class Host:
    """One of the two ends and the machine that it runs on.

    Args:
        address: where it is; each socket that the sample's client opens has the next port.
    """

    def __init__(
        self, name: str, address: Address, program: Server | Client | SampleServer | SampleClient
    ) -> None:
        self.name, self.address, self.program = name, address, program
        self.inside: bytes | None = None
        """Its address in the tunnel, packed; who has one answers echo requests to it."""
        self.inbox: list[tuple[float, bytes]] = []
        """Packets that came out of its TUN, echo requests for it aside, and when."""
        self.history: list[tuple[float, Event | Output]] = []
        """Everything that its program has done but deliver, and when."""

    @property
    def listens_at(self) -> Address:
        """Address and port of its socket now."""
        host, port = self.address
        return (
            (host, port + self.program.channels) if isinstance(self.program, SampleClient) else self.address
        )

    @property
    def is_connected(self) -> bool:
        """Of a client: whether its session stands, as far as it knows."""
        if isinstance(self.program, SampleClient):
            return self.program.state is SampleState.SESSION
        return isinstance(self.program, Client) and self.program.state is ClientState.CONNECTED

    def said(self) -> list[tuple[float, str]]:
        """What a program of the sample wrote into its log; what ours says of its connection."""
        lines: list[tuple[float, str]] = []
        for at, thing in self.history:
            if isinstance(thing, Says):
                lines.append((at, thing.text))
            elif isinstance(thing, Connected):
                lines.append((at, "connected"))
            elif isinstance(thing, Disconnected):
                lines.append((at, f"disconnected: {thing.reason}"))
        return lines


class ToyWorld:
    """A clock, a network, one server, clients.

    Args:
        seed: decides everything that is random.
        layers: the faults of the network.
    """

    def __init__(self, seed: str, layers: Sequence[Layer] = ()) -> None:
        self.now = 0.0
        self.network = Network(Randomness(f"{seed}/network"), layers)
        self.hosts: list[Host] = []
        self._plans: list[tuple[float, int, Callable[[], None]]] = []
        self._planned = 0
        self.unreachable: list[tuple[float, Address]] = []
        """Who was sent an ICMP port unreachable, and when."""

    def add(self, host: Host) -> Host:
        """A host more; a client is started."""
        self.hosts.append(host)
        if isinstance(host.program, SampleClient | Client):
            self.carry_out(host, host.program.start(self.now))
        return host

    def remove(self, host: Host) -> None:
        """Its machine is off."""
        self.hosts.remove(host)

    def at(self, moment: float, do: Callable[[], None]) -> None:
        """Let something happen at a time to come."""
        self._planned += 1
        heappush(self._plans, (moment, self._planned, do))

    def every(self, seconds: float, until: float, do: Callable[[], None]) -> None:
        """Let something happen again and again, from now on."""
        for turn in range(1, int((until - self.now) / seconds) + 1):
            self.at(self.now + turn * seconds, do)

    def advance(self, seconds: float) -> None:
        """Let this much time pass and everything happen that happens in it."""
        end = self.now + seconds
        while (moment := self._next_moment()) <= end:
            self.now = max(self.now, moment)
            while self._plans and self._plans[0][0] <= self.now:
                heappop(self._plans)[2]()
            for datagram in self.network.arrivals(self.now):
                self._arrive(datagram)
            for host in list(self.hosts):
                if host.program.deadline <= self.now:
                    self.carry_out(host, host.program.tick(self.now))
        self.now = end

    def send(self, host: Host, data: bytes) -> None:
        """Somebody on this host sends a packet into the TUN."""
        program = host.program
        if isinstance(program, SampleServer | SampleClient):
            program.packet(data)
            return
        sealed = program.seal(self.now, Rows(data), packet.destination(data))
        if isinstance(sealed, Sealed):
            self.carry_out(host, [Send(data, sealed.path)])

    def carry_out(self, host: Host, things: Things) -> None:
        """Do what its program wants done."""
        for thing in things:
            if isinstance(thing, Deliver):
                self._out_of_tun(host, thing.packet)
                continue
            host.history.append((self.now, thing))
            if isinstance(thing, Send):
                self.network.send(Datagram(self.now, host.listens_at, thing.path.remote, thing.data))
            elif isinstance(thing, PortUnreachable | Refuse):
                self._refuse(thing.path.remote)

    def _next_moment(self) -> float:
        deadlines = (host.program.deadline for host in self.hosts)
        planned = self._plans[0][0] if self._plans else inf
        return min(self.network.next_arrival, planned, *deadlines)

    def _arrive(self, datagram: Datagram) -> None:
        path = Path(datagram.source)
        for host in self.hosts:
            if host.listens_at == datagram.destination:
                self._deliver(host, datagram.data, path)
                return
        self._refuse(datagram.source)

    def _deliver(self, host: Host, data: bytes, path: Path) -> None:
        program = host.program
        if isinstance(program, SampleServer):
            self.carry_out(host, program.datagram(self.now, data, path))
        elif isinstance(program, SampleClient):
            program.datagram(data)
        else:
            rows = Rows(data)
            opened = program.open(self.now, rows, path)
            for row in opened.rows:
                self._out_of_tun(host, bytes(rows.plain[row]))
            self.carry_out(host, opened.events)

    def _refuse(self, sender: Address) -> None:
        """No socket there: the sender's kernel hears of it."""
        self.unreachable.append((self.now, sender))
        for host in self.hosts:
            if host.listens_at == sender:
                if isinstance(host.program, SampleClient):
                    host.program.unreachable()
                elif isinstance(host.program, Client):
                    self.carry_out(host, host.program.refused(self.now))

    def _out_of_tun(self, host: Host, data: bytes) -> None:
        if (
            host.inside is not None
            and packet.destination(data) == host.inside
            and (answer := echo.reply(data))
        ):
            self.send(host, answer)
        else:
            host.inbox.append((self.now, data))
