"""The chart and the tables of ``python -m bench profile ping --json FILE``: what the time was spent on.

    ```{profile-chart}
    每个报文的处理器时间。
    ```

    ```{profile-table} parts
    ```

A table is `parts`, `functions`, `ping` or `run`.  The file is profile.json beside the page, or what `file`
says.

The rule: a bar is the processor time of one daemon for each packet, and is made of all its parts, in one
order; all bars have one scale and begin at zero.  Every figure of it stands in the table `parts`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from drawings import WIDTH, Drawing, Drawn, line, text
from performance import AFTER, OURS, PLAIN, PLAIN_NAME, RunError, Table, table, width

PARTS = {
    "kernel": "内核",
    "cipher": "密码运算",
    "library": "密码库",
    "interpreter": "解释器",
    "numpy": "numpy",
    "libc": "C 库",
    "program": "程序自身",
}
PACES = ("cold", "warm")
SIDES = {"sender": "发送", "receiver": "接收"}
TITLE, ROW, BAR, GAP, SWATCH = 22.0, 21.0, 13.0, 8.0, 11.0


@dataclass(frozen=True)
class Side:
    """One daemon: whose, as it was measured and as the book says it; which end; its microseconds for each
    packet, their parts, its greatest functions.
    """

    measured: str
    name: str
    kind: str
    end: str
    total: float
    parts: Mapping[str, float]
    top: list[tuple[str, str, float]]


class Profile:
    """What one file holds."""

    def __init__(self, path: Path) -> None:
        try:
            self.all: dict[str, Any] = json.loads(path.read_text("utf-8"))
            self.settings: dict[str, Any] = self.all["profile"]["settings"]
            self.sides = [
                Side(
                    one["name"],
                    PLAIN_NAME if one["kind"] == PLAIN else one["name"],
                    one["kind"],
                    SIDES[end],
                    of["us"],
                    {part: of["parts"].get(part, 0.0) for part in PARTS},
                    [(part, function, us) for part, function, us in of["top"]],
                )
                for one in self.all["profile"]["contenders"]
                for end, of in one["sides"].items()
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"expected the JSON of python -m bench profile in {path.name}: {error!r}"
            raise RunError(message) from None


# Chart


def chart(profile: Profile) -> Drawing:
    """Stacked bars: two for each contender."""
    total = max(side.total for side in profile.sides)
    left = max(map(width, SIDES.values())) + AFTER
    scale = (WIDTH - left - width(f"{total:.2f}") - AFTER) / total
    parts, y = legend(part for part in PARTS if any(side.parts[part] for side in profile.sides))
    y, before = y + GAP, ""
    for side in profile.sides:
        if side.name != before:
            y += GAP if before else 0
            parts.append(text(0, y + 14, f"{side.name}，微秒", "node", "start"))
            y, before = y + TITLE, side.name
        middle, x = y + ROW / 2, left
        parts.append(text(left - AFTER, middle + 4.5, side.end, "label", "end"))
        for part, us in side.parts.items():
            if us:
                parts.append(
                    f'<rect class="part of-{part}" x="{x:.2f}" y="{middle - BAR / 2:g}"'
                    f' width="{us * scale:.2f}" height="{BAR:g}"/>'
                )
                x += us * scale
        parts.append(text(round(x + AFTER, 2), middle + 4.5, f"{side.total:.2f}", "label", "start"))
        parts.append(line(left, y, left, y + ROW, "line"))
        y += ROW
    return Drawing(y + 2, parts, "".join(told(side) for side in profile.sides))


def legend(parts: Iterable[str]) -> tuple[list[str], float]:
    """A swatch and a name for each part, in as many lines as that takes; and the height of those."""
    drawn: list[str] = []
    x, y = 0.0, 0.0
    for part in parts:
        wide = SWATCH + 4 + width(PARTS[part])
        if x + wide > WIDTH:
            x, y = 0.0, y + ROW
        drawn.append(
            f'<rect class="part of-{part}" x="{x:g}" y="{y + 5:g}" width="{SWATCH:g}" height="{SWATCH:g}"/>'
        )
        drawn.append(text(x + SWATCH + 4, y + 15, PARTS[part], "label", "start"))
        x += wide + 10
    return drawn, y + TITLE


def told(side: Side) -> str:
    """A bar in words."""
    parts = "，".join(f"{PARTS[part]} {us:.2f}" for part, us in side.parts.items() if us)
    return f"{side.name}，{side.end}，每个报文 {side.total:.2f} 微秒：{parts}。"


# Tables


def parts(profile: Profile) -> Table:
    """The figures of the chart."""
    used = [part for part in PARTS if any(side.parts[part] for side in profile.sides)]
    rows = [["每个报文，微秒", "合计", *(PARTS[part] for part in used)]]
    for side in profile.sides:
        figures = (f"{side.parts[part]:.2f}" if side.parts[part] else "" for part in used)
        rows.append([f"{side.name}，{side.end}", f"{side.total:.2f}", *figures])
    return rows


def functions(profile: Profile) -> Table:
    """What our own daemons spend the most on, by function."""
    ours = [side for side in profile.sides if side.kind == OURS]
    if not ours:
        raise RunError("the run has no profile of ourselves")
    columns = [
        [
            f"{side.end}的一端，微秒",
            *(f"{us:.2f}，{PARTS[part]}，`{function}`" for part, function, us in side.top),
        ]
        for side in ours
    ]
    return [list(row) for row in zip(*columns, strict=False)]


def short(function: str) -> str:
    """Its name without the modules that Rust and C++ put before names."""
    return re.sub(r"\b\w+::(?=\w)", "", function)


def circumstances(profile: Profile) -> Table:
    """Where, when and how."""
    machine, settings = profile.all["machine"], profile.settings
    return [
        ["项", "这次剖析"],
        ["机器", f"{machine['cpu']}，{machine['cores']} 核"],
        ["内核", machine["kernel"]],
        ["Python", machine["python"]],
        ["日期", profile.all["date"]],
        ["提交", f"`{profile.all['commit']}`"],
        ["命令", f"`{profile.all['command']}`"],
        ["每个程序", f"一条 TCP 流 {settings['seconds']:g} 秒，每秒取样 {settings['frequency']} 次"],
        ["报文", f"载荷 {settings['payload']} 字节，装满 MTU {settings['mtu']}"],
        ["量具", profile.all["profile"]["programs"]["perf"]],
    ]


def ping(profile: Profile) -> Table:
    """What a ping costs after a pause and without, for whoever answered."""
    rows = [["ping", "隔 10 毫秒，毫秒", "隔 10 毫秒，CPU 微秒", "一个接一个，毫秒", "一个接一个，CPU 微秒"]]
    names = {side.measured: side.name for side in profile.sides}
    try:
        for name, paces in profile.all["ping"]["pings"].items():
            figures = (
                f"{paces[pace][key]:.{digits}f}" for pace in PACES for key, digits in (("ms", 2), ("us", 0))
            )
            rows.append([names.get(name, name), *figures])
    except (KeyError, TypeError) as error:
        raise RunError(f"the run has no pings: {error!r}; python -m bench profile ping has both") from None
    return rows


TABLES = {"parts": parts, "functions": functions, "ping": ping, "run": circumstances}


# Directives


class FromProfile(SphinxDirective):
    """What both share: the option `file` names the run."""

    option_spec: ClassVar = {"file": directives.path}

    def found(self) -> Profile:
        """The profile. Raises RunError."""
        _, path = self.env.relfn2path(self.options.get("file", "profile.json"))
        self.env.note_dependency(path)
        return Profile(Path(path))


class ProfileChart(FromProfile, Drawn):
    """`{profile-chart}`."""

    def run(self) -> list[nodes.Node]:
        """The chart as a figure."""
        try:
            return self.figure(chart(self.found()), "performance-profile")
        except RunError as error:
            raise self.error(f"{self.name}: {error}") from None


class ProfileTable(FromProfile):
    """`{profile-table} NAME`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table."""
        name = self.arguments[0]
        if name not in TABLES:
            raise self.error(f"{self.name}: expected one of {', '.join(TABLES)}, not {name}")
        try:
            return table(
                self, TABLES[name](self.found()), f"profile-{name}", 50 if name == "functions" else 0
            )
        except RunError as error:
            raise self.error(f"{self.name}: {error}") from None


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.setup_extension("performance")
    app.add_directive("profile-chart", ProfileChart)
    app.add_directive("profile-table", ProfileTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
