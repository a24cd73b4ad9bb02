"""One end of a tunnel as the other end and a configuration describe it, whoever serves it.

Rule: a configuration is text for ``wg setconf``; who is not to be the initiator is not told an endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from glasstunnel.host.namespace import Namespace, veth_pair
from tests.interop.lab import PATIENCE, run

LENGTHS = {4: 24, 6: 64}
"""Of the prefixes in which addresses are, by IP version."""


@dataclass
class End:
    """Its addresses on the cable and in the tunnel, by IP version, its UDP port and its key."""

    outer: dict[int, str]
    inner: dict[int, str]
    port: int
    private_key: str = field(default_factory=lambda: run("wg", "genkey"))

    @classmethod
    def numbered(cls, host: int, tunnel: int = 0) -> End:
        """The host of that number on the cable, with its end of the tunnel of that number."""
        return cls(
            {4: f"192.0.2.{host}", 6: f"2001:db8::{host}"},
            {4: f"10.9.{tunnel}.{host}", 6: f"fd09:{tunnel}::{host}"},
            51000 + 10 * tunnel + host,
        )

    @property
    def public_key(self) -> str:
        return run("wg", "pubkey", text=self.private_key)

    @property
    def addresses(self) -> list[str]:
        """In the tunnel, as ``ip address add`` takes them."""
        return [f"{address}/{LENGTHS[version]}" for version, address in self.inner.items()]

    def endpoint(self, version: int) -> str:
        """The line of a [Peer] that tells where it is."""
        host = self.outer[version]
        return f"Endpoint = [{host}]:{self.port}" if version == 6 else f"Endpoint = {host}:{self.port}"

    def peer(self, *lines: str) -> str:
        """The [Peer] that it is for others, with further lines."""
        allowed = ", ".join(f"{address}/{32 if v == 4 else 128}" for v, address in self.inner.items())
        return "\n".join(("[Peer]", f"PublicKey = {self.public_key}", f"AllowedIPs = {allowed}", *lines, ""))

    def config(self, *peers: str) -> str:
        """The text of its configuration."""
        head = f"[Interface]\nPrivateKey = {self.private_key}\nListenPort = {self.port}\n"
        return head + "".join(peers)


@contextmanager
def two_hosts(mtu: int = 1500) -> Iterator[tuple[Namespace, Namespace]]:
    """Namespaces joined by a cable, with the outer addresses of :meth:`End.numbered` 1 and 2."""
    with closing(Namespace()) as one, closing(Namespace()) as two:
        for namespace in (one, two):
            with namespace:
                Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")  # addresses work at once
        veth_pair(one, "eth0", two, "eth0")
        for number, namespace in enumerate((one, two), 1):
            with namespace:
                run("ip", "link", "set", "eth0", "mtu", str(mtu))
                for version, address in End.numbered(number).outer.items():
                    run("ip", "address", "add", f"{address}/{LENGTHS[version]}", "dev", "eth0")
        yield one, two


def lost(address: str, count: int = 1, size: int = 56) -> int:
    """How many pings in quick succession remain without an answer, until so many have one.

    Answers keep their order; one that is missing before the last has not come and will not come.
    """
    words = ("ping", "-n", f"-c{count}", "-i0.01", f"-w{PATIENCE:.0f}", f"-s{size}", address)
    answered = [int(number) for number in re.findall(r"seq=(\d+) ttl", run(*words, check=False))]
    return max(count, *answered) - len(answered) if answered else count


def is_silent(address: str) -> bool:
    """Whether one ping has no answer, within a time that is long for namespaces of one machine."""
    return " 0 received" in run("ping", "-n", "-c1", "-W0.5", address, check=False)
