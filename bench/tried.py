"""What was tried on the data path and brought nothing, beside what stands there.

Rule: each row is one way to do the same for one super-packet, warm, the best of many times. What is tried
needs no tunnel. Section: the performance chapter, docs/host/performance.md.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat
from time import perf_counter
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

PACKETS: Final = 45
SIZE: Final = 1420  # bytes of a packet
_BEGIN: Final = 52  # where its payload begins
_STEP: Final = SIZE - _BEGIN
_HEADROOM, _PITCH = 16, SIZE + 32
_TIMES: Final = 2000


def best(work: Callable[[], object]) -> float:
    """Microseconds for each packet."""
    found = float("inf")
    for _ in range(_TIMES):
        begin = perf_counter()
        work()
        found = min(found, perf_counter() - begin)
    return found / PACKETS * 1e6


def _train() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (PACKETS, _PITCH), np.uint8)


def arguments() -> Iterator[tuple[str, float]]:
    """Packets as the library for encryption may be given them."""
    rows, nonces = _train(), [bytes(12)] * PACKETS
    into = ChaCha20Poly1305(bytes(32)).encrypt_into
    buf = rows.reshape(-1).data
    views = [buf[i * _PITCH :][_HEADROOM : _HEADROOM + SIZE] for i in range(PACKETS)]
    sealed = [buf[i * _PITCH :][_HEADROOM : _HEADROOM + SIZE + 16] for i in range(PACKETS)]
    kinds: dict[str, list[Any]] = {
        "memoryview": views,
        "bytes": [bytes(one) for one in views],
        "numpy": [row[_HEADROOM : _HEADROOM + SIZE] for row in rows],
    }

    def seal(packets: list[Any]) -> None:
        deque(map(into, nonces, packets, repeat(None), sealed), 0)

    for kind, packets in kinds.items():
        yield kind, best(partial(seal, packets))


def sums() -> Iterator[tuple[str, float]]:
    """Sums of 16-bit words modulo 65535, of all rows."""
    rows = _train()[:, _HEADROOM : _HEADROOM + SIZE + 4]  # a multiple of 8 bytes
    half, ones = np.uint64(32), np.ones(rows.shape[1] // 2, np.float32)

    def words() -> Any:
        return np.add.reduce(rows.view("<u2"), axis=1, dtype=np.uint32) % 0xFFFF

    def matrix() -> Any:
        return (rows.view("<u2").astype(np.float32) @ ones).astype(np.uint32) % 0xFFFF

    def quarters() -> Any:
        wide = rows.view("<u8")
        low = np.add.reduce(wide & np.uint64(0xFFFFFFFF), axis=1)
        return (low + np.add.reduce(wide >> half, axis=1)) % 0xFFFF

    right = words()
    for name, way in (("16 bits", words), ("float32", matrix), ("64 bits", quarters)):
        exact = "" if np.array_equal(way(), right) else ", wrong"
        yield name + exact, best(way)


def reading() -> Iterator[tuple[str, float]]:
    """A super-packet from a file in memory into rows."""
    rows, fd = _train(), os.memfd_create("super-packet")
    try:
        os.write(fd, bytes(_BEGIN + PACKETS * _STEP))
        whole = memoryview(bytearray(_BEGIN + PACKETS * _STEP))
        payload = np.frombuffer(whole, np.uint8)[_BEGIN:].reshape(PACKETS, _STEP)
        place = slice(_HEADROOM + _BEGIN, _HEADROOM + SIZE)
        buf = rows.reshape(-1).data
        many = [whole[:_BEGIN], *(buf[i * _PITCH :][place] for i in range(PACKETS))]

        def copied() -> None:
            os.preadv(fd, (whole,), 0)
            rows[:, place] = payload

        yield "one buffer, then rows", best(copied)
        yield "rows at once", best(lambda: os.preadv(fd, many, 0))
    finally:
        os.close(fd)


TRIED: Final = {
    "encryption, packets as": arguments,
    "checksums, words of": sums,
    "reading into": reading,
}


def measure() -> dict[str, Any]:
    """The results for programs: microseconds for each packet."""
    return {what: {way: round(cost, 3) for way, cost in ways()} for what, ways in TRIED.items()}


def show(results: dict[str, Any]) -> None:
    """A row for each way."""
    print(f"{'for each of 45 packets':48}{'µs':>8}")
    for what, ways in results.items():
        for way, cost in ways.items():
            print(f"{what + ' ' + way:48}{cost:8.3f}")
