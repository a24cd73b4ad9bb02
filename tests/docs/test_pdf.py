"""The PDF, read back: its text can be copied, its bookmarks are Chinese, no glyph is lost."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import pytest

from sphinxzh.indexing import Order, heading
from tests.docs.pages import DOCS, ROOT, book, read, shown
from tests.docs.site import built

pytestmark = pytest.mark.pdf

OVERFULL = 3.0  # points by which the widest line may stick out into the margin of 25 mm (71 points)


def output(*command: str) -> str:
    """What a program of poppler prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def pdf() -> Path:
    """The PDF that was built."""
    return built("latex/glasstunnel.pdf")


@pytest.fixture(scope="module")
def text(pdf: Path) -> str:
    """All of its text, without the spaces that lines and columns put in."""
    return squeezed(output("pdftotext", "-enc", "UTF-8", str(pdf), "-"))


def squeezed(text: str) -> str:
    """Text without white space."""
    return re.sub(r"\s+", "", text)


def title(path: Path) -> str:
    """The heading of a page as it is printed."""
    heading = next(prose for prose in read(path).prose if prose.kind == "heading")
    return heading.text


@pytest.mark.parametrize("path", [path for path in book() if path.name != "index.md"], ids=shown)
def test_every_page_of_the_book_can_be_copied_out(path: Path, text: str) -> None:
    page = read(path)
    assert squeezed(title(path)) in text
    # some Han characters in a row of the first paragraphs; a link is followed by the mark of a footnote
    linked = {link.line for link in page.links}
    plain = [prose.text for prose in page.prose if prose.kind == "paragraph" and prose.line not in linked]
    runs = (re.search("[\u4e00-\u9fff]{6,10}", text) for text in plain)
    samples = [run.group() for run in runs if run]
    assert samples
    assert [sample for sample in samples[:5] if sample not in text] == []


def test_the_bookmarks_are_the_titles_in_chinese(pdf: Path) -> None:
    outline = output("pdftohtml", "-xml", "-i", "-stdout", str(pdf)).partition("<outline>")[2]
    entries = {squeezed(entry) for entry in re.findall(r"<item[^>]*>(.*?)</item>", outline)}
    # the title of a part comes after its number
    titles = [squeezed(title(path)) for path in book() if path.parent != DOCS]
    assert [name for name in titles if not any(entry.endswith(name) for entry in entries)] == []


def test_the_bookmarks_are_parts_then_chapters_then_sections_then_the_index(pdf: Path) -> None:
    xml = output("pdftohtml", "-xml", "-i", "-stdout", str(pdf))
    outline = ElementTree.fromstring("<outline>" + xml.partition("<outline>")[2].partition("</pdf2xml>")[0])

    def children(level: ElementTree.Element) -> list[tuple[str, list[str]]]:
        found: list[tuple[str, list[str]]] = []
        for node in level:
            if node.tag == "item":
                found.append((squeezed("".join(node.itertext())), []))
            else:
                found[-1][1].extend(name for name, _ in children(node))
        return found

    top = children(outline)
    assert [name for name, _ in top][-1] == "索引"
    assert [re.sub("^[一二三四五六七八九十]+", "", name) for name, _ in top[:2]] == ["教程", "Noise框架"]
    assert top[-1][1] == []
    chapters = dict(top)
    first = next(names for name, names in chapters.items() if name.endswith("教程"))
    assert [re.sub("^[0-9]+", "", name) for name in first[:2]] == ["进实验室", "两把钥匙"]


def test_the_index_is_by_pinyin_under_letters(pdf: Path) -> None:
    printed = pdf.with_suffix(".ind").read_text("utf-8")
    lines = re.findall(r"\\bigletter (\S+)|\\item \\spxentry\{(.*?)\}[,\n]", printed)
    letters = [letter for letter, _ in lines if letter]
    assert letters == sorted(letters)
    order = Order({})
    entries = [re.sub(r"\\sphinxhyphen ?\{\}", "-", entry.replace(r"\_", "_")) for _, entry in lines if entry]
    assert len(entries) > 150
    assert entries == sorted(entries, key=order.key)
    under: dict[str, list[str]] = {}
    for letter, entry in lines:
        if letter:
            current = under.setdefault(letter, [])
        else:
            current.append(entry)
    assert {letter: {heading(order.key(entry)) for entry in found} for letter, found in under.items()} == {
        letter: {letter} for letter in under
    }
    for letter, word in (("W", "握手"), ("C", "重放"), ("H", "HKDF"), ("Z", "最长前缀匹配")):
        assert word in under[letter]


def test_an_index_entry_names_the_page_on_which_its_word_is(pdf: Path) -> None:
    printed = pdf.with_suffix(".ind").read_text("utf-8")
    pages = output("pdftotext", "-enc", "UTF-8", str(pdf), "-").split("\f")
    numbers = [re.search(r"\n(\d+)\s*$", page) for page in pages]
    # cover and contents are not counted; the footer is the last of most pages, though not of all
    before = Counter(place - int(number[1]) for place, number in enumerate(numbers) if number)
    ((front, _),) = before.most_common(1)
    entries = dict(
        re.findall(r"\\item \\spxentry\{(.*?)\}, (.*)", re.sub(r"\\sphinxhyphen ?\{\}", "-", printed))
    )
    glossary = (DOCS / "reference" / "glossary.md").read_text("utf-8")
    english = set(re.findall("(?m)^[a-z][a-z -]+$", glossary))
    chinese = {"漫游", "抓包", "密钥确认", "握手", "最长前缀匹配", "HKDF", "HMAC", "MixHash"}
    assert len(english) > 60
    wrong = [
        (word, number)
        for word in sorted(english | chinese)
        for number in re.findall(r"\{(\d+)\}", entries[word])
        if squeezed(word) not in squeezed(pages[front + int(number)])
    ]
    assert wrong == []


def test_the_drawings_are_vectors_with_text(pdf: Path, text: str) -> None:
    assert output("pdfimages", "-list", str(pdf)).splitlines()[2:] == []
    for label in ("网络命名空间", "发起消息", "传输数据"):
        assert label in text


def test_links_are_coloured_and_go_out_to_the_web_and_round_the_book(pdf: Path) -> None:
    urls = output("pdfinfo", "-url", str(pdf)).splitlines()[1:]
    assert len(urls) > 100
    page = output("pdftohtml", "-xml", "-i", "-f", "10", "-l", "60", "-stdout", str(pdf))
    colours = dict(re.findall(r'<fontspec id="(\d+)".*?color="(#\w+)"', page))
    links = [colours[font] for font in re.findall(r'font="(\d+)">(?:<b>)?<a href="[^"]*">', page)]
    # pdftohtml takes what touches the rectangle of a link for a part of it; links themselves have one colour
    assert {colour for colour in links if colour != "#000000"} == {"#147089"}
    assert links.count("#147089") > 50


def test_the_pages_are_a4_and_every_font_is_embedded(pdf: Path) -> None:
    assert re.search(r"Page size:\s+595\.28 x 841\.89 pts \(A4\)", output("pdfinfo", str(pdf)))
    fonts = output("pdffonts", str(pdf)).splitlines()[2:]
    assert fonts
    # embedded, a subset, and with the characters that its glyphs stand for
    assert [font for font in fonts if not re.search(r"\syes\s+yes\s+yes\s+\d+\s+\d+$", font)] == []


def test_no_glyph_is_lost_and_no_line_sticks_out_far(pdf: Path) -> None:
    log = pdf.with_suffix(".log").read_text("utf-8", errors="replace")
    assert re.findall(r"Missing character: .*", log) == []
    widths = [float(width) for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", log)]
    assert max(widths, default=0.0) <= OVERFULL


def test_no_table_runs_out_of_its_page(pdf: Path) -> None:
    log = pdf.with_suffix(".log").read_text("utf-8", errors="replace")
    assert (
        re.findall(r"Overfull \\vbox \([\d.]+pt too high\) has occurred while \\output is active", log) == []
    )


def test_the_words_of_the_frame_are_chinese(text: str) -> None:
    assert "目录" in text
    assert "第1章" in text
    assert "Contents" not in text
    assert "Chapter" not in text


def test_a_second_build_elsewhere_makes_the_same_bytes(pdf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "another folder"
    command = [sys.executable, "-m", "sphinx", "-M", "latexpdf", "docs", str(folder), "-c", ".", "-q", "-E"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert (folder / "latex" / pdf.name).read_bytes() == pdf.read_bytes()
