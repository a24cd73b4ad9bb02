"""Configuration files of wg(8) and wg-quick(8): text in, frozen values out, and back.

Rule: what ``wg setconf`` and ``wg-quick`` accept is accepted with the same meaning. This parser is stricter
where they guess, drop or overwrite without a word: a single-valued key given twice, a second [Interface], one
peer twice, a missing or all-zero PrivateKey, a port out of range or by service name. Sections: CONFIGURATION
FILE FORMAT of wg(8), CONFIGURATION of wg-quick(8).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from glasstunnel.ip.address import InterfaceAddress, Prefix, parse_interface_address, parse_prefix
from glasstunnel.operate import keys, values
from glasstunnel.operate.values import SPACE, Endpoint

__all__ = ["Config", "ConfigError", "Endpoint", "Interface", "Peer", "dump", "expand", "parse"]


class ConfigError(ValueError):
    """A configuration is wrong: one sentence, ``file:line: Key: expected …, got "…"``, without any secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """The [Interface] section. Keys are 32 bytes; a list keeps the file's order."""

    private_key: bytes = field(repr=False)
    listen_port: int = 0  # 0: the kernel chooses one
    fwmark: int = 0  # 0: off
    addresses: tuple[InterfaceAddress, ...] = ()
    dns: tuple[str, ...] = ()  # addresses of servers and search domains, as in the file
    mtu: int | None = None  # None: derived from the routes to the endpoints
    table: int | Literal["auto", "off"] = "auto"
    pre_up: tuple[str, ...] = ()  # commands of bash, in which %i stands for the interface: expand()
    post_up: tuple[str, ...] = ()
    pre_down: tuple[str, ...] = ()
    post_down: tuple[str, ...] = ()
    save_config: bool = False

    @property
    def dns_servers(self) -> tuple[str, ...]:
        """The addresses among ``dns``."""
        return tuple(item for item in self.dns if values.is_address(item))

    @property
    def dns_search(self) -> tuple[str, ...]:
        """The search domains among ``dns``."""
        return tuple(item for item in self.dns if not values.is_address(item))


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A [Peer] section. Keys are 32 bytes; a preshared key of zeros is none, as for wg."""

    public_key: bytes
    preshared_key: bytes | None = field(default=None, repr=False)
    allowed_ips: tuple[Prefix, ...] = ()
    endpoint: Endpoint | None = None
    persistent_keepalive: int = 0  # seconds, 0: off


@dataclass(frozen=True, slots=True)
class Config:
    """A whole file."""

    interface: Interface
    peers: tuple[Peer, ...] = ()


def expand(command: str, interface: str) -> str:
    """A PreUp, PostUp, PreDown or PostDown command with every ``%i`` replaced by the interface's name."""
    return command.replace("%i", interface)


def parse(text: str, name: str) -> Config:
    """Read a whole configuration; ``name`` is the file's name as errors are to show it.

    Raises :exc:`ConfigError` for the first thing that is wrong.
    """
    sections: list[_Section] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.partition("#")[0].strip(SPACE)
        try:
            if line.startswith("["):
                sections.append(_Section(number, line))
            elif line:
                _current(sections).read(number, line)
        except ValueError as error:
            raise ConfigError(f"{name}:{number}: {_hide(str(error))}") from None
    return _assemble(name, sections)


def dump(config: Config) -> str:
    """The configuration as text that :func:`parse` reads back to an equal value, secrets included.

    Raises :exc:`ConfigError` for a command with a ``#`` or a line break in it, which the format cannot hold.
    """
    lines = ["[Interface]", *_lines(_KINDS["interface"], config.interface)]
    for peer in config.peers:
        lines += ["", "[Peer]", *_lines(_KINDS["peer"], peer)]
    return "\n".join(lines) + "\n"


_NO_SPACE = dict.fromkeys(map(ord, SPACE))


class _Key(NamedTuple):
    """One key: its name, the field it fills, and how. With ``split`` it is a list and may be repeated."""

    name: str
    field: str
    read: Callable[[str], Any]
    write: Callable[[Any], str] = str
    split: Callable[[str], list[str]] | None = None
    compact: bool = False  # a key of wg(8), which removes all space, also within a value


class _Kind(NamedTuple):
    """A kind of section. ``keys`` is in the order in which they are written, the required one first."""

    name: str
    make: Callable[..., Any]
    keys: tuple[_Key, ...]


_KINDS = {
    "interface": _Kind(
        "Interface",
        Interface,
        (
            _Key("PrivateKey", "private_key", values.private_key, keys.encode, compact=True),
            _Key("ListenPort", "listen_port", values.decimal(0, 65535), compact=True),
            _Key("FwMark", "fwmark", values.fwmark, hex, compact=True),
            _Key("Address", "addresses", parse_interface_address, split=values.words),
            _Key("DNS", "dns", values.dns, split=values.words),
            _Key("MTU", "mtu", values.mtu),
            _Key("Table", "table", values.table),
            _Key("PreUp", "pre_up", str, split=values.whole),
            _Key("PostUp", "post_up", str, split=values.whole),
            _Key("PreDown", "pre_down", str, split=values.whole),
            _Key("PostDown", "post_down", str, split=values.whole),
            _Key("SaveConfig", "save_config", values.boolean, lambda value: str(value).lower()),
        ),
    ),
    "peer": _Kind(
        "Peer",
        Peer,
        (
            _Key("PublicKey", "public_key", keys.decode, keys.encode, compact=True),
            _Key("PresharedKey", "preshared_key", values.preshared_key, keys.encode, compact=True),
            _Key("AllowedIPs", "allowed_ips", parse_prefix, split=values.commas, compact=True),
            _Key("Endpoint", "endpoint", values.endpoint, compact=True),
            _Key("PersistentKeepalive", "persistent_keepalive", values.keepalive, compact=True),
        ),
    ),
}


class _Section:
    """A section while it is read: the values of its fields so far, and on which line each key first stood."""

    def __init__(self, number: int, header: str) -> None:
        found = re.fullmatch(r"\[(.*)\]", header.translate(_NO_SPACE).lower())
        if not found or found[1] not in _KINDS:
            raise ValueError(f'expected [Interface] or [Peer], got "{header}"')
        self.number = number
        self.kind = _KINDS[found[1]]
        self.values: dict[str, Any] = {}
        self.lines: dict[str, int] = {}

    def read(self, number: int, line: str) -> None:
        name, equals, value = line.partition("=")
        if not equals:
            raise ValueError('expected "Key = value" or a section such as [Peer]')
        wanted = name.translate(_NO_SPACE).lower()
        key = next((key for key in self.kind.keys if key.name.lower() == wanted), None)
        if key is None:
            known = ", ".join(key.name for key in self.kind.keys)
            raise ValueError(f'expected a key of [{self.kind.name}] ({known}), got "{name.strip(SPACE)}"')
        if key.name in self.lines and not key.split:
            raise ValueError(f"{key.name}: expected once, but line {self.lines[key.name]} has it already")
        self.lines.setdefault(key.name, number)
        value = value.translate(_NO_SPACE) if key.compact else value.strip(SPACE)
        try:
            if key.split:
                items = tuple(key.read(item) for item in key.split(value))
                self.values[key.field] = self.values.get(key.field, ()) + items
            else:
                self.values[key.field] = key.read(value)
        except ValueError as error:
            raise ValueError(f"{key.name}: {error}") from None

    def make(self, name: str) -> Any:
        required = self.kind.keys[0]
        if required.name not in self.lines:
            raise ConfigError(
                f"{name}:{self.number}: [{self.kind.name}]: expected a {required.name}, got none"
            )
        return self.kind.make(**self.values)


def _current(sections: list[_Section]) -> _Section:
    if not sections:
        raise ValueError("expected [Interface] or [Peer] before anything else")
    return sections[-1]


def _assemble(name: str, sections: list[_Section]) -> Config:
    interfaces = [section for section in sections if section.kind.make is Interface]
    if not interfaces:
        raise ConfigError(f"{name}: expected an [Interface] section, got none")
    if len(interfaces) > 1:
        first, second = interfaces[0].number, interfaces[1].number
        raise ConfigError(f"{name}:{second}: expected one [Interface], but line {first} has it already")
    interface: Interface = interfaces[0].make(name)
    peers: dict[bytes, tuple[Peer, int]] = {}
    for section in sections:
        if section.kind.make is Peer:
            peer: Peer = section.make(name)
            number = section.lines["PublicKey"]
            if peer.public_key in peers:
                first = peers[peer.public_key][1]
                raise ConfigError(
                    f"{name}:{number}: PublicKey: expected each peer once, but line {first} has it already"
                )
            peers[peer.public_key] = peer, number
    return Config(interface, tuple(peer for peer, _ in peers.values()))


def _hide(sentence: str) -> str:
    """A key that stands in the wrong place, perhaps a secret one, is not repeated in an error."""
    return re.sub(r"[A-Za-z0-9+/]{32,}=*", "(hidden)", sentence)


def _lines(kind: _Kind, section: Any) -> Iterator[str]:
    required = kind.keys[0].field
    defaults = kind.make(**{required: b""})
    for key in kind.keys:
        value = getattr(section, key.field)
        if value == getattr(defaults, key.field):
            continue
        if key.split is None:
            yield f"{key.name} = {key.write(value)}"
        elif key.split is not values.whole:
            yield f"{key.name} = {', '.join(map(key.write, value))}"
        else:
            for command in value:
                if re.search("[#\n]", command) or command != command.strip(SPACE) or not command:
                    raise ConfigError(
                        f"{key.name}: expected a command without #, line break or space around it"
                    )
                yield f"{key.name} = {command}"
