"""Packets in rows as they would be written into a TUN with virtio headers, and as the kernel sees them."""

from collections.abc import Sequence

from glasstunnel.ip import merging
from tests.ip.packets import Bytes, expand_written, matrix, verified

_ALONE = bytes(10)  # the virtio header of an ordinary packet


def written_rows(rows: Bytes, sizes: Sequence[int]) -> list[bytes]:
    """Virtio header and packet, of each packet that goes alone and of each that was joined."""
    whole = max(sizes)
    shorter = {row: size for row, size in enumerate(sizes) if size < whole}
    found = []
    for begin, end in merging.runs(rows, whole, shorter):
        if end - begin == 1:
            found.append(_ALONE + rows[begin, : sizes[begin]].tobytes())
        else:
            out = bytearray(10 + 65535)
            length = merging.join(rows[begin:end], whole, sizes[end - 1], memoryview(out))
            assert not any(out[length:])
            found.append(bytes(out[:length]))
    return found


def written(packets: Sequence[bytes]) -> list[bytes]:
    """The same of packets that come in this order."""
    return written_rows(matrix(packets)[0], [*map(len, packets)])


def seen(one: bytes) -> list[bytes]:
    """What the kernel makes of what is written: if it was joined it is cut, and all of it must verify."""
    if one[:10] == _ALONE:
        return [one[10:]]
    cut = expand_written(one)
    assert all(map(verified, cut))
    return cut


def arriving(packets: Sequence[bytes]) -> list[bytes]:
    """The packets that come out if these are joined and cut again."""
    return [packet for one in written(packets) for packet in seen(one)]
