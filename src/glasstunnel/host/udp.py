"""The UDP sockets of a tunnel: one for IPv4, one for IPv6, on one port.

Rule: an address is what the core's :class:`~glasstunnel.wireguard.events.Path` says it is; what the socket
API wants instead (four-tuples with a scope number) stays inside this module. A datagram that cannot be sent
is lost, as datagrams are, and counted: no error of the network ends a tunnel. Section: WP §2.1 (endpoints),
RFC 6040 (ECN of the outer header), ip(7), ipv6(7), udp(7).
"""

import errno
import os
import socket
import struct
from collections import Counter

from glasstunnel.host.errors import HostError, errno_name, needs_root, reason
from glasstunnel.wireguard.events import Path

_BUFFER = 8 << 20  # bytes; bursts of a fast sender wait here, not in the network
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE, _SO_MARK = 32, 33, 36
_IP_RECVTOS = 13
_LEVEL = {socket.AF_INET: socket.IPPROTO_IP, socket.AF_INET6: socket.IPPROTO_IPV6}
_SEND_TOS = {socket.AF_INET: socket.IP_TOS, socket.AF_INET6: socket.IPV6_TCLASS}
_RECEIVE_TOS = {socket.AF_INET: _IP_RECVTOS, socket.AF_INET6: socket.IPV6_RECVTCLASS}
_TRIES = 100  # for a random port that is free in both families
_CACHED_PATHS = 4096
ANCILLARY = socket.CMSG_SPACE(4)
"""Room for the control message that carries the traffic class."""

_INT = struct.Struct("=i")
_UINT = struct.Struct("=I")

Address = tuple[str, int] | tuple[str, int, int, int]
"""A far end as the socket API has it: the second form is IPv6 with flow label and scope number."""


class UdpSocket:
    """One socket, non-blocking, which tells the traffic class of what it receives.

    Raises :exc:`OSError`, as the calls of :mod:`socket` do.
    """

    def __init__(self, family: socket.AddressFamily, port: int, fwmark: int) -> None:
        self.family = family
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self._level, self._tos = _LEVEL[family], _SEND_TOS[family]
        try:
            self.socket.setblocking(False)
            if family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.socket.setsockopt(self._level, _RECEIVE_TOS[family], 1)
            if fwmark:
                self.set_fwmark(fwmark)
            self._enlarge(_SO_SNDBUFFORCE, socket.SO_SNDBUF)
            self._enlarge(_SO_RCVBUFFORCE, socket.SO_RCVBUF)
            self.socket.bind(("", port))
        except OSError:
            self.socket.close()
            raise
        self.fd = self.socket.fileno()
        self.port: int = self.socket.getsockname()[1]
        self._addresses: dict[tuple[str, int], Address] = {}
        self._classes: dict[int, list[tuple[int, int, bytes]]] = {}

    def set_fwmark(self, mark: int) -> None:
        """Mark what this socket sends, for the rules of policy routing; 0: no mark."""
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_MARK, _UINT.pack(mark))  # setsockopt takes no such int

    def address(self, path: Path) -> Address:
        """The far end of ``path`` for ``sendto``. Raises :exc:`OSError` if its scope names no interface."""
        return self._addresses.get(path.remote) or self._resolve(path.remote)

    def control(self, tos: int) -> list[tuple[int, int, bytes]]:
        """The control message that gives a datagram this traffic class byte."""
        if tos not in self._classes:
            self._classes[tos] = [(self._level, self._tos, _INT.pack(tos))]
        return self._classes[tos]

    def send(self, data: bytes | memoryview, path: Path, tos: int) -> None:
        """Send one datagram with this traffic class byte. Raises :exc:`OSError`, when it is lost."""
        if tos:
            self.socket.sendmsg((data,), self.control(tos), 0, self.address(path))
        else:
            self.socket.sendto(data, self.address(path))

    def forget_addresses(self) -> None:
        """Look up the interfaces of link-local addresses anew: one may have come back as another."""
        self._addresses.clear()

    def path(self, address: Address) -> Path:
        """The path of a datagram that came from ``address``, as ``recvmsg_into`` gives it."""
        host, port, *_, scope = (*address, 0) if len(address) == 2 else address
        return Path((f"{host}%{_scope_name(scope)}" if scope else host, port))

    def _resolve(self, remote: tuple[str, int]) -> Address:
        if len(self._addresses) >= _CACHED_PATHS:
            self._addresses.clear()
        host, _, scope = remote[0].partition("%")
        address: Address = (host, remote[1], 0, _scope_number(scope)) if scope else remote
        self._addresses[remote] = address
        return address

    def _enlarge(self, force: int, ordinary: int) -> None:
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, force, _BUFFER)
        except PermissionError:  # without CAP_NET_ADMIN as much as the system allows
            self.socket.setsockopt(socket.SOL_SOCKET, ordinary, _BUFFER)


class Udp:
    """Both sockets on ``port``, or on one random port that is free in both families if ``port`` is 0.

    A system without IPv6 gets IPv4 alone, and the other way round. They belong to the network namespace of
    the thread that opened them.

    Raises:
        HostError: if the port is in use, or setting ``fwmark`` is not permitted.
    """

    def __init__(self, port: int = 0, fwmark: int = 0) -> None:
        self.errors: Counter[str] = Counter()
        """Datagrams lost in sending, by the system's name of the reason."""
        self.sockets: list[UdpSocket] = []
        self.rebind(port, fwmark)

    def rebind(self, port: int, fwmark: int) -> None:
        """Open other sockets in place of these, as at the beginning.

        Raises:
            HostError: as at the beginning; these stay open then.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                opened = _open(port, fwmark)
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE or port or attempt == _TRIES:
                    raise HostError(_why_not(port, fwmark, error)) from error
        self.close()
        self.sockets = opened
        self._by_family = {one.family: one for one in opened}

    @property
    def port(self) -> int:
        """The local port, of both sockets."""
        return self.sockets[0].port

    def send(self, data: bytes | memoryview, path: Path, tos: int = 0) -> bool:
        """Send one datagram; whether the system took it. If not, :attr:`errors` counts it."""
        try:
            self.towards(path).send(data, path, tos)
        except OSError as error:
            self.count(error)
            return False
        return True

    def towards(self, path: Path) -> UdpSocket:
        """The socket that reaches ``path``. Raises :exc:`OSError` if the system lacks its family."""
        family = socket.AF_INET6 if ":" in path.remote[0] else socket.AF_INET
        if family not in self._by_family:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return self._by_family[family]

    def count(self, error: OSError, datagrams: int = 1) -> None:
        """Note so many lost datagrams in :attr:`errors`."""
        self.errors[errno_name(error)] += datagrams
        if error.errno in (errno.ENETUNREACH, errno.ENODEV, errno.EINVAL):
            for one in self.sockets:
                one.forget_addresses()

    def set_fwmark(self, mark: int) -> None:
        """Mark what both sockets send.

        Raises :exc:`HostError` if that is not permitted.
        """
        try:
            for one in self.sockets:
                one.set_fwmark(mark)
        except OSError as error:
            raise HostError(_why_not(self.port, mark, error)) from error

    def close(self) -> None:
        """Close both sockets. Harmless when closed already."""
        while self.sockets:
            self.sockets.pop().socket.close()


def _open(port: int, fwmark: int) -> list[UdpSocket]:
    """A socket for each family that the system has, on one port. Raises :exc:`OSError`."""
    opened: list[UdpSocket] = []
    missing: OSError | None = None
    for family in (socket.AF_INET6, socket.AF_INET):
        try:
            opened.append(UdpSocket(family, port, fwmark))
            port = opened[0].port
        except OSError as error:
            missing = error
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                break
    else:
        if opened:
            return opened
    for one in opened:
        one.socket.close()
    assert missing
    raise missing


def _scope_number(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError:  # which has no errno
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from None


def _scope_name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:  # the interface has gone since the datagram came in
        return str(index)


def _why_not(port: int, fwmark: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"the UDP port {port} is in use by another program" if port else "no UDP port is free"
    if needs_root(error):
        what = f"set the mark {fwmark:#x} on a socket" if fwmark else f"open the UDP port {port}"
        return f"cannot {what}: {reason(error)}; run as root (CAP_NET_ADMIN)"
    return f"cannot open the UDP port {port}: {reason(error)}"
