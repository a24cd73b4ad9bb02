"""The one place where a tunnel's data path is chosen.

Rule: a tunnel sees only what stands here, so a faster path (super-packets of the TUN, UDP segmentation) is
another class with these few methods, and gives the core the same packets in the same bursts.
"""

import os
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from glasstunnel.host.ancillary import can_join
from glasstunnel.host.errors import HostError
from glasstunnel.host.offload import OffloadPath
from glasstunnel.host.plain import PlainPath
from glasstunnel.host.tun import Tun
from glasstunnel.host.tun_offload import MtuOf
from glasstunnel.host.udp import Udp
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.framing import TRANSPORT_DATA, Framing

VARIABLE = "GLASSTUNNEL_DATA_PATH"
"""In the environment: "plain" keeps a tunnel from taking the fast path."""


class Packets(Protocol):
    """The TUN's side."""

    @property
    def ecn(self) -> int:
        """ECN bits that all packets of the last run have."""

    @property
    def mtu(self) -> int:
        """MTU towards the destination of the last run, in bytes."""

    @property
    def waiting(self) -> bool:
        """Whether there is something to read that the kernel does not know of any more."""

    def read(self, limit: int) -> bytes | None:
        """Fill the burst with packets to one destination, at most ``limit``; return it, or None if there are
        none.

        With a limit of 1 nothing is read ahead. Raises :exc:`OSError` if the interface was deleted.
        """

    def write(self, rows: Sequence[int]) -> None:
        """Write the packets in these rows of the burst."""

    def put(self, packet: bytes) -> None:
        """Write a packet that lies in no row."""


class Datagrams(Protocol):
    """The side of one UDP socket."""

    @property
    def ecn(self) -> int:
        """ECN bits that all datagrams of the last run had."""

    @property
    def fd(self) -> int:
        """The socket's file descriptor, for the loop."""

    @property
    def waiting(self) -> bool:
        """As :attr:`Packets.waiting`."""

    def read(self, limit: int) -> Path | None:
        """Fill the burst with datagrams, at most ``limit``; return where they came from, or None if there are
        none.

        They are transport data for one receiver index on one path with the same ECN bits, or one message of
        another kind.
        """


class DataPath(Protocol):
    """A burst, and what moves packets and datagrams in and out of it."""

    @property
    def burst(self) -> Burst:
        """The burst that all reads fill and all writes empty."""

    @property
    def packets(self) -> Packets:
        """The TUN's side."""

    @property
    def datagrams(self) -> Sequence[Datagrams]:
        """The sockets' side."""

    @property
    def errors(self) -> Counter[str]:
        """Packets and datagrams lost at the kernel's edge, by reason."""

    def send(self, path: Path, tos: int) -> Path:
        """Send the datagrams of the burst along ``path``; return the path that they took, as ``Udp.send``."""

    def renew(self) -> None:
        """The sockets have been replaced by others: from now on use those."""


def choose(tun: Tun, udp: Udp, mtu_of: MtuOf, framing: Framing = TRANSPORT_DATA) -> DataPath:
    """The data path for this TUN, these sockets and this protocol."""
    path = OffloadPath if tun.offload else PlainPath
    return path(tun, udp, mtu_of, framing)


def offload_wanted() -> bool:
    """Whether a TUN shall let super-packets pass: the kernel cuts and joins datagrams (since Linux 5.0), and
    the environment does not ask for the plain path.
    """
    wish = os.environ.get(VARIABLE, "")
    if wish not in ("", "plain"):
        raise HostError(f'{VARIABLE}: expected "plain" or nothing, got "{wish}"')
    return not wish and can_join()
