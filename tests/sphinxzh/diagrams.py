"""Diagrams of many kinds with Chinese labels, and small sites that show some of them."""

import subprocess
import sys
from pathlib import Path
from textwrap import indent

SEQUENCE = """\
sequenceDiagram
    participant 甲 as 发起方
    participant 乙 as 响应方
    甲->>乙: 发起消息，148 字节
    Note over 甲,乙: 会话“开始”
    loop 每 25 秒
      乙-->>甲: 保活
    end
    alt 成功
      甲->>甲: 换密钥
    else 失败
      甲-x乙: 丢失
    end
"""
STATES = """\
stateDiagram-v2
    [*] --> 空闲
    空闲 --> 等待: 发出发起消息
    等待 --> 空闲: 放弃
    note right of 等待: 五秒后重试
    state 会话 {
      [*] --> 已确认
    }
    等待 --> 会话
"""
FLOW = """\
flowchart LR
    A[读入全部文档并解析成文档树，再交给各个扩展处理。] -->|汉字标签| B{判断吗}
    B -->|是| C[(数据库)]
    subgraph 子图
      C --> D((圆))
    end
    D -.-> E>wg_noise_init 旗]
"""
CLASSES = """\
classDiagram
    class 密钥对 {
      +int 计数器
      +加密(明文) 密文
    }
    密钥对 <|-- 会话 : 继承
"""
PAGE_DIAGRAMS = {"sequence": SEQUENCE, "states": STATES, "flow": FLOW, "classes": CLASSES}
KINDS = {
    **PAGE_DIAGRAMS,
    "er": "erDiagram\n 用户 ||--o{ 订单 : 下单\n 用户 {\n  string 名字\n }\n",
    "mindmap": "mindmap\n root((根))\n  甲\n  乙\n",
    "pie": 'pie title 占比\n "甲" : 3\n "乙" : 4\n',
    "gantt": "gantt\n title 计划\n dateFormat YYYY-MM-DD\n section 一\n 甲 :a, 2024-01-01, 3d\n"
    " 乙 :crit, after a, 2d\n",
    "git": 'gitGraph\n commit id: "甲"\n branch dev\n commit id: "乙"\n checkout main\n merge dev\n',
    "timeline": "timeline\n title 史\n 2016 : 甲\n 2020 : 乙\n",
    "chart": 'xychart-beta\n title "量"\n x-axis ["一", "二"]\n y-axis "数" 0 --> 10\n bar [3, 4]\n',
    "quadrant": "quadrantChart\n title 象限\n x-axis 低 --> 高\n y-axis 低 --> 高\n 甲: [0.3, 0.6]\n",
    "packet": 'packet-beta\n 0-15: "源端口"\n 16-31: "目的端口"\n',
    "block": 'block-beta\n columns 2\n a["甲"] b["乙"]\n',
}


def directive(source: str, *options: str) -> str:
    """A diagram in reStructuredText."""
    return ".. mermaid::\n" + indent("\n".join([*options, "", source]), "   ") + "\n\n"


INDEX = (
    "首页\n====\n\n.. toctree::\n\n   other\n\n见 :numref:`hand`。\n\n"
    + directive(SEQUENCE, ":caption: 一次\\ *握手*", ":name: hand")
    + directive(STATES)
    + directive(FLOW, ":alt: 很宽的流程图", ":align: left")
    + directive(CLASSES)
)
OTHER = "别处\n====\n\n" + directive(STATES) + "再来一次。\n\n" + directive(STATES)


def site(folder: Path, pages: dict[str, str], settings: str = "") -> Path:
    """Write the source of a site."""
    folder.mkdir(parents=True, exist_ok=True)
    conf = (
        "project = '例'\nversion = '1'\ncopyright = '甲'\nlanguage = 'zh_CN'\nnumfig = True\n"
        "extensions = ['sphinxzh', 'sphinxzh.mermaid']\nlatex_engine = 'xelatex'\n"
        f"man_pages = [('index', 'li', '例', ['甲'], 1)]\n{settings}\n"
    )
    (folder / "conf.py").write_text(conf, "utf-8")
    for name, text in pages.items():
        (folder / f"{name}.rst").write_text(text, "utf-8")
    return folder


Done = subprocess.CompletedProcess[str]


def build(source: Path, built: Path, *options: str, builder: str = "html") -> Done:
    """Run Sphinx; a warning is an error.  Builds of one site share what they have read, where Sphinx can."""
    trees = str(
        source.parent / (f"{source.name}-gettext" if builder == "gettext" else f"{source.name}-doctrees")
    )
    command = [sys.executable, "-m", "sphinx", "-b", builder, "-n", "-W", "--keep-going", "-q", "-d", trees]
    return subprocess.run(
        [*command, *options, str(source), str(built)], capture_output=True, text=True, check=False
    )


def made(source: Path, built: Path, *options: str, builder: str = "html") -> Path:
    """Build without any warning; the folder of what was built."""
    done = build(source, built, *options, builder=builder)
    assert done.returncode == 0, done.stderr
    return built
