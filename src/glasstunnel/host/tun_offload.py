"""The TUN's side of the fast data path: super-packets in and out.

Rule: the same runs as in plain.py, in trains. Super-packets are cut here
(:mod:`~glasstunnel.ip.segmentation`) and fill a train, as long as their packets have one size; a train is
joined again where it is one flow (:mod:`~glasstunnel.ip.merging`) and written by few calls. Ordinary packets
are gathered, as long as they fit.
Section: Linux tuntap.rst, segmentation-offloads.rst; if_tun.h ``TUNSETOFFLOAD``.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence

from glasstunnel.host.errors import errno_name
from glasstunnel.host.tun import Tun
from glasstunnel.ip import PacketError, merging, packet, virtio
from glasstunnel.ip.segmentation import SuperPacket
from glasstunnel.ip.virtio import VnetHeader
from glasstunnel.wireguard.train import FEW, ROWS, Train

_ROOM = virtio.SIZE + 0xFFFF  # bytes: a header and the longest packet
_REMEMBERED = 128  # pitches
# By IP version: where version, traffic class and length end, where the destination begins and ends
_ALIKE = {4: (4, 16, 20), 6: (6, 24, 40)}

MtuOf = Callable[[bytes], int]
"""The MTU towards an inner destination, in bytes."""


class OffloadTun:
    """Packets between a TUN with virtio headers and a train."""

    def __init__(self, tun: Tun, train: Train, mtu_of: MtuOf) -> None:
        self.ecn = 0
        """ECN bits that all packets of the last run have."""
        self.mtu = 0
        """MTU towards the destination of the last run, in bytes."""
        self.errors: Counter[str] = Counter()
        """Packets lost in reading and writing, by reason."""
        self._fd, self._train, self._mtu_of = tun.fd, train, mtu_of
        self._headroom, self._datagram_size = train.framing.headroom, train.framing.size
        self._destination = b""  # of the last run
        self._first = memoryview(bytearray(_ROOM))  # header and packet that begin a run
        self._packet = self._first[:0]  # that packet, if it waits
        self._super: SuperPacket | None = None  # the same, if it is one
        self._done = 0  # packets of it that have been cut off
        self._todo = memoryview(bytearray(ROWS * virtio.SIZE))  # headers of a run of ordinary packets
        self._alone = self._todo[: virtio.SIZE], train.buf[self._headroom : self._headroom + 0xFFFF]
        self._targets: dict[int, list[tuple[memoryview, memoryview]]] = {}  # by pitch
        self._joined = memoryview(bytearray(_ROOM))

    @property
    def waiting(self) -> bool:
        """Whether something has been read that the next :meth:`read` will hand out."""
        return len(self._packet) > 0

    def read(self, limit: int) -> bytes | None:
        """As :meth:`.PlainTun.read`; a super-packet may pass the limit."""
        if limit == 1 and not self._packet:
            return self._read_one()
        return self._read_run(limit) if self._fetch() else None

    def _read_one(self) -> bytes | None:
        """Read a packet to where it will be sealed, and hand it out, unless it is a super-packet."""
        todo, room = self._alone
        try:
            length = os.readv(self._fd, self._alone) - virtio.SIZE
        except BlockingIOError:
            return None
        one = room[:length]
        if todo[1]:
            self._first[: virtio.SIZE] = todo
            self._packet = self._first[virtio.SIZE : virtio.SIZE + length]
            self._packet[:] = one
            return self._read_run(1) if self._fetch() else None
        if not packet.total_length(one, 0, length):
            self.errors["not IP"] += 1
            return None
        self._finish_checksum(one, todo)
        self._train.alone(length)
        return self._describe(one)

    def _read_run(self, limit: int) -> bytes:
        """Hand out the packet that waits, and those that follow it."""
        destination = self._describe(self._packet)
        if self._super:
            self._cut(self._super.size, limit)
        else:
            self._gather(len(self._packet), limit)
        return destination

    def _describe(self, one: memoryview) -> bytes:
        """Note what the packets of a run share; return their destination."""
        destination = self._destination = packet.destination(one)
        self.ecn, self.mtu = packet.ecn(one), self._mtu_of(destination)
        return destination

    def _fetch(self) -> bool:
        """See to it that a packet waits; False if there is none."""
        while True:
            if not self._packet:
                try:
                    length = os.readv(self._fd, (self._first,))
                except BlockingIOError:
                    return False
                self._packet = self._first[virtio.SIZE : length]
            if self._super:
                return True
            if not packet.total_length(self._packet, 0, len(self._packet)):
                self.errors["not IP"] += 1
            elif not self._first[1]:
                return True
            else:
                try:
                    self._super, self._done = SuperPacket(self._packet, VnetHeader.parse(self._first)), 0
                except PacketError:
                    self.errors["malformed super-packet"] += 1
                else:
                    return True
            self._packet = self._first[:0]

    def _continues(self, one: memoryview) -> bool:
        """Whether this is a packet, and belongs to the run."""
        return (
            packet.total_length(one, 0, len(one)) > 0
            and packet.destination(one) == self._destination
            and packet.ecn(one) == self.ecn
        )

    def _cut(self, size: int, limit: int) -> None:
        """Cut super-packets into packets of ``size`` bytes, while they fit into the train."""
        train = self._train
        train.arrange(self._datagram_size(size, self.mtu))
        n, shorter = 0, {}
        while (
            n < train.capacity and self._super and self._super.size == size and self._continues(self._packet)
        ):
            some = min(self._super.packets - self._done, train.capacity - n)
            last = self._super.cut(train.rows[n:, self._headroom :], self._done, some)
            n += some
            if last < size:
                shorter[n - 1] = last
            self._done += some
            if self._done < self._super.packets:
                break
            self._packet, self._super = self._first[:0], None
            if n >= limit or not self._fetch():
                break
        train.fill(n, size, shorter)

    def _gather(self, size: int, limit: int) -> None:
        """Take an ordinary packet, and those that follow to the same destination and are no longer."""
        train = self._train
        pitch = self._datagram_size(size, self.mtu)
        train.arrange(pitch)
        train.plain[0][:size] = self._packet
        self._todo[: virtio.SIZE] = self._first[: virtio.SIZE]
        self._packet = self._first[:0]
        fd, n, shorter = self._fd, 1, {}
        first = train.plain[0]
        begin, address, end = _ALIKE[first[0] >> 4]
        start, destination = bytes(first[:begin]), self._destination
        for target in self._targets_of(pitch)[1:limit]:
            try:
                length = os.readv(fd, target) - virtio.SIZE
            except BlockingIOError:
                break
            todo, room = target
            if length != size or todo[1] or room[:begin] != start or room[address:end] != destination:
                # Not just like the first, as most are; it may still be one of the run.
                if length > size or todo[1] or not self._continues(room[:length]):
                    self._first[: virtio.SIZE] = todo
                    self._packet = self._first[virtio.SIZE : virtio.SIZE + length]
                    self._packet[:] = room[:length]
                    break
                if length < size:
                    shorter[n] = length
            n += 1
        train.fill(n, size, shorter)
        self._finish_checksums()

    def _targets_of(self, pitch: int) -> list[tuple[memoryview, memoryview]]:
        """For each row of this pitch: room for a header, and for a packet of any length."""
        found = self._targets.get(pitch)
        if found is None:
            if len(self._targets) >= _REMEMBERED:
                self._targets.clear()
            todo, buf = self._todo, self._train.buf
            found = self._targets[pitch] = [
                (todo[i * virtio.SIZE : (i + 1) * virtio.SIZE], buf[i * pitch + self._headroom :])
                for i in range(self._train.capacity)
            ]
        return found

    def _finish_checksums(self) -> None:
        """Close what the kernel has left open."""
        train, n = self._train, self._train.n
        headers = bytes(self._todo[: n * virtio.SIZE])
        if n >= FEW and headers == headers[: virtio.SIZE] * n:
            flags, _, _, _, start, offset = VnetHeader.parse(headers)
            if not flags & virtio.NEEDS_CSUM:
                return
            if start + offset + 2 <= train.shortest:
                rows = train.rows[:n, self._headroom :]
                virtio.finish_checksums(rows, train.whole, train.shorter, start, offset)
                return
        for row, one in enumerate(train.packets()):
            self._finish_checksum(one, headers[row * virtio.SIZE :])

    def _finish_checksum(self, one: memoryview, todo: memoryview | bytes) -> None:
        """Close what the kernel has left open in an ordinary packet, as its header says."""
        if todo[0] & virtio.NEEDS_CSUM:
            header = VnetHeader.parse(todo)
            if not virtio.finish_checksum(one, header.csum_start, header.csum_offset):
                self.errors["checksum outside its packet"] += 1  # the packet goes on; its receiver drops it

    def write(self, rows: Sequence[int]) -> None:
        """Give the kernel the packets in these rows; what it refuses is counted and lost."""
        if len(rows) == 1:
            self._write_one(rows[0])
            return
        first = 0
        while first < len(rows):  # most often once: all rows in use
            last = first + 1
            if rows[-1] - rows[first] == len(rows) - 1 - first:
                last = len(rows)
            else:
                while rows[last] == rows[last - 1] + 1:
                    last += 1
            self._write_rows(rows[first], rows[last - 1] + 1)
            first = last

    def _write_rows(self, begin: int, end: int) -> None:
        """Write neighbouring rows."""
        train = self._train
        whole = train.whole
        # Joining sums words: behind a packet of an odd size it needs a byte, which a framing may not have.
        if end - begin >= FEW and self._headroom + whole + (whole & 1) <= train.pitch:
            shorter = {row - begin: size for row, size in train.shorter.items() if begin <= row < end}
            packets = train.rows[begin:end, self._headroom :]
            for first, last in merging.runs(packets, whole, shorter):
                if last - first > 1:
                    length = merging.join(
                        packets[first:last], whole, shorter.get(last - 1, whole), self._joined
                    )
                    if self._write(self._joined[:length], silently=True):
                        continue
                for row in range(begin + first, begin + last):
                    self._write_one(row)
        else:
            for row in range(begin, end):
                self._write_one(row)

    def _write_one(self, row: int) -> None:
        train, begin = self._train, self._headroom - virtio.SIZE
        if begin < 0:  # what lies before the packet is another
            self.put(train.plain[row][: train.size[row]])
            return
        wire = train.wire[row]
        wire[begin : self._headroom] = virtio.NOTHING
        self._write(wire[begin : self._headroom + train.size[row]])

    def put(self, packet: bytes | memoryview) -> None:
        """Give the kernel a packet that lies in no row."""
        self._write(virtio.NOTHING + packet)

    def _write(self, packet: bytes | memoryview, *, silently: bool = False) -> bool:
        try:
            os.write(self._fd, packet)
        except OSError as error:  # EIO while the interface is down
            if not silently:
                self.errors[errno_name(error)] += 1
            return False
        return True
