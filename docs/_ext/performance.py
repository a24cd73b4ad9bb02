"""Charts and tables of a run of ``python -m bench pairs --json FILE``, drawn from that file and nothing else.

    ```{performance-chart} throughput
    TCP 的吞吐量。
    ```

    ```{performance-table} goals
    ```

A chart is `throughput`, `cost`, `packets`, `ping` or `steps`, and its body is the caption; a table is
`goals`, `medians`, `steps` or `run`.  The file is performance.json beside the page, or what `file` says.

The rule: a bar is a median and the line across its end goes from the least to the greatest round; bars begin
at zero, and those of one unit in a chart have one scale.  Each figure stands beside its bar, and in a table.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.typing import ExtensionMetadata

from drawings import WIDTH, Drawing, Drawn, line, text

OURS, PLAIN, VARIANT = "ours", "plain", "variant"  # kinds of contenders
PLAIN_NAME = "glasstunnel，朴素路径"
LAST = "trains"  # the step that ourselves are
STEPS = {
    "tso": "读超级报文",
    "columns": "一列一列算",
    "gso": "UDP_SEGMENT",
    "gro": "UDP_GRO",
    "join": "合并了再写",
    "limit": "超级报文限长",
}
"""The steps between by their names in bench.steps, as the book calls them."""


class RunError(Exception):
    """A file that holds no run; why, in one sentence."""


@dataclass(frozen=True)
class Figure:
    """A quantity as the book calls it, its unit, and how many decimals are told of so many of the unit."""

    title: str
    unit: str
    decimals: int = 2
    scale: float = 1.0

    def tell(self, value: float) -> str:
        """The number without the unit."""
        return f"{value / self.scale:.{self.decimals}f}"


TCP = {"tcp": "TCP 一条流", "reverse": "TCP 反向", "four": "TCP 四条流", "tcp6": "TCP，内层 IPv6"}
UDP = {"udp64": "UDP，64 字节", "udp1372": "UDP，1372 字节"}
FIGURES = {
    **{f"{work}_rate": Figure(title, "Gbit/s") for work, title in TCP.items()},
    **{f"{work}_cpu": Figure(title, "CPU 秒/Gbit") for work, title in TCP.items()},
    **{f"{work}_rate": Figure(title, "万个/秒", 1, 1e4) for work, title in UDP.items()},
    **{f"{work}_cpu": Figure(title, "CPU 秒/百万个", 1) for work, title in UDP.items()},
    "ping_ms": Figure("空闲时的 ping", "毫秒"),
}


@dataclass(frozen=True)
class Spread:
    """The median of the rounds, the least and the greatest."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Contender:
    """Who was measured: its key (of a step its name in bench.steps), how the book calls it, its kind, version
    and command, and its figures.
    """

    key: str
    name: str
    kind: str
    version: str
    command: str
    figures: Mapping[str, Spread]


class Run:
    """What one file holds."""

    def __init__(self, path: Path) -> None:
        try:
            self.all: dict[str, Any] = json.loads(path.read_text("utf-8"))
            self.pairs: dict[str, Any] = self.all["pairs"]
            self.contenders = [self._contender(one) for one in self.pairs["contenders"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"expected the JSON of python -m bench pairs in {path.name}: {error!r}") from None

    def _contender(self, one: Mapping[str, str]) -> Contender:
        figures = {key: Spread(**spread) for key, spread in self.pairs["medians"][one["name"]].items()}
        key = {PLAIN: "plain", OURS: LAST}.get(one["kind"], one["name"])
        name = PLAIN_NAME if one["kind"] == PLAIN else STEPS.get(key, one["name"])
        return Contender(key, name, one["kind"], one["version"], one["command"], figures)

    def beside_each_other(self) -> list[Contender]:
        """Ourselves and the others, without the steps between."""
        return [one for one in self.contenders if one.kind != VARIANT]

    def steps(self) -> list[Contender]:
        """From the plain path to the last."""
        order = (PLAIN, VARIANT, OURS)
        return [one for kind in order for one in self.contenders if one.kind == kind]


# Charts

CHARTS = {
    "throughput": ("tcp_rate", "reverse_rate", "four_rate"),
    "cost": ("tcp_cpu", "reverse_cpu", "four_cpu"),
    "packets": ("udp64_rate", "udp1372_rate"),
    "ping": ("ping_ms",),
    "steps": ("tcp_rate", "tcp_cpu"),
}
TITLE, ROW, BAR, GAP = 22.0, 23.0, 13.0, 12.0  # heights: of a title, a row, its bar, and between groups
AFTER = 6.0  # between the name, the bar and the figure
HAN, LATIN = 12.5, 7.0  # widths of a character, enough for every font


def chart(run: Run, name: str) -> Drawing:
    """The chart of that name. Raises RunError if the run has no figures for it."""
    is_steps = name == "steps"
    contenders = run.steps() if is_steps else run.beside_each_other()
    groups = [
        Group(FIGURES[key], [(one, one.figures[key]) for one in contenders if key in one.figures], is_steps)
        for key in CHARTS[name]
    ]
    if not all(group.rows for group in groups):
        raise RunError(f"the run has no figures for the chart {name}")
    left = max(width(one.name) for one in contenders) + AFTER
    right = max(width(label) for group in groups for label in group.labels()) + AFTER
    greatest: dict[str, float] = {}
    for group in groups:
        unit = group.figure.unit
        greatest[unit] = max(greatest.get(unit, 0.0), *(spread.high for _, spread in group.rows))
    y = 0.0
    parts: list[str] = []
    for group in groups:
        parts += group.draw(y, left, (WIDTH - left - right) / greatest[group.figure.unit])
        y += TITLE + len(group.rows) * ROW + GAP
    return Drawing(y - GAP, parts, "".join(group.words() for group in groups))


def width(label: str) -> float:
    """How wide a line of text is at most."""
    return sum(HAN if character > "\u2e7f" else LATIN for character in label)


@dataclass(frozen=True)
class Group:
    """The bars of one quantity."""

    figure: Figure
    rows: Sequence[tuple[Contender, Spread]]
    is_steps: bool

    def labels(self) -> list[str]:
        """The figure beside each bar; of a step also what it changed."""
        labels, before = [], 0.0
        for _, spread in self.rows:
            change = f"，{percent(spread.median / before)}" if self.is_steps and before else ""
            labels.append(self.figure.tell(spread.median) + change)
            before = spread.median
        return labels

    def draw(self, y: float, left: float, scale: float) -> Iterator[str]:
        """From `y` downwards, bars from `left` with so many units of width for one of the quantity."""
        yield text(0, y + 14, f"{self.figure.title}，{self.figure.unit}", "node", "start")
        top = y + TITLE
        for (contender, spread), label in zip(self.rows, self.labels(), strict=True):
            middle = top + ROW / 2
            end = left + spread.median * scale
            yield text(left - AFTER, middle + 4.5, contender.name, "label", "end")
            yield (
                f'<rect class="bar {contender.kind}" x="{left:g}" y="{middle - BAR / 2:g}"'
                f' width="{end - left:.2f}" height="{BAR:g}"/>'
            )
            low, high = (round(left + value * scale, 2) for value in (spread.low, spread.high))
            if low < high:
                yield line(low, middle, high, middle, "spread")
                for x in (low, high):
                    yield line(x, middle - 3.5, x, middle + 3.5, "spread")
            yield text(round(max(end, high) + AFTER, 2), middle + 4.5, label, "label", "start")
            top += ROW
        yield line(left, y + TITLE, left, top, "line")

    def words(self) -> str:
        """The group in words."""
        rows = (
            f"{contender.name} {label}（{self.figure.tell(spread.low)} 到 {self.figure.tell(spread.high)}）"
            for (contender, spread), label in zip(self.rows, self.labels(), strict=True)
        )
        return f"{self.figure.title}，{self.figure.unit}：{'；'.join(rows)}。"


# Tables

Table = list[list[str]]  # rows of cells in Markdown; the first row is the head


def goals(run: Run) -> Table:
    """The ratios of which something was wanted: the ratio, the goal, and whether it was reached."""
    names = {
        one["name"]: known.name for one, known in zip(run.pairs["contenders"], run.contenders, strict=True)
    }
    wanted = [cell for cell in run.pairs["ratios"] if "goal" in cell]
    others = list(dict.fromkeys(cell["contender"] for cell in wanted))
    cells = {(cell["quantity"], cell["contender"]): verdict(cell) for cell in wanted}
    rows = [["glasstunnel 之比", *(names[other] for other in others)]]
    for key, figure in FIGURES.items():
        if any((key, other) in cells for other in others):
            row = [cells.get((key, other), "") for other in others]
            rows.append([f"{figure.title}，{figure.unit}", *row])
    return rows


def verdict(cell: Mapping[str, Any]) -> str:
    """A ratio beside its goal, in words, for a sign is not read out everywhere."""
    reached = f"差 {100 * cell['missed']:.0f}\N{NO-BREAK SPACE}%" if cell["missed"] else "达到"
    return f"{cell['median']:.2f}，要 {cell['goal']}，{reached}"


def medians(run: Run) -> Table:
    """All figures of those that are beside each other: the median and the spread."""
    contenders = run.beside_each_other()
    rows = [["中位数（最小–最大）", *(one.name for one in contenders)]]
    for key, figure in FIGURES.items():
        if any(key in one.figures for one in contenders):
            row = [told(figure, one.figures.get(key)) for one in contenders]
            rows.append([f"{figure.title}，{figure.unit}", *row])
    return rows


def steps(run: Run) -> Table:
    """The same of the steps, in their order, for what the chart shows and for pings."""
    keys = (*CHARTS["steps"], "ping_ms")
    head = ["步骤", *(f"{FIGURES[key].title}，{FIGURES[key].unit}" for key in keys)]
    return [head] + [
        [one.name, *(told(FIGURES[key], one.figures.get(key)) for key in keys)] for one in run.steps()
    ]


def told(figure: Figure, spread: Spread | None) -> str:
    """The median, and the least and the greatest; nothing for what was not measured."""
    if spread is None:
        return ""
    low, high = figure.tell(spread.low), figure.tell(spread.high)
    return f"{figure.tell(spread.median)}（{low}–{high}）"


def circumstances(run: Run) -> Table:
    """Where, when, how and with which programs it was measured."""
    machine, settings = run.all["machine"], run.pairs["settings"]
    rows = [
        ["项", "这次测量"],
        ["机器", f"{machine['cpu']}，{machine['cores']} 核"],
        ["内核", machine["kernel"]],
        ["Python", machine["python"]],
        ["日期", run.all["date"]],
        ["提交", f"`{run.all['commit']}`"],
        ["命令", f"`{run.all['command']}`"],
        ["每项", f"{settings['rounds']} 轮，每轮 {settings['seconds']:g} 秒"],
        ["隧道", f"MTU {settings['mtu']}，内层 TCP 的拥塞控制是 {settings['tcp']}"],
        ["量具", run.pairs["programs"]["iperf3"]],
    ]
    rows += [[one.name, f"`{one.command}`，{one.version}"] for one in run.contenders]
    return rows


def step(run: Run, key: str) -> str:
    """What a step made of the TCP of one stream, beside the step before it."""
    steps = run.steps()
    place = next((i for i, one in enumerate(steps) if one.key == key), 0)
    if not place:
        raise RunError(f"expected a step after the first of {', '.join(one.key for one in steps)}, got {key}")
    before, after = steps[place - 1].figures, steps[place].figures
    try:
        return "；".join(
            f"{what}从 {FIGURES[key].tell(before[key].median)} 到 {FIGURES[key].tell(after[key].median)} "
            f"{FIGURES[key].unit}（{percent(after[key].median / before[key].median)}）"
            for what, key in (("吞吐量", "tcp_rate"), ("花费", "tcp_cpu"))
        )
    except KeyError as error:
        raise RunError(f"the step {key} has no figure {error}") from None


def percent(ratio: float) -> str:
    """How much more or less that is."""
    return f"{round(100 * (ratio - 1)):+d} %".replace("-", "−")


TABLES = {"goals": goals, "medians": medians, "steps": steps, "run": circumstances}


# Directives


class FromRun(SphinxDirective):
    """What both share: the argument is a name, the option `file` the run."""

    required_arguments = 1
    option_spec: ClassVar = {"file": directives.path}

    def found(self, known: Mapping[str, Any]) -> tuple[str, Run]:
        """The argument, which must be known, and the run."""
        name = self.arguments[0]
        if name not in known:
            raise self.error(f"{self.name}: expected one of {', '.join(known)}, not {name}")
        _, path = self.env.relfn2path(self.options.get("file", "performance.json"))
        self.env.note_dependency(path)
        try:
            return name, Run(Path(path))
        except RunError as error:
            raise self.error(f"{self.name}: {error}") from None


class PerformanceChart(FromRun, Drawn):
    """`{performance-chart} NAME`."""

    def run(self) -> list[nodes.Node]:
        """The chart as a figure."""
        name, run = self.found(CHARTS)
        try:
            return self.figure(chart(run, name), f"performance-{name}")
        except RunError as error:
            raise self.error(f"{self.name}: {error}") from None


class PerformanceTable(FromRun):
    """`{performance-table} NAME`."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        name, run = self.found(TABLES)
        return table(self, TABLES[name](run), f"performance-{name}")


def table(directive: SphinxDirective, cells: Table, kind: str, first: int = 0) -> list[nodes.Node]:
    """A table as a directive returns it, of that class. On paper its first column, which most often names
    things, has so many percent, or a third, a quarter or a fifth, as there are others.
    """
    head, *rows = cells
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    box = nodes.Element("", *directive.parse_text_to_nodes("\n".join(lines)))
    for one in box.findall(nodes.table):
        one["classes"].append(kind)
    first = first or (33 if len(head) == 2 else 25 if len(head) <= 6 else 20)
    others = (100 - first) // (len(head) - 1)
    widths = [first] + [others] * (len(head) - 1)
    spec = "".join(rf"\X{{{width}}}{{100}}" for width in widths)
    return [addnodes.tabular_col_spec("", spec=spec), *box.children]


class PerformanceStep(SphinxRole):
    """{performance-step}`NAME`: what a step made of the throughput and the cost; from performance.json."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """A piece of a sentence."""
        _, path = self.env.relfn2path("performance.json")
        self.env.note_dependency(path)
        try:
            told = step(Run(Path(path)), self.text)
        except RunError as error:
            message = self.inliner.reporter.error(f"performance-step: {error}", line=self.lineno)
            return [], [message]
        return [nodes.Text(told)], []


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.setup_extension("drawings")
    app.add_directive("performance-chart", PerformanceChart)
    app.add_directive("performance-table", PerformanceTable)
    app.add_role("performance-step", PerformanceStep())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
