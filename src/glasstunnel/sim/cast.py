"""Who takes part in a scenario: a hub at a known address, spokes that know it, and what they say.

Rule: both ends of a spoke's tunnel are configured from one record, so they agree whenever a scenario wants
them to. Section: WP §2 (the hub routes by its spokes' addresses).
"""

from dataclasses import dataclass
from typing import Final

from glasstunnel.ip import ipv4, ipv6
from glasstunnel.ip.address import parse_address
from glasstunnel.sim.randomness import Randomness
from glasstunnel.sim.world import Node, World
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.handshake import NO_PSK
from glasstunnel.wireguard.peer import Peer

HUB: Final = ("198.51.100.1", 51820)
"""Where the hub is."""

_HUB_NUMBER = 100
_UDP = 17

Addresses = tuple[bytes, bytes]
"""In the tunnel: one of IPv4, one of IPv6."""


def addresses(number: int, net: int = 0) -> Addresses:
    """Those of that number; no net but 0 is in use."""
    return parse_address(f"10.{net}.0.{number}"), parse_address(f"fd00:{net}::{number}")


@dataclass
class Spoke:
    """One spoke and what both sides have in their configuration about each other."""

    node: Node
    number: int
    psk: bytes
    keepalive: int = 0


class Cast:
    """All of them, in ``world``, configured and started.

    Args:
        dice: decides how many spokes there are, whether with pre-shared keys, and later who acts.
        hosts: where the spokes are, at least three.
    """

    def __init__(self, world: World, dice: Randomness, hosts: list[str]) -> None:
        self._world, self._dice = world, dice
        self._numbered = 0
        self.hub = world.add("hub", HUB)
        self.spokes: list[Spoke] = []
        for number in range(1, 2 + dice.below(3)):
            node = world.add(f"spoke {number}", (hosts[number - 1], 51820))
            psk = dice(32) if dice.uniform() < 0.5 else NO_PSK
            self.spokes.append(Spoke(node, number, psk))
        for node in self.nodes:
            self.configure(node)

    @property
    def nodes(self) -> list[Node]:
        """The hub and the spokes."""
        return [self.hub, *(spoke.node for spoke in self.spokes)]

    def addresses(self, node: Node) -> Addresses:
        """A node's addresses in the tunnel."""
        return addresses(next((spoke.number for spoke in self.spokes if spoke.node is node), _HUB_NUMBER))

    # Configuration

    def configure(self, node: Node) -> None:
        """Tell a node that knows nothing of the others, and start it."""
        for spoke in self.spokes:
            if node is self.hub:
                self.introduce_spoke(spoke)
            elif node is spoke.node:
                self.introduce_hub(spoke)
        self._world.start(node)

    def introduce_spoke(self, spoke: Spoke) -> None:
        """Tell the hub of it."""
        assert spoke.node.device.public_key is not None
        self.hub.device.add_peer(
            spoke.node.device.public_key,
            preshared_key=spoke.psk,
            allowed_ips=[(address, 8 * len(address)) for address in self.addresses(spoke.node)],
        )

    def introduce_hub(self, spoke: Spoke) -> None:
        """Tell a spoke of the hub."""
        assert self.hub.device.public_key is not None
        spoke.node.device.add_peer(
            self.hub.device.public_key,
            preshared_key=spoke.psk,
            endpoint=Path(HUB),
            allowed_ips=[(parse_address("10.0.0.0"), 24), (parse_address("fd00::"), 64)],
            persistent_keepalive=spoke.keepalive,
        )

    def peers(self, spoke: Spoke) -> tuple[Peer, Peer]:
        """The hub as the spoke knows it, the spoke as the hub knows it."""
        hub, own = self.hub.device.public_key, spoke.node.device.public_key
        assert hub is not None
        assert own is not None
        return spoke.node.device.peers[hub], self.hub.device.peers[own]

    # Who acts, and what is said

    def a_spoke(self) -> Spoke:
        """Any spoke."""
        return self.spokes[self._dice.below(len(self.spokes))]

    def a_node(self) -> Node:
        """Any of all."""
        nodes = self.nodes
        return nodes[self._dice.below(len(nodes))]

    def a_way(self) -> tuple[Node, Node]:
        """Sender and receiver: any spoke and the hub, or the other way round."""
        ends = self.a_spoke().node, self.hub
        return ends if self._dice.uniform() < 0.5 else ends[::-1]

    def say(self, sender: Node, receiver: Node, packets: int = 1, sources: Addresses | None = None) -> bytes:
        """Put numbered packets into a tunnel, unless the sender sleeps or is down; the last of them."""
        family = self._dice.below(2)
        source = (sources or self.addresses(sender))[family]
        destination = self.addresses(receiver)[family]
        built = []
        for _ in range(packets):
            self._numbered += 1
            payload = b"%d " % self._numbered + bytes(self._dice.below(60))
            if family:
                header6 = ipv6.Header(source=source, destination=destination, next_header=_UDP)
                built.append(header6.build(payload))
            else:
                header4 = ipv4.Header(source=source, destination=destination, protocol=_UDP)
                built.append(header4.build(payload))
        if sender.wakes_at <= self._world.now and sender.device.is_up:
            self._world.send(sender, *built)
        return built[-1]
