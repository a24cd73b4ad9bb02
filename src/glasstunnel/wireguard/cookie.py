"""The two MACs at the end of a handshake message, and the cookie that the second one answers.

Rule: mac1 proves that the sender knows our public key and is checked before anything costly is done; a
message without it gets no answer. mac2 proves that the sender receives what is sent to the address it claims,
and is asked for only under load. The receiver keeps no state per sender: a cookie can be computed again from
the address. Section: WP §5.3, §5.4.4 and §5.4.7; kernel cookie.c.
"""

from hmac import compare_digest
from math import inf
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final

from glasstunnel.wireguard.crypto import XNONCE_SIZE, hash256, mac, xaead, xaead_open
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.handshake import Rng
from glasstunnel.wireguard.messages import CookieReply, sender_index
from glasstunnel.wireguard.parameters import Parameters

LABEL_MAC1: Final = b"mac1----"
LABEL_COOKIE: Final = b"cookie--"
MAC_SIZE: Final = 16
MACS_SIZE: Final = 2 * MAC_SIZE
NO_MAC2: Final = bytes(MAC_SIZE)
"""Where there is no cookie to answer."""
SECRET_SIZE: Final = 32


def mac1_key(public_key: bytes) -> bytes:
    """Key of every mac1 that is sent to the owner of ``public_key`` (32 bytes)."""
    return hash256(LABEL_MAC1 + public_key)


def cookie_key(public_key: bytes) -> bytes:
    """Key under which the owner of ``public_key`` (32 bytes) sends cookies."""
    return hash256(LABEL_COOKIE + public_key)


def add_macs(message: bytes, key: bytes, cookie: bytes = b"") -> bytes:
    """A handshake message (148 or 92 bytes, its last 32 still empty) with mac1 under ``key``, and with mac2
    under ``cookie`` if there is one.
    """
    body = message[:-MACS_SIZE]
    body += mac(key, body)
    return body + (mac(cookie, body) if cookie else NO_MAC2)


def mac1_is_right(message: bytes | memoryview, key: bytes) -> bool:
    """Whether the mac1 of a handshake message (148 or 92 bytes) is the one under ``key``."""
    return compare_digest(mac(key, message[:-MACS_SIZE]), mac1_of(message))


def mac1_of(message: bytes | memoryview) -> bytes:
    """The mac1 that a handshake message carries."""
    return bytes(message[-MACS_SIZE:-MAC_SIZE])


def source_of(path: Path) -> bytes:
    """The address of the other side, packed: 4 or 16 bytes."""
    host = path.remote[0].partition("%")[0]
    return inet_pton(AF_INET6 if ":" in host else AF_INET, host)


class CookieChecker:
    """The receiver's side: checks both MACs and makes cookies. Its secret is drawn when it is needed first.

    Args:
        public_key: our static public key, 32 bytes.
    """

    __slots__ = ("_key", "_mac1_key", "_parameters", "_secret", "_secret_born")

    def __init__(self, public_key: bytes, parameters: Parameters) -> None:
        self._mac1_key, self._key = mac1_key(public_key), cookie_key(public_key)
        self._parameters = parameters
        self._secret, self._secret_born = b"", -inf

    def mac1_is_right(self, message: bytes | memoryview) -> bool:
        """Whether the sender of a handshake message knows our public key."""
        return mac1_is_right(message, self._mac1_key)

    def mac2_is_right(self, now: float, rng: Rng, message: bytes | memoryview, path: Path) -> bool:
        """Whether the sender has received the cookie that belongs to the address it writes from."""
        expected = mac(self._cookie(now, rng, path), message[:-MAC_SIZE])
        return compare_digest(expected, bytes(message[-MAC_SIZE:]))

    def reply(self, now: float, rng: Rng, message: bytes | memoryview, path: Path) -> CookieReply:
        """The cookie for the sender of a handshake message: encrypted, and bound to the mac1 of that message,
        so that only who has seen the message can make a reply that its sender accepts.
        """
        nonce = rng(XNONCE_SIZE)
        encrypted = xaead(self._key, nonce, self._cookie(now, rng, path), mac1_of(message))
        return CookieReply(sender_index(message), nonce, encrypted)

    def _cookie(self, now: float, rng: Rng, path: Path) -> bytes:
        """A MAC of the address **and** the port, big-endian, under a secret that is renewed after 120 s."""
        if now - self._secret_born >= self._parameters.cookie_secret_max_age:
            self._secret, self._secret_born = rng(SECRET_SIZE), now
        return mac(self._secret, source_of(path) + path.remote[1].to_bytes(2))


class CookieGenerator:
    """The sender's side, one for each peer: adds both MACs and takes cookies in.

    Args:
        public_key: the peer's static public key, 32 bytes.
    """

    __slots__ = ("_cookie", "_key", "_mac1_key", "_parameters", "_received", "_sent_mac1")

    def __init__(self, public_key: bytes, parameters: Parameters) -> None:
        self._mac1_key, self._key = mac1_key(public_key), cookie_key(public_key)
        self._parameters = parameters
        self._sent_mac1 = b""  # the one that a cookie reply may answer
        self._cookie, self._received = b"", -inf

    def add_macs(self, now: float, message: bytes) -> bytes:
        """A handshake message with its MACs; mac2 is zeros unless there is a cookie young enough."""
        if now - self._received >= self._parameters.cookie_lifetime:
            self._cookie = b""
        message = add_macs(message, self._mac1_key, self._cookie)
        self._sent_mac1 = mac1_of(message)
        return message

    def consume(self, now: float, reply: CookieReply) -> bool:
        """Keep the cookie of a reply to the handshake message that was sent last; whether it was one.

        Each message can be answered once: whoever records a reply cannot make us accept it again.
        """
        if not self._sent_mac1:
            return False
        cookie = xaead_open(self._key, reply.nonce, reply.encrypted_cookie, self._sent_mac1)
        if cookie is None:
            return False
        self._cookie, self._received, self._sent_mac1 = cookie, now, b""
        return True
