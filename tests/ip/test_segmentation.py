"""Super-packets are cut into what the kernel would have sent without segmentation offload."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip import PacketError, ipv4, ipv6, tcp, udp
from glasstunnel.ip.segmentation import SuperPacket
from glasstunnel.ip.tcp import Flag
from glasstunnel.ip.virtio import VnetHeader
from tests.ip.packets import NOISE, TCP, TIMESTAMPS, UDP, Flow, flows, of_rows, payload_of


def cut(packet: bytes, todo: VnetHeader, first: int = 0, n: int = 0) -> list[bytes]:
    """Cut ``n`` packets, by default all, as a train would hold them."""
    made = SuperPacket(memoryview(packet), todo)
    n = n or made.packets - first
    rows = np.full((n + 1, made.size + 1), NOISE, np.uint8)
    last = made.cut(rows, first, n)
    assert set(rows[n].tolist()) == {NOISE}, "one row too many"
    return of_rows(rows[:n], [*[made.size] * (n - 1), last])


def segments(flow: Flow, payload: bytes, step: int) -> list[bytes]:
    return cut(*flow.super_packet(payload, step))


def tcp_of(packet: bytes) -> tcp.Segment:
    return tcp.Segment((ipv4.Packet(packet) if packet[0] >> 4 == 4 else ipv6.Packet(packet)).payload)


@given(flows(), st.integers(1, 1500), st.integers(0, 6), st.integers(1, 1500), st.integers(0, 99))
def test_a_super_packet_is_cut_into_the_packets_built_one_by_one(
    flow: Flow, step: int, more: int, tail: int, seed: int
) -> None:
    payload = payload_of(more * step + min(tail, step), seed)
    assert segments(flow, payload, step) == flow.segments(payload, step)


@given(flows(), st.integers(1, 40), st.integers(2, 250), st.data())
def test_any_part_of_it_is_the_same_part_of_all(
    flow: Flow, step: int, size: int, data: st.DataObject
) -> None:
    payload = payload_of(size, step)
    packets = -(-size // step)
    first = data.draw(st.integers(0, packets - 1))
    n = data.draw(st.integers(1, min(packets - first, 256)))
    expected = flow.segments(payload, step)[first : first + n]
    assert cut(*flow.super_packet(payload, step), first, n) == expected


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_the_longest_super_packet_is_cut_in_trains_of_256(version: int, protocol: int) -> None:
    flow = Flow(version=version, protocol=protocol, dont_fragment=False, identification=0xFFF0)
    payload = payload_of(65535 - flow.begin)
    todo = flow.super_packet(payload, 100)
    found = [packet for first in range(0, 512, 256) for packet in cut(*todo, first, 256)]
    found += cut(*todo, 512)
    assert found == flow.segments(payload, 100)
    assert len(found) == -(-len(payload) // 100)


def test_fin_and_psh_stand_on_the_last_only_and_cwr_on_the_first_only() -> None:
    flow = Flow(flags=Flag.ACK | Flag.PSH | Flag.FIN | Flag.CWR | Flag.ECE, options=TIMESTAMPS)
    packet, todo = flow.super_packet(payload_of(2500), 1000)
    assert todo.gso_type == 1 | 0x80
    first, second, third = (tcp_of(one).flags for one in cut(packet, todo))
    assert first == Flag.ACK | Flag.ECE | Flag.CWR
    assert second == Flag.ACK | Flag.ECE
    assert third == Flag.ACK | Flag.ECE | Flag.PSH | Flag.FIN
    assert [tcp_of(one).flags for one in cut(packet, todo, 1, 1)] == [second]
    assert [tcp_of(one).flags for one in cut(packet, todo, 1, 2)] == [second, third]


def test_a_super_packet_of_one_segment_keeps_all_its_flags() -> None:
    flow = Flow(flags=Flag.ACK | Flag.PSH | Flag.FIN | Flag.CWR)
    (only,) = segments(flow, b"short", 1000)
    assert only == flow.packet(b"short")


def test_sequence_numbers_wrap() -> None:
    found = segments(Flow(sequence=2**32 - 1500), payload_of(3000), 1000)
    assert [tcp_of(one).sequence for one in found] == [2**32 - 1500, 2**32 - 500, 500]


@pytest.mark.parametrize(("dont_fragment", "expected"), [(False, [65535, 0, 1]), (True, [65535] * 3)])
def test_the_identification_is_counted_unless_nothing_may_fragment(
    dont_fragment: bool, expected: list[int]
) -> None:
    """RFC 6864 §4.1: of a packet that nobody may fragment the identification says nothing."""
    found = segments(Flow(dont_fragment=dont_fragment, identification=65535), payload_of(2001), 1000)
    views = [ipv4.Packet(one) for one in found]
    assert [view.identification for view in views] == expected
    assert all(view.checksum_ok for view in views)


def test_extension_headers_of_ipv6_stand_in_every_packet() -> None:
    flow = Flow(version=6, extensions=(0, 60))
    found = [ipv6.Packet(one) for one in segments(flow, payload_of(2001), 1000)]
    assert [view.upper_layer().offset for view in found] == [56] * 3
    for view in found:
        assert tcp.Segment(view.buf[56:]).checksum_ok(view.source, view.destination)
    assert [len(view.payload) for view in found] == [16 + 20 + size for size in (1000, 1000, 1)]


@pytest.mark.parametrize("version", [4, 6])
def test_each_datagram_states_its_own_length(version: int) -> None:
    found = segments(Flow(version=version, protocol=UDP), payload_of(2001), 1000)
    datagrams = [udp.Datagram(one[20 if version == 4 else 40 :]) for one in found]
    assert [datagram.length for datagram in datagrams] == [1008, 1008, 9]


@pytest.mark.parametrize(("protocol", "field"), [(UDP, b"\xff\xff"), (TCP, b"\0\0")])
def test_a_checksum_of_zero_is_written_so_only_by_tcp(protocol: int, field: bytes) -> None:
    """RFC 768: a computed zero is transmitted as all ones, for zero means that there is none."""
    flow = Flow(protocol=protocol)
    place = flow.upper + (16 if protocol == TCP else 6)
    zeros = flow.segments(bytes(200), 100)[0]
    payload = zeros[place : place + 2] + bytes(198)
    found = segments(flow, payload, 100)
    assert found == flow.segments(payload, 100)
    assert found[0][place : place + 2] == field


def test_gso_types_that_tell_of_ecn_are_read_like_those_that_do_not() -> None:
    packet, todo = Flow().super_packet(payload_of(300), 100)
    assert cut(packet, todo._replace(gso_type=0x81)) == cut(packet, todo)


def test_the_hint_at_the_headers_length_is_not_asked() -> None:
    packet, todo = Flow(options=TIMESTAMPS).super_packet(payload_of(300), 100)
    assert (
        cut(packet, todo._replace(hdr_len=0))
        == cut(packet, todo._replace(hdr_len=65535))
        == cut(packet, todo)
    )


def offset(packet: bytes, words: int) -> bytes:
    """The packet with another data offset in its TCP header, which begins at 20."""
    return packet[:32] + bytes((words << 4 | packet[32] & 15,)) + packet[33:]


PACKET, TODO = Flow().super_packet(payload_of(300), 100)
DATAGRAM, UDP_TODO = Flow(protocol=UDP).super_packet(payload_of(300), 100)
SIX, TODO_SIX = Flow(version=6).super_packet(payload_of(300), 100)


@pytest.mark.parametrize(
    ("packet", "todo", "message"),
    [
        (PACKET, TODO._replace(gso_type=0), "expected TCP or UDP in segments, got VnetHeader(.*gso_type=0"),
        (PACKET, TODO._replace(gso_type=3), "expected TCP or UDP in segments, got .*gso_type=3"),
        (PACKET, TODO._replace(gso_size=0), "expected TCP or UDP in segments, got .*gso_size=0"),
        (PACKET, TODO._replace(gso_type=4), "expected TCP or UDP in segments, got .*IP version 4"),
        (SIX, TODO_SIX._replace(gso_type=1), "expected TCP or UDP in segments, got .*IP version 6"),
        (b"\x55" + PACKET[1:], TODO, "expected TCP or UDP in segments, got .*IP version 5"),
        (PACKET, TODO._replace(csum_start=0), "expected the checksum to begin at 20 bytes, got 0"),
        (PACKET, TODO._replace(csum_start=24), "expected the checksum to begin at 20 bytes, got 24"),
        (SIX, TODO_SIX._replace(csum_start=20), "expected the checksum to begin at 40 bytes, got 20"),
        (SIX, TODO_SIX._replace(csum_start=60000), "expected a payload from byte 60020 on, got 60020 of 360"),
        (PACKET[:40], TODO, "expected a payload from byte 40 on, got 40 of 40"),
        (PACKET[:21], TODO, "expected a payload from byte 40 on, got 40 of 21"),
        (offset(PACKET, 0), TODO, "expected a payload from byte 40 on, got 20 of 340"),
        (offset(PACKET, 4), TODO, "expected a payload from byte 40 on, got 36 of 340"),
        (offset(PACKET, 15)[:80], TODO, "expected a payload from byte 40 on, got 80 of 80"),
        (DATAGRAM[:28], UDP_TODO, "expected a payload from byte 28 on, got 28 of 28"),
    ],
)
def test_a_packet_and_a_header_that_contradict_each_other_are_refused(
    packet: bytes, todo: VnetHeader, message: str
) -> None:
    with pytest.raises(PacketError, match="^super-packet: " + message.replace("(.", "\\(.")) as caught:
        SuperPacket(memoryview(packet), todo)
    assert "\n" not in str(caught.value)


def test_one_segment_of_every_size_has_right_checksums() -> None:
    flow = Flow(version=6, protocol=UDP)
    for size in range(1, 70):
        assert segments(flow, payload_of(200, size), size) == flow.segments(payload_of(200, size), size)
        assert segments(replace(flow, version=4), payload_of(size), 99) == [
            replace(flow, version=4).packet(payload_of(size))
        ]
