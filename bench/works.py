"""The work that a pair is given, and what of it is measured: iperf3(1) and ping(8), read as they print.

Rule: what counts is what arrives. A rate is the receiver's, a cost is the processor time of both ends divided
by what the receiver got. Section: iperf3(1) "--json"; the end of its report.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

SMALL, LARGE = 64, 1372  # bytes of UDP payload; the latter fills an MTU of 1420 but for some bytes
INTERVAL = 0.01  # seconds from ping to ping


class WorkError(Exception):
    """A work gave no figures; why, in one sentence."""


@dataclass(frozen=True)
class Quantity:
    """One figure of a work, and whether more of it is better."""

    key: str
    title: str
    unit: str
    digits: int = 2
    more_is_better: bool = True

    def show(self, value: float) -> str:
        """The value as the tables have it."""
        return f"{value:,.{self.digits}f}"


@dataclass(frozen=True)
class Work:
    """What is run: iperf3's client with these arguments, or ping when there are none."""

    key: str
    title: str
    quantities: tuple[Quantity, ...]
    arguments: tuple[str, ...] | None = ()
    version: int = 4  # of the IP inside the tunnel
    per: float = 1.0  # the cost is that of so many Gbit or packets

    def read(self, output: str, processor_seconds: float) -> dict[str, float]:
        """The figures by the keys of the quantities. Raises WorkError for a report that has none."""
        if self.arguments is None:
            return {self.quantities[0].key: average_ping(output)}
        amount, seconds = received(output)
        figures = (amount / seconds, processor_seconds * self.per / amount)
        return {quantity.key: figure for quantity, figure in zip(self.quantities, figures, strict=True)}


def _tcp(key: str, title: str, *arguments: str, version: int = 4) -> Work:
    rate = Quantity(f"{key}_rate", title, "Gbit/s", 3)
    cost = Quantity(f"{key}_cpu", title, "CPU s/Gbit", 3, more_is_better=False)
    return Work(key, title, (rate, cost), arguments, version)


def _udp(key: str, size: int) -> Work:
    title = f"UDP {size} B"
    rate = Quantity(f"{key}_rate", title, "packets/s", 0)
    cost = Quantity(f"{key}_cpu", title, "CPU s/million", 2, more_is_better=False)
    return Work(key, title, (rate, cost), ("-u", "-b", "0", "-l", str(size)), per=1e6)


WORKS = (
    _tcp("tcp", "TCP, one stream"),
    _tcp("reverse", "TCP, reverse", "-R"),
    _tcp("four", "TCP, four streams", "-P", "4"),
    _tcp("tcp6", "TCP over IPv6", version=6),
    _udp("udp64", SMALL),
    _udp("udp1372", LARGE),
    Work("ping", "ping, idle", (Quantity("ping_ms", "ping, idle", "ms", 3, more_is_better=False),), None),
)
QUANTITIES = tuple(quantity for work in WORKS for quantity in work.quantities)


def received(output: str) -> tuple[float, float]:
    """From iperf3's report: what the receiver got, in Gbit over TCP or in packets over UDP, and in how many
    seconds. Raises WorkError if there was nothing.
    """
    report = _report(output)
    try:
        test, end = report["start"]["test_start"], report["end"]["sum_received"]
        size, seconds = end["bytes"], end["seconds"]
        amount = size / test["blksize"] if test["protocol"] == "UDP" else 8 * size / 1e9
    except (KeyError, TypeError):
        raise WorkError("iperf3's report has no sum of what was received") from None
    if not amount or not seconds:
        raise WorkError("nothing was received")
    return amount, seconds


def _report(output: str) -> Any:
    try:
        report = json.loads(output)
    except ValueError:
        raise WorkError("iperf3 printed no report") from None
    if isinstance(report, dict) and "error" in report:
        raise WorkError(f"iperf3: {report['error']}")
    return report


def average_ping(output: str) -> float:
    """Milliseconds, from ping's last line. Raises WorkError if nothing was answered."""
    found = re.search(r"= [\d.]+/([\d.]+)/[\d.]+", output)
    if not found:
        raise WorkError("no ping was answered")
    return float(found[1])
