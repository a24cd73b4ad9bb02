"""Chinese typography of the book and of the pages at the top of the repository."""

from pathlib import Path

import pytest

from tests.docs import typography
from tests.docs.pages import ROOT, book, read, shown

PAGES = [*book(), *sorted(ROOT.glob("*.md")), ROOT / "src/sphinxzh/README.md"]


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_the_typography_is_in_order(path: Path) -> None:
    assert typography.faults(read(path)) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("用WireGuard 建隧道。", "spacing"),
        ("用 WireGuard建隧道。", "spacing"),
        ("共有3 个字段。", "spacing"),
        ("运行`wg show` 看状态。", "spacing"),
        ("运行 `wg show`看状态。", "spacing"),
        ("占用 50%的时间。", "spacing"),
        ("两个 汉字。", "spacing"),
        ("先握手， 再传输。", "spacing"),
        ("先握手 ，再传输。", "spacing"),
        ("发送  一个 UDP 报文。", "spacing"),
        ("先握手,再传输。", "punctuation"),
        ("握手:一来一回。", "punctuation"),
        ("这是什么?", "punctuation"),
        ("用 WireGuard, 再传输。", "punctuation"),
        ("隧道已经建成.", "punctuation"),
        ("握手(handshake)是第一步。", "punctuation"),
        ("握手 (handshake) 是第一步。", "punctuation"),
        ("handshake (握手) 是第一步。", "punctuation"),
        ("等等...", "punctuation"),
        ("等等。。。", "punctuation"),
        ("等等…", "punctuation"),
        ("它——不，是她—来了。", "punctuation"),
        ("它 -- 来了。", "punctuation"),
        ("完了。，", "punctuation"),
        ('它叫"隧道"。', "quotes"),
        ("它叫 '隧道'。", "quotes"),
        ("它叫「隧道」。", "quotes"),
        ("共 ３ 个。", "width"),
        ("**注意：**不要复用。", "markup"),
        ("它叫“隧道。", "paired"),
        ("它叫隧道”。", "paired"),
        ("它叫（隧道。", "paired"),
    ],
)
def test_a_fault_is_found_and_named(text: str, rule: str) -> None:
    found = typography.faults(read(Path("made-up.md"), f"# 题\n\n{text}\n"))
    assert any(fault.startswith(f"made-up.md:3: {rule}: ") for fault in found), found


@pytest.mark.parametrize(
    "text",
    [
        "用 WireGuard 建一条隧道，密钥是 32 字节。",
        "运行 `wg show`，看 `peer` 一行；见第 3 节（共 5 节）。",
        "握手（handshake）是第一步：一来，一回。",
        "它叫“隧道”，也叫‘管道’……不——是桥。",
        "这一行到这里断开，\n下一行接着；这里是\nWireGuard 的一行。",
        'A plain English sentence (with brackets), "quotes" and it\'s fine.',
        "端口 51820/UDP；地址 10.0.0.1/24；时间 5–10 s。",
        "见[论文](https://example.org/,x)，**粗体**也行。",
        "Jason A. Donenfeld 写了 WireGuard。",
        "- 一项；\n- 二项。",
        "比例是 3:1，约占 50%。",
        "真的吗？！是的。",
        "`a`、`b` 和 `c`。",
    ],
)
def test_good_typography_passes(text: str) -> None:
    assert typography.faults(read(Path("made-up.md"), text + "\n")) == []


def test_the_line_of_a_fault_is_its_own_line() -> None:
    (fault,) = typography.faults(read(Path("made-up.md"), "第一行，\n第二行,\n第三行。\n"))
    assert fault.startswith("made-up.md:2: ")


def test_code_is_not_looked_at() -> None:
    assert typography.faults(read(Path("made-up.md"), '```python\nx = "中文,不查"\n```\n\n`中文,x`\n')) == []
