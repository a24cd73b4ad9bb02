"""Transport data of a whole train: the same as :mod:`~glasstunnel.wireguard.transport`, a column at a time.

Rule: what :func:`seal_rows` and :func:`open_rows` say of each row holds here for all rows; nothing is spent
on a row in Python, save where a row is no good. Every row is checked by itself. Section: WP §5.4.6.
"""

from collections import deque
from itertools import repeat
from typing import Final

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidTag

from glasstunnel.wireguard.burst import HEADROOM, Burst
from glasstunnel.wireguard.events import Drop
from glasstunnel.wireguard.keypair import Keypair
from glasstunnel.wireguard.messages import (
    KEEPALIVE_SIZE,
    TRANSPORT_HEADER,
    TRANSPORT_HEADER_SIZE,
    MessageType,
    padded_size,
)
from glasstunnel.wireguard.train import FEW, ROWS, Train
from glasstunnel.wireguard.transport import open_rows, seal_rows

_ORDER: Final[npt.NDArray[np.uint64]] = np.arange(ROWS, dtype=np.uint64)
_COUNTER: Final = 8  # where it begins in a header and in a block of Train.blocks


def seal(keypair: Keypair, burst: Burst, mtu: int) -> int:
    """:func:`~glasstunnel.wireguard.transport.seal_rows`, by whichever way is faster."""
    if isinstance(burst, Train) and burst.n >= FEW:
        return seal_train(keypair, burst, mtu)
    total = seal_rows(keypair, burst, mtu)
    burst.survey()
    return total


def open_(keypair: Keypair, burst: Burst, reject_after_messages: int) -> dict[int, Drop]:
    """:func:`~glasstunnel.wireguard.transport.open_rows`, by whichever way is faster; returns only the rows
    that are no good.
    """
    if isinstance(burst, Train) and burst.n >= FEW and burst.shortest >= KEEPALIVE_SIZE:
        return open_train(keypair, burst, reject_after_messages)
    verdicts = open_rows(keypair, burst, reject_after_messages)
    failed = {row: verdict for row, verdict in verdicts if verdict is not None}
    burst.survey()
    return failed


def seal_train(keypair: Keypair, train: Train, mtu: int) -> int:
    """As :func:`~glasstunnel.wireguard.transport.seal_rows`."""
    n, rows, size = train.n, train.rows, train.whole
    counter = keypair.sending_counter
    keypair.sending_counter += n
    whole = padded_size(size, mtu)
    shorter = {row: padded_size(short, mtu) for row, short in train.shorter.items()}
    if whole != size:
        rows[:n, HEADROOM + size : HEADROOM + whole] = 0
    for row, short in train.shorter.items():
        rows[row, HEADROOM + short : HEADROOM + shorter[row]] = 0
    np.add(_ORDER[:n], counter, out=train.counters[:n])
    rows[:n, :_COUNTER] = np.frombuffer(_head(keypair), np.uint8)
    rows[:n, _COUNTER:TRANSPORT_HEADER_SIZE] = train.blocks[:n, _COUNTER:]
    packets, sealed = train.views(whole, shorter)
    deque(map(keypair.sealer.encrypt_into, train.nonces, packets, repeat(None), sealed), 0)
    sizes = {row: KEEPALIVE_SIZE + short for row, short in shorter.items() if short < whole}
    train.fill(n, KEEPALIVE_SIZE + whole, sizes)
    return n * KEEPALIVE_SIZE + (n - len(shorter)) * whole + sum(shorter.values())


def _head(keypair: Keypair) -> bytes:
    """Type and receiver index, the first eight bytes of every datagram of a session."""
    return TRANSPORT_HEADER.pack(MessageType.TRANSPORT_DATA, keypair.remote_index, 0)[:_COUNTER]


def open_train(keypair: Keypair, train: Train, reject_after_messages: int) -> dict[int, Drop]:
    """As :func:`~glasstunnel.wireguard.transport.open_rows`; no row is below 32 bytes."""
    n, whole = train.n, train.whole - KEEPALIVE_SIZE
    shorter = {row: size - KEEPALIVE_SIZE for row, size in train.shorter.items()}
    train.blocks[:n, _COUNTER:] = train.rows[:n, _COUNTER:TRANSPORT_HEADER_SIZE]
    counters, window = train.counters[:n], keypair.window
    failed = dict.fromkeys(_forged(keypair, train, whole, shorter), Drop.NOT_AUTHENTIC)
    first = int(counters[0])
    in_order = first + n <= reject_after_messages and not np.count_nonzero(counters - first != _ORDER[:n])
    if failed or not in_order or not window.accept_run(first, n):
        for row, counter in enumerate(counters.tolist()):
            if row not in failed and (counter >= reject_after_messages or not window.accept(counter)):
                failed[row] = Drop.REPLAYED
    train.fill(n, whole, shorter)
    return failed


def _forged(keypair: Keypair, train: Train, whole: int, shorter: dict[int, int]) -> list[int]:
    """Open all rows in place; return those that are not authentic."""
    packets, sealed = train.views(whole, shorter)
    arguments = iter(train.nonces), iter(sealed), repeat(None), iter(packets)
    forged: list[int] = []
    opened: list[int] = []  # lengths, of which only the number matters: so far has it come
    while len(opened) < train.n:
        try:
            opened.extend(map(keypair.opener.decrypt_into, *arguments))
        except InvalidTag:  # ends the map; its arguments stand behind the forged row by then
            forged.append(len(opened))
            opened.append(0)
    return forged
