"""``python -m bench.steps STEP -f INTERFACE``: the data path as it was at one step on the way to the last.

For the performance chapter: each step is the one before it and one thing more. What a step does not have yet
is taken away from the finished program here, so the program itself knows nothing of steps.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from glasstunnel.cli import wg
from glasstunnel.host import backend, tunnel
from glasstunnel.host.ancillary import SOL_UDP, UDP_GRO
from glasstunnel.host.tun import Tun
from glasstunnel.host.tun_offload import OffloadTun
from glasstunnel.host.udp import Udp, UdpSocket
from glasstunnel.host.udp_offload import OffloadUdp, Received
from glasstunnel.ip import merging
from glasstunnel.wireguard import arrivals, vector
from glasstunnel.wireguard.framing import TRANSPORT_DATA, Framing
from glasstunnel.wireguard.train import ROWS, Train


def without_super_packets() -> None:
    """The plain path: one packet a call."""
    os.environ[backend.VARIABLE] = "plain"


def without_columns() -> None:
    """Every row of a train by itself."""
    for module in (vector, arrivals):
        module.FEW = ROWS + 1  # type: ignore[attr-defined]  # Final for everybody but us


def without_segments() -> None:
    """One datagram a call."""

    def send_joined(*_: object) -> bool:
        return False

    Udp.send_joined = send_joined  # type: ignore[assignment,method-assign]  # a step undone


def without_gro() -> None:
    """One datagram a call, received."""
    complete = OffloadUdp.__init__

    def init(self: OffloadUdp, port: UdpSocket, train: Train) -> None:
        complete(self, port, train)
        port.socket.setsockopt(SOL_UDP, UDP_GRO, 0)

    OffloadUdp.__init__ = init  # type: ignore[method-assign]  # a step undone


def without_joining() -> None:
    """One packet a call, written."""

    def runs(rows: merging.Bytes, whole: int, shorter: Mapping[int, int]) -> Iterator[tuple[int, int]]:
        return ((row, row + 1) for row in range(len(rows)))

    merging.runs = runs


def without_limit() -> None:
    """Super-packets longer than one call can send."""

    def limit_super_packets(tun: Tun, mtu: int, framing: Framing = TRANSPORT_DATA) -> None:
        pass

    tunnel.limit_super_packets = limit_super_packets  # type: ignore[attr-defined]  # a step undone


def without_long_trains() -> None:
    """One super-packet a train, on either side."""
    cut, gather = OffloadTun._cut, OffloadUdp._gather

    def cut_one(self: OffloadTun, size: int, limit: int) -> None:
        cut(self, size, 1)

    def gather_one(self: OffloadUdp, first: Received, limit: int) -> None:
        gather(self, first, 1 if first.length > first.pitch else limit)

    OffloadTun._cut, OffloadUdp._gather = cut_one, gather_one  # type: ignore[method-assign]  # a step undone


STEPS: Final[dict[str, Callable[[], None]]] = {
    "plain": lambda: None,
    "tso": without_super_packets,
    "columns": without_columns,
    "gso": without_segments,
    "gro": without_gro,
    "join": without_joining,
    "limit": without_limit,
    "trains": without_long_trains,
}
"""In their order; each with what takes it away again."""


def take_away(step: str) -> None:
    """Become what stood at ``step``: undo all that came after it."""
    names = list(STEPS)
    for name in names[names.index(step) + 1 :]:
        STEPS[name]()


def main() -> int:
    """Run ``glasstunnel-wg`` with the rest of the arguments."""
    if len(sys.argv) < 2 or sys.argv[1] not in STEPS:
        sys.stderr.write(f"usage: python -m bench.steps {{{','.join(STEPS)}}} [-f] INTERFACE\n")
        return 2
    take_away(sys.argv[1])
    return wg.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
