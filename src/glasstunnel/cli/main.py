"""The program ``glasstunnel``: finds the command, runs it, and turns its errors into one sentence each.

Rule: no command pays for another's imports, and no traceback reaches a user for what the user or the system
did. Exit status 0: done; 1: one sentence on standard error says why not; 2: the command line was wrong.
"""

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence

from glasstunnel import __version__

COMMANDS = {
    "genkey": "make a new private key",
    "genpsk": "make a new preshared key",
    "pubkey": "print the public key of a private key",
    "up": "bring an interface up",
    "down": "bring an interface down",
    "exec": "run a program whose traffic alone goes through a tunnel",
    "route": "send the programs of users through a tunnel",
    "show": "show what the interfaces do",
    "toyvpn": "serve or use ToyVpn, Android's sample",
    "diagnose": "find out why docker pull or a tunnel fails",
    "demo": "tell the story of a tunnel while making one",
}
"""Each is a module of this package, with its help."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (by default the program's own); return the exit status."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us, as by >&-
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - as long as the program runs
    words = sys.argv[1:] if argv is None else list(argv)
    arguments = _parser(words).parse_args(words)
    module = importlib.import_module(f"glasstunnel.cli.{arguments.command}")
    try:
        status: int = module.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # who read our output has had enough
        _drop_output()
        return 1
    except KeyboardInterrupt:
        return _fail("interrupted")
    except module.ERRORS as error:
        return _fail(str(getattr(error, "strerror", None) or error))
    except OSError as error:
        if error.errno != errno.ENOSPC:  # a fault of ours
            raise
        _drop_output()
        return _fail(os.strerror(errno.ENOSPC))
    return status


def _drop_output() -> None:
    """The interpreter flushes once more at exit: let that go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(sentence: str) -> int:
    print(f"glasstunnel: {sentence}", file=sys.stderr)
    return 1


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="glasstunnel",
        description="A complete WireGuard VPN in Python.",
        epilog='"glasstunnel COMMAND --help" explains a command.',
    )
    parser.add_argument("--version", action="version", version=f"glasstunnel {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == chosen:
            importlib.import_module(f"glasstunnel.cli.{name}").configure(command)
    return parser
