"""Who goes through a tunnel, as ranges of user numbers and as rules."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.host.netlink import Rule
from glasstunnel.host.users import LAST_UID, Range, Users, complement, merged, rules_of, without

MAIN = 254
EDGES = st.one_of(st.integers(0, 20), st.integers(LAST_UID - 20, LAST_UID))
RANGES = st.lists(st.tuples(EDGES, EDGES).map(lambda pair: (min(pair), max(pair))), max_size=5)
NUMBERS = [*range(22), *range(LAST_UID - 21, LAST_UID + 1)]


def within(ranges: tuple[Range, ...] | list[Range]) -> set[int]:
    return {number for number in NUMBERS if any(first <= number <= last for first, last in ranges)}


@given(RANGES)
def test_merged_ranges_hold_the_same_numbers_in_order_and_apart(ranges: list[Range]) -> None:
    found = merged(ranges)
    assert within(found) == within(ranges)
    assert all(first <= last for first, last in found)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))


@given(RANGES)
def test_the_complement_holds_all_other_numbers(ranges: list[Range]) -> None:
    assert within(complement(ranges)) == set(NUMBERS) - within(ranges)
    assert complement(complement(ranges)) == merged(ranges)


@given(RANGES, RANGES)
def test_without_takes_numbers_away(ranges: list[Range], others: list[Range]) -> None:
    assert within(without(ranges, others)) == within(ranges) - within(others)


def test_the_rules_are_those_that_android_makes_and_no_other_way_besides() -> None:
    """RULE_PRIORITY_SECURE_VPN is 13000; what the tunnel sends itself comes before."""
    for version in (4, 6):
        mine = [rule for rule in rules_of(Users(((7, 9),), table=77, mark=5)) if rule.version == version]
        assert mine == [
            Rule(version, 12998, MAIN, mark=5),
            Rule(version, 13000, 77, uids=(7, 9)),
            Rule(version, 13001, 0, uids=(7, 9)),
        ]


def test_who_is_excepted_uses_the_main_table_and_all_others_go() -> None:
    """The last user number is 2^32 - 2: the next one, -1, stands for none."""
    rules = [rule for rule in rules_of(Users(((7, 9),), all_but=True, table=77)) if rule.version == 4]
    assert rules == [
        Rule(4, 12999, MAIN, uids=(7, 9)),
        Rule(4, 13000, 77, uids=(0, 6)),
        Rule(4, 13001, 0, uids=(0, 6)),
        Rule(4, 13000, 77, uids=(10, 2**32 - 2)),
        Rule(4, 13001, 0, uids=(10, 2**32 - 2)),
    ]
