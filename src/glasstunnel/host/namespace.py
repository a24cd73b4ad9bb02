"""Network namespaces of one's own: a whole network in a process, for the demo, the tutorial and the tests.

Rule: a namespace is a file descriptor. It has no name that could collide, and when the last descriptor,
process and socket of it is gone the kernel takes it away with all that is in it; nothing has to be cleaned
up. Section: network_namespaces(7), user_namespaces(7), setns(2).

Only the calling thread moves, and a child process lives where the thread was that started it. A TUN or a
socket belongs for ever to the namespace in which it was opened, so one process, even one loop, can serve
tunnels in several.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from glasstunnel.host import libc
from glasstunnel.host.errors import HostError, reason
from glasstunnel.host.netlink import Netlink

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_RUNTIME = "/run"  # where control sockets and locks are: private too, or nothing could be written there


def _current() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def inside(fd: int) -> Iterator[None]:
    """Within the block the calling thread is in the network namespace of this file descriptor.

    Raises :exc:`OSError` without the rights for it.
    """
    outside = _current()
    try:
        if os.fstat(fd).st_ino == os.fstat(outside).st_ino:
            yield  # we are there, and need no rights for it
            return
        libc.setns(fd, _CLONE_NEWNET)
        try:
            yield
        finally:
            libc.setns(outside, _CLONE_NEWNET)
    finally:
        os.close(outside)


class Namespace:
    """A new network namespace with nothing in it but a loopback interface, which is up.

    As a context manager it moves the calling thread in, and back at the end of the block; blocks nest. ``fd``
    is its file descriptor.

    Raises:
        HostError: without the rights for it; see :func:`become_private_root`.
    """

    def __init__(self) -> None:
        self._outside: list[int] = []
        before = _current()
        try:
            libc.unshare(_CLONE_NEWNET)
        except OSError as error:
            os.close(before)
            raise HostError(f"cannot create a network namespace: {reason(error)}; run as root") from error
        self.fd = _current()
        libc.setns(before, _CLONE_NEWNET)
        os.close(before)
        with self, Netlink() as net:
            net.link_up("lo")

    def __enter__(self) -> Self:
        self._outside.append(_current())
        libc.setns(self.fd, _CLONE_NEWNET)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outside = self._outside.pop()
        libc.setns(outside, _CLONE_NEWNET)
        os.close(outside)

    def close(self) -> None:
        """Let go of the namespace; it ends when nothing lives in it any more. Harmless when closed."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def veth_pair(here: Namespace, name: str, there: Namespace, peer: str) -> None:
    """A cable between two namespaces: an Ethernet interface at each end, both up, without addresses."""
    with here, Netlink() as net:
        net.add_veth(name, peer, there.fd)
        net.link_up(name)
    with there, Netlink() as net:
        net.link_up(peer)


def become_private_root() -> None:
    """Make the calling process root of a world of its own: user, mount and network namespace.

    For who is not root and wants namespaces all the same. Inside, the user is uid 0 and may create
    interfaces, and :file:`/run` is empty and writable; files outside are no more accessible than before. It
    cannot be undone, and the process must have a single thread.

    Raises:
        HostError: where the system does not allow it.
    """
    uid, gid = os.getuid(), os.getgid()
    try:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
        libc.mount("none", "/", "", _MS_REC | _MS_PRIVATE)
        libc.mount("tmpfs", _RUNTIME, "tmpfs", 0, "mode=755")
        with Netlink() as net:
            net.link_up("lo")
    except OSError as error:
        raise HostError(
            f"this system does not give an ordinary user namespaces of his own ({reason(error)}): run as root"
        ) from error
