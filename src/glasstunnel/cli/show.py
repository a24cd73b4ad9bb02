"""``glasstunnel show``: what the interfaces do, as ``wg show`` says it, and as JSON."""

import argparse
import json
import os
import sys
import time

from glasstunnel.host import control
from glasstunnel.host.errors import HostError
from glasstunnel.operate import report
from glasstunnel.operate.status import Status, StatusError, parse

ERRORS = (HostError, StatusError)


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
    names = [arguments.interface]
    if arguments.interface in ("all", "interfaces"):
        names = control.interfaces()
    if arguments.interface == "interfaces":
        if names or arguments.json:
            print(json.dumps(names) if arguments.json else " ".join(names))
        return 0
    found = [parse(name, control.ask(name)) for name in names]
    if arguments.json:
        print(json.dumps({status.name: report.as_json(status) for status in found}, indent=2))
    elif arguments.what:
        for status in found:
            sys.stdout.write(report.table(status, arguments.what, with_name=arguments.interface == "all"))
    else:
        sys.stdout.write("\n".join(_pretty(status) for status in found))
    return 0


def _pretty(status: Status) -> str:
    return report.pretty(status, int(time.time()), colour=_wants_colour())


def _wants_colour() -> bool:
    """As wg does: WG_COLOR_MODE "always" or "never"; else on a terminal, unless NO_COLOR is set."""
    mode = os.environ.get("WG_COLOR_MODE")
    if mode in ("always", "never"):
        return mode == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
