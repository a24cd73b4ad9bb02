"""What a greater MTU brings: throughput at some, and what the encryption of one packet costs at its size.

Rule: a super-packet has 64 kB at any MTU, so only what each packet costs by itself can become less.
"""

from collections import deque
from itertools import repeat
from statistics import median
from time import perf_counter
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from bench import UnavailableError
from bench.contenders import contenders
from bench.pair import CABLE_MTU, MTU, pair
from bench.works import WORKS, WorkError

_TCP = WORKS[0]
_JUMBO = 9000  # MTU of an Ethernet with jumbo frames
_OUTSIDE = 80  # bytes: IPv6 and UDP headers, and what WireGuard adds
_GREATEST = _JUMBO - _OUTSIDE
PAIRS = (
    (MTU, CABLE_MTU),
    *((mtu, _JUMBO) for mtu in (MTU, 2000, 4096, 8832, _GREATEST)),
    (_GREATEST, CABLE_MTU),
)
"""MTU of the tunnel, and of the cable under it. In the last, each datagram is cut by IP."""
SIZES = (1408, 1420, 2048, 2112, 4096, 4160, 8832, 8920)
_ROUNDS, _SECONDS = 3, 2.0
_CALLS, _TIMES = 64, 200


def encryption(size: int) -> float:
    """Microseconds for one packet of ``size`` bytes, the best of many."""
    row = memoryview(bytearray(size + 16))
    seal, nonces, best = ChaCha20Poly1305(bytes(32)).encrypt_into, [bytes(12)] * _CALLS, float("inf")
    for _ in range(_TIMES):
        begin = perf_counter()
        deque(map(seal, nonces, repeat(row[:size]), repeat(None), repeat(row)), 0)
        best = min(best, perf_counter() - begin)
    return best / _CALLS * 1e6


def measure() -> dict[str, Any]:
    """All of it."""
    ours, *_ = contenders()
    rates: dict[tuple[int, int], list[dict[str, float]]] = {where: [] for where in PAIRS}
    try:
        for _ in range(_ROUNDS):
            for where, samples in rates.items():
                with pair(ours, *where) as two:
                    samples.append(two.do(_TCP, _SECONDS))
    except WorkError as error:
        raise UnavailableError(str(error)) from None
    rate, cost = (quantity.key for quantity in _TCP.quantities)
    return {
        "tcp": [
            {
                "mtu": mtu,
                "cable": cable,
                "gbit_per_second": round(median(sample[rate] for sample in samples), 2),
                "cpu_seconds_per_gbit": round(median(sample[cost] for sample in samples), 3),
            }
            for (mtu, cable), samples in rates.items()
        ],
        "encryption_us": {str(size): round(encryption(size), 2) for size in SIZES},
    }


def show(results: dict[str, Any]) -> None:
    """The tables."""
    print("MTU of the tunnel   of the cable   Gbit/s   CPU s/Gbit")
    for line in results["tcp"]:
        print("{:17}{:15}{:9.2f}{:13.3f}".format(*line.values()))
    print("\nencryption of one packet of so many bytes, microseconds")
    print("  ".join(f"{size}: {cost}" for size, cost in results["encryption_us"].items()))
