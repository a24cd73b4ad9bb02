"""How many packets a side takes in a turn: one while it is calm, so that no system call is made in vain."""

from glasstunnel.host.pace import TURN, Pace


def turns(pace: Pace, *packets: int) -> list[tuple[int, int]]:
    """After turns with so many packets: what each next one may take, at all and in its first burst."""
    found = []
    for count in packets:
        pace.had(count)
        found.append((pace.turn, pace.limit))
    return found


def test_the_first_turn_takes_a_packet_before_it_looks_for_more() -> None:
    pace = Pace()
    assert (pace.turn, pace.limit) == (256, 1)


def test_a_calm_side_takes_one_packet_and_looks_for_more_in_one_turn_of_eight() -> None:
    looks = [turn > 1 for turn, _ in turns(Pace(), *[1] * 24)]
    assert looks == [*[False] * 7, True] * 3


def test_a_calm_side_never_looks_before_its_first_packet_is_through() -> None:
    assert {limit for _, limit in turns(Pace(), *[1, 0] * 12)} == {1}


def test_a_side_with_more_than_one_packet_fills_its_trains_from_the_next_turn_on() -> None:
    assert turns(Pace(), 1, 45, 2, TURN) == [(1, 1), (256, 256), (256, 256), (256, 256)]


def test_a_side_that_becomes_calm_is_calm_at_once() -> None:
    assert turns(Pace(), 300, 1, 1) == [(256, 256), (1, 1), (1, 1)]
