"""The system's name servers while a tunnel is up, through resolvconf(8).

Rule: :file:`/etc/resolv.conf` belongs to whichever program manages it; resolvconf is the one door that
openresolv, Debian's resolvconf and systemd-resolved have in common, and it takes back what it was given.
Section: wg-quick(8) "DNS".
"""

import re
from collections.abc import Sequence
from pathlib import Path

from glasstunnel.host import programs

_ORDER = Path(
    "/etc/resolvconf/interface-order"
)  # of Debian's resolvconf, which sorts by the interface's kind
_PREFIX = re.compile(r"^([A-Za-z0-9-]+)\*$", re.MULTILINE)


def record_name(interface: str) -> str:
    """The name under which resolvconf keeps what an interface says.

    Debian's resolvconf sorts records by patterns such as ``tun*``; with the first one before it, ours comes
    first.
    """
    first = _PREFIX.search(_ORDER.read_text()) if _ORDER.exists() else None
    return f"{first[1]}.{interface}" if first else interface


def install(interface: str, servers: Sequence[str], search: Sequence[str]) -> None:
    """Ask only these servers from now on, and complete names with these domains. Raises :exc:`HostError`."""
    lines = [f"nameserver {server}\n" for server in servers]
    if search:
        lines.append(f"search {' '.join(search)}\n")
    programs.run([_resolvconf(), "-a", record_name(interface), "-m", "0", "-x"], "".join(lines))


def remove(interface: str) -> None:
    """Forget them. Raises :exc:`HostError`."""
    programs.run([_resolvconf(), "-d", record_name(interface), "-f"])


def _resolvconf() -> str:
    return programs.find("resolvconf", "DNS in the configuration")
