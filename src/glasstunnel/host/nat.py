"""Forwarding and masquerade for the clients of a server.

Rule: an interface has one table for each IP version, which comes and goes as a whole in one transaction, as
in firewall.py; nothing of anybody else's is touched. What these rules accept, another table may still drop:
in nftables a packet passes a hook when every chain there lets it pass. Section: nft(8) "CHAINS"; the
``iptables -t nat`` line in ToyVpnServer.cpp.
"""

import json
from collections.abc import Iterable

from glasstunnel.host import firewall, programs
from glasstunnel.host.errors import HostError

_NEEDED_FOR = "--nat"


def table_name(interface: str) -> str:
    """The name of an interface's tables, one per address family."""
    return firewall.table_name(interface) + "-nat"


def ruleset(interface: str, version: int, sources: Iterable[str]) -> str:
    """The commands for nft that set up the table of one IP version (4 or 6) for these prefixes."""
    family = firewall.FAMILY[version]
    return f"""\
table {family} {table_name(interface)} {{
  chain postrouting {{
    type nat hook postrouting priority 100;
    {family} saddr {{ {", ".join(sources)} }} oifname != "{interface}" masquerade
  }}
}}
"""


def check() -> None:
    """Make sure that nft is there. Raises :exc:`HostError` otherwise."""
    programs.find("nft", _NEEDED_FOR)


def install(interface: str, version: int, sources: Iterable[str]) -> None:
    """Set up the table of one IP version. Raises :exc:`HostError`."""
    firewall.nft(ruleset(interface, version, sources), _NEEDED_FOR)


def remove(interface: str, version: int) -> None:
    """Remove the table of one IP version; nothing happens if it is gone already. Raises :exc:`HostError`."""
    firewall.delete(firewall.FAMILY[version], table_name(interface), _NEEDED_FOR)


def dropping_chains() -> list[str]:
    """The chains, each with family and table, that drop forwarded packets unless a rule of theirs accepts
    them; Docker has one. Empty where nft does not tell.
    """
    try:
        listed = programs.run([programs.find("nft", _NEEDED_FOR), "-j", "list", "chains"])
        chains = [one["chain"] for one in json.loads(listed)["nftables"] if "chain" in one]
    except (HostError, ValueError, KeyError):
        return []
    return [
        f"{chain['family']} {chain['table']} {chain['name']}"
        for chain in chains
        if chain.get("hook") == "forward" and chain.get("policy") == "drop"
    ]
