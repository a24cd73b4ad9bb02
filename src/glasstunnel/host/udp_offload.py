"""The sockets' side of the fast data path: what the kernel has joined, in one call.

Rule: the same runs as in plain.py, in trains. Datagrams that followed each other on one path come as one,
with the length of each (UDP_GRO), and are a train where they lie. Others are gathered, as long as they fit
into one train. What was received and is not handed out yet waits in the buffer. Section: udp(7) ``UDP_GRO``;
Linux net/ipv4/udp_offload.c ``udp_gro_receive``.
"""

from collections import Counter
from typing import NamedTuple

from glasstunnel.host.ancillary import ROOM_JOINED, SOL_UDP, TRAFFIC_CLASS, UDP_GRO, segment_size
from glasstunnel.host.errors import errno_name
from glasstunnel.host.udp import Address, UdpSocket
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.train import Train

_ALWAYS = 2  # control messages with every datagram; UDP_GRO comes before them, where datagrams were joined


class Received(NamedTuple):
    """What one call has received: ``length`` bytes, datagrams of ``pitch`` bytes, maybe a shorter one."""

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
        self._port, self._train, self._framing = port, train, train.framing
        self._receive = port.socket.recvmsg_into
        port.socket.setsockopt(SOL_UDP, UDP_GRO, 1)
        self._waits: Received | None = None  # what did not fit into the run
        self._begin = 0  # where that lies in the buffer

    @property
    def waiting(self) -> bool:
        """Whether something has been received that the next :meth:`read` will hand out."""
        return self._waits is not None

    def read(self, limit: int) -> Path | None:
        """As :meth:`.PlainUdp.read`; what comes joined may pass the limit."""
        train, buf = self._train, self._train.buf
        if self._waits:
            first, self._waits = self._waits, None
            buf[: first.length] = buf[self._begin : self._begin + first.length]
        elif (received := self._receive_at(0)) is None:
            return None
        else:
            first = received
        lone = limit == 1 and first.length == first.pitch
        if first.pitch >= self._framing.shortest and self._framing.is_data(buf) and not lone:
            train.arrange(first.pitch)
            self._gather(first, limit)
        else:
            train.alone(first.pitch)
            buf[first.pitch : self._framing.head] = bytes(max(0, self._framing.head - first.pitch))
            if first.length > first.pitch:
                self._leave(first, first.pitch, 0)
        self.ecn = first.ecn
        return self._port.path(first.sender, first.local)

    def _gather(self, first: Received, limit: int) -> None:
        """Make a train of what lies at the begin of the buffer, and of what follows and is like it."""
        train, pitch, head = self._train, first.pitch, bytes(self._train.buf[: self._framing.head])
        n, shorter, more = 0, {}, first
        while True:
            begin = n * pitch
            some = self._alike(n, more, head)
            n += some
            if some * pitch > more.length:
                shorter[n - 1] = more.length - (some - 1) * pitch
            elif some * pitch < more.length:
                self._leave(more, some * pitch, begin)
                break
            if n >= min(limit, train.capacity):
                break
            received = self._receive_at(n * pitch)
            if received is None:
                break
            more = received
            alike = more[2:] == first[2:] and more.length > 0
            if not alike or more.length > more.pitch != pitch or more.pitch > pitch:
                self._leave(more, 0, n * pitch)
                break
        train.fill(n, pitch, shorter)

    def _alike(self, begin: int, received: Received, head: bytes) -> int:
        """How many of these datagrams, which lie from row ``begin`` on, begin with the same head.

        A last one that is too short for any head does not.
        """
        train, size = self._train, len(head)
        n = min((received.length + train.pitch - size) // train.pitch, train.capacity - begin)
        heads = train.rows[begin : begin + n, :size].tobytes()
        if heads == head * n:
            return n
        return next(i for i in range(n) if heads[i * size : (i + 1) * size] != head)

    def _leave(self, received: Received, used: int, begin: int) -> None:
        """Let what is left, behind the bytes that are used, wait."""
        length = received.length - used
        if length >= self._framing.head or not used:
            self._waits = received._replace(length=length, pitch=min(received.pitch, length))
            self._begin = begin + used
        elif length:
            self.errors["too short"] += 1

    def _receive_at(self, begin: int) -> Received | None:
        """Receive into the buffer from ``begin`` on; None if there is nothing."""
        while True:
            try:
                length, ancillary, _, sender = self._receive((self._train.buf[begin:],), ROOM_JOINED)
            except BlockingIOError:
                return None
            except OSError as error:
                self.errors[errno_name(error)] += 1
                return None
            pitch = length
            if len(ancillary) > _ALWAYS:
                pitch = segment_size(ancillary.pop(0)[2])
            if pitch >= self._framing.least:
                (_, _, local), (_, _, tos) = ancillary
                return Received(length, pitch, sender, local, tos[TRAFFIC_CLASS] & 3)
            self.errors["too short"] += 1
