"""The cross test against a filter that remembers: after a forbidden name it resets everything from us."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

import pytest

from glasstunnel.diagnose.causes import Cause, Confidence
from glasstunnel.diagnose.evidence import Connection, Host, Outcome
from glasstunnel.diagnose.judge import judge
from glasstunnel.diagnose.machine import Machine
from glasstunnel.diagnose.options import Options
from glasstunnel.diagnose.probe import tcp
from glasstunnel.diagnose.probe.layers import Layers
from tests.diagnose.lab_path import server_name
from tests.diagnose.seen import INNOCENT, evidence

DECLINES = bytes((21, 3, 3, 0, 2, 2, 112))  # RFC 8446 §6: alert, fatal, unrecognized_name
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # socket(7), SO_LINGER


@dataclass
class Filter:
    """A server of TLS that declines every name, behind a filter that forbids one and remembers it."""

    forbidden: str
    listener: socket.socket
    has_seen: bool = False
    names: list[str] = field(default_factory=list)

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                self._answer(self.listener.accept()[0])

    def _answer(self, client: socket.socket) -> None:
        with closing(client):
            hello = client.recv(65536)
            if not hello:
                return  # only TCP was tried
            self.names.append(server_name(memoryview(hello)))
            self.has_seen |= self.names[-1] == self.forbidden
            if self.has_seen:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            else:
                client.sendall(DECLINES)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def filtered() -> Iterator[Filter]:
    listener = socket.create_server(("127.0.0.1", 0))
    with closing(Filter("localhost", listener)) as it:
        threading.Thread(target=it.serve, daemon=True).start()
        yield it


def examined(it: Filter) -> Host:
    """What is seen of the forbidden host."""
    layers = Layers(Options(resolvers=()), Machine(), lambda who, what: None, float("inf"))
    host = Host("localhost", it.listener.getsockname()[1], "registry")
    asyncio.run(layers.examine(host))
    return host


def test_the_innocent_name_goes_first_because_a_filter_remembers(filtered: Filter) -> None:
    host = examined(filtered)
    assert filtered.names == [INNOCENT, "localhost"]
    ended = {(item.server_name, item.outcome) for item in host.handshakes}
    assert ended == {("localhost", Outcome.RESET), (INNOCENT, Outcome.ALERT)}
    finding = judge(host, evidence(host))
    assert finding
    assert finding.cause is Cause.NAME_BASED_RESET


def test_where_the_filter_remembers_another_pull_that_is_said(filtered: Filter) -> None:
    filtered.has_seen = True
    host = examined(filtered)
    finding = judge(host, evidence(host))
    assert finding
    assert (finding.cause, finding.confidence) == (Cause.BLOCKED_ADDRESS, Confidence.POSSIBLE)
    assert "filter-remembers" in [fact.code for fact in finding.facts]


def test_an_address_that_stays_silent_beside_one_that_answers_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where IPv6 leads nowhere: the layers behind need the time."""

    async def connect(address: str, port: int, deadline: float) -> Connection:
        if address == "::1":
            await asyncio.Event().wait()
        return Connection(address, port, Outcome.REFUSED if address == "127.0.0.2" else Outcome.OK)

    monkeypatch.setattr(tcp, "connect", connect)
    monkeypatch.setattr(tcp, "GRACE", 0.01)
    tried = asyncio.run(tcp.connect_all(["127.0.0.1", "::1", "127.0.0.2"], 443, 3600))
    assert [item.outcome for item in tried] == [Outcome.OK, Outcome.TIMEOUT, Outcome.REFUSED]


def test_a_host_for_which_no_time_is_left_is_left_alone_and_marked() -> None:
    layers = Layers(Options(resolvers=()), Machine(), lambda who, what: None, 0)
    host = Host("localhost", 443, "token")
    asyncio.run(layers.examine(host))
    assert (host.cut, host.lookups, host.connections, host.handshakes) == (True, [], [], [])
