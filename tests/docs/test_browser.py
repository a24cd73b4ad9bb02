"""The built site in a browser, from a folder as a reader opens it, with no network."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browsing import opened, served
from tests.docs.pages import DOCS, ROOT, book
from tests.docs.site import built

pytestmark = pytest.mark.browser

FOOTER = ("CC BY-SA 4.0", "MIT", "未经安全审计", "Jason A. Donenfeld")

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


def pages(folder: str) -> list[Path]:
    """Every page of a build but those that have tests of their own; none when there is no build."""
    apart = ("search.html", "404.html")
    return sorted(path for path in (ROOT / "_build" / folder).rglob("*.html") if path.name not in apart)


def test_the_navigation_of_the_first_page_leads_to_every_page_of_the_book(browser: Browser) -> None:
    start = built("html/index.html")
    with opened(browser) as (page, _):
        page.goto(start.as_uri())
        links = page.eval_on_selector_all(
            "nav a[href], header a[href]", "links => links.map(link => link.href)"
        )
    reached = {link.partition("#")[0] for link in links}
    expected = {start.parent / path.relative_to(DOCS).with_suffix(".html") for path in book()}
    assert {path.as_uri() for path in expected} - reached == set()


@pytest.mark.parametrize("folder", ["html", "singlehtml"])
def test_every_page_opens_without_trouble_and_fits_a_desk_and_a_hand(folder: str, browser: Browser) -> None:
    assert built(f"{folder}/index.html") in pages(folder)
    for path in pages(folder):
        with opened(browser, viewport={"width": 1280, "height": 800}) as (page, troubles):
            page.goto(path.as_uri())
            assert page.inner_text("h1").strip("\uf0c1 "), path
            assert page.get_attribute("html", "lang") == "zh-CN", path
            for width in (1280, 360):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            footer = page.inner_text("footer")
            assert [word for word in FOOTER if word not in footer] == [], path
            assert troubles.all() == [], path


def test_chinese_is_rendered_and_not_boxes(browser: Browser) -> None:
    with opened(browser) as (page, _):
        page.goto(built("html/index.html").as_uri())
        assert page.inner_text("h1").startswith("玻璃隧道")
        assert page.evaluate(LOOK_DIFFERENT, ["握", "手"])
        assert not page.evaluate(LOOK_DIFFERENT, ["\U0003fff0", "\U0003fff1"])  # no font has these


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
