"""The commands that mend a tunnel: complete, right for this finding, and to be taken back."""

import re
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from glasstunnel.diagnose.remedy import Remedy
from glasstunnel.diagnose.tunnel.causes import Cause
from glasstunnel.diagnose.tunnel.evidence import (
    Evidence,
    Filtered,
    Got,
    Interface,
    Kind,
    Local,
    Reply,
    Search,
    Target,
    Way,
)
from glasstunnel.diagnose.tunnel.judge import reach_verdict
from glasstunnel.diagnose.tunnel.remedies import remedies
from glasstunnel.diagnose.tunnel.story import REMEDIES, WARNINGS
from tests.diagnose.tunnel_seen import (
    BACKWARD,
    CABLE,
    FILE,
    INNER,
    KEY,
    NAME,
    NOW,
    OTHER,
    OURS,
    OUT,
    OWN,
    THERE,
    echo,
    evidence,
    peer,
    standing,
)

PLACEHOLDER = re.compile(r"\b[A-Z]{2,}(?:_[A-Z]+)?\b")


def mending(seen: Evidence, cause: Cause) -> list[Remedy]:
    """The ways to mend the cause that this evidence must lead to; what all of them keep is looked at."""
    verdict = reach_verdict(seen)
    assert verdict.cause is cause
    found = remedies(verdict, seen)
    for remedy in found:
        assert remedy.code in REMEDIES
        assert set(remedy.warnings) <= WARNINGS.keys()
        for command in (*remedy.commands, *remedy.undo):
            subprocess.run(["sh", "-n", "-c", command], check=True)
        for text in (*remedy.commands, *remedy.undo, *remedy.lines):
            text = re.sub(r"^MTU|DOCKER-USER|ACCEPT", "", text.replace(KEY, "").replace(OWN, ""))
            wanted = PLACEHOLDER.search(text)
            assert not wanted or "placeholder" in remedy.warnings
    return found


def one(seen: Evidence, cause: Cause) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The first."""
    remedy, *_ = mending(seen, cause)
    return remedy.code, remedy.commands, remedy.undo


def kept(seen: Evidence, cause: Cause, number: int = 0) -> tuple[str, tuple[str, ...]]:
    """The lines that keep it, and where they belong."""
    remedy = mending(seen, cause)[number]
    return remedy.file, remedy.lines


def test_a_tunnel_that_is_well_needs_nothing() -> None:
    assert mending(evidence(standing()), Cause.ALL_WELL) == []


SET = f"wg set {NAME} peer {KEY}"
UP, DOWN = f"glasstunnel up {NAME}", f"glasstunnel down {NAME}"
AWAY: dict[str, Any] = {"endpoint": "", "configured": "", "outward": None, "outside": None}


@pytest.mark.parametrize(
    ("seen", "cause", "code", "commands", "undo"),
    [
        (evidence(peer(), kind=Kind.FILE), Cause.NOT_UP, "up", (UP,), (DOWN,)),
        (
            evidence(standing(), interface=Interface(up=False), file=""),
            Cause.INTERFACE_DOWN,
            "link-up",
            (f"ip link set dev {NAME} up",),
            (f"ip link set dev {NAME} down",),
        ),
        (
            evidence(standing(), interface=Interface(exists=False, up=False)),
            Cause.INTERFACE_DOWN,
            "namespace",
            (),
            (),
        ),
        (
            evidence(standing(), public_key=""),
            Cause.NO_PRIVATE_KEY,
            "private-key",
            (f"wg set {NAME} private-key FILE",),
            (),
        ),
        (
            evidence(),
            Cause.NO_PEER,
            "add-peer",
            (f"wg set {NAME} peer PUBLIC_KEY allowed-ips PREFIX endpoint HOST:PORT",),
            (f"wg set {NAME} peer PUBLIC_KEY remove",),
        ),
        (evidence(own_key_as_peer=True), Cause.OWN_KEY_AS_PEER, "own-key", (), ()),
        (
            evidence(standing(), doubled=[("10.0.0.0/8", (KEY, OTHER))]),
            Cause.OVERLAPPING_ALLOWED_IPS,
            "one-owner",
            (),
            (),
        ),
        (
            evidence(peer(**AWAY), kind=Kind.FILE),
            Cause.ENDPOINT_MISSING,
            "endpoint",
            (),
            (),
        ),
        (evidence(kind=Kind.FILE), Cause.NO_PEER, "add-peer", (), ()),
        (
            evidence(peer(resolved=("[2001:db8::9]:51820",), configured="home.example:51820")),
            Cause.ENDPOINT_MOVED,
            "endpoint-again",
            (f"{SET} endpoint '[2001:db8::9]:51820'",),
            (f"{SET} endpoint {THERE}:51820",),
        ),
        (
            evidence(
                peer(**{**AWAY, "unresolved": "no such name", "configured": "home.example:51820"}),
                kind=Kind.FILE,
            ),
            Cause.ENDPOINT_UNRESOLVED,
            "resolve",
            ("getent ahosts home.example", "cat /etc/resolv.conf"),
            (),
        ),
        (
            evidence(peer(outward=Way(THERE, error="ENETUNREACH")), fwmark=0xCA6C),
            Cause.NO_ROUTE,
            "route-out",
            ("ip -brief address", "ip route", f"ip route get {THERE} mark 0xca6c"),
            (),
        ),
        (
            evidence(peer(outward=Way(THERE, interface=NAME))),
            Cause.ENDPOINT_THROUGH_TUNNEL,
            "go-around",
            (f"ip route add {THERE} via GATEWAY dev INTERFACE",),
            (f"ip route del {THERE} via GATEWAY dev INTERFACE",),
        ),
        (
            evidence(peer(outside=Reply(THERE, 60, Got.PORT_UNREACHABLE, THERE))),
            Cause.ENDPOINT_CLOSED,
            "look-there",
            (
                "glasstunnel diagnose tunnel INTERFACE",
                "wg show INTERFACE",
                "tcpdump -n -i any udp port 51820",
            ),
            (),
        ),
        (
            evidence(peer(outside=Reply(THERE, 60, Got.HOST_UNREACHABLE, THERE))),
            Cause.ENDPOINT_UNREACHABLE,
            "path",
            (f"tracepath -n {THERE}",),
            (),
        ),
        (
            evidence(peer(), filtered=[Filtered("output", "outer", "inet f c handle 7")]),
            Cause.FIREWALL,
            "filter",
            ("nft -a list ruleset",),
            (),
        ),
        (
            evidence(peer(dropped={"bad_handshake": 1})),
            Cause.WRONG_PRESHARED_KEY,
            "preshared",
            (f"{SET} preshared-key FILE",),
            (),
        ),
        (
            evidence(peer(), drops={"unknown_peer": 1}),
            Cause.WE_HAVE_WRONG_KEY,
            "show-their-key",
            ("wg show INTERFACE public-key",),
            (),
        ),
        (
            evidence(peer(), drops={"wrong_mac1": 1}),
            Cause.PEER_HAS_WRONG_KEY,
            "tell-own-key",
            (),
            (),
        ),
        (
            evidence(peer(NOW + 600)),
            Cause.CLOCK_BEHIND,
            "clock",
            ("timedatectl set-ntp true", "systemctl restart systemd-timesyncd"),
            ("timedatectl set-ntp false",),
        ),
        (
            evidence(standing(echoes=[echo(Got.SILENCE)])),
            Cause.NO_DATA,
            "allowed-there",
            (),
            (),
        ),
        (
            evidence(standing(searches=[Search(INNER, False, 1232, 1233)])),
            Cause.LARGE_PACKETS_LOST,
            "mtu",
            (f"ip link set dev {NAME} mtu 1232",),
            (f"ip link set dev {NAME} mtu 1420",),
        ),
    ],
)
def test_each_cause_has_its_commands(
    seen: Evidence, cause: Cause, code: str, commands: tuple[str, ...], undo: tuple[str, ...]
) -> None:
    assert one(seen, cause) == (code, commands, undo)


def test_the_reverse_path_filter_is_loosened_on_the_interface_by_which_packets_come() -> None:
    """ip-sysctl: the greater of "all" and the interface's own holds, and 2 is loose."""
    outside = evidence(peer(backward=replace(BACKWARD, error="EXDEV")))
    assert one(outside, Cause.REVERSE_PATH_FILTER)[1:] == (
        (f"sysctl -w net/ipv4/conf/{CABLE}/rp_filter=2",),
        (f"sysctl -w net/ipv4/conf/{CABLE}/rp_filter=1",),
    )
    blocked = Way(OURS, source=INNER, comes_in=NAME, error="EXDEV", prefix=f"{INNER}/32")
    inside = evidence(standing(arrivals=[blocked]))
    assert one(inside, Cause.REVERSE_PATH_FILTER)[1] == (f"sysctl -w net/ipv4/conf/{NAME}/rp_filter=2",)


def test_a_peer_whose_clock_went_back_is_set_right_there_or_forgotten_here_at_a_price() -> None:
    there, here = mending(evidence(peer(dropped={"old_timestamp": 1})), Cause.PEER_CLOCK_BEHIND)
    assert (there.code, there.heeded_by, there.commands[0]) == ("clock-there", "", "timedatectl set-ntp true")
    assert (here.code, here.commands, here.warnings) == (
        "forget-timestamp",
        (DOWN, UP),
        ("loses-session",),
    )


def routed(*prefixes: str, endpoint: str = f"{THERE}:51820") -> Evidence:
    ways = [Way("10.8.0.1", interface=CABLE, prefix=prefix) for prefix in prefixes]
    return evidence(standing(ways=ways, endpoint=endpoint))


def test_each_prefix_without_a_route_gets_one_that_goes_with_the_interface() -> None:
    assert one(routed("10.8.0.0/24", "10.7.0.0/24"), Cause.NOT_ROUTED) == (
        "route",
        (f"ip route prepend 10.8.0.0/24 dev {NAME}", f"ip route prepend 10.7.0.0/24 dev {NAME}"),
        (f"ip route del 10.8.0.0/24 dev {NAME}", f"ip route del 10.7.0.0/24 dev {NAME}"),
    )


@pytest.mark.parametrize("prefix", ["0.0.0.0/0", "198.51.100.0/24"])
def test_a_route_that_would_take_the_way_to_the_endpoint_with_it_is_never_advised(prefix: str) -> None:
    (remedy,) = mending(routed(prefix), Cause.NOT_ROUTED)
    assert (remedy.code, remedy.commands, remedy.warnings) == ("up-again", (DOWN, UP), ("loses-session",))


def test_allowed_ips_are_told_whole_because_wg_replaces_them() -> None:
    """wg(8): "allowed-ips" sets the list."""
    nobodys = Target(OUT, Way(OUT, interface=NAME), answered=Reply(OUT, 64, Got.SILENCE))
    assert one(evidence(standing(), target=nobodys), Cause.ALLOWED_IPS_MISSING) == (
        "add-allowed",
        (f"{SET} allowed-ips {INNER}/32,{OUT}/32",),
        (f"{SET} allowed-ips {INNER}/32",),
    )
    lost = Reply("2001:db8::7", 64, Got.SILENCE)
    six = replace(nobodys, address="2001:db8::7", answered=lost)
    assert one(evidence(standing(), target=six), Cause.ALLOWED_IPS_MISSING)[1] == (
        f"{SET} allowed-ips {INNER}/32,2001:db8::7/128",
    )


def test_where_the_missing_prefix_or_its_peer_cannot_be_known_it_is_a_placeholder() -> None:
    unknown = evidence(standing(dropped={"wrong_source": 1}))
    assert one(unknown, Cause.ALLOWED_IPS_MISSING)[1] == (f"{SET} allowed-ips {INNER}/32,PREFIX",)
    outside = Target(OUT, Way(OUT, interface=CABLE), answered=Reply(OUT, 64, Got.SILENCE))
    assert one(evidence(standing(), target=outside), Cause.ALLOWED_IPS_MISSING)[1] == (
        f"{SET} allowed-ips {INNER}/32,PREFIX",
        f"ip route add PREFIX dev {NAME}",
    )
    nobodys = replace(outside, way=Way(OUT, interface=NAME))
    several = evidence(standing(), standing(key=OTHER), target=nobodys)
    assert one(several, Cause.ALLOWED_IPS_MISSING) == (
        "add-allowed",
        (f"wg set {NAME} peer PUBLIC_KEY allowed-ips {OUT}/32",),
        (),
    )


WHOLE: dict[str, Any] = {"allowed_ips": (f"{INNER}/32", "203.0.113.0/24", "2001:db8::/32")}


def beyond(address: str = OUT, hop: Got = Got.SILENCE) -> Target:
    return Target(
        address,
        Way(address, interface=NAME),
        answered=Reply(address, 64, Got.SILENCE),
        one_hop=Reply(address, 64, hop, INNER),
    )


@pytest.mark.parametrize(
    ("address", "key"), [(OUT, "net.ipv4.ip_forward"), ("2001:db8::7", "net.ipv6.conf.all.forwarding")]
)
def test_forwarding_is_switched_on_where_it_is_missed(address: str, key: str) -> None:
    there = evidence(standing(**WHOLE), target=beyond(address))
    (remedy,) = mending(there, Cause.FORWARDING_OFF)
    look = f"glasstunnel diagnose tunnel INTERFACE --to {address}"
    assert (remedy.code, remedy.heeded_by) == ("forward-there", "")
    assert remedy.commands == (f"sysctl -w {key}=1", look)
    here = Target(address, Way(address, interface=CABLE), [Way(address, source=INNER, comes_in=NAME)])
    local = Local(forwarding={4: False, 6: False})
    (remedy,) = mending(evidence(standing(), local=local, target=here), Cause.FORWARDING_OFF)
    assert (remedy.code, remedy.commands, remedy.undo) == (
        "forward",
        (f"sysctl -w {key}=1",),
        (f"sysctl -w {key}=0",),
    )
    assert remedy.warnings == (("ra-ignored",) if "ipv6" in key else ())
    assert (remedy.file, remedy.lines) == ("/etc/sysctl.d/90-glasstunnel.conf", (f"{key} = 1",))


@pytest.mark.parametrize(
    ("source", "address", "family", "prefix"),
    [(INNER, OUT, "ip", "10.9.0.0/24"), ("fd00::2", "2001:db8::7", "ip6", "fd00::/64")],
)
def test_what_leaves_the_tunnel_is_masqueraded_by_a_table_of_its_own_that_can_be_taken_away(
    source: str, address: str, family: str, prefix: str
) -> None:
    here = Target(
        address,
        Way(address, interface=CABLE),
        [Way(address, source=source, comes_in=NAME, interface=CABLE)],
        source=source,
        translated=False,
        private=True,
    )
    seen = evidence(standing(allowed_ips=("10.9.0.0/24", "fd00::/64")), target=here)
    code, commands, undo = one(seen, Cause.NO_MASQUERADE)
    assert code == "masquerade"
    assert commands[-1].endswith(f'{family} saddr {prefix} oifname "{CABLE}" masquerade\'')
    assert undo == (f"nft delete table {family} glasstunnel_diagnose",)


def test_what_is_lost_behind_the_peer_is_masqueraded_there() -> None:
    seen = evidence(standing(**WHOLE), target=beyond(hop=Got.TIME_EXCEEDED))
    assert one(seen, Cause.NO_MASQUERADE) == ("masquerade-there", (), ())


def test_what_fails_besides_is_mended_too_and_each_way_is_told_once() -> None:
    seen = evidence(peer(), peer(key=OTHER), interface=Interface(up=False))
    seen.peers[0].outward = seen.peers[1].outward = Way(THERE, error="ENETUNREACH")
    found = mending(seen, Cause.INTERFACE_DOWN)
    assert [remedy.code for remedy in found] == ["up-again", "route-out"]


def test_who_is_silent_is_looked_at_there() -> None:
    code, commands, _ = one(evidence(peer()), Cause.SILENT)
    assert (code, commands[-1]) == ("look-there", "tcpdump -n -i any udp port 51820")


SYSCTL = "/etc/sysctl.d/90-glasstunnel.conf"


@pytest.mark.parametrize(
    ("seen", "cause", "number", "file", "lines"),
    [
        (
            evidence(own_key_as_peer=True),
            Cause.OWN_KEY_AS_PEER,
            0,
            FILE,
            ("[Peer]", "PublicKey = PUBLIC_KEY"),
        ),
        (
            evidence(kind=Kind.FILE),
            Cause.NO_PEER,
            0,
            FILE,
            ("[Peer]", "PublicKey = PUBLIC_KEY", "AllowedIPs = PREFIX", "Endpoint = HOST:PORT"),
        ),
        (
            evidence(peer(**AWAY), kind=Kind.FILE),
            Cause.ENDPOINT_MISSING,
            0,
            FILE,
            ("[Peer]", f"PublicKey = {KEY}", "Endpoint = HOST:PORT"),
        ),
        (
            evidence(peer(outward=Way(THERE, interface=NAME))),
            Cause.ENDPOINT_THROUGH_TUNNEL,
            0,
            FILE,
            (
                "[Interface]",
                f"PostUp = ip route add {THERE} via GATEWAY dev INTERFACE",
                f"PostDown = ip route del {THERE} via GATEWAY dev INTERFACE",
            ),
        ),
        (
            evidence(peer(), drops={"unknown_peer": 1}),
            Cause.WE_HAVE_WRONG_KEY,
            1,
            FILE,
            ("[Peer]", "PublicKey = PUBLIC_KEY"),
        ),
        (
            evidence(peer(), drops={"wrong_mac1": 1}),
            Cause.PEER_HAS_WRONG_KEY,
            0,
            "",
            ("[Peer]", f"PublicKey = {OWN}"),
        ),
        (
            evidence(peer(backward=replace(BACKWARD, error="EXDEV"))),
            Cause.REVERSE_PATH_FILTER,
            0,
            SYSCTL,
            (f"net/ipv4/conf/{CABLE}/rp_filter = 2",),
        ),
        (
            evidence(standing(searches=[Search(INNER, False, 1400, 1401)])),
            Cause.LARGE_PACKETS_LOST,
            0,
            FILE,
            ("[Interface]", "MTU = 1400"),
        ),
        (
            evidence(standing(echoes=[echo(Got.SILENCE)], keepalive_came=True)),
            Cause.NO_DATA,
            0,
            "",
            ("[Peer]", f"PublicKey = {OWN}", f"AllowedIPs = {OURS}/32"),
        ),
    ],
)
def test_what_a_command_sets_is_kept_by_a_line_in_a_file(
    seen: Evidence, cause: Cause, number: int, file: str, lines: tuple[str, ...]
) -> None:
    assert kept(seen, cause, number) == (file, lines)


@pytest.mark.parametrize(
    ("facts", "tool", "subject"),
    [
        ({}, "glasstunnel", NAME),
        ({"kind": Kind.OTHER}, "wg-quick", NAME),
        ({"subject": "/root/a b.conf"}, "glasstunnel", "'/root/a b.conf'"),
    ],
)
def test_a_tunnel_is_taken_up_again_by_what_took_it_up_from_the_file_that_it_has(
    facts: dict[str, Any], tool: str, subject: str
) -> None:
    (remedy,) = mending(evidence(standing(), interface=Interface(up=False), **facts), Cause.INTERFACE_DOWN)
    assert (remedy.code, remedy.warnings) == ("up-again", ("loses-session",))
    assert remedy.commands == (f"{tool} down {subject}", f"{tool} up {subject}")


def test_where_no_configuration_was_found_its_name_is_a_placeholder() -> None:
    seen = replace(routed("0.0.0.0/0"), file="", subject=NAME)
    (remedy,) = mending(seen, Cause.NOT_ROUTED)
    assert remedy.commands == ("glasstunnel down CONFIG", "glasstunnel up CONFIG")
    assert remedy.warnings == ("loses-session", "placeholder")


SIX = Interface(True, True, 1420, (f"{OURS}/24", "fd09::1/64", "fe80::1/64"))


def test_a_size_that_is_too_small_for_ipv6_is_not_advised_without_its_price() -> None:
    """RFC 8200 §5: 1280 bytes; the kernel takes IPv6 off an interface whose MTU is less."""
    small = [Search(INNER, False, 1264, 1265)]
    mtu, path = mending(evidence(standing(searches=small)), Cause.LARGE_PACKETS_LOST)
    assert (mtu.code, mtu.warnings, path.code) == ("mtu", ("no-ipv6",), "mend-path")
    path, mtu = mending(evidence(standing(searches=small), interface=SIX), Cause.LARGE_PACKETS_LOST)
    assert (path.code, mtu.undo[1:]) == ("mend-path", (f"ip -6 address add fd09::1/64 dev {NAME}",))
    both = standing(searches=small, allowed_ips=(f"{INNER}/32", "fd09::2/128"))
    assert mending(evidence(both), Cause.LARGE_PACKETS_LOST)[0].code == "mend-path"
    enough = evidence(standing(searches=[Search(INNER, False, 1280, 1281)]), interface=SIX)
    (mtu,) = mending(enough, Cause.LARGE_PACKETS_LOST)
    assert (mtu.warnings, len(mtu.undo)) == ((), 1)


@pytest.mark.parametrize(
    ("owner", "what", "hook", "command", "undo"),
    [
        ("ufw", "outer", "input", "ufw allow 51001/udp", "ufw delete allow 51001/udp"),
        ("ufw", "first", "input", "ufw allow 51001/udp", "ufw delete allow 51001/udp"),
        ("firewalld", "outer", "input", "firewall-cmd --permanent --add-port=51001/udp", None),
        ("nobody", "outer", "input", "nft -a list ruleset", None),
        ("docker", "outer", "input", "nft -a list ruleset", None),
    ],
)
def test_a_filter_is_spoken_to_by_its_owner(
    owner: str, what: str, hook: str, command: str, undo: str | None
) -> None:
    lost = [Filtered(hook, what, "ip filter INPUT policy")]
    away = peer() if what == "outer" else peer(**AWAY)
    first, *rest = mending(evidence(away, filtered=lost, filter_owners=[owner]), Cause.FIREWALL)
    assert first.commands[0] == command
    assert undo is None or first.undo == (undo,)
    assert not rest or rest[-1].code == "filter"


def test_docker_accepts_what_is_forwarded_in_the_chain_that_it_leaves_to_others() -> None:
    here = Target(OUT, Way(OUT, interface=CABLE), [Way(OUT, source=INNER, comes_in=NAME, interface=CABLE)])
    lost = [Filtered("forward", "through", "ip filter FORWARD policy")]
    seen = evidence(standing(), target=here, filtered=lost, filter_owners=["ufw", "docker"])
    docker, ufw, _ = mending(seen, Cause.FIREWALL)
    assert docker.commands[0] == f"iptables -I DOCKER-USER -i {NAME} -j ACCEPT"
    assert docker.undo[1] == f"iptables -D DOCKER-USER -o {NAME} -j ACCEPT"
    assert docker.warnings == ("docker-forgets",)
    assert ufw.commands == (f"ufw route allow in on {NAME} out on {CABLE}",)


def test_rules_of_iptables_legacy_are_looked_at_with_its_own_program() -> None:
    lost = [Filtered("output", "outer", "ip filter (legacy) OUTPUT 1")]
    assert one(evidence(peer(), filtered=lost), Cause.FIREWALL)[1][0] == "iptables-legacy-save"


def test_one_address_of_the_tunnels_own_network_is_masqueraded_with_its_neighbours() -> None:
    way = Way(OUT, source=INNER, comes_in=NAME, interface=CABLE)
    here = Target(OUT, Way(OUT, interface=CABLE), [way], source=INNER, translated=False, private=True)
    (remedy,) = mending(evidence(standing(), target=here), Cause.NO_MASQUERADE)
    assert "saddr 10.9.0.0/24 oifname" in remedy.commands[-1]
    assert remedy.lines[0] == "[Interface]"
    assert remedy.lines[1:] == (
        *(f"PostUp = {one}" for one in remedy.commands),
        f"PostDown = {remedy.undo[0]}",
    )
