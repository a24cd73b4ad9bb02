"""Stand-ins for what needs privileges: a TUN that is a pair of sockets, and packets to send through it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from glasstunnel.host.tun import Tun
from tests.host.superpackets import NOTHING, written

NOBODY = 65534
PR_SET_DUMPABLE = 4


class FakeTun(Tun):
    """Like a TUN: one read or write is one packet; ``kernel`` is the end where the kernel would be.

    Args:
        offload: every packet has a virtio header before it, and super-packets pass.
    """

    def __init__(self, *, offload: bool = False) -> None:
        self.name, self.offload = "fake", offload
        ours, self.kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self.kernel.setblocking(False)
        self.fd = ours.detach()

    def give(self, *packets: bytes) -> None:
        """Let the kernel send these packets."""
        for packet in packets:
            self.kernel.send(NOTHING + packet if self.offload else packet)

    def raw(self) -> list[bytes]:
        """What has been written to the TUN since the last call."""
        found = []
        while True:
            try:
                found.append(self.kernel.recv(65545))
            except BlockingIOError:
                return found

    def written(self) -> list[bytes]:
        """The packets that have been written to the TUN since the last call."""
        if not self.offload:
            return self.raw()
        return [packet for data in self.raw() for packet in written(data)]

    def close(self) -> None:
        super().close()
        self.kernel.close()


def mtu_of(_destination: bytes) -> int:
    """The MTU of every route, in bytes."""
    return 1420


def ip_packet(source: str, destination: str, payload: bytes = b"", ecn: int = 0) -> bytes:
    """An IP packet with just the fields that a tunnel reads; checksums are left zero."""
    from_, to = ip_address(source).packed, ip_address(destination).packed
    if len(to) == 4:
        length = 20 + len(payload)
        return bytes((0x45, ecn)) + length.to_bytes(2) + bytes(4) + b"\x40\x11\0\0" + from_ + to + payload
    return bytes((0x60, ecn << 4, 0, 0)) + len(payload).to_bytes(2) + b"\x11\x40" + from_ + to + payload


@contextmanager
def tun_device_mode(mode: int) -> Iterator[None]:
    """The TUN device with this mode: 0o666, as most systems have it, or 0o600.

    The lock keeps test runs apart that go on at the same time: each finds and restores the system's own mode.
    """
    device = os.open("/dev/net/tun", os.O_RDONLY)
    try:
        fcntl.flock(device, fcntl.LOCK_EX)
        before = stat.S_IMODE(os.fstat(device).st_mode)
        os.fchmod(device, mode)
        try:
            yield
        finally:
            os.fchmod(device, before)
    finally:
        os.close(device)


def in_a_child(work: Callable[[], object], *, uid: int = 0) -> str:
    """Run ``work`` in a forked child, as the user ``uid``; what it returns or the text of what it raises."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of newer Pythons, where there are threads
        child = os.fork()
    if not child:
        try:
            if uid:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)  # as a user's process is that was never root
            text = str(work())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text
