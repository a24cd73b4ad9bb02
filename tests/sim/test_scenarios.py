"""Fifty lives of a hub and its spokes, and proof that a fault in the core would not have gone unseen.

WP §5.4.6: a counter is used once, a packet comes out once. WP §2: a source address is its peer's. WP §6: who
falls silent is noticed after 15 s, an initiation is repeated after 5 s.
"""

from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from glasstunnel.sim.invariants import InvariantError
from glasstunnel.sim.scenario import ACTS, CONVERGENCE, Scenario
from glasstunnel.wireguard.allowed_ips import AllowedIPs
from glasstunnel.wireguard.keypair import Keypair, Keypairs
from glasstunnel.wireguard.peer import Peer
from glasstunnel.wireguard.replay import ReplayWindow
from glasstunnel.wireguard.timers import Timer, Timers
from tests.sim.nonces import NonceReusedError, watched_nonces

HOUR = 60.0


@pytest.mark.parametrize("seed", range(50))
def test_in_every_life_the_invariants_hold_and_the_tunnel_comes_back(seed: int) -> None:
    scenario = Scenario(str(seed), minutes=HOUR)
    with watched_nonces() as used:
        outcome = scenario.run()
    assert 0 < outcome.delivered <= outcome.packets
    assert outcome.sessions > 0
    assert len(used) > outcome.delivered


def test_the_fifty_lives_hold_everything_that_may_happen() -> None:
    stories = []
    for seed in range(12):
        scenario = Scenario(str(seed), minutes=HOUR)
        scenario.run()
        stories += scenario.story
    for word in ("streams", "silence", "weather", "cut", "moves", "NAT", "sleeps", "wall clock", "restarts"):
        assert any(word in line for line in stories), word
    for word in (
        "pre-shared",
        "private key",
        "removes the hub",
        "the hub removes",
        "persistent",
        "is down",
        "load",
    ):
        assert any(word in line for line in stories), word
    assert len(ACTS) == 17


def test_a_seed_is_a_life_to_the_byte() -> None:
    def live(seed: str) -> tuple[list[str], list[bytes]]:
        scenario = Scenario(seed, minutes=20)
        scenario.run()
        return scenario.story, [datagram.data for datagram in scenario.cast.hub.sent]

    assert live("again") == live("again")
    assert live("again") != live("another")


def test_convergence_is_counted_from_the_papers_timers() -> None:
    assert pytest.approx(15 + 2 * 5 + 3 * (1 / 3) + 1) == CONVERGENCE


def live_through(seeds: range) -> None:
    for seed in seeds:
        Scenario(str(seed), minutes=HOUR).run()


def sabotage_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayWindow, "accept", lambda self, counter: True)


def sabotage_source(monkeypatch: pytest.MonkeyPatch) -> None:
    lookup = AllowedIPs.lookup

    def careless(self: AllowedIPs[Any], address: bytes) -> Any:
        return lookup(self, address) or next(iter(self._owned), None)

    monkeypatch.setattr(AllowedIPs, "lookup", careless)


def sabotage_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peer, "_release", lambda self, keypairs: None)


def sabotage_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keypair, "may_seal", lambda self, now, packets, limits: True)
    monkeypatch.setattr(Keypair, "wants_rekey_after_sending", lambda self, now, limits: False)


def sabotage_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    on = Timers.on

    def deaf(self: Timers, *arguments: Any) -> None:
        on(self, *arguments)
        self.due[Timer.NEW_HANDSHAKE] = inf

    monkeypatch.setattr(Timers, "on", deaf)


def sabotage_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peer, "may_initiate", lambda self, now: True)


def sabotage_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keypairs, "confirm", lambda self, keypair: None)


def sabotage_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peer, "sealed", lambda self, *arguments, **named: None)


@pytest.mark.parametrize(
    ("sabotage", "said"),
    [
        (sabotage_window, "came out twice"),
        (sabotage_source, "with the source of another"),
        (sabotage_release, "leads to a (session|peer) that is gone"),
        (sabotage_age, "seconds after it had first been used"),
        (sabotage_silence, "no packet passed"),
        (sabotage_pace, "two initiations to one peer"),
        (sabotage_confirmation, "no packet passed"),
        (sabotage_accounts, "bytes were sent to a peer"),
    ],
)
def test_a_fault_in_the_core_is_found_by_one_of_the_first_seeds(
    sabotage: Callable[[pytest.MonkeyPatch], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(InvariantError, match=said):
        live_through(range(50))


def test_a_nonce_used_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Keypair):
        sending_counter = property(lambda self: 0, lambda self, value: None)

    monkeypatch.setattr("glasstunnel.wireguard.peer.Keypair", Stuck)
    with watched_nonces(), pytest.raises(NonceReusedError):
        Scenario("0").run()
    with pytest.raises(InvariantError, match="the counter 0 was used twice"):
        Scenario("0").run()
