"""ToyVpn: what a session costs with our server and with the sample's, and a thousand sessions at once.

Rule: every server is measured with our client, in two namespaces joined by a cable, and beside the bare
cable. The sample's server is a model of it; ``TOYVPN_SERVER=path`` in the environment names a real one. What
is wanted stands once, in GOALS. Section: ToyVpnServer.cpp, ``usleep(100000)``; ping(8), iperf3(1).
"""

import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import IO, Any, Final

from bench import UnavailableError
from bench.pairs import require
from bench.works import WorkError, received
from glasstunnel.host.errors import HostError
from glasstunnel.host.namespace import Namespace, veth_pair
from glasstunnel.ip import icmp, ipv4
from glasstunnel.toyvpn.messages import KEEPALIVE, TOKEN_SIZE, Handshake
from glasstunnel.toyvpn.parameters import parse_reply

CABLE, OURS, SAMPLE = "the cable alone", "glasstunnel", "ToyVpnServer"
VARIABLE: Final = "TOYVPN_SERVER"
SESSIONS: Final = 1000
GOALS: Final = {"added_ms": 2.0, "up_mbit": 500.0, "down_mbit": 500.0, "answered": float(SESSIONS)}
"""Of ours: at most so many milliseconds of ping beyond the cable's, at least so much of the others."""
_NEEDS: Final = {"ip": "iproute2", "ping": "iputils-ping", "iperf3": "iperf3"}
_PORT, _SECRET, _MTU = 8000, "secret", "1400"
_PINGS, _INTERVAL = 60, 0.23  # so that a server that sleeps is met in all its phases
_SECONDS = 3  # of each TCP transfer
_PATIENCE = 20.0  # seconds
_CABLE_FAR, _FAR = "192.0.2.1", "10.9.0.1"
_numbers = count()


@dataclass(frozen=True)
class Ends:
    """A server's host and a client's, and what the client has to be told."""

    far: Namespace
    near: Namespace

    def near_run(self, *command: str, patience: float = _PATIENCE) -> str:
        """What a program prints at the client's host."""
        with self.near:
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=patience)
            except subprocess.TimeoutExpired:
                raise WorkError(f"{command[0]} was not done after {patience:.0f} s") from None
        return done.stdout

    def pings(self, address: str) -> list[float]:
        """Round trips in milliseconds."""
        words = ("ping", "-n", "-c", str(_PINGS), "-i", str(_INTERVAL), address)
        output = self.near_run(*words, patience=_PINGS * _INTERVAL + _PATIENCE)
        found = [float(text) for text in re.findall(r"time=([\d.]+) ms", output)]
        if not found:
            raise WorkError("no ping was answered")
        return found

    def tcp(self, address: str, *words: str) -> float:
        """Mbit/s that the receiver got."""
        with self.far:
            listener = subprocess.Popen(
                ["iperf3", "-s", "-1", "-B", address, "--forceflush"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        assert listener.stdout
        try:
            for line in listener.stdout:
                if "listening" in line:
                    break
            command = ("iperf3", "-c", address, "-J", "-t", str(_SECONDS), *words)
            amount, seconds = received(self.near_run(*command, patience=_SECONDS + _PATIENCE))
        finally:
            listener.kill()
            listener.communicate()
        return 1000 * amount / seconds


@contextmanager
def _ends() -> Iterator[Ends]:
    with closing(Namespace()) as far, closing(Namespace()) as near:
        veth_pair(far, "eth0", near, "eth0")
        for number, namespace in enumerate((far, near), 1):
            with namespace:
                _run("ip", "address", "add", f"192.0.2.{number}/24", "dev", "eth0")
        yield Ends(far, near)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def _daemon(namespace: Namespace, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program of a namespace, ended in order; what it said last is told where a work has no figures."""
    with tempfile.TemporaryFile() as log:
        with namespace:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "GLASSTUNNEL_TOYVPN_SECRET": _SECRET},
                process_group=0,
            )
        try:
            yield process
        except WorkError as error:
            said = _last_line(log)
            raise WorkError(f"{error}; it said last: {said}" if said else str(error)) from None
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _ours(end: str, *words: str) -> tuple[str, ...]:
    name = f"gb{os.getpid()}n{next(_numbers)}"
    return sys.executable, "-m", "glasstunnel", "toyvpn", end, name, *words


@contextmanager
def _server(ends: Ends, who: str, pool: str) -> Iterator[subprocess.Popen[bytes]]:
    """Ours makes its interface; the sample's takes one that is there."""
    parameters = ("-m", _MTU, "-r", "10.9.0.0", "16")
    if who == OURS:
        command = _ours("server", str(_PORT), "--pool", pool, *parameters)
    else:
        tun = f"gb{os.getpid()}n{next(_numbers)}"
        with ends.far:
            _run("ip", "tuntap", "add", "dev", tun, "mode", "tun")
            _run("ip", "address", "add", _FAR, "peer", "10.9.0.2", "dev", tun)
            _run("ip", "link", "set", tun, "up", "mtu", _MTU)
        real = os.environ.get(VARIABLE)
        program = (real,) if real else (sys.executable, "-m", "bench.sample")
        command = (*program, tun, str(_PORT), _SECRET, "-a", "10.9.0.2", "32", *parameters)
    with _daemon(ends.far, *command) as process:
        yield process


def _answers(ends: Ends, address: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while " 1 received" not in ends.near_run("ping", "-n", "-c1", "-W1", address):
        if time.monotonic() > deadline:
            raise WorkError(f"no answer from {address}")


def _session(who: str) -> dict[str, Any]:
    """Ping and TCP through a session with this server."""
    with ExitStack() as stack:
        ends = stack.enter_context(_ends())
        if who == CABLE:
            return {"pings": ends.pings(_CABLE_FAR)}
        stack.enter_context(_server(ends, who, "10.9.0.0/24"))
        stack.enter_context(_daemon(ends.near, *_ours("client", _CABLE_FAR, str(_PORT))))
        _answers(ends, _FAR)
        return {
            "pings": ends.pings(_FAR),
            "up_mbit": ends.tcp(_FAR),
            "down_mbit": ends.tcp(_FAR, "-R"),
        }


class Crowd:
    """Clients of one server, each with a socket of its own, which all ping the server's own address."""

    def __init__(self, size: int, namespace: Namespace) -> None:
        with namespace:
            self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(size)]
        self.addresses: dict[int, bytes] = {}
        """Number of the client to its address."""
        self._selector = selectors.DefaultSelector()
        for number, one in enumerate(self.sockets):
            one.setblocking(False)
            one.connect((_CABLE_FAR, _PORT))
            self._selector.register(one, selectors.EVENT_READ, number)

    def connect(self) -> float:
        """Let all shake hands; seconds that it took until all that get a reply had one."""
        begin = time.monotonic()
        for number, one in enumerate(self.sockets):
            one.send(Handshake(_SECRET.encode(), number.to_bytes(TOKEN_SIZE)).build())
            if number % 16 == 15:
                self._read_replies(0.0)
        while len(self.addresses) < len(self.sockets) and self._read_replies(1.0):
            pass
        seconds = time.monotonic() - begin
        for one in self.sockets:
            one.send(KEEPALIVE)
        return seconds

    def _read_replies(self, patience: float) -> bool:
        """Whether there was anything."""
        found = self._selector.select(patience)
        for key, _ in found:
            data = self.sockets[key.data].recv(1 << 16)
            if not data[0] and len(data) > 1:
                self.addresses[key.data] = parse_reply(data).addresses[0].address
        return bool(found)

    def ping(self) -> list[float]:
        """One after the other pings; milliseconds of those that were answered."""
        target, found = bytes((10, 9, 0, 1)), []
        for number, address in self.addresses.items():
            echo = icmp.Echo(identifier=number, sequence=1, data=bytes(56)).build()
            packet = ipv4.Header(source=address, destination=target, protocol=icmp.PROTOCOL).build(echo)
            one, begin = self.sockets[number], time.perf_counter()
            one.send(packet)
            one.settimeout(1.0)
            try:
                while (answer := one.recv(1 << 16))[:1] != b"\x45":
                    pass
            except TimeoutError:
                continue
            if ipv4.Packet(answer).destination == address:
                found.append(1000 * (time.perf_counter() - begin))
        return found

    def close(self) -> None:
        """Close all sockets."""
        self._selector.close()
        for one in self.sockets:
            one.close()


def _crowd() -> dict[str, Any]:
    """A thousand sessions on one server of ours, and the ping of a client among them."""
    with ExitStack() as stack:
        ends = stack.enter_context(_ends())
        process = stack.enter_context(_server(ends, OURS, "10.9.0.0/16"))
        stack.enter_context(_daemon(ends.near, *_ours("client", _CABLE_FAR, str(_PORT))))
        _answers(ends, _FAR)
        before = _resident(process.pid)
        crowd = stack.enter_context(closing(Crowd(SESSIONS, ends.near)))
        seconds = crowd.connect()
        answered = crowd.ping()
        return {
            "sessions": len(crowd.addresses),
            "seconds": round(seconds, 2),
            "answered": len(answered),
            "ping_ms": round(median(answered), 3) if answered else None,
            "kb_per_session": round((_resident(process.pid) - before) / SESSIONS / 1000, 2),
            "pings": ends.pings(_FAR),
        }


def _resident(process: int) -> int:
    """Bytes of a process in memory."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure() -> dict[str, Any]:
    """The results for programs."""
    require(_NEEDS)
    real = os.environ.get(VARIABLE)
    if real and not shutil.which(real):
        raise UnavailableError(f'{VARIABLE}: expected a program, got "{real}"')
    servers: dict[str, dict[str, Any]] = {}
    crowd: dict[str, Any] = {}
    faults: list[str] = []
    try:
        for who in (CABLE, OURS, SAMPLE):
            print(f"  {who}", file=sys.stderr, flush=True)
            try:
                servers[who] = _session(who)
            except WorkError as error:
                faults.append(f"{who}: {error}")
        print(f"  {SESSIONS} sessions", file=sys.stderr, flush=True)
        try:
            crowd = _crowd()
        except WorkError as error:
            faults.append(f"{SESSIONS} sessions: {error}")
    except HostError as error:  # no namespaces for this user
        raise UnavailableError(str(error)) from None
    for one in servers.values():
        one["ping_ms"] = round(median(one["pings"]), 3)
        one.update({name: round(one[name], 1) for name in ("up_mbit", "down_mbit") if name in one})
    if CABLE in servers:
        for one in servers.values():
            one["added_ms"] = round(one["ping_ms"] - servers[CABLE]["ping_ms"], 3)
    results = {"sample": "real" if real else "model", "servers": servers, "crowd": crowd, "faults": faults}
    return {**results, "verdicts": verdicts(servers, crowd)}


def verdicts(servers: dict[str, dict[str, Any]], crowd: dict[str, Any]) -> list[dict[str, Any]]:
    """Each goal, what came of it, and whether it is reached."""
    ours = {**servers.get(OURS, {}), "answered": crowd.get("answered")}
    found = []
    for name, bound in GOALS.items():
        value, at_most = ours.get(name), name == "added_ms"
        reached = value is not None and (value <= bound if at_most else value >= bound)
        found.append(
            {"goal": f"{name} {'≤' if at_most else '≥'} {bound:g}", "value": value, "reached": reached}
        )
    return found


def show(results: dict[str, Any]) -> None:
    """The tables, the verdicts, and what went wrong."""
    print(f"{'':28}{'ping, ms':>10}{'least':>9}{'most':>9}{'added':>9}{'up Mbit/s':>11}{'down':>9}")
    for name, one in results["servers"].items():
        figures = (one["ping_ms"], min(one["pings"]), max(one["pings"]), one.get("added_ms", 0.0))
        rates = "".join(
            f"{one[key]:{width}.1f}" for key, width in (("up_mbit", 11), ("down_mbit", 9)) if key in one
        )
        label = f"{name} ({results['sample']})" if name == SAMPLE else name
        print(f"{label:28}{figures[0]:10.3f}" + "".join(f"{value:9.3f}" for value in figures[1:]) + rates)
    crowd = results["crowd"]
    if crowd:
        print(
            f"\n{crowd['sessions']} sessions in {crowd['seconds']} s, {crowd['kb_per_session']} kB each; "
            f"{crowd['answered']} answered a ping (median {crowd['ping_ms']} ms); "
            f"a client among them: {median(crowd['pings']):.3f} ms"
        )
    for one in results["verdicts"]:
        print(f"{'✓' if one['reached'] else '✗'} {one['goal']}: {one['value']}")
    for sentence in results["faults"]:
        print(sentence)
