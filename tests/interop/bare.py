"""``glasstunnel-wg`` as the tests start it: with nothing but arguments and environment, driven by ``wg``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glasstunnel.host import control
from tests.interop.lab import Host, run, until

PROGRAM = Path(sys.executable).parent / "glasstunnel-wg"
_VARIABLES = (
    "LOG_LEVEL",
    "WG_TUN_FD",
    "WG_UAPI_FD",
    "WG_PROCESS_FOREGROUND",
    "GLASSTUNNEL_DATA_PATH",
    "NOTIFY_SOCKET",
)


def environment(**variables: str) -> dict[str, str]:
    """Ours, with these variables and no other that the program heeds."""
    return {key: value for key, value in os.environ.items() if key not in _VARIABLES} | variables


def start(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it in the namespace of the calling thread until it returns."""
    return subprocess.run(
        [PROGRAM, *words],
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@contextmanager
def staying(
    *words: str, fds: tuple[int, ...] = (), prefix: tuple[str, ...] = (), **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Run it in the foreground; at the end of the block it is ended, if it has not. ``prefix`` starts it."""
    process = subprocess.Popen(
        [*prefix, PROGRAM, *words],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=fds,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def ended(process: int) -> bool:
    """Whether a process that is not our child is no more, or has been left for its parent to collect."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@contextmanager
def interface(host: Host) -> Iterator[int]:
    """A bare interface of that host, and the process that serves it, which ends with the block."""
    with host.namespace:
        done = start(host.interface)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        process = control.owner(host.interface)
    try:
        yield process
    finally:
        control.path_of(host.interface).unlink(missing_ok=True)
        until(lambda: ended(process), "the process has ended")


def configure(host: Host, peer: Host, *lines: str, key: bool = True) -> None:
    """What ``wg`` and ``ip`` set before the interface comes up; our key is left out if so wanted."""
    with host.namespace:
        run(
            *("wg", "setconf", host.interface, "/dev/stdin"),
            text="[Interface]\n"
            + (f"PrivateKey = {host.private_key}\n" if key else "")
            + f"ListenPort = {host.port}\n[Peer]\nPublicKey = {peer.public_key}\n"
            + "\n".join((f"AllowedIPs = {peer.allowed_ips}", *lines, "")),
        )
        for version, address in host.inner.items():
            length = 24 if version == 4 else 64
            run("ip", "address", "add", f"{address}/{length}", "dev", host.interface)


def link(host: Host, *words: str) -> None:
    """``ip link set`` for the interface of a host, in its namespace."""
    with host.namespace:
        run("ip", "link", "set", host.interface, *words)


def last_handshake(host: Host) -> int:
    """When the session began, in nanoseconds; 0 if there was none."""
    facts = dict(line.split("=", 1) for line in control.ask(host.interface).splitlines() if line)
    return 1_000_000_000 * int(facts["last_handshake_time_sec"]) + int(facts["last_handshake_time_nsec"])


def ports(host: Host) -> list[str]:
    """The local addresses of the UDP sockets that are open in its namespace, sorted."""
    with host.namespace:
        return sorted(line.split()[3] for line in run("ss", "-H", "-u", "-l", "-n").splitlines())
