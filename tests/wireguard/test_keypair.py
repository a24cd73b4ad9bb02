"""Previous, current and next keypair, WP §6 and the kernel's ``add_new_keypair``."""

from glasstunnel.wireguard.keypair import Keypair, Keypairs
from glasstunnel.wireguard.parameters import Parameters

LIMITS = Parameters()


def keypair(initiator: bool, created: float = 0.0) -> Keypair:
    return Keypair(bytes(32), bytes(32), 1, 2, initiator, created)


def places(keypairs: Keypairs) -> tuple[Keypair | None, Keypair | None, Keypair | None]:
    return keypairs.previous, keypairs.current, keypairs.next


def test_the_initiator_uses_its_keypair_at_once_and_keeps_the_one_before() -> None:
    first, second, third = keypair(True), keypair(True), keypair(True)
    keypairs = Keypairs()
    assert keypairs.add(first) == []
    assert keypairs.add(second) == []
    assert places(keypairs) == (first, second, None)
    assert keypairs.add(third) == [first]
    assert places(keypairs) == (second, third, None)


def test_the_responder_keeps_its_keypair_aside_until_it_is_confirmed() -> None:
    first, second = keypair(True), keypair(False)
    keypairs = Keypairs()
    keypairs.add(first)
    keypairs.add(second)
    assert places(keypairs) == (None, first, second)
    assert keypairs.confirm(first) is None
    assert keypairs.confirm(second) == []
    assert places(keypairs) == (first, second, None)
    assert keypairs.confirm(second) is None


def test_a_new_responder_keypair_replaces_an_unconfirmed_one_and_drops_the_previous() -> None:
    first, second, third, fourth = keypair(True), keypair(True), keypair(False), keypair(False)
    keypairs = Keypairs()
    keypairs.add(first)
    keypairs.add(second)
    assert keypairs.add(third) == [first]
    assert keypairs.add(fourth) == [third]
    assert places(keypairs) == (None, second, fourth)


def test_a_new_initiator_keypair_moves_an_unconfirmed_one_to_previous() -> None:
    current, unconfirmed, new = keypair(True), keypair(False), keypair(True)
    keypairs = Keypairs()
    keypairs.add(current)
    keypairs.add(unconfirmed)
    assert keypairs.add(new) == [current]
    assert places(keypairs) == (unconfirmed, new, None)


def test_clearing_leaves_nothing() -> None:
    keypairs = Keypairs()
    first, second = keypair(True), keypair(False)
    keypairs.add(first)
    keypairs.add(second)
    assert keypairs.clear() == [first, second]
    assert places(keypairs) == (None, None, None)


def test_a_keypair_neither_seals_nor_opens_at_reject_after_time() -> None:
    it = keypair(True, created=1000)
    assert it.may_seal(1179.9, 1, LIMITS)
    assert it.may_open(1179.9, LIMITS)
    assert not it.may_seal(1180, 1, LIMITS)
    assert not it.may_open(1180, LIMITS)


def test_a_keypair_seals_as_many_messages_as_reject_after_messages_allows() -> None:
    it = keypair(True)
    it.sending_counter = LIMITS.reject_after_messages - 3
    assert it.may_seal(0, 3, LIMITS)
    assert not it.may_seal(0, 4, LIMITS)
    it.window.greatest = LIMITS.reject_after_messages - 1
    assert not it.may_open(0, LIMITS)


def test_only_the_initiator_rekeys_on_age_but_either_on_count() -> None:
    ours, theirs = keypair(True), keypair(False)
    assert not ours.wants_rekey_after_sending(119.9, LIMITS)
    assert ours.wants_rekey_after_sending(120, LIMITS)
    assert not theirs.wants_rekey_after_sending(120, LIMITS)
    ours.sending_counter = theirs.sending_counter = LIMITS.rekey_after_messages + 1
    assert ours.wants_rekey_after_sending(0, LIMITS)
    assert theirs.wants_rekey_after_sending(0, LIMITS)


def test_on_receiving_only_the_initiator_rekeys_and_only_in_the_last_fifteen_seconds() -> None:
    ours, theirs = keypair(True), keypair(False)
    assert not ours.wants_rekey_after_receiving(164.9, LIMITS)
    assert ours.wants_rekey_after_receiving(165, LIMITS)
    assert not theirs.wants_rekey_after_receiving(165, LIMITS)


def test_a_keypair_that_has_been_replaced_can_seal_no_more() -> None:
    first, second, third = keypair(True), keypair(True), keypair(False)
    keypairs = Keypairs()
    for new in (first, second, third):
        keypairs.add(new)
    assert [hasattr(one, "sealer") for one in (first, second, third)] == [False, True, True]
    keypairs.confirm(third)
    assert [hasattr(one, "sealer") for one in (first, second, third)] == [False, False, True]
