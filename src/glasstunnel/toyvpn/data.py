"""Data: a raw IP packet is a datagram, and a datagram that is no IP packet is nothing.

Rule: length and version must be right to the byte; what the sample would write into the TUN unseen is dropped
here. Section: ``main`` of ToyVpnServer.cpp; RFC 791 section 3.1, RFC 8200 section 3.
"""

from glasstunnel.ip.packet import total_length
from glasstunnel.toyvpn.events import Burst
from glasstunnel.toyvpn.messages import BUFFER


def well_formed(burst: Burst, rows: list[int]) -> list[int]:
    """Which of these rows of a burst are one whole IP packet each, of at most 32767 bytes."""
    plain, size = burst.plain, burst.size
    return [row for row in rows if total_length(plain[row], 0, size[row]) == size[row] <= BUFFER]
