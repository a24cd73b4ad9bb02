"""The control socket: what wg(8) and ``glasstunnel show`` ask, answered from within the event loop.

Rule: requests and replies are UAPI text that ends with an empty line. A client that stalls, sends nonsense or
goes away costs the tunnel nothing: no read or write waits, and what is kept of a client's request is bounded.
Requests are carried out one after the other, whoever sent them, each in slices between which packets pass.
Only root may connect. Section: https://www.wireguard.com/xplatform/, unix(7).
"""

import errno
import logging
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from glasstunnel.host import libc
from glasstunnel.host.errors import HostError, needs_root, reason
from glasstunnel.host.loop import Loop
from glasstunnel.host.names import check_name

DIRECTORY = Path("/var/run/wireguard")
"""Where wg(8) looks for the sockets of all user-space implementations."""
_SUFFIX = ".sock"
_LONGEST_REQUEST = 1 << 26  # bytes: a million prefixes
_CHUNK = 1 << 16  # bytes of one read
_SLICE = 0.005  # seconds of work in one turn of the loop, at the least one step of it
_MOST_CLIENTS = 64
_UCRED = struct.Struct("=3i")  # process, user, group
_END = b"\n\n"

_log = logging.getLogger(__name__)

Answer = Callable[[str], Iterator[str] | None]
"""From a request without its empty line to the reply with it, piece by piece; None: hang up.

Each piece, which may be empty, is a small step of the work. Once begun it is carried on to its end, even if
the client has gone.
"""


def path_of(interface: str, directory: Path = DIRECTORY) -> Path:
    """The control socket of an interface."""
    return directory / f"{interface}{_SUFFIX}"


def interfaces(directory: Path = DIRECTORY) -> list[str]:
    """The interfaces whose control socket somebody serves, whichever implementation it is, sorted.

    Raises:
        HostError: without the rights to connect.
    """
    names = sorted(path.name.removesuffix(_SUFFIX) for path in directory.glob(f"*{_SUFFIX}"))
    return [name for name in names if is_served(name, directory)]


def is_served(interface: str, directory: Path = DIRECTORY) -> bool:
    """Whether somebody serves the control socket. Raises :exc:`HostError` without the rights to connect."""
    try:
        _connect(interface, directory).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


def owner(interface: str, directory: Path = DIRECTORY) -> int:
    """The process that serves the control socket, as the kernel knows it; 0 if nobody does."""
    try:
        with _connect(interface, directory) as client:
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    except (FileNotFoundError, ConnectionRefusedError):
        return 0
    return int(_UCRED.unpack(credentials)[0])


def ask(interface: str, request: str = "get=1", directory: Path = DIRECTORY, timeout: float = 10.0) -> str:
    """The reply to a request, with its empty line.

    Raises:
        HostError: if nobody serves the interface, without the rights, or if no whole reply comes within
            ``timeout`` seconds.
    """
    reply = bytearray()
    check_name(interface)
    try:
        with _connect(interface, directory) as client:
            client.settimeout(timeout)
            client.sendall(request.encode() + _END)
            while not reply.endswith(_END):
                if not (chunk := client.recv(1 << 16)):
                    raise HostError(f"the control socket of {interface} hung up instead of answering")
                reply += chunk
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise HostError(f"there is no WireGuard interface {interface}") from error
    except OSError as error:
        raise HostError(f"no answer from the control socket of {interface}: {reason(error)}") from error
    return reply.decode(errors="replace")


def _connect(interface: str, directory: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        client.connect(str(path_of(interface, directory)))
    except OSError as error:
        client.close()
        if needs_root(error):
            raise HostError(f"cannot ask the interface {interface}: {reason(error)}; run as root") from error
        raise
    return client


def adopt(fd: int) -> socket.socket:
    """The control socket that somebody else has opened and passed on to us.

    Raises:
        HostError: if it is none, or does not listen.
    """
    try:
        listener = socket.socket(fileno=fd)
    except OSError as error:
        raise HostError(f"the file descriptor {fd} is no socket: {reason(error)}") from error
    if listener.family != socket.AF_UNIX or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.detach()
        raise HostError(f"the file descriptor {fd} is no control socket: expected a Unix socket that listens")
    if not isinstance(listener.getsockname(), str):  # an abstract name is bytes
        listener.detach()
        raise HostError(f"the file descriptor {fd} is no control socket: expected one with a file to it")
    listener.set_inheritable(False)
    return listener


def _listen(interface: str, directory: Path) -> socket.socket:
    path = path_of(interface, directory)
    if is_served(interface, directory):
        raise HostError(f"the control socket {path} is served by another program")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        before = os.umask(0o177)  # the socket is born with mode 0600: at no moment can others connect
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen()
    except OSError as error:
        listener.close()
        raise HostError(f"cannot create the control socket {path}: {reason(error)}") from error
    return listener


class ControlSocket:
    """Serves the control socket of ``interface`` from ``loop``, with what ``answer`` says.

    A socket file that nobody serves any more is replaced.

    Args:
        listener: serve this socket, which listens already, instead of making one.

    Raises:
        HostError: if somebody serves it, or without the rights to create it.
    """

    def __init__(
        self,
        interface: str,
        loop: Loop,
        answer: Answer,
        directory: Path = DIRECTORY,
        *,
        listener: socket.socket | None = None,
    ) -> None:
        self._loop, self._answer = loop, answer
        self._clients: dict[_Client, None] = {}  # the oldest first
        self._work: deque[Iterator[None]] = deque()  # one for each request, the first of them under way
        self._listener = listener or _listen(interface, directory)
        self._listener.setblocking(False)
        self.path = Path(self._listener.getsockname())
        self._removal = -1
        self._always_readable = os.eventfd(1, os.EFD_CLOEXEC)
        loop.watch(self._listener.fileno(), self._accept)

    def on_removal(self, callback: Callable[[], None]) -> None:
        """Call back when somebody removes the socket file: nobody can ask any more, and so it is a wish that
        we end (wireguard-go ipc/uapi_linux.go).
        """

        def touched() -> None:
            os.read(self._removal, 1 << 12)
            if not self.path.exists():
                callback()

        try:
            self._removal = libc.inotify(str(self.path), libc.IN_ATTRIB | libc.IN_DELETE_SELF)
        except OSError as error:
            raise HostError(f"cannot watch the control socket {self.path}: {reason(error)}") from error
        self._loop.watch(self._removal, touched)

    def close(self) -> None:
        """Hang up on everybody and remove the socket file."""
        if self._removal >= 0:
            self._loop.unwatch(self._removal)
            os.close(self._removal)
            self._removal = -1
        self._loop.unwatch(self._listener.fileno())
        self._listener.close()
        self._loop.unwatch(self._always_readable)
        os.close(self._always_readable)
        for client in list(self._clients):
            client.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room()  # or the listener would stay readable and the loop never sleep
            return  # any other: the client has gone again
        if len(self._clients) >= _MOST_CLIENTS:
            self._make_room()
        self._clients[_Client(connection, self._loop, self._submit, self._clients.pop)] = None

    def _make_room(self) -> None:
        """Hang up on the client that has been connected longest: a silent one must not lock others out."""
        for client in list(self._clients)[:1]:
            client.close()

    def _submit(self, client: "_Client", request: str) -> None:
        """Put a request at the end of the queue."""
        self._work.append(self._carry_out(client, request))
        self._loop.watch(self._always_readable, self._proceed)

    def _proceed(self) -> None:
        """Work for one slice; the loop comes back as long as there is work."""
        end = time.monotonic() + _SLICE
        while self._work:
            for _ in self._work[0]:
                if time.monotonic() >= end:
                    return
            self._work.popleft()
        self._loop.unwatch(self._always_readable)

    def _carry_out(self, client: "_Client", request: str) -> Iterator[None]:
        steps = None if client.closed else self._answer(request)
        if steps is None:
            client.close()
            return
        reply = bytearray()
        for piece in steps:
            reply += piece.encode()
            yield
        client.reply(reply)


class _Client:
    """One connection: any number of requests, answered in their order.

    While one is carried out, or a reply waits for its reader, nothing more is read.
    """

    def __init__(
        self,
        connection: socket.socket,
        loop: Loop,
        submit: Callable[["_Client", str], None],
        on_close: Callable[["_Client"], None],
    ) -> None:
        connection.setblocking(False)
        self._connection, self._loop, self._submit, self._on_close = connection, loop, submit, on_close
        self._request, self._reply = bytearray(), bytearray()
        self._searched = 0  # bytes of the request in which there is no end
        self._ended = False  # no more will come
        self.closed = False
        loop.watch(connection.fileno(), self._readable)

    def close(self) -> None:
        """Hang up. Harmless when closed."""
        if not self.closed:
            self.closed = True
            self._loop.unwatch(self._connection.fileno())
            self._connection.close()
            self._on_close(self)

    def reply(self, text: bytearray) -> None:
        """Send the answer to the request that was submitted, and go on with the next."""
        if not self.closed:
            self._reply = text
            self._writable()

    def _readable(self) -> None:
        try:
            chunk = self._connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        self._request += chunk
        self._ended = not chunk
        self._go_on()

    def _writable(self) -> None:
        try:
            while self._reply:
                del self._reply[: self._connection.send(self._reply)]
        except BlockingIOError:
            self._loop.watch(self._connection.fileno(), None, self._writable)
        except OSError:  # the client has gone
            self.close()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Submit the next request if it is there, or wait for the rest of it."""
        end = self._request.find(_END, self._searched)
        if end >= 0:
            request = self._request[:end].decode(errors="replace")
            del self._request[: end + len(_END)]
            self._searched = 0
            self._loop.unwatch(self._connection.fileno())
            self._submit(self, request)
        elif self._ended:
            self.close()
        elif len(self._request) > _LONGEST_REQUEST:
            _log.warning("a request on the control socket is longer than %d bytes: refused", _LONGEST_REQUEST)
            self.close()
        else:
            self._searched = max(0, len(self._request) - 1)
            self._loop.watch(self._connection.fileno(), self._readable)
