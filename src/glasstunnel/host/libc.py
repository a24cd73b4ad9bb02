"""The few system calls that Python 3.11 does not have, through the C library.

Rule: a failed call raises :exc:`OSError` with the system's errno, as the functions of :mod:`os` do. Sections:
timerfd_create(2), unshare(2), setns(2), mount(2), umount2(2), inotify(7), capset(2). Python 3.12 and 3.13
have some of these in :mod:`os`.
"""

import ctypes
import os
import struct

_libc = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


CLOCK_BOOTTIME = 7
_TFD_TIMER_ABSTIME = 1
_TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK and TFD_CLOEXEC are defined as these


def _checked(result: int, *what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), *what)
    return result


def timerfd_create() -> int:
    """A file descriptor of a timer on CLOCK_BOOTTIME, non-blocking and closed on exec."""
    return _checked(_libc.timerfd_create(CLOCK_BOOTTIME, _TFD_FLAGS))


def timerfd_settime(fd: int, deadline: float) -> None:
    """Let the timer fire once: at ``deadline`` in seconds, at once if it is past, never if it is 0."""
    seconds = int(deadline)
    spec = _Itimerspec(_Timespec(0, 0), _Timespec(seconds, int((deadline - seconds) * 1e9)))
    _checked(_libc.timerfd_settime(fd, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None))


IN_ATTRIB, IN_DELETE_SELF = 0x004, 0x400
"""Links, rights or times of a watched file have changed; it is no more."""
_IN_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # IN_NONBLOCK and IN_CLOEXEC are defined as these


def inotify(path: str, events: int) -> int:
    """A file descriptor, non-blocking and closed on exec, that can be read when any of ``events`` happens to
    the file ``path``.
    """
    fd = _checked(_libc.inotify_init1(_IN_FLAGS))
    try:
        _checked(_libc.inotify_add_watch(fd, os.fsencode(path), events), path)
    except OSError:
        os.close(fd)
        raise
    return fd


def unshare(flags: int) -> None:
    """Give the calling thread namespaces of its own, as the ``CLONE_NEW*`` bits of ``flags`` say."""
    _checked(_libc.unshare(flags))


def setns(fd: int, nstype: int) -> None:
    """Move the calling thread into the namespace that ``fd`` refers to, of the kind ``nstype``."""
    _checked(_libc.setns(fd, nstype))


def mount(source: str, target: str, fstype: str, flags: int, data: str = "") -> None:
    """Mount ``source`` on ``target``."""
    arguments = (text.encode() for text in (source, target, fstype))
    _checked(_libc.mount(*arguments, ctypes.c_ulong(flags), data.encode()), target)


_MNT_DETACH = 2


def umount(target: str) -> None:
    """Take the mount on ``target`` away; what still uses it keeps it."""
    _checked(_libc.umount2(target.encode(), _MNT_DETACH), target)


_CAPABILITIES = struct.Struct("=Ii")  # struct __user_cap_header_struct: version, process
_VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_SETS = bytes(24)  # two of struct __user_cap_data_struct: effective, permitted, inheritable


def drop_capabilities() -> None:
    """Leave the calling thread without any capability, and none that a program inherits.

    With the inheritable set the ambient set is empty too.
    """
    _checked(_libc.capset(_CAPABILITIES.pack(_VERSION_3, 0), _SETS))
