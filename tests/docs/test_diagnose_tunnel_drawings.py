"""The drawing of the ways of a tunnel's diagnosis: none of its causes is passed by."""

from diagnose_tunnel_drawings import BRANCHES, ways
from glasstunnel.diagnose.tunnel.causes import CLASSES


def test_the_leaves_hold_every_cause_of_a_tunnel_that_is_up_each_once() -> None:
    held = [cause for branch in BRANCHES for leaf in branch.leaves for cause in leaf.causes]
    before = ("well", "interface", "configuration")  # seen without a packet
    assert sorted(held) == sorted(
        cause for name, (_, causes) in CLASSES.items() if name not in before for cause in causes
    )


def test_what_is_drawn_is_also_told() -> None:
    drawing = ways()
    for branch in BRANCHES:
        assert branch.question in drawing.words
        for leaf in branch.leaves:
            assert leaf.look in drawing.words
            assert any(leaf.look in part for part in drawing.parts)
