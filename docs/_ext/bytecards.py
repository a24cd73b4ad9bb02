"""The directive `bytecard`: one real message of a simulated handshake, taken apart byte by byte.

    ```{bytecard} initiation
    ```

The rule: a card shows bytes that were sent in a scene of scenes.py, cut by
`glasstunnel.wireguard.annotate`, and beneath an encrypted field what the receiver found in it.  It is a table
of docutils, so that every builder can set it; it needs no script, tells fields apart by name and not by
colour alone, and each card and each of its fields has an address (`#bytecard-initiation`,
`#bytecard-initiation-40`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from glasstunnel.ip import icmp, ipv4
from glasstunnel.ip.address import format_address
from glasstunnel.noise import CURVE25519, CipherState
from glasstunnel.wireguard.annotate import Run, annotate
from glasstunnel.wireguard.cookie import cookie_key, mac1_of
from glasstunnel.wireguard.crypto import xaead_open
from glasstunnel.wireguard.handshake import CONSTRUCTION, ResponderHandshake
from glasstunnel.wireguard.messages import CookieReply, Initiation, MessageType
from scenes import EPHEMERAL_R, INDEX_R, STATIC_R, Flight, Scene, Scripted, first_ping, under_load

# The messages of the first scene, in the order in which they left, and one of the scene under load.
CARDS = ("initiation", "response", "ping", "pong", "keepalive", "cookie-reply")
NAMES = {
    MessageType.INITIATION: "发起消息（initiation）",
    MessageType.RESPONSE: "响应消息（response）",
    MessageType.COOKIE_REPLY: "cookie 应答（cookie reply）",
    MessageType.TRANSPORT_DATA: "传输数据（transport data）",
}
# Fields of one kind share a colour.
KINDS = {
    "type": "header",
    "reserved": "header",
    "sender": "index",
    "receiver": "index",
    "counter": "nonce",
    "nonce": "nonce",
    "ephemeral": "public",
    "static": "secret",
    "timestamp": "secret",
    "packet": "secret",
    "cookie": "secret",
    "tag": "tag",
    "mac1": "mac",
    "mac2": "mac",
}
TAI64_EPOCH = 2**62 + 10  # label of 1970-01-01 00:00:00 UTC, as in the core


@dataclass(frozen=True)
class Plaintext:
    """What was inside an encrypted field."""

    value: bytes
    meaning: str


@cache
def scene() -> Scene:
    """The scene of most cards, played once."""
    return first_ping()


@cache
def loaded() -> Scene:
    """The scene of the cookie reply, played once."""
    return under_load()


def message(card: str) -> Flight:
    """The message that a card shows."""
    if card == "cookie-reply":
        return next(one for one in loaded().flights if one.data[0] == MessageType.COOKIE_REPLY)
    return scene().flights[CARDS.index(card)]


@cache
def responder() -> tuple[ResponderHandshake, bytes, dict[int, bytes]]:
    """The responder's handshake once more: what it read, the response, and the keys by receiver index."""
    handshake = ResponderHandshake(CURVE25519.keypair(STATIC_R), Scripted(EPHEMERAL_R))
    initiation = Initiation.parse(message("initiation").data)
    handshake.consume_initiation(initiation)
    response, keys = handshake.create_response(INDEX_R, scene().psk)
    return handshake, response.build(), {INDEX_R: keys.receiving, initiation.sender: keys.sending}


def plaintexts(datagram: bytes) -> dict[str, Plaintext]:
    """What the encrypted fields of a message hold, by the name of the field."""
    handshake, _, keys = responder()
    match datagram[0]:
        case MessageType.INITIATION:
            return {
                "static": Plaintext(handshake.remote_static, "发起方的静态公钥"),
                "timestamp": Plaintext(handshake.timestamp, tell_time(handshake.timestamp)),
            }
        case MessageType.RESPONSE:
            return {"tag": Plaintext(b"", "没有内容，0 字节")}
        case MessageType.COOKIE_REPLY:
            return {"cookie": Plaintext(cookie(datagram), "带密钥的 BLAKE2s，算的是发起方的地址和端口")}
        case _:
            receiver, counter = (int.from_bytes(datagram[i:j], "little") for i, j in ((4, 8), (8, 16)))
            cipher = CipherState(CONSTRUCTION.cipher, keys[receiver])
            cipher.set_nonce(counter)
            packet = cipher.decrypt_with_ad(b"", datagram[16:])
            if not packet:
                return {"tag": Plaintext(b"", "没有报文，0 字节：这是保活")}
            return {"packet": Plaintext(packet, tell_packet(packet))}


def cookie(datagram: bytes) -> bytes:
    """What a cookie reply of the scene holds: the initiator opens it with the mac1 that it has sent."""
    sender = loaded().right.device.public_key
    assert sender is not None
    reply = CookieReply.parse(datagram)
    found = xaead_open(
        cookie_key(sender), reply.nonce, reply.encrypted_cookie, mac1_of(loaded().flights[0].data)
    )
    assert found is not None
    return found


def tell_time(timestamp: bytes) -> str:
    """A TAI64N label of 12 bytes as a date."""
    seconds = int.from_bytes(timestamp[:8]) - TAI64_EPOCH
    nanoseconds = int.from_bytes(timestamp[8:])
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC，又 {nanoseconds} 纳秒"


def tell_packet(padded: bytes) -> str:
    """An ICMP echo of IPv4, with the padding behind it, in words."""
    packet = ipv4.Packet(padded)
    echo = icmp.Message(packet.payload)
    kind = {icmp.ECHO_REQUEST: "回显请求", icmp.ECHO_REPLY: "回显应答"}[echo.type]
    addresses = f"{format_address(packet.source)} → {format_address(packet.destination)}"
    padding = len(padded) - packet.total_length
    return f"ICMP {kind}，{addresses}，{packet.total_length} 字节，其后填充 {padding} 个零"


def tell_value(run: Run) -> str:
    """The number that a field writes, where it is one."""
    number = int.from_bytes(run.value, "little")
    match run.name:
        case "sender" | "receiver":
            return f"小端整数 {number:#010x}"
        case "counter":
            return f"小端整数 {number}"
        case "type":
            return str(number)
        case _:
            return ""


def tell_moment(seconds: float) -> str:
    """A moment of the scene: milliseconds below a second."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def octets(value: bytes) -> Iterator[nodes.Node]:
    """Bytes in groups of four, which a line break does not part; as text, `bytes.fromhex` reads them.

    How many groups make a line is the screen's affair; on paper it is four.
    """
    for start in range(0, len(value), 4):
        if start:
            yield nodes.Text(" ")
            yield nodes.raw("", r"\enspace{}" if start % 16 else r"\newline{}", format="latex")
        group = value[start : start + 4].hex(" ")
        yield nodes.literal(group, group, classes=["no-search"])


def paragraph(*children: nodes.Node, kind: str) -> nodes.paragraph:
    """A paragraph of a card; what a card says is not for translators, for it is made, not written."""
    made = nodes.paragraph("", "", *children, classes=[f"bytecard-{kind}"])
    made["translatable"] = False
    return made


@dataclass(frozen=True)
class Field:
    """A row of a card: some bytes, their name and meaning, and the kind that gives them a colour.

    ``inside`` is what an encrypted field holds; ``told`` stands for the bytes where they are many and alike.
    """

    offset: int
    value: bytes
    name: str
    meaning: str
    kind: str
    inside: Plaintext | None = None
    told: str = ""


class Card(SphinxDirective):
    """What the directives of byte cards share: the argument names the card."""

    required_arguments = 1
    option_spec: ClassVar = {"class": directives.class_option}

    def card(self, label: str, caption: str, fields: Iterable[Field]) -> list[nodes.Node]:
        """The table, with the widths that the PDF gives its columns."""
        self.options["name"] = label
        table = nodes.table("", classes=["bytecard", *self.options.get("class", [])])
        table += nodes.title("", caption, translatable=False)
        group = nodes.tgroup("", cols=3)
        group += [nodes.colspec("", colwidth=width) for width in (6, 6, 88)]
        group += nodes.thead("", self._row(["偏移"], ["长度"], ["字段"]))
        body = nodes.tbody()
        for field in fields:
            body += self._field(label, field)
        group += body
        table += group
        self.set_source_info(table)
        self.add_name(table)
        widths = addnodes.tabular_col_spec(spec=r"\X{9}{100}\X{9}{100}\X{82}{100}")
        return [widths, table]

    def _field(self, label: str, field: Field) -> nodes.row:
        parts: list[nodes.Node] = [
            paragraph(nodes.strong("", field.name), nodes.Text("  " + field.meaning), kind="name"),
            paragraph(nodes.Text(field.told), kind="octets")
            if field.told
            else paragraph(*octets(field.value), kind="octets"),
        ]
        if inside := field.inside:
            told = paragraph(nodes.strong("", "明文"), nodes.Text("：" + inside.meaning), kind="plaintext")
            parts += [told, paragraph(*octets(inside.value), kind="octets")] if inside.value else [told]
        row = self._row([str(field.offset)], [str(len(field.value))], parts)
        row["classes"].append(f"bytecard-{field.kind}")
        row["ids"].append(f"{label}-{field.offset}")
        return row

    @staticmethod
    def _row(*cells: list[str] | list[nodes.Node]) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            row += nodes.entry(
                "",
                *(paragraph(nodes.Text(x), kind="cell") if isinstance(x, str) else x for x in cell),
            )
        return row


class ByteCard(Card):
    """`{bytecard} NAME`: the card of one message of the scene."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        card = self.arguments[0]
        if card not in CARDS:
            raise self.error(f"no message is called {card!r}; there are: {', '.join(CARDS)}")
        flight = message(card)
        kind = NAMES[MessageType(flight.data[0])]
        way = f"{flight.source} → {flight.destination}"
        moment = tell_moment(flight.sent).replace(" ", "\N{NO-BREAK SPACE}")
        caption = f"{kind}：{len(flight.data)} 字节，{way}，{moment}"
        return self.card(f"bytecard-{card}", caption, map(self._of_run, annotate(flight.data)))

    def _of_run(self, run: Run) -> Field:
        value = tell_value(run)
        inside = plaintexts(message(self.arguments[0]).data).get(run.name)
        meaning = run.zh + (f"（{value}）" if value else "")
        return Field(run.offset, run.value, run.name, meaning, KINDS[run.name], inside)


def add_styles(app: Sphinx) -> None:
    """Let the site carry the style sheet that stands beside this module."""
    app.config.html_static_path.append(str(Path(__file__).parent / "static"))


def name_tables(_app: Sphinx, doctree: nodes.document) -> None:
    """An index entry before a table that tells its widths leads to the table: the widths are on no page."""
    for widths in doctree.findall(addnodes.tabular_col_spec):
        table = widths.next_node(nodes.table, descend=False, siblings=True)
        if table is not None:
            table["ids"] = widths["ids"] + table["ids"]  # the others are empty marks in it
            widths["ids"] = []


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive and its style sheet."""
    app.add_directive("bytecard", ByteCard)
    app.connect("doctree-read", name_tables)
    app.connect("builder-inited", add_styles)
    app.add_css_file("bytecards.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
