"""``python -m tests.interop.soak``: traffic through two processes on the fast path; their memory stays flat.

    python -m tests.interop.soak --minutes 60

TCP in both directions and datagrams of all sizes, round after round, until the time is up. After each round
the resident memory of both processes is read; what the last rounds have in the middle may be no more than
what the early ones had, and some slack. Before all, caches are filled.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from glasstunnel.host import control
from glasstunnel.wireguard.train import ROWS
from tests.interop import bare
from tests.interop.lab import Host, Lab, ping, transfer
from tests.sim.soak import positive

SLACK = 4 << 20
"""Bytes by which memory may grow: some pages more or less are no leak."""
_STREAM = 8 << 20  # bytes of TCP in each direction and round
_DATAGRAMS = 2000  # in each direction and round
_LONGEST = 3000  # bytes; longer than the MTU too
_MTU, _PADDING = 1420, 16  # bytes
_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(process: int) -> int:
    """The resident memory of a process in bytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE


@contextmanager
def two_processes(lab: Lab) -> Iterator[tuple[int, int]]:
    """A tunnel between the hosts of the laboratory, each end served by a ``glasstunnel-wg``."""
    with bare.interface(lab.ours) as one, bare.interface(lab.theirs) as two:
        bare.configure(lab.ours, lab.theirs, f"Endpoint = {lab.theirs.endpoint(4)}")
        bare.configure(lab.theirs, lab.ours)
        for host in (lab.theirs, lab.ours):
            bare.link(host, "up")
        yield one, two


def flood(source: Host, target: Host, count: int, sizes: Callable[[], int]) -> None:
    """Send so many datagrams of such sizes into the tunnel, whether they arrive or not."""
    with source.namespace, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for _ in range(count):
            with suppress(BlockingIOError, ConnectionRefusedError):
                sender.sendto(bytes(sizes()), (target.inner[4], 9))


@dataclass
class Soak:
    """Round after round between the hosts of a laboratory."""

    lab: Lab
    processes: tuple[int, int]
    seed: int = 1
    samples: list[tuple[int, int]] = field(default_factory=list)
    """Resident memory of both processes in bytes, after each round."""

    def warm_up(self) -> None:
        """Trains of every size in both directions, for each of which views are made and kept."""
        for size in range(0, _MTU, _PADDING):
            for source, target in ((self.lab.ours, self.lab.theirs), (self.lab.theirs, self.lab.ours)):
                flood(source, target, 2 * ROWS, partial(int, size))

    def round(self) -> None:
        """Traffic of every kind, and a look at the memory."""
        chance = random.Random(self.seed + len(self.samples))
        for source, target in ((self.lab.ours, self.lab.theirs), (self.lab.theirs, self.lab.ours)):
            for version in (4, 6):
                transfer(source, target, version, _STREAM // 2)
            flood(source, target, _DATAGRAMS, lambda: chance.randrange(_LONGEST))
        self.samples.append((resident(self.processes[0]), resident(self.processes[1])))

    def growth(self) -> int:
        """By how many bytes the process that grew more has grown, from the second quarter to the last."""
        quarter = max(1, len(self.samples) // 4)
        early, late = self.samples[quarter : 2 * quarter] or self.samples[:1], self.samples[-quarter:]
        return max(
            int(statistics.median(sample[i] for sample in late) - statistics.median(s[i] for s in early))
            for i in (0, 1)
        )

    def __str__(self) -> str:
        now = ", ".join(f"{size / 1e6:.1f} MB" for size in self.samples[-1])
        return f"{len(self.samples)} rounds, resident: {now}; grown by {self.growth() / 1e6:+.2f} MB"


def main(arguments: list[str] | None = None) -> int:
    """Run; 1 if the memory of a process has grown."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.interop.soak", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--minutes", type=positive, default=60, help="of real time (60)")
    chosen = parser.parse_args(arguments)
    end = time.monotonic() + 60 * chosen.minutes
    with closing(Lab()) as lab, two_processes(lab) as processes:
        with lab.ours.namespace:
            ping(lab.theirs.inner[4])
        soak = Soak(lab, processes)
        soak.warm_up()
        try:
            while len(soak.samples) < 8 or time.monotonic() < end:
                soak.round()
                if sys.stderr.isatty():
                    print(f"\r\033[K{soak}", end="", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print(file=sys.stderr)
        print(soak)
        for host in (lab.ours, lab.theirs):
            assert control.is_served(host.interface), "it still serves"
    return 1 if soak.growth() > SLACK else 0


if __name__ == "__main__":
    sys.exit(main())
