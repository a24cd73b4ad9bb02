"""The drawings of ToyVpn's two times, and its byte cards, show what the models do."""

from xml.etree import ElementTree

import pytest

import toyvpn_cards
from drawings import WIDTH
from toyvpn_drawings import SCENES, draw, play

# ToyVpnConnection.java: KEEPALIVE_INTERVAL_MS, RECEIVE_TIMEOUT_MS, and the sleep of 100 ms between two looks.
KEEPALIVE, TIMEOUT, SLEEP = 15.0, 20.0, 0.1


@pytest.mark.parametrize("name", SCENES)
def test_a_drawing_is_svg_whose_parts_stand_inside(name: str) -> None:
    drawing = draw(SCENES[name])
    svg = ElementTree.fromstring(drawing.inline())
    for element in svg.iter():
        for coordinate in ("x", "x1", "x2"):
            assert 0 <= float(element.get(coordinate, 0)) <= WIDTH
        for coordinate in ("y", "y1", "y2"):
            assert 0 <= float(element.get(coordinate, 0)) <= drawing.height


def test_the_sample_dies_at_20_s_although_a_keepalive_has_come() -> None:
    played = play(SCENES["sample"])
    assert played.end == pytest.approx(TIMEOUT + SLEEP)
    assert [at for at, who, what in played.sent if (who, what) == ("服务器", "保活")] == [
        pytest.approx(16.1, abs=0.02)
    ]
    assert max(receive for _, _, receive in played.ages) == pytest.approx(TIMEOUT, abs=2 * SLEEP)


def test_with_the_names_swapped_back_it_dies_20_s_after_the_keepalive() -> None:
    played = play(SCENES["swapped-back"])
    assert played.end == pytest.approx(16.2 + TIMEOUT, abs=0.05)
    assert [at for at, who, what in played.sent if (who, what) == ("手机", "保活")] == [
        KEEPALIVE,
        2 * KEEPALIVE,
    ]


def test_with_our_server_neither_time_comes_near_its_limit() -> None:
    played = play(SCENES["repaired-server"])
    assert played.end is None
    assert all(receive < TIMEOUT / 2 for _, _, receive in played.ages)
    asked = [at for at, _, what in played.sent if what == "ping"]
    answered = [at for at, _, what in played.sent if what == "回答"]
    assert len(asked) == len(answered) == 6


# One byte of control before a handshake's secret; a reply has 1024 bytes; a keepalive is one.
@pytest.mark.parametrize(
    ("card", "size"), {"handshake": 5, "reply": 1024, "data": 40, "keepalive": 1}.items()
)
def test_a_card_shows_every_byte_once_and_in_its_place(card: str, size: int) -> None:
    fields = list(toyvpn_cards.CARDS[card][1]())
    assert sum(len(field.value) for field in fields) == size
    assert [field.offset for field in fields] == [
        sum(len(field.value) for field in fields[:at]) for at in range(len(fields))
    ]


def test_the_card_of_the_reply_holds_the_reply() -> None:
    assert b"".join(field.value for field in toyvpn_cards.of_reply()) == toyvpn_cards.reply()
