"""What has been done to the system for one interface, so that it can be undone: also after a crash.

Rule: nothing is done before it is written down how to undo it, and undoing what was never done is harmless.
The file is the lock too: whoever holds it owns the interface; a file that nobody holds was left by a process
that was killed, and whoever comes next, ``down`` or another ``up``, works it off first. Section: flock(2).
"""

import fcntl
import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from glasstunnel.host import dns, firewall, nat, programs
from glasstunnel.host.errors import HostError, needs_root, reason
from glasstunnel.host.netlink import Netlink, Rule

DIRECTORY = Path("/run/glasstunnel")
_log = logging.getLogger(__name__)
Scalar = str | int | bool


def _delete_rule(**fields: Scalar) -> None:
    with Netlink() as net:
        net.delete_rule(Rule(**fields))  # type: ignore[arg-type]


def _set_sysctl(path: str, value: str) -> None:
    with Netlink() as net:
        if net.has_inverted_rule(4):
            return  # another tunnel has a default route and needs it as it is
    Path(path).write_text(value)


def _restore_forwarding(interface: str, path: str, value: str) -> None:
    if original_value(path, apart_from=interface) is None:  # nobody else wants it
        with suppress(FileNotFoundError):  # an interface that has gone took its switches along
            Path(path).write_text(value)


def _unlink(path: str) -> None:
    Path(path).unlink(missing_ok=True)


_UNDO: dict[str, Callable[..., None]] = {
    "rule": _delete_rule,
    "firewall": firewall.remove,
    "sysctl": _set_sysctl,
    "nat": nat.remove,
    "forwarding": _restore_forwarding,
    "dns": dns.remove,
    "command": programs.hook,
    "file": _unlink,
}
_NETWORK = (
    "rule",
    "firewall",
    "sysctl",
    "nat",
    "forwarding",
)  # what belongs to a network namespace and ends with it
_SYSCTLS = ("sysctl", "forwarding")


class Mark(NamedTuple):
    """A place in a journal: how many callbacks there were, and the size of the file."""

    callbacks: int
    size: int


class Journal:
    """The journal of one interface; as a context manager it is unwound at the end of the block.

    ``stale`` says that a killed process had left one, which has been worked off.

    Args:
        interface: whose journal.
        directory: where it lies.
        apart: whether the interface will be in a namespace of its own, for programs.

    Raises:
        HostError: if somebody else holds it, because the interface is up; or without the rights for it.
    """

    def __init__(self, interface: str, directory: Path = DIRECTORY, *, apart: bool = False) -> None:
        self._path = _path_of(interface, directory)
        self._undo: list[Callable[[], None]] = []
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = _locked(self._path, os.O_CREAT)
        except OSError as error:
            advice = "; run as root" if needs_root(error) else ""
            raise HostError(f"cannot write to {directory}: {reason(error)}{advice}") from error
        if self._fd < 0:
            raise HostError(f"{interface} is already up (process {_pid(self._path)})")
        self.stale = os.fstat(self._fd).st_size > 0
        if self.stale:
            _log.warning("%s was not brought down properly; cleaning up", interface)
            self._work_off()
        self._write({"pid": os.getpid(), "netns": netns(), "apart": apart})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unwind()

    def record(self, what: str, **arguments: Scalar) -> None:
        """Write down how to undo what is about to be done: a key of the table above, and its arguments."""
        self.write_down(what, **arguments)
        self.on_unwind(partial(_UNDO[what], **arguments))

    def write_down(self, what: str, **arguments: Scalar) -> None:
        """The same for a crash only: :meth:`unwind` knows of another way."""
        self._write({"undo": what, "arguments": arguments})

    def on_unwind(self, callback: Callable[[], None]) -> None:
        """Call this in its turn when the journal is unwound; after a crash the kernel has seen to it."""
        self._undo.append(callback)

    def mark(self) -> Mark:
        """How far it has come: what is done from now on can be undone by itself."""
        return Mark(len(self._undo), os.fstat(self._fd).st_size)

    def unwind_to(self, mark: Mark) -> None:
        """Undo what has been done since, the last thing first, whatever fails on the way."""
        while len(self._undo) > mark.callbacks:
            _attempt(self._undo.pop())
        if self._fd >= 0:
            os.ftruncate(self._fd, mark.size)

    def unwind(self) -> None:
        """Undo everything and give up the lock."""
        self.unwind_to(Mark(0, 0))
        if self._fd >= 0:
            self._path.unlink(missing_ok=True)  # still locked: nobody can have begun to use it
            os.close(self._fd)
            self._fd = -1

    def _write(self, line: dict[str, object]) -> None:
        os.write(self._fd, json.dumps(line).encode() + b"\n")

    def _work_off(self) -> None:
        lines = _lines(self._path)
        here = not lines or lines[0].get("netns") == netns()
        for line in reversed(lines):
            what = line.get("undo", "")
            if what in _UNDO and (here or what not in _NETWORK):
                _attempt(partial(_UNDO[what], **line["arguments"]))
        os.ftruncate(self._fd, 0)


def holder(interface: str, directory: Path = DIRECTORY) -> int | None:
    """Who holds the journal of an interface: its process, 0 if that was killed, None if there is no journal.

    Raises:
        HostError: without the rights to look.
    """
    path = _path_of(interface, directory)
    try:
        fd = _locked(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        advice = "; run as root" if needs_root(error) else ""
        raise HostError(f"cannot read {path}: {reason(error)}{advice}") from error
    if fd >= 0:
        os.close(fd)
        return 0
    return _pid(path)


def is_apart(interface: str, directory: Path = DIRECTORY) -> bool:
    """Whether the journal of an interface is that of one in a namespace of its own."""
    with suppress(OSError, LookupError):  # there is none any more, or it is just being begun
        return bool(_lines(_path_of(interface, directory))[0].get("apart"))
    return False


def original_value(path: str, directory: Path = DIRECTORY, *, apart_from: str = "") -> str | None:
    """The value of a sysctl before a tunnel of this network namespace changed it, if one has; the journal of
    the interface ``apart_from`` is not asked.
    """
    for journal in sorted(set(directory.glob("*.journal")) - {_path_of(apart_from, directory)}):
        with suppress(OSError):  # it may go meanwhile
            lines = _lines(journal)
            if lines and lines[0].get("netns") == netns():
                for line in lines:
                    if line.get("undo") in _SYSCTLS and line["arguments"]["path"] == path:
                        return str(line["arguments"]["value"])
    return None


def _path_of(interface: str, directory: Path) -> Path:
    return directory / f"{interface}.journal"


def _locked(path: Path, flags: int = 0) -> int:
    """The locked file, or -1 if somebody else has locked it."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_ino == os.stat(path).st_ino:
                return fd
        except BlockingIOError:
            os.close(fd)
            return -1
        except FileNotFoundError:
            pass  # unlinked between our open and our lock: begin again
        os.close(fd)


def _lines(path: Path) -> list[dict[str, Any]]:
    """What the file holds; a last line that was cut off by a crash stands for nothing that was done."""
    found = []
    for line in path.read_text().splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def _pid(path: Path) -> int:
    with suppress(OSError, LookupError):
        return int(_lines(path)[0]["pid"])
    return 0


def netns() -> int:
    """The number of the network namespace of the process."""
    return os.stat("/proc/self/ns/net").st_ino


def _attempt(undo: Callable[[], None]) -> None:
    try:
        undo()
    except (HostError, OSError) as error:
        _log.warning("while cleaning up: %s", error)
    except Exception:
        _log.exception("while cleaning up")
