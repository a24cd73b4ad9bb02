"""A super-packet cut into the packets that it stands for, a column at a time.

Rule: what comes out is what the kernel itself would have sent without segmentation offload: each packet is
complete, its checksums are right, FIN and PSH stand only on the last one and CWR only on the first. The
identification of IPv4 is counted up only where packets may be fragmented: elsewhere it says nothing (RFC 6864
§4.1). Section: RFC 9293 §3.1, RFC 768, RFC 791; Linux segmentation-offloads.rst, net/ipv4/tcp_offload.c
``tcp_gso_segment``, udp_offload.c ``__udp_gso_segment``.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from glasstunnel.ip import PacketError, tcp, udp
from glasstunnel.ip.checksum import checksum, ones_complement_sum, pseudo_header
from glasstunnel.ip.packet import IPV4_HEADER, IPV6_HEADER, destination, source, version
from glasstunnel.ip.virtio import GSO_ECN, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, VnetHeader

Bytes = npt.NDArray[np.uint8]

MANY: Final = 256
"""Packets cut by one call, at the most."""
_ORDER: Final = np.arange(MANY, dtype=np.uint32)
_PROTOCOLS: Final = {GSO_TCPV4: tcp.PROTOCOL, GSO_TCPV6: tcp.PROTOCOL, GSO_UDP_L4: udp.PROTOCOL}
_DONT_FRAGMENT: Final = 0x40  # in the first byte of flags and fragment offset
_FLAGS: Final = 13  # where they stand in a TCP header
_ONLY_LAST: Final = int(tcp.Flag.FIN | tcp.Flag.PSH)
_ONLY_FIRST: Final = int(tcp.Flag.CWR)


class SuperPacket:
    """One packet from the kernel, of at most 65535 bytes, and the header that says what is to be done.

    ``packets`` is how many it stands for, ``size`` the length of each in bytes, of which the last may fall
    short. It is a view of the buffer that it was made from.

    Raises:
        PacketError: if packet and header contradict each other.
    """

    def __init__(self, packet: memoryview, todo: VnetHeader) -> None:
        self._is_tcp = _PROTOCOLS.get(todo.gso_type & ~GSO_ECN) == tcp.PROTOCOL
        self._upper, self._step = todo.csum_start, todo.gso_size
        if todo.gso_type & ~GSO_ECN not in _PROTOCOLS or not self._step or self._upper < IPV4_HEADER:
            raise PacketError(f"super-packet: expected TCP or UDP in segments, got {todo}")
        header = tcp.HEADER_LENGTH if self._is_tcp else udp.HEADER_LENGTH
        if self._is_tcp and len(packet) > self._upper + header:
            header = (packet[self._upper + 12] >> 4) * 4
        self._begin = self._upper + header
        if len(packet) <= self._begin:
            raise PacketError(f"super-packet: expected more than {self._begin} bytes, got {len(packet)}")
        self._packet, self._version = packet, version(packet)
        self._payload: Bytes = np.frombuffer(packet, np.uint8)[self._begin :]
        self.packets = -(-len(self._payload) // self._step)
        self.size = min(self._begin + self._step, len(packet))
        self._checksum = self._upper + (tcp.CHECKSUM_OFFSET if self._is_tcp else udp.CHECKSUM_OFFSET)
        self._header = self._header_of(self.size)

    def cut(self, rows: Bytes, first: int, n: int) -> int:
        """Write ``n`` packets, at most 256, from number ``first`` on; return the size of the last of them.

        ``rows`` is a matrix of ``n`` rows or more, each with room for one byte more than ``size``.
        """
        begin, step, size = self._begin, self._step, self.size
        payload = self._payload[first * step : (first + n) * step]
        whole = len(payload) // step
        rows[:n, :begin] = self._header
        rows[:whole, begin:size] = payload[: whole * step].reshape(whole, step)
        last = size
        if whole < n:
            last = begin + len(payload) - whole * step
            rows[whole, :begin] = self._header_of(last)
            rows[whole, begin:last] = payload[whole * step :]
            rows[whole, last:size] = 0
        if self._is_tcp:
            self._number(rows, first, n)
        if self._version == 4 and not self._packet[6] & _DONT_FRAGMENT:
            self._identify(rows, first, n)
        summed = size - self._upper
        if summed & 1:
            rows[:n, size] = 0
            summed += 1
        words = rows[:n, self._upper : self._upper + summed].view("<u2")
        sums = 0xFFFF - np.add.reduce(words, axis=1, dtype=np.uint32) % 0xFFFF
        if self._is_tcp:
            sums %= 0xFFFF  # of the two zeros UDP sends the one that is not "no checksum": RFC 768
        _store(rows[:n, self._checksum : self._checksum + 2], sums)
        return last

    def _number(self, rows: Bytes, first: int, n: int) -> None:
        """The sequence numbers, and the flags that stand on one packet only."""
        upper, flags = self._upper, self._packet[self._upper + _FLAGS]
        begin = int.from_bytes(self._packet[upper + 4 : upper + 8]) + first * self._step
        numbers = (_ORDER[:n] * np.uint32(self._step) + np.uint32(begin & 0xFFFFFFFF)).byteswap(inplace=True)
        rows[:n, upper + 4 : upper + 8] = numbers.view(np.uint8).reshape(n, 4)
        if first + n == self.packets:
            rows[n - 1, upper + _FLAGS] |= flags & _ONLY_LAST
        if first == 0:
            rows[0, upper + _FLAGS] |= flags & _ONLY_FIRST

    def _identify(self, rows: Bytes, first: int, n: int) -> None:
        """Count the identification of IPv4 up, and sum the headers anew."""
        begin, header = int.from_bytes(self._packet[4:6]) + first, (self._packet[0] & 15) * 4
        numbers = (_ORDER[:n] + np.uint32(begin)).astype(">u2")
        rows[:n, 4:6] = numbers.view(np.uint8).reshape(n, 2)
        rows[:n, 10:12] = 0
        words = rows[:n, :header].view("<u2")
        _store(rows[:n, 10:12], 0xFFFF - np.add.reduce(words, axis=1, dtype=np.uint32) % 0xFFFF)

    def _header_of(self, size: int) -> Bytes:
        """The header of a packet of ``size`` bytes; in the checksum's place the sum of the pseudo-header."""
        packet, upper = self._packet, self._upper
        header = bytearray(packet[: self._begin])
        length = size - upper
        if self._version == 4:
            header[2:4] = size.to_bytes(2)
            header[10:12] = bytes(2)
            header[10:12] = checksum(header[: (packet[0] & 15) * 4]).to_bytes(2)
        else:
            header[4:6] = (size - IPV6_HEADER).to_bytes(2)
        if self._is_tcp:
            header[upper + _FLAGS] &= ~(_ONLY_LAST | _ONLY_FIRST)
        else:
            header[upper + 4 : upper + 6] = length.to_bytes(2)
        protocol = tcp.PROTOCOL if self._is_tcp else udp.PROTOCOL
        pseudo = ones_complement_sum(
            b"", pseudo_header(source(packet), destination(packet), protocol, length)
        )
        header[self._checksum : self._checksum + 2] = pseudo.to_bytes(2)
        return np.frombuffer(header, np.uint8)


def _store(column: Bytes, numbers: npt.NDArray[np.uint32]) -> None:
    """Write numbers that were summed from little-endian words where two bytes each belong."""
    column[:] = numbers.astype("<u2").view(np.uint8).reshape(len(numbers), 2)
