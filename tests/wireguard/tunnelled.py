"""The fast path without a kernel: super-packets through segmentation, sealing, opening and merging."""

from glasstunnel.ip.packet import destination, ecn
from glasstunnel.ip.segmentation import SuperPacket
from glasstunnel.ip.virtio import VnetHeader
from glasstunnel.wireguard.events import Path, Sealed
from glasstunnel.wireguard.messages import padded_size
from glasstunnel.wireguard.train import Train
from tests.ip.joined import seen, written_rows
from tests.wireguard.pair import Pair

_HEADROOM = 16  # WP §5.4.6: type, reserved, receiver index, counter
_FROM_LEFT = Path(("192.0.2.1", 1111))


class Tunnel:
    """A pair with a session, whose peers may use every address."""

    def __init__(self) -> None:
        self.pair = pair = Pair("tunnel")
        pair.connect()
        for device, peer in ((pair.left.device, pair.to_right), (pair.right.device, pair.to_left)):
            for anywhere in (bytes(4), bytes(16)):
                device.allowed_ips.insert(anywhere, 0, peer)
        self._sent, self._received = Train(), Train()

    def carry(self, packet: bytes, todo: VnetHeader, mtu: int) -> tuple[list[bytes], list[list[bytes]]]:
        """The packets into which a super-packet was cut, and those that come out on the other side, one list
        for each packet that the kernel would be given there. All that was joined must have verified.

        Raises:
            PacketError: if packet and header contradict each other.
        """
        made = SuperPacket(memoryview(packet), todo)
        cut: list[bytes] = []
        found: list[list[bytes]] = []
        train = self._sent
        train.arrange(32 + padded_size(made.size, mtu))
        while len(cut) < made.packets:
            n = min(made.packets - len(cut), train.capacity)
            last = made.cut(train.rows[:, _HEADROOM:], len(cut), n)
            train.fill(n, made.size, {n - 1: last} if last < made.size else {})
            cut += map(bytes, train.packets())
            self._cross(packet, mtu)
            found += self._write()
        return cut, found

    def _cross(self, packet: bytes, mtu: int) -> None:
        """Seal the train on the left, lay its datagrams end to end, open them on the right."""
        pair, train = self.pair, self._received
        sealed = pair.left.device.seal(pair.now, self._sent, destination(packet), mtu, ecn(packet))
        assert isinstance(sealed, Sealed)
        datagrams = [bytes(one) for one in self._sent.datagrams()]
        whole = len(datagrams[0])
        train.arrange(whole)
        train.fill(
            len(datagrams), whole, {row: len(one) for row, one in enumerate(datagrams) if len(one) < whole}
        )
        for row, one in enumerate(datagrams):
            train.wire[row][: len(one)] = one
        opened = pair.right.device.open(pair.now, train, _FROM_LEFT, sealed.tos & 3)
        assert list(opened.rows) == list(range(len(datagrams)))

    def _write(self) -> list[list[bytes]]:
        """What the kernel is given of the opened train: packets alone, or joined, and then cut again here."""
        train = self._received
        rows = train.rows[: train.n, _HEADROOM:]
        return [seen(one) for one in written_rows(rows, list(train.size[: train.n]))]
