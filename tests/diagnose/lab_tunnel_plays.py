"""Every way in which a tunnel works, or fails, that two or three hosts can show.

Rule: a play yields what the diagnosis says in each of its scenarios, one after the other; what it is right to
say stands beside, in the order of the play. ``mended`` is the verdict after the first remedy was applied.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from glasstunnel.diagnose.tunnel.options import Deadlines
from tests.diagnose.lab_tunnel import SILENCE, Diagnosis, Play, Stage, key, there
from tests.interop.lab import ping, run


@dataclass(frozen=True)
class Scenario:
    """What it is right to say: evidence, remedies and notes by their codes."""

    cause: str
    confidence: str
    evidence: tuple[str, ...]
    remedies: tuple[str, ...] = ()
    mended: str = ""
    notes: tuple[str, ...] = ()


PLAYS: dict[Play, dict[str, Scenario]] = {}
CERTAIN, LIKELY, POSSIBLE = "certain", "likely", "possible"


def scenarios(**given: Scenario) -> Callable[[Play], Play]:
    """The scenarios of a play; hyphens in their names are underscores here."""

    def put(play: Play) -> Play:
        PLAYS[play] = {name.replace("_", "-"): scenario for name, scenario in given.items()}
        return play

    return put


@scenarios(
    well=Scenario("all-well", CERTAIN, ("handshake-now", "answers", "largest-passes")),
    large_packets_lost=Scenario(
        "large-packets-lost",
        CERTAIN,
        ("large-lost", "mtu-hole", "outside-path", "right-mtu"),
        ("mtu", "mend-path"),
        "all-well",
    ),
    filtered_here=Scenario("firewall", CERTAIN, ("filtered",), ("filter",)),
    no_route=Scenario("no-route", CERTAIN, ("no-route",), ("route-out",)),
    endpoint_through_tunnel=Scenario("endpoint-through-tunnel", CERTAIN, ("through-tunnel",), ("go-around",)),
    not_routed=Scenario("not-routed", CERTAIN, ("not-routed",), ("route",), "all-well"),
    interface_down=Scenario(
        "interface-down", CERTAIN, ("interface-down",), ("up-again",), "all-well", ("not-asked",)
    ),
)
def one_after_the_other(stage: Stage) -> Iterator[Diagnosis]:
    """A tunnel that works, and what breaks it here."""
    stage.both_up()
    yield stage.look()
    with stage.dropping(*((host, "input", "ip length > 1300") for host in (stage.ours, stage.theirs))):
        yield stage.mended(stage.look())
    with stage.dropping((stage.ours, "output", "udp dport 51002")):
        yield stage.look()
    inner, outer, name = stage.theirs.inner[4], stage.theirs.outer[4], stage.ours.interface
    for route in (f"unreachable {outer}", f"{outer} dev {name}"):
        there(stage.ours, "ip", "route", "add", *route.split())
        yield stage.look(deadlines=SILENCE)
        there(stage.ours, "ip", "route", "del", *route.split())
    there(stage.ours, "ip", "route", "replace", inner, "dev", "eth0")
    yield stage.mended(stage.look())
    there(stage.ours, "ip", "route", "replace", inner, "dev", name)
    there(stage.ours, "ip", "link", "set", name, "down")
    yield stage.mended(stage.look())


@scenarios(
    wrong_preshared_key=Scenario("wrong-preshared-key", CERTAIN, ("bad-response",), ("preshared",)),
)
def preshared_keys(stage: Stage) -> Iterator[Diagnosis]:
    """Another preshared key is told from a wrong public key."""
    stage.both_up(f"PresharedKey = {key('preshared')}")
    yield stage.look()


@scenarios(
    we_have_wrong_key=Scenario(
        "we-have-wrong-key", LIKELY, ("unknown-peer",), ("show-their-key", "their-key")
    ),
    peer_has_wrong_key=Scenario("peer-has-wrong-key", LIKELY, ("wrong-mac1",), ("tell-own-key",)),
)
def whose_key(stage: Stage) -> Iterator[Diagnosis]:
    """Who has the wrong key of whom is told by drop counters."""
    stage.up(stage.theirs, "PersistentKeepalive = 1")
    stage.up(stage.ours, key=run("wg", "pubkey", text=key("stranger")))
    yield stage.look()
    yield stage.look(host=stage.theirs)


@scenarios(
    peer_clock_behind=Scenario(
        "peer-clock-behind", CERTAIN, ("old-timestamp",), ("clock-there", "forget-timestamp")
    ),
)
def back_in_time(stage: Stage) -> Iterator[Diagnosis]:
    """The peer starts again, at another port, with a clock that has gone back by an hour."""
    stage.up(stage.ours, endpoint="")
    stage.up(stage.theirs, "PersistentKeepalive = 1")
    with stage.ours.namespace:
        ping(stage.theirs.inner[4])
    stage.down(stage.theirs)
    stage.theirs.port = 51003
    stage.config(stage.theirs, "PersistentKeepalive = 1")
    stage.up_in_the_past(stage.theirs, 3600)
    yield stage.look()


@scenarios(
    closed_port=Scenario("endpoint-closed", CERTAIN, ("icmp",), ("look-there",)),
    silent=Scenario("silent", CERTAIN, ("nothing-came", "silence-hides"), ("look-there",)),
    clock_behind=Scenario("clock-behind", LIKELY, ("file-from-future",), ("clock",)),
)
def nobody_there(stage: Stage) -> Iterator[Diagnosis]:
    """A closed port and silence are two things."""
    stage.up(stage.ours)
    yield stage.look()
    with stage.dropping((stage.theirs, "input", "udp dport 51002")):
        yield stage.look(deadlines=SILENCE)
        ahead = time.time() + 3600
        os.utime(stage.directory / f"{stage.ours.interface}.conf", (ahead, ahead))
        yield stage.look(deadlines=SILENCE)


@scenarios(
    file_not_applied=Scenario(
        "all-well",
        CERTAIN,
        ("handshake-now", "answers", "largest-passes"),
        notes=("not-applied", "not-applied"),
    ),
    nothing_answers=Scenario(
        "no-data", LIKELY, ("no-answer", "opened-there"), ("allowed-there", "look-inside")
    ),
)
def host_that_does_not_answer(stage: Stage) -> Iterator[Diagnosis]:
    """A peer that opens but does not answer has its handshake; before, a file that was changed meanwhile."""
    stage.both_up()
    stage.config(stage.ours, *stranger("10.9.0.3/32"), allowed="10.9.0.0/31, 10.9.0.2/32")
    yield stage.look()
    stage.config(stage.ours)
    with stage.dropping((stage.theirs, "input", f'iifname "{stage.theirs.interface}"')):
        yield stage.look()


@scenarios(
    not_allowed=Scenario(
        "allowed-ips-missing", CERTAIN, ("refused", "not-allowed"), ("add-allowed",), "all-well"
    ),
    forwarding_off=Scenario("forwarding-off", CERTAIN, ("forwarding-off",), ("forward",), "no-masquerade"),
    no_masquerade=Scenario("no-masquerade", LIKELY, ("untranslated",), ("masquerade",), "all-well"),
)
def further_addresses(stage: Stage) -> Iterator[Diagnosis]:
    """Through the tunnel to an address that no peer may have; out of it to a host that knows no way back."""
    stage.both_up()
    there(stage.theirs, "ip", "address", "add", "10.9.0.77/24", "dev", stage.theirs.interface)
    yield stage.mended(stage.look(to="10.9.0.77"), to="10.9.0.77")
    yield stage.mended(stage.look(to="192.0.2.2"), undo=False, to="192.0.2.2")
    yield stage.mended(stage.look(to="192.0.2.2"), to="192.0.2.2")


@scenarios(
    reverse_path_filter=Scenario(
        "reverse-path-filter", CERTAIN, ("backward-filtered",), ("rp-filter",), "all-well"
    ),
)
def everything_through_the_tunnel(stage: Stage) -> Iterator[Diagnosis]:
    """The reverse path filter is seen, whatever the kernel calls it."""
    there(stage.theirs, "ip", "address", "add", "198.51.100.9/32", "dev", "eth0")
    there(stage.ours, "ip", "route", "add", "default", "via", "192.0.2.2")
    stage.up(stage.theirs)
    stage.up(stage.ours, allowed="0.0.0.0/0", endpoint="198.51.100.9:51002")
    for setting in ("all.src_valid_mark=0", "eth0.rp_filter=1"):
        there(stage.ours, "sysctl", "-q", "-w", f"net.ipv4.conf.{setting}")
    yield stage.mended(stage.look(deadlines=SILENCE))


@scenarios(
    not_up=Scenario("not-up", CERTAIN, ("not-up",), ("up",), "all-well", ("not-asked",)),
    own_key_as_peer=Scenario("own-key-as-peer", CERTAIN, ("own-key",), ("own-key",), notes=("not-asked",)),
    endpoint_unresolved=Scenario(
        "endpoint-unresolved", CERTAIN, ("unresolved",), ("resolve",), notes=("not-asked",)
    ),
    endpoint_missing=Scenario(
        "endpoint-missing", CERTAIN, ("no-endpoint",), ("endpoint",), notes=("not-asked",)
    ),
    overlapping_allowed_ips=Scenario(
        "overlapping-allowed-ips", CERTAIN, ("doubled",), ("one-owner",), notes=("not-asked",)
    ),
    no_peer=Scenario("no-peer", CERTAIN, ("no-peer",), ("add-peer",), notes=("not-asked",)),
)
def before_it_is_up(stage: Stage) -> Iterator[Diagnosis]:
    """A configuration is judged before it is up."""
    stage.up(stage.theirs)
    stage.config(stage.ours)
    stage.stack.callback(stage.down, stage.ours)
    yield stage.mended(stage.look())
    stage.config(stage.ours, key=stage.ours.public_key)
    yield stage.look()
    stage.config(stage.ours, endpoint="nosuch.invalid:51820")
    yield stage.look()
    stage.config(stage.ours, endpoint="")
    yield stage.look()
    stage.config(stage.ours, *stranger(f"{stage.theirs.inner[4]}/32", "Endpoint = 192.0.2.2:51002"))
    yield stage.look()
    stage.config(stage.ours, peer=False)
    yield stage.look()


@scenarios(
    wireguard_go=Scenario(
        "all-well",
        CERTAIN,
        ("handshake-now", "answers", "largest-passes"),
        notes=("no-drop-counters",),
    ),
)
def device_of_others(stage: Stage) -> Iterator[Diagnosis]:
    """A device of others is read by wg, and what it cannot tell is said."""
    stage.stack.enter_context(stage.lab.wireguard_go(f"Endpoint = {stage.ours.endpoint(4)}"))
    stage.up(stage.ours)
    yield stage.look(host=stage.theirs)


@scenarios(
    wireguard_go_preshared=Scenario(
        "silent", CERTAIN, ("nothing-came", "silence-hides"), ("look-there",), notes=("no-drop-counters",)
    ),
)
def device_of_others_with_another_preshared_key(stage: Stage) -> Iterator[Diagnosis]:
    """The same fault that our device tells by its counters is silence where none are."""
    stage.stack.enter_context(stage.lab.wireguard_go(f"Endpoint = {stage.ours.endpoint(4)}"))
    stage.up(stage.ours, f"PresharedKey = {key('preshared')}")
    yield stage.look(host=stage.theirs, deadlines=SILENCE)


@scenarios(
    wireguard_go_wrong_key=Scenario(
        "silent", CERTAIN, ("nothing-came", "silence-hides"), ("look-there",), notes=("no-drop-counters",)
    ),
)
def device_of_others_with_a_wrong_key(stage: Stage) -> Iterator[Diagnosis]:
    """So is a wrong public key."""
    stage.stack.enter_context(stage.lab.wireguard_go(f"Endpoint = {stage.ours.endpoint(4)}"))
    stage.ours.private_key = key("replaced")
    stage.up(stage.ours)
    yield stage.look(host=stage.theirs, deadlines=SILENCE)


@scenarios(
    nat_forgets=Scenario(
        "all-well", CERTAIN, ("handshake", "answers", "largest-passes"), notes=("nat-forgets",)
    ),
    nat_shorter=Scenario(
        "all-well", CERTAIN, ("handshake", "answers", "largest-passes"), notes=("nat-shorter",)
    ),
)
def behind_a_nat(stage: Stage) -> Iterator[Diagnosis]:
    """The peer is behind a kernel's NAT that forgets a flow after four seconds."""
    stage.through_a_router(translating=True)
    stage.up(stage.ours, endpoint="")
    stage.up(stage.theirs)
    for silences in ((2, 6), (6,)):
        with stage.theirs.namespace:
            ping(stage.ours.inner[4])
        yield stage.look(deadlines=Deadlines(), nat_life=True, silences=silences)


@scenarios(
    unreachable_by_router=Scenario("endpoint-unreachable", CERTAIN, ("icmp",), ("path",)),
    prohibited_by_router=Scenario("endpoint-unreachable", CERTAIN, ("icmp",), ("path",)),
)
def refused_on_the_way(stage: Stage) -> Iterator[Diagnosis]:
    """A router between the two says that it does not deliver, or may not."""
    router = stage.through_a_router()
    stage.up(stage.ours)
    there(router, "ip", "route", "add", "unreachable", stage.theirs.outer[4])
    yield stage.look()
    there(router, "ip", "route", "replace", "prohibit", stage.theirs.outer[4])
    yield stage.look()


@scenarios(
    ipv6=Scenario("all-well", CERTAIN, ("handshake-now", "answers", "answers", "largest-passes")),
    large_packets_lost_ipv6=Scenario(
        "large-packets-lost",
        CERTAIN,
        ("large-lost", "mtu-hole", "outside-path", "right-mtu"),
        ("mend-path", "mtu"),
    ),
)
def over_ipv6(stage: Stage) -> Iterator[Diagnosis]:
    """An IPv6 endpoint, and both versions in the tunnel."""
    for host, far in ((stage.theirs, stage.ours), (stage.ours, stage.theirs)):
        address = f"Address = {host.inner[6]}/64"
        stage.up(host, allowed=far.allowed_ips, endpoint=far.endpoint(6), interface=address)
    yield stage.look()
    with stage.dropping(*((host, "input", "ip6 length > 1300") for host in (stage.ours, stage.theirs))):
        yield stage.look()


@scenarios(
    legacy_filter=Scenario("firewall", CERTAIN, ("filtered",), ("filter",)),
)
def rules_that_nft_does_not_show(stage: Stage) -> Iterator[Diagnosis]:
    """A rule of iptables-legacy."""
    stage.both_up()
    rule = ("OUTPUT", "-p", "udp", "--dport", "51002", "-j", "DROP")
    there(stage.ours, "iptables-legacy", "-w", "-A", *rule)
    yield stage.look()


@scenarios(
    server_filtered=Scenario("firewall", LIKELY, ("filtered",), ("filter",), notes=("never-spoke",) * 2),
    server=Scenario("all-well", CERTAIN, ("handshake", "answers", "largest-passes"), notes=("never-spoke",)),
)
def several_guests(stage: Stage) -> Iterator[Diagnosis]:
    """A server: its filter keeps everybody out, then one has come, and another has not yet."""
    stage.up(stage.ours, *stranger("10.9.0.3/32"), endpoint="")
    with stage.dropping((stage.ours, "input", "udp dport 51001")):
        yield stage.look()
    stage.up(stage.theirs)
    with stage.theirs.namespace:
        ping(stage.ours.inner[4])
    yield stage.look()


def stranger(allowed: str, *lines: str) -> tuple[str, ...]:
    """Lines for one more peer."""
    public = run("wg", "pubkey", text=key("stranger"))
    return "[Peer]", f"PublicKey = {public}", f"AllowedIPs = {allowed}", *lines


SCENARIOS = {name: scenario for given in PLAYS.values() for name, scenario in given.items()}
