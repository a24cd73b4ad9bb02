"""The byte cards show the bytes of the paper, every one of them, in every form that the book is built in."""

import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import bytecards
import scenes
from glasstunnel.wireguard.annotate import annotate
from tests.docs.pages import DOCS, book, read
from tests.wireguard import paper

PAGE = DOCS / "wireguard" / "messages.md"
TEXT = (
    "# 题\n\n"
    + "".join(f"```{{bytecard}} {card}\n```\n\n" for card in bytecards.CARDS)
    + ("见 {numref}`bytecard-response` 和 {ref}`bytecard-response`。\n")
)
SETTINGS = f"""
import sys
sys.path.insert(0, {str(DOCS / "_ext")!r})
extensions = ["myst_parser", "bytecards", "wireguard_drawings"]
language, numfig, root_doc = "zh_CN", True, "index"
latex_documents = [("index", "book.tex", "x", "y", "manual")]
"""


def sphinx(folder: Path, text: str, builder: str) -> subprocess.CompletedProcess[str]:
    """Build a book of one page."""
    (folder / "index.md").write_text(text, "utf-8")
    (folder / "conf.py").write_text(SETTINGS, "utf-8")
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "-q", "-b", builder, ".", builder]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The files of the book of all cards, each builder run once."""
    folder = tmp_path_factory.mktemp("book")

    def read_built(name: str) -> str:
        file = folder / name
        if not (folder / name.partition("/")[0]).exists():
            done = sphinx(folder, TEXT, name.partition("/")[0])
            assert done.returncode == 0, done.stderr
        return file.read_text("utf-8")

    return read_built


class Table(HTMLParser):
    """The rows of a table: for each, its class, its id, and the text of its cells."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[str, str, list[str]]] = []
        self.caption = ""
        self._cell = False
        self._captions = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "tr":
            self.rows.append((known.get("class") or "", known.get("id") or "", []))
        elif tag in {"td", "th"}:
            self.rows[-1][2].append("")
            self._cell = True
        elif tag == "caption":
            self._captions = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._cell = False
        elif tag == "caption":
            self._captions = False

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][2][-1] += data
        elif self._captions:
            self.caption += data


def run_blocks(page: Path, until: str) -> dict[str, Any]:
    """The names that the plain Python blocks of a page define, up to the one that defines `until`."""
    names: dict[str, Any] = {}
    for block in read(page).blocks:
        if block.language == "python" and not block.content.startswith(">>>"):
            exec(compile(block.content, block.where, "exec"), names)
            if until in names:
                return names
    raise AssertionError(f"{page} does not define {until}")


def test_the_messages_of_the_scene_are_the_papers_to_the_byte() -> None:
    timestamp = paper.tai64n(1_700_000_000, 0)
    exchange = paper.handshake(
        bytes(range(32)),
        bytes(range(32, 64)),
        bytes(range(64, 96)),
        bytes(range(96, 128)),
        bytes(32),
        timestamp,
        0x01020304,
        0x0A0B0C0D,
    )
    assert bytecards.message("initiation").data == exchange.initiation
    assert bytecards.message("response").data == exchange.response
    ping, keepalive = (bytecards.message(card).data for card in ("ping", "keepalive"))
    packet = scenes.ping(1)
    assert ping == paper.transport_data(exchange.initiator_sends, 0x0A0B0C0D, 0, packet)
    assert keepalive == paper.transport_data(exchange.initiator_sends, 0x0A0B0C0D, 1, b"")


def test_a_reader_who_runs_the_page_gets_the_bytes_of_the_cards() -> None:
    names = run_blocks(PAGE, until="ping")
    sent = sorted(names["initiator"].sent + names["responder"].sent, key=lambda datagram: datagram.at)
    assert [datagram.data for datagram in sent] == [flight.data for flight in bytecards.scene().flights]


def test_a_card_knows_what_the_receiver_found_inside() -> None:
    inside = {card: bytecards.plaintexts(bytecards.message(card).data) for card in bytecards.CARDS}
    assert inside["initiation"]["static"].value == paper.pub(bytes(range(32)))
    assert inside["initiation"]["timestamp"].value == paper.tai64n(1_700_000_000, 0)
    assert "2023-11-14 22:13:20 UTC" in inside["initiation"]["timestamp"].meaning
    assert inside["response"]["tag"].value == b""
    assert inside["ping"]["packet"].value == scenes.ping(1) + bytes(8)
    assert "ICMP 回显请求，10.0.0.1 → 10.0.0.2，40 字节，其后填充 8 个零" in inside["ping"]["packet"].meaning
    assert "ICMP 回显应答，10.0.0.2 → 10.0.0.1" in inside["pong"]["packet"].meaning
    assert "保活" in inside["keepalive"]["tag"].meaning


def test_the_card_of_a_cookie_reply_is_the_papers_to_the_byte() -> None:
    first, repeated = (one.data for one in scenes.under_load().flights if one.data[0] == 1)
    secret, nonce = bytes(range(128, 160)), bytes(range(160, 184))
    address, port = bytes([192, 0, 2, 1]), 51820
    reply = paper.cookie_reply(bytes(range(32, 64)), secret, address, port, first, nonce)
    assert bytecards.message("cookie-reply").data == reply
    cookie = bytecards.plaintexts(reply)["cookie"].value
    assert repeated[132:] == paper.mac(cookie, repeated[:132])
    assert first == bytecards.message("initiation").data


def test_the_response_is_computed_twice_and_is_the_same() -> None:
    _, response, _ = bytecards.responder()
    assert bytecards.message("response").data[:60] == response[:60]


@pytest.fixture(scope="module")
def tables(built: Callable[[str], str]) -> dict[str, Table]:
    """The tables of the cards on the site."""
    found = {}
    for card, html in zip(
        bytecards.CARDS, re.findall(r"<table.*?</table>", built("html/index.html"), re.DOTALL), strict=True
    ):
        found[card] = Table()
        found[card].feed(html)
    return found


@pytest.mark.parametrize("card", bytecards.CARDS)
def test_every_byte_of_a_message_stands_on_its_card_in_order(card: str, tables: dict[str, Table]) -> None:
    datagram = bytecards.message(card).data
    header, *rows = tables[card].rows
    runs = annotate(datagram)
    assert header[2] == ["偏移", "长度", "字段"]
    assert [(int(cells[0]), int(cells[1])) for _, _, cells in rows] == [
        (run.offset, run.size) for run in runs
    ]
    for (_, _, cells), run in zip(rows, runs, strict=True):
        field, _, plain = cells[2].partition("\n明文")
        name, octets = field.strip().split("\n")
        assert name.startswith(f"{run.name}  {run.zh}")
        assert bytes.fromhex(octets) == run.value
        inside = bytecards.plaintexts(datagram).get(run.name)
        assert bool(plain) == (inside is not None)
        if inside and inside.value:
            assert bytes.fromhex(plain.split("\n")[1]) == inside.value
    assert f"{len(datagram)} 字节" in tables[card].caption


def test_a_card_and_each_of_its_fields_have_an_address(
    built: Callable[[str], str], tables: dict[str, Table]
) -> None:
    assert 'id="bytecard-initiation"' in built("html/index.html")
    assert [identifier for _, identifier, _ in tables["initiation"].rows[1:]] == [
        f"bytecard-initiation-{offset}" for offset in (0, 1, 4, 8, 40, 72, 88, 100, 116, 132)
    ]


def test_a_card_can_be_referred_to_by_name_and_number(built: Callable[[str], str]) -> None:
    page = built("html/index.html")
    assert len(re.findall(r'<a class="reference internal" href="#bytecard-response">', page)) == 2
    assert "表 2" in page


def test_every_field_has_a_kind_and_every_kind_a_colour() -> None:
    styles = (DOCS / "_ext" / "static" / "bytecards.css").read_text("utf-8")
    for card in bytecards.CARDS:
        for run in annotate(bytecards.message(card).data):
            assert f".bytecard-{bytecards.KINDS[run.name]} {{" in styles


def test_the_site_carries_the_style_sheets(built: Callable[[str], str]) -> None:
    for name in ("bytecards.css", "drawings.css"):
        assert name in built("html/index.html")
        assert (DOCS / "_ext" / "static" / name).read_text("utf-8") == built(f"html/_static/{name}")


def test_the_octets_of_a_card_stay_out_of_the_search_index(built: Callable[[str], str]) -> None:
    index = built("html/searchindex.js")
    assert "timestamp" in index
    assert not re.search(r'"?f0"?:', index)


def test_a_card_is_a_table_in_the_pdf_too(built: Callable[[str], str]) -> None:
    tex = built("latex/book.tex")
    assert len(re.findall(r"\\begin\{tabular", tex)) == len(bytecards.CARDS)
    assert "79 a6 31 ee" in tex
    assert "2023\\sphinxhyphen{}11\\sphinxhyphen{}14 22:13:20 UTC" in tex


def test_a_card_is_not_for_translators(built: Callable[[str], str]) -> None:
    catalogue = built("gettext/index.pot")
    assert "bytecard-response" in catalogue
    assert "79 a6" not in catalogue
    assert "临时公钥" not in catalogue


def test_a_card_of_no_message_is_refused(tmp_path: Path) -> None:
    done = sphinx(tmp_path, "# 题\n\n```{bytecard} hello\n```\n", "dummy")
    assert done.returncode != 0
    assert "no message is called 'hello'; there are: initiation, response, ping, pong" in done.stderr


def test_a_script_that_is_asked_for_other_bytes_says_so() -> None:
    script = scenes.Scripted(b"1234")
    with pytest.raises(ValueError, match="the script has 4 bytes where 32 are asked for"):
        script(32)
    with pytest.raises(ValueError, match="the script has 0 bytes where 4 are asked for"):
        script(4)


def test_every_card_of_the_book_is_shown_once() -> None:
    used = [block.argument for page in book() for block in read(page).blocks if block.directive == "bytecard"]
    assert len(set(used)) == len(used)
    assert set(used) <= set(bytecards.CARDS)
    assert {"initiation", "response", "ping", "keepalive"} <= set(used)
