"""The directive `timer-states`: a state diagram of one timer, from `glasstunnel.wireguard.timers.TABLE`.

    ```{timer-states} RETRANSMIT_HANDSHAKE
    :caption: 一个定时器
    ```

The rule: every arrow is an occasion of the table, and no occasion of the table is left out.
"""

from collections.abc import Iterator

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from glasstunnel.wireguard.timers import TABLE, Occasion, Rule, Timer
from sphinxzh.mermaid import Mermaid

OFF, ON = "停", "走"
TOLD = {
    Occasion.SENT: "发出任何消息",
    Occasion.SENT_DATA: "发出数据",
    Occasion.RECEIVED: "收到任何消息",
    Occasion.RECEIVED_DATA: "收到数据",
    Occasion.INITIATED: "发出发起消息",
    Occasion.DERIVED: "得出密钥对",
    Occasion.COMPLETED: "会话成立",
    Occasion.GAVE_UP: "放弃重试",
}


def arrows(rule: Rule) -> Iterator[tuple[str, str, str]]:
    """From which state to which, and upon what."""
    for occasion in Occasion:
        starts, cancels = occasion & rule.starts, occasion & rule.cancels
        if starts or occasion & rule.waits:
            yield OFF, ON, TOLD[occasion]
        if starts:
            yield ON, ON, TOLD[occasion]
        elif cancels:
            yield ON, OFF, TOLD[occasion]
    yield ON, OFF, f"到时：{rule.action}"


def diagram(rule: Rule) -> str:
    """The diagram, in Mermaid's notation."""
    lines = [f"{start} --> {end}: {told}" for start, end, told in arrows(rule)]
    return "\n".join(["stateDiagram-v2", "direction LR", f"[*] --> {OFF}", *lines])


class TimerStates(Mermaid):
    """`timer-states`, with the name of a `Timer`."""

    has_content = False
    required_arguments = 1
    optional_arguments = 0

    def source(self) -> tuple[str, str, int]:
        """The diagram of the timer that the argument names."""
        try:
            timer = Timer[self.arguments[0]]
        except KeyError:
            names = ", ".join(Timer.__members__)
            raise self.error(f"timer-states: expected one of {names}, not {self.arguments[0]}") from None
        place, line = self.get_source_info()
        return diagram(TABLE[timer]), place, line


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.setup_extension("sphinxzh.mermaid")
    app.add_directive("timer-states", TimerStates)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
