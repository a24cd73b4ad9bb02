"""What is searched and measured through a tunnel, and which addresses are asked about."""

from collections.abc import Callable

import pytest

from glasstunnel.diagnose.tunnel import natlife, pathmtu, targets
from glasstunnel.diagnose.tunnel.evidence import NatLife
from glasstunnel.diagnose.tunnel.options import Deadlines, Options
from glasstunnel.ip.address import parse_address
from glasstunnel.sim import Delay, Nat, World
from glasstunnel.wireguard.events import Path
from tests.wireguard.pair import packet

# The largest packet that gets through


class Hole:
    """A path that takes packets up to ``limit`` bytes, and loses one in ``every`` of those too."""

    def __init__(self, limit: int, every: int = 0) -> None:
        self.limit, self.every = limit, every
        self.rounds: list[list[int]] = []
        self._count = 0

    def __call__(self, sizes: list[int]) -> set[int]:
        self.rounds.append(sizes)
        return {size for size in sizes if size <= self.limit and not self._is_lost()}

    def _is_lost(self) -> bool:
        self._count += 1
        return self.every > 0 and self._count % self.every == 0


@pytest.mark.parametrize("limit", [64, 65, 576, 1231, 1232, 1279, 1280, 1418, 1419])
def test_the_size_at_which_a_path_begins_to_lose_packets_is_found_exactly(limit: int) -> None:
    assert pathmtu.search(64, 1420, Hole(limit)) == (limit, limit + 1)


def test_a_path_that_takes_everything_has_no_smallest_loss() -> None:
    assert pathmtu.search(64, 1420, Hole(9000)) == (1420, 0)
    assert pathmtu.search(64, 64, Hole(9000)) == (64, 0)


@pytest.mark.parametrize("limit", [65, 7321, 11_999])
def test_one_among_more_than_ten_thousand_is_found_in_three_rounds_and_is_sure_after_a_fourth(
    limit: int,
) -> None:
    hole = Hole(limit)
    assert pathmtu.search(64, 12_000, hole) == (limit, limit + 1)
    assert len(hole.rounds) <= 4
    assert sum(limit + 1 in sizes for sizes in hole.rounds) >= 2
    assert all(len(sizes) <= 24 for sizes in hole.rounds)


def test_a_packet_that_is_lost_by_chance_is_asked_for_again() -> None:
    hole = Hole(1300, every=10)
    assert pathmtu.search(64, 1420, hole) == (1300, 1301)


def test_a_path_that_takes_large_packets_again_is_not_taken_for_a_hole_below_them() -> None:
    """Lost twice by chance, while larger ones pass: larger ones are the truth."""

    def ask(sizes: list[int]) -> set[int]:
        return {size for size in sizes if size <= 1300 and size != 64 + 1}

    assert pathmtu.search(64, 1420, ask) == (1300, 1301)


# How long a NAT remembers


class Behind(World):
    """A real device behind a NAT and one before it, which has a session with it and measures."""

    def __init__(self, life: float, their_keepalive: int = 0, our_keepalive: int = 0) -> None:
        super().__init__("behind", [Delay(0.01), Nat(["10.0.0.2"], "203.0.113.5", life)])
        self.here = self.add("here", ("192.0.2.1", 1111))
        self.there = self.add("there", ("10.0.0.2", 2222))
        key, their_key = self.here.device.public_key, self.there.device.public_key
        assert key
        assert their_key
        self.peer = self.here.device.add_peer(
            their_key,
            allowed_ips=[(parse_address("10.9.0.2"), 32)],
            persistent_keepalive=our_keepalive,
        )
        self.there.device.add_peer(
            key,
            endpoint=Path(self.here.address),
            allowed_ips=[(parse_address("10.9.0.1"), 32)],
            persistent_keepalive=their_keepalive,
        )
        self.send(self.there, packet("begin", "10.9.0.2", "10.9.0.1"))
        self.advance(1)

    def echo(self) -> bool:
        """A packet there and one back, as ping makes it."""
        self.here.inbox.clear()
        self.there.inbox.clear()
        self.send(self.here, packet("request", "10.9.0.1", "10.9.0.2"))
        self.advance(0.2)
        if self.there.inbox:
            self.send(self.there, packet("reply", "10.9.0.2", "10.9.0.1"))
            self.advance(0.2)
        return bool(self.here.inbox)

    def passed(self) -> int:
        return self.peer.rx_bytes + self.peer.tx_bytes

    def measured(self, *silences: int, say: Callable[[int], None] = lambda _seconds: None) -> NatLife:
        settle = Deadlines().keepalive
        return natlife.measure(
            self.advance, self.echo, self.passed, settle, silences or natlife.SILENCES, say
        )


@pytest.mark.parametrize(
    ("life", "survived", "lost", "keepalive"),
    [
        (13, 10, 15, 7),
        (23, 20, 25, 15),
        (30, 25, 30, 20),  # Linux, of what was not answered: nf_conntrack_udp_timeout
        (120, 90, 120, 85),  # Linux, of a flow both ways: nf_conntrack_udp_timeout_stream
        (3600, 180, 0, 0),
    ],
)
def test_the_longest_silence_that_a_nat_outlasts_is_found_and_a_keepalive_that_comes_before_its_end(
    life: float, survived: int, lost: int, keepalive: int
) -> None:
    """The device's own passive keepalive, ten seconds after each answer (WP §6.5), ends a silence."""
    found = Behind(life).measured()
    assert found == NatLife(survived, lost, False)
    assert natlife.right_keepalive(found) == keepalive
    if lost:
        assert keepalive < survived < life <= lost + 1


@pytest.mark.parametrize("life", [13, 23, 30, 120])
def test_with_that_keepalive_behind_the_nat_it_never_forgets(life: float) -> None:
    world = Behind(life, their_keepalive=natlife.right_keepalive(Behind(life).measured()))
    world.advance(600)
    assert world.echo()


@pytest.mark.parametrize("ends", [{"their_keepalive": 25}, {"our_keepalive": 25}])
def test_a_silence_in_which_one_end_spoke_by_itself_does_not_count(ends: dict[str, int]) -> None:
    """A PersistentKeepalive of 25 s, at whichever end, keeps the way open: what is longer tells nothing."""
    found = Behind(60, **ends).measured()
    assert found.disturbed
    assert found.survived <= 25
    assert found.lost == 0


def test_a_nat_that_forgets_before_a_passive_keepalive_makes_the_peer_speak() -> None:
    """WP §6.5: whoever has sent data and hears nothing for fifteen seconds makes a new session."""
    found = Behind(9).measured()
    assert (found.survived, found.disturbed) == (8, True)
    assert natlife.right_keepalive(found) == 6


@pytest.mark.parametrize(("life", "survived", "lost", "keepalive"), [(4, 0, 5, 1), (7, 5, 8, 3)])
def test_a_nat_that_forgets_before_a_passive_keepalive_is_found_by_silences_that_are_shorter(
    life: float, survived: int, lost: int, keepalive: int
) -> None:
    found = Behind(life).measured()
    assert found == NatLife(survived, lost)
    assert natlife.right_keepalive(found) == keepalive < life


def test_each_silence_is_announced_and_one_that_is_lost_is_the_last() -> None:
    said = list[int]()
    assert Behind(28).measured(10, 20, 40, 60, say=said.append) == NatLife(20, 40)
    assert said == [10, 20, 40]


# Which addresses are asked about


@pytest.mark.parametrize(
    ("prefix", "address"),
    [
        ("10.9.0.2/32", "10.9.0.2"),
        ("10.9.0.0/24", "10.9.0.1"),
        ("10.9.0.9/24", "10.9.0.1"),
        ("10.9.0.0/31", "10.9.0.0"),
        ("fd00::2/128", "fd00::2"),
        ("fd00::/64", "fd00::1"),
        ("0.0.0.0/0", "203.0.113.1"),
        ("::/0", "2001:db8::1"),
    ],
)
def test_a_prefix_is_stood_for_by_an_address_in_it(prefix: str, address: str) -> None:
    assert targets.sample(prefix) == address


@pytest.mark.parametrize(
    ("allowed", "own", "found"),
    [
        (["10.9.0.2/32"], ["10.9.0.1/24"], ["10.9.0.2"]),
        (["10.9.0.2/32", "fd00::2/128"], ["10.9.0.1/24"], ["10.9.0.2", "fd00::2"]),
        (["0.0.0.0/0", "::/0"], ["10.9.0.7/24", "fd00::7/64"], ["10.9.0.1", "fd00::1"]),
        (["0.0.0.0/0"], ["10.9.0.1/24"], ["10.9.0.2"]),  # the first is this end
        (["0.0.0.0/0"], ["10.9.0.1/32"], []),
        (["0.0.0.0/0"], ["10.9.0.0/31"], ["10.9.0.1"]),
        (["192.168.7.0/24"], ["10.9.0.7/24"], []),
        (["fd00::/64"], ["10.9.0.7/24"], []),
        (["10.9.0.1/32"], ["10.9.0.1/24"], []),
        (["10.9.0.1/32", "10.9.0.0/24"], ["10.9.0.7/24"], ["10.9.0.1"]),
        ([f"10.9.0.{n}/32" for n in range(2, 9)], ["10.9.0.1/24"], ["10.9.0.2", "10.9.0.3", "10.9.0.4"]),
        (["10.9.0.2/32"], [], ["10.9.0.2"]),
    ],
)
def test_a_peer_is_knocked_at_its_own_address_or_at_the_gateway_of_the_tunnels_network(
    allowed: list[str], own: list[str], found: list[str]
) -> None:
    assert targets.inner_addresses(allowed, own) == found


def test_a_prefix_of_several_peers_is_told_with_all_of_them_in_their_order() -> None:
    allowed = [
        ("one", ["10.9.0.2/32", "10.0.0.0/8", "10.0.0.0/8"]),
        ("two", ["10.9.0.3/32", "10.1.2.3/8"]),
        ("three", ["10.0.0.0/9"]),
    ]
    assert targets.overlapping(allowed) == [("10.0.0.0/8", ("one", "two"))]


@pytest.mark.parametrize(
    ("prefix", "is_taken"),
    [
        ("192.168.1.0/24", True),
        ("192.168.1.128/25", True),
        ("192.168.1.7/32", False),  # one host there, which somebody has wanted
        ("192.168.0.0/16", False),  # the connected network has the longer prefix
        ("0.0.0.0/0", False),
        ("fd00::/8", False),
    ],
)
def test_allowed_ips_take_a_local_network_only_if_their_prefix_is_at_least_as_long(
    prefix: str, is_taken: bool
) -> None:
    taken = [(prefix, "192.168.1.0/24", "eth0")] if is_taken else []
    assert targets.taken_networks([prefix], [("192.168.1.0/24", "eth0")]) == taken


def test_an_address_is_led_through_by_a_prefix_of_its_own_version() -> None:
    assert targets.is_through("10.9.0.2", ["::/0", "10.9.0.0/24"])
    assert targets.is_through("fe80::1%eth0", ["fe80::/10"])
    assert not targets.is_through("10.9.0.2", ["::/0", "10.8.0.0/24"])


# What may be told


def test_the_device_is_given_time_for_an_initiation_and_its_repetition() -> None:
    """REKEY_TIMEOUT is 5 s, and jitter a third of one (WP §6.1); KEEPALIVE_TIMEOUT is 10 s (§6.5)."""
    deadlines = Options().deadlines
    assert deadlines == Deadlines()
    assert deadlines.handshake > 5 + 1 / 3
    assert deadlines.keepalive > 10
