"""The reports that the book shows, as the diagnosis prints them in the laboratory.

Rule: a report is kept as it was printed, but for what no two runs have in common: when it was, how long each
probe took, and what the certificates of a run say of their dates.

    make reports    writes them anew
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "diagnose" / "reports"
RECORD = "GLASSTUNNEL_RECORD"

_STEADY = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, \d+\.\d s", "2026-11-28 12:00:00 UTC, N s"),
    (r"\b\d+(?:\.\d+)? (ms\b|毫秒)", r"N \1"),
    (r"\b\d+ 秒(里|前|之后)", r"N 秒\1"),
    (r"(当前时间晚) \d+ 秒", r"\1 N 秒"),
    (r"(端点  198\.51\.100\.254):\d+", r"\1:N"),  # a NAT's choice
    (r"(接收|发送)  \d+ -> \d+", r"\1  N -> N"),
    (r"(有|其中) \d+ 个", r"\1 N 个"),
    (r"( 丢弃  .*)\bno_route \d+(, )?", r"\1"),  # what the kernel itself sends into a new interface
    (r" *丢弃  \n", ""),
    (r"\b((?:unknown|wrong|bad|old)_\w+) \d+", r"\1 N"),
    (r"收到 [1-9]\d* 字节", "收到 N 字节"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC(?!,)", "YYYY-MM-DD HH:MM:SS UTC"),
    (r"'[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT'", "'Day, DD Mon YYYY HH:MM:SS GMT'"),
)


def steady(report: str) -> str:
    """The report without what differs from run to run."""
    for pattern, constant in _STEADY:
        report = re.sub(pattern, constant, report)
    return report


_CACHE = "127.0.0.53 "  # systemd-resolved's
_RACES = re.compile(r"    名字  (超时无应答|不可达（连不上）)|    HTTP  https://[^ ]*:443/v2/ 经")


def comparable(report: str) -> list[str]:
    """The lines that two runs have in common.

    Two kinds race: whether a resolver's silence over HTTPS ends by our deadline or by the library's, and
    which of two addresses that are asked for the time at once is the first to tell it. And the answers of a
    cache grow older, so that it is chance with whose answers they stand in a line.
    """
    lines = (_without_cache(line) for line in steady(report).splitlines())
    return [line for line in lines if line is not None and not _RACES.match(line)]


def _without_cache(line: str) -> str | None:
    """The line without systemd-resolved among those who say so; None if nobody is left."""
    if not line.startswith("    名字  "):
        return line
    what, arrow, who = line.partition("  <- ")
    others = [one for one in who.split(", ") if not one.startswith(_CACHE)]
    return f"{what}{arrow}{', '.join(others)}" if others else None


def recorded(scenario: str) -> str:
    """The report that is kept, "" if none is."""
    file = FOLDER / f"{scenario}.txt"
    return file.read_text() if file.exists() else ""


def record(scenario: str, report: str) -> None:
    """Keep a report."""
    file = FOLDER / f"{scenario}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(steady(report))


def compare(scenario: str, report: str) -> None:
    """Whether the report that is kept is what is printed now."""
    if recording():
        record(scenario, report)
    kept, now = comparable(recorded(scenario)), comparable(report)
    assert now == kept, "\n".join(difflib.unified_diff(kept, now, "kept", "now", lineterm=""))


def recording() -> bool:
    """Whether reports are to be written anew."""
    return bool(os.environ.get(RECORD))
