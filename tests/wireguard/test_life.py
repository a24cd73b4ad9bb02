"""The interface goes up and down, kernel device.c ``wg_open`` and ``wg_stop``; keys come when it is up."""

import pytest

from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Drop, Path, Send, Staged
from tests.wireguard import paper
from tests.wireguard.pair import Pair, packet

FOREVER = float("inf")


def test_a_persistent_keepalive_set_while_the_interface_is_down_begins_when_it_comes_up(pair: Pair) -> None:
    pair.stop(pair.left)
    assert pair.to_right.set_persistent_keepalive(pair.now, 25) == []
    pair.advance(100)
    assert pair.left.sent == []
    pair.start(pair.left)
    pair.advance(1)
    assert [len(datagram.data) for datagram in pair.left.sent] == [148, 32]


def test_a_peer_added_with_a_persistent_keepalive_is_spoken_to_if_the_interface_is_up(pair: Pair) -> None:
    for is_up in (False, True):
        device = Device(b"k" * 32)
        if is_up:
            assert device.up(0.0) == []
        device.add_peer(paper.pub(b"p" * 32), endpoint=Path(pair.right.address), persistent_keepalive=25)
        sent = [event for event in device.tick(0.0, 0, pair.left.rng) if isinstance(event, Send)]
        assert [len(event.data) for event in sent] == [148] * is_up


def test_going_down_ends_sessions_handshakes_and_timers_but_keeps_the_endpoint(pair: Pair) -> None:
    pair.connect()
    pair.stop(pair.left)
    assert pair.left.device.indices == {}
    assert pair.left.device.deadline == FOREVER
    assert pair.to_right.keypairs.current is None
    assert pair.to_right.endpoint == Path(pair.right.address)
    sent = len(pair.left.sent)
    pair.advance(600)
    assert len(pair.left.sent) == sent


def test_handshake_messages_that_wait_when_the_interface_goes_down_get_no_answer(pair: Pair) -> None:
    pair.send(pair.left, packet())
    pair.right.device.enqueue(pair.left.sent[0].data, Path(pair.left.address))
    assert pair.right.device.deadline == -FOREVER
    pair.stop(pair.right)
    assert pair.right.device.deadline == FOREVER
    pair.start(pair.right)
    assert pair.right.sent == []


def test_packets_that_wait_when_the_interface_goes_down_are_dropped_and_counted(pair: Pair) -> None:
    pair.to_right.set_persistent_keepalive(pair.now, 25)  # a keepalive waits too, and is no loss
    pair.send(pair.left, packet("one"))
    pair.send(pair.left, packet("two"))
    pair.stop(pair.left)
    assert pair.left.device.drops == {Drop.DOWN: 2}
    pair.start(pair.left)
    pair.advance(1)
    assert pair.right.inbox == []


def test_an_interface_that_was_down_for_a_moment_initiates_at_once(pair: Pair) -> None:
    """Without waiting for the five seconds since its last initiation: kernel
    ``wg_noise_reset_last_sent_handshake``."""
    pair.connect()
    pair.stop(pair.left)
    pair.start(pair.left)
    assert isinstance(pair.send(pair.left, packet("again")), Staged)
    pair.advance(0.1)
    assert pair.right.inbox[-1] == packet("again")


def test_many_peers_are_spoken_to_in_portions_when_the_interface_comes_up(pair: Pair) -> None:
    device = Device(b"k" * 32)
    for n in range(150):
        device.add_peer(
            paper.pub(bytes([n, 7]) * 16), endpoint=Path(("192.0.2.9", n)), persistent_keepalive=9
        )
    assert device.up(5.0) == []
    portions = []
    while device.deadline <= 5.0:
        portions.append(len(device.tick(5.0, 0, pair.left.rng)))
    assert portions == [64, 64, 22]


def test_nothing_reaches_a_node_that_is_down(pair: Pair) -> None:
    pair.stop(pair.right)
    pair.send(pair.left, packet())
    pair.advance(1)
    assert pair.right.sent == []


@pytest.mark.parametrize(
    ("keepalive", "is_up", "spoken"), [(25, True, True), (25, False, False), (0, True, False)]
)
def test_a_private_key_that_comes_while_the_interface_is_up_begins_the_persistent_keepalive(
    pair: Pair, keepalive: int, is_up: bool, spoken: bool
) -> None:
    key = pair.left.device.private_key
    pair.left.device.set_private_key(None)
    pair.stop(pair.left)
    pair.to_right.set_persistent_keepalive(pair.now, keepalive)
    if is_up:
        pair.start(pair.left)
    pair.advance(10)
    assert pair.left.sent == []
    pair.left.device.set_private_key(key)
    pair.advance(1)
    assert bool(pair.left.sent) == spoken


def test_packets_that_waited_for_a_private_key_leave_when_it_comes(pair: Pair) -> None:
    key = pair.left.device.private_key
    pair.left.device.set_private_key(None)
    assert isinstance(pair.send(pair.left, packet("patient")), Staged)
    pair.advance(60)
    pair.left.device.set_private_key(key)
    pair.advance(1)
    assert pair.right.inbox == [packet("patient")]


def test_an_endpoint_that_comes_when_the_interface_is_up_begins_the_persistent_keepalive(pair: Pair) -> None:
    pair.to_right.endpoint = None
    pair.to_right.set_persistent_keepalive(0, 25)
    pair.stop(pair.left)
    assert pair.to_right.set_endpoint(pair.now, Path(pair.right.address)) == []
    pair.to_right.endpoint = None
    pair.start(pair.left)
    pair.advance(100)
    assert pair.left.sent == []
    assert pair.to_right.set_endpoint(pair.now, Path(pair.right.address)) == []
    pair.advance(1)
    assert pair.to_left.keypairs.current is not None


def test_packets_that_wait_go_to_an_endpoint_that_is_set_anew(pair: Pair) -> None:
    pair.to_right.set_endpoint(pair.now, Path(("203.0.113.9", 9)))
    pair.send(pair.left, packet("misled"))
    pair.advance(30)
    assert pair.to_right.set_endpoint(pair.now, Path(pair.right.address)) == []
    pair.advance(6)
    assert pair.right.inbox == [packet("misled")]
    assert pair.left.device.allowed_ips.lookup(parse_address("10.0.0.2")) is pair.to_right
