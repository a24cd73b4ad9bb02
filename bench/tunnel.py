"""Megabits and milliseconds of a real tunnel: two namespaces, both ends in one process, as in the demo."""

from dataclasses import asdict, dataclass
from statistics import median
from time import process_time
from typing import Any

from glasstunnel.host.stage import Stage

_RUNS = 5
_SIZE = 256_000_000
_PINGS = 200


@dataclass(frozen=True)
class Result:
    """Medians over the runs, and what they are medians of."""

    tcp_mbit_per_second: float
    tcp_runs: list[float]
    cpu_seconds_per_gbit: float
    ping_ms: float


def transfers() -> Result:
    """Five transfers of 256 MB from left to right, then 200 pings."""
    with Stage() as stage:
        stage.ping(0)
        stage.watch(False)
        rates, costs = [], []
        for _ in range(_RUNS):
            before = process_time()
            done = stage.transfer(_SIZE)
            gbit = 8 * done.size / 1e9
            rates.append(round(1000 * gbit / done.seconds, 1))
            costs.append((process_time() - before) / gbit)
        pings = [1000 * seconds for n in range(1, _PINGS + 1) if (seconds := stage.ping(n)) is not None]
    return Result(median(rates), rates, round(median(costs), 3), round(median(pings), 3))


def measure() -> dict[str, Any]:
    """The result for programs."""
    return asdict(transfers())


def show(results: dict[str, Any]) -> None:
    """The table."""
    print("tunnel in one process, two namespaces")
    for name, number in results.items():
        print(f"{name:44} {number}")
