"""``glasstunnel show``: what the interfaces do, as ``wg show`` says it, and as JSON."""

import argparse
import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterable, Iterator

from glasstunnel.host import control
from glasstunnel.host.errors import HostError
from glasstunnel.operate import report
from glasstunnel.operate.status import Status, StatusError, parse

ERRORS = (HostError, StatusError)
_SCOPE = re.compile(r"(?<=%)[0-9]+(?=\])")


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = (
        "Show WireGuard interfaces: ours, and those of wireguard-go.\n"
        "With WHAT, print lines of fields with tabs between, for scripts, as wg(8) does.\n"
        "Secret keys are hidden unless WG_HIDE_KEYS=never."
    )
    parser.add_argument(
        "interface",
        nargs="?",
        default="all",
        metavar="INTERFACE",
        help='the name of an interface; "all" (the default); or "interfaces": print only the names',
    )
    parser.add_argument(
        "what", nargs="?", metavar="WHAT", choices=report.TABLES, help=", ".join(report.TABLES)
    )
    parser.add_argument("--json", action="store_true", help="print JSON, without secret keys")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    every = arguments.interface == "all"
    if arguments.interface == "interfaces":
        names = control.interfaces()
        if names or arguments.json:
            print(json.dumps(names) if arguments.json else " ".join(names))
        return 0
    found = list(_readable(control.interfaces())) if every else [_read(arguments.interface)]
    if arguments.json:
        print(json.dumps({status.name: report.as_json(status) for status in found}, indent=2))
    elif arguments.what:
        for status in found:
            sys.stdout.write(report.table(status, arguments.what, with_name=every))
    else:
        sys.stdout.write("\n".join(_pretty(status) for status in found))
    return 0


def _read(name: str) -> Status:
    return parse(name, _SCOPE.sub(_scope_name, control.ask(name)))


def _scope_name(number: re.Match[str]) -> str:
    """As wg does: a scope is the interface of that number here, if there is one."""
    try:
        return socket.if_indextoname(int(number[0]))
    except (OSError, OverflowError):
        return number[0]


def _readable(names: Iterable[str]) -> Iterator[Status]:
    """Those that can be read: one that fails, or has just gone, does not hide the others."""
    for name in names:
        try:
            yield _read(name)
        except ERRORS as error:
            print(f"glasstunnel: {error}", file=sys.stderr)


def _pretty(status: Status) -> str:
    return report.pretty(status, int(time.time()), colour=_wants_colour())


def _wants_colour() -> bool:
    """As wg does: WG_COLOR_MODE "always" or "never"; else on a terminal, unless NO_COLOR is set."""
    mode = os.environ.get("WG_COLOR_MODE")
    if mode in ("always", "never"):
        return mode == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
