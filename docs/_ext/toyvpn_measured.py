"""Round trips and throughput through ToyVpn, from a run of ``python -m bench toyvpn --json FILE``.

    ```{toyvpn-pings}
    每个 ping 一划。
    ```

    ```{toyvpn-table}
    ```

The file is measured.json beside the page, or what `file` says.

The rule: every ping that was measured is drawn, as a stroke at its time; nothing is smoothed or left out.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from drawings import WIDTH, Drawing, Drawn, line, text
from performance import RunError, Table, table

NAMES = {
    "the cable alone": "只有网线",
    "glasstunnel": "glasstunnel toyvpn server",
    "ToyVpnServer": "ToyVpnServer",
}
"""Servers as the file calls them, and as the book does."""
LEFT, RIGHT, ROW, STROKE = 8.0, WIDTH - 8.0, 46.0, 16.0


class Run:
    """What one file holds."""

    def __init__(self, path: Path) -> None:
        try:
            self.all: dict[str, Any] = json.loads(path.read_text("utf-8"))
            self.results: dict[str, Any] = self.all["toyvpn"]
            self.servers = {name: self.results["servers"][name] for name in NAMES}
            self.pings = {name: [float(one) for one in self.servers[name]["pings"]] for name in NAMES}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"expected the JSON of python -m bench toyvpn in {path.name}: {error!r}") from None


def draw(run: Run) -> Drawing:
    """A row for each server, with a stroke for each ping, on one scale that begins at zero."""
    greatest = max(max(found) for found in run.pings.values())
    step = 10 if greatest <= 60 else 20 if greatest <= 120 else 50

    def across(milliseconds: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * milliseconds / greatest, 2)

    parts: list[str] = []
    top = 0.0
    for name, found in run.pings.items():
        parts += row(NAMES[name], found, top, across)
        top += ROW
    for mark in range(0, int(greatest) + 1, step):
        parts.append(
            text(across(mark), top + 12, f"{mark} ms" if not mark else f"{mark}", "time", anchor(mark))
        )
    return Drawing(
        top + 18, parts, "；".join(told(NAMES[name], found) for name, found in run.pings.items()) + "。"
    )


def anchor(mark: int) -> str:
    """Zero stands at the edge."""
    return "middle" if mark else "start"


def row(name: str, found: list[float], top: float, across: Any) -> Iterator[str]:
    """The strokes of one server, and its median in words."""
    base = top + ROW - 8
    yield text(LEFT, top + 14, name, "node", "start")
    yield text(RIGHT, top + 14, f"中位 {number(median(found))} ms", "label", "end")
    yield line(LEFT, base, RIGHT, base, "line")
    for one in found:
        x = across(one)
        yield line(x, base - STROKE, x, base, "arrow")


def number(milliseconds: float) -> str:
    """As many digits as tell something."""
    return f"{milliseconds:.2f}" if milliseconds < 10 else f"{milliseconds:.0f}"


def told(name: str, found: list[float]) -> str:
    """A row in words."""
    return (
        f"{name}：{len(found)} 个 ping，中位 {number(median(found))} 毫秒，"
        f"最小 {number(min(found))}，最大 {number(max(found))}"
    )


def rows(run: Run) -> Table:
    """Ping and TCP of each server."""
    cells = [["", *NAMES.values()]]
    cells.append(["ping 中位，毫秒", *(number(median(run.pings[name])) for name in NAMES)])
    cells.append(
        ["ping 最小–最大，毫秒", *(f"{number(min(one))}–{number(max(one))}" for one in run.pings.values())]
    )
    for key, title in (("up_mbit", "TCP 上行，Mbit/s"), ("down_mbit", "TCP 下行，Mbit/s")):
        cells.append([title, *(rate(one.get(key)) for one in run.servers.values())])
    return cells


def rate(value: float | None) -> str:
    """A throughput; nothing where it was not measured."""
    return "" if value is None else f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def circumstances(run: Run) -> str:
    """Where, when and how, in one line."""
    machine: Mapping[str, str] = run.all["machine"]
    return (
        f"{run.all['date']}，{machine['cpu']}，{machine['cores']} 核，内核 {machine['kernel']}，"
        f"Python {machine['python']}，提交 `{run.all['commit']}`：`{run.all['command']}`"
    )


class FromRun(SphinxDirective):
    """What both share: the option `file`."""

    option_spec: ClassVar = {"file": directives.path}

    def found(self) -> Run:
        """The run."""
        _, path = self.env.relfn2path(self.options.get("file", "measured.json"))
        self.env.note_dependency(path)
        try:
            return Run(Path(path))
        except RunError as error:
            raise self.error(f"{self.name}: {error}") from None


class Pings(FromRun, Drawn):
    """`{toyvpn-pings}`."""

    def run(self) -> list[nodes.Node]:
        """The figure."""
        return self.figure(draw(self.found()), "toyvpn-pings")


class Measured(FromRun):
    """`{toyvpn-table}`."""

    def run(self) -> list[nodes.Node]:
        """The table, and beneath it where it was measured."""
        run = self.found()
        return [*table(self, rows(run), "toyvpn-measured"), *self.parse_text_to_nodes(circumstances(run))]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.setup_extension("drawings")
    app.add_directive("toyvpn-pings", Pings)
    app.add_directive("toyvpn-table", Measured)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
