"""The pages of recorded reports: each report is shown, and the tables say what the tests assert."""

import re
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from folds import Unprinted
from tests.diagnose import lab_tunnel_plays
from tests.diagnose.lab_reports import FOLDER
from tests.diagnose.lab_scenarios import SCENARIOS
from tests.docs.pages import DOCS, Block, read

FOLDS = {"reports": 4, "tunnel-reports": 3}  # the pages, and how many reports are open there, as they say
SURE = {"certain": "确定", "likely": "很可能", "possible": "有可能"}
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


pages = pytest.mark.parametrize("page", FOLDS)


def path(page: str) -> Path:
    """Where it is."""
    return DOCS / "diagnose" / f"{page}.md"


def part(page: str) -> str:
    """The folder of its reports below that of all, and what its targets have in common."""
    return page.removesuffix("reports").removesuffix("-")


def reports(page: str) -> list[tuple[str, Block]]:
    """The folds of the page, each with the report that it includes."""
    found = []
    for fold in read(path(page)).blocks:
        if fold.directive == "admonition":
            (name,) = re.findall(r"\{literalinclude\} reports/(.*)\.txt", fold.content)
            found.append((name.removeprefix(f"{part(page)}/"), fold))
    return found


def rows(page: str) -> dict[str, str]:
    """What the table says of each scenario; the page has their reports in the same order."""
    prefix = f"{part(page)}-".lstrip("-")
    row = re.compile(rf"^\| [^|]+ \| \[`([\w-]+)`\]\(#report-{prefix}([\w-]+)\) \| (.*) \|$", re.MULTILINE)
    found = row.findall(path(page).read_text("utf-8"))
    assert [name for name, _, _ in found] == [target for _, target, _ in found]
    assert [name for name, _, _ in found] == [name for name, _ in reports(page)]
    return {name: rest for name, _, rest in found}


@pages
def test_every_recorded_report_is_shown_once_under_its_name(page: str) -> None:
    names = [name for name, _ in reports(page)]
    assert sorted(names) == sorted(file.stem for file in (FOLDER / part(page)).glob("*.txt"))
    prefix = f"{part(page)}-".lstrip("-")
    for name, fold in reports(page):
        assert fold.argument == f"报告：`{name}`"
        assert f"\n(report-{prefix}{name})=\n`{name}`：" in path(page).read_text("utf-8")


@pages
def test_reports_are_folded_or_open_and_their_lines_are_not_searched(page: str) -> None:
    assert {fold.options["class"] for _, fold in reports(page)} == {"no-search"}
    folds = [fold.options["collapsible"] for _, fold in reports(page)]
    assert folds.count("open") == FOLDS[page]
    assert set(folds) == {"open", "closed"}


def test_the_table_says_of_each_scenario_what_its_tests_assert() -> None:
    for name, rest in rows("reports").items():
        it = SCENARIOS[name]
        cause = f"`{it.cause}`" + (f"，因为 `{it.why}`" if it.why else "")
        assert rest == f"{cause} | {SURE[it.confidence]} | {MENDS[it.remedies]}", name


def test_the_table_says_of_each_tunnel_what_its_play_asserts() -> None:
    for name, rest in rows("tunnel-reports").items():
        it = lab_tunnel_plays.SCENARIOS[name]
        mended = f"`{it.mended}`" if it.mended else "–"
        assert rest == f"`{it.cause}` | {SURE[it.confidence]} | {mended}", name


def test_what_is_folded_away_is_not_printed() -> None:
    document = publish_doctree("before\n\n.. admonition:: one\n\n   text\n\n.. admonition:: two\n\n   text\n")
    open_one, closed = document.findall(nodes.admonition)
    open_one["collapsible"], closed["collapsible"] = "open", "closed"
    Unprinted(document).run()
    assert list(document.findall(nodes.admonition)) == [open_one]
