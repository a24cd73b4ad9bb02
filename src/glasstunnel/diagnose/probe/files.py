"""The machine's own situation, gathered: files, the running daemon's environment, what resolvectl says.

Rule: reads only, and what cannot be read is left out or named; nobody's credentials are opened
(``~/.docker/config.json`` holds them, so it is left alone: the client itself is asked for its context).
Section: dockerd(8), docker-context(1), systemd.unit(5) "UNIT FILE LOAD PATH", systemd-resolved.service(8)
"/ETC/RESOLV.CONF", proc(5).
"""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from glasstunnel.diagnose.daemon import Kind, client_of, places, who_pulls
from glasstunnel.diagnose.finding import fact
from glasstunnel.diagnose.machine import (
    Machine,
    Proxies,
    apt_proxy,
    environment_file,
    laid_over,
    nsswitch_hosts,
    proxies_of,
    read_daemon_json,
    resolv_conf,
    unit_environment,
)

_UNIT_FOLDERS = (
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/system",
    "/etc/systemd/system",
)
_USER_UNIT_FOLDERS = ("/usr/lib/systemd/user", "/etc/systemd/user", "~/.config/systemd/user")
_CONTEXT = ("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
_RESOLVED = Path("/run/systemd/resolve")
_STUB = "127.0.0.53"
_PATIENCE = 1.0  # seconds for a program


def read_machine() -> Machine:
    """Everything that :class:`Machine` has room for."""
    machine = Machine(system=_system())
    machine.nsswitch = nsswitch_hosts(_text("/etc/nsswitch.conf"))
    machine.name_servers, machine.resolver_options = resolv_conf(_text("/etc/resolv.conf"))
    machine.upstream, _ = resolv_conf(_text(str(_RESOLVED / "resolv.conf")))
    if Path("/etc/resolv.conf").is_symlink():
        machine.resolv_conf_link = os.readlink("/etc/resolv.conf")
    machine.resolved = _STUB in machine.name_servers or "systemd/resolve" in machine.resolv_conf_link
    if machine.resolved:
        machine.resolvectl = _said("resolvectl", "--no-pager", "status")
    machine.network_manager = Path("/run/NetworkManager").is_dir()
    machine.interface = _default_interface()
    machine.default_route = bool(machine.interface)
    mtu = _text(f"/sys/class/net/{machine.interface}/mtu").strip() if machine.interface else ""
    machine.mtu = int(mtu) if mtu.isdecimal() else 0
    _read_daemon(machine)
    _read_proxies(machine)
    return machine


def hosts_file() -> str:
    """The hosts file."""
    return _text("/etc/hosts")


def extra_certificates(machine: Machine, host: str, port: int) -> list[str]:
    """What the daemon trusts beside the system's certificates for one registry: certs.d."""
    name = f"[{host}]" if ":" in host else host
    names = (name, f"{name}:443") if port == 443 else (f"{name}:{port}",)
    folders = [_path(machine.places.certificates) / name for name in names]
    try:
        return [str(path) for folder in folders for path in sorted(folder.glob("*.crt"))]
    except OSError:
        return []


def _read_daemon(machine: Machine) -> None:
    client = shutil.which("docker") or ""
    machine.endpoint = os.environ.get("DOCKER_HOST", "")
    kind_of_client = client_of(os.path.realpath(client) if client else "", _beginning(client))
    if not machine.endpoint and kind_of_client == "docker":
        machine.endpoint = _said("docker", *_CONTEXT)
    machine.kind = who_pulls(machine.endpoint, kind_of_client, _there())
    machine.places = places(machine.kind, os.environ.get("XDG_CONFIG_HOME") or "~/.config")
    if not machine.daemon and machine.kind is not Kind.NONE:
        return  # what a daemon of this machine is told does not concern this pull
    unit_texts = _unit(machine.places.unit, _UNIT_FOLDERS if machine.places.by_root else _USER_UNIT_FOLDERS)
    unit = proxies_of(unit_environment(unit_texts, _text), machine.places.unit)
    text = _text(machine.places.settings)
    over = read_daemon_json(text, machine.places.settings, machine) if text else None
    machine.configured = None if machine.desktop else laid_over(unit, over)
    running = None if machine.desktop else _running_environment(machine)
    if running is not None:
        machine.running = laid_over(proxies_of(running, "dockerd"), over) or Proxies("dockerd")


def _there() -> frozenset[Kind]:
    """What could pull here."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/usr/local/bin"
    rootless = any(_exists(f"{folder}/docker.service") for folder in _USER_UNIT_FOLDERS)
    system = any(_exists(f"{folder}/docker.service") for folder in _UNIT_FOLDERS)
    desktop = ("/opt/docker-desktop", "/mnt/wsl/docker-desktop", "~/.docker/desktop")
    found = {
        Kind.SYSTEM: system or (bool(shutil.which("dockerd", path=path)) and not rootless),
        Kind.SNAP: _exists("/var/snap/docker/current"),
        Kind.ROOTLESS: rootless,
        Kind.DESKTOP: any(map(_exists, desktop)),
        Kind.PODMAN: bool(shutil.which("podman")),
    }
    return frozenset(kind for kind, is_there in found.items() if is_there)


def _path(path: str) -> Path:
    """With the user's home in place of ``~``; without one it is nowhere."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _exists(path: str) -> bool:
    try:
        return _path(path).exists()
    except OSError:
        return False


def _beginning(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(512).decode(errors="replace")
    except OSError:
        return ""


def _read_proxies(machine: Machine) -> None:
    machine.environment = proxies_of(os.environ, "environment")
    found = [proxies_of(environment_file(_text("/etc/environment")), "/etc/environment")]
    found += [apt_proxy(_text(str(path)), str(path)) for path in _files("/etc/apt/apt.conf.d")]
    machine.elsewhere = tuple(proxies for proxies in found if proxies)


def _unit(name: str, folders: tuple[str, ...]) -> list[str]:
    """A unit's text and its drop-ins', in the order in which systemd reads them."""
    texts: list[str] = []
    main = [f"{folder}/{name}" for folder in folders if _exists(f"{folder}/{name}")]
    if main:
        texts.append(_text(main[-1]))
    drop_ins: dict[str, Path] = {}
    for folder in folders:
        drop_ins |= {path.name: path for path in _files(f"{folder}/{name}.d") if path.suffix == ".conf"}
    return texts + [_text(str(drop_ins[key])) for key in sorted(drop_ins)]


def _running_environment(machine: Machine) -> dict[str, str] | None:
    """The variables of a running dockerd: what counts, whatever its files have come to say since it began."""
    owner = 0 if machine.places.by_root else os.getuid()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() != "dockerd" or folder.stat().st_uid != owner:
                continue
            words = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
        except PermissionError:
            machine.faults.append(fact("environment-unread"))
            continue
        except OSError:  # gone meanwhile
            continue
        return dict(word.split("=", 1) for word in words if "=" in word)
    return None


def _default_interface() -> str:
    """The interface of a default route, by IPv4 or else IPv6."""
    for line in _text("/proc/net/route").splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000":
            return fields[0]
    for line in _text("/proc/net/ipv6_route").splitlines():
        fields = line.split()
        if len(fields) == 10 and fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo":
            return fields[9]
    return ""


def _system() -> str:
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        return platform.system().lower()
    return f"{facts.get('ID', 'linux')} {facts.get('VERSION_ID', '')}".strip()


def _text(path: str) -> str:
    try:
        return _path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _files(folder: str) -> list[Path]:
    try:
        return sorted(path for path in _path(folder).iterdir() if path.is_file())
    except OSError:
        return []


def _said(program: str, *arguments: str) -> str:
    """What a program prints; "" if it is not there, fails or takes too long."""
    path = shutil.which(program)
    if not path:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - a list, and every part of it is ours
            [path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip()
