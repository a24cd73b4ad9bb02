"""``python -m bench [PART …]``: run the measurements, print their tables, and write JSON if asked.

The numbers are this machine's at this moment; the header says which machine.
"""

import argparse
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from bench import (
    UnavailableError,
    core,
    forwarding,
    handshakes,
    jumbo,
    pages,
    pairs,
    peers,
    ping,
    profile,
    toyvpn,
    tried,
    tunnel,
    uapi,
)
from bench.search import compare


class Part(Protocol):
    """A module that measures something and prints it as a table."""

    def measure(self) -> dict[str, Any]: ...

    def show(self, results: dict[str, Any]) -> None: ...


PARTS: dict[str, tuple[str, Part]] = {
    "core": ("the pure core, about a minute", core),
    "peers": ("ten thousand peers, about half a minute", peers),
    "handshakes": ("handshakes as responder, beside wireguard-go", handshakes),
    "tunnel": ("a tunnel between two namespaces", tunnel),
    "pairs": ("pairs of tunnels beside wireguard-go, a quarter of an hour", pairs),
    "ping": ("a ping after a pause and without, half a minute", ping),
    "jumbo": ("what a greater MTU brings, about a minute and a half", jumbo),
    "forwarding": ("TCP from a host behind the tunnel, half a minute", forwarding),
    "profile": ("where the processor time of these pairs goes, half a minute", profile),
    "tried": ("what brought nothing, a second", tried),
    "toyvpn": ("ToyVpn beside the sample's server, about two minutes", toyvpn),
    "uapi": ("wg(8) with great configurations, beside wireguard-go", uapi),
    "search": ("the search of the book against others, about two minutes", compare),
    "pages": ("Lighthouse on kinds of pages and axe-core on all, some ten minutes", pages),
}


def machine() -> dict[str, str]:
    """Where and with what."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": names[0].split(": ")[1] if names else platform.machine(),
        "cores": str(len(names)),
        "kernel": platform.release(),
        "python": sys.version.splitlines()[0],  # and its build, which makes a difference
    }


def date() -> str:
    """When, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def command(arguments: Sequence[str]) -> str:
    """What has to be typed for the same again."""
    settings = [
        f"{name}={shlex.quote(value)}" for name, value in os.environ.items() if name.startswith("BENCH_")
    ]
    return " ".join([*sorted(settings), "python -m bench", shlex.join(arguments)]).strip()


def commit() -> str:
    """Of what; empty outside a repository, "-dirty" with changes that are not committed."""
    words = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(words, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=pairs.HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is named"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - PARTS.keys():
        parser.error(f"expected some of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    results: dict[str, Any] = {
        "date": date(),
        "command": command(sys.argv[1:]),
        "commit": commit(),
        "machine": machine(),
    }
    print(", ".join(f"{key}: {value}" for key, value in results["machine"].items()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what a part has started, it ends
    for name in arguments.parts or PARTS:
        what, part = PARTS[name]
        print(f"measuring {what} …", file=sys.stderr)
        try:
            results[name] = part.measure()
        except UnavailableError as error:
            results[name] = {"unavailable": str(error)}
            print(f"\n{name}: {error}")
        else:
            print()
            part.show(results[name])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
