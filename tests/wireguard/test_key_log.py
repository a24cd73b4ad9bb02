"""The event that opens a handshake to whoever watches his own tunnel: only if he asked for it."""

from glasstunnel.noise import CURVE25519
from glasstunnel.sim import Node
from glasstunnel.wireguard.events import KeyLog, Send
from glasstunnel.wireguard.messages import MessageType
from tests.wireguard.pair import Pair


def logged(node: Node) -> list[KeyLog]:
    return [event for _, event in node.history if isinstance(event, KeyLog)]


def test_keys_are_not_given_away_unless_the_device_was_told_to(pair: Pair) -> None:
    pair.connect()
    assert not pair.left.device.key_log
    assert logged(pair.left) == logged(pair.right) == []


def test_the_keys_of_a_handshake_come_right_before_its_message(pair: Pair) -> None:
    for node in (pair.left, pair.right):
        node.device.key_log = True
    pair.connect()
    for node, kind in ((pair.left, MessageType.INITIATION), (pair.right, MessageType.RESPONSE)):
        events = [event for _, event in node.history]
        (keys,) = logged(node)
        message = events[events.index(keys) + 1]
        assert isinstance(message, Send)
        assert message.data[0] == kind
        ephemeral = message.data[8:40] if kind == MessageType.INITIATION else message.data[12:44]
        assert CURVE25519.keypair(keys.ephemeral_private).public == ephemeral
        assert keys.static_private == node.device.private_key
        assert keys.preshared_key == keys.peer.preshared_key


def test_the_event_does_not_show_its_keys(pair: Pair) -> None:
    """It may land in a log by accident: as an event, never as keys."""
    pair.left.device.key_log = True
    pair.connect()
    (keys,) = logged(pair.left)
    assert repr(keys) == f"KeyLog(peer={keys.peer!r})"
