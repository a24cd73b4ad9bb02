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
    """The prefixes of one address family, ``bits`` wide; ``mark`` tells it from the other."""

    __slots__ = ("bits", "by_length", "mark", "search")

    def __init__(self, bits: int, mark: int) -> None:
        self.bits = bits
        self.mark = mark
        self.by_length: dict[int, dict[int, Owner]] = {}
        self.search: tuple[tuple[int, dict[int, Owner]], ...] = ()

    def add_table(self, length: int) -> dict[int, Owner]:
        """Make the table of a length that is not there yet."""
        table = self.by_length[length] = {}
        self._arrange()
        return table

    def remove(self, network: int, length: int) -> None:
        """Take a prefix out."""
        table = self.by_length[length]
        del table[network]
        if not table:
            del self.by_length[length]
            self._arrange()

    def _arrange(self) -> None:
        """Order the tables for lookup: longest prefix first, each with the shift that leaves the prefix."""
        lengths = sorted(self.by_length, reverse=True)
        self.search = tuple((self.bits - length, self.by_length[length]) for length in lengths)


_LENGTH_BITS = 9  # of a prefix as one number: eight for its length and one for its family
_LENGTH, _IPV6 = 0xFF, 0x100


class AllowedIPs(Generic[Owner]):
    """A map from prefixes of IPv4 (4 bytes) and IPv6 (16 bytes) addresses to their owners."""

    __slots__ = ("_families", "_owned")

    def __init__(self) -> None:
        self._families: dict[int, _Family[Owner]] = {4: _Family(32, 0), 16: _Family(128, _IPV6)}
        # What each owner has, in the order in which it was given. A prefix is one number there (its network
        # bits, then family and length): a hundred thousand of them take a third of the room of tuples.
        self._owned: dict[Owner, dict[int, None]] = {}

    @staticmethod
    def check(address: bytes, length: int) -> None:
        """See whether this is a prefix.

        Raises:
            ValueError: if the address is not 4 or 16 bytes, or the length does not fit it.
        """
        if len(address) not in (4, 16):
            raise ValueError(f"address: expected 4 or 16 bytes, got {len(address)}")
        if not 0 <= length <= 8 * len(address):
            raise ValueError(f"prefix length: expected 0 to {8 * len(address)}, got {length}")

    def insert(self, address: bytes, length: int, owner: Owner) -> None:
        """Give the prefix of ``length`` bits to ``owner``, taking it from whoever had it. Host bits are
        cleared. Raises as :meth:`check`.
        """
        family, network, prefix = self._locate(address, length)
        table = family.by_length.get(length)
        if table is None:
            table = family.add_table(length)
        previous = table.get(network)
        if previous is not None:
            del self._owned[previous][prefix]
        table[network] = owner
        owned = self._owned.get(owner)
        if owned is None:
            owned = self._owned[owner] = {}
        owned[prefix] = None

    def withdraw(self, address: bytes, length: int, owner: Owner) -> None:
        """Take one prefix from ``owner``; nothing happens if it is not its. Raises as :meth:`check`."""
        family, network, prefix = self._locate(address, length)
        owned = self._owned.get(owner, {})
        if prefix in owned:
            del owned[prefix]
            family.remove(network, length)

    def remove(self, owner: Owner) -> None:
        """Take every prefix from ``owner``."""
        for prefix in self._owned.pop(owner, {}):
            family = self._families[16 if prefix & _IPV6 else 4]
            family.remove(prefix >> _LENGTH_BITS, prefix & _LENGTH)

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
        for prefix in self._owned.get(owner, {}):
            length, size = prefix & _LENGTH, 16 if prefix & _IPV6 else 4
            yield (prefix >> _LENGTH_BITS << 8 * size - length).to_bytes(size), length

    def _locate(self, address: bytes, length: int) -> tuple[_Family[Owner], int, int]:
        """Where a prefix belongs: its family, its network bits, and the prefix as one number."""
        self.check(address, length)
        family = self._families[len(address)]
        network = int.from_bytes(address) >> (family.bits - length)
        return family, network, network << _LENGTH_BITS | family.mark | length
