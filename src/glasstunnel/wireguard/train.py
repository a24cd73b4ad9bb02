"""A train: a burst whose packets are of one size, some perhaps shorter, in rows without gaps.

Rule: this is the shape in which the kernel cuts and joins for us. Datagrams of one size lie end to end, so
that one system call moves many of them (UDP_SEGMENT, UDP_GRO); and a field is a column, so that one call of
numpy reaches it in every row. What a call needs of a row (a view of the packet, of the datagram, a nonce) is
made once for each pitch and kept: a burst then costs no Python per packet. Section: design.md "bursts, not
packets"; Linux udp(7) ``UDP_SEGMENT``, ``UDP_GRO``.
"""

from array import array
from typing import Final

import numpy as np
import numpy.typing as npt

from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.framing import HEADROOM, TAILROOM, TRANSPORT_DATA, Framing
from glasstunnel.wireguard.messages import TAG_SIZE

ROWS: Final = 256
"""Packets of a train at the most."""
ROOM: Final = 4 << 16
"""Bytes of a train at the most: four of the kernel's super-packets. More does not stay in the cache."""
FEW: Final = 4
"""Below so many packets the scalar functions of :mod:`~glasstunnel.wireguard.transport` are faster."""
LONE: Final = 0xFFFF + HEADROOM + TAILROOM
"""A pitch in bytes that no datagram exceeds."""
_LAYOUTS = 128  # pitches remembered; packets of each size padded to 16 bytes need fewer
_NONCE_BLOCK = 16  # 4 unused, 4 zero, 8 counter: so that the counters are aligned

Bytes = npt.NDArray[np.uint8]
Views = list[memoryview]


class Layout:
    """The rows of one pitch, and views of them.

    There are views of the first rows only, until more of them are in use: whoever sends us datagrams of ever
    new lengths must not make us prepare hundreds of rows for each.
    """

    __slots__ = ("_data", "_headroom", "_size", "_views", "capacity", "pitch", "plain", "rows", "wire")

    def __init__(self, buf: Bytes, pitch: int, headroom: int) -> None:
        self.pitch, self.capacity = pitch, min(ROWS, ROOM // pitch)
        self.rows: Bytes = buf[: self.capacity * pitch].reshape(self.capacity, pitch)
        self.wire: Views = []
        self.plain: Views = []
        self._data, self._headroom = buf.data, headroom
        self._size = -1
        self._views: tuple[Views, Views] = [], []
        self.reach(FEW)

    def reach(self, n: int) -> None:
        """See to it that there are views of ``n`` rows, or of all."""
        known = len(self.wire)
        if n > known:
            pitch, self._size = self.pitch, -1
            for i in range(known, min(max(n, 2 * known), self.capacity)):
                row = self._data[i * pitch : (i + 1) * pitch]
                self.wire.append(row)
                self.plain.append(row[self._headroom :])

    def views(self, size: int) -> tuple[Views, Views]:
        """Padded packets of ``size`` bytes, and where their ciphertext and tag lie.

        Those of the last size are kept, since with the pitch comes nearly always the one that fills it.
        """
        if size != self._size:
            self._size = size
            self._views = [row[:size] for row in self.plain], [row[: size + TAG_SIZE] for row in self.plain]
        return self._views


class Train(Burst):
    """Room for a train, of any pitch; packets lie in their datagrams as ``framing`` says.

    ``rows`` is the buffer as a matrix, one datagram a row. ``whole`` is the size of all rows in use but the
    ``shorter`` ones.
    """

    __slots__ = ("_bytes", "_layouts", "blocks", "counters", "layout", "nonces", "rows", "shorter", "whole")

    def __init__(self, framing: Framing = TRANSPORT_DATA) -> None:
        self.framing = framing
        self._bytes: Bytes = np.zeros(ROOM + HEADROOM + LONE, np.uint8)
        self.buf = self._bytes.data
        self.size = array("H", bytes(2 * ROWS))
        self.n = self.whole = 0
        self.shorter: dict[int, int] = {}
        """Row to size."""
        self.blocks: Bytes = np.zeros((ROWS, _NONCE_BLOCK), np.uint8)
        """A row each: four bytes of no meaning, and the nonce."""
        self.counters: npt.NDArray[np.uint64] = self.blocks.view("<u8")[:, 1]
        """The counters in :attr:`blocks`, as numbers."""
        nonces = self.blocks.reshape(-1).data
        self.nonces: Views = [nonces[i * _NONCE_BLOCK + 4 : (i + 1) * _NONCE_BLOCK] for i in range(ROWS)]
        self._layouts: dict[int, Layout] = {}
        self.arrange(LONE)

    @property
    def longest(self) -> int:
        """The greatest size of a row in use, in bytes."""
        return self.whole

    @property
    def shortest(self) -> int:
        """The smallest size of a row in use, in bytes."""
        return min(self.shorter.values(), default=self.whole)

    def arrange(self, pitch: int) -> None:
        """Let the rows begin at multiples of ``pitch``; what lies in them stays there."""
        layout = self._layouts.get(pitch)
        if layout is None:
            assert self.framing.shortest <= pitch <= LONE
            if len(self._layouts) >= _LAYOUTS:
                self._layouts.clear()
            layout = self._layouts[pitch] = Layout(self._bytes, pitch, self.framing.headroom)
        self.layout = layout
        self.pitch, self.capacity = pitch, layout.capacity
        self.wire, self.plain, self.rows = layout.wire, layout.plain, layout.rows

    def fill(self, n: int, whole: int, shorter: dict[int, int]) -> None:
        """There are ``n`` rows of ``whole`` bytes now, but for those that are shorter."""
        self.n, self.whole, self.shorter = n, whole, shorter
        self.layout.reach(n)
        self.size[:n] = array("H", [whole]) * n
        for row, size in shorter.items():
            self.size[row] = size

    def alone(self, size: int) -> None:
        """There is one row of ``size`` bytes now, which may be as long as any datagram."""
        self.arrange(LONE)
        self.n, self.whole, self.size[0], self.shorter = 1, size, size, {}

    def survey(self) -> None:
        """Learn :attr:`whole` and :attr:`shorter` from :attr:`size`."""
        if self.n == 1:
            self.whole, self.shorter = self.size[0], {}
            return
        sizes = self.size[: self.n]
        self.whole = max(sizes)
        self.shorter = {row: size for row, size in enumerate(sizes) if size < self.whole}

    def views(self, whole: int, shorter: dict[int, int]) -> tuple[Views, Views]:
        """Of each row in use the padded packet, of ``whole`` bytes but for those that are shorter, and the
        ciphertext with its tag, which lie in the same place.
        """
        packets, sealed = self.layout.views(whole)
        packets, sealed = packets[: self.n], sealed[: self.n]
        for row, size in shorter.items():
            packets[row] = self.plain[row][:size]
            sealed[row] = self.plain[row][: size + TAG_SIZE]
        return packets, sealed
