"""What a ping costs when the processor has slept before it, and when it has not.

Rule: the time is what the scheduler has booked for both daemons with all their threads; a ping passes a
daemon four times. Section: proc(5) "/proc/pid/schedstat"; ping(8) "-A", one ping as soon as the last is back.
"""

from pathlib import Path
from typing import Any, Final

from bench.pair import Pair, each_pair
from bench.pairs import NEEDS, require
from bench.works import average_ping

PACES: Final = {"cold": ("-i", "0.01"), "warm": ("-A",)}
"""Ten milliseconds from ping to ping, and no time at all."""
_PINGS: Final = {"cold": 300, "warm": 5000}
_PATIENCE: Final = 30.0  # seconds


def booked(process: int) -> float:
    """Seconds of processor time that all threads of a process have had."""
    files = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def pings(tunnel: Pair, pace: str) -> dict[str, float]:
    """The average of the round trips in ms, and the microseconds of both daemons for each."""
    daemons = [end.daemon.pid for end in (tunnel.near, tunnel.far)]
    before = sum(map(booked, daemons))
    words = ("ping", "-n", "-q", "-c", str(_PINGS[pace]), *PACES[pace], "10.8.0.2")
    average = average_ping(tunnel.near.run(*words, patience=_PATIENCE))
    spent = sum(map(booked, daemons)) - before
    return {"ms": round(average, 3), "us": round(spent / _PINGS[pace] * 1e6, 1)}


def measure() -> dict[str, Any]:
    """The results for programs."""
    require(NEEDS)
    found, faults = each_pair(lambda tunnel: {pace: pings(tunnel, pace) for pace in PACES})
    return {"pings": {contender.name: paces for contender, paces in found}, "faults": faults}


def show(results: dict[str, Any]) -> None:
    """A row for each contender."""
    print(f"{'ping':28}{'every 10 ms':>24}{'back to back':>24}")
    print(f"{'':28}" + f"{'ms':>12}{'CPU µs':>12}" * 2)
    for name, paces in results["pings"].items():
        print(
            f"{name:28.28}" + "".join(f"{paces[pace]['ms']:12.3f}{paces[pace]['us']:12.1f}" for pace in PACES)
        )
    for sentence in results["faults"]:
        print(sentence)
