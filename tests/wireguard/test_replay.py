"""The replay window, RFC 6479, with the sizes of the kernel: 8192 bits, 8128 usable."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glasstunnel.wireguard.replay import ReplayWindow

SIZE = 8128


def test_each_counter_is_accepted_once() -> None:
    window = ReplayWindow()
    assert [window.accept(n) for n in (0, 1, 1, 0, 3, 2, 2, 3)] == [
        True,
        True,
        False,
        False,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("greatest", [SIZE, 8191, 8192, 8193, 2**32, 2**64 - 2**13 - 2])
def test_a_lag_of_8127_is_in_and_far_behind_is_out(greatest: int) -> None:
    window = ReplayWindow()
    assert window.accept(greatest)
    assert window.accept(greatest - (SIZE - 1))
    assert not window.accept(greatest - (SIZE - 1))
    assert window.accept(greatest - SIZE)
    assert greatest - SIZE - 1 < 0 or not window.accept(greatest - SIZE - 1)
    assert not window.accept(0) or greatest == SIZE


def test_a_leap_over_the_whole_ring_forgets_nothing_that_is_still_in() -> None:
    window = ReplayWindow()
    for n in range(100):
        assert window.accept(n)
    assert window.accept(10 * 8192 + 5)
    assert not window.accept(50)
    assert window.accept(10 * 8192 + 4)
    assert not window.accept(10 * 8192 + 5)


def test_the_ring_grows_with_what_it_has_seen_up_to_a_kilobyte() -> None:
    window = ReplayWindow()
    sizes = []
    for counter in (0, 63, 64, 1_000, 8_191, 8_192, 1_000_000, 1_000_001):
        assert window.accept(counter)
        sizes.append(len(window._words))
    assert sizes == [1, 1, 2, 16, 128, 128, 128, 128]
    leap = ReplayWindow()
    assert leap.accept(70)
    assert leap.accept(100_000)
    assert len(leap._words) == 128
    assert leap.accept(100_000 - SIZE)
    assert window._words.itemsize * len(window._words) == 1024


def test_a_ring_filled_in_order_refuses_every_repetition() -> None:
    window = ReplayWindow()
    assert all(window.accept(n) for n in range(20_000))
    assert not any(window.accept(n) for n in range(20_000))


@given(
    st.lists(st.one_of(st.integers(0, 300), st.integers(0, 40_000), st.integers(0, 2**64 - 1)), max_size=60)
)
def test_the_window_agrees_with_a_set_of_all_counters_seen(counters: list[int]) -> None:
    window, seen, greatest = ReplayWindow(), set[int](), -1
    for counter in counters:
        expected = counter not in seen and greatest - counter <= SIZE
        assert window.accept(counter) == expected
        seen.add(counter)
        greatest = max(greatest, counter)
        assert window.greatest == greatest


RUNS = st.tuples(
    st.one_of(st.integers(0, 700), st.integers(0, 40_000), st.integers(0, 2**64 - 20_000)),
    st.one_of(st.integers(1, 3), st.integers(1, 300), st.integers(8_000, SIZE)),
)


@given(st.lists(RUNS, max_size=12))
@example([(0, 64), (64, 64), (128, 1)])
@example([(60, 70), (130, 256)])
@example([(5, SIZE), (5 + SIZE, SIZE)])
@example([(0, 1), (100_000, 128)])
def test_a_run_is_taken_as_its_counters_one_by_one(runs: list[tuple[int, int]]) -> None:
    """If all of them are ahead; otherwise nothing is changed, and each is asked about by itself."""
    whole, single = ReplayWindow(), ReplayWindow()
    for first, n in runs:
        counters = range(first, first + n)
        ahead, before = first > whole.greatest, (whole.greatest, list(whole._words))
        assert whole.accept_run(first, n) == ahead
        if ahead:
            assert all(map(single.accept, counters))
        else:
            assert (whole.greatest, list(whole._words)) == before
            assert [*map(whole.accept, counters)] == [*map(single.accept, counters)]
        assert (whole.greatest, list(whole._words)) == (single.greatest, list(single._words))
