"""A laboratory whose other host is a virtual machine: ours on one end of a tap, the kernel's at the other.

Rule: the machine is booted once for a run; each test makes its interface in it and takes it away again.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from glasstunnel.host.namespace import Namespace
from glasstunnel.wireguard.parameters import PARAMETERS, Parameters
from tests.interop.lab import PATIENCE, run, until
from tests.interop.service import Ours, Service
from tests.kernel.vm import TAP, Guest

MTU = 1420
_TCP_PORT = 5001


@dataclass
class End:
    """One of the two: its addresses on the cable and in the tunnel, by IP version, its port and its key."""

    outer: dict[int, str]
    inner: dict[int, str]
    port: int
    private_key: str = field(default_factory=lambda: run("wg", "genkey"))

    @property
    def public_key(self) -> str:
        return run("wg", "pubkey", text=self.private_key)

    def endpoint(self, version: int) -> str:
        host = self.outer[version]
        return f"Endpoint = [{host}]:{self.port}" if version == 6 else f"Endpoint = {host}:{self.port}"

    def config(self, peer: End, lines: Sequence[str], interface: Sequence[str] = ()) -> str:
        """The text of a configuration for ``wg setconf``, with further lines for its [Peer]."""
        return "\n".join(
            (
                "[Interface]",
                f"PrivateKey = {self.private_key}",
                f"ListenPort = {self.port}",
                *interface,
                "[Peer]",
                f"PublicKey = {peer.public_key}",
                f"AllowedIPs = {peer.inner[4]}/32, {peer.inner[6]}/128",
                *lines,
                "",
            )
        )


class KernelLab:
    """``ours`` in a namespace, ``theirs`` in the guest."""

    def __init__(self, guest: Guest, namespace: Namespace, service: Service) -> None:
        self.guest, self.namespace, self.service = guest, namespace, service
        self.ours = End({4: "192.0.2.1", 6: "2001:db8::1"}, {4: "10.9.0.1", 6: "fd09::1"}, 51001)
        self.theirs = End({4: "192.0.2.2", 6: "2001:db8::2"}, {4: "10.9.0.2", 6: "fd09::2"}, 51002)
        self.interface = "wg0"

    @contextmanager
    def kernel(self, *lines: str) -> Iterator[None]:
        """The kernel's interface, with further lines for its [Peer]."""
        name, inner = self.interface, self.theirs.inner
        self.guest.run(
            f"ip link add {name} type wireguard\n"
            f"wg setconf {name} /dev/stdin <<END\n{self.theirs.config(self.ours, lines)}END\n"
            f"ip address add {inner[4]}/24 dev {name}\nip address add {inner[6]}/64 dev {name}\n"
            f"ip link set {name} mtu {MTU}\nip link set {name} up"
        )
        try:
            yield
        finally:
            self.guest.run(f"ip link del {name}")

    @contextmanager
    def glasstunnel(self, *lines: str, parameters: Parameters = PARAMETERS) -> Iterator[Ours]:
        """Our interface, with further lines for its [Peer]."""
        address = f"Address = {self.ours.inner[4]}/24, {self.ours.inner[6]}/64"
        text = self.ours.config(self.theirs, lines, [address])
        ours = self.service.interface(self.namespace, text, parameters=parameters, mtu=MTU)
        try:
            yield ours
        finally:
            ours.close()

    def ping_them(self, version: int = 4, size: int = 56) -> None:
        """An echo from us through the tunnel, until one is answered."""
        with self.namespace:
            run("ping", "-n", "-c1", "-i0.2", f"-w{PATIENCE:.0f}", f"-s{size}", self.theirs.inner[version])

    def ping_us(self, version: int = 4, size: int = 56) -> None:
        """An echo from the kernel through the tunnel, until one is answered."""
        self.guest.run(f"ping -c1 -W{PATIENCE:.0f} -s{size} {self.ours.inner[version]}")

    def shows(self, what: str) -> str:
        """What ``wg show`` in the guest says of the only peer."""
        return self.guest.run(f"wg show {self.interface} {what}").partition("\t")[2]

    def send(self, version: int, size: int) -> None:
        """Some bytes by TCP from us to the guest, and compare what arrives."""
        data = os.urandom(size)
        self.guest.run(
            f"rm -f /tmp/sum; (nc -l -p {_TCP_PORT} | sha256sum >/tmp/sum.new; mv /tmp/sum.new /tmp/sum) "
            f"</dev/null >/dev/null 2>&1 & until netstat -ltn | grep -q :{_TCP_PORT}; do usleep 1000; done"
        )
        with self.namespace:
            sender = socket.create_connection((self.theirs.inner[version], _TCP_PORT), timeout=PATIENCE)
        with sender:
            sender.sendall(data)
            sender.shutdown(socket.SHUT_WR)
            until(lambda: self.guest.run("cat /tmp/sum 2>/dev/null", check=False), "the guest has it all")
        assert self.guest.run("cat /tmp/sum").split()[0] == hashlib.sha256(data).hexdigest()

    def fetch(self, version: int, size: int) -> None:
        """Some bytes by TCP from the guest to us, and compare what arrives."""
        family = socket.AF_INET6 if version == 6 else socket.AF_INET
        with self.namespace:
            listener = socket.create_server((self.ours.inner[version], 0), family=family)
        arrived = hashlib.sha256()

        def receive() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(PATIENCE)
                while chunk := connection.recv(1 << 16):
                    arrived.update(chunk)

        with listener:
            listener.settimeout(PATIENCE)
            receiver = threading.Thread(target=receive)
            receiver.start()
            address, port = self.ours.inner[version], listener.getsockname()[1]
            sent = self.guest.run(
                f"head -c {size} /dev/urandom >/tmp/data; nc {address} {port} </tmp/data; sha256sum /tmp/data"
            )
            receiver.join()
        assert sent.split()[0] == arrived.hexdigest()


@contextmanager
def kernel_lab() -> Iterator[KernelLab]:
    """Boot, give both ends their addresses on the cable, and take all away at the end."""
    namespace, service = Namespace(), Service()
    guest = Guest(namespace)
    try:
        lab = KernelLab(guest, namespace, service)
        with namespace:
            for version, length in ((4, 24), (6, 64)):
                run(
                    "ip",
                    "address",
                    "add",
                    f"{lab.ours.outer[version]}/{length}",
                    "dev",
                    TAP,
                    *_no_dad(version),
                )
        guest.run(
            f"ip link set eth0 up\nip address add {lab.theirs.outer[4]}/24 dev eth0\n"
            f"ip address add {lab.theirs.outer[6]}/64 dev eth0"
        )
        yield lab
    finally:
        guest.close()
        service.close()
        namespace.close()


def _no_dad(version: int) -> list[str]:
    return ["nodad"] if version == 6 else []  # the address works at once
