"""What the rest of the machine has to do with a tunnel: its interface, its networks, its filter, its clock.

Rule: everything is read, nothing is set. Section: ip-sysctl (kernel documentation), nft(8), systemd-timesyncd
(its clock file is written as time passes).
"""

import json
import shutil
import socket
import subprocess
from contextlib import suppress
from ipaddress import ip_interface
from pathlib import Path
from typing import Final

from glasstunnel.diagnose.tunnel.evidence import Interface, Local
from glasstunnel.diagnose.tunnel.filters import Ruleset
from glasstunnel.host.netlink import Netlink

_FORWARDING: Final = {4: "/proc/sys/net/ipv4/ip_forward", 6: "/proc/sys/net/ipv6/conf/all/forwarding"}
_WITNESSES: Final = (  # files that are written as time passes, and which nobody sets the time of
    "/var/lib/systemd/timesync/clock",
    "/var/lib/systemd/random-seed",
    "/var/log/wtmp",
    "/var/lib/dpkg/status",
)


def interface(name: str) -> Interface:
    """The interface as the kernel has it in this namespace."""
    with Netlink() as net:
        try:
            index = socket.if_nametoindex(name)
        except OSError:
            return Interface(exists=False, up=False)
        addresses = tuple(address for owner, address in net.networks() if owner == name)
        return Interface(True, net.is_up(index), net.mtu(index), addresses)


def local(name: str, further: tuple[Path, ...] = ()) -> Local:
    """This machine beside the interface ``name``; ``further`` files are witnesses of the time too."""
    forwarding = {}
    for version, path in _FORWARDING.items():
        with suppress(OSError):
            forwarding[version] = Path(path).read_text().strip() != "0"
    with Netlink() as net:
        networks = tuple(
            (str(ip_interface(address).network), owner)
            for owner, address in net.networks()
            if owner not in (name, "lo")
        )
    newest, path = 0.0, ""
    for witness in (*map(Path, _WITNESSES), *further):
        with suppress(OSError):
            when = witness.stat().st_mtime
            if when > newest:
                newest, path = when, str(witness)
    return Local(networks, forwarding, newest, path)


def ruleset() -> Ruleset | None:
    """The rules of nftables; None if they cannot be read."""
    program = shutil.which("nft") or shutil.which("nft", path="/usr/sbin:/sbin")
    if not program:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            [program, "-j", "list", "ruleset"], capture_output=True, text=True, check=False, timeout=10
        )
        return None if done.returncode else Ruleset(json.loads(done.stdout or "{}"))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def has_legacy_rules() -> bool:
    """Whether iptables-legacy has tables here, which nft does not show."""
    for name in ("ip_tables_names", "ip6_tables_names"):
        with suppress(OSError):
            if Path(f"/proc/thread-self/net/{name}").read_text().strip():
                return True
    return False
