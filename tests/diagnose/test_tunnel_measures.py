"""What is searched and measured through a tunnel, and which addresses are asked about."""

from collections.abc import Callable

import pytest

from glasstunnel.diagnose.tunnel import natlife, pathmtu, targets
from glasstunnel.diagnose.tunnel.evidence import NatLife
from glasstunnel.diagnose.tunnel.options import Deadlines, Options

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


def test_one_among_more_than_ten_thousand_is_found_in_three_rounds_each_asked_twice() -> None:
    hole = Hole(7321)
    assert pathmtu.search(64, 12_000, hole) == (7321, 7322)
    assert len(hole.rounds) == 6
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


class Nat:
    """The other end behind a NAT that forgets after ``life`` seconds of silence; time is a number."""

    def __init__(self, life: float, speaks_every: float = 0) -> None:
        self.life, self.every = life, speaks_every
        self.now = self.last = 0.0
        self.bytes = 0
        self.echoed: list[float] = []

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.every and self.last + self.every <= end:
            self.last += self.every
            self.bytes += 32
        self.now = end

    def echo(self) -> bool:
        self.echoed.append(self.now)
        if self.now - self.last > self.life:
            return False
        self.last = self.now
        self.bytes += 96
        return True

    def measured(self, *silences: int, say: Callable[[int], None] = lambda _seconds: None) -> NatLife:
        return natlife.measure(self.wait, self.echo, lambda: self.bytes, silences or natlife.SILENCES, say)


@pytest.mark.parametrize(
    ("life", "survived", "lost", "keepalive"),
    [
        (8, 0, 10, 5),
        (12, 10, 15, 5),
        (30, 30, 45, 25),  # Linux, of what was not answered: nf_conntrack_udp_timeout
        (29, 25, 30, 20),
        (120, 120, 150, 115),  # Linux, of a flow both ways: nf_conntrack_udp_timeout_stream
        (3600, 180, 0, 0),
    ],
)
def test_the_longest_silence_that_a_nat_outlasts_is_found_and_a_keepalive_that_comes_before_its_end(
    life: float, survived: int, lost: int, keepalive: int
) -> None:
    found = Nat(life).measured()
    assert found == NatLife(survived, lost, False)
    assert natlife.right_keepalive(found) == keepalive
    if lost:
        assert keepalive < life


def test_each_silence_begins_with_the_last_answer_and_is_announced() -> None:
    nat, said = Nat(100), list[int]()
    assert nat.measured(10, 20, 30, say=said.append) == NatLife(30)
    assert nat.echoed == [10, 30, 60]
    assert said == [10, 20, 30]
    assert natlife.measure(nat.wait, nat.echo, lambda: 0, (10,)) == NatLife(10)


def test_a_silence_in_which_the_peer_spoke_by_itself_does_not_count() -> None:
    """Its PersistentKeepalive of 25 s keeps the way open: what is longer tells nothing."""
    assert Nat(60, speaks_every=25).measured() == NatLife(20, 0, True)
    assert Nat(30, speaks_every=70).measured(20, 60, 90) == NatLife(20, 60, False)


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
