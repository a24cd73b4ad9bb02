"""The search in a browser: what it finds in this book, and how it is used, from a folder with no network."""

import random
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page, expect

from sphinxzh.search.tokens import fold, parts, pieces, simplified
from tests.browsing import be_strict, opened, served
from tests.docs.site import built
from tests.sphinxzh.asking import (
    QUERIES,
    UNSEEN,
    Labelled,
    ask,
    figures,
    generated,
    known_items,
    labelled,
    told,
)
from tests.sphinxzh.test_search_index import make, site

pytestmark = pytest.mark.browser

FIELD = "[role=combobox]"
OPTION = "#sphinxzh-results [role=option]"
STATUS = ".sphinxzh-search [role=status]"
PAGES = {
    "index": "首页\n====\n\n.. toctree::\n\n   other\n   folder/tunnel\n",
    # Its headings have the anchors id1 to id3, as those of the next page.
    "other": "别处\n====\n\n甲\n--\n\n无关。\n\n乙\n--\n\n输入 baohuo 试试。\n\n丙\n--\n\n无关。\n",
    "folder/tunnel": "隧道\n====\n\n先看全貌。\n\n" + "填充的段落。\n\n" * 60 + "握手\n----\n\n"
    "握手用两条消息，失败就再试。\n\n保活\n----\n\n每 25 秒发一个空报文，握手不算。\n",
}


@pytest.mark.parametrize("path", [QUERIES, UNSEEN], ids=lambda path: path.stem)
def test_the_labelled_queries_find_their_sections(path: Path, browser: Browser) -> None:
    queries = labelled(path)
    assert len(queries) >= 150
    with opened(browser) as (page, troubles):
        page.goto(built("html/index.html").as_uri())
        answers = ask(page, [query.query for query in queries])
        assert troubles.all() == []
    ranks = [query.rank(answer["found"]) for query, answer in zip(queries, answers, strict=True)]
    recall, mrr = figures(ranks)
    worse = {query.query: rank for query, rank in zip(queries, ranks, strict=True) if rank != 1}
    assert recall >= 0.97, worse
    assert mrr >= 0.93, worse


def test_a_guess_is_marked_as_one_and_nothing_else_is(browser: Browser) -> None:
    queries = labelled()
    with opened(browser) as (page, _):
        page.goto(built("html/index.html").as_uri())
        answers = ask(page, [query.query for query in queries])
    wrong = {
        query.query
        for query, answer in zip(queries, answers, strict=True)
        if bool(answer["guess"]) is not (query.kind == "guesses")
    }
    assert wrong == set()


def asked_of_every_kind(page: Page, queries: list[Labelled]) -> None:
    """Ask them all; every kind of them must be found well."""
    answers = ask(page, [query.query for query in queries])
    ranks: dict[str, list[int]] = {}
    for query, answer in zip(queries, answers, strict=True):
        ranks.setdefault(query.kind, []).append(query.rank(answer["found"]))
    assert len(queries) >= 400
    measured = {kind: figures(of_kind) for kind, of_kind in ranks.items()}
    assert all(recall >= 0.97 and mrr >= 0.93 for recall, mrr in measured.values()), measured


def test_every_heading_is_found_in_traditional_characters_by_pinyin_and_with_a_slip(browser: Browser) -> None:
    with opened(browser) as (page, _):
        page.goto(built("html/index.html").as_uri())
        sections = page.evaluate(
            "sphinxzhSearch.load().then(({ titles, docOf, docs }) => "
            "titles.flatMap((title, i) => (title ? [`${docs[docOf[i]]}#${title}`] : [])))"
        )
        asked_of_every_kind(page, generated(sections))


def test_what_a_section_says_finds_it(browser: Browser) -> None:
    queries = known_items(told(built("html/_static/sphinxzh-search/index.js")))
    with opened(browser) as (page, _):
        page.goto(built("html/index.html").as_uri())
        asked_of_every_kind(page, queries)


def test_the_index_is_at_most_twice_the_stock_index() -> None:
    ours = built("html/_static/sphinxzh-search/index.js").stat().st_size
    assert ours <= 2 * built("html/searchindex.js").stat().st_size


def scripts(page: Page) -> list[str]:
    """The files of the search that the page has loaded."""
    found: list[str] = page.eval_on_selector_all(
        "script[src*='sphinxzh-search/']",
        "scripts => scripts.map((script) => script.src.split(/[/?]/).find((part) => part.endsWith('.js')))",
    )
    return found


def test_nothing_is_loaded_before_the_reader_searches(browser: Browser) -> None:
    with opened(browser) as (page, _):
        page.goto(built("html/noise/index.html").as_uri())
        page.wait_for_load_state("networkidle")
        assert scripts(page) == ["phrases.js", "tokens.js", "highlight.js"]
        page.locator(FIELD).fill("握手")
        expect(page.locator(OPTION).first).to_be_visible()
        assert "index.js" in scripts(page)
        assert len([name for name in scripts(page) if name.startswith("text-")]) < len(
            list(built("html/_static/sphinxzh-search").glob("text-*.js"))
        )


def small(folder: Path, theme: str, builder: str) -> Path:
    """A small site; its first page."""
    source = folder / "source"
    (source / "folder").mkdir(parents=True)
    site(source, PAGES, f"html_theme = '{theme}'")
    make(source, folder / "built", builder=builder)
    return folder / "built" / "index.html"


@pytest.fixture(scope="module")
def start(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first page of the small site in the theme and by the builder that the test names."""
    theme, builder = request.param
    return small(tmp_path_factory.mktemp(f"{theme}-{builder}"), theme, builder)


def search(page: Page, query: str) -> None:
    """Type a query after `/`, and wait for the panel."""
    page.keyboard.press("/")
    expect(page.locator(FIELD)).to_be_focused()
    page.keyboard.type(query)
    expect(page.locator(STATUS)).to_be_visible()


ALL = [
    (theme, builder)
    for theme in ("sphinx_rtd_theme", "furo", "alabaster")
    for builder in ("html", "singlehtml")
]
ALL.append(("alabaster", "dirhtml"))


def test_a_name_in_one_language_finds_what_is_written_in_another(browser: Browser, tmp_path: Path) -> None:
    pages = {
        "index": "首页\n====\n\n.. toctree::\n\n   terms\n\n约定\n----\n\n两边事先约好一把预共享密钥。\n\n"
        "别的\n----\n\n这里说 shared 和 key。\n\n"
        + "".join(f"无关{n}\n------\n\n第{n}件无关的事。\n\n" for n in range(9)),
        "terms": "术语\n====\n\n.. glossary::\n\n   预共享密钥\n   pre-shared key\n     或 PSK。\n",
    }
    make(site(tmp_path / "source", pages), tmp_path / "html")
    with opened(browser) as (page, _):
        page.goto((tmp_path / "html" / "index.html").as_uri())
        found = [answer["found"] for answer in ask(page, ["pre-shared key", "psk", "预共享密钥"])]
    assert all("index.html#约定" in sections and "terms.html#术语" in sections for sections in found)
    assert found[0].index("index.html#约定") < found[0].index("index.html#别的")


def test_a_word_in_capitals_is_a_name_and_no_pinyin(browser: Browser, tmp_path: Path) -> None:
    text = "首页\n====\n\n模式\n----\n\n这里用 XK。\n\n接口\n----\n\n升起与落下。\n"
    make(site(tmp_path / "source", {"index": text}), tmp_path / "html")
    with opened(browser) as (page, _):
        page.goto((tmp_path / "html" / "index.html").as_uri())
        name, pinyin = (answer["found"] for answer in ask(page, ["XK", "xk"]))
    assert name == ["index.html#模式"]
    assert set(pinyin) == {"index.html#模式", "index.html#接口"}


@pytest.mark.parametrize("start", ALL, indirect=True, ids=["-".join(pair) for pair in ALL])
def test_a_reader_searches_by_keyboard_and_lands_on_the_marked_section(start: Path, browser: Browser) -> None:
    with opened(browser) as (page, troubles):
        page.goto(start.as_uri())
        search(page, "空报文握手")
        expect(page.locator(OPTION).first).to_contain_text("保活")
        expect(page.locator(OPTION).first.locator(".sphinxzh-path")).to_have_text("隧道")
        expect(page.locator(OPTION).first.locator(".sphinxzh-text mark").first).to_be_visible()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowUp")
        selected = page.locator(f"{OPTION}[aria-selected=true]")
        expect(selected).to_have_count(1)
        assert page.locator(FIELD).get_attribute("aria-activedescendant") == selected.get_attribute("id")
        page.keyboard.press("Enter")
        if start.parent.joinpath("folder").exists():
            page.wait_for_url(re.compile(r"/folder/tunnel\b.*[?]hit="))
        expect(page.locator("mark.sphinxzh-hit").first).to_be_attached()
        expect(page.locator("mark.sphinxzh-hit", has_text="空报文")).to_be_in_viewport()
        page.keyboard.press("Escape")
        expect(page.locator("mark.sphinxzh-hit")).to_have_count(0)
        assert troubles.all() == []


@pytest.mark.parametrize("start", [("alabaster", "singlehtml")], indirect=True)
def test_on_the_single_page_a_result_leads_to_the_anchor_of_its_own_document(
    start: Path, browser: Browser
) -> None:
    with opened(browser) as (page, troubles):
        page.goto(start.as_uri())
        search(page, "空报文")
        expect(page.locator(OPTION).first).to_have_attribute("href", "#folder/tunnel/保活")
        page.keyboard.press("Enter")
        expect(page.locator("mark.sphinxzh-hit", has_text="空报文")).to_be_in_viewport()
        assert unquote(page.evaluate("location.hash")) == "#folder/tunnel/保活"
        assert troubles.all() == []


def test_a_site_in_traditional_characters_is_answered_in_them(browser: Browser, tmp_path: Path) -> None:
    source = site(
        tmp_path / "source", {"index": "隧道\n====\n\n握手\n----\n\n兩條訊息。\n"}, "language = 'zh_TW'"
    )
    make(source, tmp_path / "built")
    with opened(browser) as (page, troubles):
        page.goto((tmp_path / "built" / "index.html").as_uri())
        search(page, "訊息")
        expect(page.locator(STATUS)).to_have_text("找到 1 處")
        assert page.get_by_role("listbox", name="搜尋結果").is_visible()
        page.locator(FIELD).fill("鴕鳥")
        expect(page.locator(STATUS)).to_contain_text("沒有找到「鴕鳥」")
        assert troubles.all() == []


@pytest.mark.parametrize("start", [("furo", "html")], indirect=True)
def test_the_key_opens_the_sidebar_that_has_the_field_on_a_narrow_screen(
    start: Path, browser: Browser
) -> None:
    for first in (start, built("html/index.html")):
        with opened(browser, viewport={"width": 700, "height": 800}) as (page, troubles):
            page.goto(first.as_uri())
            expect(page.locator(FIELD)).not_to_be_in_viewport()
            search(page, "握手")
            expect(page.locator(FIELD)).to_be_in_viewport()
            assert troubles.all() == []


RTD = [("sphinx_rtd_theme", "html")]


@pytest.mark.parametrize("start", RTD, indirect=True)
def test_the_panel_tells_a_screen_reader_what_it_is(start: Path, browser: Browser) -> None:
    with opened(browser) as (page, _):
        page.goto(start.as_uri())
        field = page.locator(FIELD)
        assert field.get_attribute("aria-expanded") == "false"
        search(page, "握手")
        assert field.get_attribute("aria-expanded") == "true"
        assert field.get_attribute("aria-controls") == "sphinxzh-results"
        assert page.get_by_role("listbox", name="搜索结果").is_visible()
        assert page.locator(STATUS).get_attribute("aria-live") == "polite"
        expect(page.locator(STATUS)).to_have_text("找到 2 处")
        page.keyboard.press("Escape")
        expect(page.locator(STATUS)).to_be_hidden()
        assert field.get_attribute("aria-expanded") == "false"


@pytest.mark.parametrize("start", RTD, indirect=True)
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("鸵鸟", "没有找到“鸵鸟”"),
        ("握乎", "猜你想找“握手”"),
        ("ws", "“握手”（拼音）"),
        ("<img src=x onerror=alert(1)>", "没有找到“<img"),
        ("？！", "没有找到“？！”"),
    ],
)
def test_the_panel_says_honestly_what_it_did(query: str, said: str, start: Path, browser: Browser) -> None:
    with opened(browser) as (page, troubles):
        page.goto(start.as_uri())
        page.locator(FIELD).fill(query)
        expect(page.locator(STATUS)).to_contain_text(said)
        assert (page.locator(OPTION).count() == 0) is said.startswith("没有找到")
        assert page.locator(".sphinxzh-search img").count() == 0
        assert troubles.all() == []


@pytest.mark.parametrize("start", [("sphinx_rtd_theme", "dirhtml")], indirect=True)
def test_it_works_over_http_under_a_strict_policy(start: Path, browser: Browser) -> None:
    with served(start.parent) as address, opened(browser) as (page, _):
        be_strict(page)
        page.goto(f"{address}/folder/tunnel/")
        search(page, "baohuo")
        expect(page.locator(OPTION).first).to_contain_text("保活")
        page.keyboard.press("Enter")
        page.wait_for_url("**/folder/tunnel/?hit=*")
        expect(page.locator("mark.sphinxzh-hit", has_text="保活").first).to_be_in_viewport()


@pytest.mark.parametrize("start", RTD, indirect=True)
def test_who_does_not_wait_for_the_text_of_a_result_sees_its_hits_too(start: Path, browser: Browser) -> None:
    with served(start.parent) as address, opened(browser) as (page, _):
        page.route("**/text-*", lambda route: None)  # never answered
        page.goto(f"{address}/index.html")
        search(page, "baohuo")
        page.keyboard.press("Enter")
        page.wait_for_url("**/folder/tunnel.html?hit=*")
        expect(page.locator("mark.sphinxzh-hit", has_text="保活").first).to_be_in_viewport()


@pytest.mark.parametrize("start", RTD, indirect=True)
def test_queries_are_folded_as_the_pages_are(start: Path, browser: Browser) -> None:
    with opened(browser) as (page, _):
        page.goto(start.as_uri())
        queries = ["ＷＯＳＨＯＵ", "握 手", "握手　失敗", "保活：握手吗？"]
        first = [answer["found"][0].rpartition("#")[2] for answer in ask(page, queries)]
        assert first == ["握手", "握手", "握手", "保活"]


def strings() -> list[str]:
    """Every character of the basic plane that this Python knows, and mixtures of kinds of characters."""
    basic = [chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
    kinds = [
        "汉字協議握手",
        "ＡＢｃ１２",
        "_",
        "abcXYZ",
        "09",
        " ，。-'",
        "ﬁ①㎏İΣßé",
        "かナ々〇",
        "한글",
        "𠮷𪚥",
        "𝐀𝟙😀",
        "e\u0301\u200d",
    ]
    dice = random.Random(3)
    mixed = ["".join(dice.choice(dice.choice(kinds)) for _ in range(dice.randint(1, 16))) for _ in range(600)]
    names = [
        "wg_noise_init",
        "SymmetricState",
        "AllowedIPs",
        "HTTPServer2",
        "0a1b2c3d4e5f6071",
        "__init__",
        "x" * 41,
    ]
    return ["".join(basic), *basic, *mixed, *names]


@pytest.mark.parametrize("start", RTD, indirect=True)
def test_the_browser_takes_texts_apart_as_the_build_does(start: Path, browser: Browser) -> None:
    texts = strings()
    with opened(browser) as (page, _):
        page.goto(start.as_uri())
        # The index brings the traditional forms of its own characters only; here are all of them.
        table = "".join(old + new for old, new in simplified().items())
        page.evaluate("table => sphinxzhSearch.addSimplified(table)", table)
        theirs = page.evaluate(
            "texts => texts.map((text) => [sphinxzhSearch.fold(text), sphinxzhSearch.pieces(text), "
            "sphinxzhSearch.pieces(text).map(sphinxzhSearch.parts)])",
            texts,
        )
    for text, (folded, cut, inner) in zip(texts, theirs, strict=True):
        assert folded == fold(text)
        assert cut == pieces(text)
        assert inner == [list(parts(piece)) for piece in pieces(text)]


@pytest.mark.parametrize("start", RTD, indirect=True)
def test_an_input_method_may_finish_its_word_before_it_is_looked_up(start: Path, browser: Browser) -> None:
    with opened(browser) as (page, _):
        page.goto(start.as_uri())
        keys = page.context.new_cdp_session(page)
        page.locator(FIELD).focus()
        # The letters show in the field while they are being composed, and are no query yet.
        keys.send("Input.imeSetComposition", {"text": "wo'shou", "selectionStart": 7, "selectionEnd": 7})
        expect(page.locator(FIELD)).to_have_value("wo'shou")
        page.evaluate("sphinxzhSearch.load().then(() => null)")
        expect(page.locator(STATUS)).to_be_hidden()
        keys.send("Input.insertText", {"text": "握手"})
        expect(page.locator(STATUS)).to_have_text("找到 2 处")


@pytest.mark.parametrize("start", RTD, indirect=True)
def test_results_follow_the_typing_and_the_arrows_go_around(start: Path, browser: Browser) -> None:
    with opened(browser) as (page, _):
        page.goto(start.as_uri())
        search(page, "握")
        expect(page.locator(STATUS)).to_have_text("找到 2 处")
        chosen = page.locator(f"{OPTION}[aria-selected=true]")
        page.keyboard.press("ArrowUp")
        expect(chosen).to_contain_text("保活")
        page.keyboard.press("ArrowDown")
        expect(chosen.locator(".sphinxzh-title")).to_have_text("握手")
        page.keyboard.type("再试")  # another character, another answer
        expect(page.locator(STATUS)).not_to_have_text("找到 2 处")
        page.locator(FIELD).fill("")
        expect(page.locator(STATUS)).to_be_hidden()


def test_a_page_that_cannot_load_the_index_says_so_and_tries_again(browser: Browser, tmp_path: Path) -> None:
    start = small(tmp_path, "alabaster", "html")
    index = start.parent / "_static" / "sphinxzh-search" / "index.js"
    away = index.rename(index.with_suffix(".away"))
    with opened(browser) as (page, _):
        page.goto(start.as_uri())
        search(page, "握手")
        expect(page.locator(STATUS)).to_have_text("搜索索引载入失败。")
        away.rename(index)
        page.keyboard.type("握手")
        expect(page.locator(STATUS)).to_have_text("找到 2 处")
