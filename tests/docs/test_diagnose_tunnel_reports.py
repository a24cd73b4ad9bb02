"""The page of recorded reports on tunnels: every one is shown, and the table says what the plays assert."""

import re

from tests.diagnose.lab_tunnel_plays import SCENARIOS
from tests.docs.pages import DOCS, Block, read

PAGE = DOCS / "diagnose" / "tunnel-reports.md"
FOLDER = DOCS / "diagnose" / "reports" / "tunnel"
ROW = re.compile(
    r"^\| [^|]+ \| \[`(?P<name>[\w-]+)`\]\(#report-tunnel-(?P<target>[\w-]+)\) \| (?P<rest>.*) \|$",
    re.MULTILINE,
)
SURE = {"certain": "确定", "likely": "很可能", "possible": "有可能"}


def reports() -> list[tuple[str, Block]]:
    """The folds of the page, each with the report that it includes."""
    found = []
    for fold in read(PAGE).blocks:
        if fold.directive == "admonition":
            (name,) = re.findall(r"\{literalinclude\} reports/tunnel/(.*)\.txt", fold.content)
            found.append((name, fold))
    return found


def test_every_recorded_report_on_a_tunnel_is_shown_once_under_its_name() -> None:
    names = [name for name, _ in reports()]
    assert sorted(names) == sorted(file.stem for file in FOLDER.glob("*.txt"))
    for name, fold in reports():
        assert fold.argument == f"报告：`{name}`"
        assert f"\n(report-tunnel-{name})=\n`{name}`：" in PAGE.read_text("utf-8")


def test_reports_on_tunnels_are_folded_or_open_and_their_lines_are_not_searched() -> None:
    assert {fold.options["class"] for _, fold in reports()} == {"no-search"}
    opened = [name for name, fold in reports() if fold.options["collapsible"] == "open"]
    assert len(opened) == 3  # as the page says


def test_the_table_says_of_each_tunnel_what_its_play_asserts() -> None:
    rows = [(row["name"], row["target"], row["rest"]) for row in ROW.finditer(PAGE.read_text("utf-8"))]
    assert (
        [name for name, _, _ in rows] == [target for _, target, _ in rows] == [name for name, _ in reports()]
    )
    for name, _, rest in rows:
        it = SCENARIOS[name]
        mended = f"`{it.mended}`" if it.mended else "–"
        assert rest == f"`{it.cause}` | {SURE[it.confidence]} | {mended}", name
