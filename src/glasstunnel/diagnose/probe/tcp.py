"""The second layer: does a connection stand.

Rule: every address is tried, beside each other, each with the whole deadline; but where one stands, another
that is still silent when a lost SYN would have been sent again is not waited for. So a network on which IPv6
goes nowhere does not use up the time of the layers behind. Section: RFC 9293; RFC 6298 §2 (1 s); connect(2).
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


GRACE = 1.5  # seconds


async def connect_all(addresses: list[str], port: int, deadline: float) -> list[Connection]:
    """Try them all."""
    began = time.monotonic()
    tries = [asyncio.create_task(connect(address, port, deadline)) for address in addresses]
    waiting, seconds = set(tries), deadline
    while waiting:
        done, waiting = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if waiting and not done:
            for task in waiting:
                task.cancel()
            break
        if any(task.result().outcome is Outcome.OK for task in done):
            seconds = min(seconds, GRACE)
    waited = round(1000 * (time.monotonic() - began), 1)
    return [
        Connection(address, port, Outcome.TIMEOUT, waited) if task in waiting else task.result()
        for address, task in zip(addresses, tries, strict=True)
    ]


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
