"""The TUN's side of the fast data path: super-packets in and out.

Rule: the same runs as in plain.py, in trains. A super-packet is cut here (:mod:`~glasstunnel.ip.segmentation`)
into a train, or several if one datagram's length would not hold it; a train that is one flow is joined again
(:mod:`~glasstunnel.ip.merging`) and written by one call. Ordinary packets are gathered, as long as they fit
into one train. Section: Linux tuntap.rst, segmentation-offloads.rst; if_tun.h ``TUNSETOFFLOAD``.
"""

import os
import socket
import struct
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from glasstunnel.host import rtnetlink
from glasstunnel.host.errors import errno_name
from glasstunnel.host.tun import Tun
from glasstunnel.ip import PacketError, merging, packet, virtio
from glasstunnel.ip.segmentation import SuperPacket
from glasstunnel.ip.virtio import VnetHeader
from glasstunnel.wireguard.burst import HEADROOM
from glasstunnel.wireguard.messages import KEEPALIVE_SIZE, padded_size
from glasstunnel.wireguard.train import FEW, LONGEST, ROWS, Train

_ROOM = virtio.SIZE + 0xFFFF  # bytes: a header and the longest packet
_BEFORE = HEADROOM - virtio.SIZE  # where the header of a packet that lies in a row begins
_REMEMBERED = 128  # pitches
_HEADERS = 72  # bytes: IPv6 and TCP with timestamps
_GSO_MAX_SIZE = 65536  # bytes; linux/netdevice.h GSO_LEGACY_MAX_SIZE
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_UINT = struct.Struct("=I")
_RTM_NEWLINK, _IFLA_GSO_MAX_SIZE = 16, 41

MtuOf = Callable[[bytes], int]
"""The MTU towards an inner destination, in bytes."""


def limit_super_packets(tun: Tun, mtu: int) -> None:
    """Let the kernel make super-packets no longer than the datagrams of one train can carry.

    One that is a little longer would take two calls to send, and be two trains on the other side. What the
    kernel refuses stays as it is: that costs speed, nothing else. Linux counts the longest headers of TCP
    that it knows (MAX_TCP_HEADER) into the size, so it is the greatest that holds no packet more.
    """
    packets = min(ROWS, LONGEST // (KEEPALIVE_SIZE + mtu)) + 1
    longest = min(packets * (mtu - _HEADERS) + _HEADERS - 1, _GSO_MAX_SIZE)
    with suppress(OSError), tun.namespace():
        index = socket.if_nametoindex(tun.current_name())
        body = _LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0)
        with rtnetlink.connect() as one:
            rtnetlink.send(
                one, _RTM_NEWLINK, body + rtnetlink.attribute(_IFLA_GSO_MAX_SIZE, _UINT.pack(longest))
            )


class OffloadTun:
    """Packets between a TUN with virtio headers and a train."""

    def __init__(self, tun: Tun, train: Train, mtu_of: MtuOf) -> None:
        self.ecn = 0
        """ECN bits that all packets of the last run have."""
        self.mtu = 0
        """MTU towards the destination of the last run."""
        self.errors: Counter[str] = Counter()
        """Packets lost in reading and writing, by reason."""
        self.destination = b""
        """The destination of the last run, packed."""
        self._fd, self._train, self._mtu_of = tun.fd, train, mtu_of
        self._first = memoryview(bytearray(_ROOM))  # the first packet of a run, or one that did not fit
        self._length = 0  # of the packet there that waits; 0: none
        self._todo = memoryview(bytearray(ROWS * virtio.SIZE))  # headers of the others
        self._known: dict[int, list[tuple[memoryview, memoryview]]] = {}  # by pitch
        self._super: SuperPacket | None = None
        self._cut = 0  # packets of it that have been handed out
        self._joined = memoryview(bytearray(_ROOM))

    @property
    def waiting(self) -> bool:
        """Whether something has been read that the next :meth:`read` will hand out."""
        return bool(self._super or self._length)

    def read(self, limit: int) -> bytes | None:
        """As :meth:`PlainTun.read <glasstunnel.host.plain.PlainTun.read>`. A super-packet counts as one."""
        if self._super:
            return self._next_train(self._super)
        while True:
            length, self._length = self._length, 0
            if not length:
                try:
                    length = os.readv(self._fd, [self._first]) - virtio.SIZE
                except BlockingIOError:
                    return None
            first = self._first[virtio.SIZE : virtio.SIZE + length]
            if not packet.total_length(first, 0, length):
                self.errors["not IP"] += 1
                continue
            self.destination, self.ecn = packet.destination(first), packet.ecn(first)
            self.mtu = self._mtu_of(self.destination)
            if not self._first[1]:
                return self._gather(first, limit)
            try:
                self._super, self._cut = SuperPacket(first, VnetHeader.parse(self._first)), 0
            except PacketError:
                self.errors["malformed super-packet"] += 1
                continue
            return self._next_train(self._super)

    def _next_train(self, whole: SuperPacket) -> bytes:
        """Cut as many packets as one train holds."""
        train, pitch = self._train, KEEPALIVE_SIZE + padded_size(whole.size, self.mtu)
        train.arrange(pitch)
        n = min(whole.packets - self._cut, train.capacity, LONGEST // pitch or 1)
        last = whole.cut(train.rows[:, HEADROOM:], self._cut, n)
        train.fill(n, whole.size, last)
        self._cut += n
        if self._cut == whole.packets:
            self._super = None
        return self.destination

    def _gather(self, first: memoryview, limit: int) -> bytes:
        """An ordinary packet, and those that follow to the same destination and are no longer."""
        train, size = self._train, len(first)
        pitch = KEEPALIVE_SIZE + padded_size(size, self.mtu)
        train.arrange(pitch)
        train.plain[0][:size] = first
        self._todo[: virtio.SIZE] = self._first[: virtio.SIZE]
        n, last = 1, size
        for todo, room in self._targets(pitch)[1 : min(limit, train.capacity, LONGEST // pitch)]:
            try:
                length = os.readv(self._fd, (todo, room)) - virtio.SIZE
            except BlockingIOError:
                break
            if length > size or todo[1] or not self._continues(room, length):
                self._first[: virtio.SIZE] = todo
                self._first[virtio.SIZE : virtio.SIZE + length] = room[:length]
                self._length = length
                break
            n, last = n + 1, length
            if length < size:
                break
        train.fill(n, size, last)
        self._finish_checksums()
        return self.destination

    def _targets(self, pitch: int) -> list[tuple[memoryview, memoryview]]:
        """For each row of this pitch: room for a header, and for a packet of any length."""
        found = self._known.get(pitch)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            todo, buf = self._todo, self._train.buf
            found = self._known[pitch] = [
                (todo[i * virtio.SIZE : (i + 1) * virtio.SIZE], buf[i * pitch + HEADROOM :])
                for i in range(self._train.capacity)
            ]
        return found

    def _continues(self, row: memoryview, length: int) -> bool:
        return (
            packet.total_length(row, 0, length) != 0
            and packet.destination(row) == self.destination
            and packet.ecn(row) == self.ecn
        )

    def _finish_checksums(self) -> None:
        """Close what the kernel has left open."""
        train, n = self._train, self._train.n
        headers = bytes(self._todo[: n * virtio.SIZE])
        if n >= FEW and headers == headers[: virtio.SIZE] * n:
            todo = VnetHeader.parse(headers)
            if todo.flags & virtio.NEEDS_CSUM:
                rows = train.rows[:n, HEADROOM:]
                virtio.finish_checksums(
                    rows, train.size[0], train.size[n - 1], todo.csum_start, todo.csum_offset
                )
            return
        for row, one in enumerate(train.packets()):
            flags, _, _, _, start, offset = VnetHeader.parse(headers[row * virtio.SIZE :])
            if flags & virtio.NEEDS_CSUM:
                virtio.finish_checksum(one, start, offset)

    def write(self, rows: Sequence[int]) -> None:
        """Give the kernel the packets in these rows; what it refuses is counted and lost."""
        train, n = self._train, len(rows)
        if n < FEW or rows[-1] - rows[0] != n - 1 or not self._are_a_train(rows):
            for row in rows:
                self._write_one(row)
            return
        packets, size, last = (
            train.rows[rows[0] : rows[-1] + 1, HEADROOM:],
            train.size[rows[0]],
            train.size[rows[-1]],
        )
        done = 0
        while done < n:
            some = merging.joinable(packets[done:], size, last)
            if some > 1:
                length = merging.join(
                    packets[done : done + some], size, last if done + some == n else size, self._joined
                )
                try:
                    os.write(self._fd, self._joined[:length])
                except OSError:
                    some = 1
                else:
                    done += some
                    continue
            self._write_one(rows[done])
            done += 1

    def _are_a_train(self, rows: Sequence[int]) -> bool:
        """Whether they have one size, but for the last, which may be shorter."""
        size, before = self._train.size, len(rows) - 1
        first = size[rows[0]]
        return size[rows[-1]] <= first and size[rows[0] : rows[-1]] == array("H", [first]) * before

    def _write_one(self, row: int) -> None:
        wire = self._train.wire[row]
        wire[_BEFORE:HEADROOM] = virtio.NOTHING
        try:
            os.write(self._fd, wire[_BEFORE : HEADROOM + self._train.size[row]])
        except OSError as error:  # EIO while the interface is down
            self.errors[errno_name(error)] += 1
