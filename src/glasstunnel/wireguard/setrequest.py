"""What a ``set=1`` of the cross-platform interface asks for, read from its text.

Rule: a request is read to its end before anything is done, so one that cannot be understood changes nothing.
Accepted is what wireguard-go accepts. Section: https://www.wireguard.com/xplatform/; wireguard-go
device/uapi.go.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from errno import EINVAL, EPROTO
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final

from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.handshake import KEY_SIZE
from glasstunnel.wireguard.timers import MAX_KEEPALIVE

PROTOCOL_VERSION: Final = 1
_ENDPOINT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)(%[^\]%\s]+)?\]|([0-9.]+)):([0-9]{1,5})")
_LENGTHS: Final = {str(length): length for length in range(129)}  # as text: no sign, no leading zero


class UapiError(Exception):
    """A request that is not carried out: ``errno`` is positive, ``str()`` a sentence for the log."""

    def __init__(self, errno: int, text: str) -> None:
        super().__init__(text)
        self.errno = errno


@dataclass(slots=True)
class PeerRequest:
    """What is asked for one peer; None where the request does not speak of it."""

    public_key: bytes
    remove: bool = False
    update_only: bool = False
    preshared_key: bytes | None = field(default=None, repr=False)
    endpoint: Path | None = None
    persistent_keepalive: int | None = None
    replace_allowed_ips: bool = False
    allowed_ips: list[tuple[bytes, int, bool]] = field(default_factory=list)
    """In their order: address of 4 or 16 bytes, prefix length in bits, False if it is to be taken away."""

    def read(self, key: str, value: str) -> None:
        """Take in one line. Raises :exc:`UapiError`."""
        match key:
            case "allowed_ip":
                self.allowed_ips.append(_prefix(key, value))
            case "preshared_key":
                self.preshared_key = _key(key, value)
            case "endpoint":
                self.endpoint = _endpoint(key, value)
            case "persistent_keepalive_interval":
                self.persistent_keepalive = _number(key, value, MAX_KEEPALIVE)
            case "replace_allowed_ips":
                self.replace_allowed_ips = _true(key, value)
                self.allowed_ips.clear()
            case "remove":
                self.remove = _true(key, value)
            case "update_only":
                self.update_only = _true(key, value)
            case "protocol_version":
                _number(key, value, PROTOCOL_VERSION, least=PROTOCOL_VERSION)
            case _:
                raise UapiError(EINVAL, f"expected a key of a peer, got {_shown(key)}")


@dataclass(slots=True)
class SetRequest:
    """What is asked for the device and its peers; None where the request does not speak of it."""

    private_key: bytes | None = field(default=None, repr=False)
    """Zeros: the device shall have none."""
    listen_port: int | None = None
    fwmark: int | None = None
    replace_peers: bool = False
    peers: list[PeerRequest] = field(default_factory=list)
    """In the order of the request; a peer may come more than once."""

    def read(self, lines: Iterable[str]) -> None:
        """Take in further lines, without their line breaks.

        Raises:
            UapiError: EPROTO where a line is not ``key=value``, EINVAL where a key or its value is not one of
                the interface. The request is of no use then.
        """
        for line in lines:
            key, equals, value = line.partition("=")
            if not equals:
                raise UapiError(EPROTO, "expected key=value in each line")  # which may be a secret
            if key == "public_key":
                self.peers.append(PeerRequest(_key(key, value)))
            elif self.peers:
                self.peers[-1].read(key, value)
            else:
                self._read(key, value)

    def _read(self, key: str, value: str) -> None:
        match key:
            case "private_key":
                self.private_key = _key(key, value)
            case "listen_port":
                self.listen_port = _number(key, value, 0xFFFF)
            case "fwmark":
                self.fwmark = _number(key, value, 0xFFFFFFFF)
            case "replace_peers":
                self.replace_peers = _true(key, value)
            case _:
                raise UapiError(EINVAL, f"expected a key of the device, got {_shown(key)}")


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "…")


def _number(key: str, value: str, greatest: int, least: int = 0) -> int:
    if value.isascii() and value.isdecimal() and len(value) <= 20 and least <= int(value) <= greatest:
        return int(value)
    raise UapiError(EINVAL, f"{key}: expected a number from {least} to {greatest}, got {_shown(value)}")


def _key(key: str, value: str) -> bytes:
    try:
        packed = bytes.fromhex(value)
    except ValueError:
        packed = b""
    if len(packed) == KEY_SIZE and len(value) == 2 * KEY_SIZE:  # fromhex skips spaces
        return packed
    raise UapiError(EINVAL, f"{key}: expected {2 * KEY_SIZE} hexadecimal digits, got {len(value)} characters")


def _true(key: str, value: str) -> bool:
    if value == "true":
        return True
    raise UapiError(EINVAL, f'{key}: expected "true", got {_shown(value)}')


def _endpoint(key: str, value: str) -> Path:
    found = _ENDPOINT.fullmatch(value)
    if found and int(found[4]) <= 0xFFFF:
        try:
            if found[3]:
                return Path((inet_ntop(AF_INET, inet_pton(AF_INET, found[3])), int(found[4])))
            host = inet_ntop(AF_INET6, inet_pton(AF_INET6, found[1]))
            return Path((host + (found[2] or ""), int(found[4])))
        except OSError:
            pass
    raise UapiError(EINVAL, f"{key}: expected address:port or [address]:port, got {_shown(value)}")


def _prefix(key: str, value: str) -> tuple[bytes, int, bool]:
    text, _, length = value.partition("/")
    given = not text.startswith("-")
    address = text if given else text[1:]
    try:
        packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
        bits = _LENGTHS[length]
    except (OSError, ValueError, KeyError):  # ValueError: a NUL or a character outside of ASCII
        packed, bits = b"", 0
    if packed and bits <= 8 * len(packed):
        return packed, bits, given
    raise UapiError(EINVAL, f"{key}: expected a prefix such as 10.0.0.0/24, got {_shown(value)}")
