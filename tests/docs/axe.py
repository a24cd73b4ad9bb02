"""axe-core on a page: what the rules of accessibility are broken by, and where.

The rule: what axe-core counts as a violation is one, by WCAG 2.2 A and AA and by good practice; no rule is
switched off.  axe-core comes from npm by the committed lock file tests/axe/package-lock.json:

    npm ci --prefix tests/axe
"""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.docs.pages import ROOT

FOLDER = ROOT / "tests" / "axe"
SCRIPT = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
# What the page looks like: the window's size and the system's colours.
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 780}, "color_scheme": "light", "has_touch": True},
}
RUN = """async () => {
  const options = { resultTypes: ["violations"], rules: { "target-size": { enabled: true } } };
  const { violations } = await axe.run(document, options);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
    `${id}: ${target.join(" ")}: ${failureSummary.replaceAll(/\\s+/g, " ")}`));
}"""
# Colours of text in inline SVG, which axe-core takes for those of HTML: the fill of what holds the text
# against those of the shapes under its middle, over the ground of the page.
DRAWN = """() => {
  const channels = (colour) => {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
    return { colour: [red, green, blue], alpha: alpha / 255 };
  };
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((value) => value / 255)
      .map((share) => (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const over = (ground, shape) => {
    const { fill, fillOpacity, opacity } = getComputedStyle(shape);
    const { colour, alpha } = channels(fill);
    const share = alpha * fillOpacity * opacity;
    return colour.map((value, i) => share * value + (1 - share) * ground[i]);
  };
  const under = (text) => {
    text.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const { left, top, width, height } = text.getBoundingClientRect();
    return document.elementsFromPoint(left + width / 2, top + height / 2)
      .filter((shape) => shape.ownerSVGElement && !shape.closest("text"))
      .filter((shape) => getComputedStyle(shape).fill !== "none")
      .reduceRight(over, channels(getComputedStyle(document.body).backgroundColor).colour);
  };
  return [...document.querySelectorAll("main svg :is(text, tspan)")]
    .filter(({ childNodes }) => [...childNodes].some((node) => node.nodeName === "#text" && node.data.trim()))
    .map((text) => {
      const below = under(text);
      const [ink, ground] = [luminance(over(below, text)), luminance(below)];
      return [text.textContent, (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05)];
    });
}"""


def script() -> Path:
    """axe-core.  Without it the test is skipped; in the gates, which install it, it fails."""
    if not SCRIPT.exists():
        message = "axe-core is missing; npm ci --prefix tests/axe"
        if os.environ.get("GLASSTUNNEL_GATES"):
            pytest.fail(message)
        pytest.skip(message)
    return SCRIPT


def violations(page: Page) -> list[str]:
    """What axe-core finds on a page, as `rule: place: reason`."""
    page.add_script_tag(path=script())
    found: list[str] = page.evaluate(RUN)
    return found


def faint(page: Page) -> list[str]:
    """Text in drawings whose contrast is less than 4.5 to 1."""
    return [f"{text}: {ratio:.2f}" for text, ratio in page.evaluate(DRAWN) if ratio < 4.5]
