"""Nothing but the declared error escapes a parser, and no byte of a stranger changes anything."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.digest import device_state, digest
from tests.fuzz.harnesses import HARNESSES, STRANGER, Harness, Victim, authenticated, victim
from tests.wireguard.pair import Pair, packet

NAMES = [harness.name for harness in HARNESSES]


def mutated(data: st.DataObject, corpus: list[bytes]) -> bytes:
    """One of the corpus with a few pieces overwritten, cut out, doubled or put in."""
    value = data.draw(st.sampled_from(corpus))
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(value)))
        end = place + data.draw(st.integers(0, 24))
        piece = data.draw(st.binary(max_size=16) | st.just(value[place:end]))
        value = value[:place] + piece + value[data.draw(st.sampled_from([place, end])) :]
    return value


@pytest.mark.parametrize("harness", HARNESSES, ids=NAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data(), noise=st.binary(max_size=200))
@example(data=None, noise=b"")
def test_any_bytes_are_read_or_refused(harness: Harness, data: st.DataObject | None, noise: bytes) -> None:
    harness.run(noise)
    if data is not None:
        harness.run(mutated(data, harness.corpus()))


@pytest.mark.parametrize("harness", HARNESSES, ids=NAMES)
def test_the_corpus_is_whole(harness: Harness) -> None:
    corpus = harness.corpus()
    assert corpus
    for value in corpus:
        harness.run(value)


def test_every_byte_of_every_message_is_vouched_for() -> None:
    """Each single byte changed, in each message that the device still waits for: nothing happens.

    The harness knows one exception, the sender index of a handshake message.
    """
    it = victim()
    run = {harness.name: harness.run for harness in HARNESSES}
    for message in (message for message in it.messages if authenticated(message) in it.genuine):
        for place in range(len(message)):
            other = message[:place] + bytes([message[place] ^ 0x40]) + message[place + 1 :]
            run["open"](b"\xff" + other)
            run["receive"](other)


def test_the_victim_waits_for_a_response_and_for_data() -> None:
    it = Victim()
    assert sorted(part[0] for part in it.genuine) == [2, 4]
    for message in it.messages:
        if authenticated(message) in it.genuine and message[0] == 2:
            before = device_state(it.device)
            assert it.device.receive(it.pair.now, 0, it.node.rng, message, STRANGER)
            assert device_state(it.device) != before


def test_the_digest_sees_every_change_and_no_other() -> None:
    pair = Pair()
    pair.connect()
    device, seen = pair.right.device, []
    seen.append(device_state(device))
    assert device_state(device) == seen[0]
    device.drops.clear()
    pair.to_left.drops.clear()
    assert device_state(device) == seen[0]
    pair.send(pair.left, packet("moves the window"))
    pair.advance(1)
    seen.append(device_state(device))
    pair.to_left.endpoint = STRANGER
    seen.append(device_state(device))
    pair.to_left.timers.due[2] += 0.001
    seen.append(device_state(device))
    pair.to_left.stage(b"one", 0)
    seen.append(device_state(device))
    device.schedule.wake(pair.to_left, 0.0)
    seen.append(device_state(device))
    assert len(set(seen)) == len(seen)
    assert digest([1, 2]) != digest([2, 1])
