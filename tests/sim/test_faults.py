"""Each layer of the network does its one fault, and no other."""

import pytest

from glasstunnel.sim import Corrupt, Datagram, Delay, Drop, Duplicate, Layer, Network, Partition, Randomness

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
