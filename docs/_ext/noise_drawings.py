"""The directives `noise-strands` and `noise-messages`: drawings made from a handshake pattern.

    ```{noise-strands} IKpsk2
    两股绳。
    ```

`noise-strands` draws what each token does to the chaining key and to the handshake hash; `noise-messages`
draws the fields of the messages, with their lengths, after `:payloads:` of so many bytes.  The body is the
caption.

The rule: nothing is drawn that the pattern does not say.  The lengths are those of 25519.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from drawings import WIDTH, Drawing, Drawn, head, line, text
from glasstunnel.noise import HandshakePattern, NoiseError
from glasstunnel.noise.protocol import parse_pattern_section

NUMBERS = "一二三四五六七八九"
KEY, TAG = 32, 16


def sender(from_initiator: bool) -> str:
    """Who sends, with the arrow of the specification."""
    return "→ 发起方写" if from_initiator else "← 响应方写"


# The two strands

SECRET, PUBLIC = "arrow data", "arrow"  # the classes of the strand of ck and that of h
SECRET_HEAD, PUBLIC_HEAD = "head data", "head"
CK, H, STEP = 132.0, 262.0, 28.0
BOX = (172.0, 222.0)  # where an encryption begins and ends, between the strands


class Strands:
    """Lays out the strands; they run downwards, secrets come in from the left, bytes from the right."""

    def __init__(self, pattern: HandshakePattern) -> None:
        self.pattern = pattern
        self.parts: list[str] = []
        self.words: list[str] = []
        self.y = 16.0
        self.has_key = False

    def drawing(self) -> Drawing:
        """The drawing."""
        self._begin()
        for number, message in zip(NUMBERS, self.pattern.messages, strict=False):
            self._caption(f"第{number}条消息，{sender(message.from_initiator)}")
            for token in message.tokens:
                self._token(token)
            self._field("载荷")
        self._end()
        strands = [
            line(CK, 34, CK, self.y - 36, SECRET),
            line(H, 34, H, self.y - 36, PUBLIC),
        ]
        return Drawing(self.y - 4, [*strands, *self.parts], "；".join(self.words) + "。")

    def _begin(self) -> None:
        self.parts += [text(CK, self.y, "ck", "node"), text(H, self.y, "h", "node")]
        self.y += 30
        self._into_both("协议名")
        self._into_h("前言")
        for line_ in self.pattern.pre_messages:
            for token in line_.tokens:
                self._into_h(f"{line_.arrow} {token}")

    def _token(self, token: str) -> None:
        match token:
            case "s":
                self._field("s")
            case "e" if self.pattern.psk_count:
                self._into_both("e")
                self.has_key = True
            case "e":
                self._into_h("e")
            case "psk":
                self._into_ck(token)
                y = self.y - STEP
                self.parts += [line(CK, y, H - 8, y, SECRET), head(H - 2, y, 0, SECRET_HEAD)]
                self.words[-1] = "psk 进入 ck 与 h"
            case _:
                self._into_ck(token)

    def _into_ck(self, name: str) -> None:
        self.parts += [
            text(CK - 34, self.y + 4, name, "label", "end"),
            line(CK - 28, self.y, CK - 8, self.y, SECRET),
            head(CK - 2, self.y, 0, SECRET_HEAD),
        ]
        self.words.append(f"{name} 进入 ck")
        self.has_key = True
        self.y += STEP

    def _into_h(self, name: str) -> None:
        self.parts += [
            text(H + 34, self.y + 4, name, "label", "start"),
            line(H + 28, self.y, H + 8, self.y, PUBLIC),
            head(H + 2, self.y, 180, PUBLIC_HEAD),
        ]
        self.words.append(f"{name} 进入 h")
        self.y += STEP

    def _into_both(self, name: str) -> None:
        has_key = self.has_key
        self._into_ck(name)
        self.y -= STEP
        self._into_h(name)
        self.has_key = has_key
        self.words[-2:] = [f"{name} 进入 ck 与 h"]

    def _field(self, name: str) -> None:
        """What EncryptAndHash does: with a key, a box between the strands; without, straight into h."""
        if not self.has_key:
            self._into_h(name)
            return
        left, right = BOX
        middle, low = (left + right) / 2, self.y + 24
        self.parts += [
            f'<rect class="box full" x="{left:g}" y="{self.y - 11:g}" width="{right - left:g}" height="22"/>',
            text(middle, self.y + 4, "AEAD", "label"),
            line(CK, self.y, left - 6, self.y, SECRET),
            head(left, self.y, 0, SECRET_HEAD),
            text((CK + left) / 2, self.y - 5, "k", "label"),
            line(H, self.y, right + 6, self.y, PUBLIC),
            head(right, self.y, 180, PUBLIC_HEAD),
            text((H + right) / 2, self.y - 5, "ad", "label"),
            line(middle, self.y + 11, middle, low, PUBLIC),
            line(middle, low, H - 8, low, PUBLIC),
            head(H - 2, low, 0, PUBLIC_HEAD),
            text(H + 10, low + 4, f"密文 {name}" if name == "s" else f"密文{name}", "label", "start"),
        ]
        self.words.append(f"{name} 以 k 加密，以 h 为关联数据，密文进入 h")
        self.y += 52

    def _caption(self, words: str) -> None:
        self.y += 2
        self.parts += [
            line(2, self.y - 10, CK - 10, self.y - 10, "line gap"),
            text(2, self.y + 6, words.partition("，")[0], "note", "start"),
            text(2, self.y + 21, words.partition("，")[2], "note", "start"),
        ]
        self.words.append(words)
        self.y += 10

    def _end(self) -> None:
        self.y += 26
        self.parts += [
            head(CK, self.y - 30, 90, SECRET_HEAD),
            head(H, self.y - 30, 90, PUBLIC_HEAD),
            text(CK, self.y - 14, "两把传输密钥", "label"),
            text(H, self.y - 14, "握手的名字", "label"),
        ]
        self.words.append("最后由 ck 分出两把传输密钥，h 是这次握手的名字")
        self.y += 4


# The messages


@dataclass(frozen=True)
class Field:
    """A field of a message: its name, its bytes, whether it is encrypted, which secrets are in ck so far."""

    name: str
    length: int
    encrypted: bool
    secrets: tuple[str, ...]


def messages(pattern: HandshakePattern, payloads: list[int]) -> list[list[Field]]:
    """The fields of each message, with payloads of these lengths."""
    secrets: list[str] = []
    has_key = False
    found = []
    for message, payload in zip(pattern.messages, payloads, strict=True):
        fields = []
        for token in (*message.tokens, "载荷"):
            match token:
                case "e":
                    has_key = has_key or bool(pattern.psk_count)
                    fields.append(Field(token, KEY, False, ()))
                case "s" | "载荷":
                    plain = {"s": KEY, "载荷": payload}[token]
                    fields.append(Field(token, plain + TAG * has_key, has_key, tuple(secrets)))
                case _:
                    secrets.append(token)
                    has_key = True
        found.append(fields)
    return found


def draw_messages(pattern: HandshakePattern, payloads: list[int]) -> Drawing:
    """Each message as a row of boxes, as wide as the fields are long."""
    layout = messages(pattern, payloads)
    unit = (WIDTH - 4) / max(sum(field.length for field in fields) for fields in layout)
    parts: list[str] = []
    words = []
    y = 16.0
    for number, message, fields in zip(NUMBERS, pattern.messages, layout, strict=False):
        total = sum(field.length for field in fields)
        parts.append(text(2, y, f"第{number}条消息，{sender(message.from_initiator)}", "node", "start"))
        parts.append(text(WIDTH - 2, y, f"{total} 字节", "label", "end"))
        parts += _row(fields, unit, y + 10)
        told = "、".join(_told(field) for field in fields)
        words.append(f"第{number}条消息，{sender(message.from_initiator)}，{total} 字节：{told}")
        y += 88
    return Drawing(y - 16, parts, "；".join(words) + "。")


def _row(fields: list[Field], unit: float, y: float) -> Iterator[str]:
    x = 2.0
    for field in fields:
        width = field.length * unit
        kind = "box full" if field.encrypted else "box"
        yield f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:.6g}" height="30"/>'
        yield text(x + width / 2, y + 20, f"{field.name} {field.length}", "label")
        for i, secret in enumerate(_lines(field.secrets)):
            yield text(x + width / 2, y + 44 + 14 * i, secret, "note")
        x += width


def _lines(secrets: tuple[str, ...]) -> list[str]:
    """At most two lines."""
    half = 3 if len(secrets) > 3 else len(secrets)
    return [" ".join(part) for part in (secrets[:half], secrets[half:]) if part]


def _told(field: Field) -> str:
    if not field.encrypted:
        return f"{field.name} {field.length} 字节，明文"
    return f"{field.name} {field.length} 字节，密文，密钥含 {' '.join(field.secrets)}"


# Sphinx


class PatternDirective(Drawn):
    """What both directives share: the argument is a pattern with its modifiers."""

    required_arguments = 1

    def pattern(self) -> HandshakePattern:
        """The pattern that the argument names."""
        try:
            return parse_pattern_section(self.arguments[0])
        except NoiseError as error:
            raise self.error(str(error)) from error


class StrandsDirective(PatternDirective):
    """`{noise-strands} PATTERN`."""

    def run(self) -> list[nodes.Node]:
        """The figure of the strands."""
        return self.figure(Strands(self.pattern()).drawing(), f"noise-strands-{self.arguments[0].lower()}")


class MessagesDirective(PatternDirective):
    """`{noise-messages} PATTERN`, with `:payloads:`, the lengths of the payloads."""

    option_spec = {"payloads": directives.unchanged_required}  # noqa: RUF012 - as docutils declares it

    def run(self) -> list[nodes.Node]:
        """The figure of the messages."""
        pattern = self.pattern()
        payloads = [int(length) for length in self.options.get("payloads", "").split()]
        payloads += [0] * (len(pattern.messages) - len(payloads))
        return self.figure(draw_messages(pattern, payloads), f"noise-messages-{self.arguments[0].lower()}")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.setup_extension("drawings")
    app.add_directive("noise-strands", StrandsDirective)
    app.add_directive("noise-messages", MessagesDirective)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
