"""The UDP sockets of a tunnel: one for IPv4, one for IPv6, on one port.

Rule: an address is what the core's :class:`~glasstunnel.wireguard.events.Path` says it is; what the socket
API wants instead (four-tuples with a scope number, control messages) stays inside this module. A datagram
leaves from the address that the peer spoke to, for as long as the kernel would let it: when that address has
gone, the datagram is sent once more without it. A datagram that cannot be sent is lost, as datagrams are, and
counted: no error of the network ends a tunnel. Section: WP §2.1 (endpoints); kernel socket.c
``send4``, ``send6``; RFC 6040 (ECN of the outer header), ip(7), ipv6(7), udp(7).
"""

import errno
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from glasstunnel.host import ancillary
from glasstunnel.host.errors import HostError, errno_name, needs_root, reason
from glasstunnel.host.routes import Routes
from glasstunnel.host.scopes import Scopes
from glasstunnel.wireguard.events import Path

_TRIES = 100  # for a random port that is free in both families
_CACHED = 4096  # of each kind

_GONE = {errno.EINVAL, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENODEV}
"""What the kernel says of a source address or an interface that is no more: IPv6 EINVAL, IPv4 EINVAL in old
kernels and ENETUNREACH in new ones.
"""

_ALONE = _GONE | {errno.EIO, errno.EMSGSIZE}
"""What the kernel says if it does not cut datagrams here, but may send each of them alone."""

Address = tuple[str, int] | tuple[str, int, int, int]
"""A far end as the socket API has it: the second form is IPv6 with flow label and scope number."""
Buffer = bytes | memoryview
Transmit = Callable[[Buffer], int]
"""Sends one datagram to where it always sends; raises :exc:`OSError`."""


class UdpSocket:
    """One socket, non-blocking, which tells our address and the traffic class of what it receives.

    Raises :exc:`OSError`, as the calls of :mod:`socket` do.
    """

    def __init__(self, family: socket.AddressFamily, port: int, fwmark: int, routes: Routes) -> None:
        self.family = family
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self._routes, self._fwmark = routes, fwmark
        try:
            ancillary.set_up(self.socket, family)
            if fwmark:
                self.set_fwmark(fwmark)
            self.socket.bind(("", port))
        except OSError:
            self.socket.close()
            raise
        self.fd = self.socket.fileno()
        self.port: int = self.socket.getsockname()[1]
        self._ways: dict[tuple[Path, int, int], tuple[Transmit, Path]] = {}
        self._paths: dict[tuple[Address, bytes], Path] = {}
        self.scopes: Final = Scopes(self.fd)

    def set_fwmark(self, mark: int) -> None:
        """Mark what this socket sends, for the rules of policy routing; 0: no mark."""
        ancillary.set_mark(self.socket, mark)
        self._fwmark = mark

    def way(self, path: Path, tos: int, segment: int = 0) -> tuple[Transmit, Path]:
        """What sends along ``path`` with this traffic class byte, and the path itself.

        Many datagrams at once, if it shall cut what it sends into segments of so many bytes. The path is
        without its source if that leads elsewhere by now. Raises :exc:`OSError` if the scope of the far end
        names no interface.
        """
        return self._ways.get((path, tos, segment)) or self._find_way(path, tos, segment)

    def path(self, address: Address, local: bytes) -> Path:
        """The path of a datagram that came from ``address``, with the control message that tells ours."""
        return self._paths.get((address, local)) or self._read_path(address, local)

    def forget(self) -> None:
        """Find ways and paths anew: addresses, routes or interfaces have changed."""
        self._ways.clear()
        self._paths.clear()

    def _find_way(self, path: Path, tos: int, segment: int) -> tuple[Transmit, Path]:
        host, _, scope = path.remote[0].partition("%")
        address: Address = path.remote if not scope else (host, path.remote[1], 0, self.scopes.number(scope))
        used = path if self._still_leads(path) else Path(path.remote)
        control = ancillary.to_send(self.family, used.local, tos, segment)
        sendto, sendmsg = self.socket.sendto, self.socket.sendmsg
        # Chosen here once for each way; as functions with names they would say the same in twice the lines.
        if control:
            transmit: Transmit = lambda datagram: sendmsg((datagram,), control, 0, address)  # noqa: E731
        else:
            transmit = lambda datagram: sendto(datagram, address)  # noqa: E731
        return _remember(self._ways, (path, tos, segment), (transmit, used))

    def _still_leads(self, path: Path) -> bool:
        """Whether packets with this source leave through the interface on which the peer's came.

        The kernel asks this of IPv4 only, and so do we.
        """
        if not path.local or self.family == socket.AF_INET6:
            return True
        route = self._routes.towards(
            socket.inet_aton(path.remote[0]),
            socket.inet_aton(path.local),
            self._fwmark,
            (self.port, path.remote[1]),
        )
        return route is not None and route.interface == path.ifindex

    def _read_path(self, address: Address, local: bytes) -> Path:
        host, port, *_, scope = (*address, 0) if len(address) == 2 else address
        remote = f"{host}%{self.scopes.name(scope)}" if scope else host, port
        path = ancillary.path_of(self.family, remote, local)
        return _remember(self._paths, (address, local), path)


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
        self.routes: Final = Routes(self.forget)
        """The routes outside the tunnel; whoever serves this calls its ``changed``."""
        self.sockets: list[UdpSocket] = []
        try:
            self.rebind(port, fwmark)
        except HostError:
            self.routes.close()
            raise

    def rebind(self, port: int, fwmark: int) -> None:
        """Open other sockets in place of these, as at the beginning.

        Raises:
            HostError: as at the beginning; these stay open then.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                opened = _open(port, fwmark, self.routes)
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE or port or attempt == _TRIES:
                    raise HostError(_why_not(port, fwmark, error)) from error
        self._close_sockets()
        self.sockets = opened
        self._by_family = {one.family: one for one in opened}

    @property
    def port(self) -> int:
        """The local port, of both sockets."""
        return self.sockets[0].port

    def send(self, datagrams: Iterable[Buffer], path: Path, tos: int = 0) -> Path:
        """Send these along ``path``, all with this traffic class byte; :attr:`errors` counts what cannot go.

        Returns the path that they took: ``path`` itself, or ``path`` without its source if that has gone.
        """
        transmit: Transmit | None = None
        for datagram in datagrams:
            for may_try_again in (True, False):
                try:
                    if transmit is None:
                        transmit, path = self._towards(path).way(path, tos)
                    transmit(datagram)
                except OSError as error:
                    if may_try_again and error.errno in _GONE and (path.local or "%" in path.remote[0]):
                        transmit, path = None, Path(path.remote)
                        self.forget()
                        continue
                    self.errors[errno_name(error)] += 1
                break
        return path

    def send_joined(self, datagrams: Buffer, segment: int, path: Path, tos: int) -> bool:
        """Send datagrams that lie end to end, each of ``segment`` bytes but the last, by one call.

        False if the kernel does not do it here, such as for datagrams that are longer than the MTU of the
        path, or on a path that is not what it was: then nothing was sent, and :meth:`send` may do it. What
        cannot go either way, as with a full buffer, is counted and lost.
        """
        try:
            transmit, used = self._towards(path).way(path, tos, segment)
            if used != path:
                return False
            transmit(datagrams)
        except OSError as error:
            if error.errno in _ALONE:
                return False
            self.errors[errno_name(error)] += -(-len(datagrams) // segment)
        return True

    def forget(self) -> None:
        """Find every way anew."""
        for one in self.sockets:
            one.forget()

    def set_fwmark(self, mark: int) -> None:
        """Mark what both sockets send.

        Raises :exc:`HostError` if that is not permitted.
        """
        try:
            for one in self.sockets:
                one.set_fwmark(mark)
        except OSError as error:
            raise HostError(_why_not(self.port, mark, error)) from error
        self.routes.forget()

    def scope(self, name: str) -> int:
        """The interface that a scope names. Raises :exc:`OSError` if there is none, or no IPv6."""
        return self._towards(Path(("::", 0))).scopes.number(name)

    def close(self) -> None:
        """Close everything. Harmless when closed already."""
        self._close_sockets()
        self.routes.close()

    def _close_sockets(self) -> None:
        while self.sockets:
            self.sockets.pop().socket.close()

    def _towards(self, path: Path) -> UdpSocket:
        """The socket that reaches ``path``. Raises :exc:`OSError` if the system lacks its family."""
        family = socket.AF_INET6 if ":" in path.remote[0] else socket.AF_INET
        if family not in self._by_family:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return self._by_family[family]


def _open(port: int, fwmark: int, routes: Routes) -> list[UdpSocket]:
    """A socket for each family that the system has, on one port. Raises :exc:`OSError`."""
    opened: list[UdpSocket] = []
    missing: OSError | None = None
    for family in (socket.AF_INET6, socket.AF_INET):
        try:
            opened.append(UdpSocket(family, port, fwmark, routes))
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


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _remember(cache: dict[_Key, _Value], key: _Key, value: _Value) -> _Value:
    """Whoever can make us answer many addresses must not fill our memory."""
    if len(cache) >= _CACHED:
        cache.clear()
    cache[key] = value
    return value


def _why_not(port: int, fwmark: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"the UDP port {port} is in use by another program" if port else "no UDP port is free"
    if needs_root(error):
        what = f"set the mark {fwmark:#x} on a socket" if fwmark else f"open the UDP port {port}"
        return f"cannot {what}: {reason(error)}; run as root (CAP_NET_ADMIN)"
    return f"cannot open the UDP port {port}: {reason(error)}"
