"""Trains and bursts that hold the same packets or datagrams."""

from collections.abc import Sequence

from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.messages import padded_size
from glasstunnel.wireguard.train import Train

NOISE = 0xA5  # what lies in a train before it is filled


def _fill(train: Train, items: Sequence[bytes], begin: int) -> Train:
    whole = max(map(len, items))
    shorter = {row: len(item) for row, item in enumerate(items) if len(item) < whole}
    train.fill(len(items), whole, shorter)
    for row, item in enumerate(items):
        train.wire[row][begin : begin + len(item)] = item
    return train


def noisy() -> Train:
    """A train in which something lies already, as in one that is reused."""
    train = Train()
    train.buf[:] = bytes((NOISE,)) * len(train.buf)
    return train


def train_of_packets(items: Sequence[bytes], mtu: int) -> Train:
    """Packets in rows that leave just the room in which they are sealed."""
    train = noisy()
    train.arrange(32 + padded_size(max(map(len, items)), mtu))
    return _fill(train, items, 16)


def train_of_datagrams(items: Sequence[bytes]) -> Train:
    """Datagrams that lie end to end, as the kernel joins them."""
    train = noisy()
    train.arrange(max(32, *map(len, items)))
    return _fill(train, items, 0)


def burst_of_packets(items: Sequence[bytes]) -> Burst:
    """The same in a plain burst."""
    burst = Burst(len(items), max(map(len, items)))
    for item in items:
        burst.add_packet(item)
    return burst


def burst_of_datagrams(items: Sequence[bytes]) -> Burst:
    """The same in a plain burst."""
    burst = Burst(len(items), max(map(len, items)))
    for item in items:
        burst.add_datagram(item)
    return burst
