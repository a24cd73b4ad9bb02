"""The charts and tables of the performance chapter say what the committed run says, and nothing else."""

import copy
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

import drawings
import performance
from bench.contenders import Kind
from bench.works import QUANTITIES
from performance import CHARTS, FIGURES, TABLES, Figure, Run, RunError
from tests.docs.pages import DOCS

SVG = "{http://www.w3.org/2000/svg}"
COMMITTED = DOCS / "host" / "performance.json"
NEWEST = "wireguard-go 0.0.20250522"


def told(drawing: drawings.Drawing) -> list[str]:
    """Every line of text in a drawing."""
    return [element.text or "" for element in ElementTree.fromstring(drawing.alone()).iter(f"{SVG}text")]


def spread(median: float, low: float, high: float) -> dict[str, float]:
    return {"median": median, "low": low, "high": high}


def made(**figures: dict[str, dict[str, float]]) -> dict[str, Any]:
    """A run whose contenders have these figures, by what they are."""
    kinds = {"ours": "glasstunnel", "plain": "glasstunnel, plain path", "peer": NEWEST}
    names = {who: kinds.get(who, f"+ {who}") for who in figures}
    contenders = [
        {"name": name, "kind": who if who in kinds else "variant", "version": "1", "command": who}
        for who, name in names.items()
    ]
    cell = {"contender": NEWEST, "quantity": "tcp_rate", **spread(1.5, 1.0, 2.0), "goal": "≥ 1.25"}
    other = {"contender": NEWEST, "quantity": "tcp_cpu", **spread(1.0, 1.0, 1.0), "goal": "≤ 0.8"}
    return {
        "date": "2026-01-02 03:04 UTC",
        "command": "python -m bench pairs",
        "commit": "abc",
        "machine": {"cpu": "CPU", "cores": "2", "kernel": "6", "python": "3"},
        "pairs": {
            "settings": {"rounds": 5, "seconds": 5, "mtu": 1420, "tcp": "cubic"},
            "programs": {"iperf3": "iperf 3"},
            "contenders": contenders,
            "medians": {names[who]: found for who, found in figures.items()},
            "ratios": [{**cell, "missed": 0.0}, {**other, "missed": 0.25}, {**cell, "contender": "without"}],
        },
    }


RUN = made(
    ours={
        "tcp_rate": spread(4.0, 3.0, 5.0),
        "tcp_cpu": spread(0.5, 0.5, 0.5),
        "ping_ms": spread(0.3, 0.2, 0.4),
    },
    plain={
        "tcp_rate": spread(1.0, 1.0, 1.0),
        "tcp_cpu": spread(2.0, 2.0, 2.0),
        "ping_ms": spread(0.6, 0.5, 0.7),
    },
    one={"tcp_rate": spread(2.0, 1.5, 2.5), "tcp_cpu": spread(1.5, 1.5, 1.5)},
    two={"tcp_rate": spread(1.9, 1.5, 2.5), "tcp_cpu": spread(1.0, 1.0, 1.0)},
    peer={
        "tcp_rate": spread(2.0, 2.0, 2.0),
        "tcp_cpu": spread(0.5, 0.5, 0.5),
        "ping_ms": spread(0.6, 0.6, 0.6),
    },
)
del RUN["pairs"]["ratios"][2]["goal"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    file = tmp_path / "performance.json"
    file.write_text(json.dumps(RUN))
    return Run(file)


def test_what_is_measured_and_who_takes_part_is_known_to_the_book() -> None:
    assert set(FIGURES) == {quantity.key for quantity in QUANTITIES}
    known = {performance.OURS, performance.PLAIN, performance.VARIANT}
    assert known == set(Kind) - {Kind.PEER}


def test_a_bar_is_as_long_as_its_median_and_its_line_goes_from_least_to_greatest(run: Run) -> None:
    tree = ElementTree.fromstring(performance.chart(run, "ping").alone())
    left = {float(bar.get("x", 0)) for bar in tree.iter(f"{SVG}rect")}
    assert len(left) == 1
    lengths = [float(bar.get("width", 0)) for bar in tree.iter(f"{SVG}rect")]
    assert [length / lengths[0] for length in lengths] == pytest.approx([1, 2, 2], rel=0.01)
    lines = [line for line in tree.iter(f"{SVG}line") if line.get("class") == "spread"]
    wide = [line for line in lines if line.get("y1") == line.get("y2")]
    ends = [(float(line.get("x1", 0)) - min(left), float(line.get("x2", 0)) - min(left)) for line in wide]
    unit = lengths[0] / 0.3
    expected = [(0.2 * unit, 0.4 * unit), (0.5 * unit, 0.7 * unit)]  # the third has no spread
    assert ends == [pytest.approx(pair, abs=0.1) for pair in expected]


def test_bars_of_one_unit_in_a_chart_have_one_scale() -> None:
    run = Run(COMMITTED)
    tree = ElementTree.fromstring(performance.chart(run, "throughput").alone())
    lengths = [float(bar.get("width", 0)) for bar in tree.iter(f"{SVG}rect")]
    medians = [one.figures[key].median for key in CHARTS["throughput"] for one in run.beside_each_other()]
    assert len({round(length / median) for length, median in zip(lengths, medians, strict=True)}) == 1


def test_the_steps_go_from_the_plain_path_to_the_last_with_what_each_changed(run: Run) -> None:
    labels = told(performance.chart(run, "steps"))
    assert labels[:9] == [
        "TCP 一条流，Gbit/s",
        *("glasstunnel，朴素路径", "1.00"),
        *("+ one", "2.00，+100 %"),
        *("+ two", "1.90，−5 %"),
        *("glasstunnel", "4.00，+111 %"),
    ]
    assert labels[-1] == "0.50，−50 %"


def test_steps_are_not_among_those_that_are_beside_each_other(run: Run) -> None:
    drawn = performance.chart(run, "ping")
    assert [label for label in told(drawn) if not label.startswith("0")] == [
        "空闲时的 ping，毫秒",
        *("glasstunnel", "glasstunnel，朴素路径", NEWEST),
    ]
    assert drawn.words == (
        "空闲时的 ping，毫秒：glasstunnel 0.30（0.20 到 0.40）；glasstunnel，朴素路径 0.60（0.50 到 0.70）；"
        f"{NEWEST} 0.60（0.60 到 0.60）。"
    )


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_stays_within_its_frame_and_says_what_it_shows(name: str) -> None:
    drawing = performance.chart(Run(COMMITTED), name)
    tree = ElementTree.fromstring(drawing.inline())
    assert tree.findtext(f"{SVG}desc") == drawing.words
    for element in tree.iter():
        for place in ("x", "x1", "x2"):
            assert 0 <= float(element.get(place, 0)) <= drawings.WIDTH
        assert float(element.get("y", 0)) + float(element.get("height", 0)) <= drawing.height
        if element.get("text-anchor") == "start":
            end = float(element.get("x", 0)) + performance.width(element.text or "")
            assert end <= drawings.WIDTH


def test_every_class_of_a_chart_has_a_style_on_the_site_and_on_paper() -> None:
    site = (DOCS / "_ext" / "static" / "drawings.css").read_text("utf-8")
    for name in CHARTS:
        drawn = performance.chart(Run(COMMITTED), name).alone()
        classes = {name for kind in re.findall(r'class="([^"]+)"', drawn) for name in kind.split()}
        for one in classes - {"label", "plain", "variant"}:  # as all text is, and as any bar is
            assert f".{one}" in site
            assert f".{one}" in drawings.PRINT


def test_the_tables_say_the_same_as_the_run(run: Run) -> None:
    assert performance.goals(run) == [
        ["glasstunnel 之比", NEWEST],
        ["TCP 一条流，Gbit/s", "1.50，要 ≥ 1.25，达到"],
        ["TCP 一条流，CPU 秒/Gbit", "1.00，要 ≤ 0.8，差 25\N{NO-BREAK SPACE}%"],
    ]
    assert performance.medians(run)[:2] == [
        ["中位数（最小–最大）", "glasstunnel", "glasstunnel，朴素路径", NEWEST],
        ["TCP 一条流，Gbit/s", "4.00（3.00–5.00）", "1.00（1.00–1.00）", "2.00（2.00–2.00）"],
    ]
    assert performance.steps(run)[2] == ["+ one", "2.00（1.50–2.50）", "1.50（1.50–1.50）", ""]
    rows = dict(performance.circumstances(run)[1:])
    assert rows["每项"] == "5 轮，每轮 5 秒"
    assert rows["命令"] == "`python -m bench pairs`"
    assert rows["+ two"] == "`two`，1"


def test_large_numbers_are_told_in_ten_thousands() -> None:
    assert FIGURES["udp64_rate"].tell(89_200) == "8.9"
    assert FIGURES["udp64_rate"].unit == "万个/秒"
    assert Figure("", "").tell(1.005) == "1.00"


def test_a_file_that_holds_no_run_is_one_sentence(tmp_path: Path) -> None:
    for content in ("", "[]", "{}", '{"pairs": {"unavailable": "no wg"}}'):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(RunError, match=r"^expected the JSON of python -m bench pairs in run\.json: "):
            Run(tmp_path / "run.json")
    with pytest.raises(RunError, match=r"No such file"):
        Run(tmp_path / "none.json")


def test_a_chart_without_figures_is_one_sentence(run: Run) -> None:
    with pytest.raises(RunError, match=r"^the run has no figures for the chart packets$"):
        performance.chart(run, "packets")


def test_the_committed_run_is_whole() -> None:
    run = Run(COMMITTED)
    assert [one.kind for one in run.contenders].count("peer") == 2
    assert all(set(one.figures) == set(FIGURES) for one in run.contenders)
    assert run.pairs["faults"] == []
    assert not re.search(
        "/(tmp|home|root)/", COMMITTED.read_text("utf-8")
    )  # whose it is, is nobody's business
    names = [one["name"] for one in run.pairs["contenders"]]
    assert sorted(run.pairs["samples"]) == sorted(names)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A page with every chart and table beside a run that has figures for all."""
    source = tmp_path / "docs"
    source.mkdir()
    everything = copy.deepcopy(RUN)
    figures = {key: spread(2.0, 1.0, 3.0) for key in FIGURES}
    everything["pairs"]["medians"] = dict.fromkeys(RUN["pairs"]["medians"], figures)
    (source / "run.json").write_text(json.dumps(everything))
    (source / "conf.py").write_text('extensions = ["myst_parser", "performance"]\n')
    charts = [f"```{{performance-chart}} {name}\n:file: run.json\n\n一。\n```" for name in CHARTS]
    tables = [f"```{{performance-table}} {name}\n:file: run.json\n```" for name in TABLES]
    (source / "index.md").write_text("\n\n".join(["# 一", *charts, *tables]), "utf-8")
    return source


def build(source: Path) -> tuple[str, str]:
    """The page, and the warnings."""
    warnings = source.parent / "warnings"
    with warnings.open("w+") as stream, docutils_namespace():
        out = source.parent / "out"
        app = Sphinx(source, source, out, out / "doctrees", "html", status=None, warning=stream)
        app.build()
        stream.seek(0)
        return (out / "index.html").read_text("utf-8"), stream.read()


def test_a_page_shows_charts_and_tables(book: Path) -> None:
    page, warnings = build(book)
    assert warnings == ""
    assert page.count('<svg class="drawing"') == len(CHARTS)
    assert page.count("<table") == len(TABLES)
    assert page.count("performance-medians") == 1
    assert "2.00（1.00–3.00）" in page


def test_a_name_that_is_not_known_is_one_sentence(book: Path) -> None:
    (book / "index.md").write_text("# 一\n\n```{performance-chart} speed\n一。\n```\n", "utf-8")
    _, warnings = build(book)
    assert "performance-chart: expected one of throughput, cost, packets, ping, steps, not speed" in warnings
    (book / "index.md").write_text("# 一\n\n```{performance-table} goals\n```\n", "utf-8")
    _, warnings = build(book)
    assert "performance-table: expected the JSON of python -m bench pairs in performance.json" in warnings
