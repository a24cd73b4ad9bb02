"""The machine's own situation, gathered: files, the running daemon's environment, what resolvectl says.

Rule: reads only, and what cannot be read is left out or named; nobody's credentials are opened
(``~/.docker/config.json`` holds them, so it is left alone). Section: dockerd(8), systemd.unit(5) "UNIT FILE
LOAD PATH", systemd-resolved.service(8) "/ETC/RESOLV.CONF", proc(5).
"""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from glasstunnel.diagnose.finding import fact
from glasstunnel.diagnose.machine import (
    Machine,
    apt_proxy,
    environment_file,
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


def extra_certificates(host: str, port: int) -> list[str]:
    """What the daemon trusts beside the system's certificates for one registry: certs.d."""
    folder = Path("/etc/docker/certs.d") / (host if port == 443 else f"{host}:{port}")
    try:
        return [str(path) for path in sorted(folder.glob("*.crt"))]
    except OSError:
        return []


def _read_daemon(machine: Machine) -> None:
    unit_texts, has_unit = _unit("docker.service")
    running = _running_environment(machine)
    machine.desktop = any(
        path.exists()
        for path in (
            Path("/opt/docker-desktop"),
            Path("/mnt/wsl/docker-desktop"),
            Path.home() / ".docker/desktop",
        )
    )
    has_daemon = shutil.which(
        "dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/usr/local/bin"
    )
    machine.daemon = has_unit or bool(has_daemon) or machine.desktop or running is not None
    machine.configured = proxies_of(unit_environment(unit_texts, _text), "docker.service")
    text = _text("/etc/docker/daemon.json")
    if text:
        read_daemon_json(text, "/etc/docker/daemon.json", machine)
    if running is not None:
        machine.running = proxies_of(running, "dockerd") or machine.configured


def _read_proxies(machine: Machine) -> None:
    machine.environment = proxies_of(os.environ, "environment")
    found = [proxies_of(environment_file(_text("/etc/environment")), "/etc/environment")]
    found += [apt_proxy(_text(str(path)), str(path)) for path in _files("/etc/apt/apt.conf.d")]
    machine.elsewhere = tuple(proxies for proxies in found if proxies)


def _unit(name: str) -> tuple[list[str], bool]:
    """A unit's text and its drop-ins', in the order in which systemd reads them; whether there is a unit."""
    texts: list[str] = []
    main = [path for folder in _UNIT_FOLDERS if (path := Path(folder) / name).is_file()]
    if main:
        texts.append(_text(str(main[-1])))
    drop_ins: dict[str, Path] = {}
    for folder in _UNIT_FOLDERS:
        drop_ins |= {path.name: path for path in _files(f"{folder}/{name}.d") if path.suffix == ".conf"}
    texts += [_text(str(drop_ins[key])) for key in sorted(drop_ins)]
    return texts, bool(main)


def _running_environment(machine: Machine) -> dict[str, str] | None:
    """The variables of a running dockerd: what counts, whatever its files have come to say since it began."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() != "dockerd":
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
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _files(folder: str) -> list[Path]:
    try:
        return sorted(path for path in Path(folder).iterdir() if path.is_file())
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
