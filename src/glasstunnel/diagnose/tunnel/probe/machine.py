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
from typing import Any, Final

from glasstunnel.diagnose.tunnel import legacy
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


def ruleset() -> tuple[Ruleset, list[str]]:
    """The rules of nftables and of iptables-legacy, and codes of what could not be read."""
    items: list[dict[str, Any]] = []
    unknown = []
    text = _output("nft", "-j", "list", "ruleset")
    try:
        items += json.loads(text or "{}").get("nftables", [])
    except ValueError:
        text = None
    if text is None:
        unknown.append("no-ruleset")
    for family in ("ip", "ip6"):
        if not _has_legacy_tables(family):  # asked without need, the program would make tables
            continue
        if (text := _output(f"{family}tables-legacy-save")) is None:
            unknown.append("legacy-rules")
        else:
            items += legacy.parse(text, family)
    return Ruleset({"nftables": items}), list(dict.fromkeys(unknown))


def _has_legacy_tables(family: str) -> bool:
    """Whether iptables-legacy has tables here, which nft does not show."""
    with suppress(OSError):
        return bool(Path(f"/proc/thread-self/net/{family}_tables_names").read_text().strip())
    return False


def _output(name: str, *words: str) -> str | None:
    """What a program of the system prints; None if it fails or is not there."""
    program = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not program:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            [program, *words], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout
