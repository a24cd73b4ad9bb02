"""What a device says of itself, and the request that it try.

Rule: a device of ours is asked at its control socket, by the two questions that only ours answers; anybody
else's is read by wg(8) and woken by a packet. Section: answers.py; wg(8) "show".
"""

import re
import shutil
import socket
import subprocess
from contextlib import suppress

from glasstunnel.diagnose.tunnel.dump import parse as parse_dump
from glasstunnel.diagnose.tunnel.dump import parse_drops
from glasstunnel.diagnose.tunnel.evidence import Counts, Kind
from glasstunnel.host import control
from glasstunnel.host.errors import HostError
from glasstunnel.operate import keys, status
from glasstunnel.operate.status import Status

_SCOPE = re.compile(r"(?<=%)[0-9]+(?=\])")


class Device:
    """A running device, whoever serves it.

    Raises:
        HostError: if there is none of that name, or without the rights to ask it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind = Kind.OTHER
        if control.is_served(name):
            with suppress(HostError):  # others hang up
                control.ask(name, "drops=1")
                self.kind = Kind.OURS
        self.status = self.read()

    def read(self) -> Status:
        """What it is now."""
        if self.kind is Kind.OURS:
            return status.parse(self.name, _SCOPE.sub(_scope_name, control.ask(self.name)))
        if program := shutil.which("wg"):
            command = [program, "show", self.name, "dump"]
            try:
                done = subprocess.run(  # noqa: S603 - fixed words and a checked name
                    command, capture_output=True, text=True, check=False, timeout=10
                )
            except subprocess.TimeoutExpired:
                raise HostError(f"wg show {self.name} dump did not answer within 10 s") from None
            if done.returncode:
                raise HostError(f"there is no WireGuard interface {self.name}")
            return parse_dump(self.name, done.stdout)
        if control.is_served(self.name):
            return status.parse(self.name, control.ask(self.name))
        raise HostError(f"{self.name} is not ours: to read it wg is needed (wireguard-tools)")

    def drops(self) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """What it has dropped, itself and for each peer; nothing of others' devices."""
        if self.kind is not Kind.OURS:
            return {}, {}
        return parse_drops(self.name, control.ask(self.name, "drops=1"))

    def counts(self) -> tuple[dict[str, int], dict[str, Counts]]:
        """The device's drops, and what it knows of each peer by its key."""
        self.status = self.read()
        mine, theirs = self.drops()
        found = {}
        for peer in self.status.peers:
            key = keys.encode(peer.public_key)
            found[key] = Counts(
                peer.endpoint or "",
                peer.handshake_seconds + peer.handshake_nanoseconds / 1e9,
                peer.rx_bytes,
                peer.tx_bytes,
                theirs.get(key, {}),
            )
        return mine, found

    def try_(self, key: str) -> None:
        """Let it try a handshake; nothing happens if it cannot."""
        if self.kind is Kind.OURS:
            control.ask(self.name, f"try=1\npublic_key={keys.decode(key).hex()}")


def _scope_name(number: re.Match[str]) -> str:
    try:
        return socket.if_indextoname(int(number[0]))
    except (OSError, OverflowError):
        return number[0]
