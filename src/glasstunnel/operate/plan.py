"""Bringing an interface up, as a list of steps that reads like a session of ip(8).

Rule: the order is that of wg-quick(8). Each step says itself in the words of the tool that would do it by
hand, so that a dry run and the log show one text. The plan is a generator: a step is made when those before
it have been done, and may depend on them; a dry run makes them all and does none.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from glasstunnel.host.apart import Apart
from glasstunnel.host.firewall import table_name
from glasstunnel.host.netlink import MAIN_TABLE, Netlink
from glasstunnel.host.setup import Setup
from glasstunnel.ip.address import Prefix, mask
from glasstunnel.operate.config import Config, Endpoint, expand
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path

_OVERHEAD = 80  # bytes around a packet: IPv6 40, UDP 8, header of transport data 16, tag 16
_USUAL_MTU = 1500

Resolve = Callable[[Endpoint], Path]


class Step(NamedTuple):
    """One change: how it reads (empty: it is not worth a line), and what does it."""

    text: str
    do: Callable[[Setup], None]


def plan(name: str, config: Config, net: Netlink, resolve: Resolve) -> Iterator[Step]:
    """The steps that bring up the interface ``name``.

    Args:
        name: of the interface.
        config: what it shall be.
        net: answers questions about routes and tables; nothing is changed through it here.
        resolve: finds the path of an endpoint.

    Raises:
        HostError: if an endpoint cannot be resolved or the system does not answer a question.
    """
    interface = config.interface
    yield from _commands(name, interface.pre_up)
    yield from _interface(name, config, net, resolve)
    if interface.dns:
        yield dns(name, interface.dns_servers, interface.dns_search)
    yield from _routes(name, config, net)
    yield Step("", Setup.before_commands_up)
    yield from _commands(name, interface.post_up)
    yield Step("", Setup.finish)


def plan_apart(name: str, config: Config, net: Netlink, resolve: Resolve) -> Iterator[Step]:
    """The steps that bring up the interface ``name`` apart, in a namespace for programs.

    All allowed IPs lead into it, whatever ``Table`` says: that is about the machine's routes. So are the
    commands of the configuration, and they do not run.

    Args and Raises: as for :func:`plan`.
    """
    interface = config.interface
    yield from _interface(name, config, net, resolve)
    connected = [address.network for address in interface.addresses if not _alone(address.network)]
    for prefix in _allowed(config):
        if not _covered(prefix, connected):
            yield route(name, prefix)
    yield Step("", Setup.before_commands_up)
    yield door(interface.dns_servers, interface.dns_search)


def _interface(name: str, config: Config, net: Netlink, resolve: Resolve) -> Iterator[Step]:
    """What makes it, with its addresses and its MTU, and brings it up."""
    interface = config.interface
    device = make_device(config, resolve)
    yield _create(name, device, interface.listen_port)
    for address in map(str, interface.addresses):
        yield Step(f"ip address add {address} dev {name}", partial(Setup.address, address=address))
    mtu = interface.mtu or tunnel_mtu(device, net)
    yield Step(f"ip link set mtu {mtu} up dev {name}", partial(Setup.link_up, mtu=mtu))


def door(servers: Sequence[str], search: Sequence[str]) -> Step:
    """Let programs in; their names are asked of these servers, and completed with these domains."""

    def let_in(setup: Setup) -> None:
        assert isinstance(setup, Apart)
        setup.door(servers, search)

    return Step("", let_in)


def make_device(config: Config, resolve: Resolve) -> Device:
    """The device that a configuration describes; a peer with our own key is left out, as the kernel does.

    Raises:
        HostError: if an endpoint cannot be resolved.
    """
    device = Device(config.interface.private_key)
    device.fwmark = config.interface.fwmark
    for peer in config.peers:
        if peer.public_key != device.public_key:
            device.add_peer(
                peer.public_key,
                preshared_key=peer.preshared_key or bytes(32),
                endpoint=resolve(peer.endpoint) if peer.endpoint else None,
                allowed_ips=peer.allowed_ips,
                persistent_keepalive=peer.persistent_keepalive,
            )
    return device


def tunnel_mtu(device: Device, net: Netlink) -> int:
    """The largest MTU on the way to any endpoint, or of the default route, less what the tunnel adds."""
    paths = [net.path_mtu(peer.endpoint.remote[0]) for peer in device.peers.values() if peer.endpoint]
    return (max(filter(None, paths), default=None) or net.default_mtu() or _USUAL_MTU) - _OVERHEAD


def _create(name: str, device: Device, port: int) -> Step:
    peers = f"{len(device.peers)} peer{'' if len(device.peers) == 1 else 's'}"
    return Step(
        f"ip tuntap add {name} mode tun  # UDP port {port or 'chosen by the system'}, {peers}",
        lambda setup: setup.create(device, port),
    )


def _commands(name: str, commands: Iterable[str]) -> Iterator[Step]:
    for command in commands:
        text = expand(command, name)
        yield Step(text, partial(Setup.command, command=text))


def dns(name: str, servers: Sequence[str], search: Sequence[str]) -> Step:
    """Ask these servers, and complete names with these domains."""
    return Step(
        f"resolvconf -a {name} -m 0 -x  # {' '.join((*servers, *search))}",
        lambda setup: setup.dns(servers, search),
    )


def _routes(name: str, config: Config, net: Netlink) -> Iterator[Step]:
    """A route for each of the allowed IPs."""
    interface = config.interface
    if interface.table == "off":
        return
    connected = [address.network for address in interface.addresses if not _alone(address.network)]
    fwmark = interface.fwmark
    for prefix in _allowed(config):
        if isinstance(interface.table, int):
            yield route(name, prefix, interface.table)
        elif prefix.length:
            if not _covered(prefix, connected):
                yield route(name, prefix)
        else:
            if not fwmark:
                fwmark = net.free_table()
                yield Step(f"wg set {name} fwmark {fwmark}", partial(Setup.mark, fwmark=fwmark))
            yield from marked_route(name, prefix, fwmark)


def _allowed(config: Config) -> list[Prefix]:
    """The allowed IPs of all peers, the longest prefix first, so that the way out is cut off last."""
    prefixes = dict.fromkeys(prefix for peer in config.peers for prefix in peer.allowed_ips)
    return sorted(prefixes, key=lambda prefix: -prefix.length)


def route(name: str, prefix: Prefix, table: int = MAIN_TABLE) -> Step:
    """Lead a prefix into the interface."""
    text = f"ip route add {prefix} dev {name}" + ("" if table == MAIN_TABLE else f" table {table}")
    return Step(text, partial(Setup.route, prefix=str(prefix), table=table))


def marked_route(name: str, prefix: Prefix, mark: int) -> Iterator[Step]:
    """A prefix into the tunnel, except what carries the mark: the tunnel's own packets.

    The tunnel's route stands in a table of its own, which packets without the mark look up. If it is a
    default route, they look for a route in the main table before, but not for its default route: what is near
    stays reachable.
    """
    version = 4 if len(prefix.address) == 4 else 6
    yield route(name, prefix, mark)
    if version == 4:  # before the rules, and so undone after them: it is needed while any such rule stands
        yield Step("sysctl -q net.ipv4.conf.all.src_valid_mark=1", Setup.src_valid_mark)
    yield Step(
        f"ip -{version} rule add not fwmark {mark} table {mark}",
        partial(Setup.rule, version=version, table=mark, unless_mark=mark),
    )
    if not prefix.length:
        yield Step(
            f"ip -{version} rule add table main suppress_prefixlength 0",
            partial(Setup.rule, version=version, table=MAIN_TABLE, suppress_default=True),
        )
    yield Step(
        f"nft -f -  # table {'ip' if version == 4 else 'ip6'} {table_name(name)}",
        partial(Setup.firewall, version=version, mark=mark),
    )


def _alone(network: Prefix) -> bool:
    """An IPv4 address with the length 32 has no network around it to which the kernel would make a route."""
    return len(network.address) == 4 and network.length == 32


def _covered(prefix: Prefix, connected: Iterable[Prefix]) -> bool:
    """Whether the route that the kernel makes for an address of the interface holds ``prefix`` already."""
    return any(
        len(network.address) == len(prefix.address)
        and network.length <= prefix.length
        and mask(prefix.address, network.length) == network.address
        for network in connected
    )
