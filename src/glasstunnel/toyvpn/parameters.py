"""The parameters that a server gives to its client, in their three forms: arguments, reply, value.

Rule: a value that exists is right: whoever makes one from arguments or from a reply hears in one sentence
which field is wrong and what was expected. Letters that are not known are skipped, and so are doubled spaces,
on which the sample's client crashes. Section: ``build_parameters`` of ToyVpnServer.cpp, ``configure`` of
ToyVpnConnection.java, ``VpnService.Builder``.

In a reply a parameter is a letter and its fields, joined by commas; parameters are joined by spaces::

    00 m,1400 a,10.0.0.2,32 d,8.8.8.8 r,0.0.0.0,0 s,lab.test ␠␠␠…
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from glasstunnel.ip import PacketError
from glasstunnel.ip.address import (
    InterfaceAddress,
    Prefix,
    format_address,
    is_single_host,
    mask,
    parse_address,
)
from glasstunnel.toyvpn.messages import BUFFER, REPLY_SIZE

LEAST_MTU: Final = 68
"""Bytes, of IPv4: RFC 791 section 3.2."""
LEAST_MTU_V6: Final = 1280
"""Bytes, as soon as there is an IPv6 address: RFC 8200 section 5."""
_LOOPBACK_V6: Final = bytes(15) + b"\1"
_FIELDS: Final = {"m": 1, "a": 2, "r": 2, "d": 1, "s": 1}
_NAMES: Final = {"m": "MTU", "a": "address", "r": "route", "d": "DNS server", "s": "search domain"}


class ParameterError(ValueError):
    """A parameter that is wrong; one sentence names it and says what was expected."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a client sets up its interface with.

    Raises:
        ParameterError: if the MTU is too small for the addresses, or beyond the sample's buffer.
    """

    mtu: int | None = None
    """Of the client's interface, in bytes; None leaves it to the client."""
    addresses: tuple[InterfaceAddress, ...] = ()
    """Of the client, in the tunnel."""
    routes: tuple[Prefix, ...] = ()
    """What goes into the tunnel."""
    dns: tuple[bytes, ...] = ()
    """Servers to ask, packed."""
    search: tuple[str, ...] = ()
    """Domains that are tried behind a short name."""

    def __post_init__(self) -> None:
        least = LEAST_MTU_V6 if any(len(one.address) == 16 for one in self.addresses) else LEAST_MTU
        if self.mtu is not None and not least <= self.mtu <= BUFFER:
            raise ParameterError(f"MTU: expected {least} to {BUFFER} bytes, got {self.mtu}")

    def with_addresses(self, addresses: Iterable[InterfaceAddress]) -> "Parameters":
        """The same for a client with these addresses."""
        return replace(self, addresses=tuple(addresses))

    def __str__(self) -> str:
        """As they stand in a reply."""
        return " ".join(self._texts())

    def reply(self) -> bytes:
        """The datagram of 1024 bytes that a client gets.

        Raises:
            ParameterError: if they are too long for it.
        """
        text = str(self).encode("ascii")
        if len(text) >= REPLY_SIZE:
            raise ParameterError(
                f"parameters: expected at most {REPLY_SIZE - 1} bytes together, got {len(text)}"
            )
        return (b"\0" + text).ljust(REPLY_SIZE)

    def _texts(self) -> Iterator[str]:
        if self.mtu is not None:
            yield f"m,{self.mtu}"
        for kind, prefixes in (("a", self.addresses), ("r", self.routes)):
            for address, length in prefixes:
                yield f"{kind},{format_address(address)},{length}"
        for server in self.dns:
            yield f"d,{format_address(server)}"
        for domain in self.search:
            yield f"s,{domain}"


def from_arguments(arguments: Sequence[str]) -> Parameters:
    """Of the command line of ToyVpnServer, what follows the secret: ``-m 1400 -a 10.0.0.2 32 …``.

    Raises:
        ParameterError: for an option that is not one of m, a, r, d, s, or whose fields are wrong.
    """
    groups: list[list[str]] = []
    for argument in arguments:
        if len(argument) == 2 and argument[0] == "-":
            groups.append([argument[1:]])
        elif not groups:
            raise ParameterError(f'options: expected one such as -m before "{argument}"')
        else:
            groups[-1].append(argument)
    for letter, *_ in groups:
        if letter not in _FIELDS:
            raise ParameterError(f"options: expected -m, -a, -r, -d or -s, got -{letter}")
    return _gather(groups)


def parse_reply(datagram: bytes) -> Parameters:
    """The parameters of a reply: of 1024 bytes as servers send it, or shorter.

    Raises:
        ParameterError: if it is no reply, a parameter is wrong, or there is no address.
    """
    if len(datagram) < 2 or datagram[0]:
        raise ParameterError("reply: expected 00 and parameters")
    try:
        text = datagram[1:].decode("ascii")
    except UnicodeDecodeError:
        raise ParameterError("reply: expected ASCII after the first byte") from None
    parameters = _gather(part.split(",") for part in text.strip(" \0").split(" ") if part)
    if not parameters.addresses:
        raise ParameterError("address: expected at least one, got none")
    return parameters


def _gather(groups: Iterable[Sequence[str]]) -> Parameters:
    mtu: int | None = None
    addresses: list[InterfaceAddress] = []
    routes: list[Prefix] = []
    dns: list[bytes] = []
    search: list[str] = []
    for letter, *fields in groups:
        if letter not in _FIELDS:
            continue
        if len(fields) != _FIELDS[letter]:
            expected = "1 field" if _FIELDS[letter] == 1 else f"{_FIELDS[letter]} fields"
            raise ParameterError(f"{_NAMES[letter]}: expected {expected}, got {len(fields)}")
        if letter == "m":
            mtu = _number("MTU", fields[0], LEAST_MTU, BUFFER)
        elif letter == "a":
            addresses.append(InterfaceAddress(*_prefix("address", *fields)))
            _require_host("address", addresses[-1].address)
        elif letter == "r":
            routes.append(Prefix(*_prefix("route", *fields)))
            if mask(*routes[-1]) != routes[-1].address:
                raise ParameterError(f'route: expected no bits beyond its length, got "{routes[-1]}"')
            if routes[-1].address[0] == 127 or routes[-1].address == _LOOPBACK_V6:
                raise ParameterError(f'route: expected none to loopback, got "{routes[-1]}"')
        elif letter == "d":
            dns.append(_address("DNS server", fields[0]))
            _require_host("DNS server", dns[-1])
        else:
            search.append(_domain(fields[0]))
    return Parameters(mtu, tuple(addresses), tuple(routes), tuple(dns), tuple(search))


def _prefix(name: str, address: str, length: str) -> tuple[bytes, int]:
    packed = _address(name, address)
    return packed, _number(f"{name}'s prefix length", length, 0, 8 * len(packed))


def _address(name: str, text: str) -> bytes:
    try:
        return parse_address(text)
    except PacketError:
        raise ParameterError(f'{name}: expected an IPv4 or IPv6 address, got "{_shown(text)}"') from None


def _require_host(name: str, address: bytes) -> None:
    """The sample's client refuses what is loopback or no address at all."""
    if not is_single_host(address):
        raise ParameterError(f'{name}: expected that of one host, got "{format_address(address)}"')


def _number(name: str, text: str, least: int, most: int) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 5 and least <= int(text) <= most:
        return int(text)
    raise ParameterError(f'{name}: expected {least} to {most}, got "{_shown(text)}"')


def _domain(text: str) -> str:
    if text and all(c.isascii() and (c.isalnum() or c in "-._") for c in text):
        return text
    raise ParameterError(f'search domain: expected letters, digits, "-", "." and "_", got "{_shown(text)}"')


def _shown(text: str) -> str:
    """Something strange, on one line and not too long."""
    return ascii(text[:40])[1:-1]
