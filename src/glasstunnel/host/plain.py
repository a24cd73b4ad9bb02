"""The plain data path: one system call per packet, on every kernel, readable from top to bottom.

Rule: packets that share a fate share a burst. A reader hands out runs: consecutive packets to one inner
destination (so they have one peer), consecutive transport data to one receiver index from one address to one
of ours (so they have one keypair and one path). The first packet beyond a run has been read already when that
is noticed; it is carried over and opens the next run. Section: design.md "bursts, not packets"; WP §5.4.6 for
the header that is grouped by.
"""

import os
import struct
from collections import Counter
from collections.abc import Iterable

from glasstunnel.host.ancillary import ROOM, TRAFFIC_CLASS
from glasstunnel.host.errors import errno_name
from glasstunnel.host.tun import Tun
from glasstunnel.host.tun_offload import MtuOf
from glasstunnel.host.udp import Address, Udp, UdpSocket
from glasstunnel.ip import packet
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.framing import TRANSPORT_DATA, Framing

ROWS = 128
"""Packets in a burst: with 16 the plain path costs a sixth more CPU time per bit, with 64 hardly more."""
_HEADS = {size: struct.Struct(form) for size, form in ((1, "B"), (8, "<Q"))}  # of a framing
_LONGEST = 0xFFFF  # bytes: a row holds whatever UDP can carry, whatever the peer's MTU is
_MSG_TRUNC = 0x20


class PlainTun:
    """Packets between a TUN and a burst."""

    def __init__(self, tun: Tun, burst: Burst, mtu_of: MtuOf) -> None:
        self.ecn = 0
        """ECN bits that all packets of the last run have."""
        self.mtu = 0
        """MTU towards the destination of the last run, in bytes."""
        self.errors: Counter[str] = Counter()
        """Packets lost in writing, by the system's name of the reason."""
        self._fd = tun.fd
        self._burst = burst
        self._rows = [[row] for row in burst.plain]
        # The row of a packet that was read and not yet handed out. 0: none, since that row begins a run.
        self._carried = 0
        self._mtu_of = mtu_of

    @property
    def waiting(self) -> bool:
        """Whether a packet was carried over."""
        return self._carried > 0

    def read(self, limit: int) -> bytes | None:
        """Fill the burst with the next run, reading at most ``limit`` packets.

        Returns their inner destination, packed; None if there was no packet. With a limit of 1 nothing is
        carried over, and the kernel knows of everything that still waits.

        Raises:
            OSError: EBADFD if the interface was deleted.
        """
        burst, fd, rows, size, carried = self._burst, self._fd, self._rows, self._burst.size, self._carried
        n, run, ecn = 0, b"", 0
        for _ in range(min(limit, burst.capacity)):
            if carried:
                length = size[carried]
                burst.plain[0][:length] = burst.plain[carried][:length]
                carried = self._carried = 0
            else:
                try:
                    length = os.readv(fd, rows[n])
                except BlockingIOError:
                    break
            row = rows[n][0]
            if not packet.total_length(row, 0, length):
                self.errors["not IP"] += 1
                continue
            destination, congestion = packet.destination(row), packet.ecn(row)
            size[n] = length
            if not n:
                run, ecn = destination, congestion
            elif destination != run or congestion != ecn:
                self._carried = n
                break
            n += 1
        burst.n, self.ecn = n, ecn
        if not n:
            return None
        self.mtu = self._mtu_of(run)
        return run

    def write(self, rows: Iterable[int]) -> None:
        """Give the kernel the packets in these rows of the burst; what it refuses is counted and lost."""
        plain, size = self._burst.plain, self._burst.size
        for row in rows:
            self.put(plain[row][: size[row]])

    def put(self, packet: bytes | memoryview) -> None:
        """As :meth:`write`, of a packet that lies in no row."""
        try:
            os.write(self._fd, packet)
        except OSError as error:  # EIO while the interface is down
            self.errors[errno_name(error)] += 1


class PlainUdp:
    """Datagrams between one UDP socket and a burst."""

    def __init__(self, socket: UdpSocket, burst: Burst) -> None:
        self.ecn = 0
        """ECN bits that all datagrams of the last run had outside."""
        self.errors: Counter[str] = Counter()
        """Datagrams lost in receiving, by reason."""
        self.fd = socket.fd
        self._socket = socket
        self._receive = socket.socket.recvmsg_into
        self._burst = burst
        self._rows = [[row] for row in burst.wire]
        self._head = _HEADS[burst.framing.head]
        self._carried = 0
        self._carried_from: tuple[Address, bytes, int] = (("", 0), b"", 0)

    @property
    def waiting(self) -> bool:
        """Whether a datagram was carried over."""
        return self._carried > 0

    def read(self, limit: int) -> Path | None:
        """Fill the burst with the next run, reading at most ``limit`` datagrams.

        A run is transport data for one receiver index on one path with the same ECN bits, or one message of
        any other kind. Returns the path it came on; None if there was nothing. With a limit of 1 nothing is
        carried over.
        """
        burst, rows, size, carried = self._burst, self._rows, self._burst.size, self._carried
        buf, pitch, receive, head_of = burst.buf, burst.pitch, self._receive, self._head.unpack_from
        n, run, run_ecn, framing = 0, 0, 0, burst.framing
        sender: Address = ("", 0)
        ours = b""
        for _ in range(min(limit, burst.capacity)):
            if carried:
                length, (address, local, ecn) = size[carried], self._carried_from
                burst.wire[0][:length] = burst.wire[carried][:length]
                carried = self._carried = 0
            else:
                try:
                    length, ancillary, flags, address = receive(rows[n], ROOM)
                except BlockingIOError:
                    break
                except OSError as error:
                    self.errors[errno_name(error)] += 1
                    break
                if flags & _MSG_TRUNC or length < framing.head:
                    if flags & _MSG_TRUNC or length < framing.least:
                        self.errors["too long" if flags & _MSG_TRUNC else "too short"] += 1
                        continue
                    burst.wire[n][length : framing.head] = bytes(framing.head - length)
                (_, _, local), (_, _, tos) = ancillary
                ecn = tos[TRAFFIC_CLASS] & 3
            (head,) = head_of(buf, n * pitch)
            size[n] = length
            if not n:
                run, run_ecn, sender, ours = head, ecn, address, local
                if not framing.is_data(burst.wire[0]):
                    n = 1
                    break
            elif head != run or address != sender or local != ours or ecn != run_ecn:
                self._carried, self._carried_from = n, (address, local, ecn)
                break
            n += 1
        burst.n, self.ecn = n, run_ecn
        return self._socket.path(sender, ours) if n else None


class PlainPath:
    """The plain data path: the :class:`~glasstunnel.host.backend.DataPath` of every kernel."""

    def __init__(self, tun: Tun, udp: Udp, mtu_of: MtuOf, framing: Framing = TRANSPORT_DATA) -> None:
        self.burst = Burst(ROWS, _LONGEST, framing)
        self.packets = PlainTun(tun, self.burst, mtu_of)
        self.datagrams = [PlainUdp(one, self.burst) for one in udp.sockets]
        self._udp = udp
        self._former: Counter[str] = Counter()  # errors of sockets that are closed

    def renew(self) -> None:
        """The sockets have been replaced by others: from now on use those."""
        for edge in self.datagrams:
            self._former += edge.errors
        self.datagrams = [PlainUdp(one, self.burst) for one in self._udp.sockets]

    @property
    def errors(self) -> Counter[str]:
        """Packets and datagrams lost at the kernel's edge, by reason."""
        edges: list[PlainTun | PlainUdp] = [self.packets, *self.datagrams]
        return sum((edge.errors for edge in edges), self._udp.errors + self._former)

    def send(self, path: Path, tos: int) -> Path:
        """Send the datagrams of the burst with this traffic class; what cannot go is counted and lost."""
        return self._udp.send(self.burst.datagrams(), path, tos)
