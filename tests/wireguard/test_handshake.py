"""The handshake against the paper's formulas and against an independent Noise, WP §5.4.2 to §5.4.5."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noise.connection import Keypair as NoiseKeypair
from noise.connection import NoiseConnection

from glasstunnel.noise import CURVE25519, HandshakeState
from glasstunnel.wireguard.cookie import add_macs, mac1_is_right, mac1_key
from glasstunnel.wireguard.crypto import tai64n
from glasstunnel.wireguard.handshake import (
    CONSTRUCTION,
    IDENTIFIER,
    HandshakeError,
    InitiatorHandshake,
    ResponderHandshake,
)
from glasstunnel.wireguard.messages import Initiation, Response
from tests.wireguard import paper

STATIC_I, STATIC_R, EPHEMERAL_I, EPHEMERAL_R = (bytes([n]) * 32 for n in (1, 2, 3, 4))
INITIATOR, RESPONDER = CURVE25519.keypair(STATIC_I), CURVE25519.keypair(STATIC_R)
PSK = bytes(range(32))
NO_PSK = bytes(32)
TIMESTAMP = paper.tai64n(1_700_000_000, 0)
LOW_ORDER = bytes(32), (1).to_bytes(32, "little")


def always(secret: bytes) -> Callable[[int], bytes]:
    """A source of randomness that has but one answer."""
    return lambda length: secret[:length]


def both() -> tuple[InitiatorHandshake, Initiation, ResponderHandshake]:
    """Both ends, the initiation read."""
    initiator = InitiatorHandshake(INITIATOR, RESPONDER.public, always(EPHEMERAL_I))
    responder = ResponderHandshake(RESPONDER, always(EPHEMERAL_R))
    initiation = initiator.create_initiation(0x11111111, TIMESTAMP)
    responder.consume_initiation(initiation)
    return initiator, initiation, responder


def test_the_initial_chaining_key_and_hash_are_the_papers() -> None:
    c = paper.hash_(paper.CONSTRUCTION)
    h = paper.hash_(c + paper.IDENTIFIER)
    assert (c.hex()[:8], c.hex()[-4:]) == ("60e26dae", "cd36")
    assert (h.hex()[:8], h.hex()[-4:]) == ("2211b361", "9ef3")
    state = HandshakeState(
        CONSTRUCTION, initiator=False, prologue=IDENTIFIER, s=RESPONDER, rng=always(EPHEMERAL_R)
    )
    assert state.symmetric.ck == c
    assert state.symmetric.h == paper.hash_(h + RESPONDER.public)


@pytest.mark.parametrize("psk", [NO_PSK, PSK])
def test_messages_and_keys_are_the_papers_to_the_byte(psk: bytes) -> None:
    expected = paper.handshake(
        STATIC_I, STATIC_R, EPHEMERAL_I, EPHEMERAL_R, psk, TIMESTAMP, 0x11111111, 0x22222222
    )
    initiator, initiation, responder = both()
    response, responder_keys = responder.create_response(0x22222222, psk)
    initiator_keys = initiator.consume_response(response, psk)

    assert add_macs(initiation.build(), mac1_key(RESPONDER.public)) == expected.initiation
    assert add_macs(response.build(), mac1_key(INITIATOR.public)) == expected.response
    assert (initiator_keys.sending, initiator_keys.receiving) == (
        expected.initiator_sends,
        expected.initiator_receives,
    )
    assert (responder_keys.receiving, responder_keys.sending) == (
        expected.initiator_sends,
        expected.initiator_receives,
    )
    assert (initiator_keys.remote_index, responder_keys.remote_index) == (0x22222222, 0x11111111)


def test_the_responder_learns_the_initiators_key_and_timestamp() -> None:
    _, _, responder = both()
    assert responder.remote_static == paper.pub(STATIC_I)
    assert responder.timestamp == TIMESTAMP


def test_an_independent_noise_initiator_agrees_with_our_responder() -> None:
    theirs = NoiseConnection.from_name(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
    theirs.set_as_initiator()
    theirs.set_prologue(b"WireGuard v1 zx2c4 Jason@zx2c4.com")
    theirs.set_psks(PSK)
    theirs.set_keypair_from_private_bytes(NoiseKeypair.STATIC, STATIC_I)
    theirs.set_keypair_from_public_bytes(NoiseKeypair.REMOTE_STATIC, RESPONDER.public)
    theirs.start_handshake()
    message = bytes(theirs.write_message(TIMESTAMP))

    ours = ResponderHandshake(RESPONDER, always(EPHEMERAL_R))
    ours.consume_initiation(Initiation(7, message[:32], message[32:80], message[80:]))
    response, keys = ours.create_response(8, PSK)
    assert theirs.read_message(response.ephemeral + response.encrypted_nothing) == b""
    assert theirs.handshake_finished
    sealed = theirs.encrypt(b"packet")
    assert paper.aead(keys.receiving, 0, b"packet", b"") == sealed


def test_another_pre_shared_key_fails_at_the_response() -> None:
    initiator, _, responder = both()
    response, _ = responder.create_response(2, PSK)
    with pytest.raises(HandshakeError):
        initiator.consume_response(response, NO_PSK)


def test_after_a_forged_response_the_right_one_still_completes() -> None:
    initiator, _, responder = both()
    response, keys = responder.create_response(2, PSK)
    for place in range(48):
        message = bytearray(response.ephemeral + response.encrypted_nothing)
        message[place] ^= 1
        with pytest.raises(HandshakeError):
            initiator.consume_response(Response(2, 1, bytes(message[:32]), bytes(message[32:])), PSK)
    assert initiator.consume_response(response, PSK).sending == keys.receiving


def test_an_initiation_for_somebody_else_or_damaged_is_refused() -> None:
    _, initiation, _ = both()
    with pytest.raises(HandshakeError):
        ResponderHandshake(CURVE25519.keypair(EPHEMERAL_R), always(EPHEMERAL_R)).consume_initiation(
            initiation
        )
    message = initiation.build()
    for place in range(8, 116):
        damaged = bytearray(message)
        damaged[place] ^= 1
        responder = ResponderHandshake(RESPONDER, always(EPHEMERAL_R))
        with pytest.raises(HandshakeError):
            responder.consume_initiation(Initiation.parse(bytes(damaged)))
        assert responder.remote_static == b""


@pytest.mark.parametrize("point", LOW_ORDER)
def test_a_public_key_of_low_order_never_makes_a_session(point: bytes) -> None:
    with pytest.raises(HandshakeError):
        InitiatorHandshake(INITIATOR, point, always(EPHEMERAL_I)).create_initiation(1, TIMESTAMP)
    _, initiation, _ = both()
    forged = Initiation(1, point, initiation.encrypted_static, initiation.encrypted_timestamp)
    with pytest.raises(HandshakeError):
        ResponderHandshake(RESPONDER, always(EPHEMERAL_R)).consume_initiation(forged)
    initiator, _, responder = both()
    response, _ = responder.create_response(2, NO_PSK)
    with pytest.raises(HandshakeError):
        initiator.consume_response(Response(2, 1, point, response.encrypted_nothing), NO_PSK)


def test_mac1_proves_knowledge_of_the_receivers_public_key() -> None:
    _, initiation, _ = both()
    message = add_macs(initiation.build(), mac1_key(RESPONDER.public))
    key = paper.hash_(b"mac1----" + RESPONDER.public)
    assert message[116:132] == paper.mac(key, message[:116])
    assert message[132:] == bytes(16)
    assert mac1_is_right(message, mac1_key(RESPONDER.public))
    assert not mac1_is_right(message, mac1_key(INITIATOR.public))


@given(wall=st.integers(0, 2**61), psk=st.binary(min_size=32, max_size=32))
def test_any_time_and_any_psk_make_a_session(wall: int, psk: bytes) -> None:
    initiator = InitiatorHandshake(INITIATOR, RESPONDER.public, always(EPHEMERAL_I))
    responder = ResponderHandshake(RESPONDER, always(EPHEMERAL_R))
    responder.consume_initiation(initiator.create_initiation(1, tai64n(wall)))
    assert responder.timestamp == tai64n(wall)
    response, keys = responder.create_response(2, psk)
    assert initiator.consume_response(response, psk).receiving == keys.sending


def test_secrets_do_not_show_in_a_repr() -> None:
    _, _, responder = both()
    _, keys = responder.create_response(2, PSK)
    assert repr(keys) == "TransportKeys(remote_index=286331153)"
