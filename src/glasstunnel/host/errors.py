"""The one exception of this room.

Rule: its text is one sentence for whoever typed the command: what failed, on what, and what was expected.
"""

import errno
import os


class HostError(Exception):
    """The operating system refused something; ``str()`` is one sentence for the user."""


def reason(error: OSError) -> str:
    """The system's own words for an error, such as "Permission denied"; they never hold a secret."""
    return os.strerror(error.errno) if error.errno else str(error)


def needs_root(error: OSError) -> bool:
    """Whether the error says that the caller lacks the rights (CAP_NET_ADMIN, or those of a file)."""
    return error.errno in (errno.EPERM, errno.EACCES)


def errno_name(error: OSError) -> str:
    """The system's name of an error, such as ``ENETUNREACH``: the key of the error counters."""
    return errno.errorcode.get(error.errno or 0, "unknown")
