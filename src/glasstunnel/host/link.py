"""The life of a TUN's link: it comes up and goes down, gets another MTU, moves, is deleted.

Rule: what the kernel says of the link is told in the order in which it happened, and nothing is found out by
trying: a write to an interface that is down would be an error with other meanings too. Where the link is, and
whether it still exists, only the TUN's own file descriptor knows: a link that moves into another network
namespace is deleted as far as the one that it leaves can tell. So after such news the TUN is asked, and
followed. Section: rtnetlink(7), netlink(7), Linux if_tun.h ``TUNGETDEVNETNS``.
"""

import errno
import logging
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import NamedTuple

from glasstunnel.host.errors import reason
from glasstunnel.host.loop import Loop
from glasstunnel.host.namespace import inside
from glasstunnel.host.tun import Tun

# linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if.h
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr: length, type
_UINT = struct.Struct("=I")
_RTMGRP_LINK = 1
_NLM_F_REQUEST = 1
_NLMSG_ERROR, _RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK = 2, 16, 17, 18
_IFLA_IFNAME, _IFLA_MTU = 3, 4
_IFF_UP = 1
_LONGEST = 1 << 16  # bytes; the kernel sends no longer message of links
_QUESTION = 1  # the sequence number of ours; news have 0

_log = logging.getLogger(__name__)


class LinkState(NamedTuple):
    """What matters of a link: whether somebody has set it up (IFF_UP), and its MTU in bytes."""

    up: bool
    mtu: int


class Link:
    """Follows the link of ``tun`` from ``loop``, wherever it moves.

    Args:
        on_change: is told the state now, and each time that it has changed.
        on_deleted: is called, once, when the link is no more; then nothing is followed any longer.
    """

    def __init__(
        self,
        tun: Tun,
        loop: Loop,
        on_change: Callable[[LinkState], None],
        on_deleted: Callable[[], None],
    ) -> None:
        self._tun, self._loop = tun, loop
        self._on_change, self._on_deleted = on_change, on_deleted
        self._socket: socket.socket | None = None
        self._place: tuple[str, int] | None = None  # name and namespace that the socket is for
        self._index = 0  # of the link there; 0 until the kernel has said it
        self._state: LinkState | None = None
        self._follow()

    def read(self) -> None:
        """Take in what the kernel has said of the link until now."""
        news, overrun = self._socket, False
        while news and news is self._socket:  # it may be closed, or another one, after any message
            try:
                messages = list(_messages(news.recv(_LONGEST)))
            except BlockingIOError:
                if not overrun:
                    return
                self._ask(news)  # now there is room for the answer
                overrun = False
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                overrun = True  # some news did not fit into the socket's buffer: what is true in the end?
            else:
                for message in messages:
                    if news is self._socket:
                        self._take(*message)

    def close(self) -> None:
        """Follow it no longer. Harmless when closed already."""
        if self._socket:
            self._loop.unwatch(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _follow(self) -> None:
        """Listen where the TUN is now, unless it is nowhere any more."""
        self.close()
        try:
            name, namespace = self._tun.current_name(), self._tun.namespace_fd()
        except OSError:  # EBADFD
            self._on_deleted()
            return
        try:
            self._place = name, _number(namespace)
            self._socket = self._listen(namespace)
        finally:
            if namespace >= 0:
                os.close(namespace)
        self._index = 0
        self._loop.watch(self._socket.fileno(), self.read)
        self._ask(self._socket)

    def _listen(self, namespace: int) -> socket.socket:
        """A netlink socket in that namespace, or in ours if we may not enter it."""
        try:
            with inside(namespace) if namespace >= 0 else nullcontext():
                return _subscribed()
        except PermissionError as error:
            _log.warning("the link of %s cannot be followed: %s", self._tun.name, reason(error))
            return _subscribed()

    def _ask(self, news: socket.socket) -> None:
        """Ask for the link by its name; the answer comes in its turn, between the news."""
        assert self._place
        name = self._place[0].encode() + b"\0"
        attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(name), _IFLA_IFNAME) + name + bytes(-len(name) % 4)
        size = _HEADER.size + _LINK.size + len(attribute)
        header = _HEADER.pack(size, _RTM_GETLINK, _NLM_F_REQUEST, _QUESTION, 0)
        news.send(header + _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + attribute)

    def _take(self, kind: int, sequence: int, body: bytes) -> None:
        if kind == _NLMSG_ERROR:
            if self._has_moved():  # between our look at the TUN and our question
                self._follow()
            return
        if kind not in (_RTM_NEWLINK, _RTM_DELLINK):
            return
        _, _, index, flags, _ = _LINK.unpack_from(body)
        if sequence == _QUESTION:
            self._index = index
        elif index != self._index:
            return
        if kind == _RTM_DELLINK:
            self._follow()
            return
        before, self._state = self._state, LinkState(bool(flags & _IFF_UP), _mtu(body))
        if self._state != before:
            self._on_change(self._state)

    def _has_moved(self) -> bool:
        try:
            name, namespace = self._tun.current_name(), self._tun.namespace_fd()
        except OSError:
            return True
        place = name, _number(namespace)
        if namespace >= 0:
            os.close(namespace)
        return place != self._place


def _number(namespace: int) -> int:
    """What tells one namespace from another; 0 for that which could not be asked for."""
    return os.fstat(namespace).st_ino if namespace >= 0 else 0


def _subscribed() -> socket.socket:
    """A netlink socket that hears of the links of the current namespace."""
    news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    news.setblocking(False)
    news.bind((0, _RTMGRP_LINK))
    return news


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, sequence number and body of each message in what was received."""
    while len(data) >= _HEADER.size:
        length, kind, _, sequence, _ = _HEADER.unpack_from(data)
        yield kind, sequence, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def _mtu(body: bytes) -> int:
    """The MTU in a message of a link; each such message has one."""
    at = _LINK.size
    while True:
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if kind == _IFLA_MTU:
            return int(_UINT.unpack_from(body, at + _ATTRIBUTE.size)[0])
        at += (length + 3) & ~3
