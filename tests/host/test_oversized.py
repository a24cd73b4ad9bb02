"""A datagram that is longer than the row for it: what is left of it is no datagram, and nobody opens it."""

import socket
from contextlib import closing

from glasstunnel.host.plain import PlainUdp
from glasstunnel.host.udp import Udp
from glasstunnel.wireguard.burst import Burst


def test_an_oversized_datagram_is_dropped_whole_and_its_neighbours_are_read() -> None:
    burst = Burst(4, 100)
    fitting, oversized = burst.pitch, burst.pitch + 1
    with closing(Udp()) as udp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        (one,) = [one for one in udp.sockets if one.family == socket.AF_INET]
        port = PlainUdp(one, burst)
        sender.connect(("127.0.0.1", udp.port))
        for size in (fitting, oversized, oversized + 500, fitting - 1):
            sender.send(b"\4\0\0\0" + bytes(4) + b"x" * (size - 8))
        assert port.read(10) is not None
        assert [len(datagram) for datagram in burst.datagrams()] == [fitting, fitting - 1]
        assert port.errors == {"too long": 2}
