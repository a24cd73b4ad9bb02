"""Becoming a program in the namespace of an interface apart.

Rule: nothing of ours remains between who started the program and the program. This process becomes it
(execve(2)), so its terminal, signals, exit status, children and place in the shell's jobs are what they would
be without us; and before that it gives up all that it needed root for. Section: ip-netns(8) ``exec``,
mount_namespaces(7), capabilities(7), nsswitch.conf(5).

A network namespace separates networks, not files. A program that asks a service of the machine over a file's
socket asks it outside. So the files by which the C library finds such services for names are others in here,
in a mount namespace of the program's own: its names are asked of the name servers of the tunnel.
"""

import os
import pwd
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from glasstunnel.host import journal, libc
from glasstunnel.host.apart import Room
from glasstunnel.host.errors import HostError, reason

_CLONE_NEWNS, _CLONE_NEWNET = 0x00020000, 0x40000000
_MS_BIND, _MS_REC, _MS_SLAVE = 0x1000, 0x4000, 0x80000
_SCRATCH = journal.DIRECTORY  # a directory that is there; what is mounted on it is seen in here only
_RESOLV_CONF, _NSSWITCH = Path("/etc/resolv.conf"), Path("/etc/nsswitch.conf")
_RUN = Path("/run")
_NAME_SERVICES = (Path("/run/nscd"), Path("/run/systemd/resolve"))  # sockets at which glibc asks for names
_OF_INTERFACES = ("class/net", "devices/virtual/net")  # of sysfs; others than virtual ones are not in here
_LOCAL_SOURCES = ("files", "myhostname")  # of nsswitch.conf: they ask nobody
_INVOKERS = ("SUDO_UID", "PKEXEC_UID", "DOAS_USER")  # sudo(8), pkexec(1), doas(1) say who called them
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # exit statuses, as those of env(1)


class ExecutionError(HostError):
    """There is no such program, or it is none; ``status`` is what to exit with then."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Person(NamedTuple):
    """Whom a program runs as: the numbers, and what the password database says, if it knows the user."""

    uid: int
    gid: int
    name: str = ""
    home: str = "/"
    shell: str = "/bin/sh"


def person(wish: str | None, environment: Mapping[str, str]) -> Person:
    """The user of this name or number; without a wish, who invoked us, be it through sudo, pkexec or doas.

    Raises:
        HostError: if there is no user of this name.
    """
    invokers = (environment[variable] for variable in _INVOKERS if environment.get(variable))
    who = wish if wish is not None else next(invokers, str(os.getuid()))
    try:
        entry = pwd.getpwuid(int(who)) if re.fullmatch("[0-9]{1,10}", who) else pwd.getpwnam(who)
    except (KeyError, OverflowError):
        if not re.fullmatch("[0-9]{1,10}", who) or int(who) >= 0xFFFFFFFF:
            raise HostError(f'expected the name or the number of a user, got "{who}"') from None
        return Person(int(who), int(who))
    return Person(entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir, entry.pw_shell)


def enter(room: Room) -> None:
    """Move the process, which must have a single thread, into the room; files and root's rights stay.

    Raises:
        HostError: if the system does not allow it.
    """
    try:
        libc.setns(room.namespace, _CLONE_NEWNET)
        libc.unshare(_CLONE_NEWNS)
        libc.mount("none", "/", "", _MS_REC | _MS_SLAVE)
        _show_interfaces()
        _see_to_names(room.servers, room.search)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise HostError(f"cannot prepare the program's namespaces:{where} {reason(error)}") from error


def become(who: Person) -> None:
    """Be this user and nobody else: of root's rights nothing is left, unless this is root.

    Raises:
        HostError: if the system does not allow it.
    """
    if (who.uid, who.gid) == (os.geteuid(), os.getegid()):
        return
    try:
        os.setgroups(os.getgrouplist(who.name, who.gid) if who.name else [who.gid])
        os.setresgid(who.gid, who.gid, who.gid)
        os.setresuid(who.uid, who.uid, who.uid)
        if who.uid:
            libc.drop_capabilities()
    except OSError as error:
        raise HostError(f"cannot become the user {who.name or who.uid}: {reason(error)}") from error


def environment_of(who: Person, before: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program that this user has started, from that of root."""
    own = {"HOME": who.home, "SHELL": who.shell, "USER": who.name, "LOGNAME": who.name}
    runtime = f"/run/user/{who.uid}"
    if os.path.isdir(runtime):
        own["XDG_RUNTIME_DIR"] = runtime
    return {**before, **{variable: value for variable, value in own.items() if value}}


def execute(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Become this program.

    Raises:
        ExecutionError: if there is no such program, or it cannot be executed.
    """
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores these, and a program would inherit that
    try:
        os.execvpe(command[0], list(command), dict(environment))  # noqa: S606 - it is what the user asked for
    except OSError as error:
        status = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
        raise ExecutionError(status, f"cannot run {command[0]}: {reason(error)}") from None


def resolv_conf(servers: Sequence[str], search: Sequence[str]) -> str:
    """The text of resolv.conf(5) for these name servers and search domains."""
    lines = [f"nameserver {server}\n" for server in servers]
    return "".join(lines + ([f"search {' '.join(search)}\n"] if search else []))


def nsswitch_conf(text: str) -> str:
    """The text of an nsswitch.conf(5) in which hosts are looked up in files and DNS only.

    Other sources would ask a service outside, such as systemd-resolved (``resolve``) or Avahi (``mdns4``).
    """

    def only_dns(line: re.Match[str]) -> str:
        local = [source for source in line[2].split() if source in _LOCAL_SOURCES]
        return " ".join((line[1], *local, "dns", ""))

    return re.sub(r"^(\s*hosts:)([^#\n]*)", only_dns, text, flags=re.MULTILINE)


def _show_interfaces() -> None:
    """Let /sys show the interfaces of the namespace that we are in, and all else as before."""
    with suppress(PermissionError):  # in some containers it cannot be mounted; it matters to few programs
        libc.mount("sysfs", str(_SCRATCH), "sysfs", 0)
        for part in _OF_INTERFACES:
            if os.path.isdir(f"/sys/{part}"):
                libc.mount(f"{_SCRATCH}/{part}", f"/sys/{part}", "", _MS_BIND)
        libc.umount(str(_SCRATCH))


def _see_to_names(servers: Sequence[str], search: Sequence[str]) -> None:
    """Names are asked of ``servers``, or without any of those that the machine has: here, and not outside."""
    target = _RESOLV_CONF.resolve(strict=True)
    text = resolv_conf(servers, search) if servers or search else target.read_text()
    nsswitch = nsswitch_conf(_NSSWITCH.read_text()) if _NSSWITCH.exists() else ""
    covered = [place for place in _NAME_SERVICES if place.is_dir()]
    libc.mount("tmpfs", str(_SCRATCH), "tmpfs", 0, "mode=755")
    own = _SCRATCH / "etc"
    own.mkdir()
    (own / "resolv.conf").write_text(text)
    (own / "nsswitch.conf").write_text(nsswitch)
    (_SCRATCH / "empty").mkdir()
    for place in covered:
        libc.mount(str(_SCRATCH / "empty"), str(place), "", _MS_BIND)
    if _RUN in target.parents:  # whoever manages that file replaces it, which would take a mount on it away
        directory = _SCRATCH / "run"
        directory.mkdir()
        (directory / target.name).write_text(text)
        libc.mount(str(directory), str(target.parent), "", _MS_BIND)
    else:
        libc.mount(str(own / "resolv.conf"), str(target), "", _MS_BIND)
    if nsswitch:
        libc.mount(str(own / "nsswitch.conf"), str(_NSSWITCH.resolve()), "", _MS_BIND)
    libc.umount(str(_SCRATCH))
