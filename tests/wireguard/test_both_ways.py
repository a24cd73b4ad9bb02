"""One device works with bursts and one with trains: datagrams, packets, counters and timers are the same."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip.address import parse_address
from glasstunnel.sim import Node
from glasstunnel.wireguard import uapi
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.events import Opened, Path, Refused, Sealed, Staged
from tests.wireguard.pair import Pair, packet
from tests.wireguard.trains import (
    burst_of_datagrams,
    burst_of_packets,
    train_of_datagrams,
    train_of_packets,
)

MTU = 1420
FROM_LEFT = Path(("192.0.2.1", 1111))


def said_of(node: Node, now: float) -> tuple[object, ...]:
    """All that a device tells and does next: statistics, drops, windows, timers."""
    device = node.device
    return (
        uapi.get(device, now, 10**18),
        dict(device.drops),
        device.deadline,
        [
            (dict(peer.drops), list(peer.timers.due), peer.rx_bytes, peer.tx_bytes)
            for peer in device.peers.values()
        ],
        [
            (index, keypair.sending_counter, keypair.window.greatest, list(keypair.window._words))
            for index, (_, keypair) in device.indices.items()
            if keypair
        ],
    )


class Way:
    """A pair of devices whose data path uses one kind of burst. All pairs of one seed have the same keys."""

    def __init__(
        self,
        of_packets: Callable[[Sequence[bytes]], Burst],
        of_datagrams: Callable[[Sequence[bytes]], Burst],
        *,
        connected: bool = True,
    ) -> None:
        self.pair = Pair("both ways")
        if connected:
            self.pair.connect()
        self._of_packets, self._of_datagrams = of_packets, of_datagrams

    def seal(self, packets: Sequence[bytes], dst: str = "10.0.0.2", ecn: int = 0) -> tuple[object, ...]:
        """What left makes of packets for ``dst``: the kind of result, what it says, and the datagrams."""
        burst, left = self._of_packets(packets), self.pair.left
        result = left.device.seal(self.pair.now, burst, parse_address(dst), MTU, ecn)
        said: tuple[object, ...] = ()
        datagrams = []
        if isinstance(result, Sealed):
            said = (result.path, result.tos)
            datagrams = [bytes(one) for one in burst.datagrams()]
        elif isinstance(result, Refused):
            said = (result.reason, result.reports)
        return type(result), said, datagrams, said_of(left, self.pair.now)

    def open(self, datagrams: Sequence[bytes], ecn: int = 0) -> tuple[object, ...]:
        """What right makes of datagrams: rows, packets, events."""
        burst, right = self._of_datagrams(datagrams), self.pair.right
        result: Opened = right.device.open(self.pair.now, burst, FROM_LEFT, ecn)
        packets = [bytes(one) for one in burst.packets(result.rows)]
        return (
            result.peer is not None,
            list(result.rows),
            packets,
            [repr(event.data) if hasattr(event, "data") else type(event) for event in result.events],
            said_of(right, self.pair.now),
        )


def ways(*, connected: bool = True) -> tuple[Way, Way]:
    """The plain one and the fast one."""
    return (
        Way(burst_of_packets, burst_of_datagrams, connected=connected),
        Way(lambda items: train_of_packets(items, MTU), train_of_datagrams, connected=connected),
    )


SIZES = st.one_of(
    st.tuples(st.integers(1, 60), st.integers(0, MTU - 20)).map(lambda pair: [pair[1]] * pair[0]),
    st.lists(st.integers(0, 100), min_size=1, max_size=12),
)


@given(
    bursts=st.lists(
        st.tuples(
            SIZES,
            st.sampled_from(["10.0.0.1", "10.0.0.1", "10.0.0.9"]),
            st.integers(0, 3),
            st.integers(0, 3),
            st.floats(0, 200),
        ),
        min_size=1,
        max_size=3,
    ),
    lost=st.sets(st.integers(0, 59), max_size=4),
    again=st.lists(st.integers(0, 59), max_size=4),
    damaged=st.dictionaries(st.integers(0, 59), st.integers(0, 2000), max_size=3),
    cut=st.dictionaries(st.integers(0, 59), st.integers(8, 40), max_size=2),
    keepalives=st.sets(st.integers(0, 59), max_size=2),
)
def test_the_same_packets_give_the_same_on_both_ways(
    bursts: list[tuple[list[int], str, int, int, float]],
    lost: set[int],
    again: list[int],
    damaged: dict[int, int],
    cut: dict[int, int],
    keepalives: set[int],
) -> None:
    plain, fast = ways()
    for sizes, source, inner, outer, later in bursts:
        packets = [packet("x" * size, source, ecn=inner) for size in sizes]
        packets = [b"" if row in keepalives else one for row, one in enumerate(packets)]
        sealed = plain.seal(packets, ecn=inner)
        assert fast.seal(packets, ecn=inner) == sealed
        datagrams = sealed[2]
        assert isinstance(datagrams, list)
        arriving = [one for row, one in enumerate(datagrams) if row not in lost]
        arriving += [datagrams[row] for row in again if row < len(datagrams)]
        for row, place in damaged.items():
            if row < len(arriving):
                one = bytearray(arriving[row])
                one[8 + place % (len(one) - 8)] ^= 0x10
                arriving[row] = bytes(one)
        arriving = [one[: cut.get(row, len(one))] for row, one in enumerate(arriving)]
        if arriving:
            assert fast.open(arriving, outer) == plain.open(arriving, outer)
        for way in (plain, fast):
            way.pair.advance(later)
        assert said_of(fast.pair.left, fast.pair.now) == said_of(plain.pair.left, plain.pair.now)
        assert said_of(fast.pair.right, fast.pair.now) == said_of(plain.pair.right, plain.pair.now)


@pytest.mark.parametrize("n", [1, 4, 100])
def test_packets_that_go_nowhere_are_answered_alike(n: int) -> None:
    plain, fast = ways()
    packets = [packet(f"{row:3}", destination="10.9.9.9") for row in range(n)]
    refused = plain.seal(packets, "10.9.9.9")
    assert refused[0] is Refused
    assert fast.seal(packets, "10.9.9.9") == refused


@pytest.mark.parametrize("n", [1, 4, 100])
def test_packets_that_wait_for_a_session_come_out_alike(n: int) -> None:
    plain, fast = ways(connected=False)
    packets = [packet(f"{row:3}") for row in range(n)]
    staged = plain.seal(packets)
    assert staged[0] is Staged
    assert fast.seal(packets) == staged
    for way in (plain, fast):
        way.pair.carry_out(
            way.pair.left, way.pair.left.device.tick(0.0, way.pair.wall(way.pair.left), way.pair.left.rng)
        )
        way.pair.advance(1)
    assert fast.pair.right.inbox == plain.pair.right.inbox == packets


@pytest.mark.parametrize(("size", "kind"), [(65472, Sealed), (65473, Refused)])
def test_a_packet_too_long_for_a_datagram_is_refused_alike(size: int, kind: type) -> None:
    """Sealed it has 32 bytes more, and a UDP datagram over IPv4 carries 65507."""
    plain, fast = ways()
    packets = [packet("x"), packet("x" * (size - 20)), packet("x")]
    sealed = plain.seal(packets)
    assert sealed[0] is kind
    assert fast.seal(packets) == sealed
