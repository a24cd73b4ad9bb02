"""The built site in a browser, from a folder as a reader opens it, with no network."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browsing import opened, served
from tests.docs.site import built

pytestmark = pytest.mark.browser

# Whether two characters look different, and so are not both the box of a missing glyph.
LOOK_DIFFERENT = """([one, other]) => {
  const drawn = (character) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 64;
    const context = canvas.getContext("2d");
    context.font = "48px " + getComputedStyle(document.querySelector("h1")).fontFamily;
    context.fillText(character, 4, 52);
    return canvas.toDataURL();
  };
  return drawn(one) !== drawn(other);
}"""


def sidebar(browser: Browser, start: Path) -> list[str]:
    """The pages that the navigation of the first page leads to, as addresses without fragments."""
    with opened(browser) as (page, _):
        page.goto(start.as_uri())
        links = page.eval_on_selector_all("nav a[href]", "links => links.map(link => link.href)")
        return sorted({link.partition("#")[0] for link in links if link.startswith("file:")})


@pytest.mark.parametrize("folder", ["html", "singlehtml"])
def test_every_page_of_the_navigation_opens_without_trouble(folder: str, browser: Browser) -> None:
    start = built(f"{folder}/index.html")
    pages = sidebar(browser, start)
    assert start.as_uri() in pages
    if folder == "html":
        assert len(pages) >= 2
    for address in pages:
        with opened(browser) as (page, troubles):
            page.goto(address)
            assert page.inner_text("h1").strip("\uf0c1 ")
            assert page.get_attribute("html", "lang") == "zh-CN"
            assert troubles.all() == [], address


def test_chinese_is_rendered_and_not_boxes(browser: Browser) -> None:
    with opened(browser) as (page, _):
        page.goto(built("html/index.html").as_uri())
        assert page.inner_text("h1").startswith("玻璃隧道")
        assert page.evaluate(LOOK_DIFFERENT, ["握", "手"])
        assert not page.evaluate(LOOK_DIFFERENT, ["\U0003fff0", "\U0003fff1"])  # no font has these


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_scrolls_sideways(width: int, browser: Browser) -> None:
    for address in sidebar(browser, built("html/index.html")):
        with opened(browser, viewport={"width": width, "height": 800}) as (page, _):
            page.goto(address)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_the_licence_and_the_trademark_stand_under_every_page(browser: Browser) -> None:
    for address in sidebar(browser, built("html/index.html")):
        with opened(browser) as (page, _):
            page.goto(address)
            footer = page.inner_text("footer")
            assert "CC BY-SA 4.0" in footer
            assert "MIT" in footer
            assert "Jason A. Donenfeld" in footer


@pytest.mark.parametrize("query", ["握手", "handshake", "术语"])
def test_the_search_page_answers(query: str, browser: Browser) -> None:
    with served(built("html")) as address, opened(browser) as (page, troubles):
        page.goto(f"{address}/search.html?q={query}")
        page.wait_for_selector("#search-results ul.search li")
        page.wait_for_load_state("networkidle")
        assert troubles.all() == []


def test_a_page_in_trouble_is_noticed(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<script>missing()</script><script>console.error('x')</script><img src='gone.png'>"
        "<script src='https://cdn.example.invalid/x.js'></script>",
        "utf-8",
    )
    with opened(browser) as (page, troubles):
        page.goto((tmp_path / "a.html").as_uri())
        assert "missing is not defined" in troubles.thrown
        assert "x" in troubles.logged
        assert any(address.endswith("gone.png") for address in troubles.failed)
        assert troubles.outside == ["https://cdn.example.invalid/x.js"]
