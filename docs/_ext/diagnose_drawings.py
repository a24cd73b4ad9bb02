"""The directives `diagnose-layers` and `diagnose-cross`: the course of a pull, and the cross test.

    ```{diagnose-cross}
    四次试探，四种结论。
    ```

The rule: under each table of the cross test stands the verdict that :mod:`glasstunnel.diagnose` reaches
from the outcomes in the table, and nothing else is drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from drawings import WIDTH, Drawing, Drawn, head, line, text
from glasstunnel.diagnose import image
from glasstunnel.diagnose.evidence import Connection, Evidence, Handshake, Host, Lookup, Outcome, Record
from glasstunnel.diagnose.finding import Verdict
from glasstunnel.diagnose.machine import Machine
from glasstunnel.diagnose.verdict import reach_verdict

NAME, INNOCENT = "registry-1.docker.io", "example.com"
TOLD, TRUE = "31.13.94.37", "98.85.153.80"  # what a forger answers, and what the encrypted resolvers do
RIGHT_NAME, OTHER_NAME = "真名", "无辜的名字"


@dataclass(frozen=True)
class Table:
    """What TLS did at addresses, with the right name and with the innocent one; None: not tried."""

    title: str
    system: str  # the address that the system's resolver gives
    outcomes: dict[str, tuple[Outcome, Outcome | None]] = field(default_factory=dict)

    def verdict(self) -> Verdict:
        """What the diagnosis makes of it."""
        host = Host(NAME, 443, "registry")
        host.lookups = [
            Lookup("system", "getaddrinfo", "any", Outcome.OK, (_record(self.system),)),
            Lookup("1.1.1.1", "tls", "A", Outcome.OK, (_record(TRUE),), public=True),
        ]
        host.connections = [Connection(address, 443, Outcome.OK) for address in self.outcomes]
        for address, (right, other) in self.outcomes.items():
            host.handshakes.append(Handshake(address, NAME, right))
            if other:
                host.handshakes.append(Handshake(address, INNOCENT, other))
        machine = Machine(default_route=True)
        return reach_verdict(Evidence(image.parse("hello-world"), machine, INNOCENT, hosts=[host]))


def _record(address: str) -> Record:
    return Record(address, 60, "known forgery (Facebook)" if address == TOLD else "")


TABLES = (
    Table(
        "一、地址错了，真地址通",
        TOLD,
        {TOLD: (Outcome.TIMEOUT, Outcome.TIMEOUT), TRUE: (Outcome.OK, None)},
    ),
    Table("二、地址对，一说名字就断", TRUE, {TRUE: (Outcome.RESET, Outcome.OK)}),
    Table("三、地址对，说什么都断", TRUE, {TRUE: (Outcome.RESET, Outcome.RESET)}),
    Table(
        "四、地址错了，真地址上一说名字就断",
        TOLD,
        {TOLD: (Outcome.RESET, Outcome.RESET), TRUE: (Outcome.RESET, Outcome.OK)},
    ),
)
SHOWN = {Outcome.OK: "有回答", Outcome.RESET: "连接重置", Outcome.TIMEOUT: "没有回音"}
LABEL, CELL, ROW, GAP = 112.0, 132.0, 30.0, 4.0


def cross() -> Drawing:
    """The tables, one below the other."""
    parts: list[str] = []
    told: list[str] = []
    top = 0.0
    for table in TABLES:
        parts += grid(table, top)
        top += 46 + (ROW + GAP) * len(table.outcomes) + 44
        told.append(words(table))
    return Drawing(top - 18, parts, " ".join(told))


def grid(table: Table, top: float) -> Iterator[str]:
    """A row for each address, a column for each name, and the verdict."""
    yield text(0, top + 14, table.title, "node", "start")
    for column, name in enumerate((RIGHT_NAME, OTHER_NAME)):
        yield text(LABEL + column * (CELL + GAP) + CELL / 2, top + 36, name, "time")
    y = top + 44
    for address, outcomes in table.outcomes.items():
        yield text(0, y + 20, address, "label", "start")
        for column, outcome in enumerate(outcomes):
            x = LABEL + column * (CELL + GAP)
            kind = {None: "gap", Outcome.OK: "full"}.get(outcome, "new")
            yield f'<rect class="box {kind}" x="{x:g}" y="{y:g}" width="{CELL:g}" height="{ROW:g}"/>'
            yield text(x + CELL / 2, y + 20, SHOWN[outcome] if outcome else "不必试", "label")
        y += ROW + GAP
    yield text(LABEL, y + 16, f"→ {causes(table)}", "note", "start")


def causes(table: Table) -> str:
    """The cause, and what fails behind it."""
    verdict = table.verdict()
    return "，其后 ".join([verdict.cause, *(finding.cause for finding in verdict.also)])


def words(table: Table) -> str:
    """The same in words."""
    rows = [
        f"{address} {RIGHT_NAME}{SHOWN[right]}"
        + (f"，{OTHER_NAME}{SHOWN[other]}" if other else f"，{OTHER_NAME}不必试")
        for address, (right, other) in table.outcomes.items()
    ]
    return f"{table.title}：{'；'.join(rows)}；结论 {causes(table)}。"


# The layers

BELOW = ("名字", "TCP", "TLS")
HOSTS = (
    ("镜像仓库", NAME, (*BELOW, "GET /v2/")),
    ("令牌服务", "auth.docker.io", (*BELOW, "GET /token")),
    ("回到镜像仓库", NAME, ("清单", "层在哪里")),
    ("层的存放处", "production.cloudflare.docker.com", (*BELOW, "头几个字节")),
)
STEP = 76.0


def layers() -> Drawing:
    """Each host with its layers, in the order in which the daemon comes to them."""
    parts: list[str] = []
    told: list[str] = []
    wide = (WIDTH - 1 - 12 * 3) / 4  # half of a line is beyond the edge
    for number, (role, name, steps) in enumerate(HOSTS):
        top = number * STEP
        parts.append(text(0, top + 14, f"{number + 1}. {role}", "node", "start"))
        parts.append(text(WIDTH, top + 14, name, "time", "end"))
        y = top + 24
        for at, step in enumerate(steps):
            x = round((wide + 12) * (at + 4 - len(steps)), 2)
            kind = "" if step in BELOW else "full"
            parts.append(f'<rect class="box {kind}" x="{x:g}" y="{y:g}" width="{wide:g}" height="{ROW:g}"/>')
            parts.append(text(x + wide / 2, y + 20, step, "label"))
            if at:
                parts.append(line(x - 12, y + ROW / 2, x - 4, y + ROW / 2, "arrow"))
                parts.append(head(x - 1, y + ROW / 2, 0, "head"))
        told.append(f"{number + 1}. {role} {name}：{'、'.join(steps)}。")
    return Drawing(STEP * len(HOSTS) - 20, parts, " ".join(told))


class Layers(Drawn):
    """`{diagnose-layers}`."""

    def run(self) -> list[nodes.Node]:
        """The figure."""
        return self.figure(layers(), "diagnose-layers")


class Cross(Drawn):
    """`{diagnose-cross}`."""

    def run(self) -> list[nodes.Node]:
        """The figure."""
        return self.figure(cross(), "diagnose-cross")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.setup_extension("drawings")
    app.add_directive("diagnose-layers", Layers)
    app.add_directive("diagnose-cross", Cross)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
