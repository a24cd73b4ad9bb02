"""A laboratory: two hosts joined by a cable, ``glasstunnel`` on one, ``wireguard-go`` driven by ``wg`` on the
other.

The hosts are anonymous network namespaces and the interfaces have names of this process, so any number of
test runs can go on at once. Nothing sleeps: what has to happen is asked for until it has, and the limit is a
safety net only.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from glasstunnel.host import control
from glasstunnel.host.namespace import Namespace, veth_pair

PATIENCE = 20.0
"""Seconds until a test that waits gives up."""
_numbers = itertools.count()


def interface_name() -> str:
    """A name that nobody else on this machine uses: at most 15 characters."""
    return f"gt{os.getpid()}n{next(_numbers)}"


def until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Ask until the answer is true."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.002)


def run(*command: str | Path, text: str | None = None, check: bool = True) -> str:
    """Run a program in the namespace of the calling thread; its output without the last line break."""
    done = subprocess.run(
        [str(word) for word in command], input=text, capture_output=True, text=True, check=False, timeout=60
    )
    assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout.rstrip("\n")


def glasstunnel(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run our program in the namespace of the calling thread."""
    return subprocess.run(
        [sys.executable, "-m", "glasstunnel", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def ping(address: str) -> None:
    """One echo request after the other until one is answered."""
    run("ping", "-n", "-c1", "-i0.2", f"-w{PATIENCE:.0f}", address)


def switch_on(interface: str, config: str, addresses: Sequence[str], mtu: int) -> None:
    """Configure a WireGuard interface of the current namespace with wg and ip, whoever serves it."""
    run("wg", "setconf", interface, "/dev/stdin", text=config)
    commands = [f"address add {address} dev {interface}" for address in addresses]
    run("ip", "-batch", "-", text="\n".join((*commands, f"link set {interface} up mtu {mtu}")))
    addresses_work(interface)


def addresses_work(interface: str) -> None:
    """Wait for the moment at which the kernel lets the new IPv6 addresses of an interface be used."""
    until(
        lambda: not run("ip", "address", "show", "dev", interface, "tentative"),
        f"the addresses of {interface} can be used",
    )


@contextmanager
def wireguard_go(
    namespace: Namespace, interface: str, config: str, addresses: Sequence[str], mtu: int = 1420
) -> Iterator[None]:
    """Debian's wireguard-go, configured by wg with this text."""
    with namespace:
        daemon = subprocess.Popen(
            ["wireguard-go", "-f", interface], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    try:
        until(lambda: control.is_served(interface), "wireguard-go serves its socket")
        with namespace:
            switch_on(interface, config, addresses, mtu)
        yield
    finally:
        daemon.terminate()
        daemon.wait()


@dataclass
class Host:
    """A host, its address on the cable in both families, and its address in the tunnel in both families."""

    namespace: Namespace
    outer: dict[int, str]
    inner: dict[int, str]
    port: int
    interface: str = field(default_factory=interface_name)
    private_key: str = field(default_factory=lambda: run("wg", "genkey"))

    @property
    def public_key(self) -> str:
        return run("wg", "pubkey", text=self.private_key)

    def endpoint(self, version: int) -> str:
        host = self.outer[version]
        return f"[{host}]:{self.port}" if version == 6 else f"{host}:{self.port}"

    @property
    def allowed_ips(self) -> str:
        return f"{self.inner[4]}/32,{self.inner[6]}/128"


class Lab:
    """Two hosts: ``ours`` and ``theirs``."""

    def __init__(self) -> None:
        self.ours = Host(
            Namespace(), {4: "192.0.2.1", 6: "2001:db8::1"}, {4: "10.9.0.1", 6: "fd09::1"}, 51001
        )
        self.theirs = Host(
            Namespace(), {4: "192.0.2.2", 6: "2001:db8::2"}, {4: "10.9.0.2", 6: "fd09::2"}, 51002
        )
        for host in (self.ours, self.theirs):
            with host.namespace:
                Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")  # addresses work at once
        veth_pair(self.ours.namespace, "eth0", self.theirs.namespace, "eth0")
        for host in (self.ours, self.theirs):
            with host.namespace:
                for version, address in host.outer.items():
                    self.add_address(address, version)

    @staticmethod
    def add_address(address: str, version: int) -> None:
        """Give the cable of the current namespace an address, usable at once."""
        run("ip", "address", "add", f"{address}/{24 if version == 4 else 64}", "dev", "eth0")

    def close(self) -> None:
        self.ours.namespace.close()
        self.theirs.namespace.close()

    @contextmanager
    def wireguard_go(self, *lines: str) -> Iterator[None]:
        """Debian's wireguard-go at ``theirs``, configured by wg, with further lines for its [Peer]."""
        host = self.theirs
        text = f"[Interface]\nPrivateKey = {host.private_key}\nListenPort = {host.port}\n"
        addresses = [f"{address}/{24 if version == 4 else 64}" for version, address in host.inner.items()]
        with wireguard_go(host.namespace, host.interface, text + self._peer(self.ours, lines), addresses):
            yield

    def config(self, directory: Path, *lines: str, interface: str = "") -> Path:
        """A configuration file for ``ours``, with further lines for its [Peer] and its [Interface]."""
        host = self.ours
        path = directory / f"{host.interface}.conf"
        path.touch(mode=0o600)
        path.write_text(
            f"[Interface]\nPrivateKey = {host.private_key}\nListenPort = {host.port}\n"
            f"Address = {host.inner[4]}/24, {host.inner[6]}/64\n{interface}\n"
            + self._peer(self.theirs, lines)
        )
        return path

    @staticmethod
    def _peer(host: Host, lines: Sequence[str]) -> str:
        first = ("[Peer]", f"PublicKey = {host.public_key}", f"AllowedIPs = {host.allowed_ips}")
        return "\n".join((*first, *lines)) + "\n"

    @contextmanager
    def up(self, config: Path) -> Iterator[None]:
        """``glasstunnel up`` at ``ours``, and ``down`` at the end."""
        with self.ours.namespace:
            done = glasstunnel("up", "--quiet", config)
        assert (done.returncode, done.stderr) == (0, "")
        try:
            yield
        finally:
            with self.ours.namespace:
                done = glasstunnel("down", config)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr


def transfer(source: Host, target: Host, version: int, size: int) -> None:
    """Send ``size`` bytes through a TCP connection in the tunnel and compare what arrives."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    data = os.urandom(size)
    arrived = hashlib.sha256()
    with target.namespace:
        listener = socket.create_server((target.inner[version], 0), family=family)
    with listener:
        with source.namespace:
            sender = socket.create_connection(listener.getsockname()[:2], timeout=PATIENCE)
        receiver, _ = listener.accept()
    with sender, receiver:
        receiver.settimeout(PATIENCE)
        thread = threading.Thread(target=_send_all, args=(sender, data))
        thread.start()
        while chunk := receiver.recv(1 << 16):
            arrived.update(chunk)
        thread.join()
    assert arrived.hexdigest() == hashlib.sha256(data).hexdigest()


def _send_all(sender: socket.socket, data: bytes) -> None:
    sender.sendall(data)
    sender.shutdown(socket.SHUT_WR)
