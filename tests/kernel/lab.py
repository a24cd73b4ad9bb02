"""A laboratory whose other host is a virtual machine: ours on one end of a tap, the kernel's at the other.

Rule: the machine is booted once for a run; each test makes its interface in it and takes it away again.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from glasstunnel.host.namespace import Namespace
from glasstunnel.wireguard.parameters import PARAMETERS, Parameters
from tests.interop.end import LENGTHS, End
from tests.interop.lab import PATIENCE, run, until
from tests.interop.service import Ours, Service
from tests.kernel.vm import TAP, Guest

MTU = 1420
_TCP_PORT = 5001


class KernelLab:
    """``ours`` in a namespace, ``theirs`` in the guest; the tunnel of that number among others."""

    def __init__(self, guest: Guest, namespace: Namespace, service: Service, number: int = 0) -> None:
        self.guest, self.namespace, self.service = guest, namespace, service
        self.ours, self.theirs = End.numbered(1, number), End.numbered(2, number)
        self.interface = f"wg{number}"

    @contextmanager
    def kernel(self, *lines: str) -> Iterator[None]:
        """The kernel's interface, with further lines for its [Peer]."""
        name, text = self.interface, self.theirs.config(self.ours.peer(*lines))
        self.guest.run(
            f"ip link add {name} type wireguard\nwg setconf {name} /dev/stdin <<END\n{text}END\n"
            + "".join(f"ip address add {address} dev {name}\n" for address in self.theirs.addresses)
            + f"ip link set {name} mtu {MTU}\nip link set {name} up"
        )
        try:
            yield
        finally:
            self.guest.run(f"ip link del {name}")

    @contextmanager
    def glasstunnel(self, *lines: str, parameters: Parameters = PARAMETERS) -> Iterator[Ours]:
        """Our interface, with further lines for its [Peer]."""
        text = self.ours.config(self.theirs.peer(*lines))
        with self.service.interface(text, self.ours.addresses, parameters=parameters, mtu=MTU) as ours:
            yield ours

    def ping_them(self, version: int = 4, size: int = 56) -> None:
        """An echo from us through the tunnel, until one is answered."""
        with self.namespace:
            run("ping", "-n", "-c1", "-i0.2", f"-w{PATIENCE:.0f}", f"-s{size}", self.theirs.inner[version])

    def ping_us(self, version: int = 4, size: int = 56) -> None:
        """An echo from the kernel through the tunnel, until one is answered."""
        address = self.ours.inner[version]
        self.guest.run(
            f"for _ in $(seq {PATIENCE:.0f}); do ping -c1 -W1 -s{size} {address} && exit; done; false"
        )

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
    with closing(Namespace()) as namespace, closing(Service(namespace)) as service:
        with namespace:
            Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")  # addresses work at once
        with closing(Guest(namespace)) as guest:
            lab = KernelLab(guest, namespace, service)
            for version, length in LENGTHS.items():
                with namespace:
                    run("ip", "address", "add", f"{lab.ours.outer[version]}/{length}", "dev", TAP)
                guest.run(
                    f"ip address add {lab.theirs.outer[version]}/{length} dev eth0; ip link set eth0 up"
                )
            yield lab
