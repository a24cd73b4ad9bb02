"""Packets of one flow joined into a super-packet, so that the kernel takes them in with one call.

Rule: what is joined is what the kernel would cut back into the very same packets: neighbours in one flow of
TCP or UDP, complete, of one size but the last, and alike in all that segmentation copies. Each checksum is
verified before: a super-packet vouches for what it holds, so a packet that is wrong must go alone, for the
kernel to see. Section: Linux net/ipv4/tcp_offload.c ``tcp_gro_receive``, net/ipv4/af_inet.c
``inet_gro_receive``; RFC 6864 (identification); RFC 3168 (a packet that is marked differs in its traffic
class, and so ends the run).
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from glasstunnel.ip import tcp, udp, virtio
from glasstunnel.ip.checksum import updated, verifies
from glasstunnel.ip.packet import IPV4_HEADER, IPV6_HEADER
from glasstunnel.ip.virtio import GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, NEEDS_CSUM, VnetHeader

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint32]

_LITTLE16: Final = np.dtype("<u2")  # sums of little-endian words are what big-endian ones are, swapped
_LITTLE32: Final = np.dtype("<u4")
_HALF: Final = np.uint32(16)  # of the bits of a word
LONGEST: Final = 0xFFFF
"""Bytes of a super-packet at the most: the length field of IPv4 holds no more."""
MOST: Final = 64
"""Packets of a super-packet at the most: UDP_MAX_SEGMENTS of Linux before 6.9."""
_HEADERS: Final = IPV6_HEADER + 60  # bytes: the longest that are looked at
_FLAGS: Final = 13  # where they stand in a TCP header
_PSH: Final = int(tcp.Flag.PSH)
_ACK: Final = int(tcp.Flag.ACK)
_ADDRESSES: Final = {IPV4_HEADER: 12, IPV6_HEADER: 8}  # where they begin; the upper layer follows them
_DONT_FRAGMENT: Final = 0x40


class Shape(NamedTuple):
    """How the packets of a flow look: where the upper layer and the payload begin, and which of the bits
    before that are the same in all of them, as words.
    """

    protocol: int
    upper: int
    begin: int
    counts: bool
    """Whether the identification has to count up."""
    same: Words

    def fits(self, other: "Shape | None") -> bool:
        """Whether what was found out of packets of this shape holds for that one."""
        return other is not None and self[:4] == other[:4]


def shape(packet: bytes, size: int) -> Shape | None:
    """That of a packet which begins so and has ``size`` bytes; None if no other can follow it."""
    if packet[0] == 0x45 and not packet[6] & ~_DONT_FRAGMENT and not packet[7]:  # no options, no fragment
        upper, protocol, counts = IPV4_HEADER, packet[9], not packet[6] & _DONT_FRAGMENT
    elif packet[0] >> 4 == 6:
        upper, protocol, counts = IPV6_HEADER, packet[6], False
    else:
        return None
    if protocol == tcp.PROTOCOL and size > upper + tcp.HEADER_LENGTH:
        begin = upper + (packet[upper + 12] >> 4) * 4
        if begin < upper + tcp.HEADER_LENGTH or packet[upper + _FLAGS] & ~_PSH != _ACK:
            return None
    elif protocol == udp.PROTOCOL and size > upper + udp.HEADER_LENGTH:
        begin = upper + udp.HEADER_LENGTH
        length, sum_ = packet[upper + 4 : upper + 6], packet[upper + udp.CHECKSUM_OFFSET : begin]
        if length != (size - upper).to_bytes(2) or sum_ == b"\0\0":  # nothing vouches for the payload
            return None
    else:
        return None
    if begin >= size:
        return None
    key = protocol, upper, begin
    same = _SAME.get(key)
    if same is None:
        same = _SAME[key] = _same(*key)
    return Shape(protocol, upper, begin, counts, same)


_SAME: dict[tuple[int, int, int], Words] = {}


def _same(protocol: int, upper: int, begin: int) -> Words:
    """The bits that neighbours share. Lengths are not among them: the sizes of the rows tell those."""
    bits = np.full(begin, 0xFF, np.uint8)
    bits[4:6] = 0  # IPv4: identification; IPv6: payload length
    if upper == IPV4_HEADER:
        bits[2:4] = bits[10:12] = 0  # total length, checksum
    if protocol == tcp.PROTOCOL:
        bits[upper + 4 : upper + 8] = 0  # sequence number
        bits[upper + _FLAGS] &= ~_PSH & 0xFF
        bits[upper + tcp.CHECKSUM_OFFSET : upper + tcp.CHECKSUM_OFFSET + 2] = 0
    else:
        bits[upper + 4 : upper + 8] = 0  # length, checksum
    words: Words = bits.view("<u4")
    return words


def runs(rows: Bytes, whole: int, shorter: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Divide rows into runs, half-open, of packets that may be joined; one that goes alone is a run of one.

    Args:
        rows: a matrix, a packet each row, with room for one byte more than ``whole``; what lies behind the
            packets may be overwritten.
        whole: size of each packet in bytes, as its IP header states it, but for those that are shorter.
        shorter: row to size.
    """
    n, begin = len(rows), 0
    for row, size in shorter.items():
        rows[row, size : whole + 1] = 0
    if whole & 1:
        rows[:, whole] = 0  # the half of a word that is summed with the last byte
    while begin < n:
        form = None if begin in shorter else _shape_of(rows, begin, whole, shorter)
        if form is None or begin + 1 == n or not form.fits(_shape_of(rows, begin + 1, whole, shorter)):
            yield begin, begin + 1
            begin += 1
            continue
        here = {row - begin: size for row, size in shorter.items() if row > begin}
        ends = [begin + row for row in _breaks(rows[begin:], whole, here, form)]
        most = min(MOST, (LONGEST - form.begin) // (whole - form.begin))
        for end in (*ends, n):
            while begin < end:
                yield begin, min(begin + most, end)
                begin = min(begin + most, end)
            if end in shorter or (end < n and not form.fits(_shape_of(rows, end, whole, shorter))):
                break


def _shape_of(rows: Bytes, row: int, whole: int, shorter: Mapping[int, int]) -> Shape | None:
    return shape(rows[row, :_HEADERS].tobytes(), shorter.get(row, whole))


def _breaks(rows: Bytes, whole: int, shorter: Mapping[int, int], form: Shape) -> list[int]:
    """Rows, of more than one, whose packet may not follow the one before it."""
    protocol, upper, begin, counts, same = form
    headers: Words = rows[:, :begin].copy().view(_LITTLE32)
    apart: Words = headers[1:] ^ headers[:-1]  # whatever is not zero here in the end is a break
    wrong = _wrong_checksums(rows, whole, shorter, form)
    if upper == IPV4_HEADER and (np.count_nonzero(apart[:, :5]) or not verifies(rows[0, :IPV4_HEADER].data)):
        wrong |= np.add.reduce(headers.view(_LITTLE16)[:, :10], axis=1, dtype=np.uint32) % 0xFFFF
    apart &= same
    if np.count_nonzero(wrong):
        apart[:, 0] |= wrong[1:] | wrong[:-1]
    if protocol == tcp.PROTOCOL:
        place = upper // 4 + 1
        numbers = headers[:, place].byteswap()
        np.subtract(numbers[1:], numbers[:-1], out=apart[:, place])
        apart[:, place] -= whole - begin
        apart[:, 1] |= headers[:-1, place + 2] & (_PSH << 8)
    else:
        lengths = headers[1:, upper // 4 + 1].byteswap() >> _HALF
        for row, size in shorter.items():
            lengths[row - 1] += whole - size
        apart[:, 1] |= lengths ^ (whole - upper)
        apart[:, 2] |= headers[1:, upper // 4 + 1] >> _HALF == 0  # no checksum: nothing vouches for it
    if counts:
        numbers = headers[:, 1].byteswap() >> _HALF
        steps = numbers[1:] - numbers[:-1]
        apart[:, 2] |= (steps - 1) & 0xFFFF
    ends = [row for row in shorter if row < len(apart)]  # a shorter one ends its run
    ends += [row - 1 for row, size in shorter.items() if size <= begin]  # an empty one would be lost in it
    apart[ends, 0] = 1
    return (np.flatnonzero(apart.any(axis=1)) + 1).tolist() if np.count_nonzero(apart) else []


def _wrong_checksums(rows: Bytes, whole: int, shorter: Mapping[int, int], form: Shape) -> Words:
    """For each packet zero if the checksum of its TCP or UDP is right."""
    begin = _ADDRESSES[form.upper]
    words = rows[:, begin : whole + (whole - begin & 1)].view(_LITTLE16)
    sums: Words = np.add.reduce(words, axis=1, dtype=np.uint32)
    rest = _swapped(form.protocol + whole - form.upper)
    sums += rest
    for row, size in shorter.items():
        sums[row] += 0xFFFF - rest + _swapped(form.protocol + size - form.upper)
    sums %= 0xFFFF
    return sums


def _swapped(number: int) -> int:
    """A sum of big-endian words, as it is added to sums of little-endian ones."""
    number %= 0xFFFF
    return number >> 8 | (number & 0xFF) << 8


def join(rows: Bytes, whole: int, last: int, out: memoryview) -> int:
    """Write one of the :func:`runs` into ``out`` as a super-packet, with its header before it.

    Args:
        rows: a matrix, a packet each row, at least two.
        whole, last: sizes of the packets, and of the last one, in bytes.
        out: room for 10 bytes and all packets together.

    Returns the bytes written.
    """
    n = len(rows)
    header = bytearray(rows[0, :_HEADERS].data)
    form = shape(bytes(header), whole)
    assert form, "runs has found it"
    upper, begin, step = form.upper, form.begin, whole - form.begin
    end = begin + (n - 1) * step
    length = end + last - begin
    joined = np.frombuffer(out, np.uint8)[virtio.SIZE :]
    joined[begin:end].reshape(n - 1, step)[:] = rows[: n - 1, begin:whole]
    joined[end:length] = rows[n - 1, begin:last]
    if upper == IPV4_HEADER:
        before = bytes(header[2:4])
        header[2:4] = length.to_bytes(2)
        header[10:12] = updated(int.from_bytes(header[10:12]), before, header[2:4]).to_bytes(2)
    else:
        header[4:6] = (length - IPV6_HEADER).to_bytes(2)
    if form.protocol == tcp.PROTOCOL:
        header[upper + _FLAGS] |= int(rows[n - 1, upper + _FLAGS])
        kind, offset = (GSO_TCPV4 if upper == IPV4_HEADER else GSO_TCPV6), tcp.CHECKSUM_OFFSET
    else:
        header[upper + 4 : upper + 6] = (length - upper).to_bytes(2)
        kind, offset = GSO_UDP_L4, udp.CHECKSUM_OFFSET
    addresses = int.from_bytes(header[_ADDRESSES[upper] : upper])
    pseudo = (addresses + form.protocol + length - upper) % 0xFFFF
    header[upper + offset : upper + offset + 2] = pseudo.to_bytes(2)
    out[virtio.SIZE : virtio.SIZE + begin] = header[:begin]
    VnetHeader(NEEDS_CSUM, kind, begin, step, upper, offset).write(out)
    return virtio.SIZE + length
