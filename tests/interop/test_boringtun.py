"""boringtun is the initiator, for it is a client: 0.6.0, as wireguard-requests 0.0.3 of PyPI carries it."""

import socket
import sys
import threading
from contextlib import closing
from importlib.util import find_spec

import pytest

from tests.interop.end import End, two_hosts
from tests.interop.lab import PATIENCE, run
from tests.interop.service import Service

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        sys.version_info >= (3, 14) and not find_spec("wireguard_requests"),
        reason="wireguard-requests has wheels up to Python 3.13, and its source needs Rust",
    ),
]

OURS, THEIRS = End.numbered(1), End.numbered(2)
SIZE = 200_000  # bytes there and back


def echo(listener: socket.socket) -> None:
    """Send one connection back what it sends, :data:`SIZE` bytes: this client does not say when it ends."""
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(PATIENCE)
        sent = 0
        while sent < SIZE and (chunk := connection.recv(1 << 16)):
            connection.sendall(chunk)
            sent += len(chunk)


@pytest.mark.parametrize("inner", [4, 6], ids=["inner4", "inner6"])
@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
@pytest.mark.parametrize("psk", [False, True], ids=["no-psk", "psk"])
def test_what_boringtun_sends_comes_back_to_it(psk: bool, outer: int, inner: int) -> None:
    shared = [f"PresharedKey = {run('wg', 'genpsk')}"] if psk else []
    config = THEIRS.config(
        f"Address = {', '.join(THEIRS.addresses)}\n", OURS.peer(OURS.endpoint(outer), *shared)
    )
    family = socket.AF_INET6 if inner == 6 else socket.AF_INET
    with (
        two_hosts() as (here, there),
        closing(Service(here)) as service,
        service.interface(OURS.config(THEIRS.peer(*shared)), OURS.addresses) as ours,
    ):
        with here:
            listener = socket.create_server((OURS.inner[inner], 0), family=family)
        with listener:
            listener.settimeout(PATIENCE)
            server = threading.Thread(target=echo, args=(listener,))
            server.start()
            port = listener.getsockname()[1]
            words = (sys.executable, "-m", "tests.interop.boringtun", OURS.inner[inner], port, SIZE)
            with there:
                assert run(*map(str, words), text=config) == "True"
            server.join()
        assert ours.traffic.sessions == [False]
        data = [size for kind, size in ours.traffic.received if kind == 4]
        assert any(size % 16 for size in data)  # it does not pad, as WP §5.4.6 asks, and is understood
