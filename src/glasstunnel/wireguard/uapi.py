"""The cross-platform interface of WireGuard's userspace devices: text in, text out.

Rule: keys are lowercase hexadecimal, lines are ``key=value``, a reply ends with ``errno=`` and an empty line;
the socket over which it travels is the host's. Section: https://www.wireguard.com/xplatform/.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop

from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Drop, Event, Path
from glasstunnel.wireguard.handshake import NO_PSK
from glasstunnel.wireguard.peer import Peer
from glasstunnel.wireguard.setrequest import PROTOCOL_VERSION, PeerRequest, SetRequest

_SECOND = 1_000_000_000
_PIECE = 256  # allowed IPs in one step


def get(device: Device, now: float, wall: int) -> str:
    """The reply to ``get=1``: the device and its peers. Arguments as for :func:`get_in_steps`."""
    return "".join(get_in_steps(device, now, wall))


def get_in_steps(device: Device, now: float, wall: int, scope: Callable[[str], str] = str) -> Iterator[str]:
    """The reply to ``get=1``, in pieces of bounded size.

    Args:
        device: what to describe; between two pieces packets may pass.
        now: seconds of the device's clock.
        wall: nanoseconds since 1970 at the same moment; with it, ages become times of day.
        scope: what the scope of an endpoint is called in the reply; as in the endpoint by default.
    """
    yield _text(_device_lines(device))
    for peer in list(device.peers.values()):
        yield _text(_peer_lines(peer, now, wall, scope))
        prefixes = peer.allowed_ips
        for begin in range(0, len(prefixes), _PIECE):
            yield "".join(map(_allowed_ip_line, prefixes[begin : begin + _PIECE]))
    yield "errno=0\n\n"


def drops(device: Device) -> str:
    """The reply to ``drops=1``, which is ours alone: what was dropped for which reason.

    The device's sums come first, then each peer's after its ``public_key=``. A reason is the name of its
    :class:`Drop`, in lower case.
    """
    counted = _drop_lines(device.drops)
    for peer in device.peers.values():
        if peer.drops:
            counted += ["public_key=" + peer.public_key.hex(), *_drop_lines(peer.drops)]
    return "\n".join([*counted, "errno=0", "", ""])


def _drop_lines(counter: Counter[Drop]) -> list[str]:
    return [f"{reason.name.lower()}={number}" for reason, number in counter.items() if number]


def _text(lines: Iterator[tuple[str, object]]) -> str:
    return "".join([f"{key}={value}\n" for key, value in lines])


def _device_lines(device: Device) -> Iterator[tuple[str, object]]:
    if device.private_key is not None:
        yield "private_key", device.private_key.hex()
    if device.listen_port:
        yield "listen_port", device.listen_port
    if device.fwmark:
        yield "fwmark", device.fwmark


def _peer_lines(
    peer: Peer, now: float, wall: int, scope: Callable[[str], str]
) -> Iterator[tuple[str, object]]:
    yield "public_key", peer.public_key.hex()
    if peer.preshared_key != NO_PSK:
        yield "preshared_key", peer.preshared_key.hex()
    yield "protocol_version", PROTOCOL_VERSION
    if peer.endpoint is not None:
        yield "endpoint", format_endpoint(peer.endpoint, scope)
    age = 0 if peer.last_handshake is None else round((now - peer.last_handshake) * _SECOND)
    seconds, nanoseconds = (0, 0) if peer.last_handshake is None else divmod(wall - age, _SECOND)
    yield "last_handshake_time_sec", seconds
    yield "last_handshake_time_nsec", nanoseconds
    yield "tx_bytes", peer.tx_bytes
    yield "rx_bytes", peer.rx_bytes
    yield "persistent_keepalive_interval", peer.persistent_keepalive


def _allowed_ip_line(prefix: tuple[bytes, int]) -> str:
    address, length = prefix
    return f"allowed_ip={inet_ntop(AF_INET if len(address) == 4 else AF_INET6, address)}/{length}\n"


def format_endpoint(path: Path, scope: Callable[[str], str] = str) -> str:
    """``192.0.2.1:51820`` or ``[2001:db8::1]:51820``."""
    host, port = path.remote
    address, percent, name = host.partition("%")
    if percent:
        host = f"{address}%{scope(name)}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Changes:
    """What is left to be done when a ``set`` has changed the device."""

    events: list[Event]
    listen_port: int | None
    """UDP port to bind to, 0 for any, None if the request does not speak of it."""
    fwmark: int | None
    """Mark of the sockets, 0 for none, None if the request does not speak of it."""


def set(device: Device, request: str, now: float) -> Changes:  # noqa: A001 (the interface's own word)
    """Carry out a request: the lines after ``set=1``, without the empty one.

    Args:
        device: what to change.
        request: the lines.
        now: seconds of the device's clock.

    Raises:
        UapiError: if the request cannot be understood; then nothing has changed.
    """
    wanted = SetRequest()
    wanted.read(request.split("\n") if request else ())
    events = [event for step in apply(device, wanted, lambda: now) for event in step]
    return Changes(events, wanted.listen_port, wanted.fwmark)


def apply(device: Device, wanted: SetRequest, now: Callable[[], float]) -> Iterator[list[Event]]:
    """Change the device, in small steps. What belongs to sockets, port and mark, is the host's.

    Yields after each step what is to be done at once. Between two steps packets may pass, but no other
    request may be carried out.

    Args:
        device: what to change.
        wanted: what it shall be.
        now: tells the seconds of the device's clock.
    """
    if wanted.private_key is not None:
        device.set_private_key(wanted.private_key if any(wanted.private_key) else None)
        yield []
    if wanted.replace_peers:
        for public_key in list(device.peers):
            device.remove_peer(public_key)
            yield []
    for request in wanted.peers:
        yield from _apply_peer(device, request, now)
        yield []


def _apply_peer(device: Device, wanted: PeerRequest, now: Callable[[], float]) -> Iterator[list[Event]]:
    if wanted.remove:
        device.remove_peer(wanted.public_key)
        return
    peer = device.peers.get(wanted.public_key)
    if peer is None:
        if wanted.update_only or wanted.public_key == device.public_key:
            return
        peer = device.add_peer(wanted.public_key)
    if wanted.preshared_key is not None:
        peer.preshared_key = wanted.preshared_key
    if wanted.replace_allowed_ips:
        device.allowed_ips.remove(peer)
    prefixes = wanted.allowed_ips
    for begin in range(0, len(prefixes), _PIECE):
        for address, length, given in prefixes[begin : begin + _PIECE]:
            if given:
                device.allowed_ips.insert(address, length, peer)
            else:
                device.allowed_ips.withdraw(address, length, peer)
        yield []
    if wanted.endpoint is not None:
        yield peer.set_endpoint(now(), wanted.endpoint)
    if wanted.persistent_keepalive is not None:
        yield peer.set_persistent_keepalive(now(), wanted.persistent_keepalive)
