"""The single page: every address in it is its own, and leads to what it names."""

import zlib
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sphinxzh.singlepage.ids import begin, end, made_unique
from tests.sphinxzh.reading import Read, parsed, read
from tests.sphinxzh.sites import SITE, build, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site in which everything clashes, on one page and as pages."""
    made = tmp_path_factory.mktemp("single")
    build(SITE, made / "single", builder="singlehtml")
    build(SITE, made / "pages")
    return made


@pytest.fixture(scope="module")
def page(folder: Path) -> Read:
    """The page."""
    return read(folder / "single" / "index.html")


def links(page: Read) -> dict[str, str]:
    """The references in the text, by what they say."""
    return {
        element.words: element.attributes["href"]
        for element in page.elements
        if element.tag == "a"
        and element.attributes.get("class") == "reference internal"
        and element.parent is not None
        and element.parent.tag == "p"
    }


def test_no_id_is_there_twice_and_every_link_leads_to_one(page: Read) -> None:
    assert [name for name, times in page.ids.items() if times > 1] == []
    assert set(page.fragments) - set(page.ids) == set()
    assert len(page.ids) > 60


def test_an_anchor_is_that_of_the_document_s_own_page_after_the_document_s_name(
    folder: Path, page: Read
) -> None:
    for docname in ("甲", "乙/index", "乙/丁", "丙", "markdown"):
        alone = read(folder / "pages" / f"{docname}.html")
        expected = [(words, f"{docname}/{anchor}") for words, anchor in alone.headings()]
        assert expected == [found for found in page.headings() if found[1].startswith(f"{docname}/")]
        assert f"document-{docname}" in page.ids
    assert "document-index" in page.ids


def test_references_lead_to_what_they_name(page: Read) -> None:
    found = links(page)
    assert found["图 1.2"] == "#甲/有名的图"
    assert found["带标签"] == "#甲/ascii-label"
    assert found["标签与标题不同"] == "#甲/汉字标签"
    assert found["握手包"] == "#甲/term-握手包"
    assert found["foo()"] == "#乙/丁/foo"
    assert found["甲"] == "#document-甲"
    assert found["总目"] == "#document-index"
    assert found["本页的密钥"] == "#markdown/e-临时公钥"
    assert found["[握手2024]"] == "#甲/握手2024"


def test_what_is_not_on_the_page_is_text_and_no_link(page: Read) -> None:
    assert not {"游离的一页", "索引"} & set(links(page))
    (paragraph,) = [
        element for element in page.elements if element.tag == "p" and "游离的一页" in element.text
    ]
    assert "索引" in paragraph.text
    assert [
        element.attributes["href"]
        for element in page.elements
        if element.attributes.get("href", "").split("#")[0].endswith(".html")
    ] == []


def test_sections_and_figures_have_the_numbers_that_they_have_on_their_pages(
    folder: Path, page: Read
) -> None:
    def numbers(one: Read) -> list[str]:
        return [
            element.text.strip()
            for element in one.elements
            if element.attributes.get("class") in {"section-number", "caption-number"}
            and element.parent is not None
            and element.parent.tag != "a"
        ]

    apart = [
        number
        for docname in ("甲", "乙/index", "乙/丁", "markdown")
        for number in numbers(read(folder / "pages" / f"{docname}.html"))
    ]
    assert sorted(numbers(page)) == sorted(apart)
    assert {"1.2.1.", "2.1.1.", "图 1.1", "图 1.2", "表 1.1"} <= set(numbers(page))


def test_the_sidebar_names_the_sections_in_their_order(page: Read) -> None:
    listed = [
        element.attributes["href"]
        for element in page.elements
        if element.tag == "a"
        and element.parent is not None
        and "toctree-l" in element.parent.attributes.get("class", "")
    ]
    shown = [anchor for _, anchor in page.headings() if not anchor.startswith("index/")]
    assert len(listed) == len(shown)
    for address, anchor in zip(listed, shown, strict=True):
        assert address in {f"#{anchor}", f"#document-{anchor.rpartition('/')[0]}"}


def test_the_drawings_of_two_documents_do_not_share_a_name(page: Read) -> None:
    assert {"乙/index/paint", "乙/丁/paint", "乙/index/title"} <= set(page.ids)
    labelled = [
        element.attributes.get("aria-labelledby") for element in page.elements if element.tag == "svg"
    ]
    assert labelled == [None, "乙/index/title"]
    filled = [element.attributes["fill"] for element in page.elements if "fill" in element.attributes]
    assert filled == ["url(#乙/丁/paint)", "url(#乙/index/paint)"]
    (label,) = [element for element in page.elements if element.tag == "label"]
    assert page.by_id(label.attributes["for"]).attributes["name"] == "field"  # a form's name is no id


def test_the_inventory_has_the_addresses_of_the_page(folder: Path, page: Read) -> None:
    packed = (folder / "single" / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(packed).decode().splitlines()
    assert "第三次 std:label -1 #甲/$ -" in lines
    assert "握手包 std:term -1 #甲/term-$ -" in lines
    assert not any(line.count("#") > 1 for line in lines)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_site_in_another_language_has_the_page_of_sphinx(language: str, tmp_path: Path) -> None:
    pages = {"index": "A\n=\n\n.. toctree::\n\n   b\n", "b": "B\n=\n\nC\n-\n\n:ref:`genindex`\n"}
    found = []
    for name, extensions in (("with", ["sphinxzh.singlepage"]), ("without", [])):
        source = write(tmp_path / name, pages, language=language, extensions=extensions)
        site = build(source, tmp_path / name / "built", builder="singlehtml")
        found.append((site / "index.html").read_bytes())
    assert found[0] == found[1]


# HTML in which nothing is an id: it is to stay as it is, to the byte.
PLAIN = st.lists(
    st.sampled_from(
        [
            *(
                "握手\n",
                "&amp;",
                "&#x27;",
                "<br/>",
                "<p class='a'>",
                "</P >",
                '<a href="#none">',
                "<!-- 注 -->",
            ),
            *('<IMG alt="a > b" src=x.png>', "<style>p { color: #abc }</style>", '<a href="x#y">'),
            "<td headers=h>",
        ]
    )
).map("".join)


def test_an_id_that_a_document_has_twice_stays_with_the_first_element() -> None:
    html = '<div id="a"><table class="x" id="a"><tr></table></div><a href="#a">'
    assert [element.attributes.get("id") for element in parsed(made_unique(html, "x")).elements] == [
        *("x/a", None, None, None)
    ]


@given(PLAIN)
def test_what_refers_to_no_id_stays_to_the_byte(html: str) -> None:
    assert made_unique(html, "index") == html
    assert made_unique(begin("x") + html + end(), "index") == html


@given(st.lists(st.sampled_from(["甲", "a/b", "c'\"<d"]), min_size=1, unique=True))
def test_each_reference_is_to_the_id_of_its_own_part(docnames: list[str]) -> None:
    part = (
        '<p ID=t><a href="#t" aria-describedby="t none t">x</a><a href=\'#%74\'><a name="n"><input name="t">'
        '<svg><style>#t { fill: url("#t") } #abc{}</style><use xlink:href="#t" clip-path="url(#t)"/></svg>\n'
    )
    html = "".join(begin(docname) + part for docname in docnames) + end() * len(docnames)
    found: list[tuple[str, str | None]] = []

    class Attributes(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(attrs)

    reader = Attributes()
    written = made_unique(html, "index")
    reader.feed(written)
    expected: list[tuple[str, str | None]] = []
    for docname in docnames:
        name = f"{docname}/t"
        expected += [("id", name), ("href", f"#{name}"), ("aria-describedby", f"{name} none {name}")]
        expected += [("href", f"#{name}"), ("name", f"{docname}/n"), ("name", "t")]
        expected += [("xlink:href", f"#{name}"), ("clip-path", f"url(#{name})")]
    assert found == expected
    assert written.count("#abc{}") == len(docnames)
    assert escape("c'\"<d/t") in written or "c'\"<d" not in docnames
