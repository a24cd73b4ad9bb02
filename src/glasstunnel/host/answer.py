"""What the control socket answers: a request of UAPI carried out on a tunnel.

Rule: the core reads the request and changes the device; what of it is the system's, port and mark, comes
first, as in the kernel, and a refusal ends the request there. Secrets stand in no log. Section:
https://www.wireguard.com/xplatform/; kernel netlink.c ``wg_set_device``.
"""

import logging
import time
from errno import EINVAL, EIO

from glasstunnel.host.clock import now
from glasstunnel.host.errors import HostError
from glasstunnel.host.tunnel import Tunnel
from glasstunnel.wireguard import uapi
from glasstunnel.wireguard.setrequest import SetRequest, UapiError

_log = logging.getLogger(__name__)


def answer(tunnel: Tunnel, request: str) -> str | None:
    """The reply to a request without its empty line; None to hang up, since it is none.

    Args:
        tunnel: what the request is about.
        request: ``get=1`` or ``set=1`` and what follows it.
    """
    operation, _, rest = request.partition("\n")
    if operation == "get=1":
        return _errno(EINVAL) if rest else uapi.get(tunnel.device, now(), time.time_ns())
    return _set(tunnel, rest) if operation == "set=1" else None


def _set(tunnel: Tunnel, lines: str) -> str:
    wanted = SetRequest()
    try:
        wanted.read(lines.split("\n") if lines else ())
        tunnel.bind(wanted.listen_port, wanted.fwmark)
    except UapiError as error:
        _log.error("%s: set: %s", tunnel.tun.name, error)
        return _errno(error.errno)
    except HostError as error:
        _log.error("%s: set: %s", tunnel.tun.name, error)
        cause = error.__cause__
        return _errno(cause.errno or EIO if isinstance(cause, OSError) else EIO)
    for events in uapi.apply(tunnel.device, wanted, now):
        tunnel.perform(events)
    return _errno(0)


def _errno(number: int) -> str:
    """A reply that says only this; wg(8) expects what went wrong as a negative number."""
    return f"errno={-number}\n\n"
