"""The plot of round trips shows every ping of the run, and the table its figures."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from drawings import WIDTH
from performance import RunError
from tests.docs.pages import DOCS
from toyvpn_measured import NAMES, Run, draw, rows

RUN = Run(DOCS / "toyvpn" / "measured.json")


def test_every_ping_is_one_stroke_within_the_drawing() -> None:
    svg = ElementTree.fromstring(draw(RUN).inline())
    strokes = [line for line in svg.iter("{http://www.w3.org/2000/svg}line") if line.get("class") == "arrow"]
    assert len(strokes) == sum(map(len, RUN.pings.values()))
    assert all(0 <= float(stroke.get("x1", -1)) <= WIDTH for stroke in strokes)


def test_the_table_has_a_column_for_each_server_and_no_tcp_for_the_cable() -> None:
    head, *body = rows(RUN)
    assert head[1:] == list(NAMES.values())
    assert {row[1] for row in body[2:]} == {""}


def test_a_file_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}", "utf-8")
    with pytest.raises(RunError, match="python -m bench toyvpn"):
        Run(tmp_path / "x.json")
