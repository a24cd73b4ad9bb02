"""The header before each packet of a TUN, against virtio 1.2 §5.1.6, and checksums that were left open."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip import virtio
from glasstunnel.ip.virtio import VnetHeader, finish_checksum, finish_checksums
from tests.ip.packets import CHECKSUM, TCP, UDP, Flow, flows, matrix, of_rows, payload_of, verified


def test_the_constants_are_those_of_virtio() -> None:
    # VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_NONE, _TCPV4, _TCPV6, _UDP_L4, _ECN
    assert virtio.NEEDS_CSUM == 1
    assert (virtio.GSO_NONE, virtio.GSO_TCPV4, virtio.GSO_TCPV6, virtio.GSO_UDP_L4) == (0, 1, 4, 5)
    assert virtio.GSO_ECN == 0x80
    assert virtio.SIZE == 10
    assert bytes(10) == virtio.NOTHING


def test_the_header_is_read_field_by_field_from_little_endian_numbers() -> None:
    header = VnetHeader.parse(bytes((1, 0x81, 0x42, 0, 0x58, 5, 0x14, 0, 0x10, 0)) + b"packet")
    assert header == VnetHeader(
        flags=1, gso_type=0x81, hdr_len=66, gso_size=1368, csum_start=20, csum_offset=16
    )


@given(st.binary(min_size=10, max_size=10))
def test_a_header_that_was_read_is_written_to_the_same_bytes_and_touches_nothing_else(data: bytes) -> None:
    buf = bytearray(b"\xee" * 12)
    VnetHeader.parse(data).write(memoryview(buf))
    assert buf == data + b"\xee\xee"


def test_a_header_of_nothing_is_zero() -> None:
    assert VnetHeader() == VnetHeader.parse(virtio.NOTHING)


def opened(flow: Flow, payload: bytes) -> tuple[bytes, VnetHeader]:
    """An ordinary packet whose checksum is open."""
    return flow.super_packet(payload, 0)


@given(flows(), st.integers(0, 300))
def test_a_checksum_that_was_left_open_is_closed(flow: Flow, size: int) -> None:
    packet, todo = opened(flow, payload_of(size))
    buf = bytearray(packet)
    assert finish_checksum(memoryview(buf), todo.csum_start, todo.csum_offset)
    assert buf == flow.packet(payload_of(size))


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_sum_of_zero_is_closed_with_all_ones(protocol: int) -> None:
    """As skb_checksum_help does: to UDP zero means that there is none, and to TCP both zeros are one."""
    flow = Flow(protocol=protocol)
    place = flow.upper + CHECKSUM[protocol]
    payload = flow.packet(bytes(100))[place : place + 2] + bytes(98)
    packet, todo = opened(flow, payload)
    one = bytearray(packet)
    assert finish_checksum(memoryview(one), todo.csum_start, todo.csum_offset)
    assert one[place : place + 2] == b"\xff\xff"
    assert verified(bytes(one))
    rows, whole, shorter = matrix([packet] * 4)
    finish_checksums(rows, whole, shorter, todo.csum_start, todo.csum_offset)
    assert of_rows(rows, [whole] * 4) == [bytes(one)] * 4


def test_a_field_outside_the_packet_is_refused_and_nothing_is_written() -> None:
    packet, _ = opened(Flow(), b"")
    for start, offset in ((20, 19), (39, 0), (65535, 65535)):
        buf = bytearray(packet)
        assert not finish_checksum(memoryview(buf), start, offset)
        assert buf == packet
    assert finish_checksum(memoryview(bytearray(packet)), 20, 18)


@given(flows(), st.integers(0, 300), st.lists(st.integers(0, 300), max_size=20))
def test_in_rows_they_are_closed_as_one_by_one(flow: Flow, first: int, others: list[int]) -> None:
    sizes = [first, *(min(size, first) for size in others)]
    packets = [opened(flow, payload_of(size, n))[0] for n, size in enumerate(sizes)]
    todo = opened(flow, b"")[1]
    rows, whole, shorter = matrix(packets)
    finish_checksums(rows, whole, shorter, todo.csum_start, todo.csum_offset)
    closed = [bytearray(packet) for packet in packets]
    for one in closed:
        assert finish_checksum(memoryview(one), todo.csum_start, todo.csum_offset)
    assert of_rows(rows, map(len, packets)) == closed


def test_rows_behind_the_packets_may_hold_anything() -> None:
    packet, todo = opened(Flow(version=6), payload_of(101))
    rows, whole, shorter = matrix([packet, packet[:100], packet])
    assert np.all(rows[:, whole] != 0)
    finish_checksums(rows, whole, shorter, todo.csum_start, todo.csum_offset)
    assert rows[0, :whole].tobytes() == Flow(version=6).packet(payload_of(101))
