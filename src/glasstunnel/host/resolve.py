"""From an endpoint's name to its path.

Rule: a name is looked up once, when the tunnel is brought up, because WireGuard knows addresses only; roaming
does the rest. As wg(8) does, a failure that may pass is tried again, WG_ENDPOINT_RESOLUTION_RETRIES times: at
boot the network may come later than the tunnel. Section: wg(8) "ENVIRONMENT VARIABLES".
"""

import os
import socket
import time
from collections.abc import Callable

from glasstunnel.host.errors import HostError
from glasstunnel.wireguard.events import Path

_RETRIES = 15
_FIRST_WAIT, _LONGEST_WAIT, _GROWTH = 1.0, 20.0, 1.2  # seconds, and from one wait to the next
_FINAL = {  # not every C library has each of them
    getattr(socket, name, None)
    for name in ("EAI_NONAME", "EAI_FAIL", "EAI_NODATA", "EAI_SERVICE", "EAI_FAMILY", "EAI_ADDRFAMILY")
}


def retries_wanted() -> int:
    """How often to try again, from WG_ENDPOINT_RESOLUTION_RETRIES: a number, or "infinity" (here -1)."""
    text = os.environ.get("WG_ENDPOINT_RESOLUTION_RETRIES", str(_RETRIES))
    if text == "infinity":
        return -1
    if not text.isdecimal():
        raise HostError(f'WG_ENDPOINT_RESOLUTION_RETRIES: expected a number or "infinity", got "{text}"')
    return int(text)


def resolve(
    host: str,
    port: int,
    *,
    retries: int | None = None,
    say: Callable[[str], None] = lambda _text: None,
    wait: Callable[[float], None] = time.sleep,
) -> Path:
    """The path to ``host``, an address or a name, at ``port``.

    Args:
        host, port: the endpoint of the configuration; an IPv6 address may have a scope, ``fe80::1%eth0``.
        retries: -1 for no limit; by default as the environment says.
        say: is told before each wait.
        wait: how to wait so many seconds.

    Raises:
        HostError: if there is no such name or address, or no answer after all.
    """
    left = retries_wanted() if retries is None else retries
    seconds = _FIRST_WAIT
    while True:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, proto=socket.IPPROTO_UDP)
        except (socket.gaierror, UnicodeError) as error:
            why = error.strerror if isinstance(error, socket.gaierror) else "not a host name"
            if not left or not isinstance(error, socket.gaierror) or error.errno in _FINAL:
                raise HostError(f'cannot resolve the endpoint "{host}": {why}') from error
            say(f'cannot resolve the endpoint "{host}" yet ({why}); trying again in {seconds:.0f} s')
            wait(seconds)
            left, seconds = left - 1, min(seconds * _GROWTH, _LONGEST_WAIT)
        else:
            return _path(found[0][4])


def _path(address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> Path:
    host, port = str(address[0]), int(address[1])
    scope = int(address[3]) if len(address) == 4 else 0
    return Path((f"{host.partition('%')[0]}%{socket.if_indextoname(scope)}" if scope else host, port))
