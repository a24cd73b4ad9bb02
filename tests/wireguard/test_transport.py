"""Transport data against the paper, WP §5.4.6, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.events import Drop
from glasstunnel.wireguard.keypair import Keypair
from glasstunnel.wireguard.transport import open_rows, seal_rows
from tests.wireguard import paper

A, B = b"a" * 32, b"b" * 32
LIMIT = 2**64 - 2**13 - 1
PACKETS = st.lists(st.binary(min_size=0, max_size=1420), min_size=1, max_size=8)


def ends() -> tuple[Keypair, Keypair]:
    """The initiator's keypair and the responder's."""
    return Keypair(A, B, 0x11, 0x22, True, 0.0), Keypair(B, A, 0x22, 0x11, False, 0.0)


def packets(*items: bytes) -> Burst:
    burst = Burst(max(1, len(items)), 1420)
    for item in items:
        burst.add_packet(item)
    return burst


def datagrams(*items: bytes) -> Burst:
    burst = Burst(max(1, len(items)), 1500)
    for item in items:
        burst.add_datagram(item)
    return burst


@given(PACKETS)
def test_sealed_rows_are_the_papers_to_the_byte(items: list[bytes]) -> None:
    ours, _ = ends()
    burst = packets(*items)
    total = seal_rows(ours, burst, 65535)
    expected = [paper.transport_data(A, 0x22, counter, item) for counter, item in enumerate(items)]
    assert [bytes(d) for d in burst.datagrams()] == expected
    assert total == sum(map(len, expected))
    assert ours.sending_counter == len(items)


@given(PACKETS)
def test_what_one_end_seals_the_other_opens(items: list[bytes]) -> None:
    ours, theirs = ends()
    burst = packets(*items)
    seal_rows(ours, burst, 1420)
    assert [verdict for _, verdict in open_rows(theirs, burst, LIMIT)] == [None] * len(items)
    for i, item in enumerate(items):
        assert bytes(burst.plain[i][: len(item)]) == item
        assert not any(burst.plain[i][len(item) : burst.size[i]])


def test_a_reused_row_pads_with_zeros_and_not_with_what_was_there() -> None:
    ours, theirs = ends()
    burst = packets(b"\xff" * 1420)
    seal_rows(ours, burst, 1420)
    burst.n = 0
    burst.add_packet(b"\xee" * 5)
    seal_rows(ours, burst, 1420)
    assert list(open_rows(theirs, burst, LIMIT)) == [(0, None)]
    assert bytes(burst.plain[0][: burst.size[0]]) == b"\xee" * 5 + bytes(11)


def test_a_packet_at_the_mtu_is_not_padded_past_it() -> None:
    ours, _ = ends()
    burst = packets(bytes(1415), bytes(1420))
    seal_rows(ours, burst, 1420)
    assert list(burst.size) == [16 + 1420 + 16, 16 + 1420 + 16]


def test_an_empty_packet_is_a_keepalive_of_32_bytes() -> None:
    ours, theirs = ends()
    burst = packets(b"")
    assert seal_rows(ours, burst, 1420) == 32
    assert list(open_rows(theirs, burst, LIMIT)) == [(0, None)]
    assert burst.size[0] == 0


def test_a_forged_row_does_not_spoil_its_neighbours() -> None:
    _, theirs = ends()
    good = [paper.transport_data(A, 0x22, counter, b"packet") for counter in range(4)]
    for place in range(8, len(good[0])):
        forged = bytearray(good[1])
        forged[place] ^= 0x40
        _, theirs = ends()
        burst = datagrams(good[0], bytes(forged), good[2], b"\4\0\0\0" + bytes(27), good[3])
        verdicts = [verdict for _, verdict in open_rows(theirs, burst, LIMIT)]
        assert verdicts == [None, Drop.NOT_AUTHENTIC, None, Drop.MALFORMED, None]
        assert theirs.window.greatest == 3


def test_the_window_moves_only_after_authentication() -> None:
    _, theirs = ends()
    forged = bytearray(paper.transport_data(A, 0x22, 1_000_000, b"packet"))
    forged[-1] ^= 1
    assert [v for _, v in open_rows(theirs, datagrams(bytes(forged)), LIMIT)] == [Drop.NOT_AUTHENTIC]
    assert theirs.window.greatest == -1
    assert [v for _, v in open_rows(theirs, datagrams(paper.transport_data(A, 0x22, 0, b"x")), LIMIT)] == [
        None
    ]


def test_a_repeated_counter_is_refused_in_one_burst_and_in_the_next() -> None:
    _, theirs = ends()
    data = paper.transport_data(A, 0x22, 5, b"packet")
    assert [v for _, v in open_rows(theirs, datagrams(data, data), LIMIT)] == [None, Drop.REPLAYED]
    assert [v for _, v in open_rows(theirs, datagrams(data), LIMIT)] == [Drop.REPLAYED]


@pytest.mark.parametrize(
    ("counter", "verdict"), [(LIMIT - 1, None), (LIMIT, Drop.REPLAYED), (2**64 - 1, Drop.REPLAYED)]
)
def test_no_counter_at_or_beyond_reject_after_messages_is_taken(counter: int, verdict: Drop | None) -> None:
    _, theirs = ends()
    data = paper.transport_data(A, 0x22, counter, b"packet")
    assert [v for _, v in open_rows(theirs, datagrams(data), LIMIT)] == [verdict]


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_any_bytes_are_only_ever_refused(items: list[bytes]) -> None:
    _, theirs = ends()
    verdicts = [verdict for _, verdict in open_rows(theirs, datagrams(*items), LIMIT)]
    assert set(verdicts) <= {Drop.MALFORMED, Drop.NOT_AUTHENTIC}
    assert theirs.window.greatest == -1
