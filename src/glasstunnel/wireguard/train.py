"""A train: a burst whose packets are of one size, the last perhaps shorter, laid end to end.

Rule: this is the shape in which the kernel cuts and joins for us. The datagrams of a train lie without gaps,
so that one system call moves them all (UDP_SEGMENT, UDP_GRO); and a field is a column, so that one call of
numpy reaches it in every row. What a call needs of a row (a view of the packet, of the datagram, a nonce) is
made once for each pitch and kept: a burst then costs no Python per packet. Section: design.md "bursts, not
packets"; Linux udp(7) ``UDP_SEGMENT``, ``UDP_GRO``.
"""

from array import array
from typing import Final

import numpy as np
import numpy.typing as npt

from glasstunnel.wireguard.burst import HEADROOM, TAILROOM, Burst
from glasstunnel.wireguard.messages import KEEPALIVE_SIZE, TAG_SIZE

ROWS: Final = 64
"""Packets of a train: as many as the kernel sends with one call (UDP_MAX_SEGMENTS, 128 since Linux 6.9)."""
LONGEST: Final = 65507
"""Bytes of a train: what a UDP datagram over IPv4 can carry, since the kernel begins with one such."""
FEW: Final = 4
"""Below so many packets the scalar functions of :mod:`~glasstunnel.wireguard.transport` are faster."""
_REACH = 0xFFFF
_LAYOUTS = 128  # pitches remembered; packets of each size padded to 16 bytes need fewer
_NONCE_BLOCK = 16  # 4 unused, 4 zero, 8 counter: so that the counters are aligned

Bytes = npt.NDArray[np.uint8]
Views = list[memoryview]


class Layout:
    """The rows of one pitch, and views of them."""

    __slots__ = ("_buf", "_views", "pitch", "plain", "rows", "wire")

    def __init__(self, buf: Bytes, pitch: int) -> None:
        count = max(1, min(ROWS, -(-_REACH // pitch)))
        self.pitch = pitch
        self.rows: Bytes = buf[: count * pitch].reshape(count, pitch)
        self._buf = buf.data
        self.wire: Views = [self._buf[i * pitch : (i + 1) * pitch] for i in range(count)]
        self.plain: Views = [row[HEADROOM:] for row in self.wire]
        self._views: dict[int, tuple[Views, Views]] = {}

    def views(self, size: int) -> tuple[Views, Views]:
        """Padded packets of ``size`` bytes, and where their ciphertext and tag lie."""
        found = self._views.get(size)
        if found is None:
            if len(self._views) >= _LAYOUTS:
                self._views.clear()
            found = self._views[size] = (
                [row[:size] for row in self.plain],
                [row[: size + TAG_SIZE] for row in self.plain],
            )
        return found


class Train(Burst):
    """Room for a train, of any pitch.

    ``rows`` is the buffer as a matrix, one datagram a row. ``size`` holds one size for all rows in use, and
    perhaps a smaller one for the last.
    """

    __slots__ = ("_bytes", "_layouts", "blocks", "counters", "layout", "nonces", "rows")

    def __init__(self) -> None:
        self._bytes: Bytes = np.zeros(2 * (_REACH + HEADROOM + TAILROOM), np.uint8)
        self.buf = self._bytes.data
        self.size = array("H", bytes(2 * ROWS))
        self.n = 0
        self.blocks: Bytes = np.zeros((ROWS, _NONCE_BLOCK), np.uint8)
        """A row each: four bytes of no meaning, and the nonce."""
        self.counters: npt.NDArray[np.uint64] = self.blocks.view("<u8")[:, 1]
        """The counters in :attr:`blocks`, as numbers."""
        nonces = self.blocks.reshape(-1).data
        self.nonces: Views = [nonces[i * _NONCE_BLOCK + 4 : (i + 1) * _NONCE_BLOCK] for i in range(ROWS)]
        self._layouts: dict[int, Layout] = {}
        self.arrange(_REACH)

    @property
    def longest(self) -> int:
        """The size of the first row, which no other exceeds, in bytes."""
        return self.size[0]

    def arrange(self, pitch: int) -> None:
        """Let the rows begin at multiples of ``pitch``, 32 to 65535 bytes; what lies in them stays there."""
        layout = self._layouts.get(pitch)
        if layout is None:
            assert KEEPALIVE_SIZE <= pitch <= _REACH
            if len(self._layouts) >= _LAYOUTS:
                self._layouts.clear()
            layout = self._layouts[pitch] = Layout(self._bytes, pitch)
        self.layout = layout
        self.pitch, self.capacity = pitch, len(layout.wire)
        self.wire, self.plain, self.rows = layout.wire, layout.plain, layout.rows

    def views(self, size: int, last: int) -> tuple[Views, Views]:
        """Of each row in use the padded packet, of ``size`` or in the last row ``last`` bytes, and the
        ciphertext with its tag, which lie in the same place.
        """
        packets, sealed = self.layout.views(size)
        packets, sealed = packets[: self.n], sealed[: self.n]
        if last != size:
            packets[-1] = self.plain[self.n - 1][:last]
            sealed[-1] = self.plain[self.n - 1][: last + TAG_SIZE]
        return packets, sealed

    def fill(self, n: int, size: int, last: int) -> None:
        """There are ``n`` rows of ``size`` bytes now, of which the last has ``last``."""
        self.n = n
        self.size[: n - 1] = array("H", [size]) * (n - 1)
        self.size[n - 1] = last
