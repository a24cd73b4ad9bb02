"""The network belongs to hypothesis: it decides which datagram arrives when, how often, where from and whole.

At every step the invariants of the simulator hold and no nonce is used twice; when it lets go, packets pass
again within the time that the paper's timers allow. What fails is shrunk to the fewest steps.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from glasstunnel.ip.address import parse_address
from glasstunnel.sim import Datagram, Delay, Node, Randomness
from glasstunnel.sim.invariants import InvariantError, Watch
from glasstunnel.sim.scenario import CONVERGENCE
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.replay import ReplayWindow
from tests.sim.nonces import watched_nonces
from tests.wireguard.pair import packet

# Around every time of WP §6.1: 5 s, 10 s, 15 s, 90 s, 120 s, 165 s, 180 s, 540 s.
TIMES = st.sampled_from([0.02, 1.0, 4.9, 5.4, 10.0, 15.4, 45.0, 100.0, 120.0, 165.0, 179.9, 180.0, 541.0])
SIDES = st.sampled_from(["left", "right"])
DAY = 86_400 * 10**9


class Tunnel(RuleBasedStateMachine):
    """Two devices, each of which knows where the other is; nothing arrives unless a rule lets it."""

    def __init__(self) -> None:
        super().__init__()
        self._watched = ExitStack()
        self._watched.enter_context(watched_nonces())
        self.world = Watch("tunnel", [self._keep])
        self.kept: list[Datagram] = []
        self.numbered = 0
        self.psk = bytes(32)
        self.nodes = {
            "left": self.world.add("left", ("192.0.2.1", 1)),
            "right": self.world.add("right", ("192.0.2.2", 2)),
        }
        for name, node in self.nodes.items():
            for address in self.addresses(name):
                self.world.home[address] = node
            self.introduce(name)

    def _keep(self, datagram: Datagram, rng: Randomness) -> Iterable[Datagram]:
        self.kept.append(datagram)
        return ()

    @staticmethod
    def other(name: str) -> str:
        return {"left": "right", "right": "left"}[name]

    @staticmethod
    def addresses(name: str) -> list[bytes]:
        number = {"left": 1, "right": 2}[name]
        return [parse_address(f"10.0.0.{number}"), parse_address(f"fd00::{number}")]

    def introduce(self, name: str) -> None:
        """Tell a node of the other."""
        other = self.nodes[self.other(name)]
        assert other.device.public_key is not None
        self.nodes[name].device.add_peer(
            other.device.public_key,
            preshared_key=self.psk,
            endpoint=Path(other.address),
            allowed_ips=[(address, 8 * len(address)) for address in self.addresses(self.other(name))],
        )

    def say(self, name: str, source: str = "") -> tuple[Node, bytes]:
        """Send a packet that is like no other; to whom, and the packet."""
        self.numbered += 1
        numbers = {"left": "10.0.0.1", "right": "10.0.0.2"}
        text = packet(str(self.numbered), source or numbers[name], numbers[self.other(name)])
        self.world.send(self.nodes[name], text)
        return self.nodes[self.other(name)], text

    # What may happen

    @rule(name=SIDES, packets=st.integers(1, 3))
    def talk(self, name: str, packets: int) -> None:
        for _ in range(packets):
            self.say(name)

    @rule(name=SIDES)
    def spoof(self, name: str) -> None:
        self.say(name, source="10.0.0.9")

    @rule(seconds=TIMES)
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Any datagram that was ever sent: late, again, before an older one."""
        self.arrive(data.draw(st.sampled_from(self.kept)))

    @precondition(lambda self: self.kept)
    @rule(last=st.integers(1, 4))
    def deliver_the_latest(self, last: int) -> None:
        for datagram in self.kept[-last:]:
            self.arrive(datagram)

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), port=st.integers(1000, 1003))
    def deliver_from_elsewhere(self, data: st.DataObject, port: int) -> None:
        self.arrive(replace(data.draw(st.sampled_from(self.kept)), source=("203.0.113.1", port)))

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def reflect(self, data: st.DataObject) -> None:
        sent = data.draw(st.sampled_from(self.kept))
        self.arrive(replace(sent, source=sent.destination, destination=sent.source))

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), bit=st.integers(0, 7))
    def damage(self, data: st.DataObject, bit: int) -> None:
        sent = data.draw(st.sampled_from(self.kept))
        place = data.draw(st.integers(0, len(sent.data) - 1))
        changed = bytearray(sent.data)
        changed[place] ^= 1 << bit
        self.arrive(replace(sent, data=bytes(changed)))

    def arrive(self, datagram: Datagram) -> None:
        """Bring a datagram where it goes, past the layer that keeps everything."""
        layers, self.world.network.layers = self.world.network.layers, []
        self.world.network.send(replace(datagram, at=self.world.now))
        self.world.network.layers = layers
        self.world.advance(0)

    @rule(name=SIDES)
    def restart(self, name: str) -> None:
        self.world.restart(self.nodes[name])
        self.introduce(name)
        self.world.start(self.nodes[name])

    @rule(name=SIDES)
    def go_down_and_up(self, name: str) -> None:
        self.world.stop(self.nodes[name])
        self.world.advance(0.5)
        self.world.initiated.clear()
        self.world.start(self.nodes[name])

    @rule(name=SIDES, days=st.integers(1, 3))
    def set_the_clock_ahead(self, name: str, days: int) -> None:
        self.nodes[name].wall_offset += days * DAY

    @rule(name=SIDES, seconds=TIMES)
    def sleep(self, name: str, seconds: float) -> None:
        self.world.sleep(self.nodes[name], seconds)
        self.world.advance(seconds)

    @rule(psk=st.sampled_from([bytes(32), bytes([7]) * 32]))
    def change_the_psk(self, psk: bytes) -> None:
        self.psk = psk
        for node in self.nodes.values():
            for peer in node.device.peers.values():
                peer.preshared_key = psk

    @invariant()
    def a_peer_has_three_sessions_and_a_handshake_at_most(self) -> None:
        for node in self.nodes.values():
            assert len(node.device.indices) <= 4 * len(node.device.peers)

    def teardown(self) -> None:
        """The network heals, and both sides are told where the other is: then packets pass again."""
        self.world.network.layers = [Delay(0.02)]
        for name, node in self.nodes.items():
            for peer in node.device.peers.values():
                self.world.carry_out(
                    node, peer.set_endpoint(self.world.now, Path(self.nodes[self.other(name)].address))
                )
        end = self.world.now + CONVERGENCE
        while self.world.now < end:
            self.say("left")
            self.say("right")
            self.world.advance(1)
        for name in self.nodes:
            receiver, text = self.say(name)
            self.world.advance(0.1)
            assert receiver.inbox[-1] == text
        self._watched.close()


def test_a_window_that_lets_everything_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayWindow, "accept", lambda self, counter: True)
    found = settings(max_examples=200, stateful_step_count=30, phases=[Phase.generate])
    with pytest.raises(InvariantError, match="came out twice"):
        run_state_machine_as_test(Tunnel, settings=found)


TestTunnel = Tunnel.TestCase
TestTunnel.settings = settings(max_examples=60, stateful_step_count=30)
