"""The far side of a tunnel as a program sees it: a server that names who asks, and a name server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.interop.lab import Host, run

PORT = 7007
NAME = "far.example"
ADDRESS = "198.51.100.7"
"""What the name server says of every name."""


@dataclass
class Far:
    """Servers of ``host``, and who has asked the name server."""

    host: Host
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """In both families, at any address of the host."""
        with ExitStack() as sockets:
            with self.host.namespace:
                server = sockets.enter_context(
                    socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
                )
                names = sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                names.bind(("0.0.0.0", 53))
            threads = [
                threading.Thread(target=work, args=(one,))
                for work, one in ((self._tell, server), (self._name, names))
            ]
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                server.shutdown(socket.SHUT_RDWR)
                with self.host.namespace, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                    last.sendto(b"", ("127.0.0.1", 53))
                for thread in threads:
                    thread.join()

    @staticmethod
    def _tell(server: socket.socket) -> None:
        while True:
            try:
                client, (address, *_) = server.accept()
            except OSError:
                return
            with client:
                client.sendall(address.removeprefix("::ffff:").encode() + b"\n")

    def _name(self, names: socket.socket) -> None:
        while True:
            query, (address, port) = names.recvfrom(512)
            if not query:
                return
            self.asked.append(address)
            names.sendto(_answer(query), (address, port))


def _answer(query: bytes) -> bytes:
    """That the name has ADDRESS, or for another kind of record, that it has none (RFC 1035 section 4)."""
    end = query.index(b"\0", 12) + 5  # after the question's name, type and class
    is_a = query[end - 4 : end - 2] == b"\0\1"
    header = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + bytes(4)
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(ADDRESS)
    return header + query[12:end] + (record if is_a else b"")


def who_am_i(address: str) -> str:
    """A command for a shell: as whom the far side sees us, or nothing."""
    return f"exec 3<>/dev/tcp/{address}/{PORT} && cat <&3"


def seen_as(address: str) -> str:
    """The same for the namespace of the calling thread."""
    return run("bash", "-c", who_am_i(address))
