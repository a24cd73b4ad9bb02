"""The TUN interface: a network interface whose other end is a file descriptor.

Rule: one read is one IP packet that the kernel wants to send, one write is one IP packet that the kernel
receives, without any header before it (IFF_NO_PI), or with that of virtio alone (IFF_VNET_HDR). The interface
lives as long as the file descriptor: when the process ends, however it ends, the kernel removes the interface
with its addresses and routes. Section: Linux Documentation/networking/tuntap.rst §3.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Self

from glasstunnel.host.errors import HostError, needs_root, reason
from glasstunnel.host.names import check_name
from glasstunnel.host.namespace import inside
from glasstunnel.ip import virtio

_DEVICE = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_TUNSETOFFLOAD = 0x400454D0
_TUNSETVNETHDRSZ = 0x400454D8
_TUNSETVNETLE = 0x400454DC
_TUNGETIFF = 0x800454D2
_TUNGETDEVNETNS = 0x54E3
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_IFF_VNET_HDR = 0x4000
_IFF_TUN_EXCL = 0x8000  # fail with EBUSY rather than attach to an interface that is already there
_TUN_F_CSUM, _TUN_F_TSO4, _TUN_F_TSO6, _TUN_F_TSO_ECN = 1, 2, 4, 8
_TUN_F_USO4, _TUN_F_USO6 = 0x20, 0x40  # since Linux 6.2
_TCP = _TUN_F_CSUM | _TUN_F_TSO4 | _TUN_F_TSO6 | _TUN_F_TSO_ECN
_IFREQ = struct.Struct("16sH22x")
_INT = struct.Struct("=i")


class Tun:
    """A new TUN interface called ``name``, in the network namespace of the calling thread; it is still down.

    ``fd`` is its file descriptor, non-blocking.

    Args:
        name: of the interface.
        offload: let super-packets pass, each with a virtio header before it, if the kernel can; ``offload``
            of the instance says whether it does.
        attach: take an interface that is there already and waits for a program (``ip tuntap add``).

    Raises:
        HostError: if there is no TUN driver, no permission, or already an interface of this name.
    """

    offload = False
    """Whether super-packets pass, and every packet has a virtio header before it."""

    def __init__(self, name: str, *, attach: bool = False, offload: bool = False) -> None:
        self.name = check_name(name)
        flags = _IFF_TUN | _IFF_NO_PI | (0 if attach else _IFF_TUN_EXCL) | (_IFF_VNET_HDR if offload else 0)
        try:
            self.fd = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise HostError(_why_no_device(error)) from error
        try:
            fcntl.ioctl(self.fd, _TUNSETIFF, _IFREQ.pack(name.encode(), flags))
        except OSError as error:
            os.close(self.fd)
            raise HostError(_why_no_interface(name, error)) from error
        try:
            self._let_super_packets_pass(offload)
        except HostError:
            self.close()
            raise

    @classmethod
    def adopt(cls, fd: int, *, offload: bool = False) -> Self:
        """The TUN interface whose file descriptor somebody else has opened and passed on to us.

        It has virtio headers or has none, as it was opened; ``offload`` says whether we can serve those.

        Raises:
            HostError: if it is not one, or one whose packets have a header that we cannot serve.
        """
        tun = cls.__new__(cls)
        tun.fd = fd
        try:
            tun.name, flags = tun._interface()
            os.set_blocking(fd, False)
            os.set_inheritable(fd, False)
        except OSError as error:
            raise HostError(f"the file descriptor {fd} is no TUN interface: {reason(error)}") from error
        if flags & (_IFF_TUN | _IFF_NO_PI) != _IFF_TUN | _IFF_NO_PI:
            raise HostError(
                f"the file descriptor {fd} of {tun.name} has the flags {flags:#06x}: "
                "expected a TUN without packet information (IFF_TUN | IFF_NO_PI)"
            )
        if flags & _IFF_VNET_HDR and not offload:
            raise HostError(
                f"the file descriptor {fd} of {tun.name} has a virtio header before each packet: "
                "expected a TUN without (no IFF_VNET_HDR), since only the fast data path can serve it"
            )
        tun._let_super_packets_pass(bool(flags & _IFF_VNET_HDR))
        return tun

    def _let_super_packets_pass(self, offload: bool) -> None:
        """Of TCP, and of UDP where the kernel knows how (since Linux 6.2); or none.

        An interface that was there before may have been left otherwise by the program that served it.
        """
        self.offload = offload
        if offload:
            self._shape_headers()
        for offloads in (_TCP | _TUN_F_USO4 | _TUN_F_USO6, _TCP) if offload else (0,):
            with suppress(OSError):
                fcntl.ioctl(self.fd, _TUNSETOFFLOAD, offloads)
                break

    def _shape_headers(self) -> None:
        """Let the virtio headers be of 10 bytes, with little-endian numbers on every machine."""
        for request, value in ((_TUNSETVNETHDRSZ, virtio.SIZE), (_TUNSETVNETLE, 1)):
            try:
                fcntl.ioctl(self.fd, request, _INT.pack(value))
            except OSError as error:
                raise HostError(
                    f"the interface {self.name} takes no virtio headers of {virtio.SIZE} bytes in little "
                    f"endian: {reason(error)}"
                ) from error

    def current_name(self) -> str:
        """What the interface is called now. Raises :exc:`OSError` (EBADFD) if it was deleted."""
        return self._interface()[0]

    def namespace_fd(self) -> int:
        """A new file descriptor of the network namespace in which the interface is now.

        -1 if the system does not tell: without rights there (CAP_NET_ADMIN), or before Linux 5.2. Raises
        :exc:`OSError` (EBADFD) if the interface was deleted.
        """
        try:
            return fcntl.ioctl(self.fd, _TUNGETDEVNETNS)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EINVAL, errno.ENOTTY):
                return -1
            raise

    def _interface(self) -> tuple[str, int]:
        """Its name and its flags."""
        name, flags = _IFREQ.unpack(fcntl.ioctl(self.fd, _TUNGETIFF, bytes(_IFREQ.size)))
        return name.rstrip(b"\0").decode(), flags

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
    if error.errno == errno.EINVAL:
        return f"there is already an interface {name}, and it is no TUN"
    return f"cannot create the interface {name}: {reason(error)}"
