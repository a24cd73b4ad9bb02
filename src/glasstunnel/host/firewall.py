"""The nftables rules that a default route through a tunnel needs.

Rule: each interface has tables of its own, which come and go as a whole in one transaction. They hold what
wg-quick(8) installs: nobody may reach the tunnel's address from outside of the tunnel, and the mark that
keeps encrypted packets out of the tunnel is remembered by connection tracking, so that the reverse path
filter finds the same route for answers. Section: wg-quick(8), nft(8).
"""

import re
from collections.abc import Iterable

from glasstunnel.host import programs

_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_.-]")
FAMILY = {4: "ip", 6: "ip6"}
"""What nft calls the IP versions."""
_NEEDED_FOR = "a default route through the tunnel"


def table_name(interface: str) -> str:
    """The name of an interface's tables, one per address family: what nft does not allow in it is encoded."""
    return "glasstunnel-" + _FORBIDDEN.sub(lambda match: f"/{ord(match[0]):02x}", interface)


def ruleset(interface: str, version: int, addresses: Iterable[str], mark: int) -> str:
    """The commands for nft that set up the table of one IP version (4 or 6)."""
    family = FAMILY[version]
    guards = "".join(
        f'    iifname != "{interface}" {family} daddr {address} fib saddr type != local drop\n'
        for address in addresses
    )
    return f"""\
table {family} {table_name(interface)} {{
  chain preraw {{
    type filter hook prerouting priority -300;
{guards}  }}
  chain premangle {{
    type filter hook prerouting priority -150;
    meta l4proto udp meta mark set ct mark
  }}
  chain postmangle {{
    type filter hook postrouting priority -150;
    meta l4proto udp meta mark {mark:#x} ct mark set meta mark
  }}
}}
"""


def check() -> None:
    """Make sure that nft is there. Raises :exc:`HostError` otherwise."""
    programs.find("nft", _NEEDED_FOR)


def install(interface: str, version: int, addresses: Iterable[str], mark: int) -> None:
    """Set up the table of one IP version. Raises :exc:`HostError`."""
    nft(ruleset(interface, version, addresses, mark), _NEEDED_FOR)


def remove(interface: str, version: int) -> None:
    """Remove the table of one IP version; nothing happens if it is gone already. Raises :exc:`HostError`."""
    delete(FAMILY[version], table_name(interface), _NEEDED_FOR)


def delete(family: str, name: str, needed_for: str) -> None:
    """Remove a table, or do nothing if there is none. Raises :exc:`HostError`."""
    table = f"table {family} {name}"
    # One transaction: nft has no "delete if it exists" before 1.0.7.
    nft(f"add {table}\ndelete {table}\n", needed_for)


def nft(commands: str, needed_for: str) -> None:
    """Let nft do this, all of it or nothing. Raises :exc:`HostError`, which says what nft is needed for."""
    programs.run([programs.find("nft", needed_for), "-f", "-"], commands)
