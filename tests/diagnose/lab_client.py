"""The client of the laboratory: a machine with an ``/etc`` of its own, whose programs are this machine's.

Rule: what a program finds there is what it would find on a Debian 12 with a Docker daemon: files below
``/etc``, an empty ``/run``, the network. What manages services and the clock only notes what it is told.
Section: mount_namespaces(7), nsenter(1).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from glasstunnel.host.namespace import Namespace
from tests.diagnose import lab_unpacked

_SERVICES = Path(__file__).with_name("lab_services.py")
_RESOLVED_USER = {
    "/etc/passwd": "systemd-resolve:x:64990:64990::/:/usr/sbin/nologin\n",
    "/etc/group": "systemd-resolve:x:64990:\n",
}
"""What systemd-sysusers(8) makes."""
DROP_INS = "/etc/systemd/system/docker.service.d"
_MOUNT = """
mount -t overlay overlay -o lowerdir=/etc,upperdir="$1/upper",workdir="$1/work" /etc
[ -z "$2" ] || mount -t overlay overlay -o lowerdir="$2":/usr /usr
mount -t tmpfs none /run
mount -t sysfs sysfs /sys
echo mounted
exec cat
"""
DEBIAN = {
    "/etc/os-release": """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
ID=debian
""",
    "/etc/systemd/system/docker.service": """\
[Unit]
Description=Docker Application Container Engine
[Service]
ExecStart=/usr/bin/env dockerd
[Install]
WantedBy=multi-user.target
""",
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
}
"""Files that it has in every scenario."""


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


def _registries(mirrors: Iterable[str]) -> str:
    """The daemon's mirrors as skopeo is told of them: containers-registries.conf(5)."""
    lines = ["[[registry]]", 'location = "docker.io"']
    for url in mirrors:
        lines += ["[[registry.mirror]]", f'location = "{url.partition("://")[2]}"']
    return "\n".join((*lines, ""))


class Client:
    """A machine: its ``/etc``, and the environment of its programs."""

    def __init__(self, network: Namespace, directory: Path) -> None:
        self._network, self._directory = network, directory
        for name in ("upper", "work", "home"):
            (directory / name).mkdir()
        self.home = directory / "home"
        self.environment: dict[str, str] = {}
        self._over_usr = ""
        self._services: tuple[str, ...] = ()

    def write(self, path: str, text: str) -> None:
        """Let this file of its ``/etc`` have this text; before anything runs there."""
        file = self._directory / "upper" / Path(path).relative_to("/etc")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def resolve_by_daemon(self, link_resolver: str) -> None:
        """Let systemd-resolved resolve names here, and be told this resolver as NetworkManager tells it."""
        self._over_usr = str(lab_unpacked.resolved())
        for path, line in _RESOLVED_USER.items():
            self.write(path, Path(path).read_text() + line)
        link = self._directory / "upper" / "resolv.conf"
        link.unlink()
        link.symlink_to("../run/systemd/resolve/stub-resolv.conf")
        self._services = ("dbus", "systemd-resolved")
        self._serve("start")
        done = self.run("resolvectl", "dns", "eth0", link_resolver)
        assert done.status == 0, done.error

    def _serve(self, verb: str) -> None:
        done = self.run(sys.executable, _SERVICES, verb, *self._services)
        assert done.status == 0, done.error

    def start(self, *command: str | Path, **variables: str) -> subprocess.Popen[str]:
        """Start a program there, with further variables in its environment."""
        with self._network:
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
        """Run a program there that has this terminal, and finds ours beside our interpreter."""
        with self._network:
            environment = self._environment() | self.environment
            found = self.noting() if self._services else environment["PATH"]
            environment["PATH"] = f"{Path(sys.executable).parent}:{found}"
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
        with self._network:  # whose /sys it is to see
            holder = subprocess.Popen(
                [*command, str(self._directory), self._over_usr],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert holder.stdout
        assert holder.stdout.readline() == "mounted\n"
        return holder

    def close(self) -> None:
        """Stop what was started, and let go of the mounts."""
        if self._services:
            self._serve("stop")
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

        It goes through the proxy that a drop-in gives the daemon, asks the mirrors of daemon.json first, and
        as root of this machine might have it the shell finds what manages services and the clock: programs
        that only note what they are told.
        """
        mirrors = self.mirrors()
        registries = self.home / ".config" / "containers" / "registries.conf"
        registries.parent.mkdir(parents=True, exist_ok=True)
        registries.write_text(_registries(mirrors))
        target = tempfile.mkdtemp(dir=self.home)
        debug = "--debug" if mirrors else ""  # says who is asked
        skopeo = f"skopeo --command-timeout {patience}s {debug} copy --quiet docker://{image} dir:{target}"
        lines = (*before, *self._told_to_daemon, f"exec {skopeo}")
        return self.start("sh", "-ec", "\n".join(lines), PATH=self.noting())

    def mirrors(self) -> list[str]:
        """What daemon.json says now."""
        settings = json.loads(self.files().get("/etc/docker/daemon.json", "{}"))
        return [str(url) for url in settings.get("registry-mirrors", ())]

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
        """A PATH on which the programs that manage services and the clock note what they are told.

        That is all that they do, but for the services that run here: these are restarted.
        """
        folder = self.home / "noting"
        folder.mkdir(exist_ok=True)
        for program in ("systemctl", "timedatectl", "date"):
            file = folder / program
            lines = ["#!/bin/sh", f'printf "%s\\n" "{program} $*" >> {self.home}/noted']
            if program == "date":  # -u -s TIME: the real one reads it
                real = shutil.which("date")
                lines.append(f'printf "clock %s\\n" "$({real} -u -d "$3" +%s)" >> {self.home}/noted')
            if program == "systemctl" and self._services:
                lines.append(f'exec {sys.executable} {_SERVICES} "$@"')
            file.write_text("\n".join((*lines, "")))
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
