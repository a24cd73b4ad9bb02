"""Each check fails when what it is about is wrong: a check that cannot fail would prove nothing."""

from collections.abc import Callable

import pytest

from glasstunnel.ip.address import parse_address
from glasstunnel.sim import Datagram, Delay, Nat, Node
from glasstunnel.sim.invariants import InvariantError, Watch, drops_add_up, sessions_are_named
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Drop, Opened, Path
from glasstunnel.wireguard.keypair import Keypair
from glasstunnel.wireguard.peer import Peer
from tests.wireguard.pair import packet


class Two(Watch):
    """Two nodes with a session, watched."""

    def __init__(self) -> None:
        super().__init__("invariants", [Delay(0.01)])
        self.left, self.right = self.add("left", ("192.0.2.1", 1)), self.add("right", ("192.0.2.2", 2))
        self.peer = self._introduce(self.left, self.right, "10.0.0.2")
        self._introduce(self.right, self.left, "10.0.0.1")
        self.home[parse_address("10.0.0.1")] = self.left
        self.peer.endpoint = Path(self.right.address)
        self.send(self.left, packet("first"))
        self.advance(1)
        assert self.right.inbox == [packet("first")]

    @staticmethod
    def _introduce(to: Node, who: Node, address: str) -> Peer:
        assert who.device.public_key
        return to.device.add_peer(who.device.public_key, allowed_ips=[(parse_address(address), 32)])


@pytest.fixture
def two() -> Two:
    """A fresh pair with a session."""
    return Two()


def a_peer_that_is_gone(device: Device, peer: Peer) -> None:
    device.indices[1] = Peer(device, bytes(32), bytes(32), None), None


def a_session_that_is_gone(device: Device, peer: Peer) -> None:
    device.indices[1] = peer, Keypair(bytes(32), bytes(32), 1, 2, True, 0.0)


def handshakes_of_one_peer(device: Device, peer: Peer) -> None:
    device.indices[1] = device.indices[2] = peer, None


def is_not_found_under_its_index(device: Device, peer: Peer) -> None:
    device.indices.clear()


@pytest.mark.parametrize(
    "wrong",
    [a_peer_that_is_gone, a_session_that_is_gone, handshakes_of_one_peer, is_not_found_under_its_index],
)
def test_an_index_that_leads_astray_is_noticed(two: Two, wrong: Callable[[Device, Peer], None]) -> None:
    device = two.left.device
    assert sessions_are_named(device) == ""
    wrong(device, two.peer)
    assert wrong.__name__.replace("_", " ").removeprefix("a ") in sessions_are_named(device)


def test_drops_that_only_a_peer_has_counted_are_noticed(two: Two) -> None:
    assert drops_add_up(two.left.device) == ""
    two.left.device.drops[Drop.REPLAYED] += 5
    two.peer.drops[Drop.REPLAYED] += 6
    assert drops_add_up(two.left.device).startswith("6 drops of peers, 5 of the device")


def test_a_datagram_that_nobody_counts_is_noticed(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "open", lambda *_, **__: Opened(None, [], []))
    two.send(two.left, packet("lost"))
    with pytest.raises(InvariantError, match="64 bytes arrived; 0 were counted, 0 dropped"):
        two.advance(1)


def test_a_datagram_to_nowhere_is_nobodys_fault(two: Two) -> None:
    two.peer.endpoint = Path(("203.0.113.1", 1))
    two.send(two.left, packet("astray"))
    two.advance(1)


@pytest.mark.parametrize(
    ("item", "wrong"),
    [
        (packet("never"), "that nobody put in"),
        (packet("first"), "came out twice"),
        (packet("alien", source="10.0.0.9"), "with the source of another"),
    ],
)
def test_a_packet_that_must_not_come_out_is_noticed(two: Two, item: bytes, wrong: str) -> None:
    if item != packet("never"):
        two.put[item] = two.left
    with pytest.raises(InvariantError, match=wrong):
        two._came(two.right, item)


def test_a_tick_that_leaves_its_work_undone_is_noticed(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "tick", lambda *_: [])
    with pytest.raises(InvariantError, match="after a tick the deadline is"):
        two.advance(60)


def test_what_is_sent_wrongly_is_noticed(two: Two) -> None:
    path = Path(two.right.address)
    data = b"\4\0\0\0" + bytes(28)
    two._emit(two.left, None, data, path, 0)
    with pytest.raises(InvariantError, match="the counter 0 was used twice"):
        two._emit(two.left, None, data, path, 0)
    two.now += 180
    with pytest.raises(InvariantError, match="a key sealed 180"):
        two._emit(two.left, None, data[:8] + b"\1" + data[9:], path, 0)
    two._emit(two.left, two.peer, b"\1" + bytes(147), path, 0)
    with pytest.raises(InvariantError, match="two initiations to one peer within 0"):
        two._emit(two.left, two.peer, b"\1" + bytes(147), path, 0)
    with pytest.raises(InvariantError, match="bytes were sent to a peer"):
        two._check(two.left)


def test_a_router_gives_no_port_to_two_flows() -> None:
    """Its randomness insists on one port at first."""

    class Stubborn:
        def __init__(self) -> None:
            self.answers = [7, 7, 8]

        def below(self, bound: int) -> int:
            return self.answers.pop(0)

    nat, rng = Nat({"10.0.0.1"}, "203.0.113.1"), Stubborn()
    sent = [Datagram(0.0, ("10.0.0.1", 5), ("192.0.2.1", n), b"x") for n in (1, 2)]
    translated = [out.source for one in sent for out in nat(one, rng)]  # type: ignore[arg-type]
    assert translated == [("203.0.113.1", 1024 + 7), ("203.0.113.1", 1024 + 8)]
