"""What the server and the client of ToyVpn tell, and the steps and questions that both have.

Rule: whoever starts either is told that it protects nothing. Section: ToyVpnServer.cpp,
ToyVpnConnection.java; toyvpn_server.py and toyvpn_client.py for the two.
"""

import socket
from collections.abc import Callable
from functools import partial

from glasstunnel.host.setup import Setup
from glasstunnel.ip.address import Prefix, mask
from glasstunnel.operate.plan import Step
from glasstunnel.operate.values import Endpoint

NOTICE = (
    "ToyVpn neither encrypts nor authenticates data: whoever is on the way can read and change all of it, "
    'and learn the secret. For a tunnel that protects, use WireGuard: "glasstunnel up"'
)

Tell = Callable[..., None]
"""``tell(event, sentence, **facts)``: what happened, for programs and for people."""


def link_up(name: str, mtu: int | None) -> Step:
    """Bring it up, with this MTU unless that is left to the system."""
    text = f"ip link set mtu {mtu} up dev {name}" if mtu else f"ip link set up dev {name}"
    return Step(text, partial(Setup.link_up, mtu=mtu))


def exists(name: str) -> bool:
    """Whether there is such an interface."""
    try:
        socket.if_nametoindex(name)
    except OSError:
        return False
    return True


def version_of(address: bytes) -> int:
    """4 or 6, of a packed address."""
    return 4 if len(address) == 4 else 6


def holds(network: Prefix, prefix: Prefix) -> bool:
    """Whether all of ``prefix`` lies in ``network``."""
    return (
        len(network.address) == len(prefix.address)
        and network.length <= prefix.length
        and mask(prefix.address, network.length) == network.address
    )


def shown(remote: tuple[str, int]) -> str:
    """Address and port, as people write them."""
    return str(Endpoint(*remote))
