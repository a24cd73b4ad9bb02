"""The strip of bytes shows every byte of a message in its place, and its legend adds up to the message."""

import re
from xml.etree import ElementTree

import pytest

import bytecards
import bytestrip
from drawings import WIDTH

SVG = "{http://www.w3.org/2000/svg}"
# WP §5.4.2-5.4.6; a ping of 40 bytes in transport data is padded to 48, between a header and a tag of 16.
SIZES = {"initiation": 148, "response": 92, "ping": 80, "pong": 80, "keepalive": 32}


def drawn(card: str) -> ElementTree.Element:
    """The strip of a message, as SVG."""
    return ElementTree.fromstring(bytestrip.strip(bytecards.message(card).data).inline())


def rows(svg: ElementTree.Element) -> list[str]:
    """The bytes that the strip shows, row by row as the eye reads them, in hexadecimal."""
    found: dict[float, list[tuple[float, str]]] = {}
    for group in svg.findall(f"{SVG}g"):
        for octet in group.findall(f"{SVG}text"):
            place = found.setdefault(float(octet.attrib["y"]), [])
            place.append((float(octet.attrib["x"]), octet.text or ""))
    return [" ".join(value for _, value in sorted(found[y])) for y in sorted(found)]


@pytest.mark.parametrize(("card", "size"), SIZES.items())
def test_every_byte_stands_in_its_place_sixteen_to_a_row(card: str, size: int) -> None:
    shown = rows(drawn(card))
    assert bytes.fromhex(" ".join(shown)) == bytecards.message(card).data
    assert [len(row.split()) for row in shown[:-1]] == [16] * ((size - 1) // 16)


@pytest.mark.parametrize(("card", "size"), SIZES.items())
def test_the_legend_names_each_field_and_adds_up(card: str, size: int) -> None:
    svg = drawn(card)
    lines = [text.text or "" for text in svg.findall(f"{SVG}text")]
    sizes, names, meanings = lines[0::3], lines[1::3], lines[2::3]
    assert sum(map(int, sizes)) == size
    titles = [group.findtext(f"{SVG}title") for group in svg.findall(f"{SVG}g")]
    assert titles == [f"{name}：{meaning}" for name, meaning in zip(names, meanings, strict=True)]


def test_the_initiation_has_the_fields_of_the_paper() -> None:
    words = drawn("initiation").findtext(f"{SVG}desc") or ""
    assert words.startswith("148 字节：")
    assert re.findall(r"([a-z0-9]+) (\d+) 字节", words) == [
        ("type", "1"),
        ("reserved", "3"),
        ("sender", "4"),
        ("ephemeral", "32"),
        ("static", "32"),
        ("tag", "16"),
        ("timestamp", "12"),
        ("tag", "16"),
        ("mac1", "16"),
        ("mac2", "16"),
    ]


@pytest.mark.parametrize("card", SIZES)
def test_nothing_sticks_out_of_the_drawing(card: str) -> None:
    svg = drawn(card)
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    assert width == WIDTH
    for swatch in svg.iter(f"{SVG}rect"):
        x, y, w, h = (float(swatch.attrib[name]) for name in ("x", "y", "width", "height"))
        assert min(x, y) >= 0
        assert x + w <= width
        assert y + h <= height


def test_a_kind_of_field_has_the_colour_that_it_has_on_the_cards() -> None:
    assert set(bytestrip.COLOURS) == set(bytecards.KINDS.values())
    style = (bytecards.__file__.removesuffix("bytecards.py")) + "static/bytecards.css"
    with open(style, encoding="utf-8") as file:
        said = dict(re.findall(r"\.bytecard-(\w+) \{ --bytecard-edge: (#[0-9a-f]{6});", file.read()))
    assert said == bytestrip.COLOURS
