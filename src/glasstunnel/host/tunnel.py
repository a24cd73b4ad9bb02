"""One tunnel at work: a TUN, the UDP sockets and the pure core between them.

Rule: what the kernel hands over goes through the core in bursts, and what the core says is done at once, in
its order; nothing is decided here. Each turn handles a bounded number of packets, so neither direction
starves the other. As in the kernel, the sockets are open while the interface is up (device.c ``wg_open``,
``wg_stop``). Section: device.py for the functions of the core, plain.py for the runs, link.py for the
interface's life.
"""

import logging
import os
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

from glasstunnel.host.backend import Datagrams, DataPath, choose
from glasstunnel.host.clock import Timer, now
from glasstunnel.host.core import Core, OnEvent
from glasstunnel.host.errors import HostError
from glasstunnel.host.link import Link, LinkState, limit_super_packets
from glasstunnel.host.loop import Loop
from glasstunnel.host.observer import Observer
from glasstunnel.host.pace import TURN, Pace
from glasstunnel.host.routes import Routes
from glasstunnel.host.scopes import scope_number
from glasstunnel.host.tun import Tun
from glasstunnel.host.tun_offload import MtuOf
from glasstunnel.host.udp import Udp
from glasstunnel.ip import virtio
from glasstunnel.toyvpn import events as toy
from glasstunnel.wireguard.events import GaveUp, KeysReady, Path, Refused, Sealed, Send
from glasstunnel.wireguard.framing import TRANSPORT_DATA, Framing
from glasstunnel.wireguard.peer import Peer

_SCRAP = 1 + virtio.SIZE  # bytes; the kernel reads out no less than the header
_log = logging.getLogger(__name__)
# Of both protocols: they have the same fields, but for what is a path to each.
_SENDS: tuple[type[Any], ...] = (Send, toy.Send)
_SEALED: tuple[type[Any], ...] = (Sealed, toy.Sealed)

AnyCore = TypeVar("AnyCore", bound=Core)


class Tunnel(Generic[AnyCore]):
    """Serves ``device``, the core of a protocol, from ``loop``, between ``tun`` and ``udp``, which it owns
    from now on.

    Args:
        udp: the sockets; None: they are opened when the interface comes up.
        mtu: of the interface, in bytes; packets are not padded past it, nor past that of their route.
        framing: of the protocol.
        observer: is told of all that passes.
        on_event: is told what the core says besides what is to be sent; by default what a device of
            WireGuard says is logged.
        on_deleted: called if somebody deletes the interface; by default the loop stops.
        backend: makes the data path.
    """

    def __init__(
        self,
        device: AnyCore,
        tun: Tun,
        udp: Udp | None,
        loop: Loop,
        *,
        mtu: int = 1420,
        framing: Framing = TRANSPORT_DATA,
        observer: Observer | None = None,
        on_event: OnEvent | None = None,
        on_deleted: Callable[[], None] | None = None,
        backend: Callable[[Tun, Udp, MtuOf, Framing], DataPath] = choose,
    ) -> None:
        self.device, self.tun, self.mtu = device, tun, mtu
        self._loop = loop
        self.observer = observer
        """Told of all that passes; may be changed at any time, None for nobody."""
        self._framing, self._on_event = framing, on_event or self._say
        self._on_deleted = on_deleted or loop.stop
        self.on_up: Callable[[], None] = _nothing
        """Called each time that the interface has come up: its routes, if it had any, are gone."""
        self._backend = backend
        self._routes = Routes(place=tun.namespace)
        self._timer = Timer(loop, self._settle)
        self._link: Link | None = None
        self._udp: Udp | None = None
        self._path: DataPath | None = None
        self._link_is_up = self._is_deleted = False
        self._tun_pace, self._udp_pace = Pace(), Pace()
        self._lost: Counter[str] = Counter()  # at the sockets that are closed again
        loop.watch(tun.fd, self._tun_readable)
        loop.watch(self._routes.fd, self._routes.changed)
        if udp:
            self._open(udp)

    def follow(self) -> None:
        """From now on, be up while the interface is, have its MTU, and end with it."""
        self._link = Link(self.tun, self._loop, self._link_changed, self._deleted)

    def unfollow(self) -> None:
        """Do not follow it any more: what comes is a change of our own."""
        if self._link:
            self._link.close()
            self._link, self._link_is_up = None, False

    def up(self) -> None:
        """The interface is up: open the sockets, and speak to the peers that have a persistent keepalive.

        Raises:
            HostError: if the port cannot be opened.
        """
        if not self._udp:
            self._open(Udp(self.device.listen_port, self.device.fwmark))
        self.perform(self.device.up(now()))

    def down(self) -> None:
        """The interface is down: sessions end, and the sockets close. The port is kept for the next time."""
        self.device.down()
        self._close_sockets()
        self._settle()

    def bind(self, port: int | None, fwmark: int | None) -> None:
        """Move to another UDP port, 0 for any that is free, and mark what is sent, 0 for no mark; None leaves
        either as it is. While the interface is down this is for when it comes up.

        Raises:
            HostError: if the port is in use or something is not permitted; then all is as before.
        """
        mark = self.device.fwmark if fwmark is None else fwmark
        if not self._udp:
            before = self.device.listen_port, self.device.fwmark
            self.device.listen_port = self.device.listen_port if port is None else port
            self.device.fwmark = mark
            if self._link_is_up:  # and the port before this one was in use
                try:
                    self.up()
                except HostError:
                    self.device.listen_port, self.device.fwmark = before
                    raise
        elif port is not None and port != self._udp.port:
            assert self._path
            self._unwatch_datagrams()
            try:
                self._udp.rebind(port, mark)
                self._path.renew()
            finally:
                self._watch_datagrams()
        elif fwmark is not None:
            self._udp.set_fwmark(fwmark)
        self.device.fwmark = mark
        if port is not None or fwmark is not None:
            self.device.forget_sources()  # as the kernel does

    def perform(self, events: Iterable[Any]) -> None:
        """Do what the core says, from outside of the data path, and what is due."""
        self._perform(events)
        self._settle()

    def close(self) -> None:
        """Stop serving and close everything; with the TUN the interface disappears. Harmless when closed."""
        if self.tun.fd < 0:
            return
        if self._link:
            self._link.close()
        self._loop.unwatch(self.tun.fd)
        self._loop.unwatch(self._routes.fd)
        self._close_sockets()
        self._timer.close()
        self._routes.close()
        self.tun.close()

    @property
    def udp(self) -> Udp:
        """The sockets, which are open now."""
        assert self._udp
        return self._udp

    def scope(self, name: str) -> str:
        """The number of the interface that the scope of an endpoint names, "0" for none. Whoever is told it
        may be in another namespace, where wg(8) crashes if the name is not known.
        """
        with suppress(OSError):
            return str(self._udp.scope(name) if self._udp else scope_number(name))
        return "0"

    @property
    def errors(self) -> Counter[str]:
        """Packets and datagrams lost at the kernel's edge, by reason; the core counts its own drops."""
        return self._lost + self._path.errors if self._path else Counter(self._lost)

    def _open(self, udp: Udp) -> None:
        self._udp, self._path = udp, self._backend(self.tun, udp, self._mtu_of, self._framing)
        self._loop.watch(udp.routes.fd, udp.routes.changed)
        self._watch_datagrams()

    def _close_sockets(self) -> None:
        if self._path and self._udp:
            self._unwatch_datagrams()
            self._loop.unwatch(self._udp.routes.fd)
            self._lost += self._path.errors
            self._udp.close()
        self._udp = self._path = None

    def _watch_datagrams(self) -> None:
        assert self._path
        assert self._udp
        self.device.listen_port = self._udp.port
        for port in self._path.datagrams:
            self._loop.watch(port.fd, partial(self._udp_readable, port))

    def _unwatch_datagrams(self) -> None:
        assert self._path
        for port in self._path.datagrams:
            self._loop.unwatch(port.fd)

    def _link_changed(self, state: LinkState) -> None:
        if self.tun.offload:
            limit_super_packets(self.tun, state.mtu, self._framing)
        came_up = state.up and not self._link_is_up
        self._link_is_up, self.mtu = state
        self._routes.forget()  # the link may be in another namespace now
        if state.up and not self.device.is_up:
            try:
                self.up()
            except HostError as error:
                _log.error("%s does not come up: %s", self.tun.name, error)
        elif not state.up and self.device.is_up:
            self.down()
        if came_up:
            self.on_up()

    def _deleted(self) -> None:
        """Heard of from the link, or from the TUN itself."""
        if self._is_deleted:
            return
        self._is_deleted = True
        _log.warning("the interface %s was deleted", self.tun.name)
        self._loop.unwatch(self.tun.fd)
        if self._link:
            self._link.close()
        self._on_deleted()

    def _tun_readable(self) -> None:
        if self._link and not self.device.is_up:
            self._link.read()  # it came up before this packet came
        device, observer, path = self.device, self.observer, self._path
        if path is None:
            self._discard()
            return
        port, pace = path.packets, self._tun_pace
        left, limit = pace.turn, pace.limit
        while left > 0 or port.waiting:
            try:
                destination = port.read(limit)
            except OSError:
                self._deleted()
                return
            if destination is None:
                break
            left -= path.burst.n
            limit = max(left, 1)
            if observer:
                _tell(observer.packet_out, path.burst.packets())
            result = device.seal(now(), path.burst, destination, port.mtu, port.ecn)
            if isinstance(result, _SEALED):
                if observer:
                    _tell(observer.datagram_out, path.burst.datagrams(), result.path, result.tos)
                if path.send(result.path, result.tos) != result.path:
                    device.forget_source(result)
            elif isinstance(result, Refused):
                for report in result.reports:
                    port.put(report)
        pace.had(pace.turn - left)
        self._settle()

    def _mtu_of(self, destination: bytes) -> int:
        return self._routes.mtu(destination, self.mtu)

    def _discard(self) -> None:
        """Without sockets a packet goes nowhere."""
        try:
            for _ in range(TURN):
                os.read(self.tun.fd, _SCRAP)  # the rest of the packet is lost too, as it should be
        except BlockingIOError:
            return
        except OSError:
            self._deleted()

    def _udp_readable(self, port: Datagrams) -> None:
        assert self._path
        device, observer, burst, packets = self.device, self.observer, self._path.burst, self._path.packets
        is_data, pace = self._framing.is_data, self._udp_pace
        left, limit = pace.turn, pace.limit
        while left > 0 or port.waiting:
            remote = port.read(limit)
            if remote is None:
                break
            left -= burst.n
            limit = max(left, 1)
            if observer:
                _tell(observer.datagram_in, burst.datagrams(), remote, port.ecn)
            first = burst.wire[0]
            if is_data(first):
                opened = device.open(now(), burst, remote, port.ecn)
                if observer:
                    _tell(observer.packet_in, burst.packets(opened.rows))
                packets.write(opened.rows)
                self._perform(opened.events)
            else:
                device.enqueue(first[: burst.size[0]], remote)
        pace.had(pace.turn - left)
        self._settle()

    def _settle(self) -> None:
        """After every turn: do what is due, and sleep no longer than until the next deadline."""
        deadline = self.device.deadline
        if deadline <= now():
            self._perform(self.device.tick(now(), time.time_ns(), os.urandom))
            deadline = self.device.deadline
        self._timer.arm(deadline)

    def _perform(self, events: Iterable[Any]) -> None:
        for event in events:
            if self.observer:
                self.observer.event(now(), event)
            if isinstance(event, _SENDS):
                if self.observer:
                    self.observer.datagram_out(now(), event.data, event.path, event.tos)
                if self._udp:
                    taken = self._udp.send((event.data,), event.path, event.tos)
                    if taken != event.path:
                        self.device.forget_source(event)
            else:
                self._on_event(event)

    def _say(self, event: object) -> None:
        if isinstance(event, KeysReady):
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


def _nothing() -> None:
    pass
