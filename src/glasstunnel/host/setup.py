"""From a name to a working interface: the changes to the system that bringing a tunnel up is made of.

Rule: each method is one change, and writes down how to undo it before it makes it; in which order they come
is the plan's business (:mod:`glasstunnel.operate.plan`). Section: wg-quick(8).
"""

import logging
import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, cast

from glasstunnel.host import dns, firewall, nat, programs, users
from glasstunnel.host.answers import answer
from glasstunnel.host.backend import offload_wanted
from glasstunnel.host.clock import now
from glasstunnel.host.control import ControlSocket, path_of
from glasstunnel.host.core import OnEvent
from glasstunnel.host.errors import HostError
from glasstunnel.host.journal import Journal, original_value
from glasstunnel.host.loop import Loop
from glasstunnel.host.netlink import MAIN_TABLE, Netlink, Rule
from glasstunnel.host.observer import Observer
from glasstunnel.host.refusal import Refusals, refuse
from glasstunnel.host.toyvpn import BARE, ToyCore
from glasstunnel.host.tun import Tun
from glasstunnel.host.tunnel import AnyCore, Tunnel
from glasstunnel.host.udp import Udp
from glasstunnel.toyvpn.client import Client
from glasstunnel.toyvpn.events import Refuse
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path as UdpPath
from glasstunnel.wireguard.framing import TRANSPORT_DATA, Framing

_SRC_VALID_MARK = Path("/proc/sys/net/ipv4/conf/all/src_valid_mark")
_FORWARDING = {
    4: Path("/proc/sys/net/ipv4/ip_forward"),
    6: Path("/proc/sys/net/ipv6/conf/all/forwarding"),
}
_log = logging.getLogger(__name__)


class Setup:
    """The interface ``name``, from nothing; ``journal`` undoes what was done, ``loop`` serves what stands.

    Args:
        net: changes and questions, in the network namespace of the interface.
        pre_down, post_down: commands for when the interface goes. They run if a command for its coming has
            run or :meth:`finish` was called: an attempt that failed earlier is none of their business.
        save: called between the two, with the device as it is then.
        observe: makes an observer of the tunnel; it is closed when the tunnel is.
    """

    def __init__(
        self,
        name: str,
        journal: Journal,
        loop: Loop,
        net: Netlink,
        *,
        pre_down: Sequence[str] = (),
        post_down: Sequence[str] = (),
        save: Callable[[Device], None] | None = None,
        observe: Callable[[Device], Observer] | None = None,
    ) -> None:
        self.name = name
        self._journal, self._loop, self._net = journal, loop, net
        self._pre_down, self._post_down, self._save = pre_down, post_down, save
        self._observe = observe
        self._owes_commands = False
        self._tunnel: Tunnel[Any] | None = None
        self._created = journal.mark()
        journal.on_unwind(lambda: self._run_down(post_down))

    @property
    def tunnel(self) -> Tunnel[Any]:
        """The tunnel, once :meth:`create` has made it."""
        if self._tunnel is None:
            raise HostError(f"the interface {self.name} does not exist yet")
        return self._tunnel

    def command(self, command: str) -> None:
        """Run a command of the configuration; the tunnel, if it stands, goes on. Raises :exc:`HostError`."""
        self._owe_commands()
        programs.hook(command, self._serve_until_it_ends)

    def create(self, device: Device, port: int) -> None:
        """Make the interface (still down), open the UDP sockets, and serve both and the control socket."""
        observer = self._observe(device) if self._observe else None
        if observer:
            self._journal.on_unwind(observer.close)
        tunnel = self._serve(device, port, observer=observer)
        tunnel.follow()
        self._journal.write_down("file", path=str(path_of(self.name)))
        control = ControlSocket(self.name, self._loop, partial(answer, tunnel))
        self._journal.on_unwind(control.close)

    def create_toy(self, core: ToyCore, on_event: OnEvent, *, attach: bool = False) -> None:
        """The same for an end of ToyVpn, without a control socket; its interface is not followed yet.

        With ``attach`` an interface that is there already is served.
        """

        def heard(event: object) -> None:
            if isinstance(event, Refuse):
                refuse(cast("UdpPath", event.path), core.listen_port)
            else:
                on_event(event)

        tunnel = self._serve(core, core.listen_port, framing=BARE, on_event=heard, attach=attach)
        self._journal.on_unwind(lambda: tunnel.perform(core.goodbye()))
        if isinstance(core.end, Client):
            refusals = Refusals(
                self._loop,
                cast("UdpPath", core.end.path),
                lambda: tunnel.udp.port,
                lambda: tunnel.perform(core.refused(now())),
            )
            self._journal.on_unwind(refusals.close)
        self._created = self._journal.mark()

    def begin_again(self) -> None:
        """Let an interface that :meth:`create_toy` has made be as new; its core and its sockets go on."""
        self.tunnel.unfollow()
        self._journal.unwind_to(self._created)
        with self._network() as net:
            net.clear(self.name)

    def follow(self) -> None:
        """From now on, serve the interface while it is up."""
        self.tunnel.follow()

    def _serve(
        self,
        core: AnyCore,
        port: int,
        *,
        framing: Framing = TRANSPORT_DATA,
        observer: Observer | None = None,
        on_event: OnEvent | None = None,
        attach: bool = False,
    ) -> Tunnel[AnyCore]:
        """Make the interface (still down), open the UDP sockets, and serve both."""
        tun = self._open_tun(attach=attach)
        self._journal.on_unwind(tun.close)
        udp = Udp(port, core.fwmark)
        self._journal.on_unwind(udp.close)
        tunnel = Tunnel(core, tun, udp, self._loop, framing=framing, observer=observer, on_event=on_event)
        self._tunnel = tunnel
        self._journal.on_unwind(tunnel.close)
        tunnel.on_up = self._lead_users
        return tunnel

    def _lead_users(self) -> None:
        """The interface has come up, perhaps in place of one that died: who is to go through it goes."""
        try:
            users.restore(self.name)
        except HostError as error:
            _log.warning("%s", error)

    def _open_tun(self, *, attach: bool) -> Tun:
        return Tun(self.name, attach=attach, offload=offload_wanted())

    def _network(self) -> AbstractContextManager[Netlink]:
        """Where the interface is."""
        return nullcontext(self._net)

    def address(self, address: str) -> None:
        """Add an address, ``10.0.0.1/24``."""
        with self._network() as net:
            net.add_address(self.name, address)

    def link_up(self, mtu: int | None) -> None:
        """Switch the interface on, with this MTU if one is given."""
        with self._network() as net:
            net.link_up(self.name, mtu)

    def dns(self, servers: Sequence[str], search: Sequence[str]) -> None:
        """Use these name servers and search domains."""
        self._journal.record("dns", interface=self.name)
        dns.install(self.name, servers, search)

    def route(self, prefix: str, table: int = MAIN_TABLE) -> None:
        """Lead ``prefix`` into the interface. The route goes when the interface goes."""
        with self._network() as net:
            net.add_route(self.name, prefix, table)

    def mark(self, fwmark: int) -> None:
        """Mark the encrypted packets, so that rules can tell them from those that are to be encrypted."""
        self.tunnel.bind(None, fwmark)

    def rule(self, version: int, table: int, *, unless_mark: int = 0, suppress_default: bool = False) -> None:
        """Add a rule before all others but the one for local addresses."""
        rule = Rule(version, self._net.next_priority(version), table, unless_mark, suppress_default)
        self._journal.record(
            "rule",
            version=version,
            priority=rule.priority,
            table=table,
            unless_mark=unless_mark,
            suppress_default=suppress_default,
        )
        self._net.add_rule(rule)

    def src_valid_mark(self) -> None:
        """Let IPv4's reverse path filter look at marks, or it drops the answers to marked packets."""
        path = str(_SRC_VALID_MARK)
        try:
            before = original_value(path) or _SRC_VALID_MARK.read_text().strip()
            self._journal.record("sysctl", path=path, value=before)
            _SRC_VALID_MARK.write_text("1")
        except OSError as error:
            raise HostError(
                f"cannot set net.ipv4.conf.all.src_valid_mark to 1: {os.strerror(error.errno or 0)}"
            ) from error

    def firewall(self, version: int, mark: int) -> None:
        """Install the nftables rules of a default route."""
        self._journal.record("firewall", interface=self.name, version=version)
        firewall.install(self.name, version, self._net.addresses(self.name, version), mark)

    def forwarding(self, version: int) -> None:
        """Let the kernel forward packets of one IP version, if it does not.

        An IPv6 router believes no other router's advertisements: the default route that a host has learned
        from them goes the moment that it forwards, but where ``accept_ra`` is 2. Section: the kernel's
        ip-sysctl.rst, "accept_ra".
        """
        switch = _FORWARDING[version]
        for path in _listening(switch) if version == 6 else ():
            self._switch(path, "2")
        self._switch(switch, "1")

    def _switch(self, path: Path, value: str) -> None:
        try:
            before = original_value(str(path)) or path.read_text().strip()
            self._journal.record("forwarding", interface=self.name, path=str(path), value=before)
            path.write_text(value)
        except OSError as error:
            raise HostError(f"cannot set {path} to {value}: {os.strerror(error.errno or 0)}") from error

    def masquerade(self, version: int, sources: Sequence[str]) -> None:
        """Let packets from these prefixes leave with the address of the interface by which they do."""
        self._journal.record("nat", interface=self.name, version=version)
        nat.install(self.name, version, sources)

    def before_commands_up(self) -> None:
        """From here on PreDown belongs to the undoing."""
        if self._save:
            self._journal.on_unwind(partial(self._save, self.tunnel.device))
        self._journal.on_unwind(lambda: self._run_down(self._pre_down))

    def finish(self) -> None:
        """The interface works: the commands for its going will have to run."""
        self._owe_commands()

    def _owe_commands(self) -> None:
        if not self._owes_commands:
            self._owes_commands = True
            for command in reversed((*self._pre_down, *self._post_down)):  # the journal is read backwards
                self._journal.write_down("command", command=command)

    def _run_down(self, commands: Sequence[str]) -> None:
        for command in commands if self._owes_commands else ():
            try:
                programs.hook(command, self._serve_until_it_ends)
            except HostError as error:
                _log.warning("%s", error)

    def _serve_until_it_ends(self, process: subprocess.Popen[bytes]) -> int:
        """Serve the tunnel and its control socket meanwhile: the command may well ask wg(8) about it."""
        pidfd = os.pidfd_open(process.pid)
        self._loop.watch(pidfd, self._loop.stop)
        try:
            while (status := process.poll()) is None:
                self._loop.run()
        finally:
            self._loop.unwatch(pidfd)
            os.close(pidfd)
        return status


def _listening(forwarding: Path) -> list[Path]:
    """The switches of the interfaces that believe in routers' advertisements as long as this one is off, or
    did before another tunnel switched it on.
    """
    if not forwarding.exists():
        return []  # a kernel without IPv6
    off = forwarding.read_text().strip() == "0"
    return [
        path
        for path in sorted(forwarding.parents[1].glob("*/accept_ra"))
        if path.parent.name not in ("all", "default")
        and (original_value(str(path)) or (off and path.read_text().strip())) == "1"
    ]
