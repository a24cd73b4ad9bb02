"""Nothing but the declared error escapes a parser, whatever the bytes are."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glasstunnel.ip import PacketError, echo, icmp, ipv4, ipv6, packet, tcp, udp, unreachable
from glasstunnel.ip.options import parse_options
from tests.ip import captured

SEEDS = [value for name, value in vars(captured).items() if name.isupper()]


@st.composite
def nearly_packets(draw: st.DrawFn) -> bytes:
    """A real packet with a few bytes overwritten and its end cut off, or lengthened."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) + draw(st.binary(max_size=4))


def read_everything(view: object) -> None:
    """Use every property of a view; none may fail once the constructor has let the bytes pass."""
    for name in dir(type(view)):
        if isinstance(getattr(type(view), name), property):
            getattr(view, name)


def parse_ipv4(data: bytes) -> None:
    view = ipv4.Packet(data)
    read_everything(view)
    assert view.header().build(view.payload)[:10] == data[:6] + bytes((data[6] & 0x7F, *data[7:10]))
    list(parse_options(view.options))


def parse_ipv6(data: bytes) -> None:
    view = ipv6.Packet(data)
    read_everything(view)
    assert view.header().build(view.payload) == bytes(view.buf)
    upper = view.upper_layer()
    assert 40 <= upper.offset <= len(view.buf)


def parse_udp(data: bytes) -> None:
    view = udp.Datagram(data)
    read_everything(view)
    view.checksum_ok(bytes(4), bytes(4))
    assert len(view.payload) == view.length - 8


def parse_tcp(data: bytes) -> None:
    view = tcp.Segment(data)
    read_everything(view)
    view.checksum_ok(bytes(16), bytes(16))
    assert len(view.options) + len(view.payload) == len(data) - 20
    list(parse_options(view.options))


def parse_icmp(data: bytes) -> None:
    view = icmp.Message(data)
    read_everything(view)
    view.checksum_ok()


@pytest.mark.parametrize("parse", [parse_ipv4, parse_ipv6, parse_udp, parse_tcp, parse_icmp])
@given(data=nearly_packets() | st.binary(max_size=120), skip=st.sampled_from([0, 20, 40]))
@example(data=b"", skip=0)
def test_a_parser_reads_any_bytes_or_raises_a_packet_error(
    parse: Callable[[bytes], None], data: bytes, skip: int
) -> None:
    try:
        parse(data[skip:])
    except PacketError as error:
        assert "expected" in str(error)  # noqa: PT017 - most inputs raise nothing


@given(nearly_packets() | st.binary(max_size=120))
def test_the_responders_answer_any_bytes_with_a_packet_or_with_nothing(data: bytes) -> None:
    for answer in (
        echo.reply(data),
        unreachable.host_unreachable(data, bytes(16 if data[:1] >= b"\x50" else 4)),
    ):
        if answer is not None:
            assert packet.total_length(answer, 0, len(answer)) == len(answer)
            assert packet.destination(answer) == packet.source(data)
