"""The drawings of the WireGuard part: nothing is drawn that has not happened."""

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

import drawings
import scenes
import wireguard_drawings
from bytecards import tell_moment
from glasstunnel.sim import Drop
from glasstunnel.wireguard.messages import MessageType
from tests.docs.pages import DOCS

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing: drawings.Drawing) -> list[str]:
    """Every line of text in a drawing."""
    return [element.text or "" for element in ElementTree.fromstring(drawing.alone()).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", scenes.SCENES)
def test_each_datagram_of_a_scene_is_an_arrow_with_its_size_and_its_times(name: str) -> None:
    scene = scenes.SCENES[name]()
    drawing = wireguard_drawings.Sequence(scene).drawing()
    tree = ElementTree.fromstring(drawing.alone())
    heads = [path for path in tree.iter(f"{SVG}path") if path.get("class", "").startswith("head")]
    assert len(heads) == len(scene.flights) == len(drawing.words.split("；"))
    sizes = [int(size) for line in texts(drawing) for size in re.findall(r"(\d+) 字节", line)]
    assert sorted(sizes) == sorted(len(flight.data) for flight in scene.flights)
    for flight in scene.flights:
        assert tell_moment(flight.sent) in texts(drawing)


def test_the_first_ping_is_told_in_words() -> None:
    words = wireguard_drawings.Sequence(scenes.first_ping()).drawing().words
    assert words.startswith("0 ms，发起方发给响应方：发起消息，148 字节，10 ms 到达；")
    assert words.endswith("10.04 s，发起方发给响应方：保活，32 字节，10.05 s 到达。")


def test_a_lost_datagram_is_drawn_and_told_as_lost() -> None:
    scene = scenes.Scene("lost", "甲", "乙")
    scene.introduce()
    scene.world.network.layers[0].layers.append(Drop(1))  # type: ignore[attr-defined]
    scene.world.send(scene.left, scenes.ping(1))
    scene.world.advance(0.05)
    (flight,) = scene.flights
    assert flight.arrived is None
    drawing = wireguard_drawings.Sequence(scene).drawing()
    assert drawing.words == "0 ms，甲发给乙：发起消息，148 字节，丢失。"
    assert "10 ms" not in texts(drawing)


def test_the_responder_waits_for_the_first_packet_on_the_new_keypair() -> None:
    scene = scenes.too_early()
    (queued,) = [note for note in scene.notes if note.text == "报文排队"]
    (ready,) = [note for note in scene.notes if note.node == scenes.RESPONDER and note.text == "会话可用"]
    (sent,) = [
        flight
        for flight in scene.flights
        if flight.source == scenes.RESPONDER and flight.data[0] == MessageType.TRANSPORT_DATA
    ]
    assert queued.at < ready.at == sent.sent


def test_initiations_that_cross_arrive_at_the_same_moment() -> None:
    initiations = [flight for flight in scenes.crossing().flights if flight.data[0] == MessageType.INITIATION]
    assert len(initiations) == 2
    assert initiations[0].arrived == initiations[1].arrived


def test_the_moves_of_the_keypairs_are_the_kernels() -> None:
    # noise.c add_new_keypair and wg_noise_received_with_keypair, written down from them
    assert [(move.before, move.after, move.erased) for move in wireguard_drawings.keypair_moves()] == [
        (("A", "B", ""), ("B", "新", ""), ["A"]),
        (("", "A", "B"), ("B", "新", ""), ["A"]),
        (("A", "B", ""), ("", "B", "新"), ["A"]),
        (("", "A", "B"), ("", "A", "新"), ["B"]),
        (("", "A", "B"), ("A", "B", ""), []),
    ]


def test_the_boxes_of_the_moves_hold_who_is_there() -> None:
    moves = wireguard_drawings.keypair_moves()
    drawn = texts(wireguard_drawings.draw_moves(moves))
    assert drawn.count("新") == 4
    assert drawn.count("current") == 2 * len(moves)
    assert [line for line in drawn if line.startswith("抹去")] == ["抹去 A", "抹去 A", "抹去 A", "抹去 B"]


@pytest.mark.parametrize("name", scenes.SCENES)
def test_a_scene_is_drawn_the_same_each_time(name: str) -> None:
    first, second = (wireguard_drawings.Sequence(scenes.SCENES[name]()).drawing() for _ in range(2))
    assert first == second
    assert first.name == second.name


@pytest.mark.parametrize(
    "drawing",
    [
        *(wireguard_drawings.Sequence(scene()).drawing() for scene in scenes.SCENES.values()),
        wireguard_drawings.draw_moves(wireguard_drawings.keypair_moves()),
    ],
    ids=[*scenes.SCENES, "keypair-moves"],
)
def test_a_drawing_stays_within_its_frame_and_says_what_it_shows(drawing: drawings.Drawing) -> None:
    tree = ElementTree.fromstring(drawing.inline())
    assert tree.get("role") == "img"
    (description,) = tree.iter(f"{SVG}desc")
    assert description.get("id") == tree.get("aria-labelledby")
    assert description.text == drawing.words
    for element in tree.iter():
        for name, limit in (("x", drawings.WIDTH), ("x1", drawings.WIDTH), ("x2", drawings.WIDTH)):
            assert 0 <= float(element.get(name, 0)) <= limit
        for name in ("y", "y1", "y2"):
            assert 0 <= float(element.get(name, 0)) <= drawing.height


def test_every_class_of_a_drawing_has_a_style_on_the_site_and_on_paper() -> None:
    site = (DOCS / "_ext" / "static" / "drawings.css").read_text("utf-8")
    made = [wireguard_drawings.Sequence(scene()).drawing() for scene in scenes.SCENES.values()]
    made.append(wireguard_drawings.draw_moves(wireguard_drawings.keypair_moves()))
    kinds = [kind for drawing in made for kind in re.findall(r'class="([^"]+)"', drawing.alone())]
    classes = {name for kind in kinds for name in kind.split()}
    plain = {"label", "time", "place"}  # as all text is
    for name in classes - plain:
        assert f".{name}" in site
        assert f".{name}" in drawings.PRINT


def test_the_pdf_gets_the_same_drawing_with_text_in_it(tmp_path: Path) -> None:
    if shutil.which("rsvg-convert") is None or shutil.which("pdftotext") is None:
        pytest.skip("no rsvg-convert or no pdftotext")
    source, target = tmp_path / "a.svg", tmp_path / "a.pdf"
    source.write_text(wireguard_drawings.Sequence(scenes.first_ping()).drawing().alone(), "utf-8")
    subprocess.run(["rsvg-convert", "-f", "pdf", "-o", target, source], check=True)
    printed = subprocess.run(["pdftotext", target, "-"], capture_output=True, text=True, check=True).stdout
    assert printed.count("会话可用") == 2  # slanting text is found letter by letter, upright text as words
