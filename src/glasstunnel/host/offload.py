"""The fast data path: one system call moves up to 64 packets, on both sides.

Rule: a train that was cut from a super-packet is sent by one call (UDP_SEGMENT), and what the kernel has
joined (UDP_GRO) is opened as a train. Where the kernel does not cut, the datagrams go one by one. Section:
tun_offload.py, udp_offload.py; Linux udp(7), segmentation-offloads.rst.
"""

from collections import Counter

from glasstunnel.host.ancillary import LONGEST, SEGMENTS
from glasstunnel.host.tun import Tun
from glasstunnel.host.tun_offload import MtuOf, OffloadTun
from glasstunnel.host.udp import Udp
from glasstunnel.host.udp_offload import OffloadUdp
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.framing import TRANSPORT_DATA, Framing
from glasstunnel.wireguard.train import Train


class OffloadPath:
    """The fast data path: a :class:`~glasstunnel.host.backend.DataPath` for kernels since Linux 5.0."""

    def __init__(self, tun: Tun, udp: Udp, mtu_of: MtuOf, framing: Framing = TRANSPORT_DATA) -> None:
        self.burst = Train(framing)
        self.packets = OffloadTun(tun, self.burst, mtu_of)
        self._udp = udp
        self._former: Counter[str] = Counter()  # errors of sockets that are closed
        self.datagrams = [OffloadUdp(one, self.burst) for one in udp.sockets]

    def renew(self) -> None:
        """The sockets have been replaced by others: from now on use those."""
        for edge in self.datagrams:
            self._former += edge.errors
        self.datagrams = [OffloadUdp(one, self.burst) for one in self._udp.sockets]

    @property
    def errors(self) -> Counter[str]:
        """Packets and datagrams lost at the kernel's edge, by reason."""
        edges: list[OffloadTun | OffloadUdp] = [self.packets, *self.datagrams]
        return sum((edge.errors for edge in edges), self._udp.errors + self._former)

    def send(self, path: Path, tos: int) -> Path:
        """Send the datagrams of the train with this traffic class; what cannot go is counted and lost."""
        train = self.burst
        if train.n == 1:
            return self._udp.send((train.wire[0][: train.size[0]],), path, tos)
        most = min(SEGMENTS, LONGEST // train.pitch) if train.whole == train.pitch else 1
        used, begin = path, 0
        ends = [row + 1 for row in train.shorter]  # a datagram that is shorter is the last of its call
        if not ends or ends[-1] < train.n:
            ends.append(train.n)
        for end in ends:
            while begin < end:
                last = min(begin + most, end) - 1
                whole = train.buf[begin * train.pitch : last * train.pitch + train.size[last]]
                if begin == last or not self._udp.send_joined(whole, train.pitch, used, tos):
                    rows = range(begin, last + 1)
                    used = self._udp.send((train.wire[i][: train.size[i]] for i in rows), used, tos)
                begin = last + 1
        return used
