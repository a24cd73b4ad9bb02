"""The scope of a link-local address: the interface that it belongs to, a name for people and a number.

Rule: an interface is its number, and the name that it had when it was first met leads to it for as long as it
is there; so renaming it breaks no tunnel. Section: RFC 4007 §11; netdevice(7) ``SIOCGIFNAME``,
``SIOCGIFINDEX``.
"""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable

_SIOCGIFNAME, _SIOCGIFINDEX = 0x8910, 0x8933
_IFREQ = struct.Struct("=16si20x")  # struct ifreq: name, index: netdevice(7)
_LONGEST_NAME = 15  # bytes: IFNAMSIZ with its NUL
_GREATEST_INDEX = 0x7FFFFFFF  # the kernel has it in an int


class Scopes:
    """Those in the network namespace of the socket ``fd``, wherever the thread is."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._known: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The interface that ``name`` named first, whatever it is called now; the present one if that has
        gone. Raises :exc:`OSError` if there is none.
        """
        known = self._known.get(name)
        if known is None or not self._ask_name(known):
            self._known[name] = known = scope_number(name, self._ask_number)
        return known

    def name(self, number: int) -> str:
        """What the interface is called now, or its number if it has gone meanwhile."""
        name = self._ask_name(number) or str(number)
        self._known[name] = number
        return name

    def _ask_number(self, name: str) -> int:
        return int(_IFREQ.unpack(fcntl.ioctl(self._fd, _SIOCGIFINDEX, _IFREQ.pack(name.encode(), 0)))[1])

    def _ask_name(self, number: int) -> str:
        try:
            name, _ = _IFREQ.unpack(fcntl.ioctl(self._fd, _SIOCGIFNAME, _IFREQ.pack(b"", number)))
        except OSError:
            return ""
        return str(name.rstrip(b"\0"), "utf-8", "replace")


def scope_number(name: str, ask: Callable[[str], int] = socket.if_nametoindex) -> int:
    """The interface that a scope names, which may be a number itself; ``ask`` looks names up.

    Whoever configures us may write anything there. Raises :exc:`OSError` for what can be no interface.
    """
    number = int(name) if name.isdecimal() and len(name) <= _LONGEST_NAME else 0
    if len(name.encode()) > _LONGEST_NAME or "\0" in name or number > _GREATEST_INDEX:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return number or ask(name)
