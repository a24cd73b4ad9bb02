"""A flood of handshake messages, and a look at the cable while it lasts."""

from __future__ import annotations

import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress

from glasstunnel.wireguard.cookie import add_macs, mac1_key
from tests.interop.lab import Host

_ETH_P_ALL = 3
_SO_RCVBUFFORCE = 33
_WAVE = 2000  # messages: four times the load of our queue, twice the room of wireguard-go's
_PAUSE = 0.1  # seconds between two waves; a load lasts for one second


class Flood:
    """Worthless initiations with a right mac1, wave after wave; ``replies`` counts the cookies they bring.

    ``seen`` is what else passed between the ports of the two hosts while it lasted, as (port of the sender,
    message).
    """

    def __init__(self, source: Host, target: Host, version: int) -> None:
        self.replies = 0
        self.seen: list[tuple[int, bytes]] = []
        self._cable = Cable(source, target)
        self._message = add_macs(b"\1\0\0\0" + b"x" * 144, mac1_key(b64decode(target.public_key)))
        with source.namespace:
            self._socket = socket.socket(
                socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM
            )
        self._socket.connect((target.outer[version], target.port))
        self._socket.setblocking(False)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Flood:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()
        self._cable.close()

    def _run(self) -> None:
        while not self._over.wait(_PAUSE):
            for _ in range(_WAVE):
                with suppress(BlockingIOError):
                    self._socket.send(self._message)
            with suppress(BlockingIOError):
                while True:
                    self.replies += self._socket.recv(2048)[:1] == b"\3"
            self.seen += self._cable.messages()
        self.seen += self._cable.messages()


class Cable:
    """What passes on a cable between the ports of two hosts."""

    def __init__(self, at: Host, other: Host) -> None:
        self._ports = {at.port, other.port}
        with at.namespace:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 32 << 20)
        self._socket.bind(("eth0", _ETH_P_ALL))
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """What has passed since the last call."""
        with suppress(BlockingIOError):
            while True:
                frame = self._socket.recv(2048)
                udp = frame[34:] if frame[12:14] == b"\x08\x00" else frame[54:]
                sender, receiver = int.from_bytes(udp[:2]), int.from_bytes(udp[2:4])
                if {sender, receiver} == self._ports:
                    yield sender, udp[8:]
