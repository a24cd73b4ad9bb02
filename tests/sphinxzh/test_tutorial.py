"""The tutorial for other authors: done as its pages say, in an empty folder, and looked at in a browser.

The rule: the commands, and the queries with what they should find, are read from the pages of docs/sphinxzh,
so what is tried here is what a reader types.  A block that the book tier leaves out and this file runs names
it in its excuse.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import opened, served
from tests.docs.consoles import Lab, steps
from tests.docs.pages import DOCS, Block, read

PAGES = DOCS / "sphinxzh"
FIELD = "[role=combobox]"
OPTION = "#sphinxzh-results [role=option]"
STATUS = ".sphinxzh-search [role=status]"
HAN = re.compile("[\u4e00-\u9fff]")
THEMES = {"sphinx_rtd_theme": "html", "furo": "furo", "alabaster": "alabaster"}  # and their folders


def sessions(page: str) -> list[Block]:
    """The console blocks of a page that the book tier runs."""
    return [block for block in read(PAGES / page).blocks if block.language == "console" and not block.excuse]


def walked(folder: Path, *pages: str) -> Path:
    """Type what the pages show; a copy, in `folder`, of the home directory that comes of it."""
    lab = Lab()
    try:
        for page in pages:
            for block in sessions(page):
                assert lab.run(block) is None
        return taken(lab, folder)
    finally:
        lab.close()


def taken(lab: Lab, folder: Path) -> Path:
    """A copy of the laboratory's home directory, which ends with it."""
    assert lab.execute(f"cp -R ~ {folder}/home && echo copied") == ["copied"]
    return folder / "home"


@pytest.fixture(scope="module")
def tea(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Chinese site at the end of the second page; its folder build."""
    return walked(tmp_path_factory.mktemp("tea"), "start.md", "custom.md") / "tea" / "build"


@pytest.fixture(scope="module")
def translated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home directory at the end of the page on translation."""
    return walked(tmp_path_factory.mktemp("translated"), "translate.md")


def queries() -> dict[str, str]:
    """What the first page's table says to type, and the section that opens."""
    text = (PAGES / "start.md").read_text("utf-8")
    return dict(re.findall(r"^\| `([^`]+)` \| (\S+) \|", text, re.MULTILINE))


def found(page: Page, query: str) -> str:
    """The heading of the section at which the reader arrives who types `query` and presses Enter."""
    page.keyboard.press("/")
    page.locator(FIELD).fill(query)
    expect(page.locator(OPTION).first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("mark.sphinxzh-hit").first).to_be_attached()
    section = "document.getElementById(decodeURIComponent(location.hash.slice(1))).closest('section')"
    heading = (
        f"[...{section}.querySelector('h1, h2, h3').childNodes].filter((n) => n.className !== 'headerlink')"
    )
    return str(page.evaluate(f"{heading}.map((n) => n.textContent).join('').trim()"))


@pytest.mark.browser
@pytest.mark.parametrize("folder", [*THEMES.values(), "singlehtml"])
def test_the_queries_of_the_page_open_the_sections_that_it_names(
    folder: str, tea: Path, browser: Browser
) -> None:
    expected = queries()
    assert len(expected) >= 6
    with opened(browser) as (page, troubles):
        opening = {}
        for query in expected:
            page.goto((tea / folder / "index.html").as_uri())
            opening[query] = found(page, query)
        assert opening == expected
        page.goto((tea / folder / "index.html").as_uri())
        page.locator(FIELD).fill("盖完")
        expect(page.locator(STATUS)).to_contain_text("猜你想找“盖碗”")
        assert troubles.all() == []


@pytest.mark.browser
def test_a_word_of_the_user_dictionary_is_found_by_pinyin_and_a_hidden_page_is_not(
    tea: Path, browser: Browser
) -> None:
    assert "`yashixiang`" in (PAGES / "start.md").read_text("utf-8")
    with opened(browser) as (page, troubles):
        page.goto((tea / "html" / "index.html").as_uri())
        assert found(page, "yashixiang") == "乌龙茶"
        page.locator(FIELD).fill("普洱茶还没有写")
        expect(page.locator(STATUS)).to_be_visible()
        assert "草稿" not in page.locator("#sphinxzh-results").inner_text()
        assert troubles.all() == []


@pytest.mark.browser
@pytest.mark.parametrize(
    "address",
    [
        "html/brew.html#醒茶",
        "furo/brew.html#醒茶",
        "alabaster/brew.html#醒茶",
        "singlehtml/index.html#brew/醒茶",
    ],
)
def test_the_address_of_a_section_is_its_heading_and_leads_there(
    address: str, tea: Path, browser: Browser
) -> None:
    path, _, anchor = address.partition("#")
    with opened(browser, viewport={"width": 1200, "height": 300}) as (page, troubles):
        page.goto(f"{(tea / path).as_uri()}#{anchor}")
        expect(page.get_by_role("heading", name="醒茶")).to_be_in_viewport()
        ids = page.eval_on_selector_all("[id]", "elements => elements.map((element) => element.id)")
        assert len(ids) == len(set(ids))
        assert troubles.all() == []


@pytest.mark.browser
@pytest.mark.parametrize("theme", THEMES)
def test_styles_scripts_the_head_and_the_new_page_are_there_in_each_theme(
    theme: str, tea: Path, browser: Browser
) -> None:
    with opened(browser) as (page, troubles):
        page.goto((tea / THEMES[theme] / "brew.html").as_uri())
        shown = "(p) => { const style = getComputedStyle(p); return [style.lineHeight, style.fontSize]; }"
        height, size = (
            float(value.removesuffix("px"))
            for value in page.eval_on_selector("[role=main] section > p", shown)
        )
        assert height == pytest.approx(1.9 * size, abs=0.1)
        count = page.locator("h1 + p.count")
        whole = page.locator("[role=main]").text_content() or ""
        said = count.inner_text()
        assert said == f"本页 {len(HAN.findall(whole)) - len(HAN.findall(said))} 字"
        for address in ("brew.html", "colophon.html"):
            page.goto((tea / THEMES[theme] / address).as_uri())
            assert page.locator("meta[name=theme-color]").get_attribute("content") == "#5b7f3a"
        expect(page.locator("[role=main] h1")).to_have_text(re.compile("关于本站"))
        page.get_by_role("link", name="回到首页").click()
        expect(page.locator("[role=main] h1")).to_have_text(re.compile("茶事笔记"))
        assert troubles.all() == []


@pytest.mark.browser
def test_the_block_is_extended_and_the_footer_replaced(tea: Path, browser: Browser) -> None:
    with opened(browser) as (page, troubles):
        page.goto((tea / "html" / "leaves.html").as_uri())
        sidebar = page.locator(".wy-side-nav-search")
        expect(sidebar.get_by_role("link", name="茶事笔记")).to_be_visible()  # what the block had
        expect(sidebar.locator(".motto")).to_have_text("水热茶香，慢慢来")
        footer = page.locator("footer")
        expect(footer).to_have_count(1)
        assert "Read the Docs" not in footer.inner_text()
        footer.get_by_role("link", name="关于本站").click()
        expect(page).to_have_title(re.compile("关于本站"))
        assert troubles.all() == []


def test_the_places_that_the_table_of_themes_names_exist() -> None:
    text = (PAGES / "custom.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", text, re.MULTILINE)
    assert [row[0] for row in rows] == list(THEMES)
    for theme, *cells in rows:
        command = [sys.executable, "-c", f"import {theme}; print({theme}.__path__[0])"]
        where = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        for cell in cells:
            name, *block = re.findall("`([^`]+)`", cell)
            (template,) = [
                path for path in Path(where).rglob("*.html") if path.as_posix().endswith(f"/{name}")
            ]
            assert all(re.search(rf"block {word}\b", template.read_text("utf-8")) for word in block)


@pytest.mark.browser
def test_a_chinese_site_in_english_shows_the_translation_and_its_search_finds_it(
    translated: Path, browser: Browser
) -> None:
    site = translated / "tea" / "build" / "en" / "html"
    with served(site) as address, opened(browser) as (page, troubles):
        page.goto(f"{address}/index.html")
        assert page.locator("html").get_attribute("lang") == "en"
        expect(page.get_by_role("heading", name="Rinsing")).to_be_visible()
        expect(page.locator("[role=main]")).to_contain_text("喝茶的人记下的事。")  # not yet translated
        page.goto(f"{address}/search.html?q=infusion")
        expect(page.locator("#search-results ul.search li").first).to_contain_text("Notes on tea")
        page.wait_for_load_state("networkidle")
        assert troubles.all() == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("query", "section"), [("xingcha", "醒茶"), ("头一泡不喝", "醒茶"), ("乌龙茶沸水", "水温")]
)
def test_an_english_site_in_chinese_is_searched_in_chinese(
    query: str, section: str, translated: Path, browser: Browser
) -> None:
    assert f"`{query}`" in (PAGES / "translate.md").read_text("utf-8")
    with opened(browser) as (page, troubles):
        page.goto((translated / "guide" / "build" / "zh" / "html" / "index.html").as_uri())
        expect(page.locator("[role=main] h1")).to_contain_text("茶的入门")
        assert found(page, query) == section
        assert troubles.all() == []


@pytest.mark.pdf
def test_the_pdf_of_the_page_opens_with_its_chinese_text(tmp_path: Path) -> None:
    """Typed are the commands that write the site, and those that the book tier leaves out for want of TeX."""
    lab = Lab(timeout=600)
    try:
        for block in read(PAGES / "start.md").blocks:
            if block.language != "console":
                continue
            if block.excuse and Path(__file__).name in block.excuse.reason:
                assert lab.run(block) is None
            for step in steps(block) if not block.excuse else []:
                if step.command.split()[0] in {"sphinx-quickstart", "cd", "cat", "export", "sed"}:
                    lab.execute(step.command)
        (pdf,) = (taken(lab, tmp_path) / "tea" / "build" / "latex").glob("*.pdf")
    finally:
        lab.close()
    text = said_by("pdftotext", "-layout", pdf, "-").replace("\n", "")
    for said in ("目录", "第 1 章 冲泡", "头一泡快进快出，不喝。它洗去浮尘", "凤凰单丛里有一种香气像杏仁"):
        assert said in text
    assert re.sub(r"[\s,\d]", "", text.rpartition("索引")[2]) == "F凤凰单丛L绿茶W乌龙茶Y鸭屎香"
    facts = said_by("pdfinfo", pdf)
    assert re.search(r"Title: +茶事笔记", facts)
    assert "(A4)" in facts


def said_by(*command: str | Path) -> str:
    """What a program prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
