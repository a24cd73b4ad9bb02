"""The server of ToyVpn, as steps and as what it tells.

Rule: what it changes on the system is a step that says itself, as in plan.py, and is undone at the end. It
sets up an interface that it makes itself, and leaves one alone that somebody else has made. Section:
ToyVpnServer.cpp ``main``.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from glasstunnel.host import daemon, nat
from glasstunnel.host.setup import Setup
from glasstunnel.host.toyvpn import ToyCore
from glasstunnel.ip.address import InterfaceAddress, Prefix, format_address
from glasstunnel.operate.plan import Step, route
from glasstunnel.operate.serve import serve
from glasstunnel.operate.toyvpn import NOTICE, Tell, exists, holds, link_up, shown, version_of
from glasstunnel.toyvpn.events import Began, Ended, Moved
from glasstunnel.toyvpn.parameters import Parameters
from glasstunnel.toyvpn.pool import Pool
from glasstunnel.toyvpn.server import Server


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
    is_there = exists(name)
    yield Step(
        f"# UDP port {config.port}; {name} is there already: its addresses, routes and state are yours"
        if is_there
        else f"ip tuntap add {name} mode tun  # UDP port {config.port}",
        partial(Setup.create_toy, core=core, on_event=on_event, attach=is_there),
    )
    if not is_there:
        for address in map(str, own):
            yield Step(f"ip address add {address} dev {name}", partial(Setup.address, address=address))
        yield link_up(name, config.parameters.mtu)
        connected = [one.network for one in own]
        for prefix in clients:
            if not any(holds(network, prefix) for network in connected):
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
        by_version.setdefault(version_of(prefix.address), []).append(str(prefix))
    for version, sources in sorted(by_version.items()):
        switch = (
            "net.ipv4.ip_forward=1"
            if version == 4
            else "net.ipv6.conf.all.forwarding=1  # and accept_ra=2 wherever it is 1"
        )
        yield Step(f"sysctl -q {switch}", partial(Setup.forwarding, version=version))
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
            client, addresses = shown(session.path.remote), [format_address(one) for one in session.packed]
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
            former, client = shown(event.former.remote), shown(event.session.path.remote)
            self._tell("session moved", f"{former} is {client} now", former=former, client=client)
        elif isinstance(event, Ended):
            client = shown(event.session.path.remote)
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
