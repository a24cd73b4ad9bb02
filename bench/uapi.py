"""Seconds of wg(8) against a live interface: great configurations set and shown, wireguard-go beside us.

Each implementation serves an interface of its own in a namespace of its own, and is given the same commands.
"""

import os
import shutil
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench import UnavailableError
from glasstunnel.host import control
from glasstunnel.host.namespace import Namespace

PREFIXES = 130_560
PEERS = 10_000
_RUNS = 5
_PATIENCE = 20.0  # seconds until an interface must be there
_NEEDS = ("wg", "wireguard-go", "ip")


@dataclass(frozen=True)
class Result:
    """Seconds of one command, median of the runs, for both."""

    command: str
    what: str
    glasstunnel: float
    wireguard_go: float

    @property
    def ratio(self) -> float:
        return self.glasstunnel / self.wireguard_go


def one_peer(prefixes: int) -> str:
    """A configuration: one peer with so many single addresses, 256 to a line."""
    lines = (
        ", ".join(f"10.{n >> 8}.{n & 255}.{host}/32" for host in range(256)) for n in range(prefixes // 256)
    )
    return _interface() + _peer() + "".join(f"AllowedIPs = {line}\n" for line in lines)


def many_peers(peers: int) -> str:
    """A configuration: so many peers, each with an endpoint and one address of either family."""
    return _interface() + "".join(
        f"{_peer()}AllowedIPs = 10.0.{n >> 8}.{n & 255}/32, fd00::{n:x}/128\nEndpoint = 192.0.2.1:{n + 1}\n"
        for n in range(peers)
    )


def _interface() -> str:
    return f"[Interface]\nPrivateKey = {_key()}\n"


def _peer() -> str:
    return f"[Peer]\nPublicKey = {_key()}\n"


def _key() -> str:
    return b64encode(os.urandom(32)).decode()


@contextmanager
def glasstunnel(directory: Path) -> Iterator[str]:
    """An interface that ``glasstunnel up`` serves."""
    file = directory / f"gtb{os.getpid()}.conf"
    file.touch(mode=0o600)
    file.write_text(_interface())
    _run(sys.executable, "-m", "glasstunnel", "up", "--quiet", str(file))
    try:
        yield file.stem
    finally:
        _run(sys.executable, "-m", "glasstunnel", "down", str(file))


@contextmanager
def wireguard_go(_directory: Path) -> Iterator[str]:
    """An interface that Debian's wireguard-go serves."""
    name = f"wgb{os.getpid()}"
    program = subprocess.Popen(
        ["wireguard-go", "-f", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + _PATIENCE
        while not control.is_served(name):
            if time.monotonic() > end:
                raise UnavailableError("wireguard-go does not serve its control socket")
            time.sleep(0.01)
        _run("ip", "link", "set", name, "up")
        yield name
    finally:
        program.terminate()
        program.wait()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError(f"{' '.join(command[:3])} failed: {done.stderr.strip()}")


def _seconds(*command: str) -> float:
    before = time.perf_counter()
    _run(*command)
    return time.perf_counter() - before


def measure() -> dict[str, Any]:
    """The results for programs."""
    missing = [program for program in _NEEDS if not shutil.which(program)]
    if missing or os.geteuid():
        raise UnavailableError(f"needs root and {', '.join(missing or _NEEDS)}")
    with TemporaryDirectory() as name:
        directory = Path(name)
        files = {
            f"{PREFIXES:,} allowed IPs of one peer": one_peer(PREFIXES),
            f"{PEERS:,} peers with two allowed IPs each": many_peers(PEERS),
        }
        ours = _of(glasstunnel, directory, files)
        theirs = _of(wireguard_go, directory, files)
    results = [Result(*key, seconds, theirs[key]) for key, seconds in ours.items()]
    return {"results": [{**asdict(one), "ratio": round(one.ratio, 2)} for one in results]}


def _of(serve: Callable[[Path], Any], directory: Path, files: dict[str, str]) -> dict[tuple[str, str], float]:
    """Medians of one implementation, by command and configuration."""
    medians = {}
    namespace = Namespace()
    try:
        with namespace, serve(directory) as interface:
            for what, text in files.items():
                file = directory / "set.conf"
                file.write_text(text)
                setting, showing = [], []
                for _ in range(_RUNS):
                    setting.append(_seconds("wg", "setconf", interface, str(file)))
                    showing.append(_seconds("wg", "show", interface, "dump"))
                medians["wg setconf", what] = round(median(setting), 3)
                medians["wg show … dump", what] = round(median(showing), 3)
    finally:
        namespace.close()
    return medians


def show(results: dict[str, Any]) -> None:
    """The table."""
    print(f"{'wg(8), seconds':56} {'glasstunnel':>12} {'wireguard-go':>13} {'ratio':>7}")
    for one in results["results"]:
        label = f"{one['command']}, {one['what']}"
        print(f"{label:56} {one['glasstunnel']:>12} {one['wireguard_go']:>13} {one['ratio']:>7}")


if __name__ == "__main__":
    show(measure())
