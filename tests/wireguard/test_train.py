"""A train is a burst: rows of one pitch without gaps, and views of them that are made once."""

import pytest

from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.train import Train
from tests.wireguard.trains import train_of_datagrams, train_of_packets


def test_rows_lie_end_to_end_and_a_packet_lies_16_bytes_behind_its_row() -> None:
    train = Train()
    train.arrange(100)
    train.layout.reach(256)
    for row in range(256):
        train.wire[row][:] = bytes((row,)) * 100
    assert bytes(train.buf[: 256 * 100]) == b"".join(bytes((row,)) * 100 for row in range(256))
    assert [len(view) for view in train.wire] == [100] * 256
    assert [len(view) for view in train.plain] == [84] * 256
    train.plain[3][:1] = b"\xff"
    assert train.buf[3 * 100 + 16] == 0xFF
    assert train.rows.shape == (256, 100)
    assert train.rows[3, 16] == 0xFF


def test_a_train_is_256_rows_or_256_kibibytes() -> None:
    train = Train()
    for pitch, capacity in ((32, 256), (1024, 256), (1025, 255), (1452, 180), (65535, 4), (65582, 3)):
        train.arrange(pitch)
        train.layout.reach(256)
        assert (train.pitch, train.capacity, len(train.wire), len(train.rows)) == (pitch, *[capacity] * 3)


def test_rows_are_prepared_when_they_come_into_use() -> None:
    """Datagrams of ever new lengths cost a stranger's sender more than they cost us."""
    train = Train()
    train.arrange(1452)
    assert len(train.wire) == len(train.plain) == 4
    for n, prepared in ((1, 4), (4, 4), (5, 8), (6, 8), (45, 45), (46, 90), (100, 180), (180, 180)):
        train.fill(n, 1440, {})
        assert len(train.wire) == len(train.plain) == prepared
        packets, sealed = train.views(1420, {})
        assert len(packets) == len(sealed) == n
    assert [bytes(row[:1]) for row in train.wire] == [bytes(1)] * 180


def test_without_being_arranged_it_takes_any_datagram() -> None:
    train = Train()
    train.add_datagram(b"\x11" * 65535)
    assert isinstance(train, Burst)
    assert [len(one) for one in train.datagrams()] == [65535]


@pytest.mark.parametrize("pitch", [0, 31, 65583])
def test_a_pitch_below_a_keepalive_or_beyond_the_longest_datagram_is_refused(pitch: int) -> None:
    with pytest.raises(AssertionError):
        Train().arrange(pitch)


def test_what_lies_in_the_buffer_stays_there_when_it_is_arranged_anew() -> None:
    train = Train()
    train.buf[:300] = bytes(range(100)) * 3
    for pitch in (100, 50, 32, 100):
        train.arrange(pitch)
    assert [bytes(view) for view in train.wire[:3]] == [bytes(range(100))] * 3


def test_it_is_filled_with_one_size_and_some_that_are_shorter() -> None:
    train = Train()
    train.arrange(200)
    train.fill(5, 180, {2: 60, 4: 7})
    assert (train.n, train.longest) == (5, 180)
    assert list(train.size[:5]) == [180, 180, 60, 180, 7]
    train.fill(2, 90, {})
    assert list(train.size[:2]) == [90, 90]
    assert train.shorter == {}
    assert [len(packet) for packet in train.packets()] == [90, 90]


def test_views_are_of_the_packet_and_of_its_ciphertext_with_the_tag() -> None:
    train = train_of_packets([b"a" * 64, b"b" * 64, b"c" * 10], 1420)
    packets, sealed = train.views(64, {2: 16})
    assert [len(view) for view in packets] == [64, 64, 16]
    assert [len(view) for view in sealed] == [80, 80, 32]
    assert [bytes(view[:10]) for view in packets] == [b"a" * 10, b"b" * 10, b"c" * 10]
    sealed[1][0] = 0
    assert train.plain[1][0] == packets[1][0] == 0


def test_a_shorter_row_spoils_no_view_of_a_later_train() -> None:
    train = train_of_packets([b"a" * 64, b"b" * 10, b"c" * 64], 1420)
    train.views(64, {1: 16})
    packets, sealed = train.views(64, {})
    assert [len(view) for view in packets] == [64, 64, 64]
    assert [len(view) for view in sealed] == [80, 80, 80]


def test_nonces_are_four_zeros_and_the_counter_in_little_endian() -> None:
    train = Train()
    train.counters[:3] = (1, 2**64 - 1, 258)
    assert [bytes(nonce) for nonce in train.nonces[:4]] == [
        bytes(4) + b"\1" + bytes(7),
        bytes(4) + b"\xff" * 8,
        bytes(4) + b"\2\1" + bytes(6),
        bytes(12),
    ]
    assert len(train.nonces) == 256


def test_what_is_remembered_of_pitches_and_sizes_is_bounded() -> None:
    train = train_of_datagrams([bytes(2000)] * 3)
    for pitch in range(32, 300):
        train.arrange(pitch)
        assert len(train._layouts) <= 128
    train.arrange(2000)
    for size in range(300):
        packets, _ = train.views(size, {})
        assert [len(view) for view in packets] == [size] * 3
        assert len(train.layout._views) <= 128
    train.arrange(32)
    assert train.pitch == len(train.wire[0]) == 32
