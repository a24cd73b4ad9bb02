"""``glasstunnel toyvpn`` in a namespace, and the models of Android's sample over real sockets and TUNs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from bench import sample
from bench.sample import World
from glasstunnel.cli.toyvpn import VARIABLE
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.tun import Tun
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


@contextmanager
def _at_work(
    namespace: Namespace, addresses: Sequence[str], make: Callable[[Tun], World], mtu: int = 1400
) -> Iterator[None]:
    """The world of a model, in a thread."""
    with namespace:
        tun = Tun(interface_name())
        with Netlink() as net:
            for address in addresses:
                net.add_address(tun.name, address)
            net.link_up(tun.name, mtu)
        world = make(tun)
    thread = threading.Thread(target=world.run)
    with closing(world):
        thread.start()
        try:
            yield
        finally:
            world.stop()
            thread.join()


@contextmanager
def sample_server(namespace: Namespace, addresses: Sequence[str], arguments: str) -> Iterator[SampleServer]:
    """The model of the sample's server."""
    model = SampleServer(SECRET.encode(), [word.encode() for word in arguments.split()])
    with _at_work(namespace, addresses, lambda tun: sample.server(model, tun, PORT)):
        yield model


@contextmanager
def sample_client(namespace: Namespace, addresses: Sequence[str], host: str) -> Iterator[SampleClient]:
    """The model of the sample's client."""
    model = SampleClient(SECRET.encode(), Path((host, PORT)))
    with _at_work(namespace, addresses, lambda tun: sample.client(model, tun)):
        yield model
