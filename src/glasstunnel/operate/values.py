"""The values of a configuration's keys: for each kind a reader, from the text to the value.

Rule: a reader raises :exc:`ValueError` that says what was expected and what was there; file, line and key are
added by who knows them. Accepted is what wg and wg-quick 1.0.20210914 accept, apart from service names as
ports.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from glasstunnel.ip import PacketError
from glasstunnel.ip.address import format_address, parse_address
from glasstunnel.operate import keys

SPACE = " \t\n\v\f\r"  # what C's isspace() takes for space; the format knows no other

# Labels without an endpoint's separators. If the last one is a number, it is a mistyped IPv4 address.
_HOST_NAME = re.compile(r"(?![^:]*?(^|\.)[0-9]+\.?$)[^\s:\[\]/%,]+")


class Endpoint(NamedTuple):
    """Where a peer listens: ``host`` is an IPv4 address, an IPv6 one, perhaps with ``%scope``, or a name."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def decimal(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if re.fullmatch("[0-9]{1,20}", text) and low <= int(text) <= high:
            return int(text)
        raise ValueError(f'expected a number from {low} to {high}, got "{text}"')

    return read


def fwmark(text: str) -> int:
    if text.lower() == "off":
        return 0
    value = int(text, 16) if re.fullmatch("0x[0-9a-fA-F]{1,20}", text) else None
    value = int(text) if re.fullmatch("[0-9]{1,20}", text) else value
    if value is None or value > 0xFFFFFFFF:
        raise ValueError(f'expected "off" or a number from 0 to 0xffffffff, got "{text}"')
    return value


def keepalive(text: str) -> int:
    return 0 if text.lower() == "off" else decimal(0, 65535)(text)


def mtu(text: str) -> int | None:
    return decimal(68, 65535)(text) if text else None  # RFC 791 section 3.2: every link carries 68 bytes


def table(text: str) -> int | str:
    if text.lower() in ("", "auto", "off"):
        return text.lower() or "auto"
    names = {"default": 253, "main": 254, "local": 255}  # what the kernel itself names: rtnetlink(7)
    return names[text] if text in names else decimal(1, 0xFFFFFFFF)(text)


def boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f'expected "true" or "false", got "{text}"')
    return text.lower() == "true"


def private_key(text: str) -> bytes:
    key = keys.decode(text)
    if not any(key):
        raise ValueError("expected a private key, got one of zeros, which to wg is none")
    return key


def preshared_key(text: str) -> bytes | None:
    key = keys.decode(text)
    return key if any(key) else None


def endpoint(text: str) -> Endpoint:
    pattern = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^\[\]]+)):([0-9]{1,10})", text)
    if pattern:
        host, port = pattern[1] or pattern[2], int(pattern[3])
        if 1 <= port <= 0xFFFF and _is_host(host):
            return Endpoint(host, port)
    raise ValueError(f'expected host:port, such as 192.0.2.1:51820 or [2001:db8::1]:51820, got "{text}"')


def _is_host(text: str) -> bool:
    if _HOST_NAME.fullmatch(text):
        return True
    address, percent, scope = text.partition("%")
    try:
        return len(parse_address(address)) == 16 if percent and scope else bool(parse_address(text))
    except PacketError:
        return False


def is_address(text: str) -> bool:
    """wg-quick's rule for telling a server's address from a search domain."""
    return ":" in text or re.fullmatch("[0-9.]+", text) is not None


def dns(text: str) -> str:
    return format_address(parse_address(text)) if is_address(text) else text


# Splitters: the text of one line of a key that holds a list in, its items out.


def commas(text: str) -> list[str]:
    return text.split(",") if text else []


def words(text: str) -> list[str]:
    return [word for word in re.split(f"[{SPACE},]", text) if word]


def whole(text: str) -> list[str]:
    return [text] if text else []
