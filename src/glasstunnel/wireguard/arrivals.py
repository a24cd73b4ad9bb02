"""Opened packets on their way out of the core: cryptokey routing inwards, and congestion marks.

Rule: a packet that was authentic is still dropped if it is none, if its source is not the peer's to use, or
if it bears a mark that it cannot carry; what is kept is trimmed to the length that its header states. Where
a train's packets agree in all that is asked for here, the first answers for all. Section: WP §2, §5.4.6; RFC
6040 (ecn.py).
"""

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

# Where the header says version, traffic class and source: half-open ranges of bytes; and where its length
_ASKED_FOR = {4: ((0, 2), (12, 16)), 6: ((0, 2), (8, 24))}
_LENGTH = {4: (2, 4), 6: (4, 6)}


def accept(
    allowed_ips: "AllowedIPs[Peer]", peer: "Peer", burst: Burst, rows: Sequence[int], ecn: int
) -> Sequence[int]:
    """Which of these rows, authentic packets of ``peer``, may pass; ``size`` is their own length then.

    Args:
        allowed_ips: the device's.
        rows: in ascending order.
        ecn: the two ECN bits that all datagrams had.
    """
    if (
        isinstance(burst, Train)
        and len(rows) == burst.n >= FEW
        and ecn in (NOT_ECT, ECT_0)  # any other changes packets
        and 0 not in burst.shorter
        and _agree(burst)
    ):
        return _accept_train(allowed_ips, peer, burst)
    kept = [row for row in rows if _accept(allowed_ips, peer, burst, row, ecn)]
    burst.survey()
    return kept


def _agree(train: Train) -> bool:
    """Whether all are packets that agree in what is asked for, and in length but for the shorter ones."""
    ip = version(train.plain[0])
    if ip not in _ASKED_FOR:
        return False
    rows = train.rows[: train.n, HEADROOM:]
    for begin, end in _ASKED_FOR[ip]:
        column = rows[:, begin:end].tobytes()
        if column != column[: end - begin] * train.n:
            return False
    longest = total_length(train.plain[0], 0, train.whole)
    if not longest:
        return False
    for row, size in train.shorter.items():
        if not 0 < total_length(train.plain[row], 0, size) <= longest:  # less padding may hold more packet
            return False
    begin, end = _LENGTH[ip]
    lengths = bytearray(rows[:, begin:end].tobytes())
    for row in train.shorter:
        lengths[2 * row : 2 * row + 2] = lengths[:2]
    return lengths == lengths[:2] * train.n


def _accept_train(allowed_ips: "AllowedIPs[Peer]", peer: "Peer", train: Train) -> Sequence[int]:
    """As :func:`_accept` of each row, of rows that agree."""
    n, shorter = train.n, train.shorter
    if allowed_ips.lookup(source(train.plain[0])) is not peer:
        peer.drop(Drop.WRONG_SOURCE, n)
        return ()
    peer.rx_bytes += n * KEEPALIVE_SIZE + (n - len(shorter)) * train.whole + sum(shorter.values())
    size = total_length(train.plain[0], 0, train.whole)
    sizes = {row: total_length(train.plain[row], 0, short) for row, short in shorter.items()}
    if size != train.whole or sizes != shorter:
        train.fill(n, size, sizes)
    return range(n)


def _accept(allowed_ips: "AllowedIPs[Peer]", peer: "Peer", burst: Burst, row: int, ecn: int) -> bool:
    packet, padded = burst.plain[row], burst.size[row]
    size = total_length(packet, 0, padded)
    if not size:
        reason = Drop.NOT_IP
    elif allowed_ips.lookup(source(packet)) is not peer:
        reason = Drop.WRONG_SOURCE
    elif ecn and not decapsulate(packet, ecn):
        reason = Drop.CONGESTION
    else:
        burst.size[row] = size
        peer.rx_bytes += KEEPALIVE_SIZE + padded
        return True
    peer.drop(reason)
    return False
