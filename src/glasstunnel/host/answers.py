"""What the control socket says about a tunnel, and what it does to it: UAPI's get and set, step by step, and
two questions of ours, for the diagnosis: ``drops=1`` and ``try=1``, with a line ``public_key=`` for the peer
to which a new session is tried.

Rule: a ``set`` is carried out whole or not at all. First it is read to its end, then the system is asked for
what it may refuse (port, mark), and only then the device is changed. Section:
https://www.wireguard.com/xplatform/; wireguard-go device/uapi.go.
"""

import logging
import time
from collections.abc import Iterator
from errno import EINVAL, EIO, ENETDOWN

from glasstunnel.host.clock import now
from glasstunnel.host.errors import HostError
from glasstunnel.host.tunnel import Tunnel
from glasstunnel.wireguard import uapi
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.setrequest import SetRequest, UapiError

_PIECE = 1 << 14  # characters that are read in one step
_log = logging.getLogger(__name__)


def answer(tunnel: Tunnel[Device], request: str) -> Iterator[str] | None:
    """The reply to a request, or None if it is none: an :data:`~glasstunnel.host.control.Answer`."""
    operation, _, lines = request.partition("\n")
    match operation:
        case "get=1" if lines:
            return iter((_errno(EINVAL),))
        case "get=1":
            return uapi.get_in_steps(tunnel.device, now(), time.time_ns(), tunnel.scope)
        case "set=1":
            return _set(tunnel, lines)
        case "drops=1" if not lines:
            return iter((uapi.drops(tunnel.device),))
        case "try=1":
            return iter((_errno(_try(tunnel, lines)),))
    return None


def _set(tunnel: Tunnel[Device], lines: str) -> Iterator[str]:
    """A step at a time; the last one says how it went."""
    wanted = SetRequest()
    try:
        for piece in _pieces(lines):
            wanted.read(piece)
            yield ""
        tunnel.bind(wanted.listen_port, wanted.fwmark)
    except UapiError as error:
        _log.error("%s: a request on the control socket is refused: %s", tunnel.tun.name, error)
        yield _errno(error.errno)
        return
    except HostError as error:
        _log.error("%s: a request on the control socket failed: %s", tunnel.tun.name, error)
        cause = error.__cause__
        yield _errno(cause.errno or EIO if isinstance(cause, OSError) else EIO)
        return
    for events in uapi.apply(tunnel.device, wanted, now):
        tunnel.perform(events)
        yield ""
    tunnel.perform([])
    yield _errno(0)


def _try(tunnel: Tunnel[Device], lines: str) -> int:
    """Let the device begin a handshake, no sooner than it may anyway; the error number, or 0."""
    key, _, value = lines.partition("=")
    try:
        peer = tunnel.device.peers.get(bytes.fromhex(value)) if key == "public_key" else None
    except ValueError:
        peer = None
    if peer is None:
        return EINVAL
    if not tunnel.device.is_up:
        return ENETDOWN
    peer.want_initiation(now())
    tunnel.perform([])
    return 0


def _pieces(lines: str) -> Iterator[list[str]]:
    """The lines, a bounded number at a time."""
    begin = 0
    while begin < len(lines):
        end = lines.find("\n", begin + _PIECE)
        end = len(lines) if end < 0 else end
        yield lines[begin:end].split("\n")
        begin = end + 1


def _errno(number: int) -> str:
    return f"errno={-number}\n\n"  # negative: so wg(8) expects it
