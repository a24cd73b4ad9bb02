"""Each layer of the network does its one fault, and no other."""

import pytest

from glasstunnel.sim import (
    Corrupt,
    Datagram,
    Delay,
    Drop,
    Duplicate,
    Layer,
    Nat,
    Network,
    Partition,
    Randomness,
    Reorder,
    Replay,
    Truncate,
)

SENT = [Datagram(float(n), ("a", 1), ("b", 2), bytes([n]) * 8) for n in range(100)]


def through(*layers: Layer) -> list[Datagram]:
    network = Network(Randomness("faults"), layers)
    for datagram in SENT:
        network.send(datagram)
    return network.arrivals(float("inf"))


def test_a_network_without_layers_delivers_everything_in_order() -> None:
    assert through() == SENT


def test_drop_loses_about_its_share() -> None:
    arrived = through(Drop(0.3))
    assert 55 < len(arrived) < 85
    assert all(datagram in SENT for datagram in arrived)
    assert through(Drop(0)) == SENT
    assert through(Drop(1)) == []


def test_duplicate_delivers_its_share_twice() -> None:
    arrived = through(Duplicate(0.3))
    assert 115 < len(arrived) < 145
    assert through(Duplicate(1)) == [datagram for datagram in SENT for _ in range(2)]


def test_corrupt_flips_one_bit() -> None:
    arrived = through(Corrupt(1))
    for before, after in zip(SENT, arrived, strict=True):
        different = int.from_bytes(before.data) ^ int.from_bytes(after.data)
        assert different.bit_count() == 1


def test_delay_postpones_and_a_spread_reorders() -> None:
    assert [datagram.at for datagram in through(Delay(0.5))] == [datagram.at + 0.5 for datagram in SENT]
    arrived = through(Delay(1, spread=5))
    assert [d.data for d in arrived] != [d.data for d in SENT]
    assert sorted(d.data for d in arrived) == [d.data for d in SENT]
    assert [d.at for d in arrived] == sorted(d.at for d in arrived)


def test_a_partition_lets_nothing_through_while_it_lasts() -> None:
    assert [datagram.at for datagram in through(Partition(10, 90))] == [*range(10), *range(90, 100)]


def test_what_is_not_due_stays_under_way() -> None:
    network = Network(Randomness("x"))
    network.send(SENT[5])
    assert network.next_arrival == 5
    assert network.arrivals(4.9) == []
    assert network.arrivals(5) == [SENT[5]]
    assert network.next_arrival == float("inf")


def test_randomness_is_decided_by_its_seed_and_cut_anywhere() -> None:
    assert Randomness("a")(100) == Randomness("a")(100) != Randomness("b")(100)
    one = Randomness("a")
    assert one(1) + one(63) + one(36) == Randomness("a")(100)
    numbers = [Randomness(str(n)).uniform(10) for n in range(200)]
    assert all(0 <= number < 10 for number in numbers)
    assert sum(numbers) / 200 == pytest.approx(5, abs=0.6)
    assert {Randomness(str(n)).below(3) for n in range(50)} == {0, 1, 2}


def test_reorder_holds_back_its_share() -> None:
    arrived = through(Reorder(0.3, late=5))
    assert sorted(d.data for d in arrived) == [d.data for d in SENT]
    late = [d for d in arrived if d not in SENT]
    assert 15 < len(late) < 45
    assert all(0 < d.at - d.data[0] < 5 for d in late)


def test_truncate_cuts_off_the_end() -> None:
    for before, after in zip(SENT, through(Truncate(1)), strict=True):
        assert len(after.data) < len(before.data)
        assert before.data.startswith(after.data)
    assert through(Truncate(0)) == SENT


def test_a_partition_of_one_direction_stops_only_what_goes_there() -> None:
    assert through(Partition(0, 1000, "b")) == []
    assert through(Partition(0, 1000, "a")) == SENT


INSIDE, OUTSIDE, SERVER = ("192.168.0.1", 1), "203.0.113.9", ("198.51.100.1", 51820)


class Router:
    """A network with a NAT alone."""

    def __init__(self, lifetime: float = 30.0) -> None:
        self.nat = Nat([INSIDE[0]], OUTSIDE, lifetime)
        self.network = Network(Randomness("nat"), [self.nat])

    def pass_on(self, at: float, source: tuple[str, int], destination: tuple[str, int]) -> list[Datagram]:
        self.network.send(Datagram(at, source, destination, b"x"))
        return self.network.arrivals(at)


def test_a_nat_hides_the_source_and_lets_the_answer_in() -> None:
    router = Router()
    [out] = router.pass_on(0, INSIDE, SERVER)
    assert out.source[0] == OUTSIDE
    assert out.destination == SERVER
    [back] = router.pass_on(1, SERVER, out.source)
    assert (back.source, back.destination) == (SERVER, INSIDE)
    [again] = router.pass_on(2, INSIDE, SERVER)
    assert again.source == out.source


def test_a_nat_lets_in_nobody_who_was_not_spoken_to() -> None:
    router = Router()
    [out] = router.pass_on(0, INSIDE, SERVER)
    assert router.pass_on(1, ("198.51.100.2", 51820), out.source) == []
    assert router.pass_on(1, (SERVER[0], 51821), out.source) == []
    assert router.pass_on(1, SERVER, (OUTSIDE, 80)) == []


def test_another_remote_has_another_mapping() -> None:
    router = Router()
    [one], [two] = router.pass_on(0, INSIDE, SERVER), router.pass_on(0, INSIDE, ("198.51.100.2", 2))
    assert one.source != two.source


def test_a_mapping_lives_while_it_is_used_and_its_port_changes_afterwards() -> None:
    router = Router(lifetime=30)
    [out] = router.pass_on(0, INSIDE, SERVER)
    assert router.pass_on(29.9, SERVER, out.source)
    assert router.pass_on(59.8, SERVER, out.source)
    assert router.pass_on(89.8, SERVER, out.source) == []
    [new] = router.pass_on(90, INSIDE, SERVER)
    assert new.source[1] != out.source[1]


def test_a_nat_that_forgets_gives_every_flow_another_port() -> None:
    router = Router()
    [out] = router.pass_on(0, INSIDE, SERVER)
    router.nat.forget()
    assert router.pass_on(1, SERVER, out.source) == []
    [new] = router.pass_on(2, INSIDE, SERVER)
    assert new.source[1] != out.source[1]


def test_no_two_flows_share_a_port() -> None:
    router = Router()
    ports = {router.pass_on(0, INSIDE, ("198.51.100.1", n))[0].source[1] for n in range(400)}
    assert len(ports) == 400
    assert min(ports) >= 1024


def test_what_is_not_behind_the_nat_passes_untouched() -> None:
    [out] = Router().pass_on(0, ("192.0.2.7", 7), SERVER)
    assert out.source == ("192.0.2.7", 7)


def test_replay_adds_old_datagrams_and_leaves_the_others_alone() -> None:
    arrived = through(Replay(0.5, late=3))
    assert [d for d in arrived if d in SENT][:1] == SENT[:1]
    assert sorted({d.data for d in arrived}) == [d.data for d in SENT]
    added = len(arrived) - len(SENT)
    assert 30 < added < 70
    assert {d.source for d in arrived} == {("a", 1), ("b", 2)}, "some are sent back"
    assert through(Replay(0)) == SENT


def test_the_attacker_keeps_a_fair_sample_of_all_that_passed() -> None:
    replay = Replay(1, memory=10)
    network = Network(Randomness("sample"), [replay])
    for datagram in SENT:
        network.send(datagram)
    kept = [datagram.data[0] for datagram in replay._captured]
    assert len(kept) == 10
    assert min(kept) < 40 < 60 < max(kept)
