"""Ourselves beside wireguard-go: pairs of equal daemons, taking turns at the same work.

In every round each contender has a pair of namespaces with its daemon at both ends. They all do one work, one
after the other, before any does the next, so that what changes about the machine changes for all of them. The
round after begins with another contender and goes the other way round.

Rule: a contender that fails is named and the others go on; nothing is left out in silence.
"""

import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from bench import UnavailableError
from bench.contenders import OURS, Contender, Kind, contenders, version_of
from bench.goals import Sample, cells, medians, rounded
from bench.pair import MTU, Pair, pair
from bench.works import QUANTITIES, WORKS, Quantity, Work, WorkError
from glasstunnel.host.errors import HostError

HELP = """\
settings of pairs, in the environment:
  BENCH_PEERS     further programs that behave as wireguard-go does: /opt/new/wireguard-go,/opt/old/…
  BENCH_VARIANTS  ways to run something, such as the steps from the plain path to the last, in their order:
                  "+ TSO=env GLASSTUNNEL_DATA_PATH=… glasstunnel-wg; + GRO=…"
  BENCH_ROUNDS    how many rounds (5)
  BENCH_SECONDS   seconds of each work (5)
  BENCH_WORKS     only these works: tcp,reverse,four,tcp6,udp64,udp1372,ping"""
T = TypeVar("T")
_CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")  # what new namespaces have too
NEEDS = {"iperf3": "iperf3", "wg": "wireguard-tools", "ip": "iproute2", "ping": "iputils-ping"}
_OVERHEAD = 0.5  # seconds that a work takes beyond its time; for the forecast only
_PAUSE = 1.0  # seconds without any of our threads, which a machine that is at work does not need
_REST = 1.0  # seconds before pings, in which the queues of the work before run empty


@dataclass(frozen=True)
class Settings:
    """What is done how long."""

    rounds: int = 5
    seconds: int = 5
    works: tuple[Work, ...] = WORKS

    @classmethod
    def read(cls, settings: Mapping[str, str]) -> "Settings":
        """From the environment. Raises UnavailableError for what is not a number above 0, or not a work."""
        rounds = _number(settings, "BENCH_ROUNDS", cls.rounds)
        seconds = _number(settings, "BENCH_SECONDS", cls.seconds)
        return cls(rounds, seconds, tuple(_works(settings.get("BENCH_WORKS", ""))))


def _works(text: str) -> Sequence[Work]:
    known = {work.key: work for work in WORKS}
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise UnavailableError(f'BENCH_WORKS: expected some of {", ".join(known)}, got "{name}"')
    return [work for name, work in known.items() if name in names] or WORKS


def _number(settings: Mapping[str, str], name: str, default: int) -> int:
    text = settings.get(name) or str(default)
    if not re.fullmatch(r"[1-9]\d{0,3}", text):
        raise UnavailableError(f'{name}: expected a whole number from 1 to 9999, got "{text}"')
    return int(text)


def turns(everybody: Sequence[T], number: int) -> list[T]:
    """Who is when in round `number`: one later begins each time, and every other round goes backwards."""
    count = len(everybody)
    step = -1 if number % 2 else 1
    return [everybody[(number + step * place) % count] for place in range(count)]


class Run:
    """The rounds: samples, and what went wrong, as they come."""

    def __init__(self, everybody: Sequence[Contender], settings: Settings) -> None:
        self.everybody, self.settings = tuple(everybody), settings
        self.running = list(everybody)  # those that came up each time
        self.samples: list[Sample] = []
        self.faults: list[str] = []

    def rounds(self) -> None:
        """All of them. A contender that does not come up is out of the run."""
        for number in range(self.settings.rounds):
            with ExitStack() as stack:
                pairs: dict[Contender, Pair] = {}
                for contender in turns(self.running, number):
                    try:
                        pairs[contender] = stack.enter_context(pair(contender))
                    except WorkError as error:
                        self._fault(f"{contender.name} does not come up and is left out: {error}")
                        self.running.remove(contender)
                for place, work in enumerate(self.settings.works):
                    for contender, tunnel in list(pairs.items()):
                        if not tunnel.is_alive:
                            self._fault(f"{contender.name}, round {number + 1}: it ended before {work.title}")
                            del pairs[contender]
                            continue
                        self._progress(number, place, f"{contender.name}: {work.title}")
                        self._do(number, contender, tunnel, work)

    def _do(self, number: int, contender: Contender, tunnel: Pair, work: Work) -> None:
        if work.arguments is None:
            time.sleep(_REST)
        what = f"{contender.name}, round {number + 1}, {work.title}"
        try:
            figures = tunnel.do(work, self.settings.seconds)
        except WorkError as error:
            self._fault(f"{what}: {error}")
            return
        self.samples += [Sample(number, contender.name, key, value) for key, value in figures.items()]
        if tunnel.pause > _PAUSE:
            self._fault(f"{what}: the machine stood still for {tunnel.pause:.1f} s meanwhile")

    def _fault(self, sentence: str) -> None:
        self.faults.append(sentence)
        print(f"  {sentence}", file=sys.stderr)

    def _progress(self, number: int, place: int, what: str) -> None:
        works = (self.settings.rounds - number) * len(self.settings.works) - place
        minutes = works * len(self.running) * (self.settings.seconds + _OVERHEAD) / 60
        of = f"round {number + 1} of {self.settings.rounds}"
        print(f"  {of}, some {minutes:.1f} min left; {what}", file=sys.stderr, flush=True)

    def results(self) -> dict[str, Any]:
        """All that is known afterwards, for JSON."""
        values: dict[str, dict[str, list[float | None]]] = {}
        for one in self.samples:
            of = values.setdefault(one.contender, {})
            of.setdefault(one.quantity, [None] * self.settings.rounds)[one.round] = float(f"{one.value:.5g}")
        present = [one for one in self.everybody if one.name in values]
        return {
            "settings": {
                "rounds": self.settings.rounds,
                "seconds": self.settings.seconds,
                "mtu": MTU,
                "tcp": _CONGESTION.read_text().strip(),
            },
            "programs": {"iperf3": version_of(["iperf3"])},
            "contenders": [{**asdict(one), "command": shlex.join(one.command)} for one in present],
            "ratios": [cell.data() for cell in cells(self.samples, present)],
            "medians": {
                name: {quantity: rounded(spread) for quantity, spread in of.items()}
                for name, of in medians(self.samples).items()
            },
            "samples": values,
            "faults": self.faults,
        }


def require(needs: Mapping[str, str]) -> None:
    """Raise UnavailableError if any of these programs is missing; it names their packages."""
    if missing := [package for program, package in needs.items() if not shutil.which(program)]:
        raise UnavailableError(f"programs are missing: apt-get install {' '.join(missing)}")


def measure() -> dict[str, Any]:
    """The results for programs."""
    require(NEEDS)
    settings, everybody = Settings.read(os.environ), contenders()
    run = Run(everybody, settings)
    if not any(one.kind is Kind.PEER for one in everybody):
        run.faults.append("there is no peer: apt-get install wireguard-go, or name one in BENCH_PEERS")
    try:
        run.rounds()
    except HostError as error:  # no namespaces for this user
        raise UnavailableError(str(error)) from None
    if not run.samples:
        raise UnavailableError(f"nobody did any work; {run.faults[0]}")
    return run.results()


def show(results: dict[str, Any]) -> None:
    """Both tables, and what went wrong."""
    others = [one["name"] for one in results["contenders"] if one["kind"] != Kind.OURS]
    found = {(cell["quantity"], cell["contender"]): told_ratio(cell) for cell in results["ratios"]}
    rounds = results["settings"]["rounds"]
    print(f"{OURS} : …, median over the rounds ({rounds}) with least–greatest, goal and verdict")
    table(others, found)
    everybody = [one["name"] for one in results["contenders"]]
    found = {
        (quantity.key, name): told_figure(quantity, of[quantity.key])
        for name, of in results["medians"].items()
        for quantity in QUANTITIES
        if quantity.key in of
    }
    print("\nmedians (least–greatest)")
    table(everybody, found)
    for sentence in results["faults"]:
        print(sentence)


def told_ratio(cell: Mapping[str, Any]) -> str:
    """A ratio with its spread, its goal and the verdict."""
    ratio = f"{cell['median']:.2f} ({cell['low']:.2f}–{cell['high']:.2f})"
    if "goal" not in cell:
        return ratio
    verdict = f"✗ by {100 * cell['missed']:.1f} %" if cell["missed"] else "✓"
    return f"{ratio} {cell['goal']} {verdict}"


def told_figure(quantity: Quantity, spread: Mapping[str, float]) -> str:
    """A figure with its spread."""
    middle, low, high = (quantity.show(spread[name]) for name in ("median", "low", "high"))
    return f"{middle} ({low}–{high})"


def table(columns: Sequence[str], found: Mapping[tuple[str, str], str]) -> None:
    """A row for each quantity that has a figure, a column for each contender."""
    rows = [["", *columns]]
    for quantity in QUANTITIES:
        if any((quantity.key, name) in found for name in columns):
            figures = [found.get((quantity.key, name), "–") for name in columns]
            rows.append([f"{quantity.title}, {quantity.unit}", *figures])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
