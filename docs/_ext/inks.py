"""The colours of code: one table of inks, by day and by night.

The rule: an ink stands once.  From the table come the two Pygments styles (`inks.Day` is that of the PDF)
and the style sheet of the site, in which every colour is a `light-dark()`, so that code follows the page's
color-scheme and no second sheet is loaded.  Against its ground each ink has a contrast of at least 4.5 to 1,
which tests/docs/test_theme.py computes.
"""

from collections import defaultdict
from typing import ClassVar

from pygments.style import Style
from pygments.token import (
    STANDARD_TYPES,
    Comment,
    Error,
    Generic,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Token,
)

GROUND = ("#f4f8f9", "#10191e")
CHOSEN = ("#fff3d6", "#2c2a1c")  # the ground of emphasized lines
# By day, by night, and how it is set.
INKS = {
    Token: ("#1d2b31", "#d5e0e4", ""),
    Comment: ("#5a6a71", "#8fa3ab", ""),
    Keyword: ("#7a2e86", "#d7a9ea", ""),
    Keyword.Constant: ("#9a4a00", "#f0b27a", ""),
    Name.Builtin: ("#0b6472", "#7fd3de", ""),
    Name.Builtin.Pseudo: ("#7a2e86", "#d7a9ea", ""),
    Name.Function: ("#0b5a8a", "#86c5f4", ""),
    Name.Class: ("#0b5a8a", "#86c5f4", "bold"),
    Name.Exception: ("#a4262c", "#ff9d94", ""),
    Name.Decorator: ("#7a4a00", "#e5c07b", ""),
    Name.Tag: ("#0b5a8a", "#86c5f4", ""),
    Name.Attribute: ("#0b6472", "#7fd3de", ""),
    Name.Variable: ("#0b6472", "#7fd3de", ""),
    String: ("#2a6a30", "#9ad29a", ""),
    String.Escape: ("#9a4a00", "#f0b27a", ""),
    String.Interpol: ("#9a4a00", "#f0b27a", ""),
    Number: ("#9a4a00", "#f0b27a", ""),
    Operator: ("#47565d", "#b9c8ce", ""),
    Operator.Word: ("#7a2e86", "#d7a9ea", ""),
    Punctuation: ("#47565d", "#b9c8ce", ""),
    Generic.Prompt: ("#5a6a71", "#8fa3ab", "bold"),
    Generic.Output: ("#4a5a61", "#aebdc3", ""),
    Generic.Traceback: ("#a4262c", "#ff9d94", ""),
    Generic.Error: ("#a4262c", "#ff9d94", ""),
    Generic.Deleted: ("#a4262c", "#ff9d94", ""),
    Generic.Inserted: ("#2a6a30", "#9ad29a", ""),
    Generic.Heading: ("#0b5a8a", "#86c5f4", "bold"),
    Error: ("#a4262c", "#ff9d94", ""),
}


class Day(Style):  # type: ignore[misc]  # Pygments has no types
    """Dark inks on light ground."""

    background_color = GROUND[0]
    highlight_color = CHOSEN[0]
    styles: ClassVar = {token: f"{how} {day}" for token, (day, _, how) in INKS.items()}


class Night(Style):  # type: ignore[misc]
    """Light inks on dark ground."""

    background_color = GROUND[1]
    highlight_color = CHOSEN[1]
    styles: ClassVar = {token: f"{how} {night}" for token, (_, night, how) in INKS.items()}


def sheet() -> str:
    """Both styles as one style sheet, in place of the pygments.css that Sphinx writes."""
    rules: dict[str, list[str]] = defaultdict(list)
    for token, name in STANDARD_TYPES.items():
        day, night = Day.style_for_token(token), Night.style_for_token(token)
        weight = "; font-weight: bold" if day["bold"] else ""
        selector = f".highlight .{name}" if name else ".highlight"
        rules[f"color: {both(day['color'], night['color'])}{weight}"].append(selector)
    grounds = (
        f".highlight {{ background: {both(*GROUND)} }}",
        f".highlight .hll {{ display: block; background: {both(*CHOSEN)} }}",
    )
    inks = (f"{', '.join(selectors)} {{ {declarations} }}" for declarations, selectors in rules.items())
    return "\n".join([*grounds, *inks, ""])


def both(day: str | None, night: str | None) -> str:
    """A colour that follows color-scheme."""
    return "light-dark({}, {})".format(*(f"#{(ink or '').lstrip('#')}" for ink in (day, night)))
