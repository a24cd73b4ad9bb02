"""Handshakes per second as responder, and memory with ten thousand peers; wireguard-go beside us.

Each implementation serves an interface in a namespace of its own and gets the same datagrams over loopback:
initiations of a thousand peers, made beforehand, so many under way at once that neither comes under load.
"""

import os
import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench import UnavailableError
from bench.uapi import glasstunnel, many_peers, wireguard_go
from glasstunnel.host import control
from glasstunnel.host.namespace import Namespace
from glasstunnel.noise import CURVE25519, KeyPair
from glasstunnel.wireguard.cookie import add_macs, mac1_key
from glasstunnel.wireguard.crypto import tai64n
from glasstunnel.wireguard.handshake import InitiatorHandshake
from glasstunnel.wireguard.messages import RESPONSE_SIZE

PEERS = 1_000
WINDOW = 100  # under way at once; load begins at 512 here, at 1/8 of a queue of 1024 there
PORT = 51820
_ROUNDS = 3
_PATIENCE = 5.0  # seconds without a response, after which the measurement is given up
_SECOND = 1_000_000_000
_NEEDS = ("wg", "wireguard-go", "ip")
Serve = Callable[[Path], AbstractContextManager[str]]


class Initiators:
    """A thousand peers of one responder."""

    def __init__(self) -> None:
        self.responder = CURVE25519.keypair(os.urandom(32))
        self._keys = [CURVE25519.keypair(os.urandom(32)) for _ in range(PEERS)]
        self._wall = time.time_ns()

    def config(self) -> str:
        """The responder's."""
        peers = "".join(f"[Peer]\nPublicKey = {_text(key.public)}\n" for key in self._keys)
        return f"[Interface]\nPrivateKey = {_text(self.responder.private)}\nListenPort = {PORT}\n{peers}"

    def initiations(self) -> list[bytes]:
        """One of each, with a later timestamp than the last time."""
        self._wall += _SECOND
        return [self._initiation(key, number) for number, key in enumerate(self._keys)]

    def _initiation(self, key: KeyPair, number: int) -> bytes:
        handshake = InitiatorHandshake(key, self.responder.public, os.urandom)
        message = handshake.create_initiation(number, tai64n(self._wall)).build()
        return add_macs(message, mac1_key(self.responder.public))


def _text(key: bytes) -> str:
    return b64encode(key).decode()


def exchange(client: socket.socket, initiations: list[bytes]) -> float:
    """Seconds until every initiation has its response."""
    waiting, under_way, answered = iter(initiations), 0, 0
    begin = time.perf_counter()
    while answered < len(initiations):
        while under_way < WINDOW and (message := next(waiting, None)):
            client.send(message)
            under_way += 1
        try:
            reply = client.recv(2048)
        except TimeoutError:
            raise UnavailableError(f"{len(initiations) - answered} initiations got no response") from None
        if len(reply) == RESPONSE_SIZE:
            under_way, answered = under_way - 1, answered + 1
    return time.perf_counter() - begin


def processor_time(process: int) -> float:
    """Seconds of processor time of a process, all its threads together."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process: int) -> int:
    """Bytes of a process in memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _of(serve: Serve, directory: Path) -> dict[str, float]:
    """The figures of one implementation."""
    initiators = Initiators()
    namespace = Namespace()
    try:
        with namespace, serve(directory) as interface:
            process = control.owner(interface)
            before = resident(process)
            _configure(directory, interface, many_peers(10_000))
            memory = (resident(process) - before) / 10_000
            _configure(directory, interface, initiators.config())
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(_PATIENCE)
                client.connect(("127.0.0.1", PORT))
                rates, costs = [], []
                for _ in range(_ROUNDS):
                    initiations, began = initiators.initiations(), processor_time(process)
                    rates.append(PEERS / exchange(client, initiations))
                    costs.append(PEERS / (processor_time(process) - began))
    finally:
        namespace.close()
    return {
        "responses per second": round(median(rates)),
        "responses per second of processor time": round(median(costs)),
        "kB per configured peer": round(memory / 1000, 2),
    }


def _configure(directory: Path, interface: str, text: str) -> None:
    file = directory / "set.conf"
    file.write_text(text)
    subprocess.run(["wg", "setconf", interface, str(file)], check=True)


def measure() -> dict[str, Any]:
    """The results for programs."""
    missing = [program for program in _NEEDS if not shutil.which(program)]
    if missing or os.geteuid():
        raise UnavailableError(f"needs root and {', '.join(missing or _NEEDS)}")
    with TemporaryDirectory() as name:
        return {
            "glasstunnel": _of(glasstunnel, Path(name)),
            "wireguard-go": _of(wireguard_go, Path(name)),
        }


def show(results: dict[str, Any]) -> None:
    """The table."""
    ours, theirs = results["glasstunnel"], results["wireguard-go"]
    print(f"{'as responder to ' + format(PEERS, ',') + ' peers':44} {'glasstunnel':>12} {'wireguard-go':>13}")
    for what, figure in ours.items():
        print(f"{what:44} {figure:>12} {theirs[what]:>13}")


if __name__ == "__main__":
    show(measure())
