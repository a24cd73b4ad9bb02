"""Rules of iptables-legacy, which nft does not show, as nft would show them.

Rule: what is not read is a condition that nobody understands, never one that holds. Section: iptables(8),
iptables-extensions(8), iptables-save(8); libnftables-json(5) for what is made of it.
"""

import shlex
from collections.abc import Iterator
from typing import Any, Final

_HOOKS: Final = {  # of the built-in chains that matter here: type and hook
    ("filter", "INPUT"): ("filter", "input"),
    ("filter", "OUTPUT"): ("filter", "output"),
    ("filter", "FORWARD"): ("filter", "forward"),
    ("nat", "POSTROUTING"): ("nat", "postrouting"),
}
_META: Final = {"-i": "iifname", "-o": "oifname"}
_FIELDS: Final = {"-s": "saddr", "-d": "daddr"}
_PORTS: Final = {"--sport": "sport", "--dport": "dport"}
_PLAIN: Final = ("udp", "tcp", "comment", "state", "conntrack")  # matches whose options are read below
_ENDS: Final = {
    "DROP": "drop",
    "REJECT": "reject",
    "ACCEPT": "accept",
    "RETURN": "return",
    "MASQUERADE": "masquerade",
    "SNAT": "snat",
}
_PASSES: Final = ("LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS")
_UNREAD: Final = {"match": {"op": "==", "left": {"xt": "unread"}, "right": 0}}


def parse(text: str, family: str) -> list[dict[str, Any]]:
    """The chains and rules of ``iptables-legacy-save`` (family "ip") or ``ip6tables-legacy-save`` ("ip6")."""
    items: list[dict[str, Any]] = []
    table, chains, numbers = "", set[str](), dict[str, int]()
    for line in text.splitlines():
        if line.startswith("*"):
            table, chains, numbers = line[1:], set(), {}
        elif line.startswith(":"):
            name, policy, _ = line[1:].split(maxsplit=2)
            chains.add(name)
            kind, hook = _HOOKS.get((table, name), ("", ""))
            base = {"type": kind, "hook": hook, "prio": 0, "policy": policy.lower()} if hook else {}
            items.append({"chain": {**_place(family, table), "name": name, **base}})
        elif line.startswith("-A "):
            _, name, *words = shlex.split(line)
            numbers[name] = numbers.get(name, 0) + 1
            place = {**_place(family, table), "chain": name, "handle": numbers[name]}
            items.append({"rule": {**place, "expr": list(_expressions(words, family, chains))}})
    return items


def _place(family: str, table: str) -> dict[str, str]:
    return {"family": family, "table": f"{table} (legacy)"}


def _expressions(words: list[str], family: str, chains: set[str]) -> Iterator[dict[str, Any]]:
    rest = iter(words)
    negated = False
    for word in rest:
        if word == "!":
            negated = True
            continue
        if word in ("-j", "-g"):
            yield _target(next(rest), "goto" if word == "-g" else "jump", chains)
            return  # what follows are the target's own options
        condition = _condition(word, rest, family)
        if condition:
            left, right = condition
            yield {"match": {"op": "!=" if negated else "==", "left": left, "right": right}}
        elif condition is None:
            yield _UNREAD
        negated = False


def _condition(word: str, rest: Iterator[str], family: str) -> tuple[Any, Any] | tuple[()] | None:
    """What is compared with what; nothing for a word that asks nothing, None for one that is not read."""
    if word == "-m":
        return () if next(rest) in _PLAIN else None
    if word == "--comment":
        next(rest)
        return ()
    if word in _META:
        name = next(rest)
        return {"meta": {"key": _META[word]}}, f"{name[:-1]}*" if name.endswith("+") else name
    if word in _FIELDS:
        address, _, length = next(rest).partition("/")
        field = {"payload": {"protocol": family, "field": _FIELDS[word]}}
        return (field, {"prefix": {"addr": address, "len": int(length)}}) if length.isdecimal() else None
    if word in _PORTS:
        low, _, high = next(rest).partition(":")
        ports = {"range": [int(low or 0), int(high or 65535)]} if _ else int(low)
        return {"payload": {"protocol": "th", "field": _PORTS[word]}}, ports
    if word == "-p":
        return {"meta": {"key": "l4proto"}}, next(rest)
    if word in ("--state", "--ctstate"):
        return {"ct": {"key": "state"}}, {"set": next(rest).lower().split(",")}
    return None


def _target(name: str, way: str, chains: set[str]) -> dict[str, Any]:
    if name in chains:
        return {way: {"target": name}}
    if name in _PASSES:
        return {"log": None}
    return {_ENDS.get(name, "queue"): None}  # an end that is not known is somebody else's decision
