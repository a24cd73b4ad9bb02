"""A Chinese site gets a good PDF with nothing set; what its author sets wins."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.sphinxzh.building import build, run, write_site

PLAIN = {"index.rst": "手册\n====\n\n正文。\n"}
ODD = "🚀✅①⑳㊿𠮷𰻝㐂☆✓½αΩñǚʃ⇒∑"
DRAWN = ["┌────────┐", "│盒子ab│", "└────────┘"]
LONG = "HandshakeStateMachineInitializationVectorProcessorFactoryBuilder"
FIRST = f"""\
第一章的题目 🚀
===============

正文里有 {ODD}，*强调的文字* 与 **粗体**，家庭 👩‍💻️ 。``代码 {ODD}``

“你好，”他说：“世界。”（括号）《书名》——破折号……

.. index:: 握手, 密钥

.. code-block:: python

   # 中文注释 {ODD}
   # ┌────────┐
   # │ 盒子ab │
   # └────────┘
   def 函数(): return "{LONG * 3}"

一节
----

.. index:: single: 密钥; 会话

``{LONG * 2}`` 与 ``{"af1349b9" * 16}``。

.. list-table:: 宽表
   :header-rows: 1

   * - 名字
     - 说明
     - 代码
     - 网址
   * - {LONG}
     - 很长的一段说明，一直写下去，写到这一格放不下为止，然后还要再写一些。
     - ``{LONG}``
     - https://example.org/a/very/long/path/that/does/not/end/anywhere/soon/index.html
"""
SECOND = """\
第二章
======

.. index:: 行为

见 `网页 <https://example.org/x>`_。

.. list-table:: 长表
   :header-rows: 1

   * - 号
     - 字
""" + "".join(f"   * - {n}\n     - 行 {n} 代码 ``code_{n}``\n" for n in range(90))
PAGES = {
    "index.rst": "例子手册\n========\n\n.. toctree::\n\n   一\n   二\n",
    "一.rst": FIRST,
    "二.rst": SECOND,
}


def output(*command: str | Path) -> str:
    """What a program of poppler prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def squeezed(text: str) -> str:
    """Text without white space."""
    return re.sub(r"\s+", "", text)


def tex(source: Path) -> str:
    """What a site becomes as LaTeX."""
    return next(build(source, "latex").glob("*.tex")).read_text("utf-8")


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that sets nothing, through TeX."""
    return build(write_site(tmp_path_factory.mktemp("pdf"), PAGES), "latexpdf") / "例子手册.pdf"


@pytest.mark.pdf
def test_a_site_that_sets_nothing_gets_a_pdf_of_its_own_name_on_a4(pdf: Path) -> None:
    info = output("pdfinfo", pdf)
    assert re.search(r"Title:\s+例子手册\n", info)
    assert re.search(r"Author:\s+作者\n", info)
    assert "(A4)" in info


@pytest.mark.pdf
def test_no_glyph_is_lost_and_no_line_sticks_out(pdf: Path) -> None:
    log = pdf.with_suffix(".log").read_text("utf-8", errors="replace")
    assert re.findall(r"Missing character: .*|Overfull \\hbox.*|xeCJK Warning: CJKfamily.*", log) == []
    text = squeezed(output("pdftotext", "-enc", "UTF-8", pdf, "-"))
    for character in ODD:
        assert text.count(character) >= 3, character  # in the text, in code in a line, in a block of code
    assert LONG * 2 in text


@pytest.mark.pdf
def test_every_font_is_embedded_and_its_text_can_be_copied(pdf: Path) -> None:
    fonts = output("pdffonts", pdf).splitlines()[2:]
    assert fonts
    assert [font for font in fonts if not re.search(r"\syes\s+yes\s+yes\s+\d+\s+\d+$", font)] == []
    assert any("NotoSerifCJK" in font and "Bold" in font for font in fonts)


@pytest.mark.pdf
def test_a_frame_in_code_keeps_its_corners_one_above_the_other(pdf: Path) -> None:
    words = re.findall(
        r'xMin="([\d.]+)".*?xMax="([\d.]+)".*?>(.*?)</word>', output("pdftotext", "-bbox", pdf, "-")
    )
    edges = {text: (float(left), float(right)) for left, right, text in words if text in {DRAWN[0], DRAWN[2]}}
    bars = [float(right) for _left, right, text in words if text == "│"]
    assert len(edges) == 2
    assert edges[DRAWN[0]] == edges[DRAWN[2]]
    assert bars
    # one column is 9 pt × 0.86 / 2 or so; the bar stands in the column of the corners
    assert min(abs(bar - edges[DRAWN[0]][1]) for bar in bars) < 1.0


@pytest.mark.pdf
def test_the_frame_of_the_book_is_chinese(pdf: Path) -> None:
    text = squeezed(output("pdftotext", "-enc", "UTF-8", pdf, "-"))
    for word in ("目录", "第1章第一章的题目", "第2章", "索引", "表1:", "接上页"):
        assert word in text
    for word in ("Contents", "Chapter", "Index", "Table"):
        assert word not in text


@pytest.mark.pdf
def test_the_index_has_its_letters_and_the_right_pages(pdf: Path) -> None:
    pages = output("pdftotext", "-enc", "UTF-8", pdf, "-").split("\f")
    index = next(page for page in pages if page.startswith("索引"))
    assert re.findall(r"(?m)^[A-Z]$", index) == ["M", "W", "X"]
    found = dict(re.findall(r"(?m)^(\S+), (\d+)$", index))
    assert set(found) == {"密钥", "会话", "握手", "行为"}
    numbers = {
        word: squeezed(page)
        for word, n in found.items()
        for page in pages
        if page.rstrip().endswith(f"\n{n}")
    }
    assert "第一章的题目" in numbers["握手"]
    assert "第二章" in numbers["行为"]


@pytest.mark.pdf
def test_the_same_sources_make_the_same_bytes_elsewhere_and_later(pdf: Path, tmp_path: Path) -> None:
    epoch = {"SOURCE_DATE_EPOCH": "1700000000"}
    folders = [tmp_path / "a", tmp_path / "another folder" / "b"]
    made = [build(write_site(folder, PAGES), "latexpdf", epoch) / pdf.name for folder in folders]
    assert made[0].read_bytes() == made[1].read_bytes()
    assert made[0].stat().st_mtime_ns != made[1].stat().st_mtime_ns
    assert "2023 年 11 月 1" in output("pdftotext", "-l", "1", made[0], "-")


@pytest.mark.pdf
def test_a_traditional_site_has_traditional_words_and_forms(tmp_path: Path) -> None:
    pages = {
        "index.rst": "手冊\n====\n\n.. toctree::\n\n   一\n",
        "一.rst": "骨架\n====\n\n*強調* 與直角。🚀\n",
    }
    folder = build(write_site(tmp_path, pages, "language = 'zh_TW'\n"), "latexpdf")
    text = squeezed(output("pdftotext", folder / "例子手册.pdf", "-"))
    assert "目錄" in text
    assert "強調與直角。🚀" in text
    log = (folder / "例子手册.log").read_text("utf-8", errors="replace")
    assert "Missing character" not in log
    assert "Noto Serif CJK TC" in log
    assert "Noto Serif CJK SC" not in log


@pytest.mark.pdf
def test_an_appendix_has_its_letter_and_a_howto_no_chapters(tmp_path: Path) -> None:
    one = {
        "一.rst": "甲部\n====\n\n.. toctree::\n\n   二\n",
        "二.rst": "甲章\n====\n\n.. index:: 握手\n\n字。\n",
    }
    pages = {
        "index.rst": "手册\n====\n\n.. toctree::\n\n   一\n",
        "附.rst": ":orphan:\n\n附文\n====\n\n字。\n",
        **one,
    }
    conf = (
        "latex_appendices = ['附']\n"
        "latex_documents = [('index', 'book.tex', '书', '人', 'manual'),"
        " ('一', 'short.tex', '短文', '人', 'howto')]\n"
    )
    folder = build(write_site(tmp_path, pages, conf), "latexpdf")
    book = squeezed(output("pdftotext", folder / "book.pdf", "-"))
    assert "第1章甲部" in book
    assert "附录A附文" in book
    short = squeezed(output("pdftotext", folder / "short.pdf", "-"))
    assert "短文" in short
    assert "握手,1" in short
    assert "第1章" not in short


@pytest.mark.pdf
def test_a_character_that_no_font_has_is_named_with_its_page(tmp_path: Path) -> None:
    lost = "\U0010fffd"
    done = run(
        write_site(tmp_path, {"index.rst": f"手册\n====\n\n好。\n\n一个 {lost}{lost} 字。\n"}), "latex"
    )
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "index.rst:6: WARNING: No font of this machine has" in line
    assert "U+10FFFD" in line


def test_what_is_missing_is_named_by_its_packages_in_one_line(tmp_path: Path) -> None:
    done = run(write_site(tmp_path, PLAIN), "latex", {"PATH": str(tmp_path)})
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "on Debian: apt-get install texlive-xetex latexmk texlive-latex-extra" in line
    assert "Traceback" not in done.stderr


def test_the_author_has_the_last_word(tmp_path: Path) -> None:
    conf = (
        "latex_elements = {'papersize': 'b5paper', 'fontpkg': '% my fonts',\n"
        "    'sphinxsetup': 'TitleColor=red', 'preamble': '% my preamble'}\n"
        "latex_documents = [('index', 'mine.tex', 'T', 'A', 'howto')]\n"
        "latex_use_xindy = True\nlatex_show_urls = 'no'\ntoday = '某日'\n"
    )
    source = write_site(tmp_path, PLAIN, conf)
    text = tex(source)
    assert (tmp_path / "latex" / "mine.tex").exists()
    assert r"\documentclass[b5paper" in text
    assert "% my fonts" in text
    assert "sphinxzhfonts" not in text
    assert "sphinxzhstandins" not in text
    assert re.search(r"InnerLinkColor=.*, TitleColor=red", text)
    assert text.index(r"\usepackage{sphinxzh}") < text.index("% my preamble")
    assert r"\date{某日}" in text
    assert "xindy" in (tmp_path / "latex" / "latexmkrc").read_text("utf-8")


def _table(rows: int) -> str:
    body = "".join(f"   * - {n}\n" for n in range(rows))
    return f".. list-table:: 表\n   :header-rows: 1\n\n   * - 号\n{body}\n"


def test_a_table_of_more_than_eight_rows_goes_on_over_the_page(tmp_path: Path) -> None:
    pages = {"index.rst": f"手册\n====\n\n{_table(8)}{_table(9)}"}
    written = tex(write_site(tmp_path, pages))
    assert written.count(r"\begin{longtable}") == 1
    assert len(re.findall(r"\\begin{tabul(?:ar|ary)}", written)) == 1


def test_a_table_in_another_stays_in_one_piece(tmp_path: Path) -> None:
    inner = "".join(f"          * - {line}\n" for line in range(9))
    outer = "".join(f"   * - {line}\n" for line in range(8))
    pages = {"index.rst": f"手册\n====\n\n.. list-table::\n\n   * - .. list-table::\n\n{inner}\n{outer}\n"}
    assert r"\begin{longtable}" not in tex(write_site(tmp_path, pages))


@pytest.mark.parametrize("conf", ["language = 'en'\n", "language = 'ja'\n", "latex_engine = 'lualatex'\n"])
def test_a_site_that_is_not_chinese_by_xelatex_is_left_alone(conf: str, tmp_path: Path) -> None:
    ours = write_site(tmp_path / "ours", PLAIN, conf)
    stock = write_site(tmp_path / "stock", PLAIN, conf + "extensions = []\n")
    assert tex(ours) == tex(stock)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("zh_CN", "SC"), ("zh", "SC"), ("zh_Hans", "SC"), ("zh_TW", "TC"), ("zh_Hant", "TC"), ("zh_HK", "HK")],
)
def test_the_language_decides_the_forms_of_the_characters(tag: str, expected: str) -> None:
    from sphinxzh.latex import region

    assert region(tag) == expected


def test_the_cover_has_the_date_of_the_last_commit(tmp_path: Path) -> None:
    source = write_site(tmp_path, PLAIN)
    date = "2024-02-03T04:05:06Z"
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "x"]):
        subprocess.run(
            ["git", *command], cwd=source, check=True, env={**os.environ, "GIT_COMMITTER_DATE": date}
        )
    assert r"\date{2024 年 2 月 3 日}" in re.sub(r"\b0(\d)", r"\1", tex_with(source, None))
    assert r"\date{2023 年 11 月 1" in tex_with(source, "1700000000")


def tex_with(source: Path, epoch: str | None) -> str:
    """What a site becomes as LaTeX when SOURCE_DATE_EPOCH is this."""
    folder = build(source, "latex", {"SOURCE_DATE_EPOCH": epoch, "TZ": "UTC"})
    return next(folder.glob("*.tex")).read_text("utf-8")
