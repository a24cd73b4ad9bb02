"""A seed becomes a life: a hub, some spokes, hours of traffic, and everything that goes wrong on the way.

Rule: the seed decides everything, so a seed is a bug report. What may happen is one table; what must hold is
checked at every step (:mod:`~glasstunnel.sim.invariants`); and after the last fault packets pass again within
the time that the timers of the paper allow. Section: WP §6.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

from glasstunnel.sim.attacks import Replay
from glasstunnel.sim.cast import HUB, Cast, addresses
from glasstunnel.sim.faults import Corrupt, Delay, Drop, Duplicate, Partition, Reorder, Truncate
from glasstunnel.sim.invariants import InvariantError, Watch
from glasstunnel.sim.nat import Nat
from glasstunnel.sim.network import Layer
from glasstunnel.sim.randomness import Randomness
from glasstunnel.sim.world import Node
from glasstunnel.wireguard.events import KeysReady, Path
from glasstunnel.wireguard.handshake import NO_PSK
from glasstunnel.wireguard.messages import Initiation
from glasstunnel.wireguard.parameters import PARAMETERS

CONVERGENCE: Final = (
    PARAMETERS.new_handshake_timeout + 2 * PARAMETERS.rekey_timeout + 3 * PARAMETERS.rekey_jitter + 1
)
"""Seconds of traffic after which a healed tunnel passes packets: 27.

Silence is noticed after 15 s, an initiation that crossed another is repeated after 5 s, both with their
jitter, and one more 5 s may have to pass since the last handshake message (WP §6.1, §6.4, §6.5).
"""

ACTS: Final = {
    "talk": 30,
    "stream": 8,
    "spoof": 6,
    "fall_silent": 6,
    "change_weather": 6,
    "cut": 3,
    "roam": 4,
    "forget_mappings": 3,
    "sleep": 2,
    "set_wall_clock": 3,
    "restart": 2,
    "go_down": 2,
    "besiege": 2,
    "change_psk": 2,
    "change_private_key": 1,
    "add_anew": 2,
    "change_keepalive": 2,
}
"""What may happen next, and how often in proportion."""

_DAY = 86_400
_OUTSIDE = "203.0.113.9"
_STRANGER: Final = Path(("203.0.113.66", 6))


@dataclass(frozen=True)
class Outcome:
    """What a scenario that held has seen; ``hours`` are virtual, ``dropped`` counts what devices refused."""

    hours: float
    packets: int
    delivered: int
    datagrams: int
    sessions: int
    dropped: int


class Scenario:
    """One life.

    Args:
        seed: decides it.
        minutes: virtual time of trouble, before the network heals.
    """

    def __init__(self, seed: str, minutes: float = 30.0) -> None:
        self.seed = seed
        self.minutes = minutes
        self.story: list[str] = []
        """What happened, a line for each act, beginning with the second."""
        self._dice = Randomness(f"{seed}/scenario")
        self.world = Watch(seed)
        self._nat: Nat | None = None
        self._layers: list[Layer] = []
        self._greatest_offset: dict[str, int] = {}
        self._forgetful: set[str] = set()
        behind = [f"192.168.0.{number}" for number in range(1, 4)]
        if self._dice.uniform() < 0.5:
            lifetime = (30.0, 120.0)[self._dice.below(2)]
            self._nat = Nat(behind, _OUTSIDE, lifetime)
            self._tell(f"a NAT whose mappings live {lifetime:.0f} s")
        self.cast = Cast(self.world, self._dice, behind)
        self.world.home = {address: node for node in self.cast.nodes for address in self.cast.addresses(node)}
        self._change_weather()

    def run(self) -> Outcome:
        """Live it to the end.

        Raises:
            InvariantError: for the first thing that must not happen.
        """
        while self.world.now < self.minutes * 60:
            getattr(self, f"_{self._draw(ACTS)}")()
            self._pass(self._dice.uniform(3))
        self._heal()
        self._converge()
        self._restart()  # on a good network: one side believes in sessions that the other has lost
        self._converge()
        return self._outcome()

    # What happens

    def _talk(self) -> None:
        self.cast.say(*self.cast.a_way(), packets=1 + self._dice.below(6))

    def _stream(self) -> None:
        sender, receiver = self.cast.a_way()
        end = self.world.now + self._dice.uniform(300)
        self._tell(f"{sender.name} streams to {receiver.name}")
        while self.world.now < end:
            self.cast.say(sender, receiver)
            self._pass(self._dice.uniform(8))

    def _spoof(self) -> None:
        """A packet with a source that is not the sender's to use; it must not come out."""
        sender, receiver = self.cast.a_way()
        number = 1 + self._dice.below(4)
        foreign = addresses(number) if sender is not self.cast.hub else addresses(number, net=9)
        if foreign != self.cast.addresses(sender):
            self.cast.say(sender, receiver, sources=foreign)

    def _fall_silent(self) -> None:
        self._tell("silence")
        self._pass(self._dice.uniform(700))

    def _change_weather(self) -> None:
        possible: list[Layer] = [
            Replay(self._dice.uniform(0.3)),
            Drop(self._dice.uniform(0.4)),
            Corrupt(self._dice.uniform(0.2)),
            Truncate(self._dice.uniform(0.2)),
            Duplicate(self._dice.uniform(0.3)),
            Reorder(self._dice.uniform(0.3), self._dice.uniform(8)),
            Delay(self._dice.uniform(0.3), self._dice.uniform(0.6)),
        ]
        kept = [layer for layer in possible if self._dice.uniform() < 0.4]
        old = [layer for layer in self._layers if isinstance(layer, Replay)]
        if any(isinstance(layer, Replay) for layer in kept):
            kept = [*(old or []), *kept[1:]] if old else kept  # who has listened all along knows more
        self._layers = kept
        self._tell("weather: " + (", ".join(type(layer).__name__ for layer in kept) or "fine"))
        self._pile()

    def _cut(self) -> None:
        length = self._dice.uniform(250)
        host = ("", "", HUB[0])[self._dice.below(3)]
        self._layers.append(Partition(self.world.now, self.world.now + length, host))
        self._tell(f"cut for {length:.0f} s" + (", towards the hub" if host else ""))
        self._pile()

    def _roam(self) -> None:
        spoke = self.cast.a_spoke()
        host = f"192.0.2.{1 + self._dice.below(250)}"
        if self._nat and self._dice.uniform() < 0.5:
            host = f"192.168.0.{10 * spoke.number + self._dice.below(10)}"
            self._nat.inside.add(host)
        address = host, 1024 + self._dice.below(50_000)
        self._tell(f"{spoke.node.name} moves to {address[0]}:{address[1]}")
        self.world.move(spoke.node, address)

    def _forget_mappings(self) -> None:
        if self._nat:
            self._tell("the NAT forgets")
            self._nat.forget()

    def _sleep(self) -> None:
        node = self.cast.a_node()
        length = self._dice.uniform(1500)
        self._tell(f"{node.name} sleeps for {length:.0f} s")
        self.world.sleep(node, length)
        if self._dice.uniform() < 0.5:
            self._pass(length)

    def _set_wall_clock(self) -> None:
        node = self.cast.a_node()
        greatest = self._greatest_offset.get(node.name, 0)
        offset = round((self._dice.uniform(2) - 1) * _DAY) * 10**9
        node.wall_offset = max(offset, greatest) if node.name in self._forgetful else offset
        self._tell(f"the wall clock of {node.name} is {node.wall_offset // 10**9:+d} s wrong")
        self._greatest_offset[node.name] = max(greatest, node.wall_offset)

    def _restart(self) -> None:
        node = self.cast.a_node()
        self._tell(f"{node.name} restarts")
        self.world.restart(node)
        self._set_clock_right(node)
        self.cast.configure(node)

    def _go_down(self) -> None:
        node = self.cast.a_node()
        length = self._dice.uniform(60)
        self._tell(f"the interface of {node.name} is down for {length:.0f} s")
        self.world.stop(node)
        self._pass(length)
        self.world.initiated.clear()
        self.world.start(node)

    def _besiege(self) -> None:
        """Strangers send so many initiations, with a wrong mac1, that cookies are asked for."""
        node = self.cast.a_node()
        end = self.world.now + self._dice.uniform(15)
        self._tell(f"{node.name} is under load for {end - self.world.now:.0f} s")
        rubbish = Initiation(0, bytes(32), bytes(48), bytes(28)).build()
        while self.world.now < end:
            if node.wakes_at <= self.world.now:
                for _ in range(self.world.parameters.under_load):
                    node.device.enqueue(rubbish, _STRANGER)
            self.cast.say(*self.cast.a_way())
            self._pass(0.5)

    def _change_psk(self) -> None:
        spoke = self.cast.a_spoke()
        spoke.psk = self._dice(32) if self._dice.uniform() < 0.7 else NO_PSK
        self._tell(f"another pre-shared key with {spoke.node.name}")
        ours, theirs = self.cast.peers(spoke)
        ours.preshared_key = spoke.psk
        self._pass(self._dice.uniform(30))
        theirs.preshared_key = spoke.psk

    def _change_private_key(self) -> None:
        node = self.cast.a_node()
        before = node.device.public_key
        assert before is not None
        self._tell(f"{node.name} has a new private key")
        node.device.set_private_key(self._dice(32))
        for spoke in self.cast.spokes:
            if node is self.cast.hub:
                spoke.node.device.remove_peer(before)
                self._set_clock_right(spoke.node)
                self.cast.introduce_hub(spoke)
            elif node is spoke.node:
                self.cast.hub.device.remove_peer(before)
                self.cast.introduce_spoke(spoke)
        self.world.initiated.clear()

    def _add_anew(self) -> None:
        spoke = self.cast.a_spoke()
        ours, theirs = self.cast.peers(spoke)
        if self._dice.uniform() < 0.5:
            self._tell(f"the hub removes {spoke.node.name} and adds it anew")
            self.cast.hub.device.remove_peer(theirs.public_key)
            self._set_clock_right(self.cast.hub)
            self.cast.introduce_spoke(spoke)
        else:
            self._tell(f"{spoke.node.name} removes the hub and adds it anew")
            spoke.node.device.remove_peer(ours.public_key)
            self._set_clock_right(spoke.node)
            self.cast.introduce_hub(spoke)

    def _change_keepalive(self) -> None:
        spoke = self.cast.a_spoke()
        spoke.keepalive = (0, 5, 25)[self._dice.below(3)]
        self._tell(f"{spoke.node.name} has a persistent keepalive of {spoke.keepalive} s")
        peer, _ = self.cast.peers(spoke)
        self.world.carry_out(spoke.node, peer.set_persistent_keepalive(self.world.now, spoke.keepalive))

    # The end

    def _heal(self) -> None:
        self._layers = [Delay(0.02)]
        self._pile()
        for node in self.world.nodes.values():
            node.wakes_at = -inf
        self._tell("healed")
        self._pass(10)  # what was late arrives

    def _converge(self) -> None:
        """Traffic both ways; at the end of it, a packet passes each way at once."""
        end = self.world.now + CONVERGENCE
        while self.world.now < end:
            for spoke in self.cast.spokes:
                self.cast.say(spoke.node, self.cast.hub)
                self.cast.say(self.cast.hub, spoke.node)
            self._pass(1)
        for spoke in self.cast.spokes:
            for sender, receiver in ((spoke.node, self.cast.hub), (self.cast.hub, spoke.node)):
                packet = self.cast.say(sender, receiver)
                self._pass(0.1)
                if packet not in receiver.inbox[-2:]:
                    raise InvariantError(
                        f"seed {self.seed!r}: {CONVERGENCE:.0f} s after the network had healed "
                        f"no packet passed from {sender.name} to {receiver.name}"
                    )

    def _outcome(self) -> Outcome:
        nodes = self.cast.nodes
        return Outcome(
            hours=self.world.now / 3600,
            packets=len(self.world.put),
            delivered=sum(len(node.inbox) for node in nodes),
            datagrams=sum(len(node.sent) for node in nodes),
            sessions=sum(isinstance(event, KeysReady) for node in nodes for _, event in node.history),
            dropped=sum(node.device.drops.total() for node in nodes),
        )

    # Means

    def _draw(self, weights: dict[str, int]) -> str:
        lots = [name for name, weight in weights.items() for _ in range(weight)]
        return lots[self._dice.below(len(lots))]

    def _pass(self, seconds: float) -> None:
        self.world.advance(seconds)

    def _pile(self) -> None:
        self.world.network.layers = [*([self._nat] if self._nat else []), *self._layers]

    def _set_clock_right(self, node: Node) -> None:
        """Whoever forgets the timestamps it has sent needs a clock that is not behind them (WP §5.1): its
        initiations would be taken for replays.
        """
        self._forgetful.add(node.name)
        node.wall_offset = self._greatest_offset.get(node.name, 0)

    def _tell(self, text: str) -> None:
        self.story.append(f"{self.world.now:9.1f}  {text}")
