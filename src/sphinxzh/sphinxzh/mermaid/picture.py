"""Mermaid's SVG made fit to stand in a page beside others, and in a file.

The rule: what comes out is shapes and real text with presentation attributes, and nothing that could meet the
page around it: no style sheet and no style attribute (a strict content security policy forbids both, and
Mermaid's rules would be those of the page too), no classes (which a theme has rules for), and ids only where
something is referred to, each beginning with the diagram's own name.
"""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import cssselect2
import tinycss2
from tinycss2.ast import Declaration, Node

from sphinxzh.mermaid.palette import mark

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
FONTS = "Noto Sans CJK SC, Noto Sans SC, Source Han Sans SC, PingFang SC, Microsoft YaHei, sans-serif"
# Colours that Mermaid sets whatever its theme; an author's own are in style attributes.
FIXED = {
    **dict.fromkeys(("white", "#fff", "#ffffff"), mark("back")),
    **dict.fromkeys(("black", "#000", "#000000"), mark("ink")),
    **dict.fromkeys(("#666", "#999"), mark("line")),
    "#efefef": mark("box"),
}
# How far, in em, the base of Han text lies below the line of that name.
BELOW = {"central": 0.35, "middle": 0.35, "hanging": 0.88, "text-before-edge": 0.88, "text-after-edge": -0.12}
MARGIN = 4  # around the drawing, so that no outline is cut off
# What CSS may say of a shape that an attribute may say too.  Fonts are not among them: there is one.
_PRESENTATION = re.compile(
    "clip-|color$|display$|dominant-baseline$|fill|font-(size|style|weight)$|letter-spacing$|marker-|mask$|opacity$"
    "|paint-order$|stop-|stroke|text-(anchor|decoration)$|visibility$"
)
_NEEDLESS = re.compile(r"class$|style$|font-family$|role$|name$|aria-|data-|xml:space$|look$|tabindex$")
_REFERENCE = re.compile(r"url\([\"']?#([^)\"']+)[\"']?\)")
_SIZE = re.compile(r"(-?[\d.]+)(px|em)?")
_LONG_FRACTION = re.compile(r"-?\d+\.\d{3,}")
_KEYWORDS = {"revert", "initial", "inherit", "unset"}  # of CSS; attributes do without


def picture(svg: str, name: str) -> str:
    """The SVG of Mermaid as a self-contained drawing; `name` is unique to it."""
    root = ET.fromstring(svg)  # noqa: S314  # written by Mermaid in this process
    _style(root)
    _settle(root, 16.0, "")
    _name(root, name)
    _frame(root)
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, _LONG_FRACTION.sub(lambda found: f"{float(found[0]):.2f}", value))
    return _written(root)


def text_of(drawing: str) -> list[str]:
    """The labels in a drawing, in its order."""
    root = ET.fromstring(drawing)  # noqa: S314  # as above
    labels = (" ".join("".join(text.itertext()).split()) for text in root.iter(_tag("text")))
    return [label for label in labels if label]


# The style sheet


def _style(root: ET.Element) -> None:
    """Turn the style sheet and the style attributes into presentation attributes."""
    sheet = "".join(style.text or "" for style in root.iter(_tag("style")))
    rules = _rules(sheet)
    for wrapped in cssselect2.ElementWrapper.from_xml_root(root).iter_subtree():
        element = wrapped.etree_element
        for key in ("fill", "stroke"):
            if element.get(key, "").lower() in FIXED:
                element.set(key, FIXED[element.attrib[key].lower()])
        said = list(_declarations(element.get("style", "")))
        matched = [declarations for *_, declarations in rules.match(wrapped)]
        ordered = [*(declaration for group in matched for declaration in group), *said]
        for declaration in sorted(ordered, key=lambda declaration: bool(declaration.important)):
            value = tinycss2.serialize(declaration.value).strip()
            if _PRESENTATION.match(declaration.lower_name) and value not in _KEYWORDS:
                element.set(declaration.lower_name, value)
        for key in [key for key in element.attrib if _NEEDLESS.match(key)]:
            del element.attrib[key]
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (_tag("style"), _tag("title"), _tag("desc")):
                parent.remove(child)


def _rules(sheet: str) -> Any:
    rules = cssselect2.Matcher()
    for rule in tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True):
        if rule.type != "qualified-rule":
            continue  # animations
        try:
            selectors = cssselect2.compile_selector_list(rule.prelude)
        except cssselect2.SelectorError:
            continue  # of a kind that only a live page has
        declarations = list(_declarations(rule.content))
        for selector in selectors:
            if selector.pseudo_element is None:
                rules.add_selector(selector, declarations)
    return rules


def _declarations(content: str | list[Node]) -> Iterator[Declaration]:
    for node in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        if node.type == "declaration":
            yield node


# The base of the text


def _settle(element: ET.Element, size: float, baseline: str) -> None:
    """Say with numbers where text has its base, since programs differ in what they know of baselines."""
    if found := _SIZE.fullmatch(element.get("font-size", "")):
        size = float(found[1]) * (size if found[2] == "em" else 1)
    baseline = element.attrib.pop("dominant-baseline", baseline)
    element.attrib.pop("alignment-baseline", None)
    lower = BELOW.get(baseline, 0.0) * size
    placed = element.tag == _tag("text") or (element.tag == _tag("tspan") and "y" in element.attrib)
    if lower and placed and (found := _SIZE.fullmatch(element.get("y", "0"))):
        y = float(found[1]) * (size if found[2] == "em" else 1)
        element.set("y", f"{y + lower:.2f}")
    for child in element:
        _settle(child, size, baseline)


# Names and the frame


def _name(root: ET.Element, name: str) -> None:
    """Keep the ids that something refers to, under names of this drawing."""
    used: dict[str, str] = {}
    for element in root.iter():
        for key, value in element.attrib.items():
            found = _REFERENCE.findall(value)
            if key in ("href", f"{{{XLINK}}}href") and value.startswith("#"):
                found.append(value[1:])
            for old in found:
                used.setdefault(old, f"{name}-{len(used)}")
    for element in root.iter():
        old = element.attrib.pop("id", "")
        for key, value in element.attrib.items():
            new = _REFERENCE.sub(lambda found: f"url(#{used[found[1]]})", value)
            if key in ("href", f"{{{XLINK}}}href") and value.startswith("#"):
                new = f"#{used[value[1:]]}"
            element.set(key, new)
        if old in used:
            element.set("id", used.pop(old))
            used[old] = element.attrib["id"]


def _frame(root: ET.Element) -> None:
    """Give it its size in pixels, and the font of all its text."""
    x, y, width, height = (float(number) for number in root.attrib["viewBox"].split())
    x, y, width, height = x - MARGIN, y - MARGIN, width + 2 * MARGIN, height + 2 * MARGIN
    root.attrib.update(
        {
            "viewBox": f"{x:.2f} {y:.2f} {width:.2f} {height:.2f}",
            "width": f"{width:.0f}",
            "height": f"{height:.0f}",
            "font-family": FONTS,
        }
    )


def _tag(name: str) -> str:
    return f"{{{SVG}}}{name}"


def _written(root: ET.Element) -> str:
    """As text in which SVG is the default namespace."""
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    return ET.tostring(root, encoding="unicode")
