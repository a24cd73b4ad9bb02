"""The plain path and the fast path give the same packets, and lose the same.

Rule: what the kernel hands over in super-packets on the fast path, it hands over in segments on the plain one
(tests/host/superpackets.py says which, from the values of their headers).
"""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glasstunnel.host.loop import Loop
from glasstunnel.ip.address import parse_address
from glasstunnel.ip.tcp import Flag
from tests.host.superpackets import segments, super_packet, tcp_packet, udp_packet
from tests.host.test_tunnel import End, Pair

TIMESTAMPS = bytes((1, 1, 8, 10)) + bytes(8)
NEITHER = bytes((0x55, 0, 0, 40)) + bytes(36)  # IP version 5


@dataclass(frozen=True)
class Given:
    """What a TUN hands over: a packet, and the payload of its segments if it is a super-packet."""

    packet: bytes
    step: int = 0

    def to(self, end: End) -> None:
        """Hand it over, as the TUN's kind wants it."""
        if not self.step:
            end.tun.give(self.packet)
        elif end.tun.offload:
            end.tun.kernel.send(super_packet(self.packet, self.step))
        else:
            end.tun.give(*segments(self.packet, self.step))

    @property
    def packets(self) -> list[bytes]:
        return segments(self.packet, self.step) if self.step else [self.packet]


ADDRESSES = {
    4: (parse_address("10.0.0.1"), parse_address("10.0.0.2")),
    6: (parse_address("fd00::1"), parse_address("fd00::2")),
}
STRANGER = parse_address("10.0.0.3")
ecns = st.integers(0, 3)
versions = st.sampled_from([4, 6])
flags = st.sampled_from([Flag.ACK, Flag.ACK | Flag.PSH, Flag.ACK | Flag.FIN, Flag.ACK | Flag.CWR, Flag.SYN])


@st.composite
def packets(draw: st.DrawFn) -> Given:
    """A packet or super-packet of one of a few flows."""
    source, destination = ADDRESSES[draw(versions)]
    ecn, port = draw(ecns), draw(st.integers(5000, 5002))
    step = draw(st.sampled_from([1, 8, 536, 1000, 1348, 1368]))
    size = draw(st.integers(1, 9000) if step >= 536 else st.integers(1, 40 * step))
    payload = bytes([draw(st.integers(0, 255))]) * size
    joined = draw(st.booleans())
    if draw(st.booleans()):
        packet = tcp_packet(
            source,
            destination,
            payload if joined else payload[:step],
            sequence=draw(st.integers(0, 0xFFFFFFFF)),
            flags=draw(flags),
            ecn=ecn,
            port=port,
            dont_fragment=draw(st.booleans()),
            options=draw(st.sampled_from([b"", TIMESTAMPS])),
        )
    else:
        packet = udp_packet(source, destination, payload if joined else payload[:step], ecn=ecn, port=port)
    return Given(packet, step if joined and size > step else 0)


@st.composite
def wrong_checksums(draw: st.DrawFn) -> Given:
    """The last byte of a packet turned: its checksum does not hold."""
    packet = draw(packets().filter(lambda one: not one.step)).packet
    return Given(packet[:-1] + bytes([packet[-1] ^ 0xFF]))


garbage = st.sampled_from([Given(NEITHER), Given(b"\x45\0\0\x30" + bytes(16)), Given(b"x")])
strange = st.builds(lambda text: Given(udp_packet(ADDRESSES[4][0], STRANGER, text)), st.binary(max_size=9))
handed_over = st.lists(
    st.one_of(packets(), packets(), packets(), wrong_checksums(), garbage, strange), max_size=12
)


def flow(packet: bytes) -> tuple[bytes, ...]:
    """Of one flow are packets with the same addresses, protocol and ports."""
    if packet[0] >> 4 == 4:
        return packet[12:20], packet[9:10], packet[20:24]
    return packet[8:40], packet[6:7], packet[40:44]


def by_flow(all_: list[bytes]) -> dict[tuple[bytes, ...], list[bytes]]:
    found: dict[tuple[bytes, ...], list[bytes]] = {}
    for packet in all_:
        found.setdefault(flow(packet), []).append(packet)
    return found


Outcome = tuple[dict[tuple[bytes, ...], list[bytes]], Counter[str], Counter[object]]


def carried(loop: Loop, items: list[Given], *, offload: bool) -> Outcome:
    """What arrives, by flow, and what is lost at the TUN that it was handed to and in the core behind it."""
    with closing(Pair(loop, offload=offload)) as pair:
        left, right = pair.left, pair.right
        left.tunnel.observer = right.tunnel.observer = None
        for mine, address in ((left, "fd00::2"), (right, "fd00::1")):
            (peer,) = mine.tunnel.device.peers.values()
            mine.tunnel.device.allowed_ips.insert(parse_address(address), 128, peer)
        hello = udp_packet(*ADDRESSES[4], b"hello")
        assert pair.carry(left, right, hello) == [hello]
        for item in items:
            item.to(left)
        end = udp_packet(*ADDRESSES[4], b"end")
        left.tun.give(end)
        arrived: list[bytes] = []

        def all_there() -> bool:
            arrived.extend(right.tun.written())
            return bool(arrived) and arrived[-1] == end

        pair.serve_until(all_there)
        assert not right.tunnel.errors
        return by_flow(arrived[:-1]), left.tunnel.errors, Counter(left.tunnel.device.drops)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(handed_over)
def test_both_paths_give_the_same_packets_in_the_same_order_and_lose_the_same(
    loop: Loop, items: list[Given]
) -> None:
    plain, fast = (carried(loop, items, offload=offload) for offload in (False, True))
    sent = [packet for item in items for packet in item.packets if passes(packet)]
    assert plain[0] == by_flow(sent)
    assert fast == plain


def passes(packet: bytes) -> bool:
    """Whether it is a packet for the peer; the fixed garbage is none."""
    return packet[0] >> 4 in (4, 6) and len(packet) > 20 and flow(packet)[0][-4:] != STRANGER


@pytest.mark.parametrize("version", [4, 6])
def test_a_stream_of_super_packets_is_written_as_super_packets(loop: Loop, version: int) -> None:
    """Few calls of the kernel on both sides: the fast path is no slow path in disguise."""
    source, destination = ADDRESSES[version]
    with closing(Pair(loop, offload=True)) as pair:
        (peer,) = pair.left.tunnel.device.peers.values()
        pair.left.tunnel.device.allowed_ips.insert(parse_address("fd00::2"), 128, peer)
        (peer,) = pair.right.tunnel.device.peers.values()
        pair.right.tunnel.device.allowed_ips.insert(parse_address("fd00::1"), 128, peer)
        hello = udp_packet(*ADDRESSES[4], b"hello")
        assert pair.carry(pair.left, pair.right, hello) == [hello]
        packet = tcp_packet(source, destination, b"x" * 1348 * 40, flags=Flag.ACK | Flag.PSH)
        pair.left.tun.kernel.send(super_packet(packet, 1348))
        raw: list[bytes] = []

        def arrived() -> bool:
            raw.extend(pair.right.tun.raw())
            return bool(raw)

        pair.serve_until(arrived)
        assert raw == [super_packet(packet, 1348)]
