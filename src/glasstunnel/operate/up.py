"""Bringing an interface up and down, and what happens when anything fails on the way.

Rule: ``up`` has an interface that works, or leaves nothing behind; ``down`` leaves nothing behind, whether
the tunnel's process still lives or was killed. Section: wg-quick(8).
"""

import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from glasstunnel.host import control, daemon, journal
from glasstunnel.host.apart import Apart, make_namespace
from glasstunnel.host.errors import HostError
from glasstunnel.host.journal import Journal
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.observer import Observer
from glasstunnel.host.resolve import resolve
from glasstunnel.host.setup import Setup
from glasstunnel.ip.address import Prefix
from glasstunnel.operate import users
from glasstunnel.operate.config import Config, Endpoint, Peer, dump, expand
from glasstunnel.operate.plan import plan, plan_apart
from glasstunnel.operate.serve import Say, serve
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path as NetworkPath

_PATIENCE = 30.0  # seconds that a tunnel may take to end, with the commands of its configuration

_log = logging.getLogger(__name__)

Observe = Callable[[Device], Observer]


def up(
    name: str,
    config: Config,
    file: Path,
    *,
    foreground: bool,
    say: Say,
    observe: Observe | None = None,
    apart: bool = False,
) -> None:
    """Bring the interface ``name`` up and return, or with ``foreground`` stay until a signal ends it.

    Args:
        name: of the interface.
        config, file: what it shall be, and where that was read.
        foreground: whether to serve it in this process.
        say: is told each step as it is done.
        observe: makes an observer of the tunnel.
        apart: whether it is for programs only, in a namespace that stays until the interface goes.

    Raises:
        HostError: if it did not come to work; nothing of it is left then.
    """
    namespace = make_namespace() if apart else None
    work = partial(_serve, name, config, file, say, observe, namespace, stays=True)
    if foreground:
        work(daemon.notify_ready)
    else:
        daemon.spawn(work)


def up_apart(name: str, config: Config, file: Path, namespace: Namespace, *, say: Say) -> None:
    """Bring the interface ``name`` up in ``namespace``, for programs: it goes when the namespace ends.

    The daemon lets go of the namespace, and the caller holds it; its tunnel is no child of this process.

    Raises:
        HostError: if it did not come to work; nothing of it is left then.
    """
    daemon.spawn_by_another(partial(_serve, name, config, file, say, None, namespace, stays=False))


def dry_run(name: str, config: Config, say: Say, *, apart: bool = False) -> None:
    """Tell the steps that :func:`up` would do, and do none."""
    with Netlink() as net:
        for step in (plan_apart if apart else plan)(name, config, net, partial(_resolve, retries=0)):
            if step.text:
                say(step.text)


def down(name: str) -> str:
    """Bring an interface down that :func:`up` has brought up; return what was done, as a sentence.

    Raises:
        HostError: if there is none, without the rights, or if its process does not end in time.
    """
    process = journal.holder(name)
    if process is None:
        if users.clear(name):
            return f"{name} is down already; the users who had to go through it go as before"
        raise HostError(f"{name} was not brought up by glasstunnel, or is down already")
    if not process:
        with Journal(name):
            users.clear(name)
            return f"the process of {name} had been killed; what it had left is cleaned up"
    process = control.owner(name) or process  # as this process sees it, should it live in another container
    if not daemon.end(process, _PATIENCE):
        raise HostError(f"{name} does not come down: its process {process} still works on it")
    return f"{name} is down"


def save(file: Path, config: Config, device: Device) -> None:
    """Write the configuration back with all that wg(8) or the peers have changed meanwhile.

    A peer whose endpoint is not known now keeps the one it had.

    Raises:
        OSError: if the file cannot be replaced; then it is as it was.
    """
    before = {peer.public_key: peer for peer in config.peers}
    peers = [
        Peer(
            public_key=key,
            preshared_key=peer.preshared_key if any(peer.preshared_key) else None,
            allowed_ips=tuple(Prefix(*prefix) for prefix in peer.allowed_ips),
            endpoint=Endpoint(*peer.endpoint.remote) if peer.endpoint else _endpoint(before.get(key)),
            persistent_keepalive=peer.persistent_keepalive,
        )
        for key, peer in device.peers.items()
    ]
    interface = replace(
        config.interface,
        private_key=device.private_key or config.interface.private_key,
        listen_port=device.listen_port,
        fwmark=device.fwmark,
    )
    handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as new:
            new.write(dump(Config(interface, tuple(peers))))
            new.flush()
            os.fsync(new.fileno())
        os.replace(temporary, file)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _endpoint(before: Peer | None) -> Endpoint | None:
    return before.endpoint if before else None


def _serve(
    name: str,
    config: Config,
    file: Path,
    say: Say,
    observe: Observe | None,
    namespace: Namespace | None,
    ready: Callable[[], None],
    *,
    stays: bool,
) -> None:
    """Bring up, in ``namespace`` if there is one, serve, undo; unless it stays, let go of the namespace."""
    interface = config.interface
    prepare = partial(
        partial(Apart, namespace) if namespace else Setup,
        name,
        pre_down=[expand(command, name) for command in interface.pre_down],
        post_down=[expand(command, name) for command in interface.post_down],
        save=partial(save, file, config) if interface.save_config else None,
        observe=observe,
    )
    steps = plan_apart if namespace else plan

    def stands() -> None:
        if namespace and not stays:
            namespace.close()
        ready()

    serve(
        name,
        prepare,
        lambda net: steps(name, config, net, _resolve),
        say,
        stands,
        apart=namespace is not None,
    )


def _resolve(endpoint: Endpoint, *, retries: int | None = None) -> NetworkPath:
    return resolve(endpoint.host, endpoint.port, retries=retries, say=_log.warning)
