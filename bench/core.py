"""Microseconds of the pure core: sealing, opening, handshakes, lookups.

Run by ``python -m bench``, or alone: ``python -m bench.core [-o FILE.json]`` with pyperf's options.
"""

import pathlib
import subprocess
import sys
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import pyperf

from glasstunnel.noise import CURVE25519
from glasstunnel.sim import Node, Randomness, World
from glasstunnel.wireguard.allowed_ips import AllowedIPs
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.cookie import add_macs, mac1_key
from glasstunnel.wireguard.crypto import tai64n
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.handshake import InitiatorHandshake, ResponderHandshake

MTU = 1420
ANSWER = "initiation to response, whole device"
_RNG = Randomness("bench")
_NO_PSK = bytes(32)


def connected() -> tuple[Node, Node]:
    """Two devices with a session between them."""
    world = World("bench")
    left, right = world.add("left", ("192.0.2.1", 1)), world.add("right", ("192.0.2.2", 2))
    for node, other, last in ((left, right, 2), (right, left, 1)):
        assert other.device.public_key
        peer = node.device.add_peer(other.device.public_key, allowed_ips=[(bytes([10, 0, 0, last]), 32)])
        peer.endpoint = Path(other.address)
    world.send(left, packet(84))
    world.advance(1)
    return left, right


def packet(size: int) -> bytes:
    """An IPv4 packet of so many bytes from 10.0.0.1 to 10.0.0.2; its checksum is nobody's business here."""
    header = bytes([0x45, 0]) + size.to_bytes(2) + bytes(8) + bytes([10, 0, 0, 1, 10, 0, 0, 2])
    return header + bytes(size - 20)


def sealing(rows: int, size: int) -> Callable[[], None]:
    """Fill in a burst's sizes and seal it."""
    left, _ = connected()
    burst, sizes = Burst(rows, MTU), [size] * rows
    for _ in range(rows):
        burst.add_packet(packet(size))
    destination = bytes([10, 0, 0, 2])

    def once() -> None:
        for i, length in enumerate(sizes):
            burst.size[i] = length
        left.device.seal(2.0, burst, destination, MTU)

    return once


def opening(rows: int, size: int, loops: int) -> float:
    """Seconds for opening so many bursts, each sealed afresh before the clock starts."""
    left, right = connected()
    burst, path = Burst(rows, MTU), Path(left.address)
    total = 0.0
    for _ in range(loops):
        burst.n = 0
        for _ in range(rows):
            burst.add_packet(packet(size))
        left.device.seal(2.0, burst, bytes([10, 0, 0, 2]), MTU)
        begin = pyperf.perf_counter()
        right.device.open(2.0, burst, path)
        total += pyperf.perf_counter() - begin
    return total


def responding() -> Callable[[], None]:
    """Read an initiation, write the response, derive the keys; the static-static secret is remembered."""
    ours, theirs = CURVE25519.keypair(_RNG(32)), CURVE25519.keypair(_RNG(32))
    ours.precompute(theirs.public)
    initiation = InitiatorHandshake(theirs, ours.public, _RNG).create_initiation(1, tai64n(0))

    def once() -> None:
        handshake = ResponderHandshake(ours, _RNG)
        handshake.consume_initiation(initiation)
        handshake.create_response(2, _NO_PSK)

    return once


def primitives_of_responding() -> Callable[[], None]:
    """What of that is X25519 alone: one new key pair, three secrets."""
    ours, theirs = CURVE25519.keypair(_RNG(32)), CURVE25519.keypair(_RNG(32))

    def once() -> None:
        ephemeral = CURVE25519.generate_keypair(_RNG)
        ours.dh(theirs.public)
        ephemeral.dh(theirs.public)
        ephemeral.dh(theirs.public)

    return once


def crowded(peers: int) -> tuple[Device, list[bytes]]:
    """A device with so many peers, and an initiation of each."""
    device, initiations = Device(_RNG(32)), []
    assert device.public_key
    for n in range(peers):
        peer = CURVE25519.keypair(_RNG(32))
        device.add_peer(peer.public)
        initiation = InitiatorHandshake(peer, device.public_key, _RNG).create_initiation(n, tai64n(0))
        initiations.append(add_macs(initiation.build(), mac1_key(device.public_key)))
    return device, initiations


def answering(loops: int, under_load: bool = False, damage: bool = False) -> float:
    """Seconds in which a device answers initiations, each of another peer, by a response or by a cookie."""
    device, initiations = crowded(loops)
    path, answers = Path(("192.0.2.1", 1)), 0
    if damage:
        initiations = [message[:116] + bytes(32) for message in initiations]
    for _ in range(device.parameters.under_load if under_load else 0):
        device.enqueue(initiations[0], path)
    begin = pyperf.perf_counter()
    for message in initiations:
        answers += len(device.receive(0.0, 0, _RNG, message, path))
    total: float = pyperf.perf_counter() - begin
    assert answers == (0 if damage else loops)
    return total


def looking_up(prefixes: int) -> Callable[[], object]:
    """The owner of an address among so many prefixes of /16 to /32."""
    table: AllowedIPs[int] = AllowedIPs()
    for n in range(prefixes):
        table.insert(_RNG(4), 16 + n % 17, n)
    address = _RNG(4)
    return lambda: table.lookup(address)


def measure() -> dict[str, Any]:
    """Mean and standard deviation of each, in microseconds, from pyperf's own processes."""
    with TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "core.json"
        subprocess.run([sys.executable, "-m", "bench.core", "--fast", "--quiet", "-o", output], check=True)
        suite = pyperf.BenchmarkSuite.load(str(output))
    return {
        bench.get_name(): {"us": round(bench.mean() * 1e6, 3), "stdev_us": round(bench.stdev() * 1e6, 3)}
        for bench in suite.get_benchmarks()
    }


def show(results: dict[str, Any]) -> None:
    """The table."""
    print(f"{'core':44} {'µs':>10} {'±':>8}")
    for name, numbers in results.items():
        print(f"{name:44} {numbers['us']:10.3f} {numbers['stdev_us']:8.3f}")
    print(f"handshakes per second as responder: {1e6 / results[ANSWER]['us']:,.0f}")


def main() -> None:
    """Measure as pyperf is told."""
    runner = pyperf.Runner()
    for rows in (1, 64):
        for size in (84, MTU):
            runner.bench_func(f"seal {size} B, burst of {rows}", sealing(rows, size), inner_loops=rows)
            runner.bench_time_func(
                f"open {size} B, burst of {rows}",
                lambda loops, rows=rows, size=size: opening(rows, size, loops),
                inner_loops=rows,
            )
    runner.bench_func("handshake as responder", responding())
    runner.bench_func("handshake as responder, X25519 alone", primitives_of_responding())
    runner.bench_time_func(ANSWER, answering)
    runner.bench_time_func("initiation to cookie reply, under load", lambda loops: answering(loops, True))
    runner.bench_time_func("initiation with a wrong mac1", lambda loops: answering(loops, damage=True))
    for prefixes in (1, 1_000, 100_000):
        runner.bench_func(f"allowed IPs, {prefixes} prefixes", looking_up(prefixes))


if __name__ == "__main__":
    main()
