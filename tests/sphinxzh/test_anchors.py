"""Anchors of Chinese headings: readable, unique in their document, the same after a heading was put in."""

import posixpath
import re
import zipfile
from pathlib import Path
from random import Random
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sphinx.util.inventory import InventoryFile

from sphinxzh.anchors import anchor, headings
from tests.sphinxzh.reading import read
from tests.sphinxzh.sites import SITE, build, write

NUMBERED = re.compile(r"(id|term-|section-?)\d+")
# Punctuation of Markdown and reStructuredText, both widths, and what a heading is made of.
TEXT = st.text(
    st.sampled_from("握手保活TLS tls01_-`*：，。？！“”（）／·—.,:;?!/#%&<>\"'　ＴＬｓ①é"), max_size=12
)
PATHS = st.lists(
    st.lists(st.sampled_from("甲乙丙"), min_size=1, max_size=4).map(tuple), unique=True, max_size=12
)


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site in which everything clashes."""
    return build(SITE, tmp_path_factory.mktemp("anchors") / "html")


@given(TEXT)
def test_an_anchor_is_a_name_in_xml_and_stands_in_an_address_as_it_is(text: str) -> None:
    made = anchor(text)
    assert re.fullmatch(r"([^\W\d_]|_\d)[^\W_]*(-[^\W_]+)*|", made)
    assert made == made.lower()
    assert anchor(made.removeprefix("_")) == made  # it is its own anchor
    if made:
        ElementTree.fromstring(f"<{made}/>")


@given(PATHS, st.randoms(use_true_random=False))
def test_headings_are_unique_and_it_does_not_matter_in_which_order_they_come(
    paths: list[tuple[str, ...]], random: Random
) -> None:
    made = dict(zip(paths, headings(paths), strict=True))
    assert len(set(made.values())) == len(paths)
    shuffled = list(paths)
    random.shuffle(shuffled)
    assert dict(zip(shuffled, headings(shuffled), strict=True)) == made
    for path, name in made.items():
        assert "-".join(reversed(path)).endswith(name)


def test_headings_have_the_anchors_that_the_rule_gives(html: Path) -> None:
    assert read(html / "甲.html").headings() == [
        ("甲", "甲"),
        ("握手", "甲-握手"),
        ("保活", "保活"),
        ("握手", "保活-握手"),
        ("带标签", "ascii-label"),  # an explicit label keeps its place
        ("标签与标题不同", "汉字标签"),
        ("第三次", "第三次"),  # the label and the heading share it
        ("TLS 握手", "tls-握手"),
        ("TLS 警报", "tls-警报"),
        ("Handshake", "handshake"),  # as docutils makes it
        ("？！", "section"),
        ("25 秒", "_25-秒"),
    ]
    assert read(html / "markdown.html").headings() == [
        ("Markdown 页", "markdown-页"),
        ("握手", "markdown-页-握手"),
        ("e：临时公钥", "e-临时公钥"),
        ("有标签", "lab"),
        ("握手", "汉标"),
    ]


def test_a_heading_with_a_label_can_still_be_reached_by_its_text(html: Path) -> None:
    assert {"带标签", "标签与标题不同", "第三次"} <= set(read(html / "甲.html").ids)
    assert {"有标签", "有标签-握手"} <= set(read(html / "markdown.html").ids)


def test_terms_figures_tables_code_and_footnotes_can_be_read_too(html: Path) -> None:
    names = set(read(html / "甲.html").ids)
    assert {"term-握手包", "term-dns-污染", "term-Cookie"} <= names
    assert {"figure-三次握手", "有名的图", "table-两个字", "code-block-代码"} <= names
    assert {"footnote-1", "footnote-reference-1", "footnote-reference-2", "说明", "握手2024"} <= names


def test_no_page_repeats_an_id_or_numbers_one_and_every_link_leads_to_one(html: Path) -> None:
    pages = {path: read(path) for path in html.rglob("*.html")}
    led = []
    for path, page in pages.items():
        assert [name for name, times in page.ids.items() if times > 1 or NUMBERED.fullmatch(name)] == [], path
        for element in page.elements:
            address, _, fragment = unquote(element.attributes.get("href", "")).partition("#")
            target = (path.parent / address).resolve() if address else path
            if fragment and target in pages:
                assert fragment in pages[target].ids, (path, element.attributes["href"])
                led.append(fragment)
    assert len(set(led)) > 30


def test_markdown_links_lead_to_the_sections_that_they_name(html: Path) -> None:
    links = {
        element.words: unquote(element.attributes["href"])
        for element in read(html / "markdown.html").elements
        if element.tag == "a" and "internal" in element.attributes.get("class", "")
    }
    assert links["本页的密钥"] == "#e-临时公钥"
    assert links["自己"] == "#markdown-页-握手"
    assert links["标签"] == "#lab"
    assert links["第三次"] == "甲.html#第三次"


def test_the_contents_of_page_and_site_name_the_same_anchors(html: Path) -> None:
    page = read(html / "index.html")
    assert "握手" in page.fragments  # the local contents, and the heading's own link
    listed = {
        unquote(element.attributes["href"])
        for element in page.elements
        if element.tag == "a" and element.parent is not None and element.parent.tag == "li"
    }
    assert {"甲.html#保活", "甲.html#保活-握手", "甲.html#ascii-label", "乙/丁.html#握手"} <= listed


def test_other_sites_find_the_anchors_in_the_inventory(html: Path) -> None:
    with (html / "objects.inv").open("rb") as file:
        found = InventoryFile.load(file, "https://example.org", posixpath.join)
    page = "https://example.org/%E7%94%B2.html"
    assert found["std:label"]["第三次"].uri == f"{page}#第三次"
    assert found["std:label"]["ascii-label"].uri == f"{page}#ascii-label"
    assert found["std:label"]["甲:保活"].uri == f"{page}#保活"
    assert found["std:term"]["握手包"].uri == f"{page}#term-握手包"


BEFORE = """\
书
==

连接
----

握手
~~~~

传输
----

握手
~~~~

TLS 握手
~~~~~~~~

.. figure:: picture.svg

   三次握手

.. glossary::

   握手包
     一种报文。
"""
AFTER = BEFORE.replace(
    "连接\n----\n", "前言\n----\n\n绪论\n~~~~\n\n脚注 [#]_。\n\n.. [#] 注。\n\n连接\n----\n"
).replace("握手包", "新词\n     新。\n\n   握手包")


def test_a_heading_put_in_before_changes_no_anchor(tmp_path: Path) -> None:
    found = []
    for name, text in (("before", BEFORE), ("after", AFTER)):
        source = write(tmp_path / name, {"index": text})
        (source / "picture.svg").write_bytes((SITE / "picture.svg").read_bytes())
        found.append(set(read(build(source, tmp_path / name / "built") / "index.html").ids))
    before, after = found
    assert {"连接-握手", "传输-握手", "tls-握手", "figure-三次握手", "term-握手包"} <= before
    assert before <= after
    assert after - before >= {"前言", "绪论", "footnote-1", "term-新词"}


def test_parallel_and_incremental_builds_give_the_pages_of_a_clean_one(tmp_path: Path) -> None:
    # Sphinx reads in parallel from more than five documents on.
    pages = {
        f"页{n}": f":orphan:\n\n第 {n} 页\n=======\n\n握手\n----\n\n:ref:`标签{n - 1}`\n" for n in range(9)
    }
    pages |= {"index": "书\n==\n\n.. _标签-1:\n\n标签\n----\n"}
    for n in range(9):
        pages[f"页{n}"] = pages[f"页{n}"].replace("握手\n", f".. _标签{n}:\n\n握手\n", 1)
    source = write(tmp_path / "source", pages)

    def pages_of(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.glob("*.html")}

    clean = pages_of(build(source, tmp_path / "clean"))
    assert "#标签3" in clean["页4.html"].decode()
    assert pages_of(build(source, tmp_path / "parallel", "-j", "2")) == clean
    write(source, {"页3": pages["页3"].replace("===\n", "===\n\n新的\n----\n", 1)})
    changed = pages_of(build(source, tmp_path / "clean"))
    assert changed == pages_of(build(source, tmp_path / "anew"))
    assert changed != clean


def test_the_pdf_s_links_lead_to_labels(tmp_path: Path) -> None:
    build(SITE, tmp_path / "latex", builder="latex")
    (tex,) = (path.read_text("utf-8") for path in (tmp_path / "latex").glob("*.tex"))
    labels = set(re.findall(r"\\label\{\\detokenize\{([^}]*)\}\}", tex))
    links = set(re.findall(r"\\hyperref\[\\detokenize\{([^}]*)\}\]", tex))
    assert len(links) > 10
    assert links - labels == set()


def test_an_epub_has_names_of_xml_for_ids(tmp_path: Path) -> None:
    build(SITE, tmp_path / "epub", builder="epub")
    (book,) = (tmp_path / "epub").glob("*.epub")
    with zipfile.ZipFile(book) as archive:
        names = [
            element.get("id", "x")
            for page in archive.namelist()
            if page.endswith(".xhtml")
            for element in ElementTree.fromstring(archive.read(page)).iter()
        ]
    assert "_25-秒" in names
    for name in names:
        ElementTree.fromstring(f"<{name}/>")


def test_catalogues_for_translators_are_the_same_with_and_without_anchors(tmp_path: Path) -> None:
    build(SITE, tmp_path / "with", builder="gettext")
    bare = "extensions=myst_parser,sphinx.ext.autosectionlabel"
    build(SITE, tmp_path / "without", "-D", bare, builder="gettext")
    files = sorted(path.name for path in (tmp_path / "with").glob("*.pot"))
    assert "甲.pot" in files
    for name in files:
        texts = [
            re.findall(r"^msgid .*", (tmp_path / folder / name).read_text("utf-8"), re.MULTILINE)
            for folder in ("with", "without")
        ]
        assert texts[0] == texts[1], name


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_site_in_another_language_keeps_the_anchors_of_sphinx(language: str, tmp_path: Path) -> None:
    page = "握手\n====\n\n保活\n----\n\n脚注 [#]_。\n\n.. [#] 注。\n"
    found = []
    for name, extensions in (("with", ["sphinxzh"]), ("without", [])):
        source = write(tmp_path / name, {"index": page}, language=language, extensions=extensions)
        found.append(read(build(source, tmp_path / name / "built") / "index.html").headings())
    assert found[0] == found[1]
    assert [NUMBERED.fullmatch(name) is not None for _, name in found[0]] == [True, True]


def test_the_module_can_be_loaded_alone(tmp_path: Path) -> None:
    source = write(tmp_path, {"index": "握手\n====\n"}, extensions=["sphinxzh.anchors"])
    assert read(build(source, tmp_path / "built") / "index.html").headings() == [("握手", "握手")]
    assert "sphinxzh" not in (tmp_path / "built" / "index.html").read_text("utf-8")
