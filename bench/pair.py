"""A pair: two daemons of one contender in two namespaces, joined by a cable, with a tunnel between them.

Rule: the pair is alone in its namespaces, and whatever was started ends with the block, however that ends.
Section: the processor time is that of proc_pid_stat(5), of the daemons with their children and all threads.
"""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Self, TypeVar

from bench import UnavailableError
from bench.contenders import Contender, contenders, environment
from bench.works import INTERVAL, Work, WorkError, average_ping
from glasstunnel.host import control
from glasstunnel.host.errors import HostError
from glasstunnel.host.namespace import Namespace, veth_pair

MTU = 1420  # bytes, of the interfaces in the tunnel
CABLE_MTU = 1500
_PATIENCE = 20.0  # seconds until a daemon must serve, an answer must come, a work must be done after its time
_PORT = 51820
_BEAT = 0.05  # seconds
_TICK = os.sysconf("SC_CLK_TCK")
_numbers = count()

T = TypeVar("T")


class Pulse:
    """A thread that wakes often within the block and notes the longest time for which it could not."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _beat(self) -> None:
        before = time.monotonic()
        while not self._end.wait(_BEAT):
            after = time.monotonic()
            self.longest, before = max(self.longest, after - before), after


@dataclass(frozen=True)
class End:
    """One end: its namespace, its interface and the daemon that serves it."""

    namespace: Namespace
    interface: str
    daemon: subprocess.Popen[bytes]
    log: IO[bytes]

    def run(self, *command: str, text: str = "", patience: float = _PATIENCE) -> str:
        """What a program prints in the namespace. Raises WorkError when it fails or takes too long."""
        with self.namespace:
            try:
                done = subprocess.run(
                    command, input=text, capture_output=True, text=True, check=False, timeout=patience
                )
            except subprocess.TimeoutExpired:
                raise WorkError(f"{command[0]} was not done after {patience:.0f} s") from None
        if done.returncode and not done.stdout:
            said = done.stderr.strip().splitlines()
            raise WorkError(f"{' '.join(command[:3])} failed: {said[-1] if said else done.returncode}")
        return done.stdout

    def last_words(self) -> str:
        """What the daemon last said, as the end of a sentence."""
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        ended = self.daemon.poll()
        fate = f"; the daemon ended with status {ended}" if ended is not None else ""
        return f"{fate}; it said: {lines[-1]}" if lines else fate


class Pair:
    """Two ends, ready for work."""

    def __init__(self, near: End, far: End) -> None:
        self.near, self.far = near, far
        self.pause = 0.0
        """For how many seconds we could not run at all during the last work."""

    @property
    def is_alive(self) -> bool:
        """Whether both daemons still run."""
        return all(end.daemon.poll() is None for end in (self.near, self.far))

    def processor_seconds(self) -> float:
        """Of both daemons since they started."""
        return sum(processor_seconds(end.daemon.pid) for end in (self.near, self.far))

    def do(self, work: Work, seconds: float) -> dict[str, float]:
        """Carry out a work; its figures. Raises WorkError when it has none, also if a daemon has ended."""
        with Pulse() as pulse:
            try:
                figures = self._do(work, seconds)
            except WorkError as error:
                ended = [end.last_words() for end in (self.near, self.far) if end.daemon.poll() is not None]
                raise WorkError(f"{error}{''.join(ended)}") from None
        self.pause = pulse.longest
        return figures

    def _do(self, work: Work, seconds: float) -> dict[str, float]:
        far = {4: "10.8.0.2", 6: "fd08::2"}[work.version]
        before = self.processor_seconds()
        if work.arguments is None:
            times = ("-c", str(round(seconds / INTERVAL)), "-i", str(INTERVAL))
            output = self.near.run("ping", "-n", "-q", *times, far, patience=seconds + _PATIENCE)
        else:
            with self._iperf3_server():
                command = ("iperf3", "-c", far, "-J", "-t", f"{seconds:g}", *work.arguments)
                output = self.near.run(*command, patience=seconds + _PATIENCE)
        return work.read(output, self.processor_seconds() - before)

    @contextmanager
    def _iperf3_server(self) -> Iterator[None]:
        """For one client; within the block it listens."""
        with self.far.namespace:
            server = subprocess.Popen(
                ["iperf3", "-s", "-1", "--forceflush"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        assert server.stdout
        try:
            said = ""
            for said in server.stdout:
                if "listening" in said:
                    break
            else:
                raise WorkError(f"iperf3's server does not listen: {said.strip()}")
            yield
        finally:
            server.kill()
            server.communicate()


@contextmanager
def pair(contender: Contender, mtu: int = MTU, cable: int = CABLE_MTU) -> Iterator[Pair]:
    """A pair whose tunnel has answered a ping. Raises WorkError when it does not come up.

    ``mtu`` is that of the tunnel, ``cable`` that of the link under it, in bytes.
    """
    with ExitStack() as stack:
        near, far = (stack.enter_context(closing(Namespace())) for _ in range(2))
        veth_pair(near, "eth0", far, "eth0")
        ends = [stack.enter_context(_end(contender, namespace)) for namespace in (near, far)]
        keys = [_wg("genkey") for _ in ends]
        for here, end in enumerate(ends):
            _configure(end, keys[here], _wg("pubkey", text=keys[1 - here]), here + 1, 2 - here)
            links = (f"link set eth0 mtu {cable}", f"link set {end.interface} mtu {mtu} up")
            end.run("ip", "-batch", "-", text="\n".join(links))
        once = ("-n", "-q", "-c1", "-i0.2", f"-w{_PATIENCE:.0f}")
        average_ping(ends[0].run("ping", *once, "10.8.0.2", patience=_PATIENCE + 1))
        yield Pair(ends[0], ends[1])


def each_pair(measure: Callable[[Pair], T]) -> tuple[list[tuple[Contender, T]], list[str]]:
    """What is measured of a pair of each contender, and a sentence for each that gives no figures.

    Raises:
        UnavailableError: if nobody gives any.
    """
    found: list[tuple[Contender, T]] = []
    faults: list[str] = []
    for contender in contenders():
        try:
            with pair(contender) as tunnel:
                found.append((contender, measure(tunnel)))
        except WorkError as error:
            faults.append(f"{contender.name}: {error}")
        except HostError as error:  # no namespaces for this user
            raise UnavailableError(str(error)) from None
    if not found:
        raise UnavailableError(f"nobody could be measured; {faults[0]}")
    return found, faults


@contextmanager
def _end(contender: Contender, namespace: Namespace) -> Iterator[End]:
    """A daemon that serves an interface without configuration."""
    interface = f"gb{os.getpid()}n{next(_numbers)}"
    with tempfile.TemporaryFile() as log:
        try:
            with namespace:
                daemon = subprocess.Popen(
                    [*contender.command, "-f", interface],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment(),
                    process_group=0,  # an interrupt is for us, and we end it in order
                )
        except OSError as error:
            raise WorkError(f"{contender.command[0]} cannot be run: {error.strerror}") from None
        end = End(namespace, interface, daemon, log)
        try:
            deadline = time.monotonic() + _PATIENCE
            while not control.is_served(interface):
                if daemon.poll() is not None or time.monotonic() > deadline:
                    raise WorkError(f"no control socket{end.last_words()}")
                time.sleep(0.01)
            yield end
        finally:
            daemon.terminate()
            try:
                daemon.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _configure(end: End, private: str, peer: str, here: int, there: int) -> None:
    config = (
        f"[Interface]\nPrivateKey = {private}\nListenPort = {_PORT}\n"
        f"[Peer]\nPublicKey = {peer}\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = 192.0.2.{there}:{_PORT}\n"
    )
    commands = (
        f"address add 192.0.2.{here}/24 dev eth0",
        f"address add 10.8.0.{here}/24 dev {end.interface}",
        f"address add fd08::{here}/64 dev {end.interface} nodad",  # usable at once
    )
    end.run("wg", "setconf", end.interface, "/dev/stdin", text=config)
    end.run("ip", "-batch", "-", text="\n".join(commands))


def _wg(command: str, text: str = "") -> str:
    return subprocess.run(
        ["wg", command], input=text, capture_output=True, text=True, check=True
    ).stdout.strip()


def processor_seconds(process: int) -> float:
    """Of a process and all that descend from it, those that have ended too; 0 when it has ended itself."""
    fields: dict[int, list[str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
    family, found = [process], 0
    while family:
        one = family.pop()
        if one in fields:
            found += sum(map(int, fields[one][11:15]))  # utime, stime, cutime, cstime
            family += [child for child, values in fields.items() if int(values[1]) == one]
    return found / _TICK
