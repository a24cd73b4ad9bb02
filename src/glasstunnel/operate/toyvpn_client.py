"""The client of ToyVpn, as steps and as what it tells.

Rule: it has its interface as long as it runs, and sets it up anew when the server's parameters change:
between two sessions nothing leaves by another way. What it changes on the system is a step that says itself,
as in plan.py, and is undone at the end. Section: ``configure`` and ``protect()`` in ToyVpnConnection.java.
"""

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from glasstunnel.host import daemon
from glasstunnel.host.apart import Apart, make_namespace
from glasstunnel.host.errors import HostError
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.resolve import resolve
from glasstunnel.host.setup import Setup
from glasstunnel.host.toyvpn import ToyCore, Unanswered
from glasstunnel.ip.address import Prefix, format_address
from glasstunnel.operate.plan import Step, dns, door, marked_route, route
from glasstunnel.operate.serve import serve
from glasstunnel.operate.toyvpn import NOTICE, Tell, exists, holds, link_up, shown, version_of
from glasstunnel.operate.values import Endpoint
from glasstunnel.toyvpn.client import Client
from glasstunnel.toyvpn.events import Connected, Disconnected
from glasstunnel.toyvpn.messages import TOKEN_SIZE
from glasstunnel.toyvpn.parameters import Parameters
from glasstunnel.wireguard.events import Path

_USUAL_MTU = 1500
_OVERHEAD = {4: 28, 6: 48}  # bytes around a packet: IP and UDP


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
        if not self._namespace and exists(self._config.interface):
            raise HostError(f"there is already an interface {self._config.interface}")
        yield Step(
            f"ip tuntap add {self._config.interface} mode tun",
            partial(Setup.create_toy, core=self._core, on_event=self._heard),
        )
        yield Step("", lambda setup: setup.tunnel.up())

    def ready(self) -> None:
        """From here on a signal is a wish to disconnect."""
        self._tell("asking", f"asking {shown(self._path.remote)}", server=shown(self._path.remote))

    def _heard(self, event: object) -> None:
        server = shown(self._path.remote)
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
    yield link_up(name, parameters.mtu or (net.path_mtu(host) or _USUAL_MTU) - overhead)
    servers = [format_address(one) for one in parameters.dns] if config.dns else []
    search = parameters.search if config.dns else ()
    if config.apart:
        for prefix in dict.fromkeys(parameters.routes):
            if not any(holds(one.network, prefix) for one in parameters.addresses):
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
        version = version_of(prefix.address)
        if prefix.length and not holds(prefix, Prefix(packed, 8 * len(packed))):
            if not any(holds(one.network, prefix) for one in parameters.addresses):
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


def _packed(host: str) -> bytes:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.inet_pton(family, host.partition("%")[0])
