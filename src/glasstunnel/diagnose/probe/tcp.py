"""The second layer: does a connection stand.

Rule: every address is tried, beside each other, each with the whole deadline. Section: RFC 9293; connect(2).
"""

import asyncio
import socket
import time
from ipaddress import ip_address

from glasstunnel.diagnose.evidence import Connection, Outcome
from glasstunnel.diagnose.probe import outcomes


async def connected(address: str, port: int, segment: int = 0) -> socket.socket:
    """A connected socket; ``segment`` asks the other side for small segments (RFC 9293 §3.7.1)."""
    family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if segment:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def connect(address: str, port: int, deadline: float) -> Connection:
    """Try one address."""
    began = time.monotonic()
    outcome, detail, local = Outcome.OK, "", ""
    try:
        async with asyncio.timeout(deadline):
            with await connected(address, port) as sock:
                local = str(sock.getsockname()[0])
    except OSError as error:
        outcome, detail = outcomes.of(error)
    return Connection(address, port, outcome, round(1000 * (time.monotonic() - began), 1), detail, local)
