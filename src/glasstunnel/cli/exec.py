"""``glasstunnel exec``: run a program whose traffic alone goes through a tunnel."""

import argparse
import logging
import os
import sys

from glasstunnel.host import program
from glasstunnel.host.apart import Room
from glasstunnel.host.errors import HostError
from glasstunnel.operate import files, programs
from glasstunnel.operate.config import Config, ConfigError
from glasstunnel.operate.serve import Say

ERRORS = ()
_OWN_FAILURE = 125  # as with env(1): not to be taken for a status of the program
_COMMANDS = ("pre_up", "post_up", "pre_down", "post_down")


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.usage = "glasstunnel exec [-h] [--user USER] [-v] NAME|FILE -- COMMAND [ARGUMENT ...]"
    parser.description = (
        "Run COMMAND in a network namespace that has the tunnel and nothing else: its traffic and its DNS\n"
        "go through the tunnel or nowhere, and those of all other programs go as before.\n"
        "The first program brings the interface up, and it goes when the last program has ended;\n"
        "programs with the same NAME share it.\n\n"
        "Run it as root, best with sudo: the program is run as who called sudo.\n"
        "The exit status is that of COMMAND; 125: the tunnel failed, 126: COMMAND cannot be executed,\n"
        "127: there is no COMMAND."
    )
    parser.add_argument("config", metavar="NAME|FILE", help='as for "glasstunnel up"')
    parser.add_argument(
        "words", metavar="COMMAND", nargs=argparse.REMAINDER, help="the program and its arguments"
    )
    parser.add_argument("--user", metavar="USER", help="run it as this user, a name or a number")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what is done")


def run(arguments: argparse.Namespace) -> int:
    """Become the program, or say why not."""
    logging.basicConfig(format="glasstunnel: %(message)s", level=logging.INFO)
    try:
        command = _command(arguments.words)
        who = program.person(arguments.user, os.environ)
        say = _tell if arguments.verbose else _nothing
        room = programs.joined(arguments.config) or _room(arguments.config, say)
        programs.run(room, who, command)
    except (ConfigError, HostError) as error:
        print(f"glasstunnel: {error}", file=sys.stderr)
        return getattr(error, "status", _OWN_FAILURE)


def _room(name_or_file: str, say: Say) -> Room:
    file = files.find(name_or_file)
    name, config = files.interface_name(file), files.load(file)
    for warning in (*files.warnings(file, config), *_warnings(file.name, config)):
        print(f"Warning: {warning}", file=sys.stderr)
    return programs.room(name, config, file.resolve(), say)


def _command(words: list[str]) -> list[str]:
    command = words[1:] if words[:1] == ["--"] else words
    if not command:
        raise HostError("expected a command after the name: glasstunnel exec NAME -- COMMAND")
    return command


def _warnings(file: str, config: Config) -> list[str]:
    """What of a configuration is not for a program."""
    interface, found = config.interface, []
    if any(getattr(interface, key) for key in _COMMANDS):
        found.append(f"{file}: PreUp, PostUp, PreDown and PostDown are for the whole machine and do not run")
    if not interface.dns_servers:
        found.append(f"{file}: has no DNS: names are asked of those in /etc/resolv.conf, through the tunnel")
    return found


def _tell(text: str) -> None:
    print(f"[#] {text}", file=sys.stderr, flush=True)


def _nothing(_text: str) -> None:
    pass
