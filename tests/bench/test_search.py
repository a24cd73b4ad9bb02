"""What the comparison of searches rests on: the same sections for all, and a fair count."""

import pytest
from playwright.sync_api import Browser

from bench import __main__ as command
from bench.search import bm25, large
from bench.search.asked import Answers, quality
from bench.search.book import Section, bodies, names, sections
from tests.browsing import opened, served
from tests.docs.site import built
from tests.sphinxzh.asking import QUERIES, UNSEEN, Labelled, labelled, matches

BOOK = [
    Section("a.html", ["top", "older"], 1, "隧道", "报文进入隧道。先加密！再发送", "<p>报文进入隧道</p>"),
    Section("a.html", ["shake"], 2, "握手 <e>", "两条消息；握手完成。", "<p>两条消息</p>"),
    Section("b.html", ["keys"], 1, "密钥", "密钥由握手得出。", "<p>密钥由握手得出</p>"),
]


def test_an_address_without_an_anchor_leads_to_the_first_section_of_its_page() -> None:
    known = names(BOOK)
    assert known["a.html"] == known["a.html#top"] == known["a.html#older"] == "a.html#隧道"
    assert known["a.html#shake"] == "a.html#握手 <e>"


def test_other_programs_get_every_heading_with_its_anchor() -> None:
    pages = bodies(BOOK)
    assert list(pages) == ["a.html", "b.html"]
    assert '<h1 id="top">隧道</h1>' in pages["a.html"]
    assert '<h2 id="shake">握手 &lt;e&gt;</h2>' in pages["a.html"]


def test_sections_and_pages_are_counted_apart() -> None:
    queries = [Labelled("han", "握手", ("a#握手",)), Labelled("han", "密钥", ("b#密钥",))]
    answers = Answers([["a.html", "b.html", "a.html#shake"], ["a.html"]], [1.0, 1.0])
    counted = quality(queries, answers, names(BOOK))
    assert counted["ranks"] == {"握手": 3, "密钥": 0}
    assert (counted["recall"], counted["mrr"]) == (0.5, pytest.approx(1 / 6))
    assert (counted["page_recall"], counted["page_mrr"]) == (0.5, 0.5)


def test_bigrams_and_the_longest_match_are_cut_as_they_say() -> None:
    assert bm25.bigrams("ＤＮＳ污染 了") == ["dns", "污染", "了"]
    assert bm25.bigrams("重放窗口") == ["重放", "放窗", "窗口"]
    assert bm25.longest_match({"重放", "重放窗口", "窗口"})("重放窗口大nonce") == ["重放窗口", "大", "nonce"]


def test_bm25_prefers_the_section_that_says_it_more() -> None:
    search = bm25.search(BOOK, bm25.bigrams, bm25.bigrams)
    assert search("握手")[0] == "a.html#握手 <e>"
    assert search("没有") == []


def test_the_large_text_is_the_same_each_time_and_as_long_as_asked() -> None:
    made = large.texts(BOOK, 200)
    assert made == large.texts(BOOK, 200)
    assert made != large.texts(BOOK, 200, seed=2)
    assert 200 <= sum(len(text.body) for text in made) < 200 + 3 * 30
    whole = sorted("".join(section.text for section in BOOK))
    assert sorted("".join(text.body for text in made[:3])) == whole


@pytest.mark.browser
def test_every_label_names_a_section_of_the_built_pages(browser: Browser) -> None:
    with opened(browser) as (page, troubles), served(built("html/index.html").parent) as address:
        found = sections(page, address)
    assert troubles.all() == []
    assert all(section.title and section.anchors for section in found)
    labels = {label for path in (QUERIES, UNSEEN) for query in labelled(path) for label in query.answers}
    said = [section.name for section in found]
    assert {label for label in labels if not any(matches(name, label) for name in said)} == set()


def test_an_unknown_part_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "search", "sarch"])
    with pytest.raises(SystemExit):
        command.main()
    assert f"expected some of {', '.join(command.PARTS)}, got sarch" in capsys.readouterr().err
