"""What has been opened as a train passes as it would row by row: WP §5.4.6, RFC 6040."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip import ipv4
from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard.arrivals import accept
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Drop
from glasstunnel.wireguard.peer import Peer
from glasstunnel.wireguard.train import Train
from tests.wireguard.pair import packet
from tests.wireguard.trains import burst_of_packets, train_of_packets


def peer_of(device: Device) -> Peer:
    """A peer with three addresses of its own."""
    own = [("10.0.0.1", 32), ("10.0.0.7", 32), ("fd00::1", 128)]
    return device.add_peer(
        bytes(32), allowed_ips=[(parse_address(address), length) for address, length in own]
    )


def arrive(items: Sequence[bytes], ecn: int, make: Callable[[Sequence[bytes]], Burst]) -> tuple[object, ...]:
    """What passes of these padded packets, what is counted, and how long they are then."""
    device = Device(b"\1" * 32)
    peer = peer_of(device)
    burst = make(items)
    rows = [row for row in range(len(items)) if items[row]]  # the empty ones were keepalives
    found = list(
        accept(device.allowed_ips, peer, burst, range(burst.n) if len(rows) == burst.n else rows, ecn)
    )
    if isinstance(burst, Train):  # what joins the packets relies on it
        assert all(burst.size[row] == burst.shorter.get(row, burst.whole) for row in found)
        assert all(burst.size[row] <= burst.whole for row in found)
    return found, [bytes(one) for one in burst.packets(found)], peer.rx_bytes, dict(peer.drops), device.drops


def as_train(items: Sequence[bytes]) -> Burst:
    return train_of_packets(items, 0)


def both_ways(items: Sequence[bytes], ecn: int = 0) -> tuple[list[bytes], int, dict[Drop, int]]:
    """The packets that pass, and what is counted, which must be the same on both ways."""
    vectored = arrive(items, ecn, as_train)
    assert vectored == arrive(items, ecn, burst_of_packets)
    _, packets, rx_bytes, drops, _ = vectored
    assert isinstance(packets, list)
    assert isinstance(rx_bytes, int)
    assert isinstance(drops, dict)
    return packets, rx_bytes, drops


def padded(one: bytes, multiple: int = 16) -> bytes:
    return one + bytes(-len(one) % multiple)


@pytest.mark.parametrize("source", ["10.0.0.1", "fd00::1"])
@pytest.mark.parametrize("tail", [40, 17, 1])
def test_a_train_of_one_source_passes_without_its_padding(source: str, tail: int) -> None:
    destination = "10.0.0.2" if "." in source else "fd00::2"
    packets = [packet("x" * size, source, destination) for size in [41] * 7 + [tail]]
    passed, rx_bytes, drops = both_ways([padded(one) for one in packets])
    assert passed == packets
    assert rx_bytes == sum(32 + len(padded(one)) for one in packets)
    assert drops == {}


def test_a_shorter_packet_may_stand_anywhere() -> None:
    for place in range(6):
        packets = [packet("x" * (3 if row == place else 40)) for row in range(6)]
        assert both_ways([padded(one) for one in packets])[0] == packets


def test_a_train_of_a_source_that_is_not_the_peers_is_dropped_whole() -> None:
    passed, rx_bytes, drops = both_ways([packet("x", source="10.0.0.9")] * 8)
    assert (passed, rx_bytes, drops) == ([], 0, {Drop.WRONG_SOURCE: 8})


@pytest.mark.parametrize("place", [0, 1, 7])
@pytest.mark.parametrize("source", ["10.0.0.7", "10.0.0.9"])
def test_each_of_mixed_sources_is_looked_at(place: int, source: str) -> None:
    packets = [packet("x", source=source if row == place else "10.0.0.1") for row in range(8)]
    passed, _, drops = both_ways(packets)
    mine = source == "10.0.0.7"
    assert passed == (packets if mine else packets[:place] + packets[place + 1 :])
    assert drops == ({} if mine else {Drop.WRONG_SOURCE: 1})


@pytest.mark.parametrize("place", [0, 1, 7])
@pytest.mark.parametrize(
    "wrong",
    [
        b"\x45\0\0\xff",  # longer than what arrived
        b"\x45\0\0\x13",  # shorter than a header
        b"\x4f\0\0\x15",  # a header longer than the packet
        b"\x55\0\0\x15",  # no version of IP
        b"\x60\0\0\0\0\xff",
    ],
)
def test_a_packet_whose_header_cannot_be_believed_is_dropped_alone(place: int, wrong: bytes) -> None:
    packets = [padded(packet("x" * 20))] * 8
    packets[place] = wrong + packets[place][len(wrong) :]
    passed, _, drops = both_ways(packets)
    assert passed == [packet("x" * 20)] * 7
    assert drops == {Drop.NOT_IP: 1}
    assert both_ways([packets[place]] * 8)[2] == {Drop.NOT_IP: 8}


def test_a_packet_that_states_less_than_its_neighbours_is_trimmed_alone() -> None:
    packets = [padded(packet("x" * size)) for size in (20, 20, 10, 20)]
    packets[2] += bytes(len(packets[0]) - len(packets[2]))
    assert both_ways(packets)[0] == [packet("x" * size) for size in (20, 20, 10, 20)]


def test_shorter_rows_may_hold_longer_packets_than_the_others() -> None:
    """Nothing says that padding is short."""
    packets = [packet("x") + bytes(75)] * 5 + [packet("x" * 40)]
    assert both_ways(packets)[0] == [packet("x")] * 5 + [packet("x" * 40)]


@pytest.mark.parametrize("size", [1, 16, 19])
def test_what_is_too_short_for_a_header_is_dropped(size: int) -> None:
    assert both_ways([b"\x45" + bytes(size - 1)] * 8)[2] == {Drop.NOT_IP: 8}
    assert both_ways([b"\x65" + bytes(size - 1)] * 8)[2] == {Drop.NOT_IP: 8}
    assert both_ways([packet("x")] * 7 + [packet("x")[:size]])[2] == {Drop.NOT_IP: 1}


def test_keepalives_between_packets_are_no_packets() -> None:
    packets = [packet("x"), b"", packet("x"), packet("x"), b"", packet("x")]
    assert both_ways(packets)[0] == [packet("x")] * 4


@pytest.mark.parametrize("outer", [0, 1, 2, 3])
@pytest.mark.parametrize("inner", [0, 1, 2, 3])
def test_marks_outside_are_carried_into_every_packet_of_a_train(outer: int, inner: int) -> None:
    """RFC 6040 §4.2, figure 4, and the kernel where the RFC would log."""
    passed, _, drops = both_ways([packet("x", ecn=inner)] * 8, outer)
    if outer == 3 and inner == 0:
        assert (passed, drops) == ([], {Drop.CONGESTION: 8})
        return
    expected = 3 if outer == 3 else 1 if (outer, inner) == (1, 2) else inner
    assert [ipv4.Packet(one).ecn for one in passed] == [expected] * 8
    assert all(ipv4.Packet(one).checksum_ok for one in passed)


@given(
    items=st.lists(
        st.one_of(
            st.builds(
                lambda size, source, ecn, more: packet("x" * size, source, ecn=ecn) + bytes(more),
                st.integers(0, 60),
                st.sampled_from(["10.0.0.1", "10.0.0.1", "10.0.0.7", "10.0.0.9"]),
                st.integers(0, 3),
                st.integers(0, 16),
            ),
            st.builds(
                lambda size, more: packet("x" * size, "fd00::1", "fd00::2") + bytes(more),
                st.integers(0, 60),
                st.integers(0, 16),
            ),
            st.binary(max_size=80),
        ),
        min_size=1,
        max_size=12,
    ),
    same=st.booleans(),
    ecn=st.integers(0, 3),
    changed=st.dictionaries(
        st.integers(0, 11), st.tuples(st.integers(0, 79), st.integers(0, 255)), max_size=3
    ),
)
def test_a_train_passes_as_its_rows_one_by_one(
    items: list[bytes], same: bool, ecn: int, changed: dict[int, tuple[int, int]]
) -> None:
    if same:
        items = items[:1] * 12
    for row, (place, value) in changed.items():
        if row < len(items) and place < len(items[row]):
            items[row] = items[row][:place] + bytes((value,)) + items[row][place + 1 :]
    both_ways(items, ecn)
