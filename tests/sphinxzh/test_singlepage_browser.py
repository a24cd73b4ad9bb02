"""The single page in a browser: where links lead, and how the sidebar follows the reader."""

import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import be_strict, opened, served
from tests.docs.site import built
from tests.sphinxzh.sites import SITE, build

pytestmark = pytest.mark.browser

THEMES = ("sphinx_rtd_theme", "furo", "alabaster")
DESK = {"width": 1440, "height": 600}
MARKED = 'a[aria-current="location"]'
# For each link in the page: where it leads must be one element.
ASTRAY = """() => [...document.querySelectorAll('a[href^="#"]')].map((link) => link.hash.slice(1))
  .filter(Boolean).map(decodeURIComponent)
  .filter((name) => document.querySelectorAll(`[id="${CSS.escape(name)}"]`).length !== 1)"""
# For each entry of the sidebar: what it leads to must begin with what it says.
MISNAMED = """(menu) => [...document.querySelectorAll(`${menu} a[href^="#"]`)].filter((link) => {
    let target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (target?.childNodes.length === 0) target = target.nextElementSibling;
    const plain = (text) => text.replace(/\\s/g, "");
    return link.hash && !plain(target.textContent).startsWith(plain(link.textContent).replace("()", ""));
  }).map((link) => link.textContent)"""
TOP = "(name) => document.getElementById(name).getBoundingClientRect().top"
MENUS = {
    "sphinx_rtd_theme": ".wy-menu-vertical",
    "furo": ".sidebar-tree",
    "alabaster": ".sphinxsidebar .toctree-l1",
}
BOOK = "nav#menu .wy-menu-vertical"


@pytest.fixture(scope="module")
def single(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The single page of the site in which everything clashes, in the theme that the test names."""
    folder = tmp_path_factory.mktemp(request.param) / "单页"
    return build(SITE, folder, "-D", f"html_theme={request.param}", builder="singlehtml") / "index.html"


def marked(page: Page) -> str:
    """The address of the section that the sidebar marks."""
    found: str = page.locator(MARKED).last.evaluate("link => decodeURIComponent(link.hash)")
    return found


def scroll_to(page: Page, name: str, above: int = 180) -> None:
    """Scroll as a reader would, until an element is so far below the window's top."""
    page.evaluate(
        """([name, above]) => {
          const top = document.getElementById(name).getBoundingClientRect().top;
          scrollTo({ top: scrollY + top - above, behavior: "instant" });
        }""",
        [name, above],
    )


@pytest.mark.parametrize("single", THEMES, indirect=True)
def test_every_link_leads_to_one_element_and_the_sidebar_names_it(single: Path, browser: Browser) -> None:
    theme = single.parent.parent.name.rstrip("0123456789")
    with opened(browser, viewport=DESK) as (page, troubles):
        page.goto(single.as_uri())
        assert page.evaluate(ASTRAY) == []
        assert page.evaluate(MISNAMED, MENUS[theme]) == []
        assert page.locator(f'{MENUS[theme]} a[href^="#"]').count() >= 5
        assert troubles.all() == []


def test_every_link_of_the_book_leads_to_one_element_and_the_sidebar_names_it(browser: Browser) -> None:
    with opened(browser, viewport=DESK) as (page, troubles):
        page.goto(built("singlehtml/index.html").as_uri())
        assert page.evaluate(ASTRAY) == []
        assert page.evaluate(MISNAMED, BOOK) == []
        assert page.locator(f'{BOOK} a[href^="#wireguard/handshake/"]').count() > 5
        assert troubles.all() == []


@pytest.mark.parametrize("single", THEMES, indirect=True)
def test_the_sidebar_marks_the_section_being_read_and_keeps_it_in_view(
    single: Path, browser: Browser
) -> None:
    with opened(browser, viewport=DESK) as (page, troubles):
        page.goto(single.as_uri())
        assert page.locator(MARKED).count() <= 2
        for name in ("甲/保活", "甲/保活-握手", "甲/_25-秒", "乙/丁/握手", "甲/tls-握手"):
            scroll_to(page, name)
            entry = page.locator(f'{MARKED}[href="#{name}"]')
            expect(entry).to_be_in_viewport()
            assert abs(page.evaluate(TOP, name) - 180) < 2  # the page stays where the reader has put it
        assert troubles.all() == []


@pytest.mark.parametrize("single", ["sphinx_rtd_theme", "alabaster"], indirect=True)
def test_the_address_follows_when_the_reader_rests_and_no_entry_is_added_to_the_history(
    single: Path, browser: Browser
) -> None:
    with opened(browser, viewport=DESK) as (page, _):
        page.goto(single.as_uri())
        assert page.evaluate("location.hash") == ""  # it was opened without one
        steps = page.evaluate("history.length")
        scroll_to(page, "甲/保活-握手")
        page.wait_for_function("decodeURIComponent(location.hash) === '#甲/保活-握手'")
        assert page.evaluate("history.length") == steps


@pytest.mark.parametrize("single", THEMES, indirect=True)
@pytest.mark.parametrize("spelling", ["#丙/握手", "#%E4%B8%99/%E6%8F%A1%E6%89%8B"])
def test_an_address_as_it_is_typed_and_as_it_is_encoded_jumps_and_is_marked(
    spelling: str, single: Path, browser: Browser
) -> None:
    with opened(browser, viewport=DESK) as (page, troubles):
        page.goto(single.as_uri() + spelling)
        # The last section of the page: it never comes up to the line, and is marked all the same.
        expect(page.locator('[id="丙/握手"]')).to_be_in_viewport()
        expect(page.locator(MARKED).last).to_have_attribute("href", re.compile("#(丙/握手|document-丙)"))
        assert troubles.all() == []


@pytest.mark.parametrize("spelling", ["#握手", "#%E6%8F%A1%E6%89%8B"])
def test_an_anchor_of_an_ordinary_page_jumps_from_a_folder_and_over_http(
    spelling: str, browser: Browser, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "conf.py").write_text("language = 'zh_CN'\nextensions = ['sphinxzh']\n", "utf-8")
    (source / "index.rst").write_text("书\n==\n\n" + "段落。\n\n" * 60 + "握手\n----\n\n尾。\n", "utf-8")
    page_file = build(source, tmp_path / "html") / "index.html"
    with served(page_file.parent) as address:
        for start in (page_file.as_uri(), f"{address}/index.html"):
            with opened(browser, viewport=DESK) as (page, _):
                page.goto(start)
                expect(page.locator('[id="握手"]')).not_to_be_in_viewport()
                page.goto(start + spelling)
                expect(page.locator('[id="握手"]')).to_be_in_viewport()


@pytest.mark.parametrize("single", THEMES, indirect=True)
def test_the_folder_is_all_that_the_page_needs(single: Path, browser: Browser, tmp_path: Path) -> None:
    stick = tmp_path / "U 盘"
    shutil.copytree(single.parent, stick)
    asked: list[str] = []
    with opened(browser, viewport=DESK, offline=True) as (page, troubles):
        page.on("request", lambda request: asked.append(request.url))
        page.goto((stick / "index.html").as_uri())
        page.locator("[role=combobox]").fill("握手包")
        expect(page.locator("[role=option]").first).to_be_visible()
        pictures = page.locator("[role=main] img, article img, div.body img")
        assert pictures.count() == 2
        assert pictures.evaluate_all("all => all.every((one) => one.complete && one.naturalWidth > 0)")
        for download in page.locator("a.download").evaluate_all("all => all.map((one) => one.href)"):
            assert Path(unquote(download.removeprefix("file://"))).is_file()
        assert troubles.all() == []
    assert len(asked) > 5
    assert [url for url in asked if not url.startswith((stick.as_uri(), "data:"))] == []


@pytest.mark.parametrize("single", ["sphinx_rtd_theme"], indirect=True)
def test_an_address_that_was_just_opened_is_not_taken_back(single: Path, browser: Browser) -> None:
    """Scrolling comes to rest after the address has changed and before the script has been told so."""
    with opened(browser, viewport=DESK) as (page, _):
        page.goto(single.as_uri())
        scroll_to(page, "甲/保活-握手")
        page.wait_for_function("decodeURIComponent(location.hash) === '#甲/保活-握手'")
        opened_now = page.evaluate("""() => {
          location.hash = "#甲/term-握手包";
          document.dispatchEvent(new Event("scrollend"));
          return decodeURIComponent(location.hash);
        }""")
        assert opened_now == "#甲/term-握手包"


@pytest.mark.parametrize("single", ["sphinx_rtd_theme"], indirect=True)
def test_it_follows_under_a_strict_policy(single: Path, browser: Browser) -> None:
    with served(single.parent) as address, opened(browser, viewport=DESK) as (page, _):
        be_strict(page)
        page.goto(f"{address}/index.html")
        scroll_to(page, "甲/保活-握手")
        expect(page.locator(MARKED)).to_have_attribute("href", "#甲/保活-握手")


@pytest.mark.parametrize("single", ["sphinx_rtd_theme"], indirect=True)
def test_without_a_script_the_links_still_lead(single: Path, browser: Browser) -> None:
    with opened(browser, viewport=DESK, java_script_enabled=False) as (page, troubles):
        page.goto(single.as_uri())
        page.locator('[role=main] a[href="#甲/term-握手包"]').first.click()
        expect(page.locator('[id="甲/term-握手包"]')).to_be_in_viewport()
        assert troubles.all() == []
