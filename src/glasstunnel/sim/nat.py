"""A router that translates addresses and ports, and forgets.

Rule: a mapping belongs to one inside address and one remote address; only that remote gets in through it, and
only until nothing has used it for ``lifetime`` seconds. A new mapping has a new port. This is the least
friendly kind of NAT, "symmetric" in the old terms, and the kind that persistent keepalives are for. Section:
RFC 4787 §4.1 and §5 (address and port-dependent mapping and filtering), §4.3 (mapping refresh).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from glasstunnel.sim.network import Address, Datagram
from glasstunnel.sim.randomness import Randomness

_FIRST_PORT, _PORTS = 1024, 0x10000 - 1024


@dataclass
class _Mapping:
    inside: Address
    remote: Address
    used: float


class Nat:
    """A layer that hides hosts behind one address.

    Args:
        inside: the hosts behind it, addresses without port.
        outside: the address under which the world knows them.
        lifetime: seconds after which an unused mapping is gone; Linux's conntrack has 30, 120 once both sides
            have spoken.
    """

    def __init__(self, inside: Iterable[str], outside: str, lifetime: float = 30.0) -> None:
        self.inside = set(inside)
        self.outside = outside
        self.lifetime = lifetime
        self._mappings: dict[int, _Mapping] = {}  # by outside port

    def __call__(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        """Translate the source on the way out, the destination on the way in; drop what nobody asked for."""
        self._expire(datagram.at)
        if datagram.destination[0] == self.outside:
            mapping = self._mappings.get(datagram.destination[1])
            if mapping and mapping.remote == datagram.source:
                mapping.used = datagram.at
                yield replace(datagram, destination=mapping.inside)
        elif datagram.source[0] in self.inside:
            port = self._port(datagram, rng)
            yield replace(datagram, source=(self.outside, port))
        else:
            yield datagram

    def forget(self) -> None:
        """Lose all mappings, as a router does that restarts: every flow gets another port."""
        self._mappings.clear()

    def _port(self, datagram: Datagram, rng: Randomness) -> int:
        for port, mapping in self._mappings.items():
            if (mapping.inside, mapping.remote) == (datagram.source, datagram.destination):
                mapping.used = datagram.at
                return port
        port = _FIRST_PORT + rng.below(_PORTS)
        while port in self._mappings:
            port = _FIRST_PORT + rng.below(_PORTS)
        self._mappings[port] = _Mapping(datagram.source, datagram.destination, datagram.at)
        return port

    def _expire(self, now: float) -> None:
        for port in [p for p, mapping in self._mappings.items() if now - mapping.used >= self.lifetime]:
            del self._mappings[port]
