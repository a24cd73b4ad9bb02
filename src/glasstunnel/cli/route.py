"""``glasstunnel route``: send the programs of users through a tunnel."""

import argparse
import json
import pwd
import re
import sys
from pathlib import Path

from glasstunnel.host import users as rules
from glasstunnel.host.errors import HostError
from glasstunnel.host.users import Range, Users
from glasstunnel.operate import users

ERRORS = (HostError,)
_RESOLV_CONF = Path("/etc/resolv.conf")
_LOCAL_RESOLVER = re.compile(r"^\s*nameserver\s+(127\.\S+|::1)\s*$", re.MULTILINE)


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = (
        "Send the programs of users through an interface that is up, by rules on user numbers, as Android\n"
        "does for its apps. They go through it or nowhere, in IPv4 and IPv6, until they are removed or the\n"
        "interface is brought down; all others go as before. The interface needs no route of its own for\n"
        "this (Table = off), only allowed IPs."
    )
    actions = parser.add_subparsers(dest="action", metavar="add|remove|show", required=True)
    add = actions.add_parser("add", help="send more users through it")
    remove = actions.add_parser("remove", help="take users out again; without any, all of them")
    show = actions.add_parser("show", help="show who goes through what")
    for action in (add, remove):
        action.add_argument("interface", metavar="INTERFACE", help="that is up")
        action.add_argument(
            "--uid", metavar="N[-M]", action="append", default=[], help="user numbers, such as 1000-1999"
        )
        action.add_argument("--user", metavar="NAME", action="append", default=[], help="a user")
    add.add_argument("--except", dest="all_but", action="store_true", help="all users but these")
    show.add_argument("interface", metavar="INTERFACE", nargs="?", help="only this one")
    show.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    if arguments.action == "show":
        _show(arguments.interface, as_json=arguments.json)
        return 0
    ranges = [*map(users.uid_range, arguments.uid), *map(users.user, arguments.user)]
    interface = arguments.interface
    if arguments.action == "remove":
        left = users.remove(interface, ranges)
        print(_sentence(interface, left) if left else f"{interface}: all users go as before")
        return 0
    if not ranges:
        raise HostError("expected --uid or --user")
    print(_sentence(interface, users.add(interface, ranges, all_but=arguments.all_but)))
    if _RESOLV_CONF.exists() and (local := _LOCAL_RESOLVER.search(_RESOLV_CONF.read_text())):
        print(
            f"Warning: {local[1]} is asked for names, and asks others as a user of its own, "
            f"outside of {interface}",
            file=sys.stderr,
        )
    return 0


def _show(interface: str | None, *, as_json: bool) -> None:
    found = {name: rules.read(name) for name in ([interface] if interface else rules.interfaces())}
    there = {name: who for name, who in found.items() if who}
    if as_json:
        print(json.dumps({name: _facts(who) for name, who in there.items()}, indent=2))
        return
    for name, who in there.items():
        print(_sentence(name, who))


def _facts(who: Users) -> dict[str, object]:
    return {
        "all_but": who.all_but,
        "uids": [{"first": first, "last": last} for first, last in who.ranges],
        "table": who.table,
        "fwmark": who.mark,
    }


def _sentence(interface: str, who: Users) -> str:
    whose = ", ".join(map(_named, who.ranges))
    return f"{interface}: {'all users but' if who.all_but else 'the users'} {whose} go through it or nowhere"


def _named(uids: Range) -> str:
    first, last = uids
    if first != last:
        return f"{first}-{last}"
    try:
        return f"{first} ({pwd.getpwuid(first).pw_name})"
    except (KeyError, OverflowError):
        return str(first)
