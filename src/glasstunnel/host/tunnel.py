"""One tunnel at work: a TUN, the UDP sockets and the pure core between them.

Rule: what the kernel hands over goes through the core in bursts, and what the core says is done at once, in
its order; nothing is decided here. Each turn handles a bounded number of packets, so neither direction
starves the other. Section: device.py for the five functions of the core, plain.py for the runs.
"""

import logging
import os
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from glasstunnel.host.backend import Datagrams, DataPath, choose
from glasstunnel.host.clock import Timer, now
from glasstunnel.host.loop import Loop
from glasstunnel.host.observer import Observer
from glasstunnel.host.routes import Routes
from glasstunnel.host.tun import Tun
from glasstunnel.host.udp import Udp
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Event, GaveUp, KeysReady, Path, Refused, Sealed, Send
from glasstunnel.wireguard.peer import Peer

# Limits of the reads of one turn: after the last one the kernel knows of everything that still waits.
_TURN = (128, 1)
_DATAGRAMS = 128  # in one turn of a socket
_log = logging.getLogger(__name__)
_TRANSPORT_DATA = b"\x04\0\0\0"


class Tunnel:
    """Serves ``device`` from ``loop``, between ``tun`` and ``udp``, which it owns from now on.

    Args:
        mtu: of the interface, in bytes; packets are not padded past it, nor past that of their route.
        observer: is told of all that passes.
        on_deleted: called if somebody deletes the interface; by default the loop stops.
        backend: makes the data path.
    """

    def __init__(
        self,
        device: Device,
        tun: Tun,
        udp: Udp,
        loop: Loop,
        *,
        mtu: int = 1420,
        observer: Observer | None = None,
        on_deleted: Callable[[], None] | None = None,
        backend: Callable[[Tun, Udp], DataPath] = choose,
    ) -> None:
        self.device, self.tun, self.udp, self.mtu = device, tun, udp, mtu
        self._loop = loop
        self.observer = observer
        """Told of all that passes; may be changed at any time, None for nobody."""
        self._on_deleted = on_deleted or loop.stop
        self._path = backend(tun, udp)
        self._routes = Routes(place=tun.namespace)
        self._timer = Timer(loop, self._settle)
        device.listen_port = udp.port
        loop.watch(tun.fd, self._tun_readable)
        self._watch_datagrams()
        for routes in (self._routes, udp.routes):
            loop.watch(routes.fd, routes.changed)

    def start(self) -> None:
        """The interface is up: speak to the peers that have a persistent keepalive."""
        self.perform(self.device.up(now()))

    def bind(self, port: int | None, fwmark: int | None) -> None:
        """Move to another UDP port, 0 for any that is free, and mark what is sent, 0 for no mark; None leaves
        either as it is.

        Raises:
            HostError: if the port is in use or something is not permitted; then all is as before.
        """
        if port is not None and port != self.udp.port:
            for one in self._path.datagrams:
                self._loop.unwatch(one.fd)
            try:
                self.udp.rebind(port, self.device.fwmark if fwmark is None else fwmark)
                self._path.renew()
            finally:
                self._watch_datagrams()
        elif fwmark is not None:
            self.udp.set_fwmark(fwmark)
        self.device.listen_port = self.udp.port
        if fwmark is not None:
            self.device.fwmark = fwmark
        for peer in self.device.peers.values():
            peer.forget_source()  # as the kernel does: other rules may lead elsewhere

    def perform(self, events: Iterable[Event]) -> None:
        """Do what the core says, from outside of the data path, and what is due."""
        self._perform(events)
        self._settle()

    def close(self) -> None:
        """Stop serving and close everything; with the TUN the interface disappears. Harmless when closed."""
        if self.tun.fd < 0:
            return
        self._loop.unwatch(self.tun.fd)
        for port in self._path.datagrams:
            self._loop.unwatch(port.fd)
        for routes in (self._routes, self.udp.routes):
            self._loop.unwatch(routes.fd)
        self._timer.close()
        self._routes.close()
        self.udp.close()
        self.tun.close()

    @property
    def errors(self) -> Counter[str]:
        """Packets and datagrams lost at the kernel's edge, by reason; the core counts its own drops."""
        return self._path.errors

    def _watch_datagrams(self) -> None:
        for port in self._path.datagrams:
            self._loop.watch(port.fd, partial(self._udp_readable, port))

    def _tun_readable(self) -> None:
        device, observer, path, port = self.device, self.observer, self._path, self._path.packets
        for limit in _TURN:
            try:
                destination = port.read(limit)
            except OSError:
                _log.warning("the interface %s was deleted", self.tun.name)
                self._loop.unwatch(self.tun.fd)
                self._on_deleted()
                return
            if destination is None:
                break
            if observer:
                _tell(observer.packet_out, path.burst.packets())
            mtu = self._routes.mtu(destination, self.mtu)
            result = device.seal(now(), path.burst, destination, mtu, port.ecn)
            if isinstance(result, Sealed):
                if observer:
                    _tell(observer.datagram_out, path.burst.datagrams(), result.path, result.tos)
                if path.send(result.path, result.tos) != result.path:
                    result.peer.forget_source()
            elif isinstance(result, Refused):
                port.write(result.rows)
        self._settle()

    def _udp_readable(self, port: Datagrams) -> None:
        device, observer, burst, packets = self.device, self.observer, self._path.burst, self._path.packets
        left = (
            _DATAGRAMS  # a run is shorter than this whenever something was carried over, so that is read too
        )
        while left:
            remote = port.read(left)
            if remote is None:
                break
            left -= burst.n
            if observer:
                _tell(observer.datagram_in, burst.datagrams(), remote, port.ecn)
            first = burst.wire[0]
            if first[:4] == _TRANSPORT_DATA:
                opened = device.open(now(), burst, remote, port.ecn)
                if observer:
                    _tell(observer.packet_in, burst.packets(opened.rows))
                packets.write(opened.rows)
                self._perform(opened.events)
            else:
                device.enqueue(first[: burst.size[0]], remote)
        self._settle()

    def _settle(self) -> None:
        """After every turn: do what is due, and sleep no longer than until the next deadline."""
        if self.device.deadline <= now():
            self._perform(self.device.tick(now(), time.time_ns(), os.urandom))
        self._timer.arm(self.device.deadline)

    def _perform(self, events: Iterable[Event]) -> None:
        for event in events:
            if self.observer:
                self.observer.event(now(), event)
            if isinstance(event, Send):
                if self.observer:
                    self.observer.datagram_out(now(), event.data, event.path, event.tos)
                if self.udp.send((event.data,), event.path, event.tos) != event.path and event.peer:
                    event.peer.forget_source()
            elif isinstance(event, KeysReady):
                role = "initiator" if event.initiator else "responder"
                _log.debug("%s: a session with %s stands (%s)", self.tun.name, _short(event.peer), role)
            elif isinstance(event, GaveUp):
                _log.info("%s: %s does not answer", self.tun.name, _short(event.peer))


def _short(peer: Peer) -> str:
    """A peer as logs name it: the beginning of its public key in base64."""
    return f"{b64encode(peer.public_key).decode()[:8]}…"


def _tell(what: Callable[..., None], rows: Iterable[memoryview], *facts: Path | int) -> None:
    for row in rows:
        what(now(), row, *facts)
