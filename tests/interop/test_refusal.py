"""A refusal of ours is to the sender's kernel what a closed port is."""

import socket
from collections.abc import Iterator

import pytest

from glasstunnel.host.namespace import Namespace
from glasstunnel.host.refusal import refuse
from glasstunnel.wireguard.events import Path
from tests.interop.end import End, two_hosts
from tests.interop.lab import until

pytestmark = pytest.mark.interop


@pytest.fixture
def hosts() -> Iterator[tuple[Namespace, Namespace]]:
    with two_hosts() as namespaces:
        yield namespaces


@pytest.mark.parametrize("version", [4, 6])
def test_the_sender_hears_that_the_port_is_closed(hosts: tuple[Namespace, Namespace], version: int) -> None:
    ours, theirs = (End.numbered(number).outer[version] for number in (1, 2))
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with hosts[0]:
        server = socket.socket(family, socket.SOCK_DGRAM)
    with hosts[1]:
        client = socket.socket(family, socket.SOCK_DGRAM)
    with server, client:
        server.bind((ours, 8000))
        client.bind((theirs, 0))
        client.connect((ours, 8000))
        client.setblocking(False)
        client.send(b"\0")
        _, sender = server.recvfrom(10)

        def is_refused() -> bool:
            try:
                client.recv(10)
            except ConnectionRefusedError:
                return True
            except BlockingIOError:
                return False
            return False

        with hosts[0]:
            refuse(Path(sender[:2]), 8000)  # our address is not known: nothing happens
            refuse(Path(sender[:2], ours), 8001)  # about another port: nobody's business
            refuse(Path(("192.0.2.99", 1), "192.0.2.98"), 8000)  # not an address of ours
        assert not is_refused()
        with hosts[0]:
            refuse(Path(sender[:2], ours), 8000)
        until(is_refused, "the refusal arrives")
