"""The reader of pages, on pages made up for it."""

from pathlib import Path

from tests.docs.pages import UNKNOWN, WORD, read

PAGE = Path("made-up.md")


def test_a_fence_knows_its_language_its_lines_and_its_body() -> None:
    (block,) = read(PAGE, "# Title\n\n```python\nx = 1\ny = 2\n```\n").blocks
    assert (block.language, block.line, block.end_line) == ("python", 3, 6)
    assert (block.content, block.content_line) == ("x = 1\ny = 2\n", 4)


def test_the_options_of_a_directive_are_not_its_body() -> None:
    text = "```{code-block} python\n:caption: one\n:linenos:\n\nx = 1\n```\n"
    (block,) = read(PAGE, text).blocks
    assert block.language == "python"
    assert block.options == {"caption": "one", "linenos": ""}
    assert (block.content, block.content_line) == ("x = 1\n", 5)


def test_options_may_stand_in_a_yaml_block() -> None:
    text = "```{literalinclude} a.py\n---\npyobject: f\n---\n```\n"
    (block,) = read(PAGE, text).blocks
    assert block.options == {"pyobject": "f"}
    assert block.argument == "a.py"


def test_blocks_inside_notes_and_lists_are_found_at_their_own_lines() -> None:
    text = ":::{note}\n前言\n\n```console\n$ true\n```\n:::\n\n- 一\n\n  ```python\n  x = 1\n  ```\n"
    blocks = [block for block in read(PAGE, text).blocks if block.language]
    assert [(block.language, block.line, block.content) for block in blocks] == [
        ("console", 4, "$ true\n"),
        ("python", 11, "x = 1\n"),
    ]


def test_an_excuse_belongs_to_the_block_after_it() -> None:
    text = "% not executed: 内核的代码，只作说明\n```c\nint x;\n```\n\n```c\nint y;\n```\n"
    first, second = read(PAGE, text).blocks
    assert first.excuse is not None
    assert first.excuse.reason == "内核的代码，只作说明"
    assert second.excuse is None


def test_an_excuse_without_a_reason_or_without_a_block_is_astray() -> None:
    assert read(PAGE, "% not executed:\n```c\nint x;\n```\n").strays
    assert read(PAGE, "% not executed: 因为所以\n\n一段话。\n").strays
    assert read(PAGE, "一段话。\n\n% not executed: 因为所以\n").strays
    assert read(PAGE, "% not executed: 因为所以\n:::{note}\n话\n:::\n").strays
    assert not read(PAGE, "% 一句旁注\n\n一段话。\n").strays


def test_an_indented_block_is_astray() -> None:
    assert read(PAGE, "一段话。\n\n    x = 1\n").strays


def test_a_toctree_after_a_section_is_astray() -> None:
    toctree = "```{toctree}\na\n```\n"
    assert not read(PAGE, f"# 题\n\n话。\n\n{toctree}\n## 节\n").strays
    assert read(PAGE, f"# 题\n\n## 节\n\n{toctree}").strays


def test_prose_is_what_the_reader_sees() -> None:
    text = "# 标题\n\n用 `wg show` 看**状态**，见 [手册](a.md) 和 {ref}`x`，\n再看 {term}`握手`。\n"
    heading, paragraph = read(PAGE, text).prose
    assert (heading.kind, heading.text) == ("heading", "标题")
    assert paragraph.text == f"用 {WORD} 看状态，见 手册 和 {UNKNOWN}，\n再看 握手。"
    assert paragraph.line_of(paragraph.text.index("握手")) == 4


def test_cells_of_a_table_and_bodies_of_notes_are_prose() -> None:
    text = "| 名 | 义 |\n|---|---|\n| 甲 | 乙 |\n\n:::{note}\n丙\n:::\n"
    assert [(prose.text, prose.kind, prose.line) for prose in read(PAGE, text).prose] == [
        ("名", "cell", 1),
        ("义", "cell", 1),
        ("甲", "cell", 3),
        ("乙", "cell", 3),
        ("丙", "paragraph", 6),
    ]


def test_targets_of_links_and_images_are_kept() -> None:
    text = "[甲](https://example.org/a) ![乙](b.svg)\n"
    assert [link.target for link in read(PAGE, text).links] == ["https://example.org/a", "b.svg"]
