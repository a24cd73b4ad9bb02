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
from glasstunnel.ip.checksum import updated
from glasstunnel.ip.packet import IPV6_HEADER
from glasstunnel.ip.virtio import GSO_ECN, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, VnetHeader

Bytes = npt.NDArray[np.uint8]

MANY: Final = 256
"""Packets cut by one call, at the most."""
_ORDER: Final = np.arange(MANY, dtype=np.uint32)
_LITTLE16: Final = np.dtype("<u2")  # sums of little-endian words are what big-endian ones are, swapped
_BIG16: Final = np.dtype(">u2")
_BIG32: Final = np.dtype(">u4")
_KINDS: Final = {(4, GSO_TCPV4), (6, GSO_TCPV6), (4, GSO_UDP_L4), (6, GSO_UDP_L4)}  # with the IP version
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
        kind, upper, step = todo.gso_type & ~GSO_ECN, todo.csum_start, todo.gso_size
        length, version = len(packet), packet[0] >> 4
        if (version, kind) not in _KINDS or not step:
            raise PacketError(
                f"super-packet: expected TCP or UDP in segments, got {todo} and IP version {version}"
            )
        self._is_tcp, self._is_ipv4 = kind != GSO_UDP_L4, version == 4
        header = (packet[0] & 15) * 4 if self._is_ipv4 else IPV6_HEADER
        if upper != header and (self._is_ipv4 or upper < header):
            raise PacketError(f"super-packet: expected the checksum to begin at {header} bytes, got {upper}")
        begin = shortest = upper + (tcp.HEADER_LENGTH if self._is_tcp else udp.HEADER_LENGTH)
        if self._is_tcp and begin < length:
            begin = upper + (packet[upper + 12] >> 4) * 4
        if not shortest <= begin < length:
            raise PacketError(
                f"super-packet: expected a payload from byte {shortest} on, got {begin} of {length}"
            )
        step = min(step, length - begin)
        self._packet, self._upper, self._begin, self._step = packet, upper, begin, step
        self._payload: Bytes = np.frombuffer(packet, np.uint8)[begin:]
        self.packets = -(-(length - begin) // step)
        self.size = begin + step
        self._checksum = upper + (tcp.CHECKSUM_OFFSET if self._is_tcp else udp.CHECKSUM_OFFSET)
        self._header = self._header_of(self.size)

    def cut(self, rows: Bytes, first: int, n: int) -> int:
        """Write ``n`` packets, at most 256, from number ``first`` on; return the size of the last of them.

        ``rows`` is a matrix of ``n`` rows or more, each with room for one byte more than ``size``.
        """
        rows, begin, step, size = rows[:n], self._begin, self._step, self.size
        payload = self._payload[first * step : (first + n) * step]
        whole = len(payload) // step
        rows[:, :begin] = self._header
        rows[:whole, begin:size] = payload[: whole * step].reshape(whole, step)
        last = size
        if whole < n:
            last = begin + len(payload) - whole * step
            rows[whole, :begin] = self._header_of(last)
            rows[whole, begin:last] = payload[whole * step :]
            rows[whole, last:size] = 0
        if self._is_tcp:
            self._number(rows, first, n)
        if self._is_ipv4 and not self._packet[6] & _DONT_FRAGMENT:
            self._identify(rows, first, n)
        odd = (size - self._upper) & 1
        if odd:
            rows[:, size] = 0
        sums = np.add.reduce(rows[:, self._upper : size + odd].view(_LITTLE16), axis=1, dtype=np.uint32)
        sums = 0xFFFF - sums % 0xFFFF
        if self._is_tcp:
            sums %= 0xFFFF  # of the two zeros UDP sends the one that is not "no checksum": RFC 768
        rows[:, self._checksum : self._checksum + 2].view(_LITTLE16)[:, 0] = sums
        return last

    def _number(self, rows: Bytes, first: int, n: int) -> None:
        """The sequence numbers, and the flags that stand on one packet only."""
        place, flags = self._upper + 4, self._packet[self._upper + _FLAGS]
        begin = int.from_bytes(self._packet[place : place + 4]) + first * self._step
        numbers = _ORDER[:n] * self._step
        numbers += begin & 0xFFFFFFFF
        rows[:, place : place + 4].view(_BIG32)[:, 0] = numbers
        if flags & _ONLY_LAST and first + n == self.packets:
            rows[n - 1, self._upper + _FLAGS] |= flags & _ONLY_LAST
        if flags & _ONLY_FIRST and first == 0:
            rows[0, self._upper + _FLAGS] |= flags & _ONLY_FIRST

    def _identify(self, rows: Bytes, first: int, n: int) -> None:
        """Count the identification of IPv4 up, and sum the headers anew."""
        begin, header = int.from_bytes(self._packet[4:6]) + first, (self._packet[0] & 15) * 4
        rows[:, 4:6].view(_BIG16)[:, 0] = (_ORDER[:n] + begin) & 0xFFFF
        rows[:, 10:12] = 0
        sums = np.add.reduce(rows[:, :header].view(_LITTLE16), axis=1, dtype=np.uint32)
        rows[:, 10:12].view(_LITTLE16)[:, 0] = 0xFFFF - sums % 0xFFFF

    def _header_of(self, size: int) -> Bytes:
        """The header of a packet of ``size`` bytes; in the checksum's place the sum of the pseudo-header.

        In the packet that sum stands already, for its whole length, which is all that changes here.
        """
        upper, field, length = self._upper, self._checksum, len(self._packet)
        header = bytearray(self._packet[: self._begin])
        if self._is_ipv4:
            header[2:4] = size.to_bytes(2)
            header[10:12] = updated(int.from_bytes(header[10:12]), self._packet[2:4], header[2:4]).to_bytes(2)
        else:
            header[4:6] = (size - IPV6_HEADER).to_bytes(2)
        if self._is_tcp:
            header[upper + _FLAGS] &= ~(_ONLY_LAST | _ONLY_FIRST)
        else:
            header[upper + 4 : upper + 6] = (size - upper).to_bytes(2)
        pseudo = int.from_bytes(header[field : field + 2]) + size - length
        header[field : field + 2] = (pseudo % 0xFFFF).to_bytes(2)
        return np.frombuffer(header, np.uint8)
