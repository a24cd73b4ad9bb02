"""The header before each packet of a TUN with IFF_VNET_HDR: what is still to be done, or has been spared.

Rule: the kernel's TCP hands over a super-packet, up to 64 kB under one header, and says here how long the
segments are into which the receiver shall cut it; in the other direction we hand over such packets. A
checksum may be left open too: then its field holds the sum of the pseudo-header, and ``csum_start`` and
``csum_offset`` tell from where to sum and where to put the result. Section: virtio 1.2 §5.1.6
``struct virtio_net_hdr``; Linux Documentation/networking/segmentation-offloads.rst, checksum-offloads.rst.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from glasstunnel.ip import Buffer
from glasstunnel.ip.checksum import ones_complement_sum

NEEDS_CSUM: Final = 1
"""Flag: the checksum is open."""
GSO_NONE: Final = 0
GSO_TCPV4: Final = 1
GSO_TCPV6: Final = 4
GSO_UDP_L4: Final = 5
GSO_ECN: Final = 0x80
"""Added to the kind for TCP: the first segment alone carries CWR."""

_HEADER = Struct("<BBHHHH")
SIZE: Final = _HEADER.size
"""10 bytes."""
NOTHING: Final = bytes(SIZE)
"""The header of an ordinary packet: nothing is open."""


class VnetHeader(NamedTuple):
    """``hdr_len`` is a hint and nothing to rely on; ``gso_size`` is the payload of a segment in bytes."""

    flags: int = 0
    gso_type: int = GSO_NONE
    hdr_len: int = 0
    gso_size: int = 0
    csum_start: int = 0
    csum_offset: int = 0

    @classmethod
    def parse(cls, buf: Buffer) -> "VnetHeader":
        """The first 10 bytes."""
        return cls._make(_HEADER.unpack_from(buf))

    def write(self, buf: memoryview) -> None:
        """Write the 10 bytes to the begin of ``buf``."""
        _HEADER.pack_into(buf, 0, *self)


def finish_checksum(packet: memoryview, start: int, offset: int) -> bool:
    """Close the checksum that the kernel has left open in an ordinary packet; False if it lies outside.

    A sum of zero is written as 0xffff, whatever the protocol, as the kernel does (``skb_checksum_help``).
    """
    field = start + offset
    if field + 2 > len(packet):
        return False
    packet[field : field + 2] = (~ones_complement_sum(packet[start:]) & 0xFFFF or 0xFFFF).to_bytes(2)
    return True


def finish_checksums(
    rows: npt.NDArray[np.uint8], whole: int, shorter: Mapping[int, int], start: int, offset: int
) -> None:
    """As :func:`finish_checksum`, of a packet in each row.

    Args:
        rows: a matrix, with room for one byte more than ``whole``; what lies behind the packets may be
            overwritten.
        whole: size of the packets in bytes, but for those that are shorter.
        shorter: row to size.
        start, offset: where to sum from, and where the field is from there, within every packet.
    """
    field = start + offset
    for row, size in shorter.items():
        rows[row, size : whole + 1] = 0
    if (whole - start) & 1:
        rows[:, whole] = 0
    words = rows[:, start : whole + ((whole - start) & 1)].view("<u2")
    sums = 0xFFFF - np.add.reduce(words, axis=1, dtype=np.uint32) % 0xFFFF
    rows[:, field : field + 2] = sums.astype("<u2").view(np.uint8).reshape(len(rows), 2)
