"""The directive `diagnose-tunnel`: which question to ask of a tunnel first, and where each answer leads.

    ```{diagnose-tunnel}
    先问握手，再问数据。
    ```

The rule: the leaves hold every cause of :mod:`glasstunnel.diagnose.tunnel` that a tunnel can have when it is
up, each once, so a reader who follows the drawing is led past none.
"""

from dataclasses import dataclass

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from drawings import WIDTH, Drawing, Drawn, head, line, text
from glasstunnel.diagnose.tunnel.causes import Cause


@dataclass(frozen=True)
class Leaf:
    """What is seen, what it points at, and the causes that are told apart there."""

    seen: str
    look: str
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Branch:
    """An answer to the first question, and the question that follows."""

    answer: str
    question: str
    leaves: tuple[Leaf, ...]


FIRST = "wg show：latest handshake 是什么时候？"
BRANCHES = (
    Branch(
        "没有，或者旧了",
        "tcpdump：网线上有什么？",
        (
            Leaf(
                "什么也没有",
                "端点、路由、自己的防火墙",
                (
                    *(Cause.ENDPOINT_UNRESOLVED, Cause.ENDPOINT_MOVED, Cause.NO_ROUTE),
                    *(Cause.ENDPOINT_THROUGH_TUNNEL, Cause.FIREWALL),
                ),
            ),
            Leaf("148，ICMP", "端口、路由器", (Cause.ENDPOINT_CLOSED, Cause.ENDPOINT_UNREACHABLE)),
            Leaf(
                "只有 148",
                "对方的防火墙、公钥、时钟",
                (
                    *(Cause.SILENT, Cause.WE_HAVE_WRONG_KEY, Cause.PEER_HAS_WRONG_KEY),
                    *(Cause.PEER_CLOCK_BEHIND, Cause.CLOCK_BEHIND),
                ),
            ),
            Leaf(
                "148 和 92",
                "预共享密钥、反向路径过滤",
                (Cause.WRONG_PRESHARED_KEY, Cause.REVERSE_PATH_FILTER),
            ),
        ),
    ),
    Branch(
        "刚刚",
        "ping：隧道里谁不答？",
        (
            Leaf(
                "对面",
                "路由、两头的 AllowedIPs",
                (Cause.NOT_ROUTED, Cause.ALLOWED_IPS_MISSING, Cause.NO_DATA),
            ),
            Leaf("对面身后", "转发、防火墙、回程", (Cause.FORWARDING_OFF, Cause.NO_MASQUERADE)),
            Leaf("只有大的", "MTU", (Cause.LARGE_PACKETS_LOST,)),
            Leaf("静一阵以后", "NAT"),
        ),
    ),
)
ROW, GAP, INDENT, SEEN, LOOK = 30.0, 8.0, 14.0, 124.0, 160.0
EDGE = WIDTH - 1  # half of a line is beyond it


def ways() -> Drawing:
    """The questions, each with its answers below."""
    parts = [*box(1, 1, EDGE - 1, FIRST, "new")]
    told = [FIRST]
    y = ROW + GAP + 1
    for branch in BRANCHES:
        top = y
        parts.append(text(INDENT, y + 20, branch.answer, "note", "start"))
        parts += box(SEEN, y, EDGE - SEEN, branch.question, "new")
        told.append(f"{branch.answer}：{branch.question}")
        y += ROW + GAP
        for leaf in branch.leaves:
            parts.append(text(SEEN, y + 20, leaf.seen, "label", "end"))
            parts.append(line(SEEN + 8, y + ROW / 2, LOOK - 9, y + ROW / 2, "arrow"))
            parts.append(head(LOOK - 2, y + ROW / 2, 0, "head"))
            parts += box(LOOK, y, EDGE - LOOK, leaf.look, "full")
            told.append(f"{leaf.seen}，查{leaf.look}。")
            y += ROW + GAP
        parts.append(line(3, top - GAP, 3, y - GAP, "line"))
        y += GAP
    return Drawing(y - 2 * GAP + 1, parts, " ".join(told))


def box(x: float, y: float, wide: float, words: str, kind: str) -> list[str]:
    """A box with its words in the middle."""
    return [
        f'<rect class="box {kind}" x="{x:g}" y="{y:g}" width="{wide:g}" height="{ROW:g}"/>',
        text(x + wide / 2, y + 20, words, "label"),
    ]


class Ways(Drawn):
    """`{diagnose-tunnel}`."""

    def run(self) -> list[nodes.Node]:
        """The figure."""
        return self.figure(ways(), "diagnose-tunnel-ways")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.setup_extension("drawings")
    app.add_directive("diagnose-tunnel", Ways)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
