"""The source address as the core sees it: kept with the endpoint, given up on the kernel's two occasions."""

import pytest

from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.events import Path, Sealed, Send
from tests.wireguard.pair import Pair, answer, packet


@pytest.fixture
def connected() -> Pair:
    """Two devices with a session."""
    pair = Pair()
    pair.connect()
    return pair


def test_an_answer_goes_out_on_the_path_on_which_the_packet_came(connected: Pair) -> None:
    """Address and interface are kept with the endpoint; another one of ours is roaming like another of
    theirs.
    """
    right = connected.right.device
    for path in (
        Path(("192.0.2.1", 1111), "192.0.2.2", 7),
        Path(("192.0.2.1", 1111), "198.51.100.2", 8),
        Path(("2001:db8::1", 1111), "2001:db8::2"),
    ):
        connected.send(connected.left, packet())
        burst = Burst(1, 1420)
        burst.add_datagram(connected.left.sent[-1].data)
        assert right.open(connected.now, burst, path).peer is connected.to_left
        burst.n = 0
        burst.add_packet(answer())
        sealed = right.seal(connected.now, burst, bytes((10, 0, 0, 1)), 1420)
        assert isinstance(sealed, Sealed)
        assert sealed.path == path


def test_a_response_goes_out_on_the_path_on_which_the_initiation_came() -> None:
    pair = Pair()
    pair.send(pair.left, packet())
    path = Path(("192.0.2.1", 1111), "198.51.100.2", 8)
    (send,) = pair.right.device.receive(
        pair.now, pair.wall(pair.right), pair.right.rng, pair.left.sent[-1].data, path
    )
    assert isinstance(send, Send)
    assert send.path == path


def test_fifteen_seconds_of_silence_let_the_system_choose_our_source_anew(connected: Pair) -> None:
    """Kernel timers.c ``wg_expired_new_handshake``; the retries are in test_timers.py."""
    connected.advance(20)
    remote = connected.right.address
    connected.to_right.endpoint = Path(remote, "192.0.2.1", 7)
    connected.stop(connected.right)
    connected.send(connected.left, packet())
    connected.advance(14.9)
    assert connected.to_right.endpoint == Path(remote, "192.0.2.1", 7)
    connected.advance(0.5)  # 10 + 5 seconds, and at most a third of jitter
    assert connected.to_right.endpoint == Path(remote)


def test_a_source_that_the_system_refuses_is_forgotten_with_its_interface(connected: Pair) -> None:
    connected.to_right.endpoint = Path(connected.right.address, "192.0.2.1", 7)
    connected.to_right.forget_source()
    assert connected.to_right.endpoint == Path(connected.right.address)


def test_what_could_not_leave_from_its_source_gives_the_source_up(connected: Pair) -> None:
    """A cookie reply belongs to no peer, and gives up nobody's."""
    peer, path = connected.to_right, Path(("192.0.2.1", 1111), "198.51.100.2", 8)
    peer.endpoint = path
    device = connected.left.device
    device.forget_source(Send(None, b"", path))
    assert peer.endpoint == path
    device.forget_source(Sealed(peer, path, 0))
    assert peer.endpoint == Path(path.remote)
    peer.endpoint = path
    device.forget_sources()
    assert peer.endpoint == Path(path.remote)
