"""Sealing and opening a train gives byte for byte what sealing and opening row by row gives."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glasstunnel.wireguard import vector
from glasstunnel.wireguard.events import Drop
from glasstunnel.wireguard.keypair import Keypair
from glasstunnel.wireguard.transport import open_rows, seal_rows
from tests.ip.packets import payload_of
from tests.wireguard import paper
from tests.wireguard.trains import (
    burst_of_datagrams,
    burst_of_packets,
    noisy,
    train_of_datagrams,
    train_of_packets,
)

A, B = b"a" * 32, b"b" * 32
LIMIT = 2**64 - 2**13 - 1  # WP §6: Reject-After-Messages
SHORTER = st.dictionaries(st.integers(0, 255), st.integers(0, 1 << 16), max_size=5)


def ends() -> tuple[Keypair, Keypair]:
    """The initiator's keypair and the responder's."""
    return Keypair(A, B, 0x11, 0x22, True, 0.0), Keypair(B, A, 0x22, 0x11, False, 0.0)


def items_of(n: int, whole: int, shorter: dict[int, int]) -> list[bytes]:
    """So many packets of ``whole`` bytes, as many as a train holds, and some that are shorter."""
    n = min(n, (256 << 10) // (whole + 64))
    return [payload_of(shorter.get(row, whole) % (whole + 1), row) for row in range(n)]


# Sealing


@given(
    n=st.integers(1, 256) | st.integers(1, 6),
    whole=st.integers(0, 1500) | st.integers(0, 40),
    shorter=SHORTER,
    mtu=st.sampled_from([0, 1, 17, 576, 1280, 1419, 1420, 9000, 65535]) | st.integers(1, 1600),
    counter=st.sampled_from([0, 255, 2**32 - 3, 2**60, LIMIT - 256]),
)
@example(256, 960, {}, 1420, 0)
@example(4, 60000, {3: 59999}, 65535, 0)
@example(5, 1420, {0: 0, 4: 1419}, 1420, 1)
def test_a_sealed_train_is_the_sealed_burst_to_the_byte(
    n: int, whole: int, shorter: dict[int, int], mtu: int, counter: int
) -> None:
    items = items_of(n, whole, shorter)
    one, other = ends()[0], ends()[0]
    one.sending_counter = other.sending_counter = counter
    burst, train = burst_of_packets(items), train_of_packets(items, mtu)
    assert vector.seal(other, train, mtu) == seal_rows(one, burst, mtu)
    assert [bytes(sealed) for sealed in train.datagrams()] == [bytes(sealed) for sealed in burst.datagrams()]
    assert other.sending_counter == one.sending_counter == counter + len(items)


@pytest.mark.parametrize("n", [1, 3, 4, 5, 255, 256])
def test_a_sealed_train_is_the_papers(n: int) -> None:
    items = [payload_of(100, row) for row in range(n)]
    train = train_of_packets(items, 1420)
    assert vector.seal(ends()[0], train, 1420) == n * (16 + 112 + 16)
    expected = [paper.transport_data(A, 0x22, counter, item) for counter, item in enumerate(items)]
    assert [bytes(one) for one in train.datagrams()] == expected


def test_a_reused_train_pads_with_zeros() -> None:
    ours, theirs = ends()
    train = noisy()
    for size in (1400, 5, 100, 33):
        train.arrange(32 + 1408)
        train.fill(8, size, {7: size - 1})
        for row in range(8):
            train.plain[row][:size] = b"\xee" * size
        vector.seal(ours, train, 1420)
        assert vector.open_(theirs, train, LIMIT) == {}
        for row, packet in enumerate(train.packets()):
            own = size - (row == 7)
            assert bytes(packet) == b"\xee" * own + bytes(-own % 16)


# Opening


def outcome(theirs: Keypair, items: Sequence[bytes], *, vectored: bool) -> tuple[object, ...]:
    """Verdicts of rows that are no good, packets of those that are good, and the window."""
    burst = train_of_datagrams(items) if vectored else burst_of_datagrams(items)
    if vectored:
        failed = vector.open_(theirs, burst, LIMIT)
    else:
        verdicts = open_rows(theirs, burst, LIMIT)
        failed = {row: verdict for row, verdict in verdicts if verdict is not None}
    good = [row for row in range(len(items)) if row not in failed]
    window = theirs.window
    return failed, [bytes(one) for one in burst.packets(good)], window.greatest, list(window._words)


def datagram(counter: int, packet: bytes) -> bytes:
    """As the paper seals it, padded or not."""
    header = b"\x04\0\0\0" + (0x22).to_bytes(4, "little") + counter.to_bytes(8, "little")
    return header + paper.aead(A, counter, packet, b"")


COUNTERS = st.one_of(
    st.integers(0, 40),
    st.integers(0, 20_000),
    st.integers(LIMIT - 5, LIMIT + 5),
    st.integers(2**64 - 4, 2**64 - 1),
)


@given(
    runs=st.lists(st.tuples(COUNTERS, st.integers(1, 70)), min_size=1, max_size=4),
    whole=st.integers(0, 200),
    shorter=SHORTER,
    forged=st.dictionaries(st.integers(0, 255), st.integers(0, 10_000), max_size=4),
    swapped=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=3),
)
@example([(0, 64), (0, 64)], 64, {}, {0: 20, 63: 20, 64: 20, 127: 20}, [])
@example([(LIMIT - 4, 4)], 64, {}, {}, [])
@example([(LIMIT - 4, 5)], 64, {}, {}, [])
@example([(2**64 - 4, 4)], 64, {}, {}, [])
@example([(100, 8), (3, 8)], 16, {}, {}, [])
def test_an_opened_train_is_the_opened_burst(
    runs: list[tuple[int, int]],
    whole: int,
    shorter: dict[int, int],
    forged: dict[int, int],
    swapped: list[tuple[int, int]],
) -> None:
    counters = [counter for first, n in runs for counter in range(first, min(first + n, 2**64))][:256]
    for a, b in swapped:
        a, b = a % len(counters), b % len(counters)
        counters[a], counters[b] = counters[b], counters[a]
    items = [
        datagram(counter, payload_of(shorter.get(row, whole) % (whole + 1), row))
        for row, counter in enumerate(counters)
    ]
    for row, place in forged.items():
        item = bytearray(items[row % len(items)])
        item[8 + place % (len(item) - 8)] ^= 1
        items[row % len(items)] = bytes(item)
    one, other = ends()[1], ends()[1]
    for part in (items, items[:5], items):  # the second and the third are repetitions
        assert outcome(other, part, vectored=True) == outcome(one, part, vectored=False)


@pytest.mark.parametrize("n", [1, 3, 4, 256])
def test_a_train_in_order_is_opened_whole(n: int) -> None:
    packets = [payload_of(96, row) for row in range(n)]
    items = [datagram(counter, packet) for counter, packet in enumerate(packets)]
    failed, opened, greatest, _ = outcome(ends()[1], items, vectored=True)
    assert (failed, opened, greatest) == ({}, packets, n - 1)


@pytest.mark.parametrize("place", [0, 1, 6, 7])
def test_a_forged_row_spoils_no_neighbour(place: int) -> None:
    packets = [payload_of(96, row) for row in range(8)]
    items = [datagram(counter, packet) for counter, packet in enumerate(packets)]
    items[place] = items[place][:-1] + bytes((items[place][-1] ^ 1,))
    failed, opened, _, _ = outcome(ends()[1], items, vectored=True)
    assert failed == {place: Drop.NOT_AUTHENTIC}
    assert opened == packets[:place] + packets[place + 1 :]


def test_a_train_of_nothing_but_forged_rows_moves_nothing() -> None:
    items = [datagram(counter, bytes(32))[:-1] + b"\0" for counter in range(100, 164)]
    failed, opened, greatest, words = outcome(ends()[1], items, vectored=True)
    assert failed == dict.fromkeys(range(64), Drop.NOT_AUTHENTIC)
    assert (opened, greatest, words) == ([], -1, [])


def test_a_repetition_within_a_train_and_of_a_train_is_refused() -> None:
    items = [datagram(counter, bytes(32)) for counter in (0, 1, 2, 3, 2)]
    theirs = ends()[1]
    assert outcome(theirs, items, vectored=True)[0] == {4: Drop.REPLAYED}
    assert outcome(theirs, items, vectored=True)[0] == dict.fromkeys(range(5), Drop.REPLAYED)


@pytest.mark.parametrize(("first", "taken"), [(LIMIT - 8, 8), (LIMIT - 4, 4), (LIMIT, 0), (2**64 - 8, 0)])
def test_no_counter_at_or_beyond_reject_after_messages_is_taken(first: int, taken: int) -> None:
    items = [datagram(first + n, bytes(32)) for n in range(8)]
    failed = outcome(ends()[1], items, vectored=True)[0]
    assert failed == dict.fromkeys(range(taken, 8), Drop.REPLAYED)


@pytest.mark.parametrize("size", [0, 8, 15, 16, 31])
@pytest.mark.parametrize("place", [0, 3, 7])
def test_a_row_below_32_bytes_is_malformed_and_its_neighbours_are_opened(size: int, place: int) -> None:
    packets = [payload_of(96, row) for row in range(8)]
    items = [datagram(counter, packet) for counter, packet in enumerate(packets)]
    items[place] = items[place][:size]
    failed, opened, _, _ = outcome(ends()[1], items, vectored=True)
    assert failed == {place: Drop.MALFORMED}
    assert opened == packets[:place] + packets[place + 1 :]


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=8))
def test_any_bytes_are_only_ever_refused(items: list[bytes]) -> None:
    failed, opened, greatest, _ = outcome(ends()[1], items, vectored=True)
    assert isinstance(failed, dict)
    assert sorted(failed) == list(range(len(items)))
    assert (opened, greatest) == ([], -1)
