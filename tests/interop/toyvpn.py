"""``glasstunnel toyvpn`` in a namespace, and the models of Android's sample over real sockets and TUNs."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

from glasstunnel.cli.toyvpn import VARIABLE
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.tun import Tun
from glasstunnel.toyvpn.events import Send
from glasstunnel.toyvpn.sample import Deliver, Output
from glasstunnel.toyvpn.sample_client import SampleClient
from glasstunnel.toyvpn.sample_server import SampleServer
from glasstunnel.wireguard.events import Path
from tests.interop.lab import PATIENCE, interface_name, until

SECRET = "correct horse"
PORT = 8000
POOL = ("--pool", "10.9.0.0/24", "-m", "1400", "-r", "10.9.0.0", "24")


class Program:
    """One end, started in ``namespace``, and what it tells."""

    def __init__(self, namespace: Namespace, end: str, interface: str, *words: str) -> None:
        self.interface = interface
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by end()
        with namespace:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "glasstunnel", "toyvpn", end, interface, *words, "--json"],
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                env={**os.environ, VARIABLE: SECRET},
            )
        self.told: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    def of(self, event: str) -> list[dict[str, Any]]:
        """What it has told of one kind."""
        return [one for one in self.told if one["event"] == event]

    def until(self, event: str, count: int = 1, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait until it has told this so often; return the last."""
        until(
            lambda: len(self.of(event)) >= count or self.process.poll() is not None,
            f"the program tells {event}",
            patience,
        )
        assert len(self.of(event)) >= count, self.errors()
        return self.of(event)[count - 1]

    def errors(self) -> str:
        """Its standard error until now."""
        self._errors.seek(0)
        return self._errors.read()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; return its exit status. Harmless when it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()
        return status

    def close(self) -> None:
        """End it, and forget what it said on standard error."""
        self.end()
        self._errors.close()


@contextmanager
def server(namespace: Namespace, *words: str, interface: str = "", port: int = PORT) -> Iterator[Program]:
    """Our server, which listens."""
    program = Program(namespace, "server", interface or interface_name(), str(port), *words)
    try:
        program.until("listening")
        yield program
    finally:
        program.close()


@contextmanager
def client(namespace: Namespace, host: str, *words: str, port: int = PORT) -> Iterator[Program]:
    """Our client, which is connected."""
    program = Program(namespace, "client", interface_name(), host, str(port), *words)
    try:
        program.until("connected")
        yield program
    finally:
        program.close()


class Model:
    """A thread that is the world of a model: a TUN in ``namespace``, a socket, a clock."""

    def __init__(self, namespace: Namespace, addresses: Sequence[str], mtu: int = 1400) -> None:
        self.said: list[str] = []
        self._namespace = namespace
        with namespace:
            self.tun = Tun(interface_name())
            with Netlink() as net:
                for address in addresses:
                    net.add_address(self.tun.name, address)
                net.link_up(self.tun.name, mtu)
        self.socket = self._open()
        self._ends, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _open(self) -> socket.socket:
        with self._namespace:
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def _run(self) -> None:
        self._do(self._begin(time.monotonic()))
        while True:
            now = time.monotonic()
            fds = [self.socket.fileno(), self.tun.fd, self._ends]
            ready, _, _ = select.select(fds, [], [], max(0.0, min(self._deadline() - now, 1.0)))
            if self._ends in ready:
                return
            now = time.monotonic()
            if self.socket.fileno() in ready:
                with suppress(ConnectionRefusedError):
                    data, sender = self.socket.recvfrom(1 << 16)
                    self._do(self._datagram(now, data, sender))
            if self.tun.fd in ready:
                self._packet(os.read(self.tun.fd, 1 << 16))
            self._do(self._tick(now))

    def _do(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                with suppress(ConnectionRefusedError):
                    self.socket.sendto(output.data, output.path.remote)
            elif isinstance(output, Deliver):
                os.write(self.tun.fd, output.packet)
            else:
                self.said.append(str(output))

    def close(self) -> None:
        """End the thread, and the interface with it."""
        os.write(self._wake, b"\0")
        self._thread.join()
        for fd in (self._ends, self._wake):
            os.close(fd)
        self.socket.close()
        self.tun.close()

    def _begin(self, now: float) -> list[Output]:
        return []

    _deadline: Callable[[], float]
    _datagram: Callable[[float, bytes, tuple[str, int]], list[Output]]
    _packet: Callable[[bytes], None]
    _tick: Callable[[float], list[Output]]


class ModelServer(Model):
    """The sample's server."""

    def __init__(self, namespace: Namespace, addresses: Sequence[str], arguments: str) -> None:
        self.model = SampleServer(SECRET.encode(), [word.encode() for word in arguments.split()])
        self._deadline = lambda: self.model.deadline
        self._datagram = lambda now, data, sender: self.model.datagram(now, data, Path(sender))
        self._packet, self._tick = self.model.packet, self.model.tick
        super().__init__(namespace, addresses)

    def _open(self) -> socket.socket:
        opened = super()._open()
        opened.bind(("", PORT))
        return opened


class ModelClient(Model):
    """The sample's client."""

    def __init__(self, namespace: Namespace, addresses: Sequence[str], host: str) -> None:
        self.model = SampleClient(SECRET.encode(), Path((host, PORT)))
        self._deadline = lambda: self.model.deadline
        self._packet, self._tick = self.model.packet, self.model.tick
        super().__init__(namespace, addresses)

    def _begin(self, now: float) -> list[Output]:
        return self.model.start(now)

    def _heard(self, data: bytes) -> list[Output]:
        self.model.datagram(data)
        return []

    def _datagram(self, _now: float, data: bytes, _sender: tuple[str, int]) -> list[Output]:
        return self._heard(data)


@contextmanager
def running(model: Model) -> Iterator[Any]:
    """A model that is closed at the end."""
    with closing(model):
        yield model
