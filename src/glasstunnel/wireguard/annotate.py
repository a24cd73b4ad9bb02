"""A message as runs of bytes, each with its name and its meaning: what the book's byte cards are drawn from.

Rule: the runs of a message cover it from the first byte to the last, in order, without gap or overlap; their
sizes are those of the wire. Section: WP §5.4.2 to §5.4.7.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from glasstunnel.wireguard.messages import MessageType, message_type


@dataclass(frozen=True, slots=True)
class Run:
    """Some bytes of a message that mean one thing.

    ``offset`` is the place of the first, ``value`` are the bytes; ``name`` is the field's name in the paper,
    ``en`` and ``zh`` say what it is for.
    """

    offset: int
    value: bytes
    name: str
    en: str
    zh: str

    @property
    def size(self) -> int:
        """How many bytes."""
        return len(self.value)


# name, size (None: all that is left before the tag), meaning in English and Chinese
_Field = tuple[str, int | None, str, str]

_TYPE: Final[_Field] = ("type", 1, "which of the four messages", "消息类型，四种之一")
_RESERVED: Final[_Field] = ("reserved", 3, "always zero", "保留，恒为零")
_MAC1: Final[_Field] = (
    "mac1",
    16,
    "proof that the sender knows the receiver's public key",
    "证明发送方知道接收方的公钥",
)
_MAC2: Final[_Field] = (
    "mac2",
    16,
    "answer to a cookie, zeros if there was none",
    "对 cookie 的回应；没有收到过 cookie 时为零",
)
_EPHEMERAL: Final[_Field] = ("ephemeral", 32, "ephemeral public key, in the clear", "临时公钥，明文")
_TAG: Final = "tag"

_FIELDS: Final[dict[MessageType, tuple[_Field, ...]]] = {
    MessageType.INITIATION: (
        _TYPE,
        _RESERVED,
        ("sender", 4, "index by which the response will name us", "发起方的索引，响应用它指名"),
        _EPHEMERAL,
        ("static", 32, "the initiator's static public key, encrypted", "发起方的静态公钥，已加密"),
        (_TAG, 16, "authentication tag of static", "静态公钥的认证标签"),
        ("timestamp", 12, "TAI64N timestamp against replay, encrypted", "防重放的 TAI64N 时间戳，已加密"),
        (_TAG, 16, "authentication tag of timestamp", "时间戳的认证标签"),
        _MAC1,
        _MAC2,
    ),
    MessageType.RESPONSE: (
        _TYPE,
        _RESERVED,
        ("sender", 4, "index by which transport data will name us", "响应方的索引，传输数据用它指名"),
        ("receiver", 4, "the initiator's index, from the initiation", "发起方的索引，取自发起消息"),
        _EPHEMERAL,
        (_TAG, 16, "encrypted nothing: only the tag is left", "加密的空内容：只剩认证标签"),
        _MAC1,
        _MAC2,
    ),
    MessageType.COOKIE_REPLY: (
        _TYPE,
        _RESERVED,
        ("receiver", 4, "index from the message that is answered", "被回应的消息里的索引"),
        ("nonce", 24, "random nonce of XChaCha20-Poly1305", "XChaCha20-Poly1305 的随机 nonce"),
        ("cookie", 16, "the cookie, encrypted", "cookie，已加密"),
        (_TAG, 16, "authentication tag of cookie", "cookie 的认证标签"),
    ),
    MessageType.TRANSPORT_DATA: (
        _TYPE,
        _RESERVED,
        ("receiver", 4, "index that names the receiver's keypair", "接收方密钥对的索引"),
        ("counter", 8, "counter, also the nonce", "计数器，也就是 nonce"),
        ("packet", None, "the IP packet and its padding, encrypted", "IP 报文及其填充，已加密"),
        (_TAG, 16, "authentication tag of packet", "报文的认证标签"),
    ),
}


def annotate(datagram: bytes) -> list[Run]:
    """The runs of a message. A keepalive has none for its packet.

    Raises:
        MessageError: if the datagram is no message.
    """
    return [run for run in _runs(datagram, _FIELDS[message_type(datagram)]) if run.size]


def _runs(datagram: bytes, fields: tuple[_Field, ...]) -> Iterator[Run]:
    rest = len(datagram) - sum(size or 0 for _, size, _, _ in fields)
    offset = 0
    for name, size, en, zh in fields:
        end = offset + (rest if size is None else size)
        yield Run(offset, datagram[offset:end], name, en, zh)
        offset = end
