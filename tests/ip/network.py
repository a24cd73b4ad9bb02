"""A network namespace with a TUN in it, for tests that let the kernel judge.

A namespace lives as long as a socket or TUN that was made in it.
"""

import ctypes
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from fcntl import ioctl
from typing import TypeVar

import pytest

CLONE_NEWNET = 0x40000000  # linux/sched.h
TUNSETIFF, TUNSETVNETHDRSZ, TUNSETOFFLOAD = 0x400454CA, 0x400454D8, 0x400454D0  # linux/if_tun.h
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6, TUN_F_TSO_ECN, TUN_F_USO4, TUN_F_USO6 = 1, 2, 4, 8, 0x20, 0x40
OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN
UDP_OFFLOADS = TUN_F_USO4 | TUN_F_USO6  # since Linux 6.2
PATIENCE = 20  # seconds until a test that hears nothing gives up

OURS = {socket.AF_INET: "10.77.0.1", socket.AF_INET6: "fd77::1"}
THEIRS = {socket.AF_INET: "10.77.0.2", socket.AF_INET6: "fd77::2"}
FAMILIES = [socket.AF_INET, socket.AF_INET6]

NEEDS = [
    pytest.mark.interop,
    pytest.mark.skipif(
        os.geteuid() != 0 or not os.path.exists("/dev/net/tun"), reason="needs root and /dev/net/tun"
    ),
]
"""What every test that makes a namespace is marked with."""

Result = TypeVar("Result")


def in_new_network(work: Callable[[], Result]) -> Result:
    """What ``work`` returns, done in a new network namespace, in a thread of its own."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            assert ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0, "unshare(CLONE_NEWNET) failed: not root?"
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def open_tun(addresses: dict[socket.AddressFamily, str] = OURS, *, offloads: int | None = None) -> int:
    """The descriptor of a new TUN that is up and has these addresses.

    With ``offloads`` there is a virtio header of 10 bytes before each packet, and super-packets pass.
    """
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        flags = IFF_TUN | IFF_NO_PI | (IFF_VNET_HDR if offloads is not None else 0)
        ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", b"tun0", flags))
        if offloads is not None:
            ioctl(descriptor, TUNSETVNETHDRSZ, struct.pack("i", 10))
            ioctl(descriptor, TUNSETOFFLOAD, offloads)
        for command in (
            f"addr add {addresses[socket.AF_INET]}/24 dev tun0",
            f"addr add {addresses[socket.AF_INET6]}/64 dev tun0 nodad",
            "link set tun0 up",
        ):
            subprocess.run(["ip", *command.split()], check=True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
