"""Packets are joined if the kernel would cut them back into the very same, and if each has verified."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glasstunnel.ip import ipv4, merging, udp
from glasstunnel.ip.checksum import checksum, pseudo_header
from glasstunnel.ip.tcp import Flag
from tests.ip.joined import arriving, written
from tests.ip.packets import (
    TCP,
    TIMESTAMPS,
    UDP,
    Flow,
    expand_written,
    flows,
    marked,
    matrix,
    payload_of,
    verified,
    without_meaning,
)

SHAPES = [Flow(version=version, protocol=protocol) for version in (4, 6) for protocol in (TCP, UDP)]
IDS = ["tcp over ipv4", "udp over ipv4", "tcp over ipv6", "udp over ipv6"]
shapes = pytest.mark.parametrize("flow", SHAPES, ids=IDS)


def runs(packets: Sequence[bytes]) -> list[int]:
    """How many packets are in each run."""
    rows, whole, shorter = matrix(packets)
    found = list(merging.runs(rows, whole, shorter))
    assert [begin for begin, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == len(packets)
    return [end - begin for begin, end in found]


# What is joined


@given(
    flow=flows(plain=True),
    step=st.integers(1, 1400),
    more=st.integers(1, 40),
    tail=st.integers(1, 1400),
    end=st.sampled_from([Flag(0), Flag.PSH]),
)
@example(Flow(sequence=2**32 - 200), 100, 5, 7, Flag.PSH)
@example(Flow(version=6, protocol=UDP), 1, 63, 1, Flag(0))
def test_what_was_cut_is_joined_to_the_same_bytes(
    flow: Flow, step: int, more: int, tail: int, end: Flag
) -> None:
    flow = replace(flow, flags=flow.flags | end)
    payload = payload_of(more * step + min(tail, step))
    packet, todo = flow.super_packet(payload, step)
    (joined,) = written(flow.segments(payload, step))
    header = bytearray(10)
    todo.write(memoryview(header))
    assert joined == header + packet


@shapes
def test_neighbours_are_joined_and_the_last_may_be_shorter(flow: Flow) -> None:
    assert runs(flow.segments(payload_of(1000), 100)) == [10]
    assert runs(flow.segments(payload_of(1001), 100)) == [11]
    assert runs(flow.segments(payload_of(101), 100)) == [2]
    assert runs([flow.packet(b"alone")]) == [1]


@shapes
def test_no_more_than_64_are_joined_and_no_more_than_65535_bytes(flow: Flow) -> None:
    """UDP_MAX_SEGMENTS was 64 until Linux 6.9; the length field of IPv4 has 16 bits."""
    flow = replace(flow, dont_fragment=False)
    assert runs(flow.segments(payload_of(200), 1)) == [64, 64, 64, 8]
    most = (65535 - flow.begin) // 1400
    long = [*flow.segments(payload_of(40 * 1400), 1400)]
    follow = replace(flow, sequence=flow.sequence + len(long) * 1400, identification=41)
    long += follow.segments(payload_of(40 * 1400, 1), 1400)
    assert runs(long) == [most, 80 - most]
    assert arriving(long) == long


def test_a_psh_ends_a_run_and_is_the_last_of_it() -> None:
    pushed = Flow(flags=Flag.ACK | Flag.PSH).segments(payload_of(300), 100)
    packets = pushed + Flow(sequence=1300).segments(payload_of(300), 100)
    assert runs(packets) == [3, 3]
    assert arriving(packets) == packets


@pytest.mark.parametrize("ecn", [1, 2, 3])
@shapes
def test_packets_that_are_marked_alike_keep_their_marks(flow: Flow, ecn: int) -> None:
    packets = replace(flow, ecn=ecn).segments(payload_of(450), 100)
    assert runs(packets) == [5]
    assert arriving(packets) == packets


# What is not joined


@shapes
def test_a_packet_that_is_marked_on_the_way_ends_the_run_and_keeps_its_mark(flow: Flow) -> None:
    packets = replace(flow, ecn=2).segments(payload_of(1000), 100)
    packets[4] = marked(packets[4])
    assert verified(packets[4])
    assert runs(packets) == [4, 1, 5]
    packets[5] = marked(packets[5])
    assert runs(packets) == [4, 2, 4]
    assert arriving(packets) == packets


@shapes
@pytest.mark.parametrize("place", [0, 1, 4, 8, 9])
def test_a_packet_whose_checksum_is_wrong_goes_alone(flow: Flow, place: int) -> None:
    packets = flow.segments(payload_of(1000), 100)
    packets[place] = packets[place][:-1] + bytes((packets[place][-1] ^ 1,))
    assert runs(packets) == [n for n in (place, 1, 9 - place) if n]
    assert arriving(packets) == packets


@shapes
def test_a_header_of_ipv4_whose_checksum_is_wrong_goes_alone(flow: Flow) -> None:
    for place in (0, 4, 9):
        packets = replace(flow, version=4).segments(payload_of(1000), 100)
        packets[place] = packets[place][:10] + bytes((packets[place][10] ^ 1,)) + packets[place][11:]
        assert runs(packets) == [n for n in (place, 1, 9 - place) if n]
        packets = [packet[:10] + b"\x12\x34" + packet[12:] for packet in packets]
        assert runs(packets) == [1] * 10


def two_errors(packets: list[bytes]) -> list[bytes]:
    """One more in a word of a packet and one less in the next: together they sum to what they should."""
    for place, change in ((3, 1), (4, -1)):
        word = int.from_bytes(packets[place][-2:]) + change
        packets[place] = packets[place][:-2] + (word % 65536).to_bytes(2)
    return packets


@shapes
def test_errors_of_two_packets_that_cancel_each_other_are_both_seen(flow: Flow) -> None:
    packets = two_errors(flow.segments(b"\x40" * 1000, 100))
    assert runs(packets) == [3, 1, 1, 5]
    assert arriving(packets) == packets


@shapes
@pytest.mark.parametrize("size", [99, 100])
@pytest.mark.parametrize("last", [0, 1])
def test_what_lies_behind_a_packet_vouches_for_nothing(flow: Flow, size: int, last: int) -> None:
    """Padding is the sender's to choose: no byte of it may make a wrong checksum right."""
    packets = flow.segments(b"\x40" * (4 * size - last), size)
    for behind in range(256):
        rows, whole, shorter = matrix(packets)
        for row in range(4):
            rows[row, shorter.get(row, whole) :] = behind
        assert list(merging.runs(rows, whole, shorter)) == [(0, 4)]
    wrong = bytearray(packets[1])
    wrong[flow.upper + (17 if flow.protocol == TCP else 7)] ^= 0x40
    for behind in range(256):
        rows, whole, shorter = matrix([packets[0], bytes(wrong), *packets[2:]])
        rows[1, whole:] = behind
        assert list(merging.runs(rows, whole, shorter)) == [(0, 1), (1, 2), (2, 4)]


OTHERS: list[tuple[str, Callable[[Flow], Flow]]] = [
    ("source port", lambda flow: replace(flow, source_port=40001)),
    ("destination port", lambda flow: replace(flow, destination_port=5202)),
    ("dscp", lambda flow: replace(flow, dscp=10)),
    ("ttl", lambda flow: replace(flow, ttl=63)),
]
OTHERS_OF_TCP: list[tuple[str, Callable[[Flow], Flow]]] = [
    ("acknowledgment", lambda flow: replace(flow, acknowledgment=78)),
    ("window", lambda flow: replace(flow, window=502)),
    ("timestamp", lambda flow: replace(flow, options=TIMESTAMPS[:-1] + b"\xff")),
    ("urgent pointer", lambda flow: replace(flow, urgent_pointer=1)),
    ("gap", lambda flow: replace(flow, sequence=flow.sequence + 1)),
    ("gap of a segment", lambda flow: replace(flow, sequence=flow.sequence + 100)),
    ("retransmission", lambda flow: replace(flow, sequence=flow.sequence - 100)),
    *(
        (str(flag.name), lambda flow, flag=flag: replace(flow, flags=flow.flags | flag))
        for flag in Flag
        if flag not in (Flag.ACK, Flag.PSH)
    ),
    ("no ACK", lambda flow: replace(flow, flags=Flag(0))),
]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    ("protocol", "other"),
    [(protocol, other) for protocol in (TCP, UDP) for _, other in OTHERS]
    + [(TCP, other) for _, other in OTHERS_OF_TCP],
    ids=[f"{protocol} {name}" for protocol in ("tcp", "udp") for name, _ in OTHERS]
    + [f"tcp {name}" for name, _ in OTHERS_OF_TCP],
)
def test_what_differs_in_something_that_segmentation_copies_is_not_joined(
    version: int, protocol: int, other: Callable[[Flow], Flow]
) -> None:
    flow = Flow(version=version, protocol=protocol, options=TIMESTAMPS)
    packets = flow.segments(payload_of(600), 100)
    third = replace(flow, sequence=flow.sequence + 300)
    assert third.packet(payload_of(600)[300:400]) == packets[3]
    packets[3] = other(third).packet(payload_of(600)[300:400])
    assert runs(packets) == [3, 1, 2]
    assert arriving(packets) == packets


def test_packets_of_ipv6_with_other_flow_labels_are_not_joined() -> None:
    packets = [Flow(version=6, protocol=UDP, flow_label=n // 2).packet(b"same") for n in range(6)]
    assert runs(packets) == [2, 2, 2]


@pytest.mark.parametrize("flag", [flag for flag in Flag if flag not in (Flag.ACK, Flag.PSH)])
def test_packets_that_all_have_a_flag_which_means_something_by_itself_go_alone(flag: Flag) -> None:
    flow = Flow(flags=Flag.ACK | flag)
    packets = [replace(flow, sequence=1000 + 100 * n).packet(payload_of(100)) for n in range(5)]
    assert runs(packets) == [1] * 5


@shapes
def test_a_longer_packet_begins_a_run_of_its_own_and_a_shorter_one_ends_it(flow: Flow) -> None:
    sizes, packets = [50, 100, 100, 60, 60, 100, 40], []
    for size in sizes:
        packets.append(flow.packet(payload_of(size)))
        flow = replace(flow, sequence=flow.sequence + size)
    assert runs(packets) == [1, 3, 1, 2]
    assert arriving(packets) == packets


@shapes
def test_an_empty_packet_is_never_joined_for_it_would_be_lost(flow: Flow) -> None:
    """An acknowledgment says something by being there, and an empty datagram too."""
    packets = flow.segments(payload_of(300), 100)
    empty = replace(flow, sequence=1300).packet(b"")
    assert runs([*packets, empty, empty]) == [3, 1, 1]
    assert arriving([*packets, empty, *packets, empty]) == [*packets, empty, *packets, empty]
    assert runs([empty] * 5) == [1] * 5


def test_a_header_that_is_longer_than_its_packet_is_not_joined() -> None:
    """Cut off in its options, which are zeros as what lies behind it, and with checksums that are right."""
    flow = Flow(options=bytes(40))
    packets = [replace(flow, sequence=1000 + 100 * n).packet(payload_of(100)) for n in range(2)]
    cut = bytearray(replace(flow, sequence=1200).packet(b"")[:60])
    cut[2:4] = (60).to_bytes(2)
    cut[10:12] = cut[36:38] = bytes(2)
    cut[10:12] = checksum(cut[:20]).to_bytes(2)
    cut[36:38] = checksum(cut[20:], pseudo_header(*flow.addresses, TCP, 40)).to_bytes(2)
    assert runs([*packets, bytes(cut)]) == [2, 1]
    assert runs([bytes(cut)] * 4) == [1] * 4


def test_fragments_and_packets_with_ip_options_go_alone() -> None:
    plain = ipv4.Header(source=b"1234", destination=b"5678", protocol=UDP)
    data = udp.Header(1, 2).build(payload_of(100), plain.source, plain.destination)
    for header, expected in (
        (plain, [4]),
        (replace(plain, more_fragments=True), [1] * 4),
        (replace(plain, fragment_offset=8), [1] * 4),
        (replace(plain, fragment_offset=2048), [1] * 4),
        (replace(plain, options=b"\1\1\1\1"), [1] * 4),
    ):
        assert runs([replace(header, identification=n).build(data) for n in range(4)]) == expected


def test_packets_with_the_reserved_bit_of_ipv4_go_alone() -> None:
    """As in inet_gro_receive, which takes no bit of the fragment's word but DF."""
    packet = bytearray(Flow(protocol=UDP).packet(b"same"))
    packet[6] |= 0x80
    packet[10:12] = bytes(2)
    packet[10:12] = checksum(packet[:20]).to_bytes(2)
    assert verified(bytes(packet))
    assert runs([bytes(packet)] * 4) == [1] * 4


def test_packets_of_ipv6_with_extension_headers_go_alone() -> None:
    assert runs([Flow(version=6, protocol=UDP, extensions=(60,)).packet(b"same")] * 4) == [1] * 4


def test_other_protocols_go_alone() -> None:
    header = ipv4.Header(source=b"1234", destination=b"5678", protocol=1, dont_fragment=True)
    assert runs([header.build(payload_of(100))] * 4) == [1] * 4
    assert runs([header.build(b"")] * 4) == [1] * 4
    assert runs([b"\x50" + bytes(99)] * 4) == [1] * 4


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_datagram_without_a_checksum_goes_alone(version: int, place: int) -> None:
    """Even if a sum of zero would be right: zero means that there is none (RFC 768, RFC 8200 §8.1)."""
    flow = Flow(version=version, protocol=UDP)
    field = flow.upper + 6
    sum_ = flow.packet(bytes(100))[field : field + 2]
    packets = [flow.packet(sum_ + bytes(98))] * 4
    assert packets[0][field : field + 2] == b"\xff\xff"
    assert runs(packets) == [4]
    packets[place] = packets[place][:field] + bytes(2) + packets[place][field + 2 :]
    assert runs(packets) == [n for n in (place, 1, 3 - place) if n]


@pytest.mark.parametrize("version", [4, 6])
def test_a_datagram_that_states_another_length_goes_alone(version: int) -> None:
    flow = Flow(version=version, protocol=UDP)
    for place in (0, 2, 3):
        packets = flow.segments(payload_of(340), 100)
        packets[place] = packets[place][: flow.upper + 4] + b"\0\x09" + packets[place][flow.upper + 6 :]
        assert runs(packets) == [n for n in (place, 1, 3 - place) if n]


def test_the_identification_of_ipv4_must_count_where_packets_may_be_fragmented() -> None:
    for numbers, expected in (
        ((5, 6, 7, 8), [4]),
        ((65534, 65535, 0, 1), [4]),
        ((5, 5, 5, 5), [1] * 4),
        ((5, 6, 8, 9), [2, 2]),
        ((5, 4, 5, 6), [1, 3]),
    ):
        flow = Flow(protocol=UDP, dont_fragment=False)
        packets = [replace(flow, identification=number).packet(b"same") for number in numbers]
        assert runs(packets) == expected
        assert arriving(packets) == packets
        packets = [replace(flow, identification=n, dont_fragment=True).packet(b"same") for n in numbers]
        assert runs(packets) == [4]


# Mixed trains


def test_flows_whose_headers_have_other_shapes_follow_each_other_in_one_train() -> None:
    packets = []
    for flow in (*SHAPES, Flow(options=TIMESTAMPS), Flow(dont_fragment=False), *SHAPES):
        step = 1400 - flow.begin  # so that all packets have one size
        packets += flow.segments(payload_of(3 * step), step)
    assert runs(packets) == [3] * 10
    assert [*map(without_meaning, arriving(packets))] == [*map(without_meaning, packets)]


def test_packets_of_one_size_but_of_other_shapes_may_take_turns() -> None:
    """As two downloads do, one over IPv4 and one over IPv6, whose packets all fill the MTU."""
    four, six = (
        flow.segments(payload_of(9 * (1400 - flow.begin)), 1400 - flow.begin) for flow in SHAPES[::2]
    )
    packets = [packet for pair in zip(four, six, strict=True) for packet in pair]
    assert runs(packets) == [1] * 18
    packets = [*four[:2], six[0], *four[2:5], *six[1:3], four[5], *six[3:]]
    assert runs(packets) == [2, 1, 3, 2, 1, 6]
    assert [*map(without_meaning, arriving(packets))] == [*map(without_meaning, packets)]


def test_interleaved_flows_stay_in_their_order() -> None:
    one, two = (replace(SHAPES[0], source_port=port).segments(payload_of(1000, port), 100) for port in (1, 2))
    packets = [packet for pair in zip(one, two, strict=True) for packet in pair]
    assert runs(packets) == [1] * 20
    packets = one[:3] + two[:4] + one[3:] + two[4:]
    assert runs(packets) == [3, 4, 7, 6]
    assert arriving(packets) == packets


@given(
    st.lists(st.tuples(flows(), st.integers(1, 300), st.integers(1, 1000)), min_size=1, max_size=5),
    st.data(),
)
def test_in_any_train_every_packet_arrives_once_and_in_order(
    some: list[tuple[Flow, int, int]], data: st.DataObject
) -> None:
    packets = [
        packet
        for flow, step, size in some
        for packet in flow.segments(payload_of(min(size, 40 * step)), step)
    ]
    if data.draw(st.booleans()):
        packets = data.draw(st.permutations(packets))
    assert [*map(without_meaning, arriving(packets))] == [*map(without_meaning, packets)]


@given(
    flow=flows(plain=True),
    step=st.integers(1, 60),
    size=st.integers(2, 400),
    errors=st.lists(
        st.tuples(st.integers(0, 399), st.integers(0, 99), st.integers(0, 255)), min_size=1, max_size=6
    ),
)
def test_no_error_is_hidden(flow: Flow, step: int, size: int, errors: list[tuple[int, int, int]]) -> None:
    """Any bytes of any packets, but those of the length of the IP packet, which sets the size of the row."""
    packets = [bytearray(packet) for packet in flow.segments(payload_of(size), step)][:256]
    for row, place, value in errors:
        packet = packets[row % len(packets)]
        if place % len(packet) not in ((2, 3) if flow.version == 4 else (4, 5)):
            packet[place % len(packet)] = value
    received = [bytes(packet) for packet in packets]
    assert [*map(without_meaning, arriving(received))] == [*map(without_meaning, received)]


def test_rows_of_a_train_are_looked_at_where_they_lie() -> None:
    """Rows with gaps between them, as in a train: the matrix is a part of a wider one."""
    packets = Flow().segments(payload_of(950), 100)
    rows, whole, shorter = matrix(packets)
    wide = np.zeros((12, rows.shape[1] + 16), np.uint8)
    wide[1:11, 16:] = rows
    part = wide[1:11, 16:]
    assert list(merging.runs(part, whole, shorter)) == [(0, 10)]
    out = bytearray(10 + 65535)
    length = merging.join(part, whole, shorter[9], memoryview(out))
    assert expand_written(bytes(out[:length])) == packets
