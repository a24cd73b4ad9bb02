"""Rows of a burst: room in front for 16 bytes of header, behind for 15 of padding and 16 of tag."""

import pytest

from glasstunnel.wireguard.burst import HEADROOM, TAILROOM, Burst


def test_a_row_has_room_for_header_padding_and_tag() -> None:
    assert (HEADROOM, TAILROOM) == (16, 15 + 16)
    for mtu in (0, 576, 1420, 9000, 65535):
        burst = Burst(3, mtu)
        assert burst.pitch >= 16 + mtu + 31
        assert len(burst.buf) == 3 * burst.pitch


def test_rows_are_views_of_one_buffer() -> None:
    burst = Burst(2, 100)
    burst.add_packet(b"one")
    burst.add_packet(b"two!")
    assert (burst.n, list(burst.size)) == (2, [3, 4])
    assert bytes(burst.buf[16:19]) == b"one"
    assert bytes(burst.buf[burst.pitch + 16 : burst.pitch + 20]) == b"two!"
    assert [bytes(p) for p in burst.packets()] == [b"one", b"two!"]
    assert [bytes(p) for p in burst.packets([1])] == [b"two!"]
    burst.n = 0
    burst.add_datagram(b"datagram")
    assert bytes(burst.buf[:8]) == b"datagram"
    assert [bytes(d) for d in burst.datagrams()] == [b"datagram"]


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="rows: expected at least 1, got 0"):
        Burst(0, 1420)
    with pytest.raises(ValueError, match="mtu: expected 0 to 65535 bytes, got 65536"):
        Burst(1, 65536)
