"""The stock search page of a Chinese site answers, also to queries of several words."""

from pathlib import Path

import pytest
import sphinx
from playwright.sync_api import Browser
from sphinx.search.zh import SearchChinese

from sphinxzh.searchpage import mended, search_language
from tests.browsing import opened, served
from tests.sphinxzh.conftest import build_site

AT_FAULT = (9, 0) <= sphinx.version_info < (9, 1, 1)
RIGHT = "var EnglishStemmer=function(){};\nwindow.Stemmer = EnglishStemmer;"
WRONG = "var EnglishStemmer=function(){};\nwindow.Stemmer = ChineseStemmer;"


def test_a_name_that_nobody_defines_is_replaced() -> None:
    assert mended(WRONG, "english-stemmer.js") == RIGHT


def test_code_that_is_in_order_is_left_alone() -> None:
    assert mended(RIGHT, "english-stemmer.js") is None
    assert mended("var Stemmer = function() {};", "english-stemmer.js") is None


def test_the_stemmer_is_mended_where_it_is_at_fault_and_only_there() -> None:
    assert (search_language().js_stemmer_code != SearchChinese.js_stemmer_code) is AT_FAULT


def test_the_stock_index_keeps_its_bytes(tmp_path: Path, stock_site: Path) -> None:
    mended_site = build_site(tmp_path, ["sphinxzh.searchpage"])
    assert (mended_site / "searchindex.js").read_bytes() == (stock_site / "searchindex.js").read_bytes()


def test_the_page_names_a_stemmer_that_it_defines(chinese_site: Path, stock_site: Path) -> None:
    data = "_static/language_data.js"
    assert ("ChineseStemmer" in (stock_site / data).read_text("utf-8")) is AT_FAULT
    assert "ChineseStemmer" not in (chinese_site / data).read_text("utf-8")


# As a reader types them: one word, several glued together, a question, mixed with letters, with a character
# that no word of the page takes in.
QUERIES = [
    *("握手", "handshake", "Handshakes", "authenticate", "窗口"),
    *(
        "重放窗口",
        "握手与重放窗口",
        "握手传输数据",
        "为什么要先握手？",
        "怎么传输数据",
        "UDP传输",
        "用udp传输",
        "握手 窗口",
    ),
]
FOUND = "#search-results ul.search li"


@pytest.mark.browser
def test_queries_on_the_stock_search_page_find_their_page(browser: Browser, chinese_site: Path) -> None:
    with served(chinese_site) as address, opened(browser) as (page, troubles):
        for query in QUERIES:
            page.goto(f"{address}/search.html?q={query}")
            page.wait_for_selector(FOUND)
            assert "隧道" in page.inner_text("#search-results"), query
            page.wait_for_load_state("networkidle")  # the page fetches summaries: leaving it would end that
        assert troubles.all() == []


@pytest.mark.browser
def test_queries_work_from_a_folder_too(browser: Browser, chinese_site: Path) -> None:
    with opened(browser) as (page, troubles):
        for query in ("handshake", "重放窗口", "怎么传输数据"):
            page.goto(f"{(chinese_site / 'search.html').as_uri()}?q={query}")
            page.wait_for_selector(FOUND)
        # Sphinx's page then fetches the page that it found, for a summary, which a folder does not allow.
        assert {error for error in troubles.thrown if error != "Failed to fetch"} == set()


@pytest.mark.browser
def test_a_query_is_cut_into_the_fewest_words_of_the_page_s_index(
    browser: Browser, chinese_site: Path
) -> None:
    with served(chinese_site) as address, opened(browser) as (page, _):
        page.goto(f"{address}/search.html?q=窗口")
        page.wait_for_selector(FOUND)
        cut = {query: page.evaluate("query => splitQuery(query)", query) for query in CUT}
        assert cut == CUT


CUT = {
    "重放窗口": ["重放", "窗口"],
    "计算机处理": ["计算机", "处理"],
    "DNS传输UDP": ["DNS", "传输", "UDP"],
    "握手吗": ["握手"],
    "用UDP": ["UDP"],
    "为什么握手": ["为什么", "握手"],
    "鸵鸟": ["鸵鸟"],
    "handshake_init now": ["handshake_init", "now"],
    "，。": [],
}


@pytest.mark.browser
def test_a_query_for_what_is_not_there_says_so(browser: Browser, chinese_site: Path) -> None:
    with served(chinese_site) as address, opened(browser) as (page, troubles):
        page.goto(f"{address}/search.html?q=nothinglikethis")
        page.wait_for_function("document.querySelector('#search-results p.search-summary')?.innerText")
        assert page.query_selector("#search-results ul.search li") is None
        assert troubles.all() == []


@pytest.mark.browser
def test_without_sphinxzh_the_page_throws_where_sphinx_is_at_fault(
    browser: Browser, stock_site: Path
) -> None:
    with served(stock_site) as address, opened(browser) as (page, troubles):
        page.goto(f"{address}/search.html?q=handshake")
        page.wait_for_load_state("networkidle")
        assert any("ChineseStemmer" in error for error in troubles.thrown) is AT_FAULT
