"""Opened packets on their way out of the core: cryptokey routing inwards, and congestion marks.

Rule: a packet that was authentic is still dropped if it is none, if its source is not the peer's to use, or
if it bears a mark that it cannot carry; what is kept is trimmed to the length that its header states. Where
a train's packets agree in all that is asked for here, the first answers for all. Section: WP §2, §5.4.6; RFC
6040 (ecn.py).
"""

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from glasstunnel.ip.packet import source, total_length, version
from glasstunnel.wireguard.burst import HEADROOM, Burst
from glasstunnel.wireguard.ecn import ECT_0, NOT_ECT, decapsulate
from glasstunnel.wireguard.events import Drop
from glasstunnel.wireguard.messages import KEEPALIVE_SIZE
from glasstunnel.wireguard.train import FEW, Train

if TYPE_CHECKING:
    from glasstunnel.wireguard.allowed_ips import AllowedIPs
    from glasstunnel.wireguard.peer import Peer

# Where the header says version, traffic class, length and source: half-open ranges of bytes
_ASKED_FOR = {4: ((0, 4), (12, 16)), 6: ((0, 2), (4, 6), (8, 24))}


def accept(
    allowed_ips: "AllowedIPs[Peer]", peer: "Peer", burst: Burst, rows: Sequence[int], ecn: int
) -> Sequence[int]:
    """Which of these rows, authentic packets of ``peer``, may pass; ``size`` is their own length then.

    Args:
        allowed_ips: the device's.
        rows: in ascending order.
        ecn: the two ECN bits that all datagrams had.
    """
    if isinstance(burst, Train) and len(rows) == burst.n >= FEW and ecn in (NOT_ECT, ECT_0):
        alike = burst.n if burst.size[burst.n - 1] == burst.size[0] else burst.n - 1
        if _agree(burst, alike):
            passed = range(alike if _accept(allowed_ips, peer, burst, 0, ecn, alike) else 0)
            if alike == burst.n or not _accept(allowed_ips, peer, burst, alike, ecn):
                return passed
            return [*passed, alike]
    return [row for row in rows if _accept(allowed_ips, peer, burst, row, ecn)]


def _agree(train: Train, n: int) -> bool:
    """Whether what is asked for is the same in the first ``n`` rows."""
    ranges = _ASKED_FOR.get(version(train.plain[0]), ())
    for begin, end in ranges:
        column = train.rows[:n, HEADROOM + begin : HEADROOM + end].tobytes()
        if column != column[: end - begin] * n:
            return False
    return bool(ranges)


def _accept(
    allowed_ips: "AllowedIPs[Peer]", peer: "Peer", burst: Burst, row: int, ecn: int, alike: int = 1
) -> bool:
    """Decide about a row, and with it about the others behind it that are alike."""
    packet, padded = burst.plain[row], burst.size[row]
    size = total_length(packet, 0, padded)
    if not size:
        reason = Drop.NOT_IP
    elif allowed_ips.lookup(source(packet)) is not peer:
        reason = Drop.WRONG_SOURCE
    elif ecn and not decapsulate(packet, ecn):
        reason = Drop.CONGESTION
    else:
        if size != padded:
            burst.size[row : row + alike] = array("H", [size]) * alike
        peer.rx_bytes += alike * (KEEPALIVE_SIZE + padded)
        return True
    peer.drop(reason, alike)
    return False
