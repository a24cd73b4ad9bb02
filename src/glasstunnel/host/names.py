"""Names of interfaces.

Rule: a name that a user typed passes through here before anything is done with it. Section: wg-quick(8);
Linux include/uapi/linux/if.h (IFNAMSIZ).
"""

import re

from glasstunnel.host.errors import HostError

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
