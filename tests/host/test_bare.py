"""Both data paths with datagrams that are packets and nothing else, as ToyVpn's are."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import product

import pytest

from glasstunnel.host.backend import choose
from glasstunnel.host.toyvpn import BARE
from glasstunnel.host.udp import Udp
from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard.events import Path
from tests.host.fakes import FakeTun, ip_packet, mtu_of
from tests.host.superpackets import segments, super_packet, tcp_packet
from tests.interop.lab import until

ONE, TWO = parse_address("10.0.0.1"), parse_address("10.0.0.2")
TURN = 256


class Side:
    """A TUN, a socket and a data path."""

    def __init__(self, stack: ExitStack, offload: bool) -> None:
        self.tun = stack.enter_context(closing(FakeTun(offload=offload)))
        self.udp = stack.enter_context(closing(Udp()))
        self.path = choose(self.tun, self.udp, mtu_of, BARE)

    def send_all(self, to: "Side") -> None:
        """Whatever the TUN has goes to the other side's IPv4 socket."""
        while self.path.packets.read(TURN) is not None:
            self.path.send(Path(("127.0.0.1", to.udp.port)), 0)

    def receive(self, count: int) -> list[bytes]:
        """So many datagrams, each of which is written to the TUN if it is a packet."""
        port = self.path.datagrams[1]
        seen: list[bytes] = []
        while len(seen) < count:
            until(lambda: port.read(TURN) is not None, "a datagram comes")
            burst = self.path.burst
            seen += [bytes(one) for one in burst.datagrams()]
            self.path.packets.write([i for i in range(burst.n) if burst.size[i] and burst.wire[i][0]])
        return seen


@pytest.fixture(params=product((False, True), repeat=2), ids=lambda sides: f"{sides[0]}-{sides[1]}")
def sides(request: pytest.FixtureRequest) -> Iterator[tuple[Side, Side]]:
    """Each side with the plain or the fast path."""
    with ExitStack() as stack:
        yield Side(stack, request.param[0]), Side(stack, request.param[1])


@pytest.mark.parametrize("sizes", [[60] * 9, [61] * 9, [1400] * 9, [1399] * 9, [21, 22, 1400, 23, 1399, 40]])
def test_packets_arrive_as_they_are_in_their_order(sides: tuple[Side, Side], sizes: list[int]) -> None:
    one, two = sides
    sent = [ip_packet("10.0.0.1", "10.0.0.2", bytes([n]) * (size - 20)) for n, size in enumerate(sizes)]
    one.tun.give(*sent)
    one.send_all(two)
    assert two.receive(len(sent)) == sent
    assert two.tun.written() == sent
    assert not one.path.errors + two.path.errors


@pytest.mark.parametrize("size", [999, 1000])
@pytest.mark.parametrize("receiver", [False, True])
def test_super_packets_are_cut_and_joined_whatever_their_size(size: int, receiver: bool) -> None:
    with ExitStack() as stack:
        one, two = Side(stack, True), Side(stack, receiver)
        whole = tcp_packet(ONE, TWO, bytes(range(250)) * 40)
        one.tun.kernel.send(super_packet(whole, size))
        one.send_all(two)
        expected = segments(whole, size)
        assert two.receive(len(expected)) == expected
        assert two.tun.written() == expected


def test_control_messages_and_empty_datagrams_come_as_they_are_between_packets(
    sides: tuple[Side, Side],
) -> None:
    """An empty one leaves nothing of an earlier one where its first byte would be."""
    _, two = sides
    packet = ip_packet("10.0.0.1", "10.0.0.2", bytes(100))
    sent = [packet, b"\0", packet, packet, b"", packet, b"\0" * 3, b"\0secret", packet, packet[:21], b"", b""]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for one in sent:
            sender.sendto(one, ("127.0.0.1", two.udp.port))
        assert two.receive(len(sent)) == sent
        sender.sendto(b"", ("127.0.0.1", two.udp.port))
        until(lambda: two.path.datagrams[1].read(TURN) is not None, "a datagram comes")
        assert (two.path.burst.size[0], two.path.burst.wire[0][0]) == (0, 0)
    assert not two.path.errors
