"""What holds for any input: nothing escapes, nothing changes before authentication."""

from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.wireguard import uapi
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.events import Path
from tests.wireguard.pair import Pair, answer, packet

STRANGER = Path(("203.0.113.66", 6))


def damaged(data: st.DataObject, pair: Pair) -> bytes:
    """A real message of this pair with some bytes changed, cut or added; never the message itself."""
    original = data.draw(st.sampled_from([datagram.data for datagram in pair.left.sent]))
    place = data.draw(st.integers(0, len(original) - 1))
    other = (
        original[:place]
        + data.draw(st.binary(max_size=40))
        + original[place + data.draw(st.integers(1, 40)) :]
    )
    return other if other != original else original + b"\0"


@given(data=st.data(), noise=st.binary(max_size=200))
def test_bytes_of_a_stranger_bring_no_answer_and_change_nothing(data: st.DataObject, noise: bytes) -> None:
    pair = Pair()
    pair.connect()
    datagram = data.draw(st.one_of(st.just(noise), st.just(damaged(data, pair))))
    device = pair.right.device
    before = (
        uapi.get(device, pair.now, 0),
        dict(device.indices),
        device.deadline,
        list(pair.to_left.timers.due),
    )

    assert device.receive(pair.now, 10**18, pair.right.rng, datagram, STRANGER) == []
    if len(datagram) >= 8:
        burst = Burst(1, 1420)
        burst.add_datagram(datagram)
        opened = device.open(pair.now, burst, STRANGER)
        assert (opened.peer, opened.rows, opened.events) == (None, [], [])

    assert (
        uapi.get(device, pair.now, 0),
        dict(device.indices),
        device.deadline,
        list(pair.to_left.timers.due),
    ) == before
    pair.send(pair.left, packet("still there"))
    pair.advance(1)
    pair.send(pair.right, answer("yes"))
    pair.advance(1)
    assert pair.right.inbox[-1] == packet("still there")
    assert pair.left.inbox[-1] == answer("yes")
