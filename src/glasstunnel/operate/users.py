"""Sending the programs of users through a tunnel: ``glasstunnel route``.

Rule: there is one list per interface, of those who go through it or of those who do not, never both, as for
Android's VpnService.Builder (addAllowedApplication, addDisallowedApplication). Section: host/users.py.
"""

import pwd
import re
from collections.abc import Sequence
from dataclasses import replace

from glasstunnel.host import control, journal, users
from glasstunnel.host.errors import HostError
from glasstunnel.host.names import check_name
from glasstunnel.host.users import LAST_UID, Range, Users
from glasstunnel.operate.status import parse


def uid_range(text: str) -> Range:
    """``1000-1999`` or ``1000``; raises :exc:`HostError`."""
    found = re.fullmatch("([0-9]{1,10})(?:-([0-9]{1,10}))?", text)
    if found:
        first, last = int(found[1]), int(found[2] or found[1])
        if first <= last <= LAST_UID:
            return first, last
    raise HostError(f'--uid: expected a user number or a range such as 1000-1999, got "{text}"')


def user(name: str) -> Range:
    """The number of a user; raises :exc:`HostError`."""
    try:
        uid = pwd.getpwnam(name).pw_uid
    except KeyError:
        raise HostError(f'--user: expected the name of a user, got "{name}"') from None
    return uid, uid


def add(interface: str, ranges: Sequence[Range], *, all_but: bool = False) -> Users:
    """Send these users through the interface too, or with ``all_but`` all but these.

    Raises:
        HostError: if it is not up, if it has a list of the other kind, or if the kernel refuses.
    """
    with users.lock():
        _check_is_up(interface)
        before = users.read(interface) or Users(all_but=all_but)
        if before.all_but != all_but:
            there, wanted = ("all but some", "some") if before.all_but else ("some", "all but some")
            raise HostError(
                f"{interface} has {there} users already and cannot have {wanted}: "
                f'"glasstunnel route remove {interface}" first'
            )
        after = replace(before, ranges=users.merged((*before.ranges, *ranges)))
        users.check_reverse_path_filter(after, interface)
        after = replace(after, table=after.table or users.free_table())
        after = _with_mark(interface, after)
        users.put(interface, after)
    return after


def remove(interface: str, ranges: Sequence[Range] = ()) -> Users | None:
    """Take these users out of the list; without any, or when it is empty then, all goes as before.

    Raises:
        HostError: if nobody goes through the interface, or if the kernel refuses.
    """
    with users.lock():
        before = users.read(check_name(interface))
        if not before:
            raise HostError(f"no users were sent through {interface}")
        left = users.without(before.ranges, ranges) if ranges else ()
        if not left:
            clear(interface)
            return None
        after = replace(before, ranges=left)
        users.check_reverse_path_filter(after, interface)
        users.put(interface, after)
    return after


def clear(interface: str) -> bool:
    """Let everybody go as before; whether anybody went otherwise. Raises :exc:`HostError`."""
    before = users.clear(interface)
    if before and before.marked and control.is_served(interface):
        control.ask(interface, "set=1\nfwmark=0")
    return bool(before)


def _check_is_up(interface: str) -> None:
    if not journal.holder(check_name(interface)):
        raise HostError(f"{interface} was not brought up by glasstunnel")
    if journal.is_apart(interface):
        raise HostError(
            f"{interface} is in a namespace of its own: "
            f'"glasstunnel exec {interface} -- COMMAND" starts programs there'
        )


def _with_mark(interface: str, wish: Users) -> Users:
    """What the interface sends itself must not go into it: it has a mark, or is given one.

    One that cannot be given a mark can have no users that it runs as.
    """
    if control.is_served(interface):
        mark = parse(interface, control.ask(interface)).fwmark
        if mark:
            return replace(wish, mark=mark)
        control.ask(interface, f"set=1\nfwmark={wish.table}")
        return replace(wish, mark=wish.table, marked=True)
    if any(first == 0 for first, _ in wish.going):
        raise HostError(
            f"{interface} runs as root, and what it sends itself would go into it: leave root (uid 0) out"
        )
    return wish
