"""The PDF, read back: its text can be copied, its bookmarks are Chinese, no glyph is lost."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, book, read, shown
from tests.docs.site import built

pytestmark = pytest.mark.pdf

OVERFULL = 20.0  # points by which the widest line may stick out into the margin of 25 mm (71 points)


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


def test_the_pages_are_a4_and_every_font_is_embedded(pdf: Path) -> None:
    assert re.search(r"Page size:\s+595\.28 x 841\.89 pts \(A4\)", output("pdfinfo", str(pdf)))
    fonts = output("pdffonts", str(pdf)).splitlines()[2:]
    assert fonts
    assert [
        font for font in fonts if not re.search(r"\s(yes)\s+(yes|no)\s+(yes|no)\s+\d+\s+\d+$", font)
    ] == []


def test_no_glyph_is_lost_and_no_line_sticks_out_far(pdf: Path) -> None:
    log = pdf.with_suffix(".log").read_text("utf-8", errors="replace")
    assert re.findall(r"Missing character: .*", log) == []
    widths = [float(width) for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", log)]
    assert max(widths, default=0.0) <= OVERFULL


def test_the_words_of_the_frame_are_chinese(text: str) -> None:
    assert "目录" in text
    assert "第1章" in text
    assert "Contents" not in text
    assert "Chapter" not in text
