"""Which addresses stand for a peer: where to knock in the tunnel, and which to ask routes about.

Rule: an address that belongs to the peer alone is best; a whole network is stood for by the first host of the
interface's own network in it, which by custom is the gateway.
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Final

_ANY: Final = {4: "203.0.113.1", 6: "2001:db8::1"}  # RFC 5737, RFC 3849: addresses of nobody
_MOST: Final = 3


def sample(prefix: str) -> str:
    """An address that stands for a prefix in a question about routes."""
    network = ip_network(prefix, strict=False)
    if network.prefixlen == 0:
        return _ANY[network.version]
    return str(network.network_address + (1 if network.num_addresses > 2 else 0))


def inner_addresses(allowed_ips: Iterable[str], own: Iterable[str]) -> list[str]:
    """Where the peer itself may answer in the tunnel.

    Args:
        allowed_ips: the peer's.
        own: the interface's addresses, with their lengths.
    """
    prefixes = [ip_network(prefix, strict=False) for prefix in allowed_ips]
    mine = [ip_interface(address) for address in own]
    addresses = {str(one.ip) for one in mine}
    found = [str(one.network_address) for one in prefixes if one.prefixlen == one.max_prefixlen]
    for one in mine:
        gateway = next((host for host in (_host(one, 1), _host(one, 2)) if host and host != one.ip), None)
        if gateway and any(gateway in prefix for prefix in prefixes if prefix.version == gateway.version):
            found.append(str(gateway))
    return [address for address in dict.fromkeys(found) if address not in addresses][:_MOST]


def _host(interface: IPv4Interface | IPv6Interface, number: int) -> IPv4Address | IPv6Address | None:
    network = interface.network
    return network.network_address + number if network.num_addresses > number else None


def overlapping(
    allowed: Iterable[tuple[str, Iterable[str]]],
) -> list[tuple[str, tuple[str, ...]]]:
    """The prefixes that several peers have, each with their keys in order; the last gets the packets."""
    owners: dict[str, list[str]] = {}
    for key, prefixes in allowed:
        for prefix in dict.fromkeys(prefixes):
            owners.setdefault(str(ip_network(prefix, strict=False)), []).append(key)
    return [(prefix, tuple(several)) for prefix, several in owners.items() if len(several) > 1]


def taken_networks(
    allowed_ips: Iterable[str], networks: Iterable[tuple[str, str]]
) -> list[tuple[str, str, str]]:
    """Local networks that allowed IPs take away: prefix, network, and its interface.

    A prefix that merely contains a local network takes nothing: the longer prefix wins.
    """
    found = []
    for prefix in allowed_ips:
        ours = ip_network(prefix, strict=False)
        for network, interface in networks:
            local = ip_network(network, strict=False)
            inside = ours.version == local.version and ours.network_address in local
            if inside and local.prefixlen <= ours.prefixlen < ours.max_prefixlen:
                found.append((prefix, network, interface))
    return found


def host_prefix(address: str) -> str:
    """The prefix that is this address alone."""
    return f"{address}/{ip_address(address).max_prefixlen}"


def is_through(destination: str, prefixes: Iterable[str]) -> bool:
    """Whether an address is in one of the prefixes."""
    address = ip_address(destination.partition("%")[0])
    networks = [ip_network(prefix, strict=False) for prefix in prefixes]
    return any(address in network for network in networks if network.version == address.version)
