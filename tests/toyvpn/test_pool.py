"""Which addresses sessions get."""

import pytest

from glasstunnel.ip.address import parse_interface_address, parse_prefix
from glasstunnel.toyvpn.pool import Pool, PoolError


def pool(*prefixes: str) -> Pool:
    return Pool([parse_prefix(prefix) for prefix in prefixes])


def hosts(of: Pool, place: int) -> list[str]:
    return [str(one) for one in of.addresses(place)]


def test_the_first_host_is_the_servers_and_the_second_the_first_clients() -> None:
    it = pool("10.0.0.0/24")
    assert [str(one) for one in it.own] == ["10.0.0.1/24"]
    assert hosts(it, it.take() or 0) == ["10.0.0.2/32"]


def test_a_pool_of_both_families_gives_the_same_host_of_each() -> None:
    it = pool("10.0.0.0/24", "fd00::/64")
    assert [str(one) for one in it.own] == ["10.0.0.1/24", "fd00::1/64"]
    assert hosts(it, 3) == ["10.0.0.5/32", "fd00::5/128"]


@pytest.mark.parametrize(
    ("prefixes", "capacity"),
    [
        (["10.0.0.0/24"], 253),
        (["10.0.0.0/30"], 1),
        (["fd00::/126"], 2),
        (["10.0.0.0/8"], 65536),
        (["10.0.0.0/24", "fd00::/64"], 253),
    ],
)
def test_the_broadcast_address_is_nobodys(prefixes: list[str], capacity: int) -> None:
    it = pool(*prefixes)
    assert it.capacity == capacity
    places = [it.take() for _ in range(capacity)]
    assert sorted(place for place in places if place is not None) == list(range(capacity))
    assert it.is_full
    assert it.take() is None


def test_an_address_is_given_out_again_as_late_as_possible() -> None:
    it = pool("10.0.0.0/29")
    assert [it.take() for _ in range(3)] == [0, 1, 2]
    it.give_back(0)
    it.give_back(1)
    assert [it.take() for _ in range(4)] == [3, 4, 0, 1]


def test_a_client_that_comes_back_gets_its_address_back() -> None:
    it = pool("10.0.0.0/29")
    assert [it.take(b"one"), it.take(b"two")] == [0, 1]
    it.give_back(0, b"one")
    assert it.take(b"three") == 2
    assert it.take(b"one") == 0
    it.give_back(0, b"one")
    assert [it.take() for _ in range(3)] == [3, 4, 0]
    it.give_back(4)
    assert it.take(b"one") == 4, "its address is another's now"


def test_only_so_many_former_clients_are_remembered_as_there_are_places() -> None:
    it = pool("10.0.0.0/29")
    for number in range(20):
        place = it.take(b"client %d" % number)
        assert place is not None
        it.give_back(place, b"client %d" % number)
    assert it.take(b"client 0") == 0
    assert it.take(b"client 19") == 4


def test_without_a_pool_there_is_one_place_with_the_given_addresses() -> None:
    it = Pool(fixed=[parse_interface_address("10.0.0.2/24")])
    assert (it.capacity, it.own) == (1, ())
    assert it.take() == 0
    assert hosts(it, 0) == ["10.0.0.2/24"]
    assert it.is_full


@pytest.mark.parametrize(
    ("prefixes", "said"),
    [
        ([], "pool: expected a prefix, or an address for the only client"),
        (["10.0.0.0/31"], "pool: expected a prefix of at most 30 bits, got 10.0.0.0/31"),
        (["10.0.0.0/24", "fd00::/127"], "pool: expected a prefix of at most 126 bits, got fd00::/127"),
    ],
)
def test_a_pool_without_room_is_refused(prefixes: list[str], said: str) -> None:
    with pytest.raises(PoolError) as caught:
        pool(*prefixes)
    assert str(caught.value) == said
