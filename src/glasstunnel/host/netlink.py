"""Links, addresses, routes and rules, as ip(8) would set them, through netlink.

Rule: one method is one change that the kernel makes wholly or not at all, or one question; a refusal is a
:exc:`HostError` that names what was asked. Addresses and prefixes are text here, as in the configuration.
Section: rtnetlink(7), ip-route(8), ip-rule(8).

pyroute2 passes over an attribute that it does not know in silence (it must be ``suppress_prefixlen``, not
ip(8)'s ``suppress_prefixlength``: a rule without it would lead everything around the tunnel), and has
defaults of its own for priorities and protocols. So every attribute that matters is given, and the tests read
the kernel's answer with ip(8).
"""

import errno
import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from pyroute2 import IPRoute  # type: ignore[import-untyped]
from pyroute2.netlink.exceptions import NetlinkError  # type: ignore[import-untyped]

from glasstunnel.host.errors import HostError

MAIN_TABLE = 254
_PROTOCOL_BOOT = 3  # RTPROT_BOOT: what ip(8) says of a route that somebody typed
_SCOPE_LINK = 253
_FIB_RULE_INVERT = 2
_IFF_UP = 1
_FR_ACT_UNREACHABLE = 7
_LOOPBACK = "lo"  # as the interface by which a packet came: it was sent on this machine
_FIRST_TABLE = 51820  # where wg-quick(8) begins to look for a free one
USERS_PRIORITY = 13000  # of the rules on users: RULE_PRIORITY_SECURE_VPN of Android's netd
_LAST_OF_USERS = USERS_PRIORITY + 1
FIRST_USERS_TABLE = 13000  # out of the way of wg-quick(8)
_ADVICE = {
    errno.EPERM: "; run as root (CAP_NET_ADMIN)",
    errno.EACCES: " (it may be that IPv6 is switched off: net.ipv6.conf.all.disable_ipv6)",
}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def version_of(prefix: str) -> int:
    """4 or 6: the IP version of an address or prefix."""
    return 6 if ":" in prefix else 4


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of policy routing.

    Attributes:
        version: 4 or 6.
        priority: its place in the order; the smallest comes first.
        table: the routing table that it looks up.
        unless_mark: it is for packets without this mark; 0: for all.
        suppress_default: it passes over the table's default route.
        mark: it is for packets with this mark; 0: for all.
        uids: it is for packets of sockets on this machine that belong to these users, the first and the last;
            None: for all.

    Without a table, 0, it says that there is no way.
    """

    version: int
    priority: int
    table: int
    unless_mark: int = 0
    suppress_default: bool = False
    mark: int = 0
    uids: tuple[int, int] | None = None

    def _attributes(self) -> dict[str, int | str]:
        attributes: dict[str, int | str] = {"family": _FAMILIES[self.version], "priority": self.priority}
        if self.table:
            attributes["table"] = self.table
        else:
            attributes["action"] = _FR_ACT_UNREACHABLE
        if self.mark:
            attributes["fwmark"] = self.mark
        if self.uids:
            attributes |= {"uid_range": "{}:{}".format(*self.uids), "iifname": _LOOPBACK}
        if self.unless_mark:
            attributes |= {"fwmark": self.unless_mark, "flags": _FIB_RULE_INVERT}
        if self.suppress_default:
            attributes["suppress_prefixlen"] = 0
        return attributes


class Netlink:
    """A netlink socket in the network namespace of the thread that makes it; a context manager."""

    def __init__(self) -> None:
        self._ip = IPRoute()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket. Harmless when closed already."""
        self._ip.close()

    # Links

    def index(self, name: str) -> int:
        """The number of an interface. Raises :exc:`HostError` if there is none of that name."""
        try:
            return socket.if_nametoindex(name)
        except OSError as error:
            raise HostError(f"there is no interface {name}") from error

    def mtu(self, index: int) -> int:
        """The MTU of an interface, in bytes."""
        with _refusal(f"read the MTU of the interface {index}"):
            return int(self._ip.get_links(index)[0].get_attr("IFLA_MTU"))

    def is_up(self, index: int) -> bool:
        """Whether an interface is switched on."""
        with _refusal(f"read the state of the interface {index}"):
            return bool(self._ip.get_links(index)[0]["flags"] & _IFF_UP)

    def link_up(self, name: str, mtu: int | None = None) -> None:
        """Switch an interface on, with this MTU if one is given."""
        wish = {"mtu": mtu} if mtu else {}
        with _refusal(f"set {name} up" + (f" with an MTU of {mtu}" if mtu else "")):
            self._ip.link("set", index=self.index(name), state="up", **wish)

    def set_mtu(self, name: str, mtu: int) -> None:
        """Give an interface this MTU, in bytes."""
        with _refusal(f"give {name} an MTU of {mtu}"):
            self._ip.link("set", index=self.index(name), mtu=mtu)

    def add_veth(self, name: str, peer: str, peer_namespace: int) -> None:
        """Create a pair of Ethernet interfaces, ``peer`` in the namespace of that file descriptor."""
        with _refusal(f"create the pair {name} and {peer}"):
            self._ip.link("add", ifname=name, kind="veth", peer={"ifname": peer, "net_ns_fd": peer_namespace})

    def move(self, name: str, namespace: int) -> None:
        """Put an interface into the namespace of that descriptor; it arrives down, without addresses."""
        with _refusal(f"move {name} into another network namespace"):
            self._ip.link("set", index=self.index(name), net_ns_fd=namespace)

    # Addresses and routes

    def add_address(self, name: str, address: str) -> None:
        """Give an interface an address, ``10.0.0.1/24``; a host's own prefix if there is no length."""
        wish = ipaddress.ip_interface(address)
        with _refusal(f"give {name} the address {address}"):
            self._ip.addr(
                "add", index=self.index(name), address=str(wish.ip), prefixlen=wish.network.prefixlen
            )

    def clear(self, name: str) -> None:
        """Switch an interface off and take its addresses; its routes go with them."""
        with _refusal(f"take the addresses of {name}"):
            self._ip.link("set", index=self.index(name), state="down")
            self._ip.flush_addr(index=self.index(name))

    def addresses(self, name: str, version: int) -> list[str]:
        """The addresses of an interface, without their lengths."""
        with _refusal(f"read the addresses of {name}"):
            found = self._ip.get_addr(family=_FAMILIES[version], index=self.index(name))
            return [one.get_attr("IFA_LOCAL") or one.get_attr("IFA_ADDRESS") for one in found]

    def networks(self) -> list[tuple[str, str]]:
        """All interfaces' addresses with their lengths, each with the interface's name."""
        with _refusal("read the addresses"):
            return [
                (
                    socket.if_indextoname(one["index"]),
                    f"{one.get_attr('IFA_LOCAL') or one.get_attr('IFA_ADDRESS')}/{one['prefixlen']}",
                )
                for one in self._ip.get_addr()
            ]

    def add_route(self, name: str, prefix: str, table: int = MAIN_TABLE) -> None:
        """Lead ``prefix`` into an interface."""
        scope = {"scope": _SCOPE_LINK} if version_of(prefix) == 4 else {}
        with _refusal(f"add the route {prefix} dev {name}"):
            self._ip.route(
                "add",
                family=_FAMILIES[version_of(prefix)],
                dst=prefix,
                oif=self.index(name),
                table=table,
                proto=_PROTOCOL_BOOT,
                **scope,
            )

    def path_mtu(self, address: str) -> int | None:
        """The MTU of the route to an address, or else of its interface; None if there is no route."""
        host, _, scope = address.partition("%")
        if scope:
            return self.mtu(self.index(scope))
        try:
            (route,) = self._ip.route("get", family=_FAMILIES[version_of(host)], dst=host)
        except NetlinkError:
            return None
        return self._route_mtu(route)

    def default_mtu(self) -> int | None:
        """The MTU of the IPv4 default route, as :meth:`path_mtu` has it."""
        with _refusal("read the default route"):
            for route in self._ip.get_routes(family=socket.AF_INET, table=MAIN_TABLE, dst_len=0):
                return self._route_mtu(route)
        return None

    def _route_mtu(self, route: Any) -> int | None:
        metrics, out = route.get_attr("RTA_METRICS"), route.get_attr("RTA_OIF")
        if metrics and metrics.get_attr("RTAX_MTU"):
            return int(metrics.get_attr("RTAX_MTU"))
        return self.mtu(out) if out else None

    def set_default_route(self, name: str, version: int, table: int) -> None:
        """Lead everything of one IP version into an interface, by a table in which there may be another."""
        with _refusal(f"lead the default route of the table {table} into {name}"):
            self._ip.route(
                "replace",
                family=_FAMILIES[version],
                dst="default",
                oif=self.index(name),
                table=table,
                proto=_PROTOCOL_BOOT,
            )

    def flush_table(self, table: int) -> None:
        """Remove every route of a routing table."""
        with _refusal(f"empty the routing table {table}"):
            for family in _FAMILIES.values():
                self._ip.flush_routes(family=family, table=table)

    def free_table(self, first: int = _FIRST_TABLE) -> int:
        """The first routing table from this one on that no route is in and no rule looks up, in either
        family.
        """
        with _refusal("read the routing tables"):
            used = {
                route.get_attr("RTA_TABLE")
                for family in _FAMILIES.values()
                for route in self._ip.get_routes(family=family)
            } | {
                rule.get_attr("FRA_TABLE")
                for family in _FAMILIES.values()
                for rule in self._ip.get_rules(family=family)
            }
        return next(table for table in range(first, 1 << 32) if table not in used)

    # Rules

    def next_priority(self, version: int) -> int:
        """The place before all rules but the first, which the kernel would choose itself, and but those on
        users, who have their own way.

        It is chosen here to be known: a rule can only be removed for certain by its priority.
        """
        with _refusal("read the rules"):
            rules = self._ip.get_rules(family=_FAMILIES[version])
            places = (rule.get_attr("FRA_PRIORITY") or 0 for rule in rules)
            return min((place for place in places if place > _LAST_OF_USERS), default=1 << 15) - 1

    def has_inverted_rule(self, version: int) -> bool:
        """Whether some rule is for packets without a mark: somebody else's default route through a tunnel."""
        with _refusal("read the rules"):
            rules = self._ip.get_rules(family=_FAMILIES[version])
            return any(rule["flags"] & _FIB_RULE_INVERT and rule.get_attr("FRA_FWMARK") for rule in rules)

    def add_rule(self, rule: Rule) -> None:
        """Add a rule; nothing happens if it is there already."""
        with _refusal(f"add a rule for the table {rule.table}", errno.EEXIST):
            self._ip.rule("add", **rule._attributes())

    def delete_rule(self, rule: Rule) -> None:
        """Remove a rule; nothing happens if it is gone already."""
        with _refusal(f"remove the rule for the table {rule.table}", errno.ENOENT):
            self._ip.rule("del", **rule._attributes())


@contextmanager
def _refusal(what: str, *ignored: int) -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        if error.code in ignored:
            return
        advice = _ADVICE.get(error.code, "")
        raise HostError(f"cannot {what}: {os.strerror(error.code)}{advice}") from error
