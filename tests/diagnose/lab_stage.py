"""The laboratory for a pull that fails: a client, a path that interferes, and a world with a registry in it.

Rule: nothing outside is reached, and all that answers is real: Debian's docker-registry, unbound, dnsmasq,
tinyproxy; the names and addresses are those of the internet, because a diagnosis judges them. One laboratory
serves all scenarios: what differs is the client's ``/etc``, which is an overlay of its own, the faults of the
path, and servers that last as long as a scenario. Nothing sleeps. Section: network_namespaces(7),
mount_namespaces(7).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from glasstunnel.host.namespace import Namespace
from glasstunnel.host.tun import Tun
from tests.diagnose import lab_names as names
from tests.diagnose.lab_certificates import Authority, Pair
from tests.diagnose.lab_fronts import Front, Handler, Issuer, failing, storage, token_service
from tests.diagnose.lab_image import Storage
from tests.diagnose.lab_path import Faults, Forwarder
from tests.diagnose.lab_path import Path as Wire
from tests.interop.lab import run, until

PROGRAMS = ("docker-registry", "skopeo", "dnsmasq", "unbound", "tinyproxy", "unshare", "ip")
CLIENT = "192.168.77.23"
PROXY = "192.168.77.80"
PROXY_PORT = 8888
DROP_INS = "/etc/systemd/system/docker.service.d"
BACKSTAGE = tuple(f"10.99.0.{number}" for number in range(1, 5))
"""Where servers stand to which the path leads the client, unknown to it."""
SERVICE = "registry.docker.io"
IMAGE = "library/hello-world"
_MOUNT = """
mount -t overlay overlay -o lowerdir=/etc,upperdir="$1/upper",workdir="$1/work" /etc
mount -t tmpfs none /run
mount -t sysfs sysfs /sys
echo mounted
exec cat
"""
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


@dataclass(frozen=True)
class Done:
    """A program that has ended: its status and what it printed."""

    status: int
    out: str
    error: str

    @classmethod
    def of(cls, program: subprocess.Popen[str], patience: float = 60) -> Done:
        """Wait for its end."""
        with program:
            try:
                out, error = program.communicate(timeout=patience)
            finally:
                program.kill()
            return cls(program.returncode, out, error)


_SYSTEM = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
ID=debian
"""
_DAEMON = """\
[Unit]
Description=Docker Application Container Engine
[Service]
ExecStart=/usr/bin/env dockerd
[Install]
WantedBy=multi-user.target
"""


class Client:
    """A machine: its ``/etc``, and the environment of its programs."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self._lab, self._directory = lab, directory
        for name in ("upper", "work", "home"):
            (directory / name).mkdir()
        self.home = directory / "home"
        self.environment: dict[str, str] = {}

    def write(self, path: str, text: str) -> None:
        """Let this file of its ``/etc`` have this text; before anything runs there."""
        file = self._directory / "upper" / Path(path).relative_to("/etc")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def start(self, *command: str | Path, **variables: str) -> subprocess.Popen[str]:
        """Start a program there, with further variables in its environment."""
        with self._lab.client_namespace:
            return subprocess.Popen(
                self.entered(*command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=self._environment() | variables,
            )

    def run(self, *command: str | Path, **variables: str) -> Done:
        """Run a program there to its end."""
        return Done.of(self.start(*command, **variables))

    def interactive(self, *command: str) -> int:
        """Run a program there that has this terminal."""
        with self._lab.client_namespace:
            environment = self._environment() | self.environment
            return subprocess.run(self.entered(*command), check=False, env=environment).returncode

    def entered(self, *command: str | Path) -> list[str]:
        """The command that runs another one with this ``/etc``, in whatever network it is started."""
        return [
            "nsenter",
            f"--mount=/proc/{self._holder.pid}/ns/mnt",
            f"--wd={self.home}",
            *map(str, command),
        ]

    @cached_property
    def _holder(self) -> subprocess.Popen[str]:
        """A process that does nothing but keep the mounts, until its input ends."""
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _MOUNT, "sh"]
        with self._lab.client_namespace:  # whose /sys it is to see
            holder = subprocess.Popen(
                [*command, str(self._directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert holder.stdout
        assert holder.stdout.readline() == "mounted\n"
        return holder

    def close(self) -> None:
        """Let go of the mounts."""
        if "_holder" in self.__dict__:
            with self._holder as holder:
                holder.communicate()

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if "proxy" not in name.lower() and not name.startswith(("XDG_", "SSL_", "DOCKER_", "LANG", "LC_"))
        }
        ours = {"HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        return kept | ours

    def diagnose(self, image: str, *options: str, **variables: str) -> subprocess.Popen[str]:
        """Start the diagnosis, by a user in whose shell this client's environment is set."""
        command = (sys.executable, "-m", "glasstunnel", "diagnose", "docker-pull", image, *options)
        return self.start(*command, **self.environment, **variables)

    def pull(self, image: str, patience: float, *before: str) -> subprocess.Popen[str]:
        """Let a shell run these lines, and then skopeo fetch the image with all its blobs.

        It goes through the proxy that a drop-in gives the daemon, and as root of this machine might have it
        the shell finds what manages services and the clock: programs that only note what they are told.
        """
        target = tempfile.mkdtemp(dir=self.home)
        skopeo = f"skopeo --command-timeout {patience}s copy --quiet docker://{image} dir:{target}"
        lines = (*before, *self._told_to_daemon, f"exec {skopeo}")
        return self.start("sh", "-ec", "\n".join(lines), PATH=self.noting())

    @property
    def _told_to_daemon(self) -> tuple[str, ...]:
        """Shell lines that set the daemon's proxies: of its drop-ins, or before them of daemon.json."""
        units = f"{{ cat {DROP_INS}/*.conf 2>/dev/null || true; }}"
        find = "grep -oE '(HTTPS?|NO)_PROXY=[^\"]*|^UnsetEnvironment=.*'"
        turn = "sed -E \"s/^UnsetEnvironment=/unset /; s/^([A-Z]+_PROXY=.*)/export '\\1'/\""
        own = 'sed -nE \'s/.*"https-proxy": *"([^"]*)".*/export HTTPS_PROXY=\\1/p\''
        return (
            f'eval "$({units} | {find} | {turn})"',
            f'eval "$({own} /etc/docker/daemon.json 2>/dev/null || true)"',
        )

    def noting(self) -> str:
        """A PATH on which the programs that manage services and the clock only note what they are told."""
        folder = self.home / "noting"
        folder.mkdir(exist_ok=True)
        for program in ("systemctl", "timedatectl", "date"):
            file = folder / program
            file.write_text(f'#!/bin/sh\nprintf "%s\\n" "{program} $*" >> {self.home}/noted\n')
            file.chmod(0o755)
        return f"{folder}:{os.environ['PATH']}"

    def noted(self) -> str:
        """What was told to the programs that manage services and the clock."""
        file = self.home / "noted"
        return file.read_text() if file.exists() else ""

    def files(self) -> dict[str, str]:
        """The text of every file that this machine has of its own, copies that a remedy keeps aside."""
        upper = self._directory / "upper"
        return {
            f"/etc/{path.relative_to(upper)}": path.read_text()
            for path in sorted(upper.rglob("*"))
            if path.is_file() and path.suffix != ".before-diagnose"
        }


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
            | {names.HONEST, names.POISONED, names.LYING, PROXY, *BACKSTAGE}
        )
        self.path = Wire({names.REGISTRY_ADDRESSES[1]: names.REGISTRY_ADDRESSES[0]})
        client = self._end(stack, self.client_namespace, [f"{CLIENT}/24"])
        world = self._end(stack, self.world, [])
        with self.world:
            run("ip", "-batch", "-", text="\n".join(f"address add {a}/32 dev lo" for a in served))
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

    def client(self, resolver: str = names.HONEST) -> Client:
        """A machine with a daemon, in whose ``/etc`` only a resolver and the trusted root are set up."""
        self._clients += 1
        directory = self.directory / f"client{self._clients}"
        directory.mkdir()
        client = Client(self, directory)
        client.write("/etc/ssl/certs/ca-certificates.crt", self.authority.root)
        client.write("/etc/hosts", "127.0.0.1 localhost\n")
        client.write("/etc/os-release", _SYSTEM)
        client.write("/etc/systemd/system/docker.service", _DAEMON)
        client.write("/etc/nsswitch.conf", "hosts: files dns\n")
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
