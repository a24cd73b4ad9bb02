"""How the state of interfaces is written: as ``wg show`` writes it, and as JSON.

Rule: the text is that of wg(8), byte for byte, in colour too, so whoever reads one, with eyes or with a
script, can read the other. Secrets are hidden wherever wg hides them, and in JSON. Section: wg(8) "show" and
"ENVIRONMENT VARIABLES".
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

from glasstunnel.operate import keys
from glasstunnel.operate.status import PeerStatus, Status

_UNITS = (("year", 365 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
_SIZES = ("KiB", "MiB", "GiB", "TiB")
_NONE, _OFF, _HIDDEN = "(none)", "off", "(hidden)"
_GREEN, _YELLOW, _CYAN, _RED, _BOLD, _RESET = (f"\033[{code}m" for code in (32, 33, 36, 31, 1, 0))


def pretty(status: Status, now: int, colour: bool = False) -> str:
    """An interface as people read it.

    Args:
        status: of the interface.
        now: seconds since 1970.
        colour: whether to use the terminal's colours.
    """
    paint = _Paint(colour)
    blocks = ["".join(_interface_lines(status, paint))]
    peers = sorted(status.peers, key=lambda peer: (-peer.handshake_seconds, -peer.handshake_nanoseconds))
    blocks += ["".join(_peer_lines(peer, now, paint)) for peer in peers]
    return "\n".join(blocks)


class _Paint:
    def __init__(self, colour: bool) -> None:
        self._colour = colour
        self.reset = _RESET if colour else ""

    def __call__(self, text: str, *codes: str) -> str:
        return f"{''.join(codes)}{text}{_RESET}" if self._colour else text

    def field(self, name: str, value: str) -> str:
        return f"  {self(name, _BOLD)}: {value}\n"

    def title(self, kind: str, name: str, code: str) -> str:
        return f"{self(kind, code, _BOLD)}: {self(name, code)}\n"


def _interface_lines(status: Status, paint: _Paint) -> Iterator[str]:
    yield paint.reset + paint.title("interface", status.name, _GREEN)
    if status.public_key:
        yield paint.field("public key", keys.encode(status.public_key))
    if status.private_key:
        yield paint.field("private key", secret(status.private_key))
    if status.listen_port:
        yield paint.field("listening port", str(status.listen_port))
    if status.fwmark:
        yield paint.field("fwmark", f"{status.fwmark:#x}")


def _peer_lines(peer: PeerStatus, now: int, paint: _Paint) -> Iterator[str]:
    yield paint.title("peer", keys.encode(peer.public_key), _YELLOW)
    if peer.preshared_key:
        yield paint.field("preshared key", secret(peer.preshared_key))
    if peer.endpoint:
        yield paint.field("endpoint", peer.endpoint)
    slash = paint("/", _CYAN)
    allowed = ", ".join(prefix.replace("/", slash) for prefix in peer.allowed_ips)
    yield paint.field("allowed ips", allowed or _NONE)
    if peer.handshake_seconds:
        yield paint.field("latest handshake", _ago(now - peer.handshake_seconds, paint))
    if peer.rx_bytes or peer.tx_bytes:
        yield paint.field(
            "transfer", f"{_amount(peer.rx_bytes, paint)} received, {_amount(peer.tx_bytes, paint)} sent"
        )
    if peer.persistent_keepalive:
        yield paint.field("persistent keepalive", f"every {_duration(peer.persistent_keepalive, paint)}")


def _ago(seconds: int, paint: _Paint) -> str:
    if seconds < 0:
        return f"({paint('System clock wound backward; connection problems may ensue.', _RED)})"
    return f"{_duration(seconds, paint)} ago" if seconds else "Now"


def _duration(seconds: int, paint: _Paint) -> str:
    parts = []
    for unit, length in _UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {paint(unit if count == 1 else unit + 's', _CYAN)}")
    return ", ".join(parts)


def _amount(size: int, paint: _Paint) -> str:
    if size < 1024:
        return f"{size} {paint('B', _CYAN)}"
    power = min((size.bit_length() - 1) // 10, len(_SIZES))
    return f"{size / 1024**power:.2f} {paint(_SIZES[power - 1], _CYAN)}"


def secret(key: bytes) -> str:
    """A secret key as wg shows it: hidden, unless WG_HIDE_KEYS is "never"."""
    return keys.encode(key) if os.environ.get("WG_HIDE_KEYS") == "never" else _HIDDEN


def _key(key: bytes | None) -> str:
    return keys.encode(key) if key else _NONE


def _dump(status: Status) -> Iterator[tuple[str, ...]]:
    fwmark = f"{status.fwmark:#x}" if status.fwmark else _OFF
    yield _key(status.private_key), _key(status.public_key), str(status.listen_port), fwmark
    for peer in status.peers:
        yield (
            keys.encode(peer.public_key),
            _key(peer.preshared_key),
            peer.endpoint or _NONE,
            ",".join(peer.allowed_ips) or _NONE,
            str(peer.handshake_seconds),
            str(peer.rx_bytes),
            str(peer.tx_bytes),
            str(peer.persistent_keepalive or _OFF),
        )


def _per_peer(*values: Callable[[PeerStatus], str]) -> Callable[[Status], Iterator[tuple[str, ...]]]:
    def rows(status: Status) -> Iterator[tuple[str, ...]]:
        for peer in status.peers:
            yield (keys.encode(peer.public_key), *(value(peer) for value in values))

    return rows


def _of_interface(value: Callable[[Status], str]) -> Callable[[Status], Iterator[tuple[str, ...]]]:
    return lambda status: iter([(value(status),)])


TABLES: dict[str, Callable[[Status], Iterator[tuple[str, ...]]]] = {
    "public-key": _of_interface(lambda status: _key(status.public_key)),
    "private-key": _of_interface(lambda status: _key(status.private_key)),
    "listen-port": _of_interface(lambda status: str(status.listen_port)),
    "fwmark": _of_interface(lambda status: f"{status.fwmark:#x}" if status.fwmark else _OFF),
    "peers": _per_peer(),
    "preshared-keys": _per_peer(lambda peer: _key(peer.preshared_key)),
    "endpoints": _per_peer(lambda peer: peer.endpoint or _NONE),
    "allowed-ips": _per_peer(lambda peer: " ".join(peer.allowed_ips) or _NONE),
    "latest-handshakes": _per_peer(lambda peer: str(peer.handshake_seconds)),
    "transfer": _per_peer(lambda peer: str(peer.rx_bytes), lambda peer: str(peer.tx_bytes)),
    "persistent-keepalive": _per_peer(lambda peer: str(peer.persistent_keepalive or _OFF)),
    "dump": _dump,
}
"""What ``show INTERFACE WHAT`` prints for scripts: the fields of each line."""


def table(status: Status, what: str, with_name: bool = False) -> str:
    """One of the :data:`TABLES`: lines of fields with tabs between, the interface's name first if asked."""
    first = (status.name,) if with_name else ()
    return "".join("\t".join((*first, *row)) + "\n" for row in TABLES[what](status))


def as_json(status: Status) -> dict[str, Any]:
    """An interface for JSON, in the names of wireguard-tools' wg-json, without its secret keys."""
    found: dict[str, Any] = {
        "publicKey": _key(status.public_key) if status.public_key else None,
        "listenPort": status.listen_port or None,
        "fwmark": status.fwmark or None,
        "peers": {keys.encode(peer.public_key): _peer_as_json(peer) for peer in status.peers},
    }
    return {key: value for key, value in found.items() if value is not None}


def _peer_as_json(peer: PeerStatus) -> dict[str, Any]:
    found: dict[str, Any] = {
        "hasPresharedKey": peer.preshared_key is not None,
        "endpoint": peer.endpoint,
        "latestHandshake": peer.handshake_seconds or None,
        "transferRx": peer.rx_bytes,
        "transferTx": peer.tx_bytes,
        "persistentKeepalive": peer.persistent_keepalive or None,
        "allowedIps": peer.allowed_ips,
    }
    return {key: value for key, value in found.items() if value is not None}
