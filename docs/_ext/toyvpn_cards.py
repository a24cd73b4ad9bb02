"""The directive `toyvpncard`: a datagram of ToyVpn taken apart byte by byte, as the byte cards do.

    ```{toyvpncard} reply
    ```

The rule: the bytes are made by `glasstunnel.toyvpn`, and read back by it.
"""

from collections.abc import Callable, Iterator
from functools import cache

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from bytecards import Card, Field
from glasstunnel.toyvpn.messages import KEEPALIVE, Handshake
from glasstunnel.toyvpn.parameters import from_arguments, parse_reply
from packetcards import fields as packet_fields
from packetcards import ping

SECRET = b"test"
ARGUMENTS = ["-m", "1400", "-a", "10.0.0.2", "32", "-d", "8.8.8.8", "-r", "0.0.0.0", "0"]  # noqa: S104 - a route
MEANINGS = {
    "m": "接口的 MTU",
    "a": "接口的地址和前缀长度",
    "r": "走隧道的路由",
    "d": "DNS 服务器",
    "s": "搜索域",
}


@cache
def reply() -> bytes:
    """What the server answers; it reads as it was meant."""
    parameters = from_arguments(ARGUMENTS)
    made = parameters.reply()
    assert parse_reply(made) == parameters
    return made


def of_handshake() -> Iterator[Field]:
    """00 and the secret."""
    made = Handshake(SECRET).build()
    yield Field(0, made[:1], "control", "控制消息都以零开头", "header")
    yield Field(1, made[1:], "secret", f"口令“{SECRET.decode()}”，明文", "secret")


def of_reply() -> Iterator[Field]:
    """00, parameter after parameter, and the spaces."""
    made = reply()
    yield Field(0, made[:1], "control", "控制消息都以零开头", "header")
    offset = 1
    for part in made[1:].rstrip().split(b" "):
        value = made[offset : offset + len(part)]
        letter = value[:1].decode()
        yield Field(offset, value, letter, f"{MEANINGS[letter]}：“{value.decode()}”", "public")
        offset += len(part)
        if made[offset:].strip():
            yield Field(offset, made[offset : offset + 1], "space", "分开两个参数", "header")
            offset += 1
    rest = made[offset:]
    yield Field(
        offset, rest, "padding", "补到 1024 字节，全是空格", "nonce", told=f"20 × {len(rest)}（空格）"
    )


def of_keepalive() -> Iterator[Field]:
    """A single zero."""
    yield Field(0, KEEPALIVE, "control", "空的控制消息：我还在", "header")


def of_data() -> Iterator[Field]:
    """An IP packet as it is."""
    return packet_fields(ping())


CARDS: dict[str, tuple[str, Callable[[], Iterator[Field]]]] = {
    "handshake": ("握手，手机 → 服务器", of_handshake),
    "reply": ("回答，服务器 → 手机", of_reply),
    "data": ("数据，两个方向", of_data),
    "keepalive": ("保活，两个方向", of_keepalive),
}


class ToyVpnCard(Card):
    """`{toyvpncard} NAME`."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        name = self.arguments[0]
        if name not in CARDS:
            raise self.error(f"no datagram is called {name!r}; there are: {', '.join(CARDS)}")
        caption, build = CARDS[name]
        rows = list(build())
        size = sum(len(row.value) for row in rows)
        return self.card(f"toyvpncard-{name}", f"{caption}：{size} 字节", rows)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive; the style sheet is that of the byte cards."""
    app.setup_extension("bytecards")
    app.add_directive("toyvpncard", ToyVpnCard)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
