"""The colours of a diagram: each stands for a role, and what it looks like is settled where it is shown.

The rule: Mermaid is given colours that no one would choose, one for each role, and computes with them as it
likes; in its drawing they are then replaced: on a page by CSS variables, which the style sheet sets for light
and for dark, on paper by the light values.  A colour that the author wrote in the diagram stays as it is.
"""

import re
from typing import Any

# Role: its look in light, which is also the paper's.  static/sphinxzh-mermaid.css has the dark ones.
LIGHT = {
    "back": "#ffffff",  # behind everything
    "ink": "#1b1f24",  # text
    "line": "#57606a",  # arrows, lifelines, axes
    "box": "#e6f0f7",  # nodes, participants, states
    "edge": "#3b6f94",  # their outlines
    "group": "#f3f5f7",  # what holds several of them
    "note": "#fff4c9",
    "warn": "#b3261e",  # critical, wrong
    # What a diagram only tells apart by colour; the text on all of them is ink.
    "series-0": "#a9d0ee",
    "series-1": "#f6cfa3",
    "series-2": "#b5dfb5",
    "series-3": "#e6c0e0",
    "series-4": "#f3e19a",
    "series-5": "#b3dfdc",
    "series-6": "#f3bcbc",
    "series-7": "#cfc9ef",
}
# The first rule that a variable of Mermaid's theme matches by its name gives its role.
ROLES = [
    (r"(?i)note(bkg|background)", "note"),
    (r"(?i)noteborder", "line"),
    (r"(?i)^(crit|today|cliff|evolution)", "warn"),
    (r"(?i)sequenceNumber", "back"),
    (
        r"(?i)(text|label|title)(color|fill)?\d*$|^cScaleInv|^gitInv|quadrantPoint",
        "ink",
    ),
    (r"(?i)line|arrow|signal|axis|grid|transition|relationColor|specialState|stroke$|edge(?!Label)", "line"),
    (r"(?i)border|stroke|cScalePeer|surfacePeer|innerEnd|gradient", "edge"),
    (r"^(?:cScale|git|pie|venn|fillType|surface|quadrant)(\d+)", "series-"),
    (r"(?i)cluster|tertiary|alt|even|section|composite(?!Title)|rect|swimlane|graticule", "group"),
    (r"(?i)^background|edgeLabelBackground|labelBackground$|relationLabel|backgroundColor$", "back"),
    (r"(?i)colou?r|bkg|bg$|fill|background|odd|box|pie|peer|stateBkg", "box"),
]
# Of a part of the theme that Mermaid's own list of variables does not name.
PACKET = {
    **dict.fromkeys(("startByteColor", "endByteColor", "labelColor", "titleColor"), "ink"),
    "blockStrokeColor": "edge",
    "blockFillColor": "box",
}
_NUMBER = {role: number for number, role in enumerate(LIGHT)}
_SERIES = sum(role.startswith("series-") for role in LIGHT)
_MARK = re.compile(r"#b1a7([0-9a-f]{2})\b|rgb\(177, ?167, ?(\d+)\)")
_IS_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}$|(rgb|hsl)a?\(|[a-z]+$")
_NO_COLOUR = re.compile(r"(?i)font|size|width|opacity|weight|radius|shadow|limit|useGradient")


def mark(role: str) -> str:
    """The colour that stands for a role."""
    return f"#b1a7{_NUMBER[role]:02x}"


def role_of(name: str) -> str | None:
    """The role of a variable of Mermaid's theme."""
    for pattern, role in ROLES:
        if found := re.search(pattern, name):
            return f"{role}{int(found[1]) % _SERIES}" if role == "series-" else role
    return None


def theme(variables: dict[str, Any]) -> dict[str, Any]:
    """The theme: every colour among Mermaid's variables is the mark of its role."""
    ours: dict[str, Any] = {"packet": {name: mark(role) for name, role in PACKET.items()}}
    for name, value in variables.items():
        if isinstance(value, dict):
            ours[name] = theme(value)
        elif name == "plotColorPalette":
            ours[name] = ",".join(mark(f"series-{i}") for i in range(_SERIES))
        elif isinstance(value, str) and _IS_COLOUR.match(value) and not _NO_COLOUR.search(name):
            role = role_of(name)
            ours[name] = mark(role) if role else value
    return ours


def on_page(svg: str) -> str:
    """With a CSS variable for each role."""
    return _MARK.sub(lambda found: f"var(--sphinxzh-mermaid-{_role(found)}, {LIGHT[_role(found)]})", svg)


def on_paper(svg: str) -> str:
    """With the light colours."""
    return _MARK.sub(lambda found: LIGHT[_role(found)], svg)


def _role(found: re.Match[str]) -> str:
    return list(LIGHT)[int(found[1], 16) if found[1] else int(found[2])]
