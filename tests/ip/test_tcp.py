"""TCP segments and header options, against RFC 9293, RFC 7323 and segments of the Linux kernel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip import PacketError, ipv4, ipv6, tcp
from glasstunnel.ip.options import Option, build_options, parse_options
from glasstunnel.ip.tcp import Flag, Header, Segment
from tests.ip import captured

ADDRESSES = st.sampled_from([4, 16]).flatmap(lambda n: st.tuples(*[st.binary(min_size=n, max_size=n)] * 2))
SEGMENTS = [
    ipv4.Packet(captured.TCP_SYN_V4),
    ipv4.Packet(captured.TCP_DATA_V4),
    ipv6.Packet(captured.TCP_SYN_ACK_V6),
    ipv6.Packet(captured.TCP_DATA_V6),
]


def headers() -> st.SearchStrategy[Header]:
    return st.builds(
        Header,
        source_port=st.integers(0, 0xFFFF),
        destination_port=st.integers(0, 0xFFFF),
        sequence=st.integers(0, 0xFFFFFFFF),
        acknowledgment=st.integers(0, 0xFFFFFFFF),
        flags=st.integers(0, 0xFF).map(Flag),
        window=st.integers(0, 0xFFFF),
        urgent_pointer=st.integers(0, 0xFFFF),
        options=st.binary(max_size=10).map(lambda data: data * 4),
    )


@given(headers(), ADDRESSES, st.binary(max_size=60))
def test_what_was_built_is_read_back(header: Header, addresses: tuple[bytes, bytes], payload: bytes) -> None:
    segment = Segment(header.build(payload, *addresses))
    assert segment.header() == header
    assert segment.payload == payload
    assert segment.reserved == 0
    assert segment.checksum_ok(*addresses)


@pytest.mark.parametrize("packet", SEGMENTS)
def test_the_kernels_segments_are_built_again_byte_for_byte(packet: ipv4.Packet | ipv6.Packet) -> None:
    segment = Segment(packet.payload)
    assert segment.checksum_ok(packet.source, packet.destination)
    assert segment.header().build(segment.payload, packet.source, packet.destination) == packet.payload


def test_what_is_not_said_is_zero() -> None:
    plain = Header(source_port=1, destination_port=2, sequence=3, flags=Flag.SYN)
    given = {"source_port": 1, "destination_port": 2, "sequence": 3, "acknowledgment": 0}
    assert Header(flags=Flag.SYN, window=0, urgent_pointer=0, options=b"", **given) == plain


def test_the_kernels_syn_is_read_field_by_field() -> None:
    packet = ipv4.Packet(captured.TCP_SYN_V4)
    assert packet.protocol == tcp.PROTOCOL == 6
    segment = Segment(packet.payload)
    assert (segment.source_port, segment.destination_port) == (45748, 7)
    assert (segment.sequence, segment.acknowledgment) == (2794026987, 0)
    assert (segment.flags, segment.window, segment.urgent_pointer) == (Flag.SYN, 64240, 0)
    assert (segment.header_length, len(segment.payload)) == (40, 0)
    assert int.from_bytes(segment.buf[tcp.CHECKSUM_OFFSET :][:2]) == segment.checksum
    assert dict(parse_options(segment.options)) == {
        tcp.MAXIMUM_SEGMENT_SIZE: (1460).to_bytes(2),
        tcp.SACK_PERMITTED: b"",
        tcp.TIMESTAMPS: (4232096588).to_bytes(4) + bytes(4),
        tcp.WINDOW_SCALE: b"\x0a",
    }


def test_the_kernels_data_carries_psh_and_ack_and_a_timestamp_aligned_by_two_no_operations() -> None:
    segment = Segment(ipv4.Packet(captured.TCP_DATA_V4).payload)
    assert segment.flags == Flag.PSH | Flag.ACK
    assert bytes(segment.payload) == b"hello, world"
    assert segment.options[:4] == bytes((1, 1, 8, 10))
    assert [option.kind for option in parse_options(segment.options)] == [8]


def test_the_control_bits_are_those_of_rfc_9293() -> None:
    # section 3.1, from the left: CWR ECE URG ACK PSH RST SYN FIN
    names = " ".join(str(flag.name) for flag in sorted(Flag, reverse=True))
    assert names == "CWR ECE URG ACK PSH RST SYN FIN"
    assert [flag.value for flag in sorted(Flag)] == [1 << bit for bit in range(8)]


def test_the_kinds_of_options_are_those_of_the_registry() -> None:
    # IANA "TCP Option Kind Numbers"
    assert (tcp.MAXIMUM_SEGMENT_SIZE, tcp.WINDOW_SCALE, tcp.SACK_PERMITTED) == (2, 3, 4)
    assert (tcp.SACK, tcp.TIMESTAMPS) == (5, 8)


def test_the_reserved_bits_are_read_but_never_written() -> None:
    data = bytearray(
        Header(source_port=1, destination_port=2, sequence=3, flags=Flag.ACK).build(b"", bytes(4), bytes(4))
    )
    data[12] |= 0x05
    assert Segment(data).reserved == 5
    assert Segment(Segment(data).header().build(b"", bytes(4), bytes(4))).reserved == 0


@given(st.lists(st.builds(Option, st.integers(2, 255), st.binary(max_size=8)), max_size=4))
def test_options_are_read_back_and_fill_whole_words(options: list[Option]) -> None:
    data = build_options(options)
    assert len(data) % 4 == 0
    assert list(parse_options(data)) == options


def test_what_stands_behind_the_end_of_the_options_is_no_option() -> None:
    assert list(parse_options(bytes((1, 2, 4, 5, 180, 0, 3, 3)))) == [Option(2, bytes((5, 180)))]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes((2,)), "option 2 length: expected 2 or more within 1 bytes, got none"),
        (bytes((2, 0)), "option 2 length: expected 2 or more within 2 bytes, got 0"),
        (bytes((1, 3, 1, 0)), "option 3 length: expected 2 or more within 3 bytes, got 1"),
        (bytes((8, 10, 0, 0)), "option 8 length: expected 2 or more within 4 bytes, got 10"),
    ],
)
def test_an_option_with_an_impossible_length_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(PacketError) as caught:
        list(parse_options(data))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([Option(0)], "option kind: expected 2 to 255, got 0"),
        ([Option(2, bytes(39))], "option data: expected 0 to 38 bytes, got 39"),
        ([Option(2, bytes(20)), Option(3, bytes(20))], "options: expected 0 to 40 bytes, got 44"),
    ],
)
def test_options_that_no_header_can_hold_are_refused(options: list[Option], message: str) -> None:
    with pytest.raises(PacketError) as caught:
        build_options(options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(19), "TCP segment: expected at least 20 bytes, got 19"),
        (bytes(12) + b"\x40" + bytes(7), "TCP data offset: expected 20 bytes, got 16"),
        (bytes(12) + b"\x70" + bytes(11), "TCP data offset: expected 20 to 24 bytes, got 28"),
    ],
)
def test_a_segment_cut_short_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(PacketError) as caught:
        Segment(data)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("source_port", 65536, "TCP source port: expected 0 to 65535, got 65536"),
        ("destination_port", -1, "TCP destination port: expected 0 to 65535, got -1"),
        ("sequence", 1 << 32, "TCP sequence number: expected 0 to 4294967295, got 4294967296"),
        ("acknowledgment", -1, "TCP acknowledgment number: expected 0 to 4294967295, got -1"),
        ("flags", 256, "TCP flags: expected 0 to 255, got 256"),
        ("window", 65536, "TCP window: expected 0 to 65535, got 65536"),
        ("urgent_pointer", 65536, "TCP urgent pointer: expected 0 to 65535, got 65536"),
        ("options", bytes(2), "TCP options: expected a multiple of 4 from 0 to 40 bytes, got 2"),
        ("options", bytes(44), "TCP options: expected a multiple of 4 from 0 to 40 bytes, got 44"),
    ],
)
def test_a_field_beyond_its_width_is_refused_by_name(field: str, value: object, message: str) -> None:
    fields: dict[str, object] = {"source_port": 1, "destination_port": 2, "sequence": 3, "flags": Flag.ACK}
    with pytest.raises(PacketError) as caught:
        Header(**(fields | {field: value})).build(b"", bytes(4), bytes(4))  # type: ignore[arg-type]
    assert str(caught.value) == message
