"""The server and the client of ToyVpn, as steps and as what they tell.

Rule: what either changes on the system is a step that says itself, as in plan.py, and is undone at the end.
The server sets up an interface that it makes itself, and leaves one alone that somebody else has made. The
client has its interface as long as it runs, and sets it up anew when the server's parameters change: between
two sessions nothing leaves by another way. Section: ToyVpnServer.cpp ``main``; ``configure`` and
``protect()`` in ToyVpnConnection.java.
"""

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from glasstunnel.host import daemon, nat
from glasstunnel.host.apart import Apart, make_namespace
from glasstunnel.host.errors import HostError
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.resolve import resolve
from glasstunnel.host.setup import Setup
from glasstunnel.host.toyvpn import ToyCore, Unanswered
from glasstunnel.ip.address import InterfaceAddress, Prefix, format_address, mask
from glasstunnel.operate.plan import Step, dns, door, marked_route, route
from glasstunnel.operate.serve import serve
from glasstunnel.operate.values import Endpoint
from glasstunnel.toyvpn.client import Client
from glasstunnel.toyvpn.events import Began, Connected, Disconnected, Ended, Moved
from glasstunnel.toyvpn.messages import TOKEN_SIZE
from glasstunnel.toyvpn.parameters import Parameters
from glasstunnel.toyvpn.pool import Pool
from glasstunnel.toyvpn.server import Server
from glasstunnel.wireguard.events import Path

NOTICE = (
    "ToyVpn neither encrypts nor authenticates data: whoever is on the way can read and change all of it, "
    'and learn the secret. For a tunnel that protects, use WireGuard: "glasstunnel up"'
)
_USUAL_MTU = 1500
_OVERHEAD = {4: 28, 6: 48}  # bytes around a packet: IP and UDP

Tell = Callable[..., None]
"""``tell(event, sentence, **facts)``: what happened, for programs and for people."""


@dataclass(frozen=True)
class ServerConfig:
    """What a server shall be.

    Attributes:
        interface, port, secret, parameters: as ToyVpnServer has them.
        pool: prefixes for the clients' addresses; none: the parameters' own, for one client.
        addresses: the server's in the tunnel; by default the first host of each prefix of the pool.
        nat: whether clients shall reach beyond this host with its address.
    """

    interface: str
    port: int
    secret: bytes
    parameters: Parameters
    pool: tuple[Prefix, ...] = ()
    addresses: tuple[InterfaceAddress, ...] = ()
    nat: bool = False


@dataclass(frozen=True)
class ClientConfig:
    """What a client shall be.

    Attributes:
        interface: its name.
        server: where the server is.
        secret: shared with it.
        dns: whether to use the name servers and search domains that the server gives.
        apart: whether it is for programs only, in a namespace of its own.
    """

    interface: str
    server: Endpoint
    secret: bytes
    dns: bool = True
    apart: bool = False


def run_server(config: ServerConfig, say: Callable[[str], None], tell: Tell) -> None:
    """Serve until a signal ends it.

    Raises:
        HostError: if the system refuses something; nothing is left then.
        ValueError: if secret, parameters and pool do not fit together; nothing was done then.
    """
    pool = Pool(config.pool) if config.pool else None
    own = config.addresses or (pool.own if pool else ())
    server = Server(config.secret, config.parameters, pool, own=[one.address for one in own])
    teller = ServerTeller(server, tell)

    def ready() -> None:
        where = f"{config.interface} serves ToyVpn on UDP port {config.port}"
        tell("listening", where, interface=config.interface, port=config.port)
        daemon.notify_ready()

    tell("notice", NOTICE)
    steps = partial(server_steps, config, own, ToyCore(server, config.port), teller, tell)
    serve(config.interface, partial(Setup, config.interface), lambda _net: steps(), say, ready)
    teller.tell_end()


def server_steps(
    config: ServerConfig,
    own: Iterable[InterfaceAddress],
    core: ToyCore,
    on_event: Callable[[object], None],
    tell: Tell,
) -> Iterator[Step]:
    """What is done before a server serves."""
    name = config.interface
    clients = config.pool or tuple(one.network for one in config.parameters.addresses)
    if config.nat:
        nat.check()
    exists = _exists(name)
    yield Step(
        f"# UDP port {config.port}; {name} is there already: its addresses, routes and state are yours"
        if exists
        else f"ip tuntap add {name} mode tun  # UDP port {config.port}",
        partial(Setup.create_toy, core=core, on_event=on_event, attach=exists),
    )
    if not exists:
        for address in map(str, own):
            yield Step(f"ip address add {address} dev {name}", partial(Setup.address, address=address))
        yield _link_up(name, config.parameters.mtu)
        connected = [one.network for one in own]
        for prefix in clients:
            if not any(_holds(network, prefix) for network in connected):
                yield route(name, prefix)
    yield Step("", Setup.follow)
    if config.nat:
        yield from _nat(name, clients)
        for chain in nat.dropping_chains():
            tell(
                "warning",
                f"the chain {chain} drops forwarded packets by default, as Docker's does: let the tunnel's "
                f"pass there, as by: iptables -I DOCKER-USER -i {name} -j ACCEPT; "
                f"iptables -I DOCKER-USER -o {name} -j ACCEPT",
                chain=chain,
            )


def _nat(name: str, clients: Iterable[Prefix]) -> Iterator[Step]:
    """Forwarding and masquerade in each IP version that clients have."""
    by_version: dict[int, list[str]] = {}
    for prefix in clients:
        by_version.setdefault(_version(prefix.address), []).append(str(prefix))
    for version, sources in sorted(by_version.items()):
        key = "net.ipv4.ip_forward" if version == 4 else "net.ipv6.conf.all.forwarding"
        yield Step(f"sysctl -q {key}=1", partial(Setup.forwarding, version=version))
        yield Step(
            f"nft -f -  # table {'ip' if version == 4 else 'ip6'} {nat.table_name(name)}: "
            f"masquerade what comes from {', '.join(sources)}",
            partial(Setup.masquerade, version=version, sources=sources),
        )


class ServerTeller:
    """Tells of sessions; it is what a server's tunnel calls with each event."""

    def __init__(self, server: Server, tell: Tell) -> None:
        self._server, self._tell = server, tell
        self._sessions = 0

    def __call__(self, event: object) -> None:
        if isinstance(event, Began):
            self._sessions += 1
            session = event.session
            client, addresses = _shown(session.path.remote), [format_address(one) for one in session.packed]
            kept = bool(session.token) or self._server.keeps_alive(session)
            self._tell(
                "session began",
                f"{client} has a session: {', '.join(addresses)}"
                + (
                    ""
                    if kept
                    else "; Android's sample crashes after 20 s in which it sends no packet, and no "
                    "route of the parameters (-r) lets it be asked for one"
                ),
                client=client,
                addresses=addresses,
            )
        elif isinstance(event, Moved):
            former, client = _shown(event.former.remote), _shown(event.session.path.remote)
            self._tell("session moved", f"{former} is {client} now", former=former, client=client)
        elif isinstance(event, Ended):
            client = _shown(event.session.path.remote)
            self._tell(
                "session ended",
                f"the session of {client} is over: {event.reason}",
                client=client,
                reason=str(event.reason),
            )

    def tell_end(self) -> None:
        """The server has ended: what came of it."""
        drops = {str(reason): number for reason, number in Counter(self._server.drops).items()}
        lost = "; ".join(f"{number} × {reason}" for reason, number in drops.items())
        self._tell(
            "stopped",
            f"stopped; sessions: {self._sessions}" + (f"; dropped: {lost}" if lost else ""),
            sessions=self._sessions,
            drops=drops,
        )


def run_client(config: ClientConfig, say: Callable[[str], None], tell: Tell) -> None:
    """Be connected as long as the server can be reached, until a signal ends it.

    Raises:
        HostError: if the system refuses something; nothing is left then.
        ValueError: if the secret cannot be sent; nothing was done then.
    """
    tell("notice", NOTICE)
    with daemon.interrupted_by(*daemon.ENDING):
        path = resolve(*config.server, say=partial(tell, "waiting"))
    run = ClientRun(config, path, say, tell)
    serve(config.interface, run.prepare, run.steps, say, run.ready, apart=config.apart)
    tell("stopped", "disconnected")


class ClientRun:
    """A client of the server at ``path``."""

    def __init__(self, config: ClientConfig, path: Path, say: Callable[[str], None], tell: Tell) -> None:
        self._config, self._path, self._say, self._tell = config, path, say, tell
        self._core = ToyCore(Client(config.secret, os.urandom(TOKEN_SIZE), path))
        self._namespace = make_namespace() if config.apart else None
        self._setup: Setup
        self._net: Netlink

    def prepare(self, *parts: Any) -> Setup:
        """As :data:`~glasstunnel.operate.serve.Prepare`."""
        make = partial(Apart, self._namespace) if self._namespace else Setup
        self._setup = make(self._config.interface, *parts)
        return self._setup

    def steps(self, net: Netlink) -> Iterator[Step]:
        """What is done before the server has answered."""
        self._net = net
        if not self._namespace and _exists(self._config.interface):
            raise HostError(f"there is already an interface {self._config.interface}")
        yield Step(
            f"ip tuntap add {self._config.interface} mode tun",
            partial(Setup.create_toy, core=self._core, on_event=self._heard),
        )
        yield Step("", lambda setup: setup.tunnel.up())

    def ready(self) -> None:
        """From here on a signal is a wish to disconnect."""
        self._tell("asking", f"asking {_shown(self._path.remote)}", server=_shown(self._path.remote))

    def _heard(self, event: object) -> None:
        server = _shown(self._path.remote)
        if isinstance(event, Connected):
            if event.changed:
                self._configure(event.parameters)
            self._tell(
                "connected",
                f"connected to {server}: {event.parameters}",
                server=server,
                parameters=str(event.parameters),
            )
            daemon.notify_ready()
        elif isinstance(event, Unanswered):
            self._tell(
                "waiting",
                f"{server} does not answer: is it there, at this port, with this secret? "
                f"trying again in {event.seconds:.0f} s",
                server=server,
                seconds=round(event.seconds, 1),
            )
        elif isinstance(event, Disconnected):
            self._tell(
                "disconnected", f"{server}: {event.reason}; trying again", server=server, reason=event.reason
            )

    def _configure(self, parameters: Parameters) -> None:
        """Set the interface up, from nothing or anew."""
        self._setup.begin_again()
        for step in client_steps(self._config, self._path, parameters, self._core.fwmark, self._net):
            if step.text:
                self._say(step.text)
            step.do(self._setup)


def client_steps(
    config: ClientConfig, server: Path, parameters: Parameters, mark: int, net: Netlink
) -> Iterator[Step]:
    """What is done when the server has said its parameters; ``mark`` is what is sent marked with already."""
    name, host = config.interface, server.remote[0]
    for address in map(str, parameters.addresses):
        yield Step(f"ip address add {address} dev {name}", partial(Setup.address, address=address))
    overhead = _OVERHEAD[6 if ":" in host else 4]
    yield _link_up(name, parameters.mtu or (net.path_mtu(host) or _USUAL_MTU) - overhead)
    servers = [format_address(one) for one in parameters.dns] if config.dns else []
    search = parameters.search if config.dns else ()
    if config.apart:
        for prefix in dict.fromkeys(parameters.routes):
            if not any(_holds(one.network, prefix) for one in parameters.addresses):
                yield route(name, prefix)
        yield Step("", Setup.follow)
        yield door(servers, search)
        return
    if servers or search:
        yield dns(name, servers, search)
    packed = _packed(host)
    marked: set[int] = set()  # versions whose rules stand
    # The longest prefix first, so that the way out is cut off last
    for prefix in sorted(dict.fromkeys(parameters.routes), key=lambda prefix: -prefix.length):
        version = _version(prefix.address)
        if prefix.length and not _holds(prefix, Prefix(packed, 8 * len(packed))):
            if not any(_holds(one.network, prefix) for one in parameters.addresses):
                yield route(name, prefix)
            continue
        if not mark:
            mark = net.free_table()
        if not marked:
            yield Step(f"# what {name} sends itself is marked {mark}", partial(Setup.mark, fwmark=mark))
        if version in marked:
            yield route(name, prefix, mark)
        else:
            yield from marked_route(name, prefix, mark)
        marked.add(version)
    yield Step("", Setup.follow)


def _link_up(name: str, mtu: int | None) -> Step:
    text = f"ip link set mtu {mtu} up dev {name}" if mtu else f"ip link set up dev {name}"
    return Step(text, partial(Setup.link_up, mtu=mtu))


def _exists(name: str) -> bool:
    try:
        socket.if_nametoindex(name)
    except OSError:
        return False
    return True


def _packed(host: str) -> bytes:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.inet_pton(family, host.partition("%")[0])


def _version(address: bytes) -> int:
    return 4 if len(address) == 4 else 6


def _holds(network: Prefix, prefix: Prefix) -> bool:
    """Whether all of ``prefix`` lies in ``network``."""
    return (
        len(network.address) == len(prefix.address)
        and network.length <= prefix.length
        and mask(prefix.address, network.length) == network.address
    )


def _shown(remote: tuple[str, int]) -> str:
    return str(Endpoint(*remote))
