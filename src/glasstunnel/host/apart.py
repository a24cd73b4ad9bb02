"""An interface apart: alone in a network namespace, for programs whose traffic is to take no other way.

Rule: the interface is where the programs are, its sockets are where the machine's network is. Nobody counts
the programs: the namespace lives while a process, a socket or a file descriptor is in it, and when it ends,
the kernel deletes the interface, and that ends the tunnel. If the tunnel ends first, the interface goes with
it and the programs are left with a namespace without any way out. Section: network_namespaces(7), Linux
Documentation/networking/tuntap.rst.

A TUN keeps the namespace alive in which its file was opened, wherever the interface is. So it is opened in an
anteroom and moved from there: it holds the anteroom, not the room, and nobody outside has seen it.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from glasstunnel.host import journal
from glasstunnel.host.backend import offload_wanted
from glasstunnel.host.errors import HostError, reason
from glasstunnel.host.loop import Loop
from glasstunnel.host.names import check_name
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.setup import Setup
from glasstunnel.host.tun import Tun

_MESSAGE = 1 << 16  # bytes; the name servers and search domains of any configuration
_USERS = (  # what a system lets its users do in its network, and a new namespace does not
    Path("/proc/sys/net/ipv4/ping_group_range"),
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start"),
)


class Room(NamedTuple):
    """The namespace of an interface apart, and what is to be known in it.

    Attributes:
        namespace: its file descriptor.
        servers, search: the name servers and search domains of the configuration.
    """

    namespace: int
    servers: Sequence[str]
    search: Sequence[str]


def make_namespace() -> Namespace:
    """A namespace for programs: users may do in it what they may do in that of the calling thread.

    Raises:
        HostError: without the rights for it.
    """
    here = [path.read_text() for path in _USERS]
    namespace = Namespace()
    with namespace:
        for path, value in zip(_USERS, here, strict=True):
            with suppress(OSError):  # in a user namespace there may be no such groups
                path.write_text(value)
    return namespace


def open_tun(name: str, namespace: Namespace, *, offload: bool) -> Tun:
    """A TUN whose interface is in ``namespace``, which it does not keep alive.

    Raises:
        HostError: as :class:`~glasstunnel.host.tun.Tun` does.
    """
    with closing(Namespace()) as anteroom, anteroom, Netlink() as net, ExitStack() as failed:
        tun = failed.enter_context(closing(Tun(name, offload=offload)))
        net.move(name, namespace.fd)
        failed.pop_all()
    return tun


class Apart(Setup):
    """The changes that bring up an interface in ``namespace``; the other arguments are those of
    :class:`~glasstunnel.host.setup.Setup`.

    The sockets are opened outside; all else is done inside. Who is inside need not know that there is an
    outside: the routes are in the main table, and no rule and no mark is needed.
    """

    def __init__(self, namespace: Namespace, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._namespace = namespace

    def _open_tun(self, *, attach: bool) -> Tun:
        assert not attach  # it would have to be there already
        return open_tun(self.name, self._namespace, offload=offload_wanted())

    @contextmanager
    def _network(self) -> Iterator[Netlink]:
        """No socket stays there: it would keep the namespace alive."""
        with self._namespace, Netlink() as net:
            yield net

    def door(self, servers: Sequence[str], search: Sequence[str]) -> None:
        """From now on, let others into the namespace."""
        self._journal.write_down("file", path=str(path_of(self.name)))
        door = Door(self.name, self._loop, lambda: Room(self.tunnel.tun.namespace_fd(), servers, search))
        self._journal.on_unwind(door.close)


def path_of(interface: str, directory: Path = journal.DIRECTORY) -> Path:
    """The socket at which one asks to be let into the namespace of an interface."""
    return directory / f"{interface}.door"


class Door:
    """Serves the socket, from ``loop``: whoever connects is given what ``room`` says, and that is all.

    Only root can connect. ``room`` may raise :exc:`OSError` or return no file
    descriptor (-1): the namespace is about to end. The one that it returns is closed here.
    """

    def __init__(
        self, interface: str, loop: Loop, room: Callable[[], Room], directory: Path = journal.DIRECTORY
    ) -> None:
        self._loop, self._room, self._path = loop, room, path_of(interface, directory)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            self._path.unlink(missing_ok=True)  # the journal is ours: nobody serves it
            before = os.umask(0o177)
            try:
                self._listener.bind(str(self._path))
            finally:
                os.umask(before)
            self._listener.listen()
        except OSError as error:
            self._listener.close()
            raise HostError(f"cannot create the socket {self._path}: {reason(error)}") from error
        loop.watch(self._listener.fileno(), self._answer)

    def close(self) -> None:
        """Let nobody in any longer."""
        self._loop.unwatch(self._listener.fileno())
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _answer(self) -> None:
        try:
            visitor, _ = self._listener.accept()
        except BlockingIOError:  # it has gone
            return
        with visitor:
            try:
                namespace, servers, search = self._room()
            except OSError:
                return
            if namespace < 0:
                return
            try:
                facts = json.dumps({"servers": list(servers), "search": list(search)}).encode()
                socket.send_fds(visitor, [facts], [namespace], socket.MSG_NOSIGNAL)
            except OSError:  # it did not wait
                return
            finally:
                os.close(namespace)


def knock(interface: str, directory: Path = journal.DIRECTORY) -> Room | None:
    """The namespace of an interface, which the caller closes; None if there is no such interface, or its
    namespace is about to end.

    Raises:
        HostError: without the rights for it.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as visitor:
        visitor.settimeout(10.0)
        try:
            visitor.connect(str(path_of(check_name(interface), directory)))
            facts, (namespace,), *_ = socket.recv_fds(visitor, _MESSAGE, 1)
        except (FileNotFoundError, ConnectionError, ValueError):  # ValueError: it came without a namespace
            return None
        except OSError as error:
            raise HostError(
                f"cannot ask for the namespace of {interface}: {reason(error)}; run as root"
            ) from error
    return Room(namespace, **json.loads(facts))
