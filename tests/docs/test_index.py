"""The index of the book: by pinyin, and every entry leads to its place."""

import re

import pytest

from tests.docs.site import built

pytestmark = pytest.mark.built


def test_every_entry_leads_to_its_place() -> None:
    html = built("html/genindex.html").read_text("utf-8")
    links = set(re.findall(r'href="([^"#]+\.html)#([^"]+)"', html))
    assert len(links) > 150
    pages = {page: built(f"html/{page}").read_text("utf-8") for page, _ in links}
    assert [f"{page}#{anchor}" for page, anchor in links if f'id="{anchor}"' not in pages[page]] == []
    # Sphinx's own search shows what stands there, and fails where nothing does
    empty = [
        f"{page}#{anchor}"
        for page, anchor in links
        if re.search(rf'<(\w+)[^>]* id="{anchor}"></\1>', pages[page])
    ]
    assert empty == []


def test_the_letters_are_in_order_and_hold_what_begins_with_them() -> None:
    html = built("html/genindex.html").read_text("utf-8")
    groups = dict(re.findall(r'<h2 id="([^"]*)">.*?</h2>(.*?)(?=<h2|<footer)', html, re.DOTALL))
    letters = [name for name in groups if name != "符号"]
    assert letters == sorted(letters)
    assert all(re.fullmatch("[A-Z]", letter) for letter in letters)
    for letter, word in (("W", "握手"), ("M", "密钥"), ("C", "重放"), ("X", "信道绑定"), ("H", "HKDF")):
        assert f"<strong>{word}</strong>" in groups[letter] or f">{word}</a>" in groups[letter], word


@pytest.mark.parametrize("page", ["index.html", "reference/index.html"])
def test_the_front_page_and_the_reference_lead_to_it(page: str) -> None:
    assert re.search(r'href="(\.\./)?genindex\.html"', built(f"html/{page}").read_text("utf-8"))
