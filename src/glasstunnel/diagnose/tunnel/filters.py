"""What the rules of nftables would do with a packet, as far as they can be understood.

Rule: three answers, as in logic with gaps: a condition holds, does not, or is not understood, and a verdict
that hangs on one of the last kind is not sure. Rules of iptables are read as nft shows them. Section:
libnftables-json(5), nft(8).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Any, Final

_PROTOCOLS: Final = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "icmpv6": 58}
_DROPS: Final = ("drop", "reject")
_TRANSLATES: Final = ("masquerade", "snat")
_NEUTRAL: Final = ("counter", "log", "mangle", "comment", "continue")
_UNKNOWN: Final = "unknown"  # what may end a packet's way, and cannot be read
_XT: Final = {
    "DROP": "drop",
    "REJECT": "reject",
    "ACCEPT": "accept",
    "MASQUERADE": "masquerade",
    "SNAT": "snat",
    "LOG": "log",
    "NFLOG": "log",
    "MARK": "mangle",
    "CONNMARK": "mangle",
    "TCPMSS": "mangle",
}


@dataclass(frozen=True)
class Packet:
    """What conditions ask about."""

    source: str
    destination: str
    protocol: int = 17
    comes_in: str = ""  # names of interfaces
    goes_out: str = ""
    source_port: int = 0
    destination_port: int = 0
    state: str = "new"  # of connection tracking

    @property
    def family(self) -> str:
        """As nft calls it."""
        return "ip" if ip_address(self.source).version == 4 else "ip6"


@dataclass(frozen=True)
class Hit:
    """A rule that ends a packet's way, or translates its source."""

    verdict: str
    rule: str
    sure: bool


class Ruleset:
    """The rules of a namespace.

    Args:
        document: what ``nft -j list ruleset`` prints, decoded.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        items = document.get("nftables", [])
        self._chains = [item["chain"] for item in items if "chain" in item]
        self._rules: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for item in items:
            if rule := item.get("rule"):
                self._rules.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(rule)

    @property
    def owners(self) -> list[str]:
        """Which programs have written rules here, as far as names tell."""
        names = {chain["name"] for chain in self._chains}
        tables = {chain["table"] for chain in self._chains}
        found = {
            "ufw": any(name.startswith("ufw-") for name in names),
            "firewalld": "firewalld" in tables,
            "docker": "DOCKER-USER" in names,
        }
        return [name for name, is_there in found.items() if is_there]

    def drops(self, hook: str, packet: Packet) -> Hit | None:
        """The rule or policy that drops a packet at this hook, if one does."""
        unsure: Hit | None = None
        for chain in self._base_chains("filter", hook, packet):
            hit = self._base(chain, packet)
            if hit and hit.sure:
                return hit
            unsure = unsure or hit
        return unsure

    def translates(self, packet: Packet) -> bool | None:
        """Whether a packet's source is translated on its way out; None if that cannot be told."""
        maybe = False
        for chain in self._base_chains("nat", "postrouting", packet):
            doubt = False
            for hit in self._walk(chain, packet, True):
                if hit.verdict in _TRANSLATES:
                    if hit.sure and not doubt:
                        return True
                    maybe = True
                elif not hit.sure:
                    doubt = True
                if hit.sure:
                    break
        return None if maybe else False

    def _base_chains(self, kind: str, hook: str, packet: Packet) -> list[dict[str, Any]]:
        found = [
            chain
            for chain in self._chains
            if chain.get("type") == kind
            and chain.get("hook") == hook
            and chain["family"] in (packet.family, "inet")
        ]
        return sorted(found, key=lambda chain: chain.get("prio", 0))

    def _base(self, chain: dict[str, Any], packet: Packet) -> Hit | None:
        """What a base chain drops; what nothing in it takes has its policy."""
        unsure: Hit | None = None
        doubt = False  # whether something before may have let it pass
        for hit in self._walk(chain, packet, True):
            if hit.verdict in _DROPS:
                if hit.sure:
                    return replace(hit, sure=not doubt)
                unsure = unsure or hit
            elif hit.sure:
                return unsure
            else:
                doubt = True
        if chain.get("policy") == "drop":
            return Hit("drop", f"{_name(chain)} policy", not doubt)
        return unsure

    def _walk(self, chain: dict[str, Any], packet: Packet, sure: bool) -> Iterator[Hit]:
        """The verdicts that a packet may meet in a chain and those it leads to, in their order.

        A return from a base chain leaves it to the policy. One that hangs on what is not understood makes
        everything behind it unsure.
        """
        for rule in self._rules.get((chain["family"], chain["table"], chain["name"]), []):
            holds: bool | None = True
            for expression in rule.get("expr", []):
                ((word, value),) = expression.items()
                if word == "match":
                    held = _holds(value, packet)
                    if held is False:
                        break
                    holds = holds if held else None
                    continue
                for held, verdict, target in _verdicts(word, value, packet):
                    certain = holds is True and held is True
                    if verdict in ("jump", "goto"):
                        yield from self._walk({**chain, "name": target["target"]}, packet, sure and certain)
                    elif verdict in ("accept", _UNKNOWN, *_DROPS, *_TRANSLATES):
                        where = rule.get("comment", f"handle {rule.get('handle', 0)}")
                        yield Hit(verdict, f"{_name(chain)} {where}", sure and certain)
                    elif verdict != "return":
                        holds = holds if verdict in _NEUTRAL else None
                        continue
                    if verdict != "jump" and certain:
                        return
                    if verdict in ("goto", "return"):
                        sure = False


def _name(chain: dict[str, Any]) -> str:
    return f"{chain['family']} {chain['table']} {chain['name']}"


def _verdicts(word: str, value: Any, packet: Packet) -> Iterator[tuple[bool | None, str, Any]]:
    """What a statement may do, each with whether it does: a verdict map has several, one of which may hold.

    A target of iptables is called what nft would call it itself.
    """
    if word == "vmap" and isinstance(value["data"], dict):
        for key, verdict in value["data"]["set"]:
            held = _holds({"left": value["key"], "right": key}, packet)
            if held is not False:
                yield held, *next(iter(verdict.items()))
    elif word == "xt" and isinstance(value, dict) and value.get("type") == "match":
        yield True, word, value
    elif word == "xt" and isinstance(value, dict) and value.get("name") in _XT:
        yield True, _XT[value["name"]], value
    elif word in ("vmap", "xt", "queue"):  # a named map, a target that is not known, a program's decision
        yield None, _UNKNOWN, value
    else:
        yield True, word, value


def _holds(match: dict[str, Any], packet: Packet) -> bool | None:
    """Whether a condition holds; None for one that is not understood."""
    known, actual = _actual(match.get("left"), packet)
    if not known:
        return None
    if actual is None:  # the packet has no such field
        return False
    same = _among(actual, match.get("right"))
    if same is None:
        return None
    operator = match.get("op", "==")
    if operator in ("==", "in"):
        return same
    return not same if operator == "!=" else None


def _actual(left: Any, packet: Packet) -> tuple[bool, str | int | None]:
    if not isinstance(left, dict):
        return False, None
    if "ct" in left and left["ct"].get("key") == "state":
        return True, packet.state
    if "meta" in left:
        meta: dict[str, str | int] = {
            "iifname": packet.comes_in,
            "iif": packet.comes_in,
            "oifname": packet.goes_out,
            "oif": packet.goes_out,
            "l4proto": packet.protocol,
            "nfproto": "ipv4" if packet.family == "ip" else "ipv6",
        }
        key = left["meta"].get("key")
        return key in meta, meta.get(key)
    if "payload" in left:
        protocol, name = left["payload"].get("protocol"), left["payload"].get("field")
        if protocol in ("ip", "ip6"):
            fields: dict[str, str | int] = {
                "saddr": packet.source,
                "daddr": packet.destination,
                "protocol": packet.protocol,
                "nexthdr": packet.protocol,
            }
            return (name in fields, fields.get(name)) if protocol == packet.family else (True, None)
        if protocol != "th" and _PROTOCOLS.get(protocol, packet.protocol) != packet.protocol:
            return True, None
        if protocol in ("udp", "tcp", "th"):
            ports: dict[str, int] = {"sport": packet.source_port, "dport": packet.destination_port}
            return name in ports, ports.get(name)
    return False, None


def _among(actual: str | int, right: Any) -> bool | None:
    """Whether a value is what a condition names: one, a prefix, a range, or one of several."""
    if isinstance(right, dict):
        if "set" in right:
            return _any(_among(actual, one) for one in right["set"])
        if "prefix" in right:
            network = ip_network(f"{right['prefix']['addr']}/{right['prefix']['len']}", strict=False)
            return ip_address(str(actual)) in network
        if "range" in right:
            low, high = right["range"]
            if isinstance(actual, int) and isinstance(low, int):
                return bool(low <= actual <= high)
        return None
    if isinstance(right, list):
        return _any(_among(actual, one) for one in right)
    if isinstance(right, str) and right.startswith("@"):
        return None
    if isinstance(actual, int):
        return actual == (_PROTOCOLS.get(right) if isinstance(right, str) else right)
    if isinstance(right, str) and right.endswith("*"):
        return actual.startswith(right[:-1])
    return bool(actual == right)


def _any(several: Iterable[bool | None]) -> bool | None:
    found = list(several)
    return True if True in found else None if None in found else False
