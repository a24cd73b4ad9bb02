"""The life of a TUN's link: it comes up and goes down, gets another MTU, moves, is deleted.

Rule: what the kernel says of the link is told in the order in which it happened, and nothing is found out by
trying: a write to an interface that is down would be an error with other meanings too. Where the link is, and
whether it still exists, only the TUN's own file descriptor knows: a link that moves into another network
namespace is deleted as far as the one that it leaves can tell. So after such news the TUN is asked, and
followed, from home: the namespace gets a number here, by which the kernel speaks of it. When that namespace
ends, its number ends first, and only the TUN itself can tell (tunnel.py reads it). Section: rtnetlink(7),
netlink(7), Linux if_tun.h ``TUNGETDEVNETNS``.
"""

import errno
import logging
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from glasstunnel.host import rtnetlink
from glasstunnel.host.ancillary import LONGEST, SEGMENTS
from glasstunnel.host.loop import Loop
from glasstunnel.host.rtnetlink import HOME, Message, attribute, attributes
from glasstunnel.host.tun import Tun
from glasstunnel.wireguard.framing import TRANSPORT_DATA, Framing

# linux/rtnetlink.h, linux/net_namespace.h, linux/if_link.h, linux/if.h
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_GENERAL = bytes(4)  # struct rtgenmsg with its padding
_INT, _UINT = struct.Struct("=i"), struct.Struct("=I")
_RTMGRP_LINK = 1
_RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK, _RTM_NEWNSID, _RTM_GETNSID = 16, 17, 18, 88, 90
_IFLA_IFNAME, _IFLA_MTU, _IFLA_GSO_MAX_SIZE, _IFLA_TARGET_NETNSID = 3, 4, 41, 46
_NETNSA_NSID, _NETNSA_FD = 1, 3
_IFF_UP = 1
_HEADERS = 72  # bytes: IPv6 and TCP with timestamps
_GSO_MAX_SIZE = 65536  # bytes; linux/netdevice.h GSO_LEGACY_MAX_SIZE
_GSO_LEAST = 4096  # bytes; sizes near linux/netdevice.h MAX_TCP_HEADER stop TCP, or are refused

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
        self._news, self._questions = rtnetlink.connect(_RTMGRP_LINK), rtnetlink.connect()
        self._home = os.stat("/proc/thread-self/ns/net").st_ino
        self._place: tuple[str, int] = "", HOME  # name, and number of the namespace
        self._index = 0  # of the link there; 0 until the kernel has said it
        self._asked = 0  # questions, of which each has its sequence number; that of news is 0
        self._state: LinkState | None = None
        loop.watch(self._news.fileno(), self.read)
        self._follow()

    def read(self) -> None:
        """Take in what the kernel has said of the link until now."""
        overrun = False
        while self._news.fileno() >= 0:  # any message may close it
            try:
                messages = rtnetlink.receive(self._news)
            except BlockingIOError:
                if not overrun:
                    return
                self._ask()  # now there is room for the answer
                overrun = False
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                overrun = True  # some news did not fit into the socket's buffer: what is true in the end?
            else:
                for message in messages:
                    self._take(message)

    def close(self) -> None:
        """Follow it no longer. Harmless when closed already."""
        if self._news.fileno() >= 0:
            self._loop.unwatch(self._news.fileno())
            self._news.close()
            self._questions.close()

    def _follow(self, failure: int = 0) -> None:
        """Ask for the link where the TUN is now, unless it is nowhere, or this has failed there already."""
        try:
            name, namespace = self._tun.current_name(), self._tun.namespace_fd()
        except OSError:  # EBADFD
            self.close()
            self._on_deleted()
            return
        place = name, self._number(namespace)
        if failure and place == self._place:
            _log.warning("the link of %s cannot be followed: %s", self._tun.name, os.strerror(failure))
            return
        self._place, self._index = place, 0
        self._ask()

    def _number(self, namespace: int) -> int:
        """The number by which the kernel speaks, at home, of this namespace, whose descriptor is closed."""
        if namespace < 0:
            return HOME  # for want of anything better: nobody tells
        try:
            which = attribute(_NETNSA_FD, _INT.pack(namespace))
            if os.fstat(namespace).st_ino != self._home:
                any_number = attribute(_NETNSA_NSID, _INT.pack(HOME))
                rtnetlink.send(self._questions, _RTM_NEWNSID, _GENERAL + which + any_number)
            rtnetlink.send(self._questions, _RTM_GETNSID, _GENERAL + which)
            while (answer := rtnetlink.receive(self._questions)[0]).kind != _RTM_NEWNSID:
                pass  # an error: it had a number already, or we may not give it one
            return int(_INT.unpack(dict(attributes(answer.body[len(_GENERAL) :]))[_NETNSA_NSID])[0])
        finally:
            os.close(namespace)

    def _ask(self) -> None:
        """Ask for the link by its name; the answer comes in its turn, between the news."""
        name, nsid = self._place
        question = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + attribute(_IFLA_IFNAME, name.encode() + b"\0")
        if nsid != HOME:
            question += attribute(_IFLA_TARGET_NETNSID, _INT.pack(nsid))
        self._asked += 1
        rtnetlink.send(self._news, _RTM_GETLINK, question, self._asked)

    def _take(self, message: Message) -> None:
        kind, sequence, body, nsid = message
        if kind == rtnetlink.ERROR:
            if sequence == self._asked:  # it may have moved between our look at the TUN and our question
                self._follow(-_INT.unpack_from(body)[0])
            return
        if kind not in (_RTM_NEWLINK, _RTM_DELLINK):
            return
        _, _, index, flags, _ = _LINK.unpack_from(body)
        if sequence == self._asked:
            self._index = index
        elif sequence or (nsid, index) != (self._place[1], self._index):
            return
        if kind == _RTM_DELLINK:
            self._follow()
            return
        (mtu,) = _INT.unpack(dict(attributes(body[_LINK.size :]))[_IFLA_MTU])
        before, self._state = self._state, LinkState(bool(flags & _IFF_UP), mtu)
        if self._state != before:
            self._on_change(self._state)


def limit_super_packets(tun: Tun, mtu: int, framing: Framing = TRANSPORT_DATA) -> None:
    """Let the kernel make super-packets no longer than the datagrams of one train can carry.

    One that is a little longer would take two calls to send, and be two trains on the other side. What the
    kernel refuses stays as it is: that costs speed, nothing else. Linux counts the longest headers of TCP
    that it knows (MAX_TCP_HEADER) into the size, so it is the greatest that holds no packet more.
    """
    packets = min(SEGMENTS, LONGEST // framing.size(mtu, mtu)) + 1
    longest = max(_GSO_LEAST, min(packets * (mtu - _HEADERS) + _HEADERS - 1, _GSO_MAX_SIZE))
    with suppress(OSError), tun.namespace():
        index = socket.if_nametoindex(tun.current_name())
        body = _LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0)
        with rtnetlink.connect() as one:
            rtnetlink.send(one, _RTM_NEWLINK, body + attribute(_IFLA_GSO_MAX_SIZE, _UINT.pack(longest)))
