"""The stock search page of a Chinese site answers."""

from pathlib import Path

import pytest
import sphinx
from playwright.sync_api import Browser

from sphinxzh.searchpage import mended, search_language
from tests.browsing import opened, served

AT_FAULT = (9, 0) <= sphinx.version_info < (9, 1, 1)
RIGHT = "var EnglishStemmer=function(){};\nwindow.Stemmer = EnglishStemmer;"
WRONG = "var EnglishStemmer=function(){};\nwindow.Stemmer = ChineseStemmer;"


def test_a_name_that_nobody_defines_is_replaced() -> None:
    assert mended(WRONG, "english-stemmer.js") == RIGHT


def test_code_that_is_in_order_is_left_alone() -> None:
    assert mended(RIGHT, "english-stemmer.js") is None
    assert mended("var Stemmer = function() {};", "english-stemmer.js") is None


def test_sphinx_is_mended_where_it_is_at_fault_and_only_there() -> None:
    assert (mended_language() is not None) is AT_FAULT


def test_the_page_names_a_stemmer_that_it_defines(chinese_site: Path, stock_site: Path) -> None:
    data = "_static/language_data.js"
    assert ("ChineseStemmer" in (stock_site / data).read_text("utf-8")) is AT_FAULT
    assert "ChineseStemmer" not in (chinese_site / data).read_text("utf-8")


@pytest.mark.browser
@pytest.mark.parametrize("query", ["握手", "handshake", "Handshakes", "authenticate", "窗口"])
def test_a_query_on_the_stock_search_page_finds_its_page(
    query: str, browser: Browser, chinese_site: Path
) -> None:
    with served(chinese_site) as address, opened(browser) as (page, troubles):
        page.goto(f"{address}/search.html?q={query}")
        page.wait_for_selector("#search-results ul.search li")
        assert "隧道" in page.inner_text("#search-results")
        page.wait_for_load_state("networkidle")
        assert troubles.all() == []


@pytest.mark.browser
def test_a_query_works_from_a_folder_too(browser: Browser, chinese_site: Path) -> None:
    with opened(browser) as (page, troubles):
        page.goto(f"{(chinese_site / 'search.html').as_uri()}?q=handshake")
        page.wait_for_selector("#search-results ul.search li")
        # Sphinx's page then fetches the page that it found, for a summary, which a folder does not allow.
        assert {error for error in troubles.thrown if error != "Failed to fetch"} == set()


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
