"""Which addresses a session gets.

Rule: a place is a number, and from the number follow the addresses: the same host in each prefix of the pool.
The first host of a prefix is the server's own. A place that was given back is given out again as late as
possible, so that packets to who had it last do not reach who has it next; and its last client gets it back if
it is still free. Without a pool there is one place, with the addresses that the sample would give to anybody.
"""

from collections.abc import Sequence
from typing import Final

from glasstunnel.ip.address import InterfaceAddress, Prefix

_FIRST: Final = 2  # 0 is the network, 1 the server
_LARGEST: Final = 0x10000  # places of a pool at the most, however short its prefix is


class PoolError(ValueError):
    """A pool that holds no client; one sentence says which."""


class Pool:
    """The places of all sessions.

    Args:
        prefixes: one or several to take addresses from, such as one of IPv4 and one of IPv6.
        fixed: without prefixes, the addresses of the only place.

    Raises:
        PoolError: if a prefix has no room for a client, or there is neither prefix nor address.
    """

    def __init__(self, prefixes: Sequence[Prefix] = (), fixed: Sequence[InterfaceAddress] = ()) -> None:
        self._prefixes, self._fixed = tuple(prefixes), tuple(fixed)
        if not prefixes and not fixed:
            raise PoolError("pool: expected a prefix, or an address for the only client")
        for prefix in prefixes:
            # IPv4 keeps the last address for broadcast; the smallest pool of each is one client's.
            if _size(prefix) < 1:
                longest = 30 if len(prefix.address) == 4 else 126
                raise PoolError(f"pool: expected a prefix of at most {longest} bits, got {prefix}")
        self.capacity = min((_size(prefix) for prefix in prefixes), default=1)
        """Places in all."""
        self._taken: set[int] = set()
        self._next = 0
        self._former: dict[bytes, int] = {}  # by token, the one that left last at the end

    @property
    def own(self) -> tuple[InterfaceAddress, ...]:
        """The server's addresses in the pool's prefixes; none without a pool."""
        return tuple(InterfaceAddress(_host(prefix, 1), prefix.length) for prefix in self._prefixes)

    @property
    def is_full(self) -> bool:
        """Whether no place is free."""
        return len(self._taken) >= self.capacity

    def addresses(self, place: int) -> tuple[InterfaceAddress, ...]:
        """Of the client at this place, each with its full length, as the sample's examples have it."""
        if not self._prefixes:
            return self._fixed
        hosts = (_host(prefix, _FIRST + place) for prefix in self._prefixes)
        return tuple(InterfaceAddress(host, 8 * len(host)) for host in hosts)

    def take(self, token: bytes = b"") -> int | None:
        """A free place, that which the client of ``token`` had if possible; None if there is none."""
        if self.is_full:
            return None
        place = self._former.pop(token, None) if token else None
        if place is None or place in self._taken:
            while self._next in self._taken:
                self._next = (self._next + 1) % self.capacity
            place, self._next = self._next, (self._next + 1) % self.capacity
        self._taken.add(place)
        return place

    def give_back(self, place: int, token: bytes = b"") -> None:
        """The session at this place is over; whoever shows ``token`` may have it again."""
        self._taken.remove(place)
        if token:
            self._former[token] = place
            if len(self._former) > self.capacity:
                del self._former[next(iter(self._former))]


def _size(prefix: Prefix) -> int:
    bits = 8 * len(prefix.address) - prefix.length
    return min((1 << bits) - _FIRST - (len(prefix.address) == 4), _LARGEST)


def _host(prefix: Prefix, number: int) -> bytes:
    return (int.from_bytes(prefix.address) + number).to_bytes(len(prefix.address))
