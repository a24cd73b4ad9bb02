"""The directive `toyvpn-costs`: what each property that ToyVpn lacks costs WireGuard in bytes and in code.

    ```{toyvpn-costs}
    ```

The rule: nothing in the table is written down.  The bytes are the fields of the real messages, each counted
for one property and no more, so the sums are the messages' sizes; the lines are counted in the modules.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from bytecards import message
from glasstunnel import noise
from glasstunnel.wireguard.annotate import annotate
from performance import Table, table

SOURCE = Path(noise.__file__).parent.parent


@dataclass(frozen=True)
class Cost:
    """A property: fields of the two handshake messages and of transport data, and where its code is."""

    name: str
    handshake: tuple[str, ...]
    packet: tuple[str, ...]
    modules: tuple[str, ...]


COSTS = (
    Cost("分得清种类", ("type", "reserved"), ("type", "reserved"), ("wireguard/messages.py",)),
    Cost("许多会话", ("sender", "receiver"), ("receiver",), ("wireguard/keypair.py",)),
    Cost(
        "互相证明身份，身份不露",
        ("static", "tag"),
        (),
        (
            "noise/handshakestate.py",
            "noise/symmetricstate.py",
            "noise/hashes.py",
            "wireguard/handshake.py",
            "wireguard/crypto.py",
        ),
    ),
    Cost("前向保密", ("ephemeral",), (), ("noise/dh.py",)),
    Cost("保密，防篡改", (), ("tag",), ("noise/cipherstate.py", "wireguard/transport.py")),
    Cost("防重放", ("timestamp",), ("counter",), ("wireguard/replay.py",)),
    Cost(
        "扛得住洪水",
        ("mac1", "mac2"),
        (),
        (
            "wireguard/cookie.py",
            "wireguard/intake.py",
            "wireguard/incoming.py",
            "wireguard/ratelimit.py",
        ),
    ),
    Cost("谁的地址谁才能用", (), (), ("wireguard/allowed_ips.py",)),
    Cost(
        "更换密钥，知道死活",
        (),
        (),
        ("wireguard/timers.py", "wireguard/expiry.py", "wireguard/schedule.py"),
    ),
)


def sizes(card: str) -> dict[str, int]:
    """How many bytes the fields of a message have, by name, without an inner packet; a tag behind another
    field counts with that field.
    """
    found: dict[str, int] = {}
    before = ""
    for run in annotate(message(card).data):
        owner = before if run.name == "tag" and before in {"static", "timestamp"} else run.name
        if run.name != "packet":
            found[owner] = found.get(owner, 0) + run.size
        before = run.name
    return found


def handshake() -> dict[str, int]:
    """The fields of the initiation and the response together."""
    first, second = sizes("initiation"), sizes("response")
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}


def lines_of_code(path: Path) -> int:
    """Lines on which something stands that runs: neither empty nor comment nor docstring."""
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    docstrings: set[int] = set()
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                docstrings |= set(range(child.lineno, (child.end_lineno or child.lineno) + 1))
    return sum(
        1
        for number, line in enumerate(source.splitlines(), 1)
        if number not in docstrings and line.strip() and not line.lstrip().startswith("#")
    )


def rows() -> Table:
    """The table, with a last row of sums."""
    in_handshake, in_packet = handshake(), sizes("ping")
    cells = [["补上", "一次握手", "每个报文", "代码"]]
    sums = [0, 0, 0]
    for cost in COSTS:
        numbers = [
            sum(in_handshake[name] for name in cost.handshake),
            sum(in_packet[name] for name in cost.packet),
            sum(lines_of_code(SOURCE / module) for module in cost.modules),
        ]
        sums = [one + other for one, other in zip(sums, numbers, strict=True)]
        cells.append([cost.name, *told(numbers)])
    cells.append(["合计", *told(sums)])
    return cells


def told(numbers: list[int]) -> Iterator[str]:
    """Numbers with their units."""
    *bytes_, lines = numbers
    yield from (f"{size} 字节" if size else "0" for size in bytes_)
    yield f"{lines} 行"


class Costs(SphinxDirective):
    """`{toyvpn-costs}`."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        return table(self, rows(), "toyvpn-costs", first=40)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("toyvpn-costs", Costs)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
