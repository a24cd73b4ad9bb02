"""The timers, WP §6 and the kernel's timers.c, told as what an observer of the wire sees.

Times in these tests are the paper's, written out; one datagram takes 10 ms.
"""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.sim import Datagram, Partition, Randomness
from glasstunnel.wireguard import expiry
from glasstunnel.wireguard.events import Drop, GaveUp, Path, Sealed, Staged
from glasstunnel.wireguard.messages import MessageType
from glasstunnel.wireguard.parameters import PARAMETERS
from glasstunnel.wireguard.timers import TABLE, Occasion, Timer, Timers
from tests.wireguard.pair import Pair, answer, packet

INITIATION, DATA = MessageType.INITIATION, MessageType.TRANSPORT_DATA
FOREVER = float("inf")


def initiations(pair: Pair) -> list[float]:
    """When left sent its initiations."""
    return [datagram.at for datagram in pair.left.sent_of(INITIATION)]


def keepalives(sent: list[Datagram]) -> list[float]:
    """When an empty packet was sent."""
    return [datagram.at for datagram in sent if len(datagram.data) == 32]


def silence(pair: Pair) -> None:
    """From now on nothing arrives anywhere."""
    pair.network.layers.append(Partition(pair.now, FOREVER))


# The table


def test_the_table_has_one_line_for_each_timer_in_order_and_an_action_for_each() -> None:
    assert [rule.timer for rule in TABLE] == list(Timer)
    assert all(callable(getattr(expiry, rule.action)) for rule in TABLE)


def test_the_durations_are_the_papers() -> None:
    timers = Timers(PARAMETERS)
    timers.jitter = 0.25
    timers.persistent_keepalive = 25
    assert {rule.timer.name: rule.duration(timers) for rule in TABLE} == {
        "RETRANSMIT_HANDSHAKE": 5.25,
        "SEND_KEEPALIVE": 10,
        "NEW_HANDSHAKE": 15.25,
        "ZERO_KEY_MATERIAL": 540,
        "PERSISTENT_KEEPALIVE": 25,
    }


def test_a_timer_that_waits_is_not_put_off_by_what_started_it() -> None:
    timers = Timers(PARAMETERS)
    timers.on(Occasion.SENT | Occasion.SENT_DATA, 0)
    timers.on(Occasion.SENT | Occasion.SENT_DATA, 9)
    assert timers.due[Timer.NEW_HANDSHAKE] == 15
    assert timers.running(Timer.NEW_HANDSHAKE)
    timers.on(Occasion.RECEIVED, 10)
    assert not timers.running(Timer.NEW_HANDSHAKE)
    assert timers.expired(100) == []


@given(st.lists(st.tuples(st.sampled_from([*Occasion]), st.floats(0, 100)), max_size=20))
def test_a_timer_once_taken_as_expired_does_not_run(script: list[tuple[Occasion, float]]) -> None:
    timers, now = Timers(PARAMETERS), 0.0
    for occasion, pause in script:
        now += pause
        timers.on(occasion, now)
        for rule in timers.expired(now):
            assert not timers.running(rule.timer)
    assert all(due > now for due in timers.due)


# Retries, WP §6.4


def test_an_unanswered_initiation_is_repeated_every_five_seconds_with_jitter(pair: Pair) -> None:
    silence(pair)
    pair.send(pair.left, packet())
    pair.advance(60)
    times = initiations(pair)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert times[0] == 0
    assert all(5 <= gap < 5 + 1 / 3 for gap in gaps)
    assert len(set(gaps)) == len(gaps), "each repetition draws its own jitter"


def test_twenty_initiations_go_out_then_the_peer_is_given_up_and_its_packets_are_dropped(pair: Pair) -> None:
    silence(pair)
    pair.send(pair.left, packet())
    pair.advance(300)
    assert len(initiations(pair)) == 20
    gave_up = [at for at, event in pair.left.history if isinstance(event, GaveUp)]
    assert len(gave_up) == 1
    assert 100 <= gave_up[0] < 107
    assert pair.left.device.drops == {Drop.GAVE_UP: 1}
    pair.network.layers.pop()
    pair.advance(60)
    assert pair.right.inbox == []


def test_a_new_packet_begins_the_count_anew(pair: Pair) -> None:
    silence(pair)
    pair.send(pair.left, packet())
    pair.advance(60)
    pair.send(pair.left, packet())
    pair.advance(300)
    assert len(initiations(pair)) > 20 + 9


def test_initiations_to_one_peer_are_five_seconds_apart_however_much_is_sent(pair: Pair) -> None:
    silence(pair)
    for _ in range(600):
        pair.send(pair.left, packet())
        pair.advance(0.1)
    times = initiations(pair)
    assert len(times) >= 11
    assert all(after - before >= 5 for before, after in itertools.pairwise(times))


# Rekey, WP §6.2


def test_the_initiator_rekeys_when_it_sends_after_120_seconds(pair: Pair) -> None:
    pair.connect()
    pair.advance(118)
    pair.send(pair.left, packet())
    pair.advance(0.9)
    assert len(initiations(pair)) == 1
    pair.advance(0.3)
    assert isinstance(pair.send(pair.left, packet("on the old key")), Sealed)
    pair.advance(1)
    assert len(initiations(pair)) == 2
    assert pair.right.inbox[-1] == packet("on the old key")


def test_the_responder_never_rekeys_on_age(pair: Pair) -> None:
    pair.connect()
    for _ in range(35):
        pair.advance(5)
        assert isinstance(pair.send(pair.right, answer()), Sealed)
        if pair.now > 160:
            break
    assert pair.right.sent_of(INITIATION) == []


def test_an_idle_tunnel_never_rekeys_and_falls_silent(pair: Pair) -> None:
    pair.connect()
    pair.advance(3600)
    assert len(initiations(pair)) == 1
    assert pair.right.sent_of(INITIATION) == []
    assert max(datagram.at for node in (pair.left, pair.right) for datagram in node.sent) < 25


def test_an_initiator_that_only_receives_rekeys_once_after_165_seconds(pair: Pair) -> None:
    pair.connect()
    pair.advance(158)
    silent_from = len(initiations(pair))
    for _ in range(10):
        pair.send(pair.right, answer())
        pair.advance(0.5)
    assert len(initiations(pair)) == silent_from
    pair.network.layers.append(lambda datagram, rng: [] if datagram.data[0] == INITIATION else [datagram])
    for _ in range(8):
        pair.send(pair.right, answer())
        pair.advance(0.5)
    late = [at for at in initiations(pair) if at > 164]
    assert len(late) == 1
    assert late[0] >= 165


def test_after_180_seconds_a_key_neither_seals_nor_opens(pair: Pair) -> None:
    pair.connect()
    pair.advance(178.9)
    pair.network.layers.append(lambda datagram, rng: [] if datagram.data[0] == INITIATION else [datagram])
    assert isinstance(pair.send(pair.right, answer("just in time")), Sealed)
    pair.advance(0.05)
    assert pair.left.inbox == [answer("just in time")]
    pair.network.layers.insert(0, _Later(2))
    assert isinstance(pair.send(pair.right, answer("too late to open")), Sealed)
    pair.advance(3)
    assert pair.left.device.drops == {Drop.EXPIRED_KEYPAIR: 1}
    assert isinstance(pair.send(pair.right, answer("too late to seal")), Staged)


def test_data_under_way_during_a_rekey_still_opens_with_the_previous_keypair(pair: Pair) -> None:
    pair.connect()
    pair.advance(121)
    pair.network.layers.insert(0, _Later(1, kinds=(DATA,), until=pair.now + 0.001))
    pair.send(pair.left, packet("slow, on the old key"))
    pair.advance(0.5)
    assert len(initiations(pair)) == 2
    assert pair.to_right.keypairs.previous is not None
    pair.send(pair.left, packet("quick, on the new key"))
    pair.advance(3)
    assert pair.right.inbox[1:] == [packet("quick, on the new key"), packet("slow, on the old key")]


def test_keys_are_erased_after_540_seconds(pair: Pair) -> None:
    pair.connect()
    pair.advance(538)
    assert pair.to_right.keypairs.current is not None
    assert pair.left.device.indices
    pair.advance(2)
    for peer, node in ((pair.to_right, pair.left), (pair.to_left, pair.right)):
        assert peer.keypairs.current is peer.keypairs.previous is peer.keypairs.next is None
        assert node.device.indices == {}
    assert pair.left.device.deadline == FOREVER


def test_a_handshake_given_up_is_erased_540_seconds_later(pair: Pair) -> None:
    silence(pair)
    pair.send(pair.left, packet())
    pair.advance(120)
    assert len(pair.left.device.indices) == 1
    pair.advance(541)
    assert pair.left.device.indices == {}


def test_after_hours_of_sleep_the_first_handshake_counts(pair: Pair) -> None:
    pair.connect()
    silence(pair)
    pair.send(pair.left, packet("into the void"))
    pair.network.layers.pop()
    pair.now += 8 * 3600  # nobody was awake: everything is due at once
    pair.send(pair.left, packet("good morning"))
    pair.advance(0.1)
    assert pair.right.inbox[-1] == packet("good morning")


def test_a_repetition_that_must_wait_comes_later_and_not_never(pair: Pair) -> None:
    pair.to_left.endpoint = Path(pair.left.address)
    pair.network.layers.append(_First(3))  # our initiation, the peer's response, our response: all lost
    pair.send(pair.left, packet("stubborn"))
    pair.advance(2)
    pair.send(pair.right, answer())
    pair.advance(60)
    assert packet("stubborn") in pair.right.inbox


# Keepalives, WP §6.5


def test_who_receives_data_and_sends_nothing_sends_a_keepalive_after_ten_seconds(pair: Pair) -> None:
    pair.connect()
    pair.advance(30)
    before = len(pair.right.sent)
    pair.send(pair.left, packet())
    arrived = pair.now + 0.01
    pair.advance(9.9)
    assert len(pair.right.sent) == before
    pair.advance(1)
    assert len(pair.right.sent) == before + 1
    assert len(pair.right.sent[-1].data) == 32
    assert pair.right.sent[-1].at == pytest.approx(arrived + 10)


def test_a_keepalive_is_not_answered_by_a_keepalive(pair: Pair) -> None:
    pair.connect()
    pair.advance(3600)
    assert len(keepalives([*pair.left.sent, *pair.right.sent])) == 1


def test_an_answer_spares_the_keepalive(pair: Pair) -> None:
    pair.connect()
    for n in range(20):
        pair.send(pair.left, packet(str(n)))
        pair.advance(1)
        pair.send(pair.right, answer(str(n)))
        pair.advance(1)
    assert keepalives([*pair.left.sent, *pair.right.sent]) == []


def test_a_one_way_stream_is_acknowledged_by_a_keepalive_every_ten_seconds(pair: Pair) -> None:
    pair.connect()
    for _ in range(600):
        pair.send(pair.left, packet())
        pair.advance(0.1)
    assert 5 <= len(keepalives(pair.right.sent)) <= 6
    assert len(initiations(pair)) == 1


def test_data_that_meets_silence_for_15_seconds_brings_a_new_handshake(pair: Pair) -> None:
    pair.connect()
    pair.advance(30)
    silence(pair)
    pair.send(pair.left, packet())
    sent = pair.now
    pair.advance(14.9)
    assert len(initiations(pair)) == 1
    pair.advance(0.5)
    assert len(initiations(pair)) == 2
    assert sent + 15 <= initiations(pair)[1] < sent + 15 + 1 / 3


def test_a_peer_that_lost_its_keys_is_found_again(pair: Pair) -> None:
    pair.connect()
    pair.advance(30)
    key = pair.right.device.private_key
    pair.right.device.set_private_key(b"another key for a moment".ljust(32))
    pair.right.device.set_private_key(key)
    pair.send(pair.left, packet("lost"))
    pair.advance(16)
    pair.send(pair.left, packet("found"))
    pair.advance(1)
    assert pair.right.inbox == [packet("first"), packet("found")]


def test_a_persistent_keepalive_speaks_first_and_then_at_its_interval(pair: Pair) -> None:
    assert pair.to_right.set_persistent_keepalive(0, 25) == []
    pair.advance(200)
    times = keepalives(pair.left.sent)
    assert len(initiations(pair)) >= 1
    assert times[0] == pytest.approx(0.02)
    assert [after - before for before, after in itertools.pairwise(times[:5])] == pytest.approx([25] * 4)


def test_no_persistent_keepalive_while_traffic_flows(pair: Pair) -> None:
    pair.to_right.set_persistent_keepalive(0, 25)
    pair.advance(1)
    quiet = len(keepalives(pair.left.sent))
    for _ in range(10):
        pair.send(pair.left, packet())
        pair.advance(5)
        pair.send(pair.right, answer())
        pair.advance(5)
    assert len(keepalives(pair.left.sent)) == quiet


def test_a_persistent_keepalive_that_is_switched_off_ends(pair: Pair) -> None:
    pair.to_right.set_persistent_keepalive(0, 25)
    pair.advance(30)
    pair.to_right.set_persistent_keepalive(pair.now, 0)
    pair.advance(60)
    before = len(pair.left.sent)
    pair.advance(3600)
    assert len(pair.left.sent) == before


def test_a_persistent_keepalive_that_is_switched_off_before_it_is_due_is_not_sent(pair: Pair) -> None:
    pair.to_right.set_persistent_keepalive(0, 25)
    pair.advance(1)
    sent = len(pair.left.sent)
    pair.to_right.set_persistent_keepalive(pair.now, 0)
    pair.advance(600)
    assert len(pair.left.sent) == sent


@pytest.mark.parametrize("interval", [-1, 65536])
def test_a_persistent_keepalive_that_is_no_interval_is_refused(pair: Pair, interval: int) -> None:
    with pytest.raises(ValueError, match="persistent keepalive: expected 0 to 65535 seconds, got"):
        pair.to_right.set_persistent_keepalive(0, interval)
    assert pair.to_right.persistent_keepalive == 0
    assert pair.left.device.deadline == FOREVER


def test_persistent_keepalives_survive_a_change_of_the_private_key(pair: Pair) -> None:
    pair.to_right.set_persistent_keepalive(0, 25)
    pair.start(pair.left)
    pair.advance(60)
    key = pair.left.device.private_key
    for new in (None, key, key):
        pair.left.device.set_private_key(new)
    sent = len(pair.left.sent)
    pair.advance(100)
    assert len(pair.left.sent) >= sent + 4


def test_a_responder_whose_first_data_meets_silence_asks_anew(pair: Pair) -> None:
    pair.to_left.endpoint = Path(pair.left.address)
    pair.send(pair.left, packet("first"))
    pair.advance(0.015)
    pair.send(pair.right, answer("staged until the session is confirmed, then sent, then lost"))
    pair.network.layers.append(
        lambda datagram, rng: (
            [] if datagram.source == pair.right.address and datagram.data[0] == DATA else [datagram]
        )
    )
    pair.advance(1)
    silence(pair)
    pair.advance(19)
    assert pair.left.inbox == []
    assert len(pair.right.sent_of(INITIATION)) >= 1


def test_many_packets_at_once_are_as_many_packets_one_by_one(pair: Pair) -> None:
    pair.connect()
    pair.advance(30)
    before = len(keepalives(pair.right.sent))
    pair.send(pair.left, *[packet(str(n)) for n in range(5)])
    pair.advance(25)
    assert (
        len(keepalives(pair.right.sent)) == before + 2
    )  # the kernel, too, owes another one for the later packets


def test_a_persistent_keepalive_without_an_endpoint_waits_for_one(pair: Pair) -> None:
    pair.to_right.endpoint = None
    pair.to_right.set_persistent_keepalive(0, 25)
    pair.start(pair.left)
    pair.advance(100)
    assert pair.left.sent == []
    pair.to_right.endpoint = Path(pair.right.address)
    pair.start(pair.left)
    pair.advance(1)
    assert pair.to_left.keypairs.current is not None


def test_a_retry_lets_the_system_choose_our_source_address_anew(pair: Pair) -> None:
    pair.to_right.endpoint = Path(pair.right.address, "192.0.2.1", 3)
    silence(pair)
    pair.send(pair.left, packet())
    assert pair.to_right.endpoint.local == "192.0.2.1"
    pair.advance(6)
    assert pair.to_right.endpoint == Path(pair.right.address)


def test_a_retry_to_a_peer_whose_endpoint_was_taken_away_sends_nothing(pair: Pair) -> None:
    silence(pair)
    pair.send(pair.left, packet())
    pair.to_right.endpoint = None
    pair.advance(60)
    assert len(pair.left.sent) == 1


class _Later:
    """A layer that holds back datagrams of some kinds, sent before a time, by so many seconds."""

    def __init__(self, seconds: float, kinds: tuple[int, ...] = (1, 2, 3, 4), until: float = FOREVER) -> None:
        self._seconds, self._kinds, self._until = seconds, kinds, until

    def __call__(self, datagram: Datagram, rng: Randomness) -> list[Datagram]:
        late = self._seconds if datagram.data[0] in self._kinds and datagram.at < self._until else 0
        return [replace(datagram, at=datagram.at + late)]


class _First:
    """A layer that loses the first datagrams."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self, datagram: Datagram, rng: Randomness) -> list[Datagram]:
        self._left -= 1
        return [] if self._left >= 0 else [datagram]
