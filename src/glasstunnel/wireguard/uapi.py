"""The cross-platform interface of WireGuard's userspace devices: text in, text out.

Rule: keys are lowercase hexadecimal, lines are ``key=value``, a reply ends with ``errno=`` and an empty line;
the socket over which it travels is the host's. Section: https://www.wireguard.com/xplatform/.
"""

from collections.abc import Iterator
from socket import AF_INET, AF_INET6, inet_ntop

from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.handshake import NO_PSK
from glasstunnel.wireguard.peer import Peer

PROTOCOL_VERSION = 1
_SECOND = 1_000_000_000


def get(device: Device, now: float, wall: int) -> str:
    """The reply to ``get=1``: the device and its peers.

    Args:
        device: what to describe.
        now: seconds of the device's clock.
        wall: nanoseconds since 1970 at the same moment; with it, ages become times of day.
    """
    return (
        "".join(f"{key}={value}\n" for key, value in (*_device_lines(device, now, wall), ("errno", 0))) + "\n"
    )


def _device_lines(device: Device, now: float, wall: int) -> Iterator[tuple[str, object]]:
    if device.private_key is not None:
        yield "private_key", device.private_key.hex()
    if device.listen_port:
        yield "listen_port", device.listen_port
    if device.fwmark:
        yield "fwmark", device.fwmark
    for peer in device.peers.values():
        yield from _peer_lines(peer, now, wall)


def _peer_lines(peer: Peer, now: float, wall: int) -> Iterator[tuple[str, object]]:
    yield "public_key", peer.public_key.hex()
    if peer.preshared_key != NO_PSK:
        yield "preshared_key", peer.preshared_key.hex()
    yield "protocol_version", PROTOCOL_VERSION
    if peer.endpoint is not None:
        yield "endpoint", format_endpoint(peer.endpoint)
    age = 0 if peer.last_handshake is None else round((now - peer.last_handshake) * _SECOND)
    seconds, nanoseconds = (0, 0) if peer.last_handshake is None else divmod(wall - age, _SECOND)
    yield "last_handshake_time_sec", seconds
    yield "last_handshake_time_nsec", nanoseconds
    yield "tx_bytes", peer.tx_bytes
    yield "rx_bytes", peer.rx_bytes
    yield "persistent_keepalive_interval", peer.persistent_keepalive
    for address, length in peer.allowed_ips:
        yield "allowed_ip", f"{inet_ntop(AF_INET if len(address) == 4 else AF_INET6, address)}/{length}"


def format_endpoint(path: Path) -> str:
    """``192.0.2.1:51820`` or ``[2001:db8::1]:51820``."""
    host, port = path.remote
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
