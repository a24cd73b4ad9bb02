"""The schedule of peers: earlier times count, outdated ones do not."""

from math import inf

from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.peer import Peer
from glasstunnel.wireguard.schedule import Schedule


def peer() -> Peer:
    return Peer(Device(), bytes(32), bytes(32), None)


def test_nobody_wants_to_be_woken_at_first() -> None:
    schedule = Schedule()
    assert schedule.deadline == inf
    assert schedule.due(inf) == []


def test_the_earliest_wish_of_a_peer_counts_and_once() -> None:
    schedule, one, other = Schedule(), peer(), peer()
    for at in (30, 10, 20):
        schedule.wake(one, at)
    schedule.wake(other, 15)
    assert schedule.deadline == 10
    assert schedule.due(9.9) == []
    assert schedule.due(12) == [one]
    assert schedule.deadline == 15
    assert schedule.due(100) == [other]
    assert schedule.deadline == inf


def test_a_peer_woken_again_comes_again() -> None:
    schedule, one = Schedule(), peer()
    schedule.wake(one, 10)
    assert schedule.due(10) == [one]
    schedule.wake(one, 11)
    assert schedule.due(11) == [one]


def test_many_peers_due_at_once_come_in_portions_and_the_deadline_says_that_more_is_due() -> None:
    schedule, peers = Schedule(), [peer() for _ in range(150)]
    for n, one in enumerate(peers):
        schedule.wake(one, n / 100)
    portions = []
    while schedule.deadline <= 2:
        portions.append(schedule.due(2))
    assert [len(portion) for portion in portions] == [64, 64, 22]
    assert [one for portion in portions for one in portion] == peers


def test_peers_due_together_come_in_the_order_of_their_wishes() -> None:
    schedule, peers = Schedule(), [peer() for _ in range(5)]
    for one in peers:
        schedule.wake(one, 7)
    assert schedule.due(7) == peers
