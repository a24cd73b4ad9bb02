"""What ten thousand peers cost: memory of each while it is idle, and how long one turn of the loop takes.

The memory is the process's resident set, which counts OpenSSL's share too; it is measured in a fresh process.
"""

import gc
import json
import resource
import subprocess
import sys
from pathlib import Path as File
from time import perf_counter
from typing import Any

from glasstunnel.sim import Randomness
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path, Send
from glasstunnel.wireguard.peer import Peer

PEERS = 10_000
_RNG = Randomness("peers")
_SECOND = 1_000_000_000
_WINDOW = 8192


class Hub:
    """A device with many peers, each of which can be made to shake hands and to fill its replay window."""

    def __init__(self, keys: list[bytes]) -> None:
        self.device = Device(_RNG(32))
        self.device.up(0.0)
        self._keys = keys
        self._burst = Burst(1, 128)
        self.peers = [self._add(n, key) for n, key in enumerate(keys)]

    def _add(self, number: int, key: bytes) -> Peer:
        public = Device(key).public_key
        assert public
        return self.device.add_peer(public, allowed_ips=[((10 << 24 | number).to_bytes(4), 32)])

    def shake_hands(self, now: float) -> None:
        """Each peer initiates a session and confirms it."""
        assert self.device.public_key
        for number, key in enumerate(self._keys):
            spoke = Device(key)
            spoke.up(now)
            peer = spoke.add_peer(
                self.device.public_key, endpoint=Path(("192.0.2.1", 1)), persistent_keepalive=25
            )
            path = Path((f"198.51.{number >> 8}.{number & 255}", 51820))
            (initiation,) = _sent(spoke.tick(now, round(now * _SECOND), _RNG))
            (response,) = _sent(self.device.receive(now, 0, _RNG, initiation, path))
            (keepalive,) = _sent(spoke.receive(now, 0, _RNG, response, peer.endpoint or path))
            self._burst.n = 0
            self._burst.add_datagram(keepalive)
            self.device.open(now, self._burst, path)

    def fill_windows(self) -> None:
        """As if each peer had sent so much that its replay window is full."""
        for peer in self.peers:
            assert peer.keypairs.current
            for counter in range(63, _WINDOW, 64):
                peer.keypairs.current.window.accept(counter)


def _sent(events: list[Any]) -> list[bytes]:
    return [event.data for event in events if isinstance(event, Send)]


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    return int(File("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def memory() -> dict[str, float]:
    """Kilobytes per peer, each figure with all that came before."""
    keys = [_RNG(32) for _ in range(PEERS)]
    before, figures = resident(), {}

    def note(what: str) -> None:
        figures[what] = round((resident() - before) / PEERS / 1000, 2)

    hub = Hub(keys)
    note("configured, kB per peer")
    hub.shake_hands(1.0)
    note("with a session, kB per peer")
    hub.fill_windows()
    note("with a full replay window, kB per peer")
    hub.shake_hands(122.0)
    note("with the previous session too, kB per peer")
    return figures


def turns() -> dict[str, float]:
    """Milliseconds of the calls when all peers want to be spoken to at once."""
    device = Device(_RNG(32))
    for number in range(PEERS):
        public = Device(_RNG(32)).public_key
        assert public
        device.add_peer(public, endpoint=Path(("192.0.2.1", number)), persistent_keepalive=25)
    begin = perf_counter()
    device.up(1.0)
    up, ticks = perf_counter() - begin, []
    while device.deadline <= 1.0:
        begin = perf_counter()
        device.tick(1.0, _SECOND, _RNG)
        ticks.append(perf_counter() - begin)
    return {
        "interface up, ms": round(1000 * up, 1),
        "longest tick, ms": round(1000 * max(ticks), 1),
        "all ticks, ms": round(1000 * sum(ticks), 1),
        "ticks": len(ticks),
    }


def measure() -> dict[str, Any]:
    """Both, each in a fresh process."""
    return {
        name: json.loads(
            subprocess.run(
                [sys.executable, "-m", "bench.peers", name], check=True, capture_output=True, text=True
            ).stdout
        )
        for name in ("memory", "turns")
    }


def show(results: dict[str, Any]) -> None:
    """The table."""
    print(f"{PEERS} peers")
    for numbers in results.values():
        for name, number in numbers.items():
            print(f"{name:44} {number}")


if __name__ == "__main__":
    print(json.dumps({"memory": memory, "turns": turns}[sys.argv[1]]()))
