"""Two hosts and the tunnel between them, which the diagnosis is asked about: the stage of a play.

Rule: a play makes a tunnel, breaks it in one way after the other, and asks what is wrong; what it breaks it
mends before the next. Keys and addresses are the same in every run, so that reports are. The diagnosis is the
command's own code, called in the namespace of a host; plays run at the same time, because they mostly wait.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from gettext import translation
from pathlib import Path
from typing import Any

from glasstunnel.cli.language import DOMAIN, LOCALE
from glasstunnel.diagnose.tunnel.evidence import Evidence
from glasstunnel.diagnose.tunnel.options import Deadlines, Options
from glasstunnel.diagnose.tunnel.probe.examine import examine
from glasstunnel.diagnose.tunnel.report import own_addresses, printed
from glasstunnel.diagnose.tunnel.story import STEPS
from glasstunnel.host.namespace import Namespace, veth_pair
from tests.diagnose.lab_runs import Pulse
from tests.interop.lab import Host, Lab, glasstunnel, run

AT_ONCE = 6  # plays
PATIENT = Deadlines(handshake=30, echo=3, keepalive=20)  # a slow machine still answers in time
SILENCE = Deadlines(handshake=1)  # for what is to stay silent
STANDSTILL = 2.0  # seconds, which these outlast
TRIES = 2
_CHINESE = translation(DOMAIN, LOCALE, ["zh_CN"]).gettext


def key(name: str) -> str:
    """A private or a preshared key that is always the same."""
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


@dataclass
class Diagnosis:
    """What was said: as text in Chinese, as the command prints it, and as JSON with nothing hidden."""

    text: str
    document: dict[str, Any]
    status: int
    masked: str  # the JSON that is fit to be shown
    own: set[str]  # addresses
    host: Host
    evidence: Evidence
    mended: str = ""  # the verdict after the remedy
    changed: str = ""  # what the diagnosis changed of the machine

    @property
    def verdict(self) -> dict[str, Any]:
        found = self.document["verdict"]
        assert isinstance(found, dict)
        return found

    @property
    def told(self) -> tuple[str, str]:
        return self.verdict["cause"], self.verdict["confidence"]

    def codes(self, of: str = "evidence") -> list[str]:
        return [fact["code"] for fact in self.verdict[of]]

    @property
    def remedies(self) -> list[dict[str, Any]]:
        found = self.document["remedies"]
        assert isinstance(found, list)
        return found


@dataclass
class Stage:
    """Two hosts, and what a play does to them."""

    directory: Path
    stack: ExitStack
    lab: Lab = field(default_factory=Lab)
    forgets_after: int = 4  # seconds, of a router that translates

    def __post_init__(self) -> None:
        self.stack.callback(self.lab.close)
        self.ours, self.theirs = self.lab.ours, self.lab.theirs
        self.ours.private_key, self.theirs.private_key = key("ours"), key("theirs")

    def config(self, host: Host, *lines: str, interface: str = "", peer: bool = True, **other: str) -> Path:
        """A configuration of ``host``, with further lines for its [Peer] and its [Interface].

        ``other``: what [Peer] has otherwise than it should: ``key``, ``allowed``, ``endpoint``.
        """
        far = self.theirs if host is self.ours else self.ours
        allowed, endpoint = other.get("allowed", f"{far.inner[4]}/32"), other.get("endpoint", far.endpoint(4))
        path = self.directory / f"{host.interface}.conf"
        path.touch(mode=0o600)
        text = f"[Interface]\nPrivateKey = {host.private_key}\nListenPort = {host.port}\n"
        text += f"Address = {host.inner[4]}/24\n{interface}\n"
        if peer:
            text += f"[Peer]\nPublicKey = {other.get('key', far.public_key)}\nAllowedIPs = {allowed}\n"
            text += f"Endpoint = {endpoint}\n" if endpoint else ""
        path.write_text("\n".join((text, *lines, "")))
        return path

    def up_in_the_past(self, host: Host, seconds: int) -> None:
        """The tunnel of ``host`` once more, by a clock that is behind."""
        (self.directory / "sitecustomize.py").write_text(
            f"import time\nnow = time.time_ns\ntime.time_ns = lambda: now() - {seconds} * 10**9\n"
        )
        program = ("env", f"PYTHONPATH={self.directory}", sys.executable, "-m", "glasstunnel")
        there(host, *program, "up", "--quiet", str(self.directory / f"{host.interface}.conf"))

    def up(self, host: Host, *lines: str, **other: Any) -> None:
        """``glasstunnel up`` with such a configuration, and down at the end."""
        path = self.config(host, *lines, **other)
        with host.namespace:
            done = glasstunnel("up", "--quiet", path)
        assert (done.returncode, done.stderr) == (0, "")
        self.stack.callback(self.down, host)

    def down(self, host: Host) -> None:
        with host.namespace:
            glasstunnel("down", self.directory / f"{host.interface}.conf")

    def both_up(self, *lines: str, **ours: Any) -> None:
        self.up(self.theirs)
        self.up(self.ours, *lines, **ours)

    def through_a_router(self, *, translating: bool = False) -> Host:
        """A third host between the two, beside their cable; it translates what comes from ``theirs``.

        It has ports "ours" and "theirs", and forgets a flow after four seconds.
        """
        router = Host(Namespace(), {4: "198.51.100.254"}, {}, 0)
        self.stack.callback(router.namespace.close)
        for host, port, net in ((self.ours, "ours", "198.51.100"), (self.theirs, "theirs", "203.0.113")):
            veth_pair(host.namespace, "far", router.namespace, port)
            there(router, "ip", "address", "add", f"{net}.254/24", "dev", port)
            there(host, "ip", "address", "add", f"{net}.1/24", "dev", "far")
            host.outer = {4: f"{net}.1"}
        there(self.theirs, "ip", "route", "add", "198.51.100.0/24", "via", "203.0.113.254")
        for setting in ("ip_forward=1", "conf.all.rp_filter=0"):
            there(router, "sysctl", "-q", "-w", f"net.ipv4.{setting}")
        if not translating:
            there(self.ours, "ip", "route", "add", "203.0.113.0/24", "via", "198.51.100.254")
            return router
        for name in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
            there(router, "sysctl", "-q", "-w", f"net.netfilter.{name}={self.forgets_after}")
        chain = "add table ip nat; add chain ip nat c { type nat hook postrouting priority srcnat; }"
        there(router, "nft", f'{chain}; add rule ip nat c oifname "ours" masquerade')
        return router

    @contextmanager
    def dropping(self, *where: tuple[Host, str, str]) -> Iterator[None]:
        """Filters, each with its hook and the condition of what it drops; taken away at the end."""
        for host, hook, condition in where:
            table = "add table inet lost; add chain inet lost c"
            there(host, "nft", f"{table} {{ type filter hook {hook} priority 0; }}")
            there(host, "nft", f"add rule inet lost c {condition} drop")
        yield
        for host, _, _ in where:
            there(host, "nft", "delete table inet lost")

    def look(
        self,
        *,
        host: Host | None = None,
        subject: str | Path = "",
        deadlines: Deadlines = PATIENT,
        **options: Any,
    ) -> Diagnosis:
        """Ask what is wrong."""
        host = host or self.ours
        file = self.directory / f"{host.interface}.conf"
        subject = subject or (file if file.exists() else host.interface)
        chosen = Options(deadlines, **options)
        before = _everything(host)
        with host.namespace:
            seen = examine(str(subject), chosen, _say)
        status, text = printed(seen, _CHINESE)
        whole, masked = (printed(seen, str, in_json=True, unmasked=it)[1] for it in (True, False))
        assert own_addresses(seen) >= {one.partition("/")[0] for one in seen.interface.addresses}
        said = Diagnosis(
            self._renamed(text), json.loads(whole), status, masked, own_addresses(seen), host, seen
        )
        said.changed = "" if (after := _everything(host)) == before else f"{before}\n→\n{after}"
        return said

    def _renamed(self, text: str) -> str:
        """The report of a host whose interface and files have the usual names."""
        text = text.replace(f"{self.directory}/", "/etc/wireguard/")
        for host in (self.ours, self.theirs):
            text = text.replace(host.interface, "wg0")
        return text

    def do(self, said: Diagnosis, what: str = "commands", number: int = 0) -> None:
        """Do what the report says, or take it back (``undo``), in a shell that knows our program."""
        path = f"PATH={Path(sys.executable).parent}:$PATH"
        with said.host.namespace:
            run("sh", "-ec", "\n".join((path, *said.remedies[number][what])))

    def mended(self, said: Diagnosis, undo: bool = True, **look: Any) -> Diagnosis:
        """The diagnosis, with what the next one says when its remedy was applied."""
        self.do(said)
        said.mended = self.look(host=said.host, **look).told[0]
        if undo:
            self.do(said, "undo")
        return said


def there(host: Host, *command: str) -> str:
    """Run a program at a host."""
    with host.namespace:
        return run(*command)


def _say(step: str, seconds: int = 0) -> None:
    assert step in STEPS


_STATE = (
    "ip address; ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; nft list ruleset; "
    "sysctl -a --pattern 'ip_forward|forwarding|rp_filter'"
)


def _everything(host: Host) -> str:
    """What a diagnosis must not change of a host."""
    return there(host, "sh", "-c", _STATE)


Play = Callable[[Stage], Iterator[Diagnosis]]


def perform(plays: Iterable[tuple[Play, Iterable[str]]], directory: Path) -> dict[str, Diagnosis | Exception]:
    """What is said in each scenario of these plays; an exception stands for what a play did not come to."""

    def one(play: Play, names: Iterable[str]) -> dict[str, Diagnosis | Exception]:
        """Once more if the machine stood still meanwhile, which looks like a network that does."""
        for number in range(TRIES):
            stops, seen = pulse.stops, once(play, names, directory / f"{play.__name__}{number}")
            if pulse.stops == stops:
                break
        return seen

    def once(play: Play, names: Iterable[str], folder: Path) -> dict[str, Diagnosis | Exception]:
        folder.mkdir()
        seen: dict[str, Diagnosis | Exception] = {}
        with ExitStack() as stack:
            try:
                seen.update(zip(names, play(Stage(folder, stack)), strict=True))
            except Exception as error:  # each test of this play raises it again
                seen |= {name: error for name in names if name not in seen}
        return seen

    with closing(Pulse(STANDSTILL)) as pulse, ThreadPoolExecutor(AT_ONCE) as pool:
        started = [pool.submit(one, *each) for each in plays]
        return {name: said for each in started for name, said in each.result().items()}
