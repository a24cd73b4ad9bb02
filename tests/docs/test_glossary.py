"""The glossary is sound, and the pages keep to it."""

from pathlib import Path

import pytest

from tests.docs import glossary
from tests.docs.pages import ROOT, book, read, shown

TERMS = glossary.terms(read(glossary.PAGE))
VOCABULARY = glossary.Vocabulary(TERMS)
PAGES = [*(path for path in book() if path != glossary.PAGE), *sorted(ROOT.glob("*.md"))]
MADE_UP = Path("made-up.md")


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_a_term_is_written_in_one_way(path: Path) -> None:
    assert [fault for prose in read(path).prose for fault in VOCABULARY.forbidden(prose)] == []


@pytest.mark.parametrize(("part", "pages"), glossary.parts().items(), ids=glossary.parts().keys())
def test_the_first_use_in_a_part_gives_the_english_word(part: str, pages: list[Path]) -> None:
    assert part
    assert VOCABULARY.unexplained(read(page) for page in pages) == []


def test_the_glossary_is_there_and_free_of_contradictions() -> None:
    written = [term.written for term in TERMS]
    never = [word for term in TERMS for word in term.never]
    assert len(TERMS) >= 60
    assert len(set(written)) == len(written)
    assert len(set(never)) == len(never)
    assert not set(written) & set(never)
    assert all(word for word in never)
    # A rendering inside the wanted word of another entry would make that word impossible to look for.
    assert [word for word in never for term in written if word in term] == []


def test_the_walls_of_the_parts_are_found() -> None:
    assert "reference" not in glossary.parts()


def test_an_unwanted_rendering_is_found() -> None:
    page = read(MADE_UP, "# 题\n\n第一行。\n每个数据包都有报头。\n")
    found = [fault for prose in page.prose for fault in VOCABULARY.forbidden(prose)]
    assert found == [
        "made-up.md:4: not “数据包” but “报文（packet）”",
        "made-up.md:4: not “报头” but “首部（header）”",
    ]


def test_a_word_broken_over_two_lines_is_still_found_or_at_least_does_not_hide_others() -> None:
    page = read(MADE_UP, "一个对等\n体；另一个对等体。\n")
    assert len([fault for prose in page.prose for fault in VOCABULARY.forbidden(prose)]) == 1


def test_headings_and_tables_are_held_to_it_and_code_is_not() -> None:
    page = read(MADE_UP, "# 对等体\n\n| 秘钥 |\n|---|\n| `数据包` |\n\n```text\n数据包\n```\n")
    found = [fault for prose in page.prose for fault in VOCABULARY.forbidden(prose)]
    assert [fault.split(":")[1] for fault in found] == ["1", "3"]


def test_a_first_use_without_english_is_found() -> None:
    one = read(MADE_UP, "# 握手\n\n先是握手。\n\n再是握手（handshake）。\n")
    (fault,) = VOCABULARY.unexplained([one])
    assert fault == "made-up.md:3: first use of “握手” in this part; write “握手（handshake）”"


@pytest.mark.parametrize(
    "text",
    [
        "# 握手\n\n先是握手（handshake）。\n\n再是握手。\n",
        "用预共享密钥（preshared key）。\n",
        "这是 handshake，中文叫{term}`握手`。\n",
        "一个报文，一把密钥。\n",
        "用 nonce。\n",
    ],
)
def test_a_first_use_with_english_passes_and_common_words_need_none(text: str) -> None:
    assert VOCABULARY.unexplained([read(MADE_UP, text)]) == []


def test_a_longer_term_is_not_taken_for_the_shorter_inside_it() -> None:
    found = VOCABULARY.unexplained([read(MADE_UP, "重放窗口（replay window）不同于重放。\n")])
    assert found == []  # its paragraph has the word replay
    found = VOCABULARY.unexplained([read(MADE_UP, "重放窗口（replay window）。\n\n重放。\n")])
    assert [fault.split("“")[1].split("”")[0] for fault in found] == ["重放"]


def test_an_entry_of_another_form_is_refused() -> None:
    text = "# 题\n\n```{glossary}\n一\none\nuno\n  义。\n```\n"
    with pytest.raises(ValueError, match=r"glossary\.md:4: expected a term"):
        glossary.terms(read(MADE_UP, text))
