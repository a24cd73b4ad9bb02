"""The drawings of the part on diagnosis: the cross test's verdicts, and that all stands inside."""

from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from diagnose_drawings import TABLES, cross, layers
from drawings import WIDTH, Drawing


@pytest.mark.parametrize("made", [cross, layers])
def test_a_drawing_is_svg_whose_parts_stand_inside(made: Callable[[], Drawing]) -> None:
    drawing = made()
    svg = ElementTree.fromstring(drawing.inline())
    for element in svg.iter():
        for coordinate in ("x", "x1", "x2"):
            assert 0 <= float(element.get(coordinate, 0)) <= WIDTH
        for coordinate in ("y", "y1", "y2"):
            assert 0 <= float(element.get(coordinate, 0)) <= drawing.height
    assert drawing.words in drawing.inline()


def test_the_cross_test_tells_a_wrong_address_from_a_name_that_is_cut() -> None:
    verdicts = [table.verdict() for table in TABLES]
    assert [verdict.cause for verdict in verdicts] == [
        "poisoned-resolver",
        "name-based-reset",
        "blocked-address",
        "poisoned-resolver",
    ]
    assert [finding.cause for finding in verdicts[3].also] == ["name-based-reset"]
