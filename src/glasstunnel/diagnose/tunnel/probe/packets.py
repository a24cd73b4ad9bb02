"""Packets that are sent to see what comes back: echo requests, and a datagram that no device answers.

Rule: all of a round are sent at once and share one deadline. Section: RFC 792, RFC 4443; ip(7) IP_RECVERR,
IP_MTU_DISCOVER (probing: don't fragment, whatever the kernel believes of the path); WP §5.4.6 for the
datagram: transport data with an index that nobody has given out, which is dropped without a word.
"""

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import NamedTuple

from glasstunnel.diagnose.tunnel.evidence import Got, Reply
from glasstunnel.ip import icmp

_RECVERR = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}  # linux/in.h, in6.h
_MTU_DISCOVER = {4: (socket.IPPROTO_IP, 10), 6: (socket.IPPROTO_IPV6, 23)}
_TTL = {4: (socket.IPPROTO_IP, socket.IP_TTL), 6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)}
_PROBE = 3  # IP_PMTUDISC_PROBE
_IP_HEADER = {4: 20, 6: 40}
_ERROR = struct.Struct("=IBBBxII")  # struct sock_extended_err of linux/errqueue.h
_ORIGIN_ICMP = (2, 3)  # SO_EE_ORIGIN_ICMP, …_ICMP6
_GOT = {  # type and code of ICMP errors; -1: any other code of it
    4: {
        (3, 3): Got.PORT_UNREACHABLE,
        (3, 4): Got.TOO_LARGE,
        **dict.fromkeys(((3, 9), (3, 10), (3, 13)), Got.PROHIBITED),  # RFC 1812 §5.2.7.1
        (3, -1): Got.HOST_UNREACHABLE,
        (11, -1): Got.TIME_EXCEEDED,
    },
    6: {
        (1, 4): Got.PORT_UNREACHABLE,
        **dict.fromkeys(((1, 1), (1, 5), (1, 6)), Got.PROHIBITED),
        (1, -1): Got.HOST_UNREACHABLE,
        (2, -1): Got.TOO_LARGE,
        (3, -1): Got.TIME_EXCEEDED,
    },
}
_ERRNO = {
    errno.EMSGSIZE: Got.TOO_LARGE,
    errno.EPERM: Got.NOT_PERMITTED,
    errno.EACCES: Got.NOT_PERMITTED,
    errno.EHOSTUNREACH: Got.HOST_UNREACHABLE,
    errno.ENETUNREACH: Got.HOST_UNREACHABLE,
}


class Echo(NamedTuple):
    """An echo request to send: bytes of the whole packet, and the time to live, 0 for the usual one."""

    address: str
    size: int = 64
    hops: int = 0


def meaning(version: int, kind: int, code: int) -> Got | None:
    """What an ICMP message says, None if it is no error that matters here."""
    table = _GOT[version]
    return table.get((kind, code), table.get((kind, -1)))


def echoes(
    wanted: Iterable[Echo], deadline: float, interface: str = "", mark: int = 0
) -> list[tuple[Reply, int]]:
    """Send echo requests, don't fragment, and see what comes within ``deadline`` seconds.

    Args:
        wanted: at most 65535.
        deadline: seconds.
        interface: by which they leave, "" for whatever the routes say.
        mark: for the rules of policy routing.

    Returns:
        the reply to each, and the MTU that an ICMP error tells, 0 for none.
    """
    wanted = list(wanted)
    identifier = int.from_bytes(os.urandom(2))
    found: dict[int, tuple[Reply, int]] = {}
    sent: dict[int, float] = {}
    with _sockets({ip_address(one.address).version for one in wanted}, interface, mark) as sockets:
        for number, one in enumerate(wanted):
            version = ip_address(one.address).version
            began = sent[number] = time.monotonic()
            try:
                _send(sockets.of[version], version, one, identifier, number)
            except OSError as error:
                found[number] = _failed(one, error), 0
            if number % 16 == 15:  # a burst must not overflow a queue on the way
                sockets.collect(identifier, wanted, sent, found, began + 0.002)
        sockets.collect(identifier, wanted, sent, found, time.monotonic() + deadline)
    silence = Got.SILENCE
    return [found.get(n, (Reply(one.address, one.size, silence), 0)) for n, one in enumerate(wanted)]


def _send(one: socket.socket, version: int, echo: Echo, identifier: int, number: int) -> None:
    one.setsockopt(*_TTL[version], echo.hops or 64)
    data = bytes(max(0, echo.size - _IP_HEADER[version] - icmp.HEADER_LENGTH))
    message = icmp.Echo(identifier, number, data).build()
    if version == 6:  # the kernel fills in the checksum: RFC 3542 §3.1
        message = bytes((icmp.V6_ECHO_REQUEST,)) + message[1:]
    one.sendto(message, (echo.address, 0))


def _failed(one: Echo, error: OSError) -> Reply:
    return Reply(one.address, one.size, _ERRNO.get(error.errno or 0, Got.NOT_SENT))


class _sockets:  # noqa: N801 - reads as a function where it is used
    """Raw ICMP sockets of these IP versions."""

    def __init__(self, versions: set[int], interface: str, mark: int) -> None:
        self.of: dict[int, socket.socket] = {}
        self._versions, self._interface, self._mark = versions, interface, mark

    def __enter__(self) -> "_sockets":
        for version in self._versions:
            family, protocol = (
                (socket.AF_INET, socket.IPPROTO_ICMP)
                if version == 4
                else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
            )
            one = self.of[version] = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
            prepare(one, version, self._interface, self._mark)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.of.values():
            one.close()

    def collect(
        self,
        identifier: int,
        wanted: list[Echo],
        sent: dict[int, float],
        found: dict[int, tuple[Reply, int]],
        end: float,
    ) -> None:
        """Take what comes until all is there or the time is over."""
        by_fd = {one.fileno(): (version, one) for version, one in self.of.items()}
        while len(found) < len(sent) and (left := end - time.monotonic()) > 0:
            for fd in select.select(list(by_fd), [], [], left)[0]:
                version, one = by_fd[fd]
                with suppress(OSError, ValueError):
                    data, sender = one.recvfrom(1 << 16)
                    heard = _heard(version, data, identifier)
                    if heard and heard.number in sent:
                        asked = wanted[heard.number]
                        ms = round(1000 * (time.monotonic() - sent[heard.number]), 1)
                        by = "" if heard.got is Got.ANSWER else str(sender[0])
                        reply = Reply(asked.address, asked.size, heard.got, by, ms)
                        found.setdefault(heard.number, (reply, heard.mtu))


class _Heard(NamedTuple):
    number: int
    got: Got
    mtu: int = 0


def _heard(version: int, data: bytes, identifier: int) -> _Heard | None:
    """What an ICMP message has to do with our requests. Raises :exc:`ValueError` if it is cut off."""
    message = icmp.Message(data[(data[0] & 15) * 4 :] if version == 4 else data)
    reply = icmp.ECHO_REPLY if version == 4 else icmp.V6_ECHO_REPLY
    if message.type == reply:
        return _Heard(message.sequence, Got.ANSWER) if message.identifier == identifier else None
    got = meaning(version, message.type, message.code)
    if got is None:
        return None
    about = message.body
    about = about[(about[0] & 15) * 4 :] if version == 4 else about[40:]
    if len(about) < 8 or int.from_bytes(about[4:6]) != identifier:
        return None
    mtu = int.from_bytes(message.rest[2:] if version == 4 else message.rest) if got is Got.TOO_LARGE else 0
    return _Heard(int.from_bytes(about[6:8]), got, mtu)


def prepare(one: socket.socket, version: int, interface: str, mark: int) -> None:
    """Don't fragment, report errors, leave by this interface with this mark."""
    level, option = _MTU_DISCOVER[version]
    one.setsockopt(level, option, _PROBE)
    level, option = _RECVERR[version]
    if one.type == socket.SOCK_DGRAM:
        one.setsockopt(level, option, 1)
    if interface:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    if mark:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)


def knock(address: str, port: int, deadline: float, mark: int = 0) -> Reply:
    """Send what no device answers to an endpoint, and see whether an ICMP error comes back."""
    host, _, scope = address.partition("%")
    version = ip_address(host).version
    data = b"\4\0\0\0" + os.urandom(4) + bytes(8) + os.urandom(16)
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    began = time.monotonic()
    size = len(data) + 8 + _IP_HEADER[version]
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        prepare(one, version, scope, mark)
        try:
            one.connect((address, port))
            one.send(data)
        except OSError as error:
            return _failed(Echo(address, size), error)
        poll = select.poll()
        poll.register(one, select.POLLERR)
        if poll.poll(1000 * deadline):
            with suppress(OSError):
                _, ancillary, _, _ = one.recvmsg(1, 1024, socket.MSG_ERRQUEUE)
                for level, kind, value in ancillary:
                    if (level, kind) == _RECVERR[version]:
                        got, by = _queued(version, value)
                        return Reply(address, size, got, by, round(1000 * (time.monotonic() - began), 1))
    return Reply(address, size, Got.SILENCE)


def _queued(version: int, value: bytes) -> tuple[Got, str]:
    """Read a struct sock_extended_err and the address of who sent it, which follows."""
    number, origin, kind, code, _, _ = _ERROR.unpack_from(value)
    if origin not in _ORIGIN_ICMP:
        return _ERRNO.get(number, Got.NOT_SENT), ""
    offender = value[_ERROR.size :]
    packed = offender[4:8] if version == 4 else offender[8:24]
    return meaning(version, kind, code) or Got.HOST_UNREACHABLE, str(ip_address(packed))


def wake(interface: str, address: str) -> None:
    """Send one packet into a tunnel, for which its device needs a session: to the discard port."""
    version = ip_address(address).version
    with (
        suppress(OSError),
        socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as one,
    ):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        one.sendto(b"", (address, 9))
