"""A process of its own for a tunnel, and how to end it.

Rule: whoever starts a daemon hears once how it went: it works, or one sentence why not; from then on the
daemon is alone, with no terminal, and speaks to the system log. Ending it means asking it to end and waiting
until it has: it undoes what it did itself. Section: daemon(7) "SysV daemons", pidfd_open(2), sd_notify(3).
"""

import logging
import logging.handlers
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from glasstunnel.host.errors import HostError, needs_root, reason

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that end a tunnel in an orderly way."""
_SYSTEM_LOG = Path("/dev/log")
_WORKS = b"\0"
_log = logging.getLogger(__name__)

Serve = Callable[[Callable[[], None]], None]
"""Does the daemon's work to its end and calls its argument when the work stands; fails by HostError."""


def spawn(serve: Serve, *, keep_output: bool = False) -> None:
    """Run ``serve`` in a process of its own and return when that stands.

    Args:
        serve: what to run.
        keep_output: it goes on to use our standard output and error, and logs as it did before; otherwise it
            has neither, and logs to the system.

    Raises:
        HostError: if it does not come to stand, with the sentence of the error that ``serve`` raised.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    # An interruption within fork() would be lost, and one right after it would leave the daemon behind.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    process = os.fork()
    if not process:
        os.close(reader)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _child(serve, writer, keep_output)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe, _woken_by_signals() as wakeup:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            while reader not in select.select((reader, wakeup.fileno()), (), ())[0]:
                wakeup.recv(64)  # a signal that raises has done so before this
            said = pipe.read()
    except BaseException:  # interrupted while we wait: then the daemon is not wanted either
        os.kill(process, signal.SIGTERM)
        os.waitpid(process, 0)
        raise
    if said != _WORKS:
        _, status = os.waitpid(process, 0)
        raise HostError(said.decode() or f"the tunnel's process ended ({os.waitstatus_to_exitcode(status)})")


def spawn_by_another(serve: Serve) -> None:
    """As :func:`spawn`, but the daemon is no child of ours: for who is about to become another program, which
    would be surprised by children that it does not know.

    Raises:
        HostError: as :func:`spawn` does.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    another = os.fork()
    if not another:
        os.close(reader)

        def serve_alone(ready: Callable[[], None]) -> None:
            os.close(writer)  # or we would be waited for
            serve(ready)

        try:
            spawn(serve_alone)
        except BaseException as error:  # all of them end here; an interruption by Ctrl-C is ours to tell too
            os.write(writer, (str(error) or "interrupted").encode(errors="replace"))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(another, 0)
    if said:
        raise HostError(said.decode())


@contextmanager
def _woken_by_signals() -> Iterator[socket.socket]:
    """A socket that can be read once a signal has come.

    One that comes between two bytecodes, just before a call that waits, would not end that call.
    """
    ours, interpreters = socket.socketpair()
    with ours, interpreters:
        interpreters.setblocking(False)
        before = signal.set_wakeup_fd(interpreters.fileno(), warn_on_full_buffer=False)
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(before)


def _child(serve: Serve, writer: int, keep_output: bool) -> None:
    """Never returns."""
    status, stands = 1, False

    def ready() -> None:
        nonlocal stands
        _detach(keep_output)
        os.write(writer, _WORKS)
        os.close(writer)
        stands = True

    try:
        os.setsid()
        serve(ready)
        status = 0
    except HostError as error:
        if stands:  # nobody waits for us any more
            _log.error("%s", error)
        else:
            os.write(writer, str(error).encode(errors="replace"))
    except BaseException:
        _log.exception("this should not happen")
    finally:
        logging.shutdown()
        os._exit(status)


def _detach(keep_output: bool) -> None:
    """Let go of the terminal and the directory, and log to the system."""
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0,) if keep_output else (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
    if keep_output:
        return
    root = logging.getLogger()
    root.handlers.clear()
    if _SYSTEM_LOG.exists():
        handler = logging.handlers.SysLogHandler(str(_SYSTEM_LOG), logging.handlers.SysLogHandler.LOG_DAEMON)
        handler.setFormatter(logging.Formatter("glasstunnel[%(process)d]: %(message)s"))
        root.addHandler(handler)


def notify_ready() -> None:
    """Tell systemd that a service with ``Type=notify`` stands; without systemd nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, suppress(OSError):
        notify.sendto(b"READY=1", address.replace("@", "\0", 1))


@contextmanager
def interrupted_by(*signals: signal.Signals) -> Iterator[None]:
    """Within the block a signal raises :exc:`HostError`: what was begun is undone as after any failure."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise HostError(f"interrupted by {signal.Signals(number).name}")

    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end(process: int, timeout: float) -> bool:
    """Ask a process to end and wait for it; whether it ended within ``timeout`` seconds.

    Raises:
        HostError: without the rights for it.
    """
    try:
        pidfd = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        ended, _, _ = select.select([pidfd], [], [], timeout)
    except ProcessLookupError:
        return True
    except OSError as error:
        advice = "; run as root" if needs_root(error) else ""
        raise HostError(f"cannot end the process {process}: {reason(error)}{advice}") from error
    finally:
        os.close(pidfd)
    return bool(ended)
