"""Every kind of page is without a violation of the rules of accessibility, in light, in dark and in a hand.

Every single page is asked by `python -m bench pages`.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browsing import opened, served
from tests.docs import axe
from tests.docs.site import built

pytestmark = pytest.mark.axe

KINDS = {
    "front page": "index.html",
    "chapter with code and pictures": "tutorial/look.html",
    "byte cards and drawings": "wireguard/messages.html",
    "Mermaid's diagrams": "sphinxzh/diagrams.html",
    "charts and their tables": "host/performance.html",
    "glossary": "reference/glossary.html",
    "errata": "reference/errata.html",
    "index": "genindex.html",
    "search page": "search.html?q=握手",
    "404": "404.html",
}
looks = pytest.mark.parametrize("look", axe.LOOKS)


@looks
@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_page_breaks_a_rule(kind: str, look: str, browser: Browser) -> None:
    with served(built("html")) as address, opened(browser, **axe.LOOKS[look]) as (page, _):
        page.goto(f"{address}/{KINDS[kind]}", wait_until="networkidle")
        assert axe.violations(page) == []


@looks
def test_the_open_results_of_a_search_break_no_rule(look: str, browser: Browser) -> None:
    with opened(browser, **axe.LOOKS[look]) as (page, _):
        page.goto(built("html/tutorial/up.html").as_uri())
        if look == "phone":
            page.locator("#menu-button").click()
        page.locator("#menu input").fill("握手")
        page.wait_for_selector(".sphinxzh-search a[role=option]")
        page.wait_for_function(
            "[...document.querySelectorAll('.sphinxzh-text')].every((one) => one.textContent)"
        )
        assert axe.violations(page) == []


@looks
def test_the_single_page_breaks_no_rule(look: str, browser: Browser) -> None:
    """Its frame and the first of its pages; the others are the same as in the site, and axe-core takes half a
    minute for all of them: `python -m bench pages` does it."""
    with opened(browser, **axe.LOOKS[look]) as (page, _):
        page.goto(built("singlehtml/index.html").as_uri())
        page.evaluate("""() => {
          const later = document.querySelectorAll("main .toctree-wrapper > :not(:first-child)");
          for (const part of later) part.remove();
        }""")
        assert page.locator("main h2").count() > 3
        assert axe.violations(page) == []


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "index.html",
        "wireguard/session.html",
        "noise/ik.html",
        "sphinxzh/diagrams.html",
        "host/performance.html",
    ],
)
def test_the_text_of_drawings_can_be_read(path: str, look: str, browser: Browser) -> None:
    with opened(browser, **axe.LOOKS[look]) as (page, _):
        page.goto(built(f"html/{path}").as_uri())
        assert page.locator("main svg text").count() > 10
        assert axe.faint(page) == []


def test_a_page_that_breaks_rules_is_noticed(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<html><title>a</title><body style="background: #fff"><main><h1>a</h1><img src="data:,">'
        '<p style="color: #aaa">faint</p><svg><text fill="#aaa" y="9">faint</text></svg>'
        '<svg><rect width="99" height="50" fill-opacity="0.5"/><text fill="#fff" y="9">half</text>'
        '<rect y="20" width="99" height="50" fill="rgb(0 0 0 / 10%)"/><text y="40">on both</text></svg>',
        "utf-8",
    )
    with opened(browser) as (page, _):
        page.goto((tmp_path / "a.html").as_uri())
        rules = {line.partition(":")[0] for line in axe.violations(page)}
        assert {"html-has-lang", "image-alt", "color-contrast"} <= rules
        assert axe.faint(page) == ["faint: 2.32", "half: 3.98", "on both: 4.40"]
