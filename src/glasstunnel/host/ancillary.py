"""What passes between a UDP socket and the kernel beside the datagrams: options, and control messages.

Rule: numbers and layouts of Linux stand here and nowhere else. With each datagram that it hands over, the
kernel says the address of ours that it came to and the traffic class that it had; with each that we send we
may say both, and that it is to be cut into many. Section: ip(7), ipv6(7), udp(7); RFC 3542 §6.
"""

import socket
import struct
import sys
from typing import Final

from glasstunnel.wireguard.events import Path

SOL_UDP: Final = 17
UDP_SEGMENT: Final = 103
UDP_GRO: Final = 104
SEGMENTS: Final = 64
"""Datagrams that one call sends, at the most: UDP_MAX_SEGMENTS of Linux before 6.9."""
LONGEST: Final = 65507
"""Bytes that one call sends, at the most: what one datagram over IPv4 could carry."""

_BUFFER = 8 << 20  # bytes; bursts of a fast sender wait here, not in the network
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE, _SO_MARK = 32, 33, 36
_IP_PKTINFO, _IP_MTU_DISCOVER, _IP_RECVTOS = 8, 10, 13
_IP_PMTUDISC_DONT = 0
_LEVEL = {socket.AF_INET: socket.IPPROTO_IP, socket.AF_INET6: socket.IPPROTO_IPV6}
_SEND_TOS = {socket.AF_INET: socket.IP_TOS, socket.AF_INET6: socket.IPV6_TCLASS}
_SEND_SOURCE = {socket.AF_INET: _IP_PKTINFO, socket.AF_INET6: socket.IPV6_PKTINFO}
_RECEIVE = {  # in this order the kernel puts the control messages
    socket.AF_INET: (_IP_PKTINFO, _IP_RECVTOS),
    socket.AF_INET6: (socket.IPV6_RECVPKTINFO, socket.IPV6_RECVTCLASS),
}
_IN_PKTINFO = struct.Struct("=i4s4s")  # interface, our address, destination of the header: ip(7)
_IN6_PKTINFO = struct.Struct("=16si")  # our address, interface: RFC 3542 section 6.1
_INT = struct.Struct("=i")
_USHORT = struct.Struct("=H")
_UINT = struct.Struct("=I")

ROOM: Final = socket.CMSG_SPACE(_IN6_PKTINFO.size) + socket.CMSG_SPACE(_INT.size)
"""Bytes of the control messages that come with each datagram: our address, then the traffic class."""
ROOM_JOINED: Final = ROOM + socket.CMSG_SPACE(_INT.size)
"""The same with UDP_GRO, which comes before them where datagrams were joined."""
TRAFFIC_CLASS: Final = 0 if sys.byteorder == "little" else -1
"""Which byte of its control message says it: IPv4 gives one, IPv6 an int."""

Control = tuple[int, int, bytes]
"""A control message: level, kind, data."""


def set_up(one: socket.socket, family: socket.AddressFamily) -> None:
    """Let a socket tell what each datagram brings, and give it the buffers of a tunnel.

    Raises :exc:`OSError`.
    """
    level = _LEVEL[family]
    one.setblocking(False)
    if family == socket.AF_INET6:
        one.setsockopt(level, socket.IPV6_V6ONLY, 1)
    else:  # a router may cut what it cannot pass on, as with the kernel's WireGuard
        one.setsockopt(level, _IP_MTU_DISCOVER, _IP_PMTUDISC_DONT)
    for option in _RECEIVE[family]:
        one.setsockopt(level, option, 1)
    for force, ordinary in ((_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF)):
        try:
            one.setsockopt(socket.SOL_SOCKET, force, _BUFFER)
        except PermissionError:  # without CAP_NET_ADMIN as much as the system allows
            one.setsockopt(socket.SOL_SOCKET, ordinary, _BUFFER)


def set_mark(one: socket.socket, mark: int) -> None:
    """Mark what this socket sends, for the rules of policy routing; 0: no mark. Raises :exc:`OSError`."""
    one.setsockopt(socket.SOL_SOCKET, _SO_MARK, _UINT.pack(mark))  # setsockopt takes no such int


def to_send(family: socket.AddressFamily, local: str, tos: int, segment: int) -> list[Control]:
    """What to say of a datagram: our address, the traffic class byte, and the length in bytes of the pieces
    that it is to be cut into; each only if there is any.
    """
    level, control = _LEVEL[family], []
    if local:
        packed = socket.inet_pton(family, local)
        # No interface: that would force the packet out there, whatever the routes say.
        v6 = len(packed) == 16
        source = _IN6_PKTINFO.pack(packed, 0) if v6 else _IN_PKTINFO.pack(0, packed, bytes(4))
        control.append((level, _SEND_SOURCE[family], source))
    if tos:
        control.append((level, _SEND_TOS[family], _INT.pack(tos)))
    if segment:
        control.append((SOL_UDP, UDP_SEGMENT, _USHORT.pack(segment)))
    return control


def path_of(family: socket.AddressFamily, remote: tuple[str, int], local: bytes) -> Path:
    """The path of a datagram from ``remote``, with the control message that tells our address."""
    if family == socket.AF_INET:
        ifindex, ours, _ = _IN_PKTINFO.unpack(local)
    else:
        ifindex, (ours, _) = 0, _IN6_PKTINFO.unpack(local)
    return Path(remote, socket.inet_ntop(family, ours), ifindex)


def segment_size(data: bytes) -> int:
    """Length in bytes of each of the joined datagrams, from the control message of UDP_GRO."""
    return int(_INT.unpack(data)[0])


def can_join() -> bool:
    """Whether the kernel cuts (UDP_SEGMENT) and joins (UDP_GRO) datagrams.

    Both are set to see: before Linux 5.13 the kernel joins and has no answer for who asks whether it does.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(SOL_UDP, UDP_SEGMENT, 0)
            probe.setsockopt(SOL_UDP, UDP_GRO, 1)
        except OSError:
            return False
    return True
