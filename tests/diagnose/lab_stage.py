"""The laboratory for a pull that fails: a client, a path that interferes, and a world with a registry in it.

Rule: nothing outside is reached, and all that answers is real: Debian's docker-registry, unbound, dnsmasq,
tinyproxy; the names and addresses are those of the internet, because a diagnosis judges them. One laboratory
serves all scenarios: what differs is the client's ``/etc``, which is an overlay of its own, the faults of the
path, and servers that last as long as a scenario. Nothing sleeps. Section: network_namespaces(7),
mount_namespaces(7).
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from glasstunnel.host.namespace import Namespace
from glasstunnel.host.tun import Tun
from tests.diagnose import lab_names as names
from tests.diagnose.lab_certificates import Authority, Pair
from tests.diagnose.lab_client import DEBIAN, Client
from tests.diagnose.lab_fronts import Front, Handler, Issuer, failing, relay, storage, token_service
from tests.diagnose.lab_image import Storage
from tests.diagnose.lab_path import Faults, Forwarder
from tests.diagnose.lab_path import Path as Wire
from tests.interop.lab import addresses_work, run, until

PROGRAMS = (
    "docker-registry",
    "skopeo",
    "dnsmasq",
    "unbound",
    "tinyproxy",
    "unshare",
    "ip",
    "dbus-daemon",
    "apt-get",
    "dpkg-deb",
)
CLIENT, CLIENT_6 = "192.168.77.23", "2001:db8:77::23"
PROXY = "192.168.77.80"
PROXY_PORT = 8888
BACKSTAGE = tuple(f"10.99.0.{number}" for number in range(1, 5))
"""Where servers stand to which the path leads the client, unknown to it."""
SERVICE = "registry.docker.io"
IMAGE = "library/hello-world"
_REGISTRY = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {root}}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http:
  addr: {address}:{port}
  tls: {{certificate: {chain}, key: {key}}}
{more}
"""
_TOKEN = """
auth:
  token: {{realm: "https://{auth}/token", service: {service}, issuer: lab, rootcertbundle: {roots}}}
middleware:
  storage: [{{name: redirect, options: {{baseurl: "https://{blobs}/"}}}}]
"""


class Lab:
    """The client's and the world's namespace, the path between them, and all servers; close it at the end."""

    def __init__(self) -> None:
        with ExitStack() as stack:
            self._build(stack)
            self._stack = stack.pop_all()

    def close(self) -> None:
        self._stack.close()

    def _build(self, stack: ExitStack) -> None:
        self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gtlab")))
        self.client_namespace, self.world = Namespace(), Namespace()
        stack.callback(self.world.close)
        stack.callback(self.client_namespace.close)
        served = sorted(
            {address for several in names.TRUE.values() for address in several}
            | set(names.PUBLIC)
            | {names.HONEST, names.POISONED, names.LYING, PROXY, *BACKSTAGE, names.UNMARKED_6}
        )
        self.path = Wire({names.REGISTRY_ADDRESSES[1]: names.REGISTRY_ADDRESSES[0]})
        client = self._end(stack, self.client_namespace, [f"{CLIENT}/24"])
        world = self._end(stack, self.world, [])
        with self.world:
            commands = [f"address add {a}/{128 if ':' in a else 32} dev lo" for a in served]
            run("ip", "-batch", "-", text="\n".join((*commands, "route add ::/0 dev eth0")))
        stack.callback(Forwarder(client, world, self.path).close)

        self.authority = Authority("Trusted Lab", self.directory)
        self.stranger = Authority("Inspection Gateway", self.directory)
        self._clients = 0
        self._images()
        self._resolvers(stack)
        self._servers(stack)
        until(self._all_serve, "every server of the laboratory listens")

    @staticmethod
    def _end(stack: ExitStack, namespace: Namespace, addresses: Sequence[str]) -> Tun:
        with namespace:
            tun = Tun("eth0")
            stack.callback(tun.close)
            commands = [f"address add {address} dev eth0" for address in addresses]
            run(
                "ip",
                "-batch",
                "-",
                text="\n".join((*commands, "link set eth0 up mtu 1500", "route add default dev eth0")),
            )
        return tun

    def _images(self) -> None:
        self._storage = self.directory / "storage"
        for repository in (IMAGE, "team/app", "secret/app"):
            Storage(self._storage).put(repository)

    def _resolvers(self, stack: ExitStack) -> None:
        pair = self.authority.issue([*names.PUBLIC.values(), *names.PUBLIC], days=3000)
        self._start(stack, *names.unbound(self.directory, pair))
        self._start(stack, *names.dnsmasq(names.HONEST))
        self._start(stack, *names.dnsmasq(names.POISONED, f"/{names.REGISTRY}/{names.POISON}"))
        self._start(stack, *names.dnsmasq(names.LYING, f"/{names.REGISTRY}/"))

    def _servers(self, stack: ExitStack) -> None:
        hub = self.authority.issue([names.REGISTRY, "*.docker.io", names.AUTH])
        issuer = Issuer(hub, SERVICE)
        roots = self.directory / "roots.pem"
        roots.write_text(self.authority.root)
        tokens = _TOKEN.format(auth=names.AUTH, service=SERVICE, roots=roots, blobs=names.BLOBS)
        self._registry(stack, names.REGISTRY_ADDRESSES[0], 443, hub, tokens)
        private = self.authority.issue([names.PRIVATE_REGISTRY])
        self._registry(stack, names.PRIVATE_ADDRESS, 5443, private, "")
        self._front(stack, names.AUTH_ADDRESS, token_service(issuer), hub)
        self._front(stack, names.BLOBS_ADDRESS, storage(self._storage), self.authority.issue([names.BLOBS]))
        relayed = relay(self.world, (names.PRIVATE_ADDRESS, 5443), self.authority.root)
        both = self.authority.issue([names.BOTH])
        for address in names.BOTH_ADDRESSES:
            self._front(stack, address, relayed, both)
        innocent = self.authority.issue(["example.com", "www.example.com"])
        self._front(stack, names.INNOCENT_ADDRESS, failing(404, "nothing here"), innocent)
        proxy = self.directory / "tinyproxy.conf"
        proxy.write_text(f"Port {PROXY_PORT}\nListen {PROXY}\nTimeout 5\nLogLevel Critical\n")
        elsewhere = stack.enter_context(closing(self.client("8.8.8.8")))  # for a resolver of the world
        self._start(stack, *elsewhere.entered("tinyproxy", "-d", "-c", proxy))

    def _registry(self, stack: ExitStack, address: str, port: int, pair: Pair, more: str) -> None:
        config = self.directory / f"registry{port}.yml"
        config.write_text(
            _REGISTRY.format(
                root=self._storage,
                address=address,
                port=port,
                chain=pair.chain,
                key=pair.key,
                more=more,
            )
        )
        self._start(stack, "docker-registry", "serve", str(config))

    def _start(self, stack: ExitStack, *command: str) -> None:
        """Run a server in the world until the stack is left; it is to stay in the foreground."""
        log = stack.enter_context((self.directory / f"{command[0]}.log").open("ab"))
        with self.world:
            daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        stack.callback(daemon.wait)
        stack.callback(daemon.terminate)

    def _all_serve(self) -> bool:
        places = [(PROXY, PROXY_PORT), (names.REGISTRY_ADDRESSES[0], 443), (names.PRIVATE_ADDRESS, 5443)]
        places += [(address, 53) for address in (*names.PUBLIC, names.HONEST, names.POISONED, names.LYING)]
        with self.world, suppress(OSError):
            for place in places:
                socket.create_connection(place, timeout=1).close()
            return True
        return False

    def _front(self, stack: ExitStack, address: str, handler: Handler, pair: Pair) -> None:
        stack.callback(Front(self.world, address, handler, pair).close)

    @contextmanager
    def ipv6(self) -> Iterator[None]:
        """Within the block the client has IPv6 too."""
        parts = (f"address %s {CLIENT_6}/64 dev eth0", "route %s default dev eth0")
        with self.client_namespace:
            run("ip", "-6", "-batch", "-", text="\n".join(part % "add" for part in parts))
            addresses_work("eth0")
        try:
            yield
        finally:
            with self.client_namespace:
                run("ip", "-6", "-batch", "-", text="\n".join(part % "del" for part in reversed(parts)))

    def client(self, resolver: str = names.HONEST) -> Client:
        """A machine with a daemon, in whose ``/etc`` only a resolver and the trusted root are set up."""
        self._clients += 1
        directory = self.directory / f"client{self._clients}"
        directory.mkdir()
        client = Client(self.client_namespace, directory)
        client.write("/etc/ssl/certs/ca-certificates.crt", self.authority.root)
        for path, text in DEBIAN.items():
            client.write(path, text)
        client.write("/etc/resolv.conf", f"nameserver {resolver}\noptions timeout:1 attempts:1\n")
        return client


class Stage:
    """What one scenario adds to the laboratory: faults of the path, and servers, until it is left."""

    def __init__(self, lab: Lab, faults: Faults) -> None:
        self.world, self.authority, self.stranger = lab.world, lab.authority, lab.stranger
        self._path, self._faults = lab.path, faults
        self._stack = ExitStack()
        self._path.set(faults)

    def front(self, address: str, handler: Handler, pair: Pair | None, port: int = 443) -> None:
        """Let a server of ours listen at an address of the world."""
        self._stack.callback(Front(self.world, address, handler, pair, port).close)

    def lead(self, addresses: Mapping[str, str]) -> None:
        """Let the path lead what is sent to these addresses to others."""
        self.set(replace(self._faults, led_to={**self._faults.led_to, **addresses}))

    def set(self, faults: Faults) -> None:
        """Let these faults be in force from now on."""
        self._faults = faults
        self._path.set(faults)

    def clear(self) -> None:
        """The path does nothing more, and the servers are gone."""
        self.set(Faults())
        self._stack.close()

    close = clear
