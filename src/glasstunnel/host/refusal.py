"""Refusing a datagram that a socket of ours has taken: the ICMP that the kernel sends for a closed port.

Rule: the answer leaves from the address that the datagram was sent to, or the sender's kernel would not know
what it is about; what cannot be sent is not sent, for a refusal is a courtesy. Section: raw(7), icmp(7);
:mod:`glasstunnel.toyvpn.refusal` for the message.
"""

import socket
from contextlib import suppress

from glasstunnel.toyvpn.refusal import port_unreachable
from glasstunnel.wireguard.events import Path


def refuse(path: Path, port: int) -> None:
    """Tell the far end of ``path`` that nobody listens on our UDP ``port``. Nothing happens where the path
    does not know our address, or the system does not permit it.
    """
    if not path.local:
        return
    family, protocol = (
        (socket.AF_INET6, socket.IPPROTO_ICMPV6)
        if ":" in path.local
        else (socket.AF_INET, socket.IPPROTO_ICMP)
    )
    message = port_unreachable(path.remote, (path.local, port))
    with suppress(OSError), socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol) as raw:
        raw.bind((path.local, 0))
        raw.sendto(message, (path.remote[0], 0))
