"""Netlink by hand, for what has to be quick or in order: messages, attributes, sockets.

Rule: a socket keeps its network namespace alive, and a TUN may be moved into one that its owner wants to see
die. So no socket of ours stays in a foreign namespace: the news of all namespaces that ours has a number for
(nsid) come to one at home. Section: netlink(7), rtnetlink(7), ip-netns(8) ``set``.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

REQUEST = 1  # NLM_F_REQUEST
ERROR = 2  # NLMSG_ERROR
LONGEST = 1 << 16  # bytes; the kernel sends no longer message of links or routes
HOME = -1  # NETNSA_NSID_NOT_ASSIGNED: the number of a namespace that has none; ours has none for itself
_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID = 270, 8
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr: length with this header, type
_NSID = struct.Struct("=i")
_ALIGNMENT = 4


class Message(NamedTuple):
    """A netlink message without its header; ``nsid`` is the number of the namespace that it comes from."""

    kind: int
    sequence: int
    body: bytes
    nsid: int


def connect(groups: int = 0) -> socket.socket:
    """A non-blocking socket in the current namespace.

    Args:
        groups: a bit for each multicast group (RTNLGRP_…) to hear of. If there are any, and with the rights
            for it (CAP_NET_BROADCAST), it hears of other namespaces too.
    """
    one = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
    one.bind((0, groups))
    if groups:
        with suppress(PermissionError):
            one.setsockopt(_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID, 1)
    return one


def send(one: socket.socket, kind: int, body: bytes, sequence: int = 0) -> None:
    """Ask or tell the kernel something. It has answered when this returns."""
    one.send(_HEADER.pack(_HEADER.size + len(body), kind, REQUEST, sequence, 0) + body)


def receive(one: socket.socket) -> list[Message]:
    """What has come next. Raises :exc:`BlockingIOError` for nothing, :exc:`OSError` (ENOBUFS) for a loss."""
    data, ancillary, *_ = one.recvmsg(LONGEST, socket.CMSG_SPACE(_NSID.size))
    nsid = _NSID.unpack(ancillary[0][2])[0] if ancillary else HOME
    messages = []
    while len(data) >= _HEADER.size:
        length, kind, _, sequence, _ = _HEADER.unpack_from(data)
        messages.append(Message(kind, sequence, data[_HEADER.size : length], nsid))
        data = data[_aligned(length) :]
    return messages


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute, padded for the next one."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % _ALIGNMENT)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and value of each attribute."""
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[max(_ATTRIBUTE.size, _aligned(length)) :]


def _aligned(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT
