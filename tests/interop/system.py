"""All that bringing an interface up can change about a system, as one value that can be compared."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.interop.lab import run

_SRC_VALID_MARK = Path("/proc/sys/net/ipv4/conf/all/src_valid_mark")
_OUR_FILES = ("/run/wireguard", "/run/glasstunnel")


def state() -> dict[str, object]:
    """Of the namespace of the calling thread, and what of ``interface_name()`` is anywhere else."""
    tag = f"gt{os.getpid()}n"
    return {
        "links": [line.split()[:2] for line in run("ip", "-br", "link").splitlines()],
        "addresses": [line.split() for line in run("ip", "-br", "address").splitlines()],
        "routes": {version: routes(version) for version in ("-4", "-6")},
        "rules": {version: run("ip", version, "rule") for version in ("-4", "-6")},
        "nftables": run("nft", "list", "ruleset"),
        "src_valid_mark": _SRC_VALID_MARK.read_text(),
        "sockets": run("ss", "-H", "-a", "-n", "-u"),
        "files": [str(path) for place in _OUR_FILES for path in sorted(Path(place).glob(f"{tag}*"))],
        "processes": processes(),
    }


def routes(version: str) -> list[str]:
    """Every route, but for the kernel's counters and for the table "local", which follows the addresses.

    And it follows them late: the kernel enters an IPv6 address there when it has convinced itself that nobody
    else has it.
    """
    lines = run("ip", version, "route", "show", "table", "all").splitlines()
    kept = (line for line in lines if " table local " not in line)
    return sorted(re.sub(r" (expires \d+sec|pref \w+)", "", line).strip() for line in kept)


def processes() -> list[int]:
    """Those that live in the namespace of the calling thread, but for ourselves."""
    ours = os.readlink("/proc/thread-self/ns/net")
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                if os.readlink(entry / "ns/net") == ours:
                    found.append(int(entry.name))
            except OSError:  # it has ended meanwhile
                continue
    return found
