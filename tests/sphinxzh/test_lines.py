"""Line breaks between Han characters are no spaces on the page, and all others are."""

import re
from pathlib import Path

import pytest

from sphinxzh.lines import joined


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("先握手，\n再传输", "先握手，再传输"),
        ("先握手\n再传输", "先握手再传输"),
        ("先握手\n，再传输", "先握手，再传输"),
        ("他说“好\n”了", "他说“好”了"),
        ("用\nUDP\n传输", "用\nUDP\n传输"),
        ("“UDP”\n“TCP”", "“UDP”\n“TCP”"),
        ("plain\nEnglish", "plain\nEnglish"),
        ("甲 \n 乙", "甲乙"),
        ("甲\n\n乙", "甲\n\n乙"),
    ],
)
def test_a_break_goes_only_where_han_meets_han(text: str, expected: str) -> None:
    assert joined(text) == expected


def test_the_lines_of_a_page_are_joined_across_emphasis_and_links(
    chinese_site: Path, stock_site: Path
) -> None:
    def prose(site: Path) -> str:
        html = (site / "index.html").read_text("utf-8")
        body = re.search(r"<p>(这一页.*?)</p>", html, re.DOTALL)
        assert body is not None
        return re.sub(r"<[^>]+>", "", body[1])

    assert prose(stock_site).count("\n") == 6  # one for each line of the source but the last
    assert prose(chinese_site) == (
        "这一页讲握手与重放窗口，先握手，再传输数据；用\nUDP\n传输。"
        "见 握手一节，再看 代码\n与正文，由计算机处理。"
    )


def test_a_word_cut_by_a_line_break_is_whole_in_the_search_index(
    chinese_site: Path, stock_site: Path
) -> None:
    assert '"计算机"' in searchable(chinese_site)
    assert '"计算机"' not in searchable(stock_site)


def searchable(site: Path) -> str:
    """The index with its escapes undone."""
    return (site / "searchindex.js").read_text("utf-8").encode().decode("unicode_escape")
