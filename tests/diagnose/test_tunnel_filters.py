"""What rules of nftables would do with a packet: nft(8), as nft 1.0.6 lists them, libnftables-json(5).

A verdict that is said to be sure must be what the kernel would do; where a condition is not understood the
answer must say so, never guess.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from glasstunnel.diagnose.tunnel.filters import Hit, Packet, Ruleset

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
OUT = Packet("192.0.2.1", "198.51.100.2", UDP, "", "eth0", 51001, 51820)
IN = Packet("198.51.100.2", "192.0.2.1", UDP, "eth0", "", 51820, 51001, "established")
OUT6 = Packet("2001:db8::1", "2001:db8::2", UDP, "", "eth0", 51001, 51820)
PING = Packet("10.9.0.1", "10.9.0.2", ICMP, "", "wg0")

ACCEPT, DROP, RETURN = {"accept": None}, {"drop": None}, {"return": None}
COUNTER, LOG = {"counter": {"packets": 0, "bytes": 0}}, {"log": None}
LIMIT = {"limit": {"rate": 5, "burst": 5, "per": "second"}}
MASQUERADE = {"masquerade": None}
CONNTRACK = {"xt": {"type": "match", "name": "conntrack"}}


def meta(key: str) -> dict[str, Any]:
    return {"meta": {"key": key}}


def field(protocol: str, name: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": name}}


def match(left: Any, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


STATE = {"ct": {"key": "state"}}
MARK = match(meta("mark"), 16)  # a mark is nothing that a packet of ours is known by here


def jump(target: str) -> dict[str, Any]:
    return {"jump": {"target": target}}


def goto(target: str) -> dict[str, Any]:
    return {"goto": {"target": target}}


def vmap(key: Any, *pairs: tuple[Any, dict[str, Any]]) -> dict[str, Any]:
    return {"vmap": {"key": key, "data": {"set": [list(pair) for pair in pairs]}}}


def ruleset(
    *rules: Sequence[dict[str, Any]],
    policy: str = "accept",
    hook: str = "output",
    kind: str = "filter",
    family: str = "inet",
    prio: int = 0,
    comment: str = "",
    **others: Sequence[Sequence[dict[str, Any]]],
) -> dict[str, Any]:
    """A base chain "c" of the table "f" with these rules, and other chains to which they lead."""
    place = {"family": family, "table": "f"}
    base = {"type": kind, "hook": hook, "prio": prio, "policy": policy}
    items: list[dict[str, Any]] = [
        {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"table": {"family": family, "name": "f", "handle": 1}},
        {"chain": {**place, "name": "c", "handle": 1, **base}},
    ]
    handle = 1
    for name, found in {"c": rules, **others}.items():
        if name != "c":
            items.append({"chain": {**place, "name": name, "handle": 9}})
        for rule in found:
            handle += 1
            said = {"comment": comment} if comment else {}
            items.append({"rule": {**place, "chain": name, "handle": handle, "expr": list(rule), **said}})
    return {"nftables": items}


def both(*documents: dict[str, Any]) -> dict[str, Any]:
    return {"nftables": [item for document in documents for item in document["nftables"]]}


def dropped(document: dict[str, Any], packet: Packet = OUT, hook: str = "output") -> bool | None:
    """True or False where it is sure, None where it is not."""
    hit = Ruleset(document).drops(hook, packet)
    return False if hit is None else True if hit.sure else None


def translated(document: dict[str, Any], packet: Packet = PING) -> bool | None:
    return Ruleset(document).translates(packet)


# Where a packet goes


def test_without_rules_nothing_is_dropped_or_translated() -> None:
    assert dropped({}) is False
    assert translated({}) is False
    assert dropped(ruleset()) is False


def test_the_rule_that_drops_is_named_by_its_place_and_by_its_comment_or_handle() -> None:
    rule = match(field("udp", "dport"), 51820), COUNTER, LOG, DROP
    assert Ruleset(ruleset(rule)).drops("output", OUT) == Hit("drop", "inet f c handle 2", True)
    named = ruleset(rule, comment="no VPN here")
    assert Ruleset(named).drops("output", OUT) == Hit("drop", "inet f c no VPN here", True)


def test_a_reject_is_a_drop_and_a_policy_drops_what_nothing_took() -> None:
    assert dropped(ruleset([{"reject": {"type": "icmpx", "expr": "port-unreachable"}}])) is True
    refusing = ruleset(policy="drop")
    assert Ruleset(refusing).drops("output", OUT) == Hit("drop", "inet f c policy", True)
    assert dropped(ruleset([ACCEPT], policy="drop")) is False


def test_only_chains_of_that_hook_type_and_family_see_a_packet() -> None:
    assert dropped(ruleset([DROP], hook="input")) is False
    assert dropped(ruleset([DROP], kind="nat")) is False
    assert dropped(ruleset([DROP], family="ip6")) is False
    assert dropped(ruleset([DROP], family="ip6"), OUT6) is True
    assert dropped(ruleset([DROP], family="ip")) is True
    assert dropped(ruleset([DROP], family="ip"), OUT6) is False


def test_an_accept_ends_its_own_base_chain_only() -> None:
    """nft(8): a packet that one base chain accepts is seen by the next of the same hook."""
    early, late = ruleset([ACCEPT], prio=-10), ruleset([DROP], prio=10, family="ip")
    assert dropped(both(late, early)) is True
    assert dropped(both(early, ruleset([MARK, DROP], family="ip"))) is None


def test_the_chain_of_the_lower_priority_is_asked_first() -> None:
    first, second = ruleset([DROP], prio=-5, comment="first"), ruleset([DROP], family="ip", comment="second")
    hit = Ruleset(both(second, first)).drops("output", OUT)
    assert hit is not None
    assert hit.rule == "inet f c first"


def test_a_jump_comes_back_and_a_goto_does_not() -> None:
    assert dropped(ruleset([jump("sub")], [DROP], sub=[[MARK, COUNTER]])) is True
    assert dropped(ruleset([goto("sub")], [DROP], sub=[[COUNTER]])) is False
    assert dropped(ruleset([goto("sub")], policy="drop", sub=[[COUNTER]])) is True
    assert dropped(ruleset([jump("sub")], policy="drop", sub=[[ACCEPT]])) is False
    assert dropped(ruleset([jump("sub")], [DROP], sub=[[goto("third")], [ACCEPT]], third=[])) is True


def test_a_return_leaves_its_chain_and_from_a_base_chain_to_the_policy() -> None:
    """nft(8): in a base chain the policy is applied."""
    assert dropped(ruleset([jump("sub")], [DROP], sub=[[RETURN], [ACCEPT]])) is True
    assert dropped(ruleset([RETURN], [DROP])) is False
    assert dropped(ruleset([RETURN], [ACCEPT], policy="drop")) is True


# What is not understood


@pytest.mark.parametrize(
    ("document", "is_dropped"),
    [
        (ruleset([MARK, DROP]), None),
        (ruleset([LIMIT, DROP]), None),
        (ruleset([MARK, ACCEPT], policy="drop"), None),
        (ruleset([MARK, ACCEPT], [DROP]), None),
        (ruleset([MARK, DROP], [DROP]), True),
        (ruleset([MARK, DROP], policy="drop"), True),
        (ruleset([MARK, DROP], [ACCEPT], policy="drop"), None),
        (ruleset([MARK, RETURN], [DROP]), None),
        (ruleset([MARK, RETURN], policy="drop"), True),
        (ruleset([MARK, jump("sub")], sub=[[DROP]]), None),
        (ruleset([MARK, jump("sub")], [DROP], sub=[[COUNTER]]), True),
        (ruleset([MARK, jump("sub")], [DROP], sub=[[ACCEPT], [DROP]]), None),
        (ruleset([MARK, goto("sub")], [DROP], sub=[[COUNTER]]), None),
        (ruleset([jump("sub")], [DROP], sub=[[MARK, RETURN], [COUNTER]]), True),
        (ruleset([{"queue": {"num": 1}}], policy="drop"), None),
    ],
)
def test_a_verdict_is_sure_only_if_nothing_that_was_not_understood_could_change_it(
    document: dict[str, Any], is_dropped: bool | None
) -> None:
    assert dropped(document) is is_dropped


# Conditions


@pytest.mark.parametrize(
    ("condition", "packet", "holds"),
    [
        (match(STATE, ["established", "related"], "in"), IN, True),
        (match(STATE, ["established", "related"], "in"), OUT, False),
        (match(STATE, "new", "in"), OUT, True),
        (match(STATE, "established", "!="), IN, False),
        (match(STATE, {"set": ["new", "established"]}, "!="), OUT, False),
        (match(meta("oif"), "eth0"), OUT, True),
        (match(meta("oifname"), "wg*"), OUT, False),
        (match(meta("oifname"), "wg*"), PING, True),
        (match(meta("iifname"), "wg0", "!="), IN, True),
        (match(meta("oif"), 7), OUT, False),  # an interface that is gone is listed by its number
        (match(meta("l4proto"), "udp"), OUT, True),
        (match(meta("l4proto"), {"set": ["tcp", "ipv6-icmp"]}), OUT, False),
        (match(meta("l4proto"), 17), OUT, True),
        (match(meta("l4proto"), "sctp"), OUT, False),
        (match(meta("nfproto"), "ipv4"), OUT, True),
        (match(meta("nfproto"), "ipv6"), OUT6, True),
        (match(field("ip", "saddr"), "192.0.2.1"), OUT, True),
        (match(field("ip", "saddr"), {"prefix": {"addr": "192.0.2.0", "len": 24}}), OUT, True),
        (match(field("ip", "daddr"), {"prefix": {"addr": "192.0.2.0", "len": 24}}), OUT, False),
        (match(field("ip", "daddr"), {"set": ["192.0.2.9", "198.51.100.2"]}), OUT, True),
        (match(field("ip", "saddr"), "192.0.2.1"), OUT6, False),
        (match(field("ip", "saddr"), "192.0.2.9", "!="), OUT6, False),  # nft checks the family first
        (match(field("ip", "length"), 1300, ">"), OUT6, False),
        (match(field("ip6", "saddr"), "2001:db8::1"), OUT6, True),
        (match(field("ip6", "nexthdr"), "ipv6-icmp"), OUT6, False),
        (match(field("ip", "protocol"), "icmp"), PING, True),
        (match(field("udp", "dport"), 51820), OUT, True),
        (match(field("udp", "dport"), 53, "!="), OUT, True),
        (match(field("udp", "dport"), 53, "!="), PING, False),
        (match(field("udp", "dport"), {"range": [51820, 51830]}), OUT, True),
        (match(field("udp", "sport"), {"range": [51820, 51830]}), OUT, False),
        (match(field("th", "dport"), 51820), OUT, True),
        (match(field("tcp", "flags"), "syn"), OUT, False),
        (match(field("icmp", "type"), "echo-request"), OUT, False),
        (match(field("icmp", "type"), "echo-request"), PING, None),
        (match(field("udp", "length"), 100), OUT, None),
        (match(field("ip", "length"), 1300, ">"), OUT, None),
        (match(field("ether", "saddr"), "02:00:00:00:00:01"), OUT, None),
        (match(field("udp", "dport"), 50000, ">"), OUT, None),
        (match(field("udp", "dport"), "@ports"), OUT, None),
        (match(field("udp", "dport"), {"set": [53, {"elem": {"val": 7, "comment": "x"}}]}), OUT, None),
        (match(field("ip", "saddr"), {"range": ["192.0.2.1", "192.0.2.9"]}), OUT, None),
        (match({"ct": {"key": "status"}}, "dnat", "in"), OUT, None),
        (match({"fib": {"result": "type", "flags": ["daddr"]}}, "local"), OUT, None),
        (match("wg0", "wg0"), OUT, None),
        (MARK, OUT, None),
    ],
)
def test_a_condition_holds_or_not_as_in_the_kernel_or_is_not_understood(
    condition: dict[str, Any], packet: Packet, holds: bool | None
) -> None:
    assert dropped(ruleset([condition, DROP]), packet) is holds


def test_all_conditions_of_a_rule_have_to_hold_and_one_that_does_not_outweighs_what_is_unknown() -> None:
    udp, tcp = match(meta("l4proto"), "udp"), match(meta("l4proto"), "tcp")
    assert dropped(ruleset([udp, match(meta("oifname"), "eth0"), DROP])) is True
    assert dropped(ruleset([MARK, udp, DROP])) is None
    assert dropped(ruleset([MARK, tcp, DROP])) is False


# Verdict maps


def test_a_verdict_map_does_what_it_has_for_the_packet_as_the_zones_of_firewalld_do() -> None:
    zones = vmap(meta("iifname"), ("lo", goto("trusted")), ("eth0", goto("public")))
    document = ruleset(
        [jump("zones")],
        [{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}],
        hook="input",
        zones=[[zones]],
        public=[[match(field("udp", "dport"), 51001), ACCEPT]],
        trusted=[[ACCEPT]],
    )
    assert dropped(document, IN, "input") is False
    assert dropped(document, Packet(IN.source, IN.destination, UDP, "eth0", "", 51820, 7), "input") is True
    assert dropped(document, Packet("127.0.0.1", "127.0.0.1", UDP, "lo", "", 1, 7), "input") is False


def test_a_verdict_map_of_connection_states_lets_answers_in() -> None:
    states = vmap(STATE, ("invalid", DROP), ("established", ACCEPT), ("related", ACCEPT))
    document = ruleset([states], hook="input", policy="drop")
    assert dropped(document, IN, "input") is False
    assert dropped(document, Packet(IN.source, IN.destination, UDP, "eth0"), "input") is True
    assert dropped(ruleset([vmap(STATE, ("new", {"continue": None}))], [DROP])) is True


def test_a_verdict_map_that_cannot_be_read_may_do_anything() -> None:
    named = {"vmap": {"key": field("udp", "dport"), "data": "@services"}}
    assert dropped(ruleset([named], policy="drop")) is None
    joined = vmap({"concat": [meta("iifname"), field("udp", "dport")]}, ({"concat": ["eth0", 51820]}, ACCEPT))
    assert dropped(ruleset([joined], policy="drop")) is None


# Rules of iptables, as nft lists those of iptables-nft


def test_targets_of_iptables_are_what_nft_would_call_them() -> None:
    def target(name: str) -> dict[str, Any]:
        return {"xt": {"type": "target", "name": name}}

    assert dropped(ruleset([COUNTER, target("REJECT")])) is True
    assert dropped(ruleset([COUNTER, target("DROP")])) is True
    assert dropped(ruleset([target("LOG")], [target("TCPMSS")], policy="drop")) is True
    assert dropped(ruleset([target("ACCEPT")], policy="drop")) is False
    assert dropped(ruleset([target("NFQUEUE")], policy="drop")) is None
    assert dropped(ruleset([CONNTRACK, ACCEPT], policy="drop")) is None
    assert dropped(ruleset([{"xt": None}], policy="drop")) is None  # an nft that was built without them


# Translation


def nat(*rules: Sequence[dict[str, Any]], **others: Any) -> dict[str, Any]:
    return ruleset(*rules, **{"hook": "postrouting", "kind": "nat", "family": "ip", **others})


def test_a_source_is_translated_by_masquerade_or_snat_of_a_rule_that_holds() -> None:
    out = Packet("10.9.0.2", "203.0.113.5", ICMP, "wg0", "eth0")
    rule = match(meta("oifname"), "eth0"), match(field("ip", "saddr"), "10.9.0.2"), MASQUERADE
    assert translated(nat(rule), out) is True
    assert translated(nat(rule), PING) is False
    assert translated(nat([{"snat": {"addr": "192.0.2.9"}}])) is True
    assert translated(nat([{"xt": {"type": "target", "name": "MASQUERADE"}}])) is True
    assert translated(nat([MASQUERADE], hook="prerouting")) is False


def test_what_was_accepted_before_is_not_translated_by_that_chain_but_by_the_next() -> None:
    assert translated(nat([ACCEPT], [MASQUERADE])) is False
    assert translated(both(nat([ACCEPT]), nat([MASQUERADE], family="inet"))) is True


@pytest.mark.parametrize(
    "document",
    [
        nat([MARK, MASQUERADE]),
        nat([CONNTRACK, MASQUERADE], [ACCEPT]),
        nat([MARK, ACCEPT], [MASQUERADE]),
        nat([MARK, RETURN], [MASQUERADE]),
    ],
)
def test_whether_a_source_is_translated_cannot_be_told_if_it_hangs_on_what_is_not_understood(
    document: dict[str, Any],
) -> None:
    assert translated(document) is None
    assert translated(nat([MARK, ACCEPT])) is False


@pytest.mark.parametrize(
    ("table", "chain", "owners"),
    [
        ("filter", "ufw-before-input", ["ufw"]),
        ("firewalld", "filter_INPUT", ["firewalld"]),
        ("filter", "DOCKER-USER", ["docker"]),
        ("f", "c", []),
    ],
)
def test_who_writes_rules_is_known_by_their_names(table: str, chain: str, owners: list[str]) -> None:
    named = {"family": "ip", "table": table, "name": chain}
    assert Ruleset({"nftables": [{"chain": named}]}).owners == owners
