"""Two hosts, a cable and a tunnel, all in this process: where ``glasstunnel demo`` takes place.

Rule: everything is real but the distance. Each host is a network namespace, the cable a veth pair, the tunnel
two devices served by one loop in a thread; a ping and a TCP connection go through the kernel's own stack at
both ends. When the stage is closed nothing is left. Section: network_namespaces(7), veth(4); addresses of RFC
5737 and RFC 1918.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal, Self

from glasstunnel.host.backend import offload_wanted
from glasstunnel.host.errors import HostError, reason
from glasstunnel.host.loop import Loop
from glasstunnel.host.namespace import Namespace, become_private_root, veth_pair
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.observer import Observer
from glasstunnel.host.tun import Tun
from glasstunnel.host.tunnel import Tunnel
from glasstunnel.host.udp import Udp
from glasstunnel.ip import icmp, ipv4
from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Event, Path
from glasstunnel.wireguard.messages import MessageType
from glasstunnel.wireguard.parameters import PARAMETERS, Parameters
from glasstunnel.wireguard.peer import Peer

INTERFACE: Final = "wg0"
CABLE: Final = "eth0"
PORT: Final = 51820
MTU: Final = 1420
_TCP_PORT: Final = 5001
_CHUNK: Final = 1 << 20
_ECHO_REPLY: Final = 0
_PATIENCE: Final = 15.0  # seconds for anything to happen; only a safety net

What = Literal["packet out", "datagram out", "datagram in", "packet in", "event"]


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that passed an end of the tunnel, with its time in seconds of CLOCK_BOOTTIME."""

    at: float
    where: str
    what: What
    data: bytes = b""
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A TCP transfer: bytes, seconds, and whether both ends computed the same SHA-256."""

    size: int
    seconds: float
    intact: bool


class _Watch(Observer):
    """Writes down what passes one end."""

    def __init__(self, where: str, seen: list[Seen]) -> None:
        self._where, self._seen = where, seen

    def packet_out(self, now: float, packet: memoryview) -> None:
        self._seen.append(Seen(now, self._where, "packet out", bytes(packet)))

    def datagram_out(self, now: float, datagram: bytes | memoryview, path: Path, tos: int) -> None:
        self._seen.append(Seen(now, self._where, "datagram out", bytes(datagram)))

    def datagram_in(self, now: float, datagram: bytes | memoryview, path: Path, ecn: int) -> None:
        self._seen.append(Seen(now, self._where, "datagram in", bytes(datagram)))

    def packet_in(self, now: float, packet: memoryview) -> None:
        self._seen.append(Seen(now, self._where, "packet in", bytes(packet)))

    def event(self, now: float, event: Event) -> None:
        self._seen.append(Seen(now, self._where, "event", event=event))


@dataclass
class Host:
    """One of the two hosts."""

    name: str
    outer: str
    """Address on the cable."""
    inner: str
    """Address in the tunnel."""
    namespace: Namespace
    device: Device
    tunnel: Tunnel[Device]

    @property
    def peer(self) -> Peer:
        """The other host, as this one's device knows it."""
        return next(iter(self.device.peers.values()))


class Stage:
    """Builds it all; a context manager that takes it all away.

    Args:
        parameters: the protocol's constants for both ends.

    Raises:
        HostError: where the system gives no namespaces or no TUN.
    """

    def __init__(self, parameters: Parameters = PARAMETERS) -> None:
        if os.geteuid() != 0:
            become_private_root()
        self.seen: list[Seen] = []
        """What has passed both ends while they were watched."""
        with ExitStack() as stack:
            self._loop = Loop()
            stack.callback(self._loop.close)
            self.left = self._host(stack, "left", 1, parameters)
            self.right = self._host(stack, "right", 2, parameters)
            self._connect(os.urandom(32))
            self.watch(True)
            thread = threading.Thread(target=self._loop.run, name="tunnels")
            thread.start()
            stack.callback(thread.join)
            stack.callback(self._loop.stop)
            self._cleanup = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the tunnels and let the namespaces go. Harmless when closed."""
        self._cleanup.close()

    def watch(self, on: bool) -> None:
        """Write down what passes, or stop doing so: a watched tunnel is a slower one."""
        for host in (self.left, self.right):
            host.tunnel.observer = _Watch(host.name, self.seen) if on else None

    def find(
        self, where: str, what: What, kind: MessageType | None = None, size: int | None = None
    ) -> Seen | None:
        """The first that was seen of this kind of message, or of this size in bytes; None if none was."""
        for seen in list(self.seen):
            if (
                (seen.where, seen.what) == (where, what)
                and (kind is None or seen.data[0] == kind)
                and (size is None or len(seen.data) == size)
            ):
                return seen
        return None

    def first(self, where: str, what: What, kind: MessageType | None = None, size: int | None = None) -> Seen:
        """As :meth:`find`.

        Raises:
            HostError: if none was.
        """
        seen = self.find(where, what, kind, size)
        if seen is None:
            name = kind.name.lower().replace("_", " ") if kind else f"packet of {size} bytes"
            raise HostError(f"the story broke off: expected one {name} as {what} at {where}, saw none")
        return seen

    def ping(self, sequence: int) -> float | None:
        """One ICMP echo from left to right through the tunnel.

        Returns the seconds until the reply, None if there was none.
        """
        identifier = os.getpid() & 0xFFFF
        echo = icmp.Echo(identifier=identifier, sequence=sequence, data=bytes(range(56)))
        with self.left.namespace, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            begin = time.perf_counter()
            raw.sendto(echo.build(), (self.right.inner, 0))
            while (left := begin + _PATIENCE - time.perf_counter()) > 0 and select.select(
                [raw], [], [], left
            )[0]:
                reply = icmp.Message(ipv4.Packet(raw.recv(0xFFFF)).payload)
                if (reply.type, reply.identifier, reply.sequence) == (_ECHO_REPLY, identifier, sequence):
                    return time.perf_counter() - begin
        return None

    def transfer(self, size: int, progress: Callable[[float], None] = lambda fraction: None) -> Transfer:
        """Send ``size`` bytes by TCP from left to right through the tunnel.

        Raises:
            HostError: if the connection fails.
        """
        received: list[bytes] = []
        try:
            with self.right.namespace:
                listener = socket.create_server((self.right.inner, _TCP_PORT))
            with listener:
                server = threading.Thread(target=_receive, args=(listener, received), name="receiver")
                server.start()
                try:
                    with self.left.namespace:
                        client = socket.create_connection((self.right.inner, _TCP_PORT), timeout=_PATIENCE)
                    begin = time.perf_counter()
                    digest = _send(client, size, progress)
                finally:
                    server.join()  # it ends by itself, at the latest when its patience does
        except OSError as error:
            raise HostError(f"the TCP transfer through the tunnel failed: {reason(error)}") from error
        return Transfer(size, time.perf_counter() - begin, received == [digest])

    def _host(self, stack: ExitStack, name: str, number: int, parameters: Parameters) -> Host:
        outer, inner = f"192.0.2.{number}", f"10.0.0.{number}"
        namespace = Namespace()
        stack.callback(namespace.close)
        with namespace:
            tun = Tun(INTERFACE, offload=offload_wanted())
            stack.callback(tun.close)
            udp = Udp(PORT)
            stack.callback(udp.close)
            with Netlink() as net:
                net.add_address(INTERFACE, f"{inner}/24")
                net.link_up(INTERFACE, mtu=MTU)
        device = Device(os.urandom(32), parameters=parameters)
        tunnel = Tunnel(device, tun, udp, self._loop, mtu=MTU)
        stack.callback(tunnel.close)
        return Host(name, outer, inner, namespace, device, tunnel)

    def _connect(self, psk: bytes) -> None:
        veth_pair(self.left.namespace, CABLE, self.right.namespace, CABLE)
        for host, other in ((self.left, self.right), (self.right, self.left)):
            with host.namespace, Netlink() as net:
                net.add_address(CABLE, f"{host.outer}/24")
            assert other.device.public_key is not None
            host.device.add_peer(
                other.device.public_key, preshared_key=psk, allowed_ips=[(parse_address(other.inner), 32)]
            )
        self.left.peer.endpoint = Path((self.right.outer, PORT))


def _send(client: socket.socket, size: int, progress: Callable[[float], None]) -> bytes:
    """Send so many bytes and return their SHA-256."""
    digest, sent = sha256(), 0
    chunk = memoryview(os.urandom(_CHUNK))
    with client:
        while sent < size:
            part = chunk[: min(_CHUNK, size - sent)]
            client.sendall(part)
            digest.update(part)
            sent += len(part)
            progress(sent / size)
    return digest.digest()


def _receive(listener: socket.socket, received: list[bytes]) -> None:
    """Accept one connection, read it to its end, and put down its SHA-256."""
    listener.settimeout(_PATIENCE)
    digest, buffer = sha256(), memoryview(bytearray(_CHUNK))
    try:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(_PATIENCE)
            while n := connection.recv_into(buffer):
                digest.update(buffer[:n])
    except OSError:
        return  # the sender's end tells what went wrong
    received.append(digest.digest())
