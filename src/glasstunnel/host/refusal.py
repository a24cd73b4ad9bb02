"""Refusing a datagram that a socket of ours has taken, and hearing that one of ours was refused.

Both by the ICMP that a kernel sends for a closed port.

Rule: the answer leaves from the address that the datagram was sent to, or the sender's kernel would not know
what it is about; what cannot be sent is not sent, for a refusal is a courtesy. It is heard on a raw socket:
a UDP socket that is not connected is not told. Section: raw(7), icmp(7), RFC 3542 section 3.2;
:mod:`glasstunnel.toyvpn.refusal` for the message.
"""

import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from glasstunnel.host.loop import Loop
from glasstunnel.ip import icmp
from glasstunnel.toyvpn.refusal import parse_port_unreachable, port_unreachable
from glasstunnel.wireguard.events import Path

_LONGEST = 0xFFFF  # bytes
_SOL_RAW, _ICMP_FILTER = 255, 1  # linux/icmp.h: a bit for each type that is not wanted
_SOL_ICMPV6, _ICMPV6_FILTER = 58, 1  # linux/icmpv6.h: the same, of 256 types


def refuse(path: Path, port: int) -> None:
    """Tell the far end of ``path`` that nobody listens on our UDP ``port``. Nothing happens where the path
    does not know our address, or the system does not permit it.
    """
    if not path.local:
        return
    family, protocol = (
        (socket.AF_INET6, socket.IPPROTO_ICMPV6)
        if ":" in path.local
        else (socket.AF_INET, socket.IPPROTO_ICMP)
    )
    message = port_unreachable(path.remote, (path.local, port))
    with suppress(OSError), socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol) as raw:
        raw.bind((path.local, 0))
        raw.sendto(message, (path.remote[0], 0))


class Refusals:
    """Calls ``on_refused`` from the loop whenever ``server`` refuses what our UDP port sends.

    Without the right to open raw sockets (CAP_NET_RAW) nothing is heard, and silence has to tell.

    Args:
        server: where the server is.
        port: tells our UDP port.
    """

    def __init__(
        self, loop: Loop, server: Path, port: Callable[[], int], on_refused: Callable[[], None]
    ) -> None:
        self._loop, self._port, self._on_refused = loop, port, on_refused
        host, self._server_port = server.remote
        self._server = host.partition("%")[0]
        self._family = 6 if ":" in host else 4
        self._socket: socket.socket | None = None
        with suppress(OSError):
            self._socket = self._open()
            loop.watch(self._socket.fileno(), self._read)

    def close(self) -> None:
        """Hear no more. Harmless when closed already."""
        if self._socket:
            self._loop.unwatch(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._family == 4:
            one = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP)
            unwanted = ~(1 << icmp.DESTINATION_UNREACHABLE) & 0xFFFFFFFF
            one.setsockopt(_SOL_RAW, _ICMP_FILTER, unwanted.to_bytes(4, sys.byteorder))
        else:
            one = socket.socket(
                socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMPV6
            )
            words = [0xFFFFFFFF ^ 1 << icmp.V6_DESTINATION_UNREACHABLE, *[0xFFFFFFFF] * 7]
            unwanted6 = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
            one.setsockopt(_SOL_ICMPV6, _ICMPV6_FILTER, unwanted6)
        return one

    def _read(self) -> None:
        assert self._socket
        try:
            message = self._socket.recv(_LONGEST)
        except OSError:
            return
        if self._family == 4:  # with its IP header, which the kernel has checked
            message = message[message[0] % 16 * 4 :]
        refused = parse_port_unreachable(message, self._family)
        if refused and (refused[0][1], refused[1]) == (self._port(), (self._server, self._server_port)):
            self._on_refused()
