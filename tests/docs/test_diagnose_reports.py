"""The page of recorded reports: every one is shown, and the table says what the laboratory's tests assert."""

import re

from docutils import nodes
from docutils.core import publish_doctree

from folds import Unprinted
from tests.diagnose.lab_reports import FOLDER
from tests.diagnose.lab_scenarios import SCENARIOS
from tests.docs.pages import DOCS, Block, read

PAGE = DOCS / "diagnose" / "reports.md"
ROW = re.compile(
    r"^\| [^|]+ \| \[`(?P<name>[\w-]+)`\]\(#report-(?P<target>[\w-]+)\) \| (?P<rest>.*) \|$", re.MULTILINE
)
SURE = {"certain": "确定", "likely": "很可能"}
PROXY = ("proxy-drop-in", "proxy-shell")
MENDS: dict[tuple[str, ...], str] = {
    (): "不用修",
    ("hosts-line",): "注释掉那一行",
    ("resolv-conf", "pin"): "换解析器，或钉 hosts",
    ("resolved", "pin"): "设 systemd-resolved，或钉 hosts",
    ("pin",): "钉 hosts",
    PROXY: "给守护进程一个代理",
    ("pin", *PROXY): "钉 hosts，或给守护进程一个代理",
    ("smaller-packets",): "改小接口的 MTU",
    ("authority", *PROXY): "装自己单位的根证书，或代理",
    ("clock-by-network", "clock-by-hand"): "校准时钟",
    ("no-proxy-json",): "拿掉这个代理",
    ("no-proxy-drop-in",): "拿掉这个代理",
    ("without-mirror",): "拿掉镜像站",
    ("without-mirror", *PROXY): "拿掉镜像站，再配代理",
    ("not-here",): "等，或告诉对方",
    ("log-in", "wait"): "登录，或等",
    ("check-name", "log-in"): "核对名字，登录",
    ("network",): "接通网络",
}
"""The remedies of a scenario in the table's words."""


def reports() -> list[tuple[str, Block]]:
    """The folds of the page, each with what it includes."""
    found = []
    for fold in read(PAGE).blocks:
        if fold.directive == "admonition":
            (name,) = re.findall(r"\{literalinclude\} reports/(.*)\.txt", fold.content)
            found.append((name, fold))
    return found


def test_every_recorded_report_is_shown_once_under_its_name() -> None:
    names = [name for name, _ in reports()]
    assert sorted(names) == sorted(file.stem for file in FOLDER.glob("*.txt"))
    for name, fold in reports():
        assert fold.argument == f"报告：`{name}`"
        assert f"\n(report-{name})=\n`{name}`：" in PAGE.read_text("utf-8")


def test_reports_are_folded_or_open_and_their_lines_are_not_searched() -> None:
    assert {fold.options["class"] for _, fold in reports()} == {"no-search"}
    opened = [name for name, fold in reports() if fold.options["collapsible"] == "open"]
    assert len(opened) == 4  # as the page says
    assert {fold.options["collapsible"] for _, fold in reports()} == {"open", "closed"}


def test_the_table_says_of_each_scenario_what_its_tests_assert() -> None:
    rows = [(row["name"], row["target"], row["rest"]) for row in ROW.finditer(PAGE.read_text("utf-8"))]
    assert (
        [name for name, _, _ in rows] == [target for _, target, _ in rows] == [name for name, _ in reports()]
    )
    for name, _, rest in rows:
        it = SCENARIOS[name]
        cause = f"`{it.cause}`" + (f"，因为 `{it.why}`" if it.why else "")
        assert rest == f"{cause} | {SURE[it.confidence]} | {MENDS[it.remedies]}", name


def test_what_is_folded_away_is_not_printed() -> None:
    document = publish_doctree("before\n\n.. admonition:: one\n\n   text\n\n.. admonition:: two\n\n   text\n")
    open_one, closed = document.findall(nodes.admonition)
    open_one["collapsible"], closed["collapsible"] = "open", "closed"
    Unprinted(document).run()
    assert list(document.findall(nodes.admonition)) == [open_one]
