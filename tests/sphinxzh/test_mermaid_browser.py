"""Diagrams in a browser: labels in their boxes, contrast in light and dark, phones, and a strict policy."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browsing import opened, served
from tests.sphinxzh.diagrams import INDEX, OTHER, made, site

pytestmark = pytest.mark.browser

THEMES = ("sphinx_rtd_theme", "furo", "alabaster")
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'"

# Each label with what is painted right under it, and where both are.  A label's height is that of its glyphs.
LABELS = """async () => {
  await document.fonts.ready;
  const shapes = "rect, polygon, circle, ellipse, path";
  return [...document.querySelectorAll(".sphinxzh-mermaid svg text")]
    .filter((text) => text.textContent.trim()).map((text) => {
      text.scrollIntoView({ block: "center", inline: "center" });
      const box = text.getBoundingClientRect();
      const under = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2)
        .filter((element) => element.ownerSVGElement && element.matches(shapes)
          && !["none", "rgba(0, 0, 0, 0)"].includes(getComputedStyle(element).fill))[0];
      const ground = under ?? text.closest(".sphinxzh-mermaid");
      const edge = ground.getBoundingClientRect();
      const style = getComputedStyle(text.querySelector("tspan") ?? text);
      return {
        text: text.textContent.trim(), color: style.fill, size: parseFloat(style.fontSize),
        boxed: Boolean(under), ground: getComputedStyle(ground)[under ? "fill" : "backgroundColor"],
        left: box.left - edge.left, right: edge.right - box.right,
        page: getComputedStyle(document.body).backgroundColor,
      };
    });
}"""
IN_BOXES = {
    *("发起方", "响应方", "会话“开始”"),
    *("空闲", "等待", "五秒后重试", "已确认"),
    *("判断吗", "数据库", "圆", "wg_noise_init 旗"),
    *("密钥对", "+加密(明文) : 密文"),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of a site with diagrams."""
    return site(tmp_path_factory.mktemp("mermaid") / "site", {"index": INDEX, "other": OTHER})


@pytest.fixture(scope="module")
def built(source: Path) -> dict[str, Path]:
    """The site in each theme."""
    return {theme: made(source, source.parent / theme, "-D", f"html_theme={theme}") for theme in THEMES}


def labels(page: Page) -> list[dict[str, Any]]:
    """What the page shows of its diagrams' text."""
    found: list[dict[str, Any]] = page.evaluate(LABELS)
    assert len(found) > 30
    return found


def luminance(color: str) -> float:
    """Relative luminance of a colour such as rgb(1, 2, 3), by WCAG 2."""
    parts = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio by WCAG 2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_labels_fit_their_boxes(built: dict[str, Path], browser: Browser) -> None:
    with opened(browser) as (page, troubles):
        page.goto((built["alabaster"] / "index.html").as_uri())
        boxed = [label for label in labels(page) if label["boxed"]]
        assert {label["text"] for label in boxed} >= IN_BOXES
        assert {label["text"]: label for label in boxed if min(label["left"], label["right"]) < 0} == {}
        family = page.eval_on_selector(".sphinxzh-mermaid text", "text => getComputedStyle(text).fontFamily")
        assert family.startswith('"Noto Sans CJK SC"')
        assert troubles.all() == []


@pytest.mark.parametrize("system", ["light", "dark"])
@pytest.mark.parametrize("theme", THEMES)
def test_text_stands_out_in_light_and_in_dark(
    theme: str, system: str, built: dict[str, Path], browser: Browser
) -> None:
    with opened(browser, color_scheme=system) as (page, troubles):
        page.goto((built[theme] / "index.html").as_uri())
        found = labels(page)
        faint = {label["text"]: label for label in found if contrast(label["color"], label["ground"]) < 4.5}
        assert faint == {}
        # the diagram is dark where the page is, and only there: two of the themes know no dark
        dark = theme == "furo" and system == "dark"
        assert {luminance(label["color"]) > 0.5 for label in found} == {dark}
        assert (luminance(found[0]["page"]) < 0.1) is dark or theme == "sphinx_rtd_theme"
        assert troubles.all() == []


def test_the_attribute_of_a_switch_decides_and_paper_is_light(
    built: dict[str, Path], browser: Browser
) -> None:
    ink = "getComputedStyle(document.querySelector('.sphinxzh-mermaid text')).fill"
    with opened(browser, color_scheme="dark") as (page, _):
        page.goto((built["sphinx_rtd_theme"] / "index.html").as_uri())
        light = page.evaluate(ink)
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        assert page.evaluate(ink) != light
        page.emulate_media(media="print")
        assert page.evaluate(ink) == light
        page.emulate_media(media="screen")
        page.evaluate("document.documentElement.dataset.theme = 'light'")
        assert page.evaluate(ink) == light


def test_diagrams_follow_a_page_that_declares_its_color_scheme(
    built: dict[str, Path], browser: Browser
) -> None:
    ink = "getComputedStyle(document.querySelector('.sphinxzh-mermaid text')).fill"
    with opened(browser, color_scheme="dark") as (page, _):
        page.goto((built["alabaster"] / "index.html").as_uri())
        light = page.evaluate(ink)
        page.evaluate("document.documentElement.style.colorScheme = 'light dark'")
        assert page.evaluate(ink) != light


@pytest.mark.parametrize("theme", THEMES)
def test_on_a_phone_a_wide_diagram_scrolls_in_its_own_box(
    theme: str, built: dict[str, Path], browser: Browser
) -> None:
    with opened(browser, viewport={"width": 360, "height": 800}) as (page, _):
        page.goto((built[theme] / "index.html").as_uri())
        wide = page.locator(".sphinxzh-mermaid", has=page.locator("svg", has_text="很宽的流程图"))
        box = wide.evaluate("(box) => [box.scrollWidth > box.clientWidth, box.getBoundingClientRect().right]")
        assert box[0]
        assert box[1] <= 360
        wide.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("(box) => box.scrollLeft > 0", arg=wide.element_handle())
        sideways = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
        assert page.evaluate(sideways) == 0
        sequence = page.locator(".sphinxzh-mermaid").first
        assert sequence.evaluate("(box) => box.scrollWidth <= box.clientWidth + 60")


def test_a_screen_reader_hears_the_name_and_the_words(built: dict[str, Path], browser: Browser) -> None:
    with opened(browser) as (page, _):
        page.goto((built["alabaster"] / "index.html").as_uri())
        sequence = page.get_by_role("img", name="时序图 发起方向响应方：发起消息，148 字节", exact=False)
        assert sequence.count() == 1
        assert page.get_by_role("img", name="很宽的流程图", exact=True).count() == 1
        assert page.get_by_role("group", name="状态图").count() == 1


def test_diagrams_look_the_same_under_a_strict_policy(built: dict[str, Path], browser: Browser) -> None:
    with served(built["alabaster"]) as address, opened(browser) as (page, troubles):

        def strict(route: Route) -> None:
            answer = route.fetch()
            route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": POLICY})

        page.goto(f"{address}/index.html")
        diagram = page.locator(".sphinxzh-mermaid").first
        before = diagram.screenshot()
        page.route("**/*", strict)
        page.goto(f"{address}/index.html")
        assert diagram.screenshot() == before
        assert [line for line in troubles.logged if "mermaid" in line.lower()] == []
        assert page.locator(".sphinxzh-mermaid [style]").count() == 0


def test_the_single_page_shows_every_diagram(source: Path, browser: Browser) -> None:
    single = made(source, source.parent / "single", builder="singlehtml")
    with opened(browser, color_scheme="dark") as (page, troubles):
        page.goto((single / "index.html").as_uri())
        assert page.locator(".sphinxzh-mermaid svg").count() == 6
        assert [label for label in labels(page) if contrast(label["color"], label["ground"]) < 4.5] == []
        assert troubles.all() == []
