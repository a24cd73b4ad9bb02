"""Diagrams: what is drawn, what is told in words, and what each builder makes of it."""

import importlib.util
import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.errors import ExtensionError

from sphinxzh import mermaid
from sphinxzh.mermaid import draw
from sphinxzh.mermaid.engine import Measurer, is_square
from sphinxzh.mermaid.palette import LIGHT, on_page, on_paper
from sphinxzh.mermaid.words import words
from tests.sphinxzh.diagrams import FLOW, INDEX, KINDS, OTHER, SEQUENCE, STATES, build, directive, made, site


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this module has drawn."""
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of a site with diagrams."""
    return site(tmp_path_factory.mktemp("mermaid") / "site", {"index": INDEX, "other": OTHER})


def test_a_han_character_is_one_em_wide_and_a_line_the_sum_of_its_characters() -> None:
    def width(text: str, size: str = "16px", weight: str = "normal") -> float:
        return Measurer().width(text, size.removesuffix("px"), "", weight, "normal")

    assert width("握手") == 32
    assert width("握手", "20px", "bold") == 40
    assert width("（“—”…）①，。") == 16 * 9
    assert width("握手 wg0") == pytest.approx(32 + width(" wg0"))
    assert 0 < width("wg") < 32
    assert width("") == 0
    assert not any(map(is_square, "a é λ я 1 ~"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_has_nothing_that_could_meet_the_page_around_it(kind: str, cache: Path) -> None:
    svg = draw(KINDS[kind], cache).svg
    for forbidden in ("<style", " style=", " class=", "<script", "foreignObject", "ns0:", "@import", "NaN"):
        assert forbidden not in svg, forbidden
    ids = re.findall(r' id="([^"]+)"', svg)
    referred = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    assert len(ids) == len(set(ids))
    assert set(ids) == referred


@pytest.mark.parametrize("kind", KINDS)
def test_every_colour_of_a_drawing_is_settled_where_it_is_shown(kind: str, cache: Path) -> None:
    svg = draw(KINDS[kind], cache).svg
    colour = re.compile(r'(?:fill|stroke|color|stop-color)="([^"]+)"')
    plain = {"none", "transparent", "currentColor"}
    page = {value for value in colour.findall(re.sub("flood-color", "", on_page(svg))) if value[:4] != "url("}
    named = {value for value in page - plain if value.startswith("var(--sphinxzh-mermaid-")}
    assert named
    assert page - plain - named - {"#000000"} == set()  # that one is the shadow that no shape of ours throws
    paper = {value for value in colour.findall(on_paper(svg)) if value[:4] != "url("}
    assert paper - plain - {"#000000"} <= set(LIGHT.values())


def test_the_style_sheet_has_the_colours_of_paper_and_a_dark_one_for_each() -> None:
    sheet = (Path(mermaid.__file__).parent / "static" / "sphinxzh-mermaid.css").read_text("utf-8")
    pairs = dict(re.findall(r"--sphinxzh-mermaid-([\w-]+): light-dark\((#\w+), #\w+\)", sheet))
    assert pairs == LIGHT


def test_a_colour_of_the_author_stays(cache: Path) -> None:
    svg = draw("flowchart LR\n A[甲]:::own --> B\n classDef own fill:#ffee00,stroke:#123456\n", cache).svg
    assert 'fill="#ffee00"' in on_page(svg)
    assert 'stroke="#123456"' in on_paper(svg)


def test_a_sequence_and_its_blocks_are_told_in_their_order(cache: Path) -> None:
    drawn = draw(SEQUENCE, cache)
    assert words(drawn.told, drawn.labels, chinese=True).whole == (
        "时序图：发起方向响应方：发起消息，148 字节；注（发起方、响应方）：会话“开始”；"
        "循环（每 25 秒）；响应方向发起方：保活；循环结束；"
        "分支（成功）；发起方自己：换密钥；否则（失败）；发起方向响应方：丢失；分支结束。"
    )
    english = words(drawn.told, drawn.labels, chinese=False)
    assert english.name == "Sequence diagram"
    assert english.description.startswith("发起方 to 响应方: 发起消息，148 字节; note on 发起方, 响应方")


def test_states_and_nodes_are_told_by_what_leads_where(cache: Path) -> None:
    drawn = draw(STATES, cache)
    assert words(drawn.told, drawn.labels, chinese=True).description == (
        "起点到空闲；空闲到等待（发出发起消息）；等待到空闲（放弃）；注（等待）：五秒后重试；"
        "起点到已确认；等待到会话；会话之内：起点、已确认。"
    )
    flow = draw(FLOW, cache)
    assert "判断吗到数据库（是）；" in words(flow.told, flow.labels, chinese=True).description


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words_of_its_own(kind: str, cache: Path) -> None:
    drawn = draw(KINDS[kind], cache)
    said = words(drawn.told, drawn.labels, chinese=True)
    assert re.search("[\u4e00-\u9fff]", said.name)
    assert said.name != "图"
    assert said.description.endswith("。")


def test_the_words_of_the_author_go_first(cache: Path) -> None:
    own = "flowchart LR\n accTitle: 名称\n accDescr: 一句说明\n A[甲] --> B[乙]\n"
    drawn = draw(own, cache)
    said = words(drawn.told, drawn.labels, chinese=True)
    assert (said.name, said.description) == ("名称", "一句说明")
    assert words(drawn.told, drawn.labels, chinese=True, alt="替代").whole == "替代：一句说明"
    flow = draw(FLOW, cache)
    assert words(flow.told, flow.labels, chinese=True, alt="很宽").whole == "很宽"


def drawings(page: Path) -> list[str]:
    """The SVG in a page."""
    return re.findall(
        r'<svg [^>]*labelledby="(?:[^" ]*/)?mermaid.*?</svg>', page.read_text("utf-8"), re.DOTALL
    )


@pytest.fixture(scope="module")
def html(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built."""
    return made(source, tmp_path_factory.mktemp("html"))


def test_drawings_are_the_same_bytes_in_any_folder_and_however_many_processes(
    html: Path, tmp_path: Path
) -> None:
    again = site(tmp_path / "elsewhere" / "deep", {"index": INDEX, "other": OTHER})
    second = made(again, tmp_path / "two", "-j", "4")
    for page in ("index.html", "other.html"):
        assert drawings(html / page)
        assert drawings(html / page) == drawings(second / page)


def test_the_same_diagram_twice_has_different_names_on_the_single_page(source: Path, tmp_path: Path) -> None:
    page = made(source, tmp_path / "single", builder="singlehtml") / "index.html"
    assert len(drawings(page)) == 6
    ids = Counter(re.findall(r' id="([^"]+)"', "".join(drawings(page))))
    assert [name for name, count in ids.items() if count > 1] == []
    for reference in re.findall(r'(?:url\(#|aria-labelledby=")([^")]+)', "".join(drawings(page))):
        assert set(reference.split()) <= set(ids)


def test_a_diagram_is_drawn_once_and_anew_when_it_changes(tmp_path: Path) -> None:
    folder = site(tmp_path / "s", {"index": "首页\n====\n\n" + directive(STATES)})
    made(folder, tmp_path / "out")
    kept = list((tmp_path / "s-doctrees" / "mermaid").iterdir())
    assert len(kept) == 1
    drawn = json.loads(kept[0].read_text("utf-8"))
    drawn["svg"] = drawn["svg"].replace("空闲", "取自缓存")
    kept[0].write_text(json.dumps(drawn), "utf-8")
    page = made(folder, tmp_path / "out", "-E") / "index.html"
    assert "取自缓存" in page.read_text("utf-8")
    site(folder, {"index": "首页\n====\n\n" + directive(STATES.replace("空闲", "闲着"))})
    made(folder, tmp_path / "out")
    assert "闲着" in page.read_text("utf-8")
    assert "取自缓存" not in page.read_text("utf-8")


def test_a_diagram_in_a_file_is_read_anew_when_the_file_changes(tmp_path: Path) -> None:
    folder = site(tmp_path / "s", {"index": "首页\n====\n\n.. mermaid:: 甲.mmd\n"})
    (folder / "甲.mmd").write_text("flowchart LR\n A[旧的]\n", "utf-8")
    page = made(folder, tmp_path / "out") / "index.html"
    assert "旧的" in page.read_text("utf-8")
    (folder / "甲.mmd").write_text("flowchart LR\n A[新的]\n", "utf-8")
    made(folder, tmp_path / "out")
    assert "新的" in page.read_text("utf-8")


FAULTS = {
    "parse": (
        directive("sequenceDiagram\n  甲->>乙: 好\n  甲 =>> 乙 坏"),
        r"rst:10: .*Parse error on line 3",
    ),
    "kind": (directive("不是图"), r"rst:8: .*No diagram type detected"),
    "empty": (".. mermaid::\n", r"rst:6: .*write the diagram as the body, or name its file"),
    "both": (".. mermaid:: 甲.mmd\n\n   flowchart LR\n", r"rst:6: .*write the diagram as the body, or name"),
    "lost": (".. mermaid:: 没有.mmd\n", r"rst:6: .*cannot read 没有.mmd as UTF-8: .*No such file"),
}
MYST = "# 图\n\n```{mermaid}\n:alt: 好\n\nsequenceDiagram\n  甲->>乙: 好\n  甲 =>> 乙 坏\n```\n"


def test_what_cannot_be_drawn_is_a_warning_at_its_line_and_its_source_is_shown(tmp_path: Path) -> None:
    pages = {name: f":orphan:\n\n图\n==\n\n{body}" for name, (body, _) in FAULTS.items()}
    folder = site(tmp_path / "s", {"index": "首页\n====\n", **pages}, "extensions += ['myst_parser']")
    (folder / "myst.md").write_text(f"---\norphan: true\n---\n{MYST}", "utf-8")
    done = build(folder, tmp_path / "out")
    assert done.returncode == 1
    for name, (_, said) in FAULTS.items():
        assert re.search(rf"/{name}\.{said}", done.stderr), done.stderr
    assert re.search(r"/myst\.md:11: .*Parse error on line 3", done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert "甲 =&gt;&gt; 乙 坏" in (tmp_path / "out" / "parse.html").read_text("utf-8")


def test_without_mermaidx_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mermaidx" else name)
    said = "sphinxzh.mermaid needs mermaidx: pip install 'sphinxzh[mermaid]'."
    with pytest.raises(ExtensionError, match=f"^{re.escape(said)}$"):
        mermaid.setup(SimpleNamespace())  # type: ignore[arg-type]  # it stops before it uses it


@pytest.mark.parametrize(("builder", "file"), [("text", "index.txt"), ("man", "li.1")])
def test_where_only_text_is_shown_the_words_stand_for_the_diagram(
    builder: str, file: str, source: Path, tmp_path: Path
) -> None:
    text = re.sub(r"\s", "", (made(source, tmp_path / "o", builder=builder) / file).read_text("utf-8"))
    assert "时序图：发起方向响应方：发起消息，148字节；" in text
    assert "空闲到等待（发出发起消息）" in text
    assert "很宽的流程图" in text
    assert "sequenceDiagram" not in text


def test_captions_are_for_translators_and_the_source_is_not(source: Path, tmp_path: Path) -> None:
    catalogue = (made(source, tmp_path / "o", builder="gettext") / "index.pot").read_text("utf-8")
    assert re.search(r'msgid "一次.*握手', catalogue)
    assert "sequenceDiagram" not in catalogue


def test_a_figure_has_its_number_and_can_be_referred_to(html: Path) -> None:
    page = (html / "index.html").read_text("utf-8")
    assert re.search(r'<figure class="align-center" id="hand"', page)
    assert re.search(r'href="#hand"><span class="std std-numref">图 1</span>', page)


def test_an_e_book_has_the_drawings_as_pictures_with_their_words(source: Path, tmp_path: Path) -> None:
    book = made(source, tmp_path / "o", builder="epub")
    page = (book / "index.xhtml").read_text("utf-8")
    shown = re.findall(r'<img src="(_images/mermaid-\w+\.svg)" alt="([^"]+)"', page)
    assert len(shown) == 4
    assert shown[0][1].startswith("时序图：发起方向响应方")
    manifest = (book / "content.opf").read_text("utf-8")
    for file, _ in shown:
        assert f'href="{file}"' in manifest
        assert "var(" not in (book / file).read_text("utf-8")


@pytest.mark.pdf
def test_in_the_pdf_a_diagram_is_vectors_with_text_that_can_be_copied(source: Path, tmp_path: Path) -> None:
    folder = made(source, tmp_path / "o", builder="latex")
    tex = next(folder.glob("*.tex")).read_text("utf-8")
    included = re.findall(r"\\sphinxincludegraphics\{(mermaid-\w+\.pdf)\}", tex)
    assert len(included) == 6

    def output(*command: str) -> str:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout

    text = "".join(output("pdftotext", "-layout", file, "-") for file in included)
    for label in ("发起方", "响应方", "148 字节", "会话“开始”", "换密钥"):
        assert label in text
    assert "NotoSansCJK" in output("pdffonts", included[0])
    assert [
        file for file in included if output("pdfimages", "-list", file).count("\n") > 2
    ] == []  # a heading
