"""The sockets' side of the fast data path: what the kernel has joined, in one call.

Rule: the same runs as in plain.py, in trains. Datagrams that followed each other on one path come as one, with
the length of each (UDP_GRO), and are a train where they lie. Others are gathered, as long as they fit into
one train. What was received and is not handed out yet waits in the buffer. Section: udp(7) ``UDP_GRO``; Linux
net/ipv4/udp_offload.c ``udp_gro_receive``.
"""

import socket
import struct
import sys
from collections import Counter
from typing import NamedTuple

from glasstunnel.host.errors import errno_name
from glasstunnel.host.udp import ANCILLARY, SOL_UDP, UDP_GRO, Address, UdpSocket
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.messages import KEEPALIVE_SIZE
from glasstunnel.wireguard.train import LONGEST, Train

_LONE = 0xFFFF  # a pitch that no datagram exceeds
_HEAD = struct.Struct("<Q")  # type, three reserved bytes, receiver index
_TYPE_MASK = 0xFFFFFFFF
_TRANSPORT_DATA = 4
_INT = struct.Struct("=i")
_LOW_BYTE = 0 if sys.byteorder == "little" else -1  # of the traffic class, as in plain.py
_ANCILLARY = ANCILLARY + socket.CMSG_SPACE(4)
_ALWAYS = 2  # control messages with every datagram; UDP_GRO comes before them, where datagrams were joined


class Received(NamedTuple):
    """What one call has received: ``length`` bytes, datagrams of ``pitch`` bytes each, the last may be shorter."""

    length: int
    pitch: int
    sender: Address
    local: bytes
    ecn: int


class OffloadUdp:
    """Datagrams between one UDP socket and a train."""

    def __init__(self, port: UdpSocket, train: Train) -> None:
        self.ecn = 0
        """ECN bits that all datagrams of the last run had outside."""
        self.errors: Counter[str] = Counter()
        """Datagrams lost in receiving, by reason."""
        self.fd = port.fd
        self._socket, self._train = port, train
        self._receive = port.socket.recvmsg_into
        port.socket.setsockopt(SOL_UDP, UDP_GRO, 1)
        self._begin = 0  # of what waits in the buffer, which is never at its begin
        self._received = Received(0, 0, ("", 0), b"", 0)  # what waits there

    @property
    def waiting(self) -> bool:
        """Whether something has been received that the next :meth:`read` will hand out."""
        return self._begin > 0

    def read(self, limit: int) -> Path | None:
        """As :meth:`PlainUdp.read <glasstunnel.host.plain.PlainUdp.read>`. What the kernel has joined counts
        as one.
        """
        train, buf = self._train, self._train.buf
        if self._begin:
            received = self._received
            buf[: received.length] = buf[self._begin : self._begin + received.length]
            self._begin = 0
        elif (fresh := self._receive_at(0)) is None:
            return None
        else:
            received = fresh
        length, pitch = received.length, received.pitch
        (head,) = _HEAD.unpack_from(buf)
        if head & _TYPE_MASK != _TRANSPORT_DATA or pitch < KEEPALIVE_SIZE:
            train.arrange(_LONE)
            n, last = 1, min(pitch, length)
        else:
            train.arrange(pitch)
            n = min(-(-length // pitch), train.capacity)
            last = min(pitch, length - (n - 1) * pitch)
            if n > 1:
                n, last = self._alike(n, last)
            elif length == pitch and limit > 1:
                n, last = self._gather(received, min(limit, train.capacity, LONGEST // pitch))
        if not self._begin and n * pitch < length:
            self._begin, self._received = n * pitch, received._replace(length=length - n * pitch)
        train.fill(n, min(pitch, length), last)
        self.ecn = received.ecn
        return self._socket.path(received.sender, received.local)

    def _receive_at(self, begin: int) -> Received | None:
        """Receive into the buffer from ``begin`` on."""
        while True:
            try:
                length, ancillary, _, sender = self._receive([self._train.buf[begin:]], _ANCILLARY)
            except BlockingIOError:
                return None
            except OSError as error:
                self.errors[errno_name(error)] += 1
                return None
            pitch = _INT.unpack(ancillary.pop(0)[2])[0] if len(ancillary) > _ALWAYS else length
            if pitch >= _HEAD.size:
                (_, _, local), (_, _, tos) = ancillary
                return Received(length, pitch, sender, local, tos[_LOW_BYTE] & 3)
            self.errors["too short"] += 1

    def _alike(self, n: int, last: int) -> tuple[int, int]:
        """How many of these rows, from the first on, are for the same receiver index, and the last's size."""
        rows, size = self._train.rows, self._train.pitch
        heads = rows[:n, : _HEAD.size].tobytes()
        first = heads[: _HEAD.size]
        if last < _HEAD.size:
            n, last = n - 1, size
        if heads[: n * _HEAD.size] == first * n:
            return n, last
        same = next(i for i in range(1, n) if heads[i * _HEAD.size : (i + 1) * _HEAD.size] != first)
        return same, size

    def _gather(self, first: Received, limit: int) -> tuple[int, int]:
        """Receive more datagrams like the first and no longer; return how many there are, and the last's
        size.
        """
        buf, pitch = self._train.buf, first.pitch
        n, last = 1, pitch
        while n < limit and last == pitch:
            begin = n * pitch
            received = self._receive_at(begin)
            if received is None:
                break
            if (
                received.pitch != received.length
                or not KEEPALIVE_SIZE <= received.length <= pitch
                or received[2:] != first[2:]
                or buf[begin : begin + _HEAD.size] != buf[: _HEAD.size]
            ):
                self._begin, self._received = begin, received
                break
            n, last = n + 1, received.length
        return n, last
