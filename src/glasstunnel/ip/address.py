"""Addresses as the wire has them: 4 or 16 packed bytes, and a prefix as packed bytes plus a length in bits.

Rule: inside the house an address is bytes; text exists only at the edges (configuration, UAPI, output). The
text forms are those of ``inet_pton`` and ``inet_ntop`` (RFC 4291 section 2.2, written as RFC 5952 asks),
prefixes those of CIDR (RFC 4632 section 3.1). ``socket.inet_pton`` is a function on bytes, touches no
network, and costs a fraction of :mod:`ipaddress`.
"""

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import NamedTuple

from glasstunnel.ip import PacketError


class Prefix(NamedTuple):
    """A network: ``address`` packed, its host bits zero, and ``length`` in bits (0..32 or 0..128)."""

    address: bytes
    length: int

    def __str__(self) -> str:
        return f"{format_address(self.address)}/{self.length}"


class InterfaceAddress(NamedTuple):
    """A host on its network: ``address`` packed, host bits and all, and the network's ``length`` in bits."""

    address: bytes
    length: int

    @property
    def network(self) -> Prefix:
        return Prefix(mask(self.address, self.length), self.length)

    def __str__(self) -> str:
        return f"{format_address(self.address)}/{self.length}"


def parse_address(text: str) -> bytes:
    """The packed form of an IPv4 (4 bytes) or IPv6 (16 bytes) address.

    Raises :exc:`PacketError` on anything else. A zone (``fe80::1%eth0``) is refused: it names an
    interface and is no part of the address.
    """
    try:
        return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):  # ValueError: a NUL or a character outside of ASCII
        raise PacketError(f'expected an IPv4 or IPv6 address, got "{text}"') from None


def format_address(packed: bytes) -> str:
    """The text of a packed address of 4 or 16 bytes; raises :exc:`PacketError` on any other length."""
    if len(packed) == 4:
        return inet_ntop(AF_INET, packed)
    if len(packed) == 16:
        return inet_ntop(AF_INET6, packed)
    raise PacketError(f"address: expected 4 or 16 packed bytes, got {len(packed)}")


def mask(packed: bytes, length: int) -> bytes:
    """``packed`` with every bit after the first ``length`` cleared."""
    host = len(packed) * 8 - length
    if not host:
        return packed
    return (int.from_bytes(packed) >> host << host).to_bytes(len(packed))


def parse_interface_address(text: str) -> InterfaceAddress:
    """``address/length`` with its host bits kept; without a length the full one (/32 or /128).

    Raises :exc:`PacketError` for a bad address, a length that is no decimal number, or one beyond 32 or 128.
    """
    address, slash, digits = text.partition("/")
    try:
        packed = parse_address(address)
    except PacketError:
        raise PacketError(f'expected an address with a prefix such as 10.0.0.0/24, got "{text}"') from None
    bits = len(packed) * 8
    if not slash:
        return InterfaceAddress(packed, bits)
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 10 and int(digits) <= bits):
        raise PacketError(f'expected a prefix length from 0 to {bits} after the "/", got "{text}"')
    return InterfaceAddress(packed, int(digits))


def parse_prefix(text: str) -> Prefix:
    """The network of ``address/length``, host bits cleared (``10.0.0.9/24`` is 10.0.0.0/24).

    Without a length it is the single address (/32 or /128), as wg(8) reads AllowedIPs. Raises
    :exc:`PacketError`.
    """
    return parse_interface_address(text).network


def is_single_host(packed: bytes) -> bool:
    """Whether a packed address can be one host's on a network, and so be answered (RFC 1122 section 3.2.2).

    Not 0.0.0.0/8, loopback, multicast, 240.0.0.0/4 or broadcast; not ``::``, ``::1`` or ff00::/8. A network's
    own broadcast address (10.0.0.255) looks like a host here: only who knows the prefix can tell.
    """
    if len(packed) == 4:
        return 0 < packed[0] < 224 and packed[0] != 127
    return packed[0] != 0xFF and packed[:15] + bytes((packed[15] & 0xFE,)) != bytes(16)


def is_for_many(packed: bytes) -> bool:
    """Whether a packet to this address, packed, reaches many hosts: multicast, or 255.255.255.255."""
    if len(packed) == 4:
        return packed[0] >> 4 == 14 or packed == b"\xff\xff\xff\xff"
    return packed[0] == 0xFF
