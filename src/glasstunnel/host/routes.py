"""What the kernel's routing says of a destination, asked once and remembered until something changes.

Rule: an answer is kept as the kernel keeps a route in a cache (``dst_cache``): any change to a link, an
address, a route, a rule or a next hop of the namespace forgets them all, and the next packet asks again. What
is not announced is an MTU that the kernel learns from ICMP; it is seen after the next change. Section:
rtnetlink(7); kernel socket.c ``send4``, device.c ``wg_xmit`` (``dst_mtu``).

A TUN may be in another namespace than we are. For each question a socket is opened there, since none may
stay (rtnetlink.py); of changes we hear once link.py, which follows the TUN, has given the namespace a number.

This is netlink by hand: an answer takes 50 µs, and a packet waits for it.
"""

import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple

from glasstunnel.host import rtnetlink
from glasstunnel.host.rtnetlink import attribute, attributes

_RTM_NEWROUTE, _RTM_GETROUTE = 24, 26
_GROUPS = sum(  # RTNLGRP_…: links, addresses, routes and rules of both families, next hops
    1 << (group - 1) for group in (1, 5, 7, 8, 9, 11, 19, 32)
)
_DST, _SRC, _OIF, _METRICS, _MARK, _IP_PROTO, _SPORT, _DPORT = 1, 2, 4, 8, 16, 27, 28, 29  # RTA_…
_METRIC_MTU = 2  # RTAX_MTU
_ROUTE = struct.Struct("=8BI")  # struct rtmsg: family, lengths of destination and source, …, flags
_UINT = struct.Struct("=I")
_UDP = bytes((socket.IPPROTO_UDP,))
_MOST = 4096  # answers; whoever can make us ask must not fill our memory


class Route(NamedTuple):
    """Where a packet would go."""

    interface: int
    """Index of the interface."""
    mtu: int
    """The route's own MTU in bytes, 0 if it has none: then that of the interface counts."""


Place = Callable[[], AbstractContextManager[object]]
"""Within its block the calling thread is in the network namespace that matters."""


class Routes:
    """Questions to a network namespace.

    Args:
        on_change: called after the answers were forgotten.
        place: which namespace, which may be another later; by default that of the thread that makes this.

    ``fd`` becomes readable when something has changed; :meth:`changed` is to be called then.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None, place: Place | None = None) -> None:
        self._on_change, self._place = on_change, place
        self._known: dict[tuple[bytes, bytes, int, tuple[int, int]], Route | None] = {}
        with ExitStack() as sockets:
            self._news = sockets.enter_context(rtnetlink.connect(_GROUPS))
            if not place:
                self._questions = sockets.enter_context(rtnetlink.connect())
            self._sockets = sockets.pop_all()
        self.fd = self._news.fileno()

    def close(self) -> None:
        """Close the sockets. Harmless when closed already."""
        self._sockets.close()

    def changed(self) -> None:
        """Forget everything: the kernel has announced a change."""
        while True:
            try:
                self._news.recv(rtnetlink.LONGEST)
            except BlockingIOError:
                break
            except OSError:  # ENOBUFS: there was more news than room for it; that there was some is enough
                continue
        self.forget()

    def forget(self) -> None:
        """Ask anew from now on."""
        self._known.clear()
        self._on_change()

    def towards(
        self, destination: bytes, source: bytes = b"", mark: int = 0, ports: tuple[int, int] = (0, 0)
    ) -> Route | None:
        """The route of a packet, None if the kernel has none for it, as when ``source`` is not ours.

        Args:
            destination: 4 or 16 bytes.
            source: as many, or none if the kernel is to choose.
            mark: the packet's mark for the rules of policy routing.
            ports: UDP ports of source and destination, for the rules that ask for them; 0 for none.
        """
        key = destination, source, mark, ports
        if key not in self._known:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = self._ask(*key)
        return self._known[key]

    def mtu(self, destination: bytes, interface_mtu: int) -> int:
        """The MTU for packets to ``destination``: the route's, if it is smaller than its interface's."""
        route = self.towards(destination)
        return min(route.mtu, interface_mtu) if route and route.mtu else interface_mtu

    @contextmanager
    def _question(self) -> Iterator[socket.socket]:
        """A socket in the namespace that matters."""
        if self._place:
            with self._place(), rtnetlink.connect() as one:
                yield one
        else:
            yield self._questions

    def _ask(self, destination: bytes, source: bytes, mark: int, ports: tuple[int, int]) -> Route | None:
        family = socket.AF_INET if len(destination) == 4 else socket.AF_INET6
        question = _ROUTE.pack(family, 8 * len(destination), 8 * len(source), 0, 0, 0, 0, 0, 0)
        question += attribute(_DST, destination)
        if source:
            question += attribute(_SRC, source)
        if mark:
            question += attribute(_MARK, _UINT.pack(mark))
        if any(ports):
            question += attribute(_IP_PROTO, _UDP)
            for kind, port in zip((_SPORT, _DPORT), ports, strict=True):
                question += attribute(kind, port.to_bytes(2))
        try:
            with self._question() as one:
                rtnetlink.send(one, _RTM_GETROUTE, question)
                answer = rtnetlink.receive(one)[0]
        except OSError:
            return None
        if answer.kind != _RTM_NEWROUTE:  # an error: the network is unreachable
            return None
        found = dict(attributes(answer.body[_ROUTE.size :]))
        metrics = dict(attributes(found.get(_METRICS, b"")))
        return Route(_number(found, _OIF), _number(metrics, _METRIC_MTU))


def _number(found: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(found.get(kind, b""), sys.byteorder)
