"""HandshakeState: turns, keys, psks, failures that change nothing, and what is left after the split."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.noise import (
    CURVE25519,
    AuthenticationError,
    HandshakeState,
    InvalidKeyError,
    InvalidPublicKeyError,
    MessageTooLongError,
    MessageTooShortError,
    MissingKeyError,
    NoiseError,
    Protocol,
    RandomBytes,
    SymmetricState,
    UnexpectedKeyError,
    WrongTurnError,
    parse_pattern,
)
from tests.noise import spec
from tests.noise.peers import public

ALICE = CURVE25519.keypair(spec.INITIATOR_STATIC)
BOB = CURVE25519.keypair(spec.RESPONDER_STATIC)
PSK = spec.PSKS[0]


def protocol(pattern: str, suite: str = "25519_ChaChaPoly_BLAKE2s") -> Protocol:
    return Protocol.parse(f"Noise_{pattern}_{suite}")


def rng_of(*seeds: bytes) -> RandomBytes:
    """Known randomness: the first byte repeated, at the next call the second, and so on, over and over."""
    source = cycle(seeds)
    return lambda length: next(source) * length


def pair(pattern: str, psks: list[bytes] | None = None) -> tuple[HandshakeState, HandshakeState]:
    """Both parties of a protocol, with the keys that it needs."""
    both = []
    for initiator, s, rs in ((True, ALICE, BOB.public), (False, BOB, ALICE.public)):
        needed = protocol(pattern).pattern.required_keys[initiator]
        sends_e = protocol(pattern).pattern.sends_ephemeral[initiator]
        both.append(
            HandshakeState(
                protocol(pattern),
                initiator=initiator,
                prologue=b"prologue",
                s=s if "s" in needed else None,
                rs=rs if "rs" in needed else None,
                psks=spec.PSKS[: protocol(pattern).pattern.psk_count] if psks is None else psks,
                rng=rng_of(bytes([initiator])) if sends_e else None,
            )
        )
    return both[0], both[1]


def everything(state: HandshakeState) -> tuple[object, ...]:
    """All that a message may change."""
    symmetric = state.symmetric
    cipher = symmetric.cipher_state
    fields = symmetric.ck, symmetric.h, cipher.k, cipher.n, state.s, state.e, state.rs, state.re
    return *fields, state.my_turn, state.finished, state._psks_used, tuple(state._psks)


# The course of a handshake


@pytest.mark.parametrize(
    ("pattern", "lengths"),
    [
        # Section 3 counts these for keys of 56 bytes: 56, 144, 88. Here keys have 32.
        ("XX", [32, 32 + 48 + 16, 48 + 16]),
        ("NN", [32, 32 + 16]),
        ("IK", [32 + 48 + 16, 32 + 16]),
        ("IN", [32 + 32, 32 + 16]),
        ("X", [32 + 48 + 16]),
        ("NNpsk0", [32 + 16, 32 + 16]),  # section 9.2: with a psk the first e already makes a key
        ("INpsk2", [32 + 48 + 16, 32 + 16]),
        ("IKpsk2", [32 + 48 + 16, 32 + 16]),
    ],
)
def test_empty_payloads_give_messages_of_these_lengths(pattern: str, lengths: list[int]) -> None:
    sides = cycle(pair(pattern))
    writer = next(sides)
    for length in lengths:
        reader = next(sides)
        message = writer.write_message()
        assert len(message) == length
        assert reader.read_message(message) == b""
        writer = reader
    assert writer.finished


def test_with_448_the_messages_of_xx_have_the_lengths_of_section_3() -> None:
    xx = protocol("XX", "448_AESGCM_SHA512")
    alice, bob = (
        HandshakeState(xx, initiator=initiator, s=xx.dh.generate_keypair(rng), rng=rng)
        for initiator, rng in ((True, rng_of(b"\1", b"\2")), (False, rng_of(b"\3", b"\4")))
    )
    lengths = []
    for writer, reader in ((alice, bob), (bob, alice), (alice, bob)):
        message = writer.write_message()
        reader.read_message(message)
        lengths.append(len(message))
    assert lengths == [56, 144, 88]


def test_the_parties_know_whose_turn_it_is() -> None:
    initiator, responder = pair("XX")
    for writer, reader in ((initiator, responder), (responder, initiator), (initiator, responder)):
        assert (writer.my_turn, reader.my_turn) == (True, False)
        assert not writer.finished
        reader.read_message(writer.write_message())
    assert (initiator.my_turn, responder.my_turn) == (False, False)
    assert initiator.finished
    assert responder.finished


def test_the_keys_of_the_other_party_can_be_read_as_soon_as_they_have_come() -> None:
    initiator, responder = pair("XX")
    assert (responder.re, initiator.rs, responder.rs) == (None, None, None)
    responder.read_message(initiator.write_message())
    assert initiator.e is not None
    assert responder.re == initiator.e.public
    initiator.read_message(responder.write_message())
    assert initiator.rs == BOB.public
    assert responder.rs is None
    responder.read_message(initiator.write_message())
    assert responder.rs == ALICE.public


def test_each_handshake_makes_a_new_ephemeral_key_and_takes_no_more_randomness() -> None:
    asked: list[int] = []

    def rng(length: int) -> bytes:
        asked.append(length)
        return bytes([len(asked)]) * length

    states = [HandshakeState(protocol("NN"), initiator=True, rng=rng) for _ in range(2)]
    assert asked == []
    messages = [state.write_message() for state in states]
    assert asked == [32, 32]
    assert messages == [public(b"\1" * 32), public(b"\2" * 32)]


def test_a_different_prologue_ends_in_an_authentication_error() -> None:
    """Section 6."""
    initiator = HandshakeState(protocol("NN"), initiator=True, prologue=b"a", rng=rng_of(b"\1"))
    responder = HandshakeState(protocol("NN"), initiator=False, prologue=b"b", rng=rng_of(b"\2"))
    responder.read_message(initiator.write_message())
    with pytest.raises(AuthenticationError):
        initiator.read_message(responder.write_message())


def test_a_different_protocol_name_ends_in_an_authentication_error() -> None:
    one = protocol("NN")
    initiator = HandshakeState(one, initiator=True, rng=rng_of(b"\1"))
    responder = HandshakeState(replace(one, name=one.name + "x"), initiator=False, rng=rng_of(b"\2"))
    responder.read_message(initiator.write_message())
    with pytest.raises(AuthenticationError):
        initiator.read_message(responder.write_message())


def test_an_ephemeral_key_known_beforehand_is_mixed_in() -> None:
    """XXfallback in canonical form (sections 7.2 and 10.2), with and without psk."""
    for psks in ([], [PSK]):
        pattern = parse_pattern("XXfallback:\n <- e\n ...\n -> e, ee, s, se\n <- s, es")
        if psks:
            pattern = pattern.with_psk(2)
        fallback = replace(protocol("XX"), name="Noise_XXfallback_25519_ChaChaPoly_BLAKE2s", pattern=pattern)
        e = CURVE25519.keypair(spec.RESPONDER_EPHEMERAL)
        initiator = HandshakeState(
            fallback, initiator=True, s=ALICE, re=e.public, psks=psks, rng=rng_of(b"\1")
        )
        responder = HandshakeState(fallback, initiator=False, s=BOB, e=e, psks=psks)
        assert initiator.symmetric.h == responder.symmetric.h
        assert initiator.symmetric.cipher_state.has_key() == bool(psks)  # section 9.2
        responder.read_message(initiator.write_message(b"hello"))
        assert initiator.read_message(responder.write_message(b"welcome")) == b"welcome"
        assert (initiator.rs, responder.rs) == (BOB.public, ALICE.public)
        assert initiator.handshake_hash == responder.handshake_hash


# WireGuard


def test_wireguard_begins_with_the_values_that_its_paper_gives() -> None:
    """Section 5.4.2 of the paper: C = HASH(CONSTRUCTION), H = HASH(HASH(C || IDENTIFIER) || static key)."""
    identifier = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
    state = HandshakeState(
        protocol("IKpsk2"), initiator=True, prologue=identifier, s=ALICE, rs=BOB.public, rng=bytes
    )
    ck, h = state.symmetric.ck.hex(), state.symmetric.h
    assert (ck[:8], ck[-4:]) == ("60e26dae", "cd36")
    before_the_static_key = state.protocol.hash.hash(state.symmetric.ck + identifier)
    assert (before_the_static_key.hex()[:8], before_the_static_key.hex()[-4:]) == ("2211b361", "9ef3")
    assert h == state.protocol.hash.hash(before_the_static_key + BOB.public)


def test_a_wireguard_initiation_and_response_have_108_and_48_bytes_of_noise() -> None:
    """148 and 92 bytes, less type, indices and the two MACs: 4 + 4 + 32 and 4 + 4 + 4 + 32."""
    initiator, responder = pair("IKpsk2")
    initiation = initiator.write_message(bytes(12))
    assert len(initiation) == 148 - 40
    responder.read_message(initiation)
    assert len(responder.write_message()) == 92 - 44


def test_the_responder_may_choose_the_psk_when_it_knows_who_is_calling() -> None:
    initiator, responder = pair("IKpsk2", psks=[])
    initiator.set_psk(PSK)
    responder.read_message(initiator.write_message())
    assert responder.rs == ALICE.public
    responder.set_psk({ALICE.public: PSK}[responder.rs])
    initiator.read_message(responder.write_message())
    assert [cipher.key for cipher in initiator.split()] == [cipher.key for cipher in responder.split()]


def test_a_precomputed_static_secret_makes_no_difference_to_the_messages() -> None:
    plain = pair("IKpsk2")
    messages = [plain[0].write_message()]
    plain[1].read_message(messages[0])
    messages.append(plain[1].write_message())
    alice, bob = CURVE25519.keypair(ALICE.private), CURVE25519.keypair(BOB.private)
    alice.precompute(bob.public)
    bob.precompute(alice.public)
    quick = pair("IKpsk2")
    quick[0].s, quick[1].s = alice, bob
    assert quick[0].write_message() == messages[0]
    quick[1].read_message(messages[0])
    assert quick[1].write_message() == messages[1]


# Keys that are missing, or too many


@pytest.mark.parametrize("name", spec.PATTERNS)
@pytest.mark.parametrize("initiator", [True, False], ids=["initiator", "responder"])
def test_every_key_must_be_there_that_is_needed_and_none_else(name: str, initiator: bool) -> None:
    has_s, has_rs = spec.needs(name, initiator)
    sends_e = initiator or len(name) > 1
    right: dict[str, object] = {}
    if has_s:
        right["s"] = ALICE
    if has_rs:
        right["rs"] = BOB.public
    if sends_e:
        right["rng"] = bytes

    def start(**keys: object) -> HandshakeState:
        return HandshakeState(protocol(name), initiator=initiator, **keys)  # type: ignore[arg-type]

    start(**right)
    for key in right:
        with pytest.raises(
            MissingKeyError, match=f"{name} (needs {key}|sends an ephemeral key: rng is needed)"
        ):
            start(**{other: value for other, value in right.items() if other != key})
    for key, value in {"s": ALICE, "rs": BOB.public, "re": BOB.public}.items():
        if key not in right:
            with pytest.raises(UnexpectedKeyError, match=f"{name} has no use for {key}"):
                start(**right, **{key: value})
    if sends_e:
        start(**right, e=BOB)
    else:
        with pytest.raises(UnexpectedKeyError, match=f"{name} has no use for e"):
            start(**right, e=BOB)


@pytest.mark.parametrize("length", [0, 31, 33, 56])
def test_public_keys_have_dhlen_bytes(length: int) -> None:
    with pytest.raises(InvalidPublicKeyError, match="rs is not a public key of 32 bytes"):
        HandshakeState(protocol("NK"), initiator=True, rs=b"\x09" * length, rng=bytes)
    stranger = CURVE25519.keypair(bytes(32))
    stranger.public = b"\x09" * length
    with pytest.raises(InvalidPublicKeyError, match="s is not a public key of 32 bytes"):
        HandshakeState(protocol("XX"), initiator=True, s=stranger, rng=bytes)


def test_psks_have_32_bytes() -> None:
    initiator, _ = pair("NNpsk0+psk2", psks=[])
    for length in (0, 31, 33):
        with pytest.raises(InvalidKeyError, match=f"a psk has 32 bytes, not {length}"):
            initiator.set_psk(bytes(length), 1)


def test_there_are_as_many_psks_as_psk_tokens() -> None:
    with pytest.raises(
        UnexpectedKeyError, match="Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s has no use for psk number 1"
    ):
        pair("NNpsk0", psks=[PSK, PSK])
    initiator, _ = pair("NN", psks=[])
    for index in (0, -1):
        with pytest.raises(UnexpectedKeyError, match=f"no use for psk number {index} now"):
            initiator.set_psk(PSK, index)


def test_a_psk_is_wanted_only_when_its_turn_has_come_and_not_after() -> None:
    initiator, responder = pair("NNpsk0+psk2", psks=[])
    before = everything(initiator)
    with pytest.raises(MissingKeyError, match="psk number 0 has not been supplied"):
        initiator.write_message()
    assert everything(initiator) == before
    initiator.set_psk(spec.PSKS[1], 1)
    initiator.set_psk(spec.PSKS[2], 0)
    initiator.set_psk(spec.PSKS[0], 0)  # the last word counts
    message = initiator.write_message()
    with pytest.raises(UnexpectedKeyError, match="no use for psk number 0 now"):
        initiator.set_psk(PSK, 0)
    with pytest.raises(MissingKeyError, match="psk number 0"):
        responder.read_message(message)
    responder.set_psk(spec.PSKS[0], 0)
    responder.read_message(message)
    with pytest.raises(MissingKeyError, match="psk number 1"):
        responder.write_message()
    responder.set_psk(spec.PSKS[1], 1)
    initiator.read_message(responder.write_message())
    with pytest.raises(UnexpectedKeyError):
        initiator.set_psk(PSK, 1)
    initiator.split()
    with pytest.raises(UnexpectedKeyError):
        initiator.set_psk(PSK)


def test_another_psk_ends_in_an_authentication_error() -> None:
    initiator, responder = pair("IKpsk2", psks=[])
    initiator.set_psk(spec.PSKS[0])
    responder.set_psk(spec.PSKS[1])
    responder.read_message(initiator.write_message())
    with pytest.raises(AuthenticationError):
        initiator.read_message(responder.write_message())


# Turns


def test_out_of_turn_nothing_is_written_or_read() -> None:
    initiator, responder = pair("XX")
    with pytest.raises(WrongTurnError, match="the next message, '-> e', is to be written"):
        initiator.read_message(bytes(32))
    with pytest.raises(WrongTurnError, match="the next message, '-> e', is to be read"):
        responder.write_message()
    responder.read_message(initiator.write_message())
    with pytest.raises(WrongTurnError, match="'<- e, ee, s, es', is to be read"):
        initiator.write_message()
    with pytest.raises(WrongTurnError, match="'<- e, ee, s, es', is to be written"):
        responder.read_message(bytes(96))


def test_before_the_end_there_is_no_hash_and_no_split() -> None:
    initiator, responder = pair("NN")
    responder.read_message(initiator.write_message())
    for state in (initiator, responder):
        with pytest.raises(WrongTurnError, match="no handshake hash before the handshake is finished"):
            _ = state.handshake_hash
        with pytest.raises(WrongTurnError, match="split once, when it is finished"):
            state.split()


def test_after_the_end_there_is_no_message_and_only_one_split() -> None:
    initiator, responder = pair("IKpsk2")
    responder.read_message(initiator.write_message())
    initiator.read_message(responder.write_message())
    for state in (initiator, responder):
        with pytest.raises(WrongTurnError, match="finished and has no further message"):
            state.write_message()
        with pytest.raises(WrongTurnError, match="finished and has no further message"):
            state.read_message(bytes(48))
        handshake_hash = state.handshake_hash
        state.split()
        with pytest.raises(WrongTurnError, match="split once"):
            state.split()
        assert state.handshake_hash == handshake_hash


def test_the_split_drops_the_secrets_of_the_handshake() -> None:
    initiator, responder = pair("IKpsk2")
    responder.read_message(initiator.write_message())
    initiator.read_message(responder.write_message())
    initiator.split()
    assert initiator.e is None
    assert initiator.symmetric.ck == b""
    assert not initiator.symmetric.cipher_state.has_key()
    assert initiator._psks == []
    assert initiator.rs == BOB.public


@pytest.mark.parametrize("name", ["N", "K", "X"])
def test_a_one_way_pattern_leaves_only_a_cipher_for_the_initiator(name: str) -> None:
    initiator, responder = pair(name)
    assert responder.read_message(initiator.write_message(b"dear Bob")) == b"dear Bob"
    (sending,), (receiving,) = initiator.split(), responder.split()
    assert receiving.decrypt_with_ad(b"", sending.encrypt_with_ad(b"", b"postscript")) == b"postscript"


def test_an_interactive_pattern_leaves_a_cipher_for_each_direction() -> None:
    initiator, responder = pair("NN")
    responder.read_message(initiator.write_message())
    initiator.read_message(responder.write_message())
    (i_to_r, r_to_i), (from_i, to_i) = initiator.split(), responder.split()
    assert i_to_r.key == from_i.key != r_to_i.key == to_i.key
    assert from_i.decrypt_with_ad(b"ad", i_to_r.encrypt_with_ad(b"ad", b"ping")) == b"ping"
    assert r_to_i.decrypt_with_ad(b"ad", to_i.encrypt_with_ad(b"ad", b"pong")) == b"pong"


# Messages that are wrong, and change nothing


def messages(pattern: str) -> Iterator[tuple[HandshakeState, bytes]]:
    """Each reader of a handshake, just before it has read a message, with this message."""
    sides = pair(pattern)
    while not sides[0].finished:
        writer, reader = sides if sides[0].my_turn else sides[::-1]
        message = writer.write_message(b"payload")
        yield reader, message
        assert reader.read_message(message) == b"payload"
    assert sides[0].handshake_hash == sides[1].handshake_hash


ENCRYPTED_FROM_THE_START = [
    "N",
    "K",
    "X",
    "NK",
    "KK",
    "XK",
    "IK",
    "IKpsk2",
    "NNpsk0",
    "XXpsk0+psk3",
    "INpsk1",
]
"""Patterns in which even the first payload is encrypted: everything in their messages is authenticated."""


@given(st.sampled_from(ENCRYPTED_FROM_THE_START), st.data())
def test_every_single_bit_of_a_message_counts_and_a_forgery_changes_nothing(
    pattern: str, data: st.DataObject
) -> None:
    for reader, message in messages(pattern):
        bit = data.draw(st.integers(0, 8 * len(message) - 1))
        forged = bytearray(message)
        forged[bit // 8] ^= 1 << bit % 8
        before = everything(reader)
        with pytest.raises(AuthenticationError):
            reader.read_message(bytes(forged))
        assert everything(reader) == before


@given(st.sampled_from(ENCRYPTED_FROM_THE_START), st.data())
def test_a_message_cut_short_or_lengthened_changes_nothing(pattern: str, data: st.DataObject) -> None:
    for reader, message in messages(pattern):
        before = everything(reader)
        with pytest.raises((MessageTooShortError, AuthenticationError)):
            reader.read_message(message[: data.draw(st.integers(0, len(message) - 1))])
        with pytest.raises(AuthenticationError):
            reader.read_message(message + data.draw(st.binary(min_size=1, max_size=20)))
        assert everything(reader) == before


@given(st.sampled_from(list(spec.PATTERNS)), st.binary(max_size=300))
def test_no_message_whatever_raises_anything_but_a_noise_error(pattern: str, garbage: bytes) -> None:
    for reader, _ in messages(pattern):
        before = everything(reader)
        twin = reader.symmetric
        try:
            reader.read_message(garbage)
        except NoiseError:
            assert everything(reader) == before
        else:  # cleartext: any bytes are a valid message, so this conversation ends here
            assert twin is not reader.symmetric
            return


@pytest.mark.parametrize(
    ("pattern", "minima"), [("XX", [32, 32 + 48 + 16, 48 + 16]), ("IKpsk2", [32 + 48 + 16, 32 + 16])]
)
def test_a_message_without_all_its_keys_and_tags_is_too_short(pattern: str, minima: list[int]) -> None:
    for (reader, message), minimum in zip(messages(pattern), minima, strict=True):
        before = everything(reader)
        for length in range(minimum):
            with pytest.raises(MessageTooShortError):
                reader.read_message(message[:length])
        assert everything(reader) == before


def test_a_message_that_is_too_short_says_what_is_due() -> None:
    _, responder = pair("IK")
    with pytest.raises(MessageTooShortError, match="a public key of 32 bytes is due, and 31 bytes are left"):
        responder.read_message(bytes(31))


@pytest.mark.parametrize("point", [bytes(32), (1).to_bytes(32, "little")], ids=["zero", "one"])
def test_an_ephemeral_key_of_low_order_is_refused_and_changes_nothing(point: bytes) -> None:
    """Section 12.1. In WireGuard such a point never produces a session."""
    initiator, responder = pair("IKpsk2")
    message = initiator.write_message()
    before = everything(responder)
    with pytest.raises(InvalidPublicKeyError):
        responder.read_message(point + message[32:])
    assert everything(responder) == before
    responder.read_message(message)
    response = responder.write_message()
    before = everything(initiator)
    with pytest.raises(InvalidPublicKeyError):
        initiator.read_message(point + response[32:])
    assert everything(initiator) == before
    initiator.read_message(response)


def test_a_write_that_fails_changes_nothing_and_takes_a_new_ephemeral_key() -> None:
    rng = rng_of(b"\1", b"\2")
    initiator = HandshakeState(protocol("NK"), initiator=True, rs=bytes(32), rng=rng)
    before = everything(initiator)
    with pytest.raises(InvalidPublicKeyError):
        initiator.write_message()
    assert everything(initiator) == before
    initiator.rs = BOB.public
    assert initiator.write_message().startswith(public(b"\2" * 32))


def test_an_error_of_the_randomness_changes_nothing_either() -> None:
    def broken(length: int) -> bytes:
        raise OSError("no entropy")

    initiator = HandshakeState(protocol("NN"), initiator=True, rng=broken)
    before = everything(initiator)
    with pytest.raises(OSError, match="no entropy"):
        initiator.write_message()
    assert everything(initiator) == before


@given(
    st.sampled_from(["NN", "XX", "IKpsk2", "KKpsk0"]),
    st.lists(st.binary(max_size=2000), min_size=3, max_size=3),
)
def test_payloads_of_any_size_cross_in_any_message(pattern: str, payloads: list[bytes]) -> None:
    sides = pair(pattern)
    for payload in payloads:
        if not sides[0].finished:
            writer, reader = sides if sides[0].my_turn else sides[::-1]
            assert reader.read_message(writer.write_message(payload)) == payload
    assert sides[0].handshake_hash == sides[1].handshake_hash


@pytest.mark.parametrize(("pattern", "overhead"), [("NN", 32), ("IK", 96)])
def test_a_handshake_message_has_at_most_65535_bytes(pattern: str, overhead: int) -> None:
    initiator, responder = pair(pattern)
    before = everything(initiator)
    for excess in (1, 16, 17, 100000):
        with pytest.raises(MessageTooLongError):
            initiator.write_message(bytes(65535 - overhead + excess))
        assert everything(initiator) == before
    longest = initiator.write_message(bytes(65535 - overhead))
    assert len(longest) == 65535
    with pytest.raises(MessageTooLongError, match="at most 65535 bytes, not 65536"):
        responder.read_message(longest + b"x")
    assert responder.read_message(longest) == bytes(65535 - overhead)


# Fallback: section 10


def failed_ik() -> tuple[HandshakeState, bytes]:
    """Alice, who knows a static key that Bob has no more, and her first message, which he cannot read."""
    old = CURVE25519.keypair(b"\x77" * 32)
    alice = HandshakeState(
        protocol("IK"), initiator=True, prologue=b"pipe", s=ALICE, rs=old.public, rng=rng_of(b"a")
    )
    bob = HandshakeState(protocol("IK"), initiator=False, prologue=b"pipe", s=BOB, rng=rng_of(b"b"))
    message = alice.write_message(b"0-RTT")
    with pytest.raises(AuthenticationError):
        bob.read_message(message)
    return alice, message


def fallen_back(
    pattern: str, alice: HandshakeState, message: bytes, psks: list[bytes]
) -> tuple[HandshakeState, HandshakeState]:
    """Bob, who begins anew with the ephemeral key that he has read, and Alice, who answers with hers."""
    fallback = protocol(pattern)
    return (
        HandshakeState(
            fallback, initiator=True, prologue=b"pipe", s=BOB, re=message[:32], psks=psks, rng=rng_of(b"b")
        ),
        HandshakeState(fallback, initiator=False, prologue=b"pipe", s=ALICE, e=alice.e, psks=psks),
    )


@pytest.mark.parametrize("pattern", ["XXfallback", "XXfallback+psk0", "XXfallback+psk1+psk2"])
def test_noise_pipes_go_on_by_xxfallback_where_bob_cannot_read_ik(pattern: str) -> None:
    psks = spec.PSKS[: protocol(pattern).pattern.psk_count]
    bob, alice = fallen_back(pattern, *failed_ik(), psks)
    assert alice.read_message(bob.write_message(b"I have a new key")) == b"I have a new key"
    assert alice.rs == BOB.public
    assert bob.read_message(alice.write_message(b"so I see")) == b"so I see"
    assert bob.rs == ALICE.public
    assert bob.handshake_hash == alice.handshake_hash
    for sender, receiver in zip(bob.split(), alice.split(), strict=True):
        assert receiver.decrypt_with_ad(b"", sender.encrypt_with_ad(b"", b"data")) == b"data"


def test_after_a_fallback_to_a_single_message_both_parties_send() -> None:
    """NNfallback has one message, and is no one-way pattern for that."""
    alice, message = failed_ik()
    bob = HandshakeState(protocol("NNfallback"), initiator=True, re=message[:32], rng=rng_of(b"b"))
    answered = HandshakeState(protocol("NNfallback"), initiator=False, e=alice.e)
    answered.read_message(bob.write_message())
    assert len(bob.split()) == len(answered.split()) == 2


def test_the_ephemeral_key_of_a_pre_message_goes_into_the_keys_where_there_is_a_psk() -> None:
    """Section 9.2, "in a pre-message or a message": the first message of XXfallback+psk0, token by token."""
    alice, message = failed_ik()
    bob, _ = fallen_back("XXfallback+psk0", alice, message, [PSK])
    chacha, blake = bob.protocol.cipher, bob.protocol.hash
    state = SymmetricState(b"Noise_XXfallback+psk0_25519_ChaChaPoly_BLAKE2s", chacha, blake)
    e = CURVE25519.keypair(b"b" * 32)
    state.mix_hash(b"pipe")
    for public_key in (message[:32], None, e.public):
        if public_key is None:
            state.mix_key_and_hash(PSK)
        else:
            state.mix_hash(public_key)
            state.mix_key(public_key)
    state.mix_key(e.dh(message[:32]))
    expected = e.public + state.encrypt_and_hash(BOB.public)
    state.mix_key(BOB.dh(message[:32]))
    assert bob.write_message(b"hello") == expected + state.encrypt_and_hash(b"hello")


@pytest.mark.parametrize(("initiator", "missing"), [(True, "re"), (False, "e")])
def test_xxfallback_needs_the_ephemeral_key_of_the_message_that_failed(initiator: bool, missing: str) -> None:
    with pytest.raises(MissingKeyError, match=f"XXfallback needs {missing} before the handshake"):
        HandshakeState(protocol("XXfallback"), initiator=initiator, s=BOB, rng=rng_of(b"b"))
