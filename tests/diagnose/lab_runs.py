"""What is seen in a scenario: both reports of the diagnosis, skopeo's pull, and a pull after each remedy.

Rule: nobody is told anything about the scenario: the diagnosis and skopeo run side by side on the client, and
a remedy is the commands of the report, run by a shell there. What no namespace has of its own is stood for:
commands to a service manager are noted, and setting the clock moves the world by as much. Scenarios run at
the same time, each in a laboratory of its own, because they mostly wait.
"""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.diagnose.lab_client import Client, Done
from tests.diagnose.lab_scenario import Scenario, clock, on_stage
from tests.diagnose.lab_scenarios import SCENARIOS
from tests.diagnose.lab_stage import Lab, Stage

PATIENCE = 30.0  # seconds for a pull that is to succeed
IMPATIENCE = 2.0  # … for one that is to fail
AT_ONCE = 3  # laboratories
BEAT, STANDSTILL = 0.05, 0.5  # seconds: between looks at the clock, and how much later one may be
TRIES = 4
VERIFY = "systemd-analyze verify docker.service"
_NETWORK = (  # not IPv6's own addresses, which come a second later
    "ip -4 -o address; ip -4 route show table all; ip -6 route show default; ip rule; ip -6 rule; "
    "nft list ruleset; cat /proc/sys/net/ipv4/conf/*/*"
)
_SPOILT = f"sed -i.kept s/Environment=/Environmnt=/ {{0}}; {VERIFY}; mv {{0}}.kept {{0}}"


@dataclass
class Seen:
    """The report as text and as JSON, and what a pull did: before, and after each remedy."""

    text: Done
    values: Done
    pull: Done
    untouched: bool  # whether the diagnosis left the machine as it was
    mended: dict[str, Done] = field(default_factory=dict)
    verified: dict[str, Done] = field(default_factory=dict)  # systemd-analyze on the daemon's unit
    refused: dict[str, Done] = field(default_factory=dict)  # the same with a word misspelt
    written: dict[str, dict[str, str]] = field(default_factory=dict)  # by remedy: the files, after it
    undone: dict[str, bool] = field(default_factory=dict)  # whether taking it back left the files as before

    @property
    def report(self) -> dict[str, Any]:
        value = json.loads(self.values.out)
        assert isinstance(value, dict)
        return value

    @property
    def remedies(self) -> dict[str, dict[str, Any]]:
        """By code."""
        return {remedy["code"]: remedy for remedy in self.report["remedies"]}


class Pulse:
    """A thread that notices when this machine stands still, as under a load that leaves us no processor."""

    def __init__(self, standstill: float = STANDSTILL) -> None:
        self.stops = 0
        self._late = BEAT + standstill
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        last = time.monotonic()
        while not self._end.wait(BEAT):
            now = time.monotonic()
            self.stops += now - last > self._late
            last = now

    def close(self) -> None:
        self._end.set()
        self._thread.join()


def see(lab: Lab, scenario: Scenario) -> Seen:
    """Let everything happen in one scenario, and once more if the machine stood still meanwhile."""
    with closing(Pulse()) as pulse:
        for _ in range(TRIES):
            stops, seen = pulse.stops, _see(lab, scenario)
            if pulse.stops == stops:
                break
    return seen


def _see(lab: Lab, scenario: Scenario) -> Seen:
    with on_stage(lab, scenario) as (stage, client):
        before = _state(client)
        running = (
            client.diagnose(scenario.image, LANGUAGE="zh"),  # as the book shows it
            client.diagnose(scenario.image, "--json", "--unmasked"),
            client.pull(scenario.image, PATIENCE if scenario.pulls else IMPATIENCE),
        )
        text, values, pull = (Done.of(program) for program in running)
        seen = Seen(text, values, pull, _state(client) == before)
        for remedy in seen.remedies.values():
            if remedy["commands"] and remedy["code"] not in _BEYOND:
                _mend(seen, remedy, scenario, stage, client)
        return seen


def _state(client: Client) -> tuple[dict[str, str], str]:
    """What a command could change of the client: its files and its network."""
    return client.files(), client.run("sh", "-ec", _NETWORK).out


_BEYOND = {"log-in", "network", "authority"}
"""Remedies that need what is not here: an account, a service manager, a file from an administrator."""


def _mend(seen: Seen, remedy: dict[str, Any], scenario: Scenario, stage: Stage, client: Client) -> None:
    """Apply a remedy, pull, and take it back."""
    code, before = remedy["code"], client.files()
    if remedy["heeded_by"] == "shell":
        first: list[str] = remedy["commands"]
    else:
        first = []
        done = client.run("sh", "-ec", "\n".join(remedy["commands"]), PATH=client.noting())
        assert done.status == 0, f"{code}: {done.error}"
        if told := re.findall(r"^clock (\d+)$", client.noted(), re.MULTILINE):
            # No namespace has a clock of its own: that this one is set forward is, seen from here, the same
            # as that the world's is set back by as much.
            stage.clear()
            clock(scenario.ahead - timedelta(seconds=int(told[-1]) - time.time()))(stage)
    seen.written[code] = client.files()
    if code.endswith("drop-in"):
        (drop_in,) = set(seen.written[code]) - set(before)
        seen.verified[code] = client.run("sh", "-c", VERIFY)
        seen.refused[code] = client.run("sh", "-c", _SPOILT.format(drop_in))
    patience = PATIENCE if code in scenario.mended_by else IMPATIENCE
    seen.mended[code] = Done.of(client.pull(scenario.image, patience, *first))
    done = client.run("sh", "-ec", "\n".join(remedy["undo"]), PATH=client.noting())
    assert done.status == 0, f"{code}: {done.error}"
    seen.undone[code] = client.files() == before


def see_all(names: Iterable[str]) -> dict[str, Seen]:
    """What is seen in each of these scenarios."""
    with ExitStack() as stack:
        labs: queue.SimpleQueue[Lab] = queue.SimpleQueue()
        for _ in range(AT_ONCE):
            labs.put(stack.enter_context(closing(Lab())))

        def see_one(name: str) -> Seen:
            lab = labs.get()
            try:
                return see(lab, SCENARIOS[name])
            finally:
                labs.put(lab)

        wanted = list(names)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(see_one, wanted), strict=True))
