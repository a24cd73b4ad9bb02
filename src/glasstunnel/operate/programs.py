"""A program whose traffic alone goes through a tunnel: ``glasstunnel exec``.

Rule: all programs of one interface share its namespace. The first brings the interface up, the last, by
ending, takes it down, and in between nobody owns it. A program that cannot have the tunnel does not start.
Section: ip-netns(8) ``exec``.
"""

import os
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from glasstunnel.host import apart, journal, program
from glasstunnel.host.apart import Room
from glasstunnel.host.errors import HostError
from glasstunnel.host.program import Person
from glasstunnel.operate import up
from glasstunnel.operate.config import Config
from glasstunnel.operate.serve import Say

_PATIENCE = 30.0  # seconds that others may take to bring the interface up or down
_PAUSE = 0.02  # seconds between two looks at what they do


def joined(name_or_file: str) -> Room | None:
    """The namespace of the interface of this name, if there is one, whoever made it, and from whatever.

    Raises:
        HostError: if there is one, and nobody is let in for too long, as while it is not connected.
    """
    if "/" in name_or_file or name_or_file.endswith(".conf"):
        return None
    name, deadline = name_or_file, time.monotonic() + _PATIENCE
    while not (found := apart.knock(name)) and journal.is_apart(name) and journal.holder(name):
        _wait(name, deadline)
    return found


def room(name: str, config: Config, file: Path, say: Say) -> Room:
    """The namespace of the interface ``name``, which is brought up there unless it is already.

    Raises:
        HostError: if it is up for the whole machine, or does not come up.
    """
    deadline = time.monotonic() + _PATIENCE
    while not (found := apart.knock(name) or _make(name, config, file, say)):
        _wait(name, deadline)
    return found


def run(found: Room, who: Person, command: Sequence[str]) -> NoReturn:
    """Become the program ``command``, in this room, as this user.

    Raises:
        HostError: if the system does not allow it.
    """
    program.enter(found)
    environment = program.environment_of(who, os.environ) if who.uid != os.getuid() else os.environ
    program.become(who)
    program.execute(command, environment)


def _wait(name: str, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise HostError(f"{name} does not come up: its process {journal.holder(name)} still works on it")
    time.sleep(_PAUSE)  # its journal is a file of another process, and nothing tells when it is complete


def _make(name: str, config: Config, file: Path, say: Say) -> Room | None:
    """Bring it up; None: somebody is just bringing it up or down, so that we have to ask again."""
    process = journal.holder(name)
    if process:
        if journal.is_apart(name):
            return None
        raise HostError(
            f'{name} is up for the whole machine (process {process}): "glasstunnel down {name}" first, or '
            f'send the programs of a user through it with "glasstunnel route add {name} --user USER"'
        )
    namespace = apart.make_namespace()
    with closing(namespace):
        try:
            up.up_apart(name, config, file, namespace, say=say)
        except HostError:
            if journal.is_apart(name):  # somebody was faster
                return None
            raise
        return Room(os.dup(namespace.fd), config.interface.dns_servers, config.interface.dns_search)
