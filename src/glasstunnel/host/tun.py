"""The TUN interface: a network interface whose other end is a file descriptor.

Rule: one read is one IP packet that the kernel wants to send, one write is one IP packet that the kernel
receives, without any header before it (IFF_NO_PI). The interface lives as long as the file descriptor: when
the process ends, however it ends, the kernel removes the interface with its addresses and routes. Section:
Linux Documentation/networking/tuntap.rst §3.
"""

import errno
import fcntl
import os
import re
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from glasstunnel.host.errors import HostError, needs_root, reason
from glasstunnel.host.namespace import inside

_DEVICE = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_TUNGETDEVNETNS = 0x54E3
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_IFF_TUN_EXCL = 0x8000  # fail with EBUSY rather than attach to an interface that is already there
_IFREQ = struct.Struct("16sH22x")

_NAME = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")  # what wg-quick(8) accepts; the kernel's limit is 15 bytes


def check_name(name: str) -> str:
    """The name itself, if an interface may be called so.

    Raises :exc:`HostError` otherwise.
    """
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise HostError(
            f'"{name}" is no interface name: expected 1 to 15 of the characters a-z A-Z 0-9 _ = + . -'
        )
    return name


class Tun:
    """A new TUN interface called ``name``, in the network namespace of the calling thread; it is still down.

    ``fd`` is its file descriptor, non-blocking.

    Raises:
        HostError: if there is no TUN driver, no permission, or already an interface of this name.
    """

    def __init__(self, name: str) -> None:
        self.name = check_name(name)
        try:
            self.fd = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise HostError(_why_no_device(error)) from error
        try:
            fcntl.ioctl(
                self.fd, _TUNSETIFF, _IFREQ.pack(name.encode(), _IFF_TUN | _IFF_NO_PI | _IFF_TUN_EXCL)
            )
        except OSError as error:
            os.close(self.fd)
            raise HostError(_why_no_interface(name, error)) from error

    def fileno(self) -> int:
        """The file descriptor."""
        return self.fd

    @contextmanager
    def namespace(self) -> Iterator[None]:
        """Within the block the calling thread is in the network namespace where the interface is now.

        It stays where it is if the interface has gone, or without the rights for the other.
        """
        with ExitStack() as stack:
            with suppress(OSError):
                there = fcntl.ioctl(self.fd, _TUNGETDEVNETNS)
                stack.callback(os.close, there)
                stack.enter_context(inside(there))
            yield

    def close(self) -> None:
        """Close the file descriptor; with it the interface disappears. Harmless when closed already."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _why_no_device(error: OSError) -> str:
    if needs_root(error):
        return f"cannot open {_DEVICE}: {reason(error)}; run as root, or let everybody use it (mode 0666)"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"there is no {_DEVICE}: load the driver (modprobe tun) or give the container the device"
    return f"cannot open {_DEVICE}: {reason(error)}"


def _why_no_interface(name: str, error: OSError) -> str:
    if needs_root(error):
        return f"cannot create the interface {name}: {reason(error)}; run as root (CAP_NET_ADMIN)"
    if error.errno == errno.EBUSY:
        return f"there is already an interface {name}"
    return f"cannot create the interface {name}: {reason(error)}"
