"""Writes what passes a tunnel to a capture file, and what opens it to a key log.

Rule: looking never harms. Files are readable by their owner alone; a disk that is full ends the capture, with
one line in the log, and never the tunnel; what the kernel alone knows of a datagram's headers is filled in as
the kernel would. Keys are asked of the core only where they are to be written. Section: pcapng.py, keylog.py.
"""

import logging
import os
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path as File

from glasstunnel.capture import keylog, pcapng
from glasstunnel.capture.pcapng import Direction
from glasstunnel.host.errors import HostError, reason
from glasstunnel.host.observer import Observer
from glasstunnel.ip import PacketError, ipv4, ipv6, udp
from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Event, KeyLog, Path

OUTER, INNER = 0, 1
"""The interfaces of the file: datagrams with their IP and UDP headers, and the packets in the tunnel."""
_ANY_PORT = 9  # discard: connecting a UDP socket sends nothing, and any port will do
_log = logging.getLogger(__name__)


class Capture(Observer):
    """An observer of ``device`` that writes files; None for either file leaves it out.

    With both, the keys stand in the capture file too, so that it can be read on its own.

    Raises:
        HostError: if a file cannot be written.
    """

    def __init__(self, device: Device, capture: File | None, key_log: File | None) -> None:
        self._device = device
        self._files: dict[File, int] = {}
        self._capture, self._key_log = capture, key_log
        self._identity: bytes | None = None
        try:
            for file in filter(None, (capture, key_log)):
                self._files[file] = _created(file)
        except HostError:
            self.close()
            raise
        device.key_log = key_log is not None
        self._write(
            capture,
            pcapng.section_header("glasstunnel")
            + pcapng.interface("outer", comment="datagrams as they cross the network")
            + pcapng.interface("inner", comment="packets of the tunnel's interface"),
        )

    def packet_out(self, now: float, packet: memoryview) -> None:
        """Write a packet that is about to be sealed."""
        self._packet(INNER, bytes(packet), Direction.OUTBOUND)

    def packet_in(self, now: float, packet: memoryview) -> None:
        """Write a packet that was opened."""
        self._packet(INNER, bytes(packet), Direction.INBOUND)

    def datagram_out(self, now: float, datagram: bytes | memoryview, path: Path, tos: int) -> None:
        """Write a datagram that is about to be sent."""
        if self._capture in self._files:
            with suppress(PacketError):  # too long for UDP: it is about to be lost
                packet = wrapped(self._local(path), path.remote, bytes(datagram), tos)
                self._packet(OUTER, packet, Direction.OUTBOUND)

    def datagram_in(self, now: float, datagram: bytes | memoryview, path: Path, ecn: int) -> None:
        """Write a datagram that arrived, whatever it is."""
        if self._identity != self._device.private_key is not None:
            self._identity = self._device.private_key
            self._keys(keylog.identity(self._identity))
        if self._capture in self._files:
            packet = wrapped(path.remote, self._local(path), bytes(datagram), ecn)
            self._packet(OUTER, packet, Direction.INBOUND)

    def event(self, now: float, event: Event) -> None:
        """Write the keys of a handshake whose message comes next."""
        if isinstance(event, KeyLog):
            self._identity = event.static_private
            self._keys(key_lines(event))

    def close(self) -> None:
        """Close the files and ask for no more keys. Harmless when closed."""
        self._device.key_log = False
        while self._files:
            os.close(self._files.popitem()[1])

    def _keys(self, lines: str) -> None:
        if self._key_log:
            self._write(self._key_log, lines.encode())
            self._write(self._capture, pcapng.secrets(lines.encode()))

    def _packet(self, interface: int, data: bytes, direction: Direction) -> None:
        self._write(self._capture, pcapng.packet(interface, time.time_ns(), data, direction))

    def _write(self, file: File | None, data: bytes) -> None:
        fd = self._files.get(file) if file else None
        if file is None or fd is None:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(fd, rest) :]
        except OSError as error:
            _log.warning("nothing more is written to %s: %s", file, reason(error))
            os.close(self._files.pop(file))

    def _local(self, path: Path) -> tuple[str, int]:
        """Our address and port on a path; the system chooses the address where the path does not say."""
        device = self._device
        return path.local or _source(path.remote[0], device.fwmark), device.listen_port


def key_lines(event: KeyLog) -> str:
    """The lines of a key log for one handshake."""
    return keylog.handshake(
        static_private=event.static_private,
        remote_static=event.peer.public_key,
        ephemeral_private=event.ephemeral_private,
        preshared_key=event.preshared_key,
    )


def wrapped(source: tuple[str, int], destination: tuple[str, int], data: bytes, tos: int) -> bytes:
    """A datagram as an IP packet, with the headers that the kernel puts before it.

    Args:
        source, destination: address and UDP port; a scope (``fe80::1%eth0``) is left out.
        data: payload of the datagram.
        tos: traffic class byte, DSCP and ECN.
    """
    (one, source_port), (other, destination_port) = source, destination
    addresses = [parse_address(address.partition("%")[0]) for address in (one, other)]
    payload = udp.Header(source_port, destination_port).build(data, *addresses)
    dscp, ecn = tos >> 2, tos & 3
    if len(addresses[0]) == 4:
        return ipv4.Header(
            source=addresses[0], destination=addresses[1], protocol=udp.PROTOCOL, dscp=dscp, ecn=ecn
        ).build(payload)
    return ipv6.Header(
        source=addresses[0], destination=addresses[1], next_header=udp.PROTOCOL, dscp=dscp, ecn=ecn
    ).build(payload)


def _source(remote: str, fwmark: int) -> str:
    """The address from which the system would send to ``remote``; the unspecified one if it cannot."""
    family = socket.AF_INET6 if ":" in remote else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        if fwmark:  # or a default route into the tunnel would be taken for the way
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, struct.pack("=I", fwmark))
        probe.connect((remote, _ANY_PORT))
        return str(probe.getsockname()[0])
    return "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104  # nothing is bound


def _created(file: File) -> int:
    """A new file of mode 0600, or an old one made empty and its owner's alone."""
    try:
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        if os.path.isfile(file):
            os.fchmod(fd, 0o600)
    except OSError as error:
        raise HostError(f"cannot write to {file}: {reason(error)}") from error
    return fd
