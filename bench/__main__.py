"""``python -m bench``: run every measurement, print a table, and write JSON if asked.

The numbers are this machine's at this moment; the header says which machine.
"""

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyperf

from bench import tunnel


def core() -> dict[str, dict[str, float]]:
    """Mean and standard deviation of each part of the core, in microseconds, from pyperf's own processes."""
    with TemporaryDirectory() as folder:
        output = Path(folder) / "core.json"
        subprocess.run([sys.executable, "-m", "bench.core", "--fast", "--quiet", "-o", output], check=True)
        suite = pyperf.BenchmarkSuite.load(str(output))
    return {
        bench.get_name(): {"us": round(bench.mean() * 1e6, 3), "stdev_us": round(bench.stdev() * 1e6, 3)}
        for bench in suite.get_benchmarks()
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


def show(results: dict[str, Any]) -> None:
    """The tables."""
    print(", ".join(f"{key}: {value}" for key, value in results["machine"].items()))
    print(f"\n{'core':44} {'µs':>10} {'±':>8}")
    for name, numbers in results["core"].items():
        print(f"{name:44} {numbers['us']:10.3f} {numbers['stdev_us']:8.3f}")
    print("\ntunnel in one process, two namespaces")
    for name, number in results["tunnel"].items():
        print(f"{name:44} {number}")


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    arguments = parser.parse_args()
    print("measuring the core, about a minute …", file=sys.stderr)
    results: dict[str, Any] = {"machine": machine(), "core": core()}
    print("measuring a tunnel …", file=sys.stderr)
    results["tunnel"] = tunnel.as_json()
    show(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
