"""A process of its own: who starts it hears once how it went, and who ends it waits until it has ended."""

import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from glasstunnel.host import daemon
from glasstunnel.host.errors import HostError
from tests.host.fakes import NOBODY, in_a_child

PATIENCE = 10.0  # seconds: a safety net

Ready = Callable[[], None]


def test_spawn_returns_when_the_work_stands_and_the_work_goes_on(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def serve(ready: Ready) -> None:
        ready()
        facts = [
            os.getsid(0) == os.getpid(),  # a session of its own
            os.readlink("/proc/self/fd/1"),
            os.readlink("/proc/self/fd/2"),
            os.getcwd(),
        ]
        fifo.write_text(repr(facts))

    daemon.spawn(serve)
    assert fifo.read_text() == repr([True, "/dev/null", "/dev/null", "/"])
    os.wait()


def test_a_daemon_that_keeps_its_output_has_only_no_input(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    ours = [os.readlink(f"/proc/self/fd/{number}") for number in (1, 2)]

    def serve(ready: Ready) -> None:
        handlers = logging.getLogger().handlers[:]
        ready()
        assert logging.getLogger().handlers == handlers
        fifo.write_text(repr([os.readlink(f"/proc/self/fd/{number}") for number in (0, 1, 2)]))

    daemon.spawn(serve, keep_output=True)
    assert fifo.read_text() == repr(["/dev/null", *ours])
    os.wait()


def test_a_failure_before_it_stands_is_the_callers_own_error() -> None:
    def serve(_ready: Ready) -> None:
        raise HostError("the one sentence")

    with pytest.raises(HostError, match=r"^the one sentence$"):
        daemon.spawn(serve)


def test_a_failure_after_it_stood_is_logged_and_written_nowhere_else(tmp_path: Path) -> None:
    """The file descriptor on which its caller waited may belong to something else by then."""
    fifo, other = tmp_path / "fifo", tmp_path / "other"
    os.mkfifo(fifo)

    def serve(ready: Ready) -> None:
        ready()
        for _ in range(20):  # take the number that has become free
            os.open(other, os.O_RDWR | os.O_CREAT)
        handler = logging.StreamHandler(fifo.open("w"))
        logging.getLogger().addHandler(handler)
        raise HostError("the one sentence")

    daemon.spawn(serve)
    assert fifo.read_text() == "the one sentence\n"
    assert other.read_text() == ""
    os.wait()


@pytest.mark.parametrize(("ends", "how"), [(lambda: os._exit(7), 7), (lambda: os.kill(os.getpid(), 9), -9)])
def test_an_end_without_a_word_is_reported(ends: Callable[[], None], how: int) -> None:
    def serve(_ready: Ready) -> None:
        ends()

    with pytest.raises(HostError, match=rf"^the tunnel's process ended \({how}\)$"):
        daemon.spawn(serve)


def test_an_interrupted_caller_takes_the_daemon_with_it(tmp_path: Path) -> None:
    """Ctrl-C while a name is being resolved: the daemon has a session of its own and would not hear it."""
    told = tmp_path / "told"

    def serve(_ready: Ready) -> None:
        with daemon.interrupted_by(signal.SIGTERM):
            try:
                os.kill(os.getppid(), signal.SIGINT)
                time.sleep(PATIENCE)
            except HostError as error:
                told.write_text(str(error))
                raise

    # In a process with one thread, as the program has: of several, another could take the signal.
    caller = os.fork()
    if not caller:
        try:
            daemon.spawn(serve)
        except KeyboardInterrupt:
            os._exit(130)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(caller, 0)[1]) == 130
    assert told.read_text() == "interrupted by SIGTERM"


def test_an_unexpected_error_is_logged_with_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    def serve(_ready: Ready) -> None:
        logging.basicConfig(force=True)
        _ = 1 / 0

    with pytest.raises(HostError, match=r"^the tunnel's process ended \(1\)$"):
        daemon.spawn(serve)
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_signals_interrupt_within_the_block_only() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with daemon.interrupted_by(signal.SIGTERM), pytest.raises(HostError, match=r"^interrupted by SIGTERM$"):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_end_waits_until_the_process_has_ended() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        assert daemon.end(process.pid, PATIENCE)
        assert process.wait() == -signal.SIGTERM
    assert daemon.end(process.pid, PATIENCE)  # and is content when it has ended already


def test_end_gives_up_after_its_time() -> None:
    with subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo; sleep 60 & wait; wait"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        assert not daemon.end(process.pid, 0.02)
        process.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="drops the rights of root")
def test_a_process_of_somebody_else_is_not_ours_to_end() -> None:
    pid = os.getpid()
    assert in_a_child(lambda: daemon.end(pid, 0.0), uid=NOBODY) == (
        f"HostError: cannot end the process {pid}: Operation not permitted; run as root"
    )


def test_systemd_is_told_where_it_asked_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    daemon.notify_ready()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        daemon.notify_ready()
        assert systemd.recv(100) == b"READY=1"
    daemon.notify_ready()  # systemd has gone: no reason to fail
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0glasstunnel-{os.getpid()}")
        systemd.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@glasstunnel-{os.getpid()}")
        daemon.notify_ready()
        assert systemd.recv(100) == b"READY=1"
