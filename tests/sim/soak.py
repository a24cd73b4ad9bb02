"""``python -m tests.sim.soak``: life after life, each from another seed, until the time is up.

    python -m tests.sim.soak --minutes 60 --hours 24   a day for each seed, for one hour
    python -m tests.sim.soak --seed 1090 --hours 24    one seed again, with its story

A life that breaks an invariant is told with the command that lives it again; the rest go on.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import TextIO

from glasstunnel.sim.invariants import InvariantError
from glasstunnel.sim.scenario import Scenario
from tests.sim.nonces import NonceReusedError, watched_nonces


@dataclass
class Tally:
    """What all lives together have seen."""

    hours_each: float
    lives: int = 0
    hours: float = 0.0
    packets: int = 0
    delivered: int = 0
    datagrams: int = 0
    sessions: int = 0
    dropped: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    """Seed to what went wrong."""

    def __str__(self) -> str:
        return (
            f"{self.lives:,} seeds, {self.hours / 24:,.1f} virtual days, {self.sessions:,} sessions, "
            f"{self.datagrams:,} datagrams, {self.delivered:,} of {self.packets:,} packets delivered, "
            f"{self.dropped:,} datagrams dropped, {len(self.failures)} failures"
        )


def live(seed: str, tally: Tally) -> list[str]:
    """Live one life and count it; its story."""
    scenario = Scenario(seed, minutes=60 * tally.hours_each)
    tally.lives += 1
    try:
        with watched_nonces():
            outcome = scenario.run()
    except (InvariantError, NonceReusedError) as error:
        tally.failures[seed] = str(error)
    except Exception as error:  # whatever escapes the core is a finding too
        tally.failures[seed] = f"seed {seed!r}: {type(error).__name__}: {error}"
    else:
        tally.hours += outcome.hours
        tally.packets += outcome.packets
        tally.delivered += outcome.delivered
        tally.datagrams += outcome.datagrams
        tally.sessions += outcome.sessions
        tally.dropped += outcome.dropped
    return scenario.story


def soak(
    seeds: Iterable[str], tally: Tally, enough: Callable[[], bool], out: TextIO, terminal: bool = False
) -> None:
    """Live through the seeds until it is enough; on a terminal one line moves along."""
    for seed in seeds:
        if enough():
            break
        failures = len(tally.failures)
        live(seed, tally)
        if terminal:
            print(f"\r\033[K{tally}", end="", file=out, flush=True)
        elif tally.lives % 100 == 0:
            print(tally, file=out, flush=True)
        if len(tally.failures) > failures:
            again = f"python -m tests.sim.soak --seed {seed} --hours {tally.hours_each:g}"
            print(f"\n{tally.failures[seed]}\n  again: {again}", file=out, flush=True)


def positive(text: str) -> float:
    """A number above 0, as an argument."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f'expected a number above 0, got "{text}"')
    return number


def main(arguments: list[str] | None = None) -> int:
    """Run; 1 if an invariant was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=positive, default=10, help="of real time (10)")
    parser.add_argument("--hours", type=positive, default=24, help="of virtual time for each seed (24)")
    parser.add_argument("--first", type=int, default=1000, help="the first seed, a number (1000)")
    parser.add_argument("--seed", help="live only this one, and tell its story")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was seen there")
    chosen = parser.parse_args(arguments)
    tally = Tally(chosen.hours)
    if chosen.seed is not None:
        print("\n".join(live(chosen.seed, tally)))
        print("\n".join(tally.failures.values()) or tally)
    else:
        end = time.monotonic() + 60 * chosen.minutes
        try:
            soak(
                map(str, count(chosen.first)),
                tally,
                lambda: time.monotonic() >= end,
                sys.stderr,
                sys.stderr.isatty(),
            )
        except KeyboardInterrupt:
            print(file=sys.stderr)
        if sys.stderr.isatty():
            print(file=sys.stderr)
        print(tally)
    if chosen.json:
        chosen.json.write_text(json.dumps(asdict(tally), indent=2) + "\n", "utf-8")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
