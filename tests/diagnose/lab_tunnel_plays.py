"""Every way in which a tunnel works, or fails, that two or three hosts can show.

Rule: a play yields what the diagnosis says in each of its scenarios, one after the other; what it is right to
say stands beside, in the order of the play. ``mended`` is the verdict after the first remedy was applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.diagnose.lab_tunnel import Diagnosis, Play, Stage, key, there
from tests.interop.lab import run


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
        yield stage.look()
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
    yield stage.look(deadline=7)  # one initiation of theirs, repeated after five seconds
    yield stage.look(host=stage.theirs, deadline=7)


@scenarios(
    closed_port=Scenario("endpoint-closed", CERTAIN, ("icmp",), ("look-there",)),
    silent=Scenario("silent", CERTAIN, ("nothing-came", "silence-hides"), ("look-there",)),
)
def nobody_there(stage: Stage) -> Iterator[Diagnosis]:
    """A closed port and silence are two things."""
    stage.up(stage.ours)
    yield stage.look()
    with stage.dropping((stage.theirs, "input", "udp dport 51002")):
        yield stage.look(deadline=1)


@scenarios(
    nothing_answers=Scenario(
        "no-data", LIKELY, ("no-answer", "opened-there"), ("allowed-there", "look-inside")
    ),
)
def host_that_does_not_answer(stage: Stage) -> Iterator[Diagnosis]:
    """A peer that opens but does not answer has its handshake."""
    stage.both_up()
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
    yield stage.mended(stage.look(deadline=1), deadline=7)


@scenarios(
    not_up=Scenario("not-up", CERTAIN, ("not-up",), ("up",), "all-well", ("not-asked",)),
    own_key_as_peer=Scenario("own-key-as-peer", CERTAIN, ("own-key",), ("own-key",), notes=("not-asked",)),
    endpoint_unresolved=Scenario(
        "endpoint-unresolved", CERTAIN, ("unresolved",), ("resolve",), notes=("not-asked",)
    ),
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


SCENARIOS = {name: scenario for given in PLAYS.values() for name, scenario in given.items()}
