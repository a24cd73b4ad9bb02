"""Hours of traffic through bad networks, over fixed seeds: what arrives is right, once, and comes again."""

import pytest

from glasstunnel.sim import Corrupt, Delay, Drop, Duplicate, Layer, Node, Partition, World
from glasstunnel.wireguard.events import KeysReady, Path
from glasstunnel.wireguard.messages import MessageType
from tests.wireguard.pair import Pair, answer, packet

BAD: list[Layer] = [Drop(0.1), Corrupt(0.05), Duplicate(0.1), Delay(0.02, 0.3)]
HOUR = 3600


def talk(pair: Pair, hours: float, pause: float) -> tuple[list[bytes], list[bytes]]:
    """Both sides send numbered packets, now and then falling silent; return what was sent each way."""
    to_right, to_left, n = [], [], 0
    end = pair.now + hours * HOUR
    while pair.now < end:
        n += 1
        to_right.append(packet(f"ping {n}"))
        pair.send(pair.left, to_right[-1])
        pair.advance(pause)
        if pair.to_left.endpoint is not None and n % 3:
            to_left.append(answer(f"pong {n}"))
            pair.send(pair.right, to_left[-1])
        pair.advance(400 if n % 97 == 0 else pause)
    return to_right, to_left


def nonces(node: Node) -> list[tuple[bytes, bytes]]:
    """Receiver index and counter of all transport data a node has sealed."""
    return [(d.data[4:8], d.data[8:16]) for d in node.sent_of(MessageType.TRANSPORT_DATA)]


@pytest.mark.parametrize("seed", range(24))
def test_two_hours_through_a_bad_network(seed: int) -> None:
    pair = Pair(f"bad {seed}")
    pair.network.layers = list(BAD)
    to_right, to_left = talk(pair, hours=2, pause=1.5)
    for node, sent in ((pair.right, to_right), (pair.left, to_left)):
        arrived = node.inbox
        assert len(set(arrived)) == len(arrived), "no packet twice"
        assert set(arrived) <= set(sent), "no packet that was not sent"
        assert len(arrived) > 0.6 * len(sent), "most packets arrive"
    for node in (pair.left, pair.right):
        assert len(set(nonces(node))) == len(nonces(node)), "no nonce twice under a key"
    assert sum(isinstance(event, KeysReady) for _, event in pair.left.history) > 2 * HOUR / 180 / 2

    pair.network.layers = [Delay(0.01)]
    pair.advance(20)
    for text in ("one", "two"):
        pair.send(pair.left, packet(text))
        pair.advance(6)
    pair.send(pair.right, answer("three"))
    pair.advance(1)
    assert pair.right.inbox[-1] == packet("two")
    assert pair.left.inbox[-1] == answer("three")


@pytest.mark.parametrize("seed", range(8))
def test_after_a_partition_the_tunnel_comes_back(seed: int) -> None:
    pair = Pair(f"partition {seed}")
    pair.connect()
    pair.network.layers.append(Partition(100, 100 + 40 * (seed + 1)))
    while pair.now < 100 + 40 * (seed + 1):
        pair.send(pair.left, packet())
        pair.advance(2)
    pair.advance(11)
    pair.send(pair.left, packet("back"))
    pair.advance(6)
    assert pair.right.inbox[-1] == packet("back")


@pytest.mark.parametrize("seed", range(8))
def test_two_that_begin_at_the_same_moment_on_a_bad_network_find_each_other(seed: int) -> None:
    pair = Pair(f"crossing {seed}")
    pair.network.layers = [Drop(0.3), Delay(0.02, 0.05)]
    pair.to_left.endpoint = Path(pair.left.address)
    for n in range(40):
        pair.send(pair.left, packet(str(n)))
        pair.send(pair.right, answer(str(n)))
        pair.advance(1)
    assert len(pair.right.inbox) > 15
    assert len(pair.left.inbox) > 15


def test_the_same_seed_gives_the_same_world_to_the_byte() -> None:
    def run(seed: str) -> list[bytes]:
        pair = Pair(seed)
        pair.network.layers = list(BAD)
        talk(pair, hours=0.2, pause=2)
        return [datagram.data for node in (pair.left, pair.right) for datagram in node.sent]

    assert run("a") == run("a")
    assert run("a") != run("b")


def test_a_day_of_silence_costs_nothing(pair: Pair) -> None:
    pair.connect()
    sent = len(pair.left.sent) + len(pair.right.sent)
    pair.advance(24 * HOUR)
    assert len(pair.left.sent) + len(pair.right.sent) == sent + 1


def test_three_devices_share_one_world() -> None:
    world = World("three", [Delay(0.005)])
    hub = world.add("hub", ("192.0.2.100", 100))
    assert hub.device.public_key
    spokes = [world.add(f"spoke {n}", (f"192.0.2.{n}", n)) for n in (1, 2)]
    for n, spoke in enumerate(spokes, 1):
        assert spoke.device.public_key
        hub.device.add_peer(spoke.device.public_key, allowed_ips=[(bytes([10, 0, 0, n]), 32)])
        peer = spoke.device.add_peer(hub.device.public_key, allowed_ips=[(bytes([10, 0, 0, 0]), 24)])
        peer.endpoint = Path(hub.address)
        world.send(spoke, packet("hi", f"10.0.0.{n}", "10.0.0.100"))
    world.advance(1)
    assert sorted(hub.inbox) == sorted(packet("hi", f"10.0.0.{n}", "10.0.0.100") for n in (1, 2))


def test_who_sleeps_hears_nothing_and_wakes_to_everything_at_once(pair: Pair) -> None:
    pair.connect()
    pair.sleep(pair.right, 30)
    pair.send(pair.left, packet("unheard"))
    before = len(pair.right.sent)
    pair.advance(29.9)
    assert len(pair.right.sent) == before
    assert packet("unheard") not in pair.right.inbox
    pair.advance(30)  # left noticed the silence after 15 s and goes on asking
    pair.send(pair.left, packet("heard"))
    pair.advance(1)
    assert pair.right.inbox[-1] == packet("heard")
