"""A network of our own between two ends: it passes datagrams on in another order, and some of them twice.

Rule: what it has been given at once it passes on at once, so that nothing waits for a clock; within that it
does what a seed says. Section: RFC 4737 for what reordering is.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

TRANSPORT_DATA = b"\x04\0\0\0"
SOL_UDP, UDP_SEGMENT = 17, 103  # linux/udp.h
_AT_ONCE = 64  # datagrams, of which the kernel cuts as many out of one call
_LONGEST = 65507  # bytes
_MOVED = 16  # of so many one moves, and there are runs between them


class Relay:
    """One socket between ``left``, which speaks first, and ``right``.

    Args:
        twice, damaged: shares of the transport data.
        joined: pass those of one length on by one call, so that they come joined.
    """

    def __init__(
        self,
        host: str,
        right: tuple[str, int],
        seed: int,
        *,
        twice: float = 0.0,
        damaged: float = 0.0,
        joined: bool = False,
    ) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.address: tuple[str, int] = self.socket.getsockname()[:2]
        self.passed = 0
        """Transport data that went to the right."""
        self.reordered = 0
        """Of these, how many went in the place of another."""
        self._left: tuple[str, int] | None = None
        self._right = right
        self._random, self._twice, self._damaged, self._joined = Random(seed), twice, damaged, joined

    def pass_on(self) -> None:
        """Pass on what has come until now."""
        batches: dict[tuple[str, int], list[bytes]] = {}
        for _ in range(_AT_ONCE):
            try:
                datagram, sender = self.socket.recvfrom(65535)
            except BlockingIOError:
                break
            came_from = sender[0], sender[1]
            if came_from != self._right:
                self._left = came_from
            batches.setdefault(came_from, []).append(datagram)
        for came_from, batch in batches.items():
            if came_from == self._right:
                assert self._left
                self._send(self._changed(batch), self._left)
            else:
                changed = self._changed(batch)
                self.passed += sum(one.startswith(TRANSPORT_DATA) for one in changed)
                self.reordered += sum(a != b for a, b in zip(changed, batch, strict=False))
                self._send(changed, self._right)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Within the block a thread passes on what comes."""
        end = os.eventfd(0)

        def serve() -> None:
            while end not in (ready := select.select([self.socket.fileno(), end], [], [])[0]):
                if ready:
                    self.pass_on()

        thread = threading.Thread(target=serve, name="relay")
        thread.start()
        try:
            yield
        finally:
            os.eventfd_write(end, 1)
            thread.join()
            os.close(end)

    def close(self) -> None:
        self.socket.close()

    def _changed(self, batch: list[bytes]) -> list[bytes]:
        changed = []
        for one in batch:
            if one.startswith(TRANSPORT_DATA):
                if self._random.random() < self._damaged:
                    place = self._random.randrange(16, len(one))
                    one = one[:place] + bytes([one[place] ^ 1]) + one[place + 1 :]
                if self._random.random() < self._twice:
                    changed.append(one)
            changed.append(one)
        for _ in range(len(changed) // _MOVED + 1):
            changed.insert(self._random.randrange(len(changed)), changed.pop())
            changed.insert(0, changed.pop(self._random.randrange(len(changed))))
        return changed

    def _send(self, batch: list[bytes], address: tuple[str, int]) -> None:
        while batch:
            size = len(batch[0])
            n = next((i for i, one in enumerate(batch) if len(one) != size), len(batch))
            n = min(n, _AT_ONCE, _LONGEST // size) if self._joined else 1
            control = [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", size))] if n > 1 else []
            self.socket.sendmsg([b"".join(batch[:n])], control, 0, address)
            batch = batch[n:]
