"""The index is in the order in which a Chinese reader looks a word up."""

import re
import subprocess
import sys
from gettext import NullTranslations
from pathlib import Path

import pytest
from sphinx.errors import ConfigError

from sphinxzh.indexing import Order, heading
from tests.sphinxzh.building import build, run, write_site

ENTRIES = """\
例
==

.. index:: 握手, 密钥, 重放, 重要, 行为, 银行, 绿, 努力, 女, DNS, dns64, 安全, ASCII
.. index:: _init, 4 次, Émile, 允许的 IP

正文。

.. index::
   single: 密钥; 会话
   single: 密钥; 安全
   pair: 数据; 加密
   see: 口令; 密码
   seealso: 密钥; 口令
   single: 引号"与!感叹@圈|竖

再一段。

.. glossary::

   允许的 IP
      路由表。
"""
IN_ORDER = [
    "4 次", "_init", "安全", "ASCII", "重放", "DNS", "dns64", "Émile", "加密", "口令", "绿", "密钥", "女",
    "努力", "数据", "握手", "行为", '引号"与!感叹@圈|竖', "银行", "允许的 IP", "重要",
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with these entries, as HTML and as LaTeX."""
    source = write_site(tmp_path_factory.mktemp("index"), {"index.rst": ENTRIES})
    build(source, "html")
    build(source, "latex")
    return source


def entries(site: Path, builder: str = "html") -> dict[str, list[str]]:
    """The main entries of the HTML index by their headings."""
    html = (site.parent / builder / "genindex.html").read_text("utf-8")
    groups = re.findall(r'<h2 id="[^"]*">(.*?)</h2>(.*?)(?=<h2|</body>)', html, re.DOTALL)
    found: dict[str, list[str]] = {}
    for name, body in groups:
        without_children = re.sub(
            r"<ul>\s*(<li>(?:(?!<ul>).)*?</li>\s*)+</ul></li>", "</li>", body, flags=re.S
        )
        items = re.findall(r"<li>(.*?)</li>", without_children, re.DOTALL)
        found[name] = [text_of(item) for item in items]
    return found


def text_of(item: str) -> str:
    """The text of the first link of an entry, or of the entry."""
    first = re.sub(r",\s*<a.*", "", item, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", "", first).replace("&#34;", '"').strip()


def test_the_entries_stand_by_pinyin_under_letters(site: Path) -> None:
    found = entries(site)
    assert list(found) == ["符号", *"ACDEJKLMNSWXYZ"]
    assert found["A"] == ["安全", "ASCII"]
    assert found["C"] == ["重放"]
    assert found["X"] == ["行为"]
    assert found["N"] == ["努力", "女"]  # nǔ before nǚ
    assert found["Z"] == ["重要"]


def test_what_stands_below_an_entry_is_by_pinyin_too(site: Path) -> None:
    html = (site.parent / "html" / "genindex.html").read_text("utf-8")
    below = re.search(r">密钥</a>.*?<ul>(.*?)</ul>", html, re.DOTALL)
    assert below is not None
    assert [text_of(item) for item in re.findall(r"<li>(.*?)</li>", below[1], re.DOTALL)] == [
        "安全",
        "会话",
        "另请参见 口令",
    ]


def test_a_word_decides_how_its_characters_are_read() -> None:
    order = Order({})
    words = ("银行", "行为", "重复", "重量", "长度", "长老", "重放", "重传", "音乐", "快乐")
    assert "".join(heading(order.key(word)) for word in words) == "YXCZCZCCYK"
    assert order.key("快乐").startswith("kuai4 05feb le4 ")
    assert order.key("音乐").endswith("yue4 04e50")


def test_an_author_says_how_a_word_is_read() -> None:
    assert heading(Order({}).key("区先生")) == "Q"
    assert heading(Order({"区先生": "ou1 xian1 sheng1"}).key("区先生")) == "O"


@pytest.mark.parametrize("reading", ["ou", "ou1", "ōu xian1 sheng1", ""])
def test_a_reading_that_does_not_fit_its_word_is_refused(reading: str) -> None:
    with pytest.raises(ConfigError, match=r"sphinxzh_readings: '区先生' is read .*; expected a syllable"):
        Order({"区先生": reading})


def test_keys_are_printable_ascii_without_what_makeindex_reads(site: Path) -> None:
    order = Order({})
    for text in [*IN_ORDER, "α 粒子", "🚀 升空", "𠮷野家", "a\\b{c}%d#e$f&g~h^i_j"]:
        assert re.fullmatch(r"[a-z0-9 *]+", order.key(text)), text


def test_entries_that_differ_only_in_reading_do_not_merge() -> None:
    order = Order({})
    assert len({order.key(word) for word in ("权利", "权力", "全力", "权利 ", "ＱＵＡＮ", "quan")}) == 4


def test_without_pypinyin_common_characters_still_stand_by_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    monkeypatch.setattr("sphinx.locale.translators", {("general", "sphinx"): NullTranslations()})
    order = Order({})
    words = ["啊", "握手", "密钥", "安全", "座位", "一次", "㐂", "鑫"]
    assert [heading(order.key(word)) for word in words] == [
        "A",
        "W",
        "M",
        "A",
        "Z",
        "Y",
        "Symbols",
        "Symbols",
    ]
    assert sorted(["安全", "啊", "爱好"], key=order.key) == ["啊", "爱好", "安全"]
    assert heading(order.key("重放")) == "C"  # known by itself


def test_another_language_keeps_its_index(tmp_path: Path) -> None:
    english = "language = 'en'\n"
    ours = write_site(tmp_path / "ours", {"index.rst": ENTRIES}, english)
    stock = write_site(tmp_path / "stock", {"index.rst": ENTRIES}, english + "extensions = []\n")
    pages = [build(source, "html") / "genindex.html" for source in (ours, stock)]
    bodies = [page.read_text("utf-8").partition("<h1")[2] for page in pages]
    assert bodies[0] == bodies[1]
    texts = [next(build(source, "latex").glob("*.tex")).read_text("utf-8") for source in (ours, stock)]
    assert re.findall(r"\\index\{.*", texts[0]) == re.findall(r"\\index\{.*", texts[1]) != []


def test_an_index_of_many_pages_is_refused_in_one_sentence(tmp_path: Path) -> None:
    source = write_site(tmp_path, {"index.rst": ENTRIES}, "html_split_index = True\n")
    done = run(source, "html")
    assert done.returncode == 1
    assert "html_split_index: sphinxzh.indexing writes the index as one page; expected False." in done.stderr


def test_incremental_and_parallel_builds_give_the_same_index(site: Path, tmp_path: Path) -> None:
    pages = {
        "index.rst": ENTRIES,
        **{f"p{n}.rst": f":orphan:\n\n页 {n}\n====\n\n.. index:: 密钥, 页\n\n字\n" for n in range(9)},
    }
    source = write_site(tmp_path, pages)
    clean = (build(source, "html") / "genindex.html").read_text("utf-8")
    (source / "p3.rst").write_text(pages["p3.rst"] + "\n又\n", "utf-8")
    assert (build(source, "html") / "genindex.html").read_text("utf-8") == clean
    parallel = write_site(tmp_path / "parallel", pages)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-j", "2", str(parallel), str(tmp_path / "two")]
    subprocess.run(command, check=True)
    assert (tmp_path / "two" / "genindex.html").read_text("utf-8") == clean


@pytest.mark.pdf
def test_makeindex_puts_them_in_the_same_order_under_the_same_headings(site: Path, tmp_path: Path) -> None:
    latex = site.parent / "latex"
    tex = next(latex.glob("*.tex")).read_text("utf-8")
    commands = re.findall(r"\\index\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}", tex)
    assert len(commands) > len(IN_ORDER)
    (tmp_path / "a.idx").write_text("".join(f"\\indexentry{{{text}}}{{1}}\n" for text in commands), "utf-8")
    subprocess.run(
        ["makeindex", "-q", "-s", latex / "python.ist", "a.idx"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    printed = (tmp_path / "a.ind").read_text("utf-8")
    lines = re.findall(r"\\bigletter (\S+)|\\item \\spxentry\{((?:[^{}]|\{\})*)\}", printed)
    found: dict[str, list[str]] = {}
    for letter, entry in lines:
        if letter:
            current = found.setdefault("符号" if "symbols" in letter else letter, [])
        else:
            current.append(entry.replace("\\_", "_").replace("\\textbar{}", "|"))
    assert found == entries(site)
    assert r"\spxentry{密钥}, 1, \seealso{口令}{1}" in printed  # the page first, then where else to look
    assert r"\spxentry{口令}, \see{密码}{1}" in printed
