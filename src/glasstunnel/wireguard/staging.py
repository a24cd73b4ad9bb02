"""The packets of a peer that wait for a session.

Rule: at most 128 wait, and the oldest gives way; an empty one is a keepalive, and when that is lost nothing
is. Section: kernel send.c ``wg_packet_send_staged_packets``, device.c ``wg_xmit``; messages.h
``MAX_STAGED_PACKETS``.
"""

from itertools import groupby
from operator import itemgetter

from glasstunnel.ip.packet import ecn
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.ecn import encapsulate
from glasstunnel.wireguard.keypair import Keypair
from glasstunnel.wireguard.transport import seal_rows


class StagedPackets:
    """Copies of packets, ``limit`` of them at the most, in the order in which they came."""

    __slots__ = ("_limit", "_packets")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._packets: list[tuple[bytes, int]] = []  # each with the MTU that it met

    def __len__(self) -> int:
        return len(self._packets)

    def add(self, packet: bytes, mtu: int) -> bool:
        """Keep a packet, empty for a keepalive; whether another, one with content, had to go for it."""
        full = len(self._packets) >= self._limit
        lost = full and self._packets.pop(0)[0]
        self._packets.append((packet, mtu))
        return bool(lost)

    def clear(self) -> int:
        """Forget all of them; how many with content there were."""
        packets, self._packets = self._packets, []
        return sum(bool(packet) for packet, _ in packets)

    def seal(self, keypair: Keypair) -> list[tuple[bytes, int]]:
        """Take all of them, of which there is at least one, as datagrams with their traffic class bytes."""
        waiting, self._packets = self._packets, []
        sealed = []
        for mtu, alike in groupby(waiting, itemgetter(1)):
            packets = [packet for packet, _ in alike]
            burst = Burst(len(packets), max(map(len, packets)))
            for packet in packets:
                burst.add_packet(packet)
            seal_rows(keypair, burst, mtu)
            sealed += [
                (bytes(datagram), encapsulate(ecn(packet)) if packet else 0)
                for packet, datagram in zip(packets, burst.datagrams(), strict=True)
            ]
        return sealed
