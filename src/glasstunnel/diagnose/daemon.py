"""Which program pulls when one types ``docker pull``, and where it keeps what a pull depends on.

Rule: what the client would speak to decides, not what is installed: DOCKER_HOST, else the endpoint of its
context; only where neither is known the one that is there. Text in, values out. Section: docker/docs, "Daemon
proxy configuration" (rootless: ``systemctl --user``, ~/.config/systemd/user/docker.service.d), "Rootless
mode" (~/.config/docker/daemon.json), "Docker Desktop on Linux" (context desktop-linux,
~/.docker/desktop/docker.sock, ~/.docker/daemon.json); moby registry/config.go ``CertsDir``; docker-snap
snapcraft.yaml (its files below /var/snap/docker/current); podman-docker, which is a script that calls podman.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Who pulls."""

    NONE = ""  # nobody that is known
    SYSTEM = "system"  # dockerd, run by root
    SNAP = "snap"  # … out of the snap
    ROOTLESS = "rootless"  # … run by the user
    DESKTOP = "desktop"  # … in Docker Desktop's virtual machine
    PODMAN = "podman"  # no daemon: the command itself
    ELSEWHERE = "elsewhere"  # a daemon on another machine


@dataclass(frozen=True)
class Places:
    """Where a daemon's settings are, and how it is told of them; ``~`` is the user's home."""

    settings: str = "/etc/docker/daemon.json"
    drop_ins: str = "/etc/systemd/system/docker.service.d"  # "" where it has none
    certificates: str = "/etc/docker/certs.d"
    unit: str = "docker.service"
    restart: tuple[str, ...] = ("systemctl restart docker",)
    reload: tuple[str, ...] = ("systemctl reload docker",)
    by_root: bool = True

    @property
    def rewire(self) -> tuple[str, ...]:
        """The commands after a change of a drop-in."""
        return (
            "systemctl daemon-reload" if self.by_root else "systemctl --user daemon-reload",
            *self.restart,
        )


SYSTEM: Final = Places()
SNAP: Final = Places(
    settings="/var/snap/docker/current/config/daemon.json",
    drop_ins="/etc/systemd/system/snap.docker.dockerd.service.d",
    certificates="/var/snap/docker/current/etc/docker/certs.d",
    unit="snap.docker.dockerd.service",
    restart=("snap restart docker",),
    reload=("snap restart docker",),
)
DESKTOP: Final = Places(
    settings="~/.docker/daemon.json",
    drop_ins="",
    certificates="~/.docker/certs.d",
    restart=("systemctl --user restart docker-desktop",),
    reload=("systemctl --user restart docker-desktop",),
    by_root=False,
)


def places(kind: Kind, config: str = "~/.config") -> Places:
    """Those of a kind; ``config`` is the user's folder of configuration (XDG_CONFIG_HOME)."""
    if kind is Kind.ROOTLESS:
        restart = ("systemctl --user restart docker",)
        return Places(
            settings=f"{config}/docker/daemon.json",
            drop_ins=f"{config}/systemd/user/docker.service.d",
            certificates=f"{config}/docker/certs.d",
            restart=restart,
            reload=restart,
            by_root=False,
        )
    return {Kind.SNAP: SNAP, Kind.DESKTOP: DESKTOP}.get(kind, SYSTEM)


def who_pulls(endpoint: str, client: str, there: frozenset[Kind]) -> Kind:
    """Who pulls.

    Args:
        endpoint: of the daemon as the client names it, "" if it does not say.
        client: what the program ``docker`` is: "docker", "podman", or "" where there is none.
        there: what is installed or runs here.
    """
    if client == "podman" or "/podman/" in endpoint:
        return Kind.PODMAN
    if "/.docker/desktop/" in endpoint:
        return Kind.DESKTOP
    if endpoint.startswith(("unix:///run/user/", "unix:///var/run/user/")):
        return Kind.ROOTLESS
    if endpoint and not endpoint.startswith("unix://"):
        return Kind.ELSEWHERE
    local = (Kind.SYSTEM, Kind.SNAP, Kind.DESKTOP)  # whose socket may be /var/run/docker.sock
    order = local if endpoint else (Kind.SYSTEM, Kind.SNAP, Kind.ROOTLESS, Kind.DESKTOP, Kind.PODMAN)
    return next((kind for kind in order if kind in there), Kind.NONE)


def client_of(name: str, beginning: str) -> str:
    """What a program named docker is: by the name of the file that it leads to, and the file's beginning."""
    if not name:
        return ""
    is_script = beginning.startswith("#!")
    return "podman" if "podman" in name or (is_script and "podman" in beginning) else "docker"
