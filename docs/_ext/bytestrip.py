"""The directive `bytestrip`: every byte of a real message in its place, and a legend of the fields.

    ```{bytestrip} initiation
    世上最短的自我介绍。
    ```

The messages are those of the byte cards (bytecards.py), so a strip and a card show the same bytes.  The body
is the caption.

The rule: each byte of the message stands in the strip once, sixteen to a row, in the colour of its field; the
legend names each field with its length, in the order in which they come, for colour alone tells nothing.
"""

from collections.abc import Iterator
from typing import ClassVar
from xml.sax.saxutils import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from bytecards import CARDS, KINDS, message
from drawings import WIDTH, Drawing, Drawn, text
from glasstunnel.wireguard.annotate import Run, annotate

COLUMNS = 16
CELL, ROW = WIDTH / COLUMNS, 21.0
LEGEND, LINE = 22.0, 19.0  # from the last row to the first line of the legend, and from line to line
# The colours of bytecards.css, which hold on a light page and on a dark one.
COLOURS = {
    "header": "#7a7f87",
    "index": "#2f7fd6",
    "nonce": "#0e8f86",
    "public": "#3d9440",
    "secret": "#c4580e",
    "tag": "#a8830a",
    "mac": "#9359c8",
}


def strip(datagram: bytes) -> Drawing:
    """The drawing of a message."""
    runs = list(annotate(datagram))
    rows = -(-len(datagram) // COLUMNS)
    parts = ["".join(field(run)) for run in runs]
    y = rows * ROW + LEGEND
    for run in runs:
        parts.append("".join(entry(run, y)))
        y += LINE
    words = "；".join(f"{run.name} {run.size} 字节，{run.zh}" for run in runs)
    return Drawing(y - LINE + 8, parts, f"{len(datagram)} 字节：{words}。")


def field(run: Run) -> Iterator[str]:
    """The bytes of a field, with what it means for who points at it."""
    yield f"<g><title>{escape(f'{run.name}：{run.zh}')}</title>"
    for offset, value in enumerate(run.value, run.offset):
        row, column = divmod(offset, COLUMNS)
        yield swatch(run, column * CELL, row * ROW, CELL, ROW)
        yield text((column + 0.5) * CELL, row * ROW + 15, f"{value:02x}", "octet")
    yield "</g>"


def entry(run: Run, y: float) -> Iterator[str]:
    """A line of the legend, whose text stands on `y`."""
    yield swatch(run, 0, y - 12, CELL, 16)
    yield text(CELL / 2, y, str(run.size), "octet")
    yield text(CELL + 8, y, run.name, "node", "start")
    yield text(CELL + 84, y, run.zh, "meaning", "start")


def swatch(run: Run, x: float, y: float, width: float, height: float) -> str:
    """A rectangle in the colour of the field."""
    colour = COLOURS[KINDS[run.name]]
    return (
        f'<rect x="{x + 1:g}" y="{y + 1:g}" width="{width - 2:g}" height="{height - 2:g}" rx="2"'
        f' fill="{colour}" fill-opacity="0.2" stroke="{colour}" stroke-opacity="0.55"/>'
    )


class ByteStrip(Drawn):
    """`{bytestrip} NAME`: the bytes of one message of the scene."""

    required_arguments = 1
    option_spec: ClassVar = {}

    def run(self) -> list[nodes.Node]:
        """The drawing as a figure."""
        card = self.arguments[0]
        if card not in CARDS:
            raise self.error(f"no message is called {card!r}; there are: {', '.join(CARDS)}")
        return self.figure(strip(message(card).data), f"bytestrip-{card}")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.setup_extension("drawings")
    app.add_directive("bytestrip", ByteStrip)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
