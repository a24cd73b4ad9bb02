"""``python -m bench [PART …]``: run the measurements, print their tables, and write JSON if asked.

The numbers are this machine's at this moment; the header says which machine.
"""

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import Any, Protocol

from bench import UnavailableError, core, handshakes, pages, peers, tunnel, uapi
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
        "python": platform.python_version(),
    }


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is named"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - PARTS.keys():
        parser.error(f"expected some of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    results: dict[str, Any] = {"machine": machine()}
    print(", ".join(f"{key}: {value}" for key, value in results["machine"].items()))
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
    main()
