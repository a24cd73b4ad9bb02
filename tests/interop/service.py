"""Interfaces of ours, served from a thread of the test: in any namespace, with any parameters, watched.

Rule: the loop's thread alone touches a tunnel; a test hands its work over and waits for the result. What
``glasstunnel up`` adds to this (a process, routes, name servers) has tests of its own, in test_up_down.py.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from glasstunnel.host import answers
from glasstunnel.host.control import ControlSocket
from glasstunnel.host.loop import Loop
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.observer import Observer
from glasstunnel.host.tun import Tun
from glasstunnel.host.tunnel import Tunnel
from glasstunnel.host.udp import Udp
from glasstunnel.operate.config import parse
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.parameters import PARAMETERS, Parameters
from tests.interop.lab import PATIENCE, interface_name

T = TypeVar("T")


class Traffic(Observer):
    """Counts the messages of each type, and keeps the sizes of the datagrams."""

    def __init__(self) -> None:
        self.sent: Counter[int] = Counter()
        self.received: Counter[int] = Counter()
        self.sizes: list[int] = []
        """Of the datagrams sent."""

    def datagram_out(self, now: float, datagram: bytes | memoryview, path: Path, tos: int) -> None:
        self.sent[datagram[0]] += 1
        self.sizes.append(len(datagram))

    def datagram_in(self, now: float, datagram: bytes | memoryview, path: Path, ecn: int) -> None:
        self.received[datagram[0]] += 1


class Ours:
    """One interface, up; :attr:`name` is served to ``wg show`` too. Made by :meth:`Service.interface`."""

    def __init__(
        self, service: Service, namespace: Namespace, text: str, parameters: Parameters, mtu: int
    ) -> None:
        self.name, self.namespace, self.traffic = interface_name(), namespace, Traffic()
        self._service = service
        config = parse(text, self.name)
        self.device = Device(config.interface.private_key, parameters=parameters)
        self.device.fwmark = config.interface.fwmark
        for peer in config.peers:
            self.device.add_peer(
                peer.public_key,
                preshared_key=peer.preshared_key or bytes(32),
                endpoint=Path(peer.endpoint) if peer.endpoint else None,
                allowed_ips=peer.allowed_ips,
                persistent_keepalive=peer.persistent_keepalive,
            )
        with namespace, Netlink() as net, ExitStack() as undo:
            tun = Tun(self.name)
            undo.callback(tun.close)
            udp = Udp(config.interface.listen_port, config.interface.fwmark)
            undo.callback(udp.close)
            for address in config.interface.addresses:
                net.add_address(self.name, str(address))
            net.link_up(self.name, mtu)
            self.tunnel = Tunnel(self.device, tun, udp, service.loop, mtu=mtu, observer=self.traffic)
            undo.callback(self.tunnel.close)
            control = ControlSocket(self.name, service.loop, partial(answers.answer, self.tunnel))
            undo.callback(control.close)
            self._undo = undo.pop_all()
        self.tunnel.up()

    def do(self, work: Callable[[Tunnel], T]) -> T:
        """Do something with the tunnel, in the thread that serves it."""
        return self._service.do(lambda: work(self.tunnel))

    def close(self) -> None:
        """Take the interface away."""
        self._service.do(self._undo.close)


class Service:
    """The thread with its loop."""

    def __init__(self) -> None:
        self.loop = Loop()
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.loop.watch(self._wakeup, self._woken)
        self._thread = threading.Thread(target=self.loop.run, name="tunnels")
        self._thread.start()

    def interface(
        self, namespace: Namespace, text: str, *, parameters: Parameters = PARAMETERS, mtu: int = 1420
    ) -> Ours:
        """An interface in ``namespace`` from the text of a configuration, where endpoints are addresses."""
        return self.do(lambda: Ours(self, namespace, text, parameters, mtu))

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

    def _woken(self) -> None:
        for _ in range(os.eventfd_read(self._wakeup)):
            self._work.get()()
