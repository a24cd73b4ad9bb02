"""Runs Mermaid itself, in the embedded engine of mermaidx, and asks it what it has drawn and understood.

The rule: one source gives one answer, whatever fonts the machine has.  mermaidx measures text with DejaVu
Sans, which has no Han character: it takes each for 0.6 em wide, and their boxes come out too narrow.  Here a
character that a Chinese font draws in a square is one em wide, and all others are as wide as in DejaVu Sans,
which is wider than the fonts that readers have: so a label fits its box in the browser and on paper.
"""

import json
import unicodedata
from functools import lru_cache
from itertools import groupby
from os import getpid
from pathlib import Path
from typing import Any

from mermaidx.engines._common import MermaidRenderError, TextMeasurer, run_event_loop
from mermaidx.engines.quickjs_engine import Engine

from sphinxzh.mermaid.palette import theme

DESCRIBE = (Path(__file__).parent / "describe.js").read_text("utf-8")
NAMES = "mermaid.initialize({theme: 'base'}); JSON.stringify(mermaid.mermaidAPI.getConfig().themeVariables)"
# Labels are SVG text, not HTML in a <foreignObject>, which only browsers draw.
CONFIG = {
    "htmlLabels": False,
    "flowchart": {
        "htmlLabels": False,
        "diagramPadding": 0,
        "wrappingWidth": 260,
        "subGraphTitleMargin": {"top": 6, "bottom": 6},
    },
    # Close together, so that two or three participants are no wider than a phone.
    "sequence": {
        "mirrorActors": False,
        "diagramMarginX": 0,
        "diagramMarginY": 0,
        "actorMargin": 24,
        "width": 110,
        "height": 44,
        "wrapPadding": 6,
    },
    "journey": {"textPlacement": "old"},
    "timeline": {"textPlacement": "old"},
    "deterministicIds": True,
    "handDrawnSeed": 1,
}
SQUARE = (0.0, 1.0, -0.88, 0.12)  # left, right, top and bottom of a Han character, in em from its base


class MermaidSyntaxError(Exception):
    """Mermaid cannot read the source; the message is its own."""


def is_square(character: str) -> bool:
    """Whether a Chinese font draws it in a square: Han, full-width signs, and marks such as “ … — ①."""
    width = unicodedata.east_asian_width(character)
    return width in "WF" or (width == "A" and unicodedata.category(character)[0] not in "LM")


class Measurer(TextMeasurer):  # type: ignore[misc]  # the library has no types
    """Measures a line of text for Mermaid."""

    def width(self, text: str, size: Any, family: Any, weight: Any, style: Any) -> float:
        """Of the whole line, in pixels."""
        return float(self.full(text, size, family, weight, style)["width"])

    def full(self, text: str, size: Any, family: Any, weight: Any, style: Any) -> dict[str, float]:
        """The width, and how far the line reaches above and below its base."""
        font: dict[str, float] = super().full("", size, family, weight, style)
        width = 0.0
        for square, run in self._runs(text):
            if square:
                width += len(run) * em(size)
            else:
                width += super().full(run, size, family, weight, style)["width"]
        return {**font, "width": width}

    def glyphs(self, text: str, size: Any, family: Any, weight: Any, style: Any) -> list[list[float]]:
        """Where each character with ink begins, and from there the ink's left, right, top and bottom."""
        found: list[list[float]] = []
        at = 0.0
        for square, run in self._runs(text):
            if square:
                found += [[at + i * em(size), *(part * em(size) for part in SQUARE)] for i in range(len(run))]
            else:
                boxes = super().glyphs(run, size, family, weight, style)
                found += [[at + begin, *ink] for begin, *ink in boxes]
            at += self.width(run, size, family, weight, style)
        return found

    def _runs(self, text: str | None) -> list[tuple[bool, str]]:
        return [(square, "".join(run)) for square, run in groupby(text or "", is_square)]


def em(size: Any) -> float:
    """The size of a font as Mermaid gives it."""
    return float(size or 16)


class Mermaid(Engine):  # type: ignore[misc]  # the library has no types
    """The engine of mermaidx with our measures, which also tells what a diagram says."""

    def draw(self, source: str) -> tuple[str, dict[str, Any]]:
        """The SVG of Mermaid, and what its parser understood (see describe.js)."""
        self.start()
        done: tuple[str, dict[str, Any]] = self._executor.submit(self._draw, source).result()
        return done

    def _init_context(self) -> None:
        super()._init_context()
        self._measurer = Measurer()

    def _draw(self, source: str) -> tuple[str, dict[str, Any]]:
        self._ensure_fresh_context()
        names = json.loads(self._ctx.eval(NAMES))
        config = {**CONFIG, "themeVariables": theme(names)}
        try:
            svg = self._render_svg_sync(source, "base", config, None)
        except MermaidRenderError as error:
            raise MermaidSyntaxError(str(error)) from error
        self._ctx.eval(f"globalThis.__renderResult = null; ({DESCRIBE})({json.dumps(source)});")
        run_event_loop(self._ctx.eval, self._run_job)
        return svg, json.loads(self._ctx.eval("__flat(globalThis.__renderResult)"))


@lru_cache(maxsize=1)
def _of_process(_process: int) -> Mermaid:
    return Mermaid()


def engine() -> Mermaid:
    """The engine of this process: a parallel build forks, and a thread does not survive that."""
    return _of_process(getpid())
