"""Cryptokey routing: which peer owns an address.

Rule: the longest matching prefix decides, and a prefix belongs to one peer at a time: the last who claims it.
One table, asked both ways: for the destination of what is sent, for the source of what was received. Section:
WP §2.

The kernel walks a compressed bit trie. Here each prefix length has a dictionary, asked from the longest
length to the shortest: a lookup costs as many dictionary probes as there are different lengths in use, rarely
more than four.
"""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Owner = TypeVar("Owner", bound=Hashable)


class _Family(Generic[Owner]):
    """The prefixes of one address family, ``bits`` wide."""

    __slots__ = ("bits", "by_length", "search")

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.by_length: dict[int, dict[int, Owner]] = {}
        self.search: tuple[tuple[int, dict[int, Owner]], ...] = ()

    def arrange(self) -> None:
        """Order the tables for lookup: longest prefix first, each with the shift that leaves the prefix."""
        lengths = sorted(self.by_length, reverse=True)
        self.search = tuple((self.bits - length, self.by_length[length]) for length in lengths)


class AllowedIPs(Generic[Owner]):
    """A map from prefixes of IPv4 (4 bytes) and IPv6 (16 bytes) addresses to their owners."""

    __slots__ = ("_families", "_owned")

    def __init__(self) -> None:
        self._families: dict[int, _Family[Owner]] = {4: _Family(32), 16: _Family(128)}
        self._owned: dict[Owner, dict[tuple[bytes, int], None]] = {}

    def insert(self, address: bytes, length: int, owner: Owner) -> None:
        """Give the prefix of ``length`` bits to ``owner``, taking it from whoever had it. Host bits are
        cleared.

        Raises:
            ValueError: as :meth:`prefix`.
        """
        prefix = self.prefix(address, length)
        family = self._families[len(address)]
        key = int.from_bytes(address) >> (family.bits - length)
        table = family.by_length.get(length)
        if table is None:
            table = family.by_length[length] = {}
            family.arrange()
        previous = table.get(key)
        if previous is not None:
            del self._owned[previous][prefix]
        table[key] = owner
        self._owned.setdefault(owner, {})[prefix] = None

    @staticmethod
    def prefix(address: bytes, length: int) -> tuple[bytes, int]:
        """The same prefix with its host bits cleared.

        Raises:
            ValueError: if the address is not 4 or 16 bytes, or the length does not fit it.
        """
        if len(address) not in (4, 16):
            raise ValueError(f"address: expected 4 or 16 bytes, got {len(address)}")
        bits = 8 * len(address)
        if not 0 <= length <= bits:
            raise ValueError(f"prefix length: expected 0 to {bits}, got {length}")
        shift = bits - length
        return (int.from_bytes(address) >> shift << shift).to_bytes(len(address)), length

    def remove(self, owner: Owner) -> None:
        """Take every prefix from ``owner``."""
        for address, length in self._owned.pop(owner, {}):
            self._drop(address, length)

    def withdraw(self, address: bytes, length: int, owner: Owner) -> None:
        """Take one prefix from ``owner``; nothing happens if it is not its. Raises as :meth:`prefix`."""
        prefix = self.prefix(address, length)
        owned = self._owned.get(owner, {})
        if prefix in owned:
            del owned[prefix]
            self._drop(*prefix)

    def _drop(self, address: bytes, length: int) -> None:
        family = self._families[len(address)]
        table = family.by_length[length]
        del table[int.from_bytes(address) >> (family.bits - length)]
        if not table:
            del family.by_length[length]
            family.arrange()

    def lookup(self, address: bytes) -> Owner | None:
        """The owner of the longest prefix that holds ``address`` (4 or 16 bytes), or None."""
        number = int.from_bytes(address)
        for shift, table in self._families[len(address)].search:
            owner = table.get(number >> shift)
            if owner is not None:
                return owner
        return None

    def of(self, owner: Owner) -> Iterator[tuple[bytes, int]]:
        """The prefixes of ``owner`` in the order in which they were given: (address, length)."""
        return iter(self._owned.get(owner, {}))
