"""Users whose traffic goes through a tunnel, or all but these: rules on ranges of user numbers.

Rule: what is in force is written down before it is done, so that whoever comes next, after a crash too, knows
all of it; and who is to go through the tunnel goes through it or nowhere, also while there is none. Section:
ip-rule(8) ``uidrange``; Android netd server/RouteController.h (RULE_PRIORITY_SECURE_VPN),
RouteController.cpp (addUsersToVirtualNetwork).

A rule is about the user to whom a socket belongs. It is looked up in this order, for either IP version::

    12998  fwmark MARK                lookup main     what the tunnel sends itself
    12999  iif lo uidrange A-B        lookup main     who is excepted, if all others go through the tunnel
    13000  iif lo uidrange A-B        lookup TABLE    who goes through the tunnel: its default route
    13001  iif lo uidrange A-B        unreachable     … and no other way, if the tunnel has none
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from glasstunnel.host import journal
from glasstunnel.host.errors import HostError, needs_root, reason
from glasstunnel.host.netlink import FIRST_USERS_TABLE, MAIN_TABLE, USERS_PRIORITY, Netlink, Rule

Range = tuple[int, int]
"""From the first user number to the last."""
LAST_UID = 0xFFFFFFFE  # the next one, (uid_t) -1, is nobody: setresuid(2)
_CONF = Path("/proc/sys/net/ipv4/conf")
_STRICT = 1  # RFC 3704 section 2.2; kernel ip-sysctl.rst, rp_filter
_VERSIONS = (4, 6)
_LINK_LOCAL = "fe80:"


@dataclass(frozen=True, slots=True)
class Users:
    """Who goes through the tunnel.

    Attributes:
        ranges: of user numbers, in order and apart from each other.
        all_but: everybody goes through it but these.
        table: the routing table of the tunnel.
        mark: that of what the tunnel sends itself; 0: none is known.
        marked: whether it was given that mark for this.
        netns: the network namespace, by its number.
        rules: all that may be in force.
    """

    ranges: tuple[Range, ...] = ()
    all_but: bool = False
    table: int = 0
    mark: int = 0
    marked: bool = False
    netns: int = 0
    rules: tuple[Rule, ...] = field(default=(), repr=False)

    @property
    def going(self) -> tuple[Range, ...]:
        """Who goes through the tunnel, without exceptions."""
        return complement(self.ranges) if self.all_but else self.ranges


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same numbers, in order, none twice, in as few ranges as can be."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return tuple(found)


def complement(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """All other numbers."""
    found, next_one = [], 0
    for first, last in merged(ranges):
        if first > next_one:
            found.append((next_one, first - 1))
        next_one = last + 1
    return (*found, (next_one, LAST_UID)) if next_one <= LAST_UID else tuple(found)


def without(ranges: Iterable[Range], others: Iterable[Range]) -> tuple[Range, ...]:
    """Those of the numbers that are not among the others."""
    return complement((*complement(ranges), *others))


def rules_of(users: Users) -> tuple[Rule, ...]:
    """The rules that send these users through the tunnel."""
    found = []
    for version in _VERSIONS:
        if users.mark:
            found.append(Rule(version, USERS_PRIORITY - 2, MAIN_TABLE, mark=users.mark))
        excepted = users.ranges if users.all_but else ()
        found += [Rule(version, USERS_PRIORITY - 1, MAIN_TABLE, uids=uids) for uids in excepted]
        for uids in users.going:
            found.append(Rule(version, USERS_PRIORITY, users.table, uids=uids))
            found.append(Rule(version, USERS_PRIORITY + 1, 0, uids=uids))
    return tuple(found)


def free_table() -> int:
    """A routing table for a tunnel that has none yet."""
    with Netlink() as net:
        return net.free_table(FIRST_USERS_TABLE)


def check_reverse_path_filter(users: Users, interface: str) -> None:
    """Refuse what a strict reverse path filter would not let work: it asks for the way back as root.

    Raises:
        HostError: if root is to go through the tunnel and some other interface has a strict filter.
    """
    if not any(first == 0 for first, _ in users.going):
        return
    for place in sorted(_CONF.iterdir()):
        if place.name in ("all", "default", "lo", interface):
            continue
        if max(int((_CONF / one / "rp_filter").read_text()) for one in ("all", place.name)) == _STRICT:
            raise HostError(
                f"the strict reverse path filter of {place.name} would drop what does not come through "
                f"{interface}: set net.ipv4.conf.{place.name}.rp_filter to 2, or leave root (uid 0) out"
            )


def read(interface: str, directory: Path = journal.DIRECTORY) -> Users | None:
    """Who goes through this interface; None if nobody was sent through it.

    Raises:
        HostError: without the rights to look.
    """
    try:
        facts = json.loads(_path_of(interface, directory).read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(error, directory) from error
    rules = tuple(Rule(**{**rule, "uids": _pair(rule["uids"])}) for rule in facts.pop("rules"))
    return Users(**{**facts, "ranges": tuple((first, last) for first, last in facts["ranges"])}, rules=rules)


def interfaces(directory: Path = journal.DIRECTORY) -> list[str]:
    """The interfaces through which users were sent, sorted."""
    return sorted(path.name.removesuffix(".users") for path in directory.glob("*.users"))


def put(interface: str, users: Users, directory: Path = journal.DIRECTORY) -> None:
    """Let exactly these users go through the interface from now on.

    No user loses the tunnel in between who had it before and has it after.

    Raises:
        HostError: without the rights, or if the kernel refuses; :func:`clear` undoes what had been done then.
    """
    before = read(interface, directory)
    rules = rules_of(users)
    all_rules = tuple(dict.fromkeys((*(before.rules if before else ()), *rules)))
    _write(interface, users, all_rules, directory)
    with Netlink() as net:
        _lead(net, interface, users.table)
        for rule in rules:
            net.add_rule(rule)
        for rule in all_rules:
            if rule not in rules:
                net.delete_rule(rule)
    _write(interface, users, rules, directory)


def restore(interface: str, directory: Path = journal.DIRECTORY) -> None:
    """The interface has come up, again perhaps: lead those who go through it into it.

    Raises:
        HostError: if the kernel refuses.
    """
    users = read(interface, directory)
    if users and users.netns == journal.netns():
        with Netlink() as net:
            _lead(net, interface, users.table)


def clear(interface: str, directory: Path = journal.DIRECTORY) -> Users | None:
    """Let everybody go as if there were no tunnel; who went through it until now, if anybody.

    Raises:
        HostError: without the rights, or if the kernel refuses.
    """
    users = read(interface, directory)
    if users:
        if users.netns == journal.netns():
            with Netlink() as net:
                for rule in reversed(users.rules):
                    net.delete_rule(rule)
                net.flush_table(users.table)
        _path_of(interface, directory).unlink(missing_ok=True)
    return users


@contextmanager
def lock(directory: Path = journal.DIRECTORY) -> Iterator[None]:
    """Within the block nobody else changes who goes through which interface.

    Raises:
        HostError: without the rights.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(error, directory) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _lead(net: Netlink, interface: str, table: int) -> None:
    """Into the interface leads all that is of a version of which it has an address."""
    for version in _VERSIONS:
        if any(not address.startswith(_LINK_LOCAL) for address in net.addresses(interface, version)):
            net.set_default_route(interface, version, table)


def _path_of(interface: str, directory: Path) -> Path:
    return directory / f"{interface}.users"


def _pair(value: list[int] | None) -> Range | None:
    return (value[0], value[1]) if value else None


def _write(interface: str, users: Users, rules: tuple[Rule, ...], directory: Path) -> None:
    """The file is there as a whole or not at all."""
    path = _path_of(interface, directory)
    new = path.with_suffix(".new")
    facts = {**asdict(users), "rules": [asdict(rule) for rule in rules], "netns": journal.netns()}
    try:
        new.write_text(json.dumps(facts))
        new.chmod(0o600)
        os.replace(new, path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise _refused(error, directory) from error


def _refused(error: OSError, directory: Path) -> HostError:
    advice = "; run as root" if needs_root(error) else ""
    return HostError(f"cannot read and write {directory}: {reason(error)}{advice}")
