"""Who takes part: every command that behaves as wireguard-go does, ``COMMAND -f INTERFACE``.

Rule: a contender is known by a name that no other has, and what is expected of it follows from what it says
of itself (``COMMAND --version``), not from where it lies.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench import UnavailableError

OURS = "glasstunnel"
PLAIN = "glasstunnel, plain path"
PEERS, VARIANTS = "BENCH_PEERS", "BENCH_VARIANTS"
_BIN = Path(sys.executable).parent  # where our own programs are
_PATIENCE = 10.0  # seconds for a program that is asked for its version


class Kind(StrEnum):
    """What a contender is to the comparison."""

    OURS = "ours"
    PLAIN = "plain"
    VARIANT = "variant"
    PEER = "peer"


@dataclass(frozen=True)
class Contender:
    """A name, a command without ``-f INTERFACE``, and the version it tells."""

    name: str
    kind: Kind
    command: tuple[str, ...]
    version: str = ""

    @property
    def number(self) -> tuple[int, ...]:
        """The version as numbers that can be compared; empty for one without."""
        found = re.search(r"\d+(\.\d+)+", self.version)
        return tuple(map(int, found[0].split("."))) if found else ()


def environment() -> dict[str, str]:
    """In which contenders run: ours are found by name, and wireguard-go does not insist on the kernel's."""
    path = os.pathsep.join((str(_BIN), os.environ.get("PATH", os.defpath)))
    return {**os.environ, "PATH": path, "WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD": "1"}


def version_of(command: Sequence[str]) -> str:
    """The first line that the command prints about its version; empty when it prints none."""
    try:
        done = subprocess.run(
            [*command, "--version"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.strip().splitlines()
    return lines[0].strip() if lines and not done.returncode else ""


def peers(text: str) -> list[Path]:
    """The programs that ``BENCH_PEERS`` names. Raises UnavailableError for one that is none."""
    paths = [Path(part.strip()) for part in text.split(",") if part.strip()]
    for path in paths:
        if not (path.is_file() and os.access(path, os.X_OK)):
            raise UnavailableError(
                f'{PEERS}: expected the paths of programs, comma between them, got "{path}"'
            )
    return paths


def variants(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Names and commands of ``BENCH_VARIANTS``. Raises UnavailableError for what is not NAME=COMMAND."""
    found = []
    for part in text.split(";"):
        if not part.strip():
            continue
        name, _, command = part.partition("=")
        try:
            words = tuple(shlex.split(command))
        except ValueError:
            words = ()
        if not (name.strip() and words):
            raise UnavailableError(
                f'{VARIANTS}: expected NAME=COMMAND, semicolon between them, got "{part.strip()}"'
            )
        found.append((name.strip(), words))
    return found


def contenders(settings: Mapping[str, str] = os.environ) -> list[Contender]:
    """All of them: ours, the plain path, the variants, the wireguard-go that is installed, other peers."""
    commands: list[tuple[str, Kind, tuple[str, ...]]] = [
        (OURS, Kind.OURS, ("glasstunnel-wg",)),
        (PLAIN, Kind.PLAIN, ("env", "GLASSTUNNEL_DATA_PATH=plain", "glasstunnel-wg")),
    ]
    commands += [(name, Kind.VARIANT, words) for name, words in variants(settings.get(VARIANTS, ""))]
    installed = [Path("wireguard-go")] if shutil.which("wireguard-go") else []
    programs = [*installed, *peers(settings.get(PEERS, ""))]
    commands += [("", Kind.PEER, (str(program),)) for program in programs]
    return list(_named(commands))


def _named(commands: Sequence[tuple[str, Kind, tuple[str, ...]]]) -> Iterator[Contender]:
    """Each with its version, and with a name that no other has."""
    taken: set[str] = set()
    for name, kind, command in commands:
        version = version_of(command)
        wanted = name or version.replace(" v", " ") or Path(command[0]).name
        chosen, count = wanted, 1
        while chosen in taken:
            count += 1
            chosen = f"{wanted} ({count})"
        taken.add(chosen)
        yield Contender(chosen, kind, command, version)
