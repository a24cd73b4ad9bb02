"""Interfaces of ours, served from a thread of the test: in any namespace, with any parameters, watched.

Rule: the thread of a namespace alone touches its tunnels, for a socket belongs to the namespace of the thread
that opens it; a test hands its work over and waits for the result. What ``glasstunnel up`` adds to this (a
process, routes, name servers) has tests of its own, in test_up_down.py.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TypeVar

from glasstunnel.host.answers import answer
from glasstunnel.host.clock import now
from glasstunnel.host.control import ControlSocket
from glasstunnel.host.loop import Loop
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.observer import Observer
from glasstunnel.host.tun import Tun
from glasstunnel.host.tunnel import Tunnel
from glasstunnel.host.udp import Udp
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Event, KeysReady, Path
from glasstunnel.wireguard.messages import MessageType
from glasstunnel.wireguard.parameters import PARAMETERS, Parameters
from tests.interop.lab import PATIENCE, interface_name, switch_on

T = TypeVar("T")


class Traffic(Observer):
    """Type and size of each message that was sent and received, and which sessions began."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []
        self.received: list[tuple[int, int]] = []
        self.handshakes_sent: list[tuple[bytes, str]] = []
        """What is not transport data, and where it went."""
        self.handshakes_received: list[tuple[bytes, str]] = []
        """And where it came from."""
        self.sessions: list[bool] = []
        """Whether we were the initiator, for each."""
        self.times: list[float] = []
        """At which they began."""

    def datagram_out(self, now: float, datagram: bytes | memoryview, path: Path, tos: int) -> None:
        self.sent.append((datagram[0], len(datagram)))
        if datagram[0] != MessageType.TRANSPORT_DATA:
            self.handshakes_sent.append((bytes(datagram), path.remote[0]))

    def datagram_in(self, now: float, datagram: bytes | memoryview, path: Path, ecn: int) -> None:
        self.received.append((datagram[0], len(datagram)))
        if datagram[0] != MessageType.TRANSPORT_DATA:
            self.handshakes_received.append((bytes(datagram), path.remote[0]))

    def event(self, now: float, event: Event) -> None:
        if isinstance(event, KeysReady):
            self.times.append(now)
            self.sessions.append(event.initiator)


class Ours:
    """One interface, served to wg(8) too. Made by :meth:`Service.interface`."""

    def __init__(self, service: Service, parameters: Parameters, mtu: int, offload: bool) -> None:
        self.name, self.traffic = interface_name(), Traffic()
        self._service = service
        self.device = Device(parameters=parameters)
        with ExitStack() as undo:
            tun = Tun(self.name, offload=offload)
            undo.callback(tun.close)
            udp = Udp()
            undo.callback(udp.close)
            self.tunnel = Tunnel(self.device, tun, udp, service.loop, mtu=mtu, observer=self.traffic)
            undo.callback(self.tunnel.close)
            control = ControlSocket(self.name, service.loop, partial(answer, self.tunnel))
            undo.callback(control.close)
            self._undo = undo.pop_all()

    def do(self, work: Callable[[Tunnel[Device]], T]) -> T:
        """Do something with the tunnel, in the thread that serves it."""
        return self._service.do(lambda: work(self.tunnel))

    def age(self) -> float:
        """Seconds since the youngest session began."""
        return now() - self.traffic.times[-1]

    def close(self) -> None:
        """Take the interface away."""
        self._service.do(self._undo.close)


class Service:
    """The thread of ``namespace`` with its loop."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.loop = Loop()
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.loop.watch(self._wakeup, self._woken)
        self._thread = threading.Thread(target=self._run, name="tunnels")
        self._thread.start()

    @contextmanager
    def interface(
        self,
        text: str,
        addresses: Sequence[str] = (),
        *,
        parameters: Parameters = PARAMETERS,
        mtu: int = 1420,
        offload: bool = True,
    ) -> Iterator[Ours]:
        """An interface, configured by wg with this text, up; with ``offload`` on the fast data path."""
        ours = self.do(lambda: Ours(self, parameters, mtu, offload))
        try:
            with self.namespace:
                switch_on(ours.name, text, addresses, mtu)
            ours.do(Tunnel.up)
            yield ours
        finally:
            ours.close()

    def do(self, work: Callable[[], T]) -> T:
        """Do it in the thread of the loop, and return or raise what it does."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        self._work.put(run)
        os.eventfd_write(self._wakeup, 1)
        return future.result(PATIENCE)

    def close(self) -> None:
        """End the thread."""
        self.loop.stop()
        self._thread.join()
        os.close(self._wakeup)
        self.loop.close()

    def _run(self) -> None:
        with self.namespace:
            self.loop.run()

    def _woken(self) -> None:
        for _ in range(os.eventfd_read(self._wakeup)):
            self._work.get()()
