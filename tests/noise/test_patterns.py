"""Handshake patterns and protocol names: sections 7, 8 and 9 restated."""

import pytest

from glasstunnel.noise import (
    PATTERNS,
    HandshakePattern,
    InvalidPatternError,
    MessagePattern,
    Protocol,
    UnsupportedProtocolError,
    parse_pattern,
)
from tests.noise import spec


def test_there_are_three_one_way_twelve_interactive_and_twenty_three_deferred_patterns() -> None:
    assert list(PATTERNS) == list(spec.PATTERNS)
    assert len(PATTERNS) == 3 + 12 + 23
    assert [name for name, pattern in PATTERNS.items() if pattern.one_way] == ["N", "K", "X"]


@pytest.mark.parametrize("name", spec.PATTERNS)
def test_each_pattern_has_the_lines_of_the_specification(name: str) -> None:
    pattern = PATTERNS[name]
    initiator_before, responder_before, messages = spec.PATTERNS[name]
    before = [(line.from_initiator, " ".join(line.tokens)) for line in pattern.pre_messages]
    assert before == [pair for pair in ((True, initiator_before), (False, responder_before)) if pair[1]]
    lines = [(line.from_initiator, " ".join(line.tokens)) for line in pattern.messages]
    assert lines == [(number % 2 == 0, tokens) for number, tokens in enumerate(messages)]


@pytest.mark.parametrize(("name", "positions"), spec.EVERY_PATTERN)
def test_psk_modifiers_put_their_tokens_where_section_9_4_says(name: str, positions: tuple[int, ...]) -> None:
    """Section 9.4: any of them can be applied safely to any of the patterns, so none is refused."""
    section = spec.with_modifiers(name, positions)
    pattern = Protocol.parse(f"Noise_{section}_25519_AESGCM_SHA256").pattern
    assert [list(line.tokens) for line in pattern.messages] == spec.tokens_with_psk(name, positions)
    assert pattern.name == section
    assert pattern.psk_count == len(positions)
    assert pattern.pre_messages == PATTERNS[name].pre_messages


@pytest.mark.parametrize(
    ("name", "lines"),
    [  # from the tables of section 9.4
        ("Npsk0", ["psk e es"]),
        ("Kpsk0", ["psk e es ss"]),
        ("Xpsk1", ["e es s ss psk"]),
        ("NNpsk2", ["e", "e ee psk"]),
        ("NKpsk0", ["psk e es", "e ee"]),
        ("NXpsk2", ["e", "e ee s es psk"]),
        ("XNpsk3", ["e", "e ee", "s se psk"]),
        ("XXpsk3", ["e", "e ee s es", "s se psk"]),
        ("KKpsk0", ["psk e es ss", "e ee se"]),
        ("INpsk1", ["e s psk", "e ee se"]),
        ("IKpsk1", ["e es s ss psk", "e ee se"]),
        ("IKpsk2", ["e es s ss", "e ee se psk"]),
        ("IXpsk2", ["e s", "e ee se s es psk"]),
    ],
)
def test_the_recommended_psk_patterns_are_those_of_the_tables(name: str, lines: list[str]) -> None:
    pattern = Protocol.parse(f"Noise_{name}_25519_AESGCM_SHA256").pattern
    assert [" ".join(line.tokens) for line in pattern.messages] == lines


@pytest.mark.parametrize(("name", "positions"), spec.EVERY_PATTERN)
def test_the_written_form_of_a_pattern_parses_to_the_same_pattern(
    name: str, positions: tuple[int, ...]
) -> None:
    section = spec.with_modifiers(name, positions)
    pattern = Protocol.parse(f"Noise_{section}_25519_AESGCM_SHA256").pattern
    assert parse_pattern(str(pattern)) == pattern


def test_the_written_form_is_that_of_the_specification() -> None:
    assert str(PATTERNS["IK"]) == "IK:\n  <- s\n  ...\n  -> e, es, s, ss\n  <- e, ee, se"
    assert str(PATTERNS["XX"]) == "XX:\n  -> e\n  <- e, ee, s, es\n  -> s, se"


@pytest.mark.parametrize("name", spec.PATTERNS)
def test_each_party_needs_the_keys_that_its_letters_tell(name: str) -> None:
    required = PATTERNS[name].required_keys
    for initiator in (True, False):
        expected = zip(("s", "rs"), spec.needs(name, initiator), strict=True)
        assert required[initiator] == {key for key, needed in expected if needed}
    assert PATTERNS[name].sends_ephemeral == {True: True, False: len(name) > 1}


@pytest.mark.parametrize("name", spec.DEFERRED)
def test_a_deferred_pattern_does_the_same_dhs_later_than_the_fundamental_one(name: str) -> None:
    """Section 7.6: a 1 moves the DH that authenticates a party to a later message; ss is left out then."""
    fundamental = PATTERNS[name.replace("1", "")]

    def place(pattern: HandshakePattern, token: str) -> int:
        return next(number for number, line in enumerate(pattern.messages) if token in line.tokens)

    for token, deferred in (("se", name[1] == "1"), ("es", name.endswith("1"))):
        if any(token in line.tokens for line in fundamental.messages):
            assert (place(PATTERNS[name], token) > place(fundamental, token)) == deferred
    assert not any("ss" in line.tokens for line in PATTERNS[name].messages)


def test_xxfallback_is_that_of_section_10_2_seen_from_bob() -> None:
    pattern = Protocol.parse("Noise_XXfallback_25519_AESGCM_SHA256").pattern
    assert pattern == parse_pattern("XXfallback:\n <- e\n ...\n -> e, ee, s, se\n <- s, es")
    assert pattern.required_keys == {True: {"s", "re"}, False: {"s", "e"}}
    assert pattern.sends_ephemeral == {True: True, False: False}


@pytest.mark.parametrize("name", spec.FALLBACKS)
def test_fallback_makes_a_pre_message_of_alices_first_message(name: str) -> None:
    pattern = Protocol.parse(f"Noise_{name}_25519_AESGCM_SHA256").pattern
    bob, alice, messages = spec.FALLBACKS[name]
    before = [(line.from_initiator, " ".join(line.tokens)) for line in pattern.pre_messages]
    assert before == [pair for pair in ((True, bob), (False, alice)) if pair[1]]
    lines = [(line.from_initiator, " ".join(line.tokens)) for line in pattern.messages]
    assert lines == [(number % 2 == 0, tokens) for number, tokens in enumerate(messages)]
    assert not pattern.one_way
    assert parse_pattern(str(pattern)) == pattern


@pytest.mark.parametrize("name", [name for name in spec.PATTERNS if f"{name}fallback" not in spec.FALLBACKS])
def test_fallback_does_not_fit_a_pattern_that_begins_with_a_dh(name: str) -> None:
    with pytest.raises(
        InvalidPatternError, match=f"fallback does not fit {name}: its first message is to be"
    ):
        Protocol.parse(f"Noise_{name}fallback_25519_AESGCM_SHA256")


def test_fallback_does_not_fit_a_pattern_of_one_message() -> None:
    with pytest.raises(InvalidPatternError, match="with another one after it, unlike '-> e'"):
        parse_pattern("P:\n -> e").with_fallback()


@pytest.mark.parametrize(
    ("section", "lines"),
    [  # section 8.1: the order of psk and fallback makes a difference
        ("XXfallback+psk0", ["psk e ee s se", "s es"]),
        ("XXfallback+psk0+psk2", ["psk e ee s se", "s es psk"]),
        ("XXpsk2+fallback", ["e ee s se psk", "s es"]),
        ("XXpsk3+fallback+psk0", ["psk e ee s se", "s es psk"]),
        ("NX1fallback+psk1", ["e ee s psk", "se"]),
    ],
)
def test_modifiers_are_applied_from_left_to_right(section: str, lines: list[str]) -> None:
    pattern = Protocol.parse(f"Noise_{section}_25519_AESGCM_SHA256").pattern
    assert [" ".join(line.tokens) for line in pattern.messages] == lines
    assert pattern.name == section


@pytest.mark.parametrize("section", ["XXpsk0+fallback", "XXfallback+fallback", "IKpsk2+fallback"])
def test_fallback_fits_only_while_the_first_message_is_public_keys(section: str) -> None:
    with pytest.raises(InvalidPatternError, match="fallback does not fit"):
        Protocol.parse(f"Noise_{section}_25519_AESGCM_SHA256")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "begins with its name and a colon, as in 'XX:', not with ''"),
        ("XX\n -> e", "not with 'XX'"),
        ("xx:\n -> e", "not with 'xx:'"),
        ("XX:\n e, s", "a message begins with '-> ' or '<- ', unlike 'e, s'"),
        ("XX:\n ->e", "unlike '->e'"),
        ("XX:\n -> e, ex", "'-> e, ex': 'ex' is not one of the tokens e, s, ee, es, se, ss, psk"),
        ("XX:\n ->", "'->': '' is not one of the tokens"),
        ("XX:\n -> e,", "'' is not one of the tokens"),
        ("XX:\n -> s\n ...\n ...\n -> e", "unlike '...'"),
        ("XX:", "XX: there is no message"),
        ("XX:\n <- s\n ...", "XX: there is no message"),
    ],
)
def test_what_is_not_the_written_form_of_a_pattern_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(InvalidPatternError, match=complaint):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        # Section 7.1: pre-messages
        ("<- s; -> s; ...; -> e", "at most one pre-message, the initiator's first"),
        ("-> s; -> e; ...; -> e", "at most one pre-message"),
        ("-> s, e; ...; -> ee", "a pre-message is 'e', 's' or 'e, s', unlike '-> s, e'"),
        ("-> psk; ...; -> e", "unlike '-> psk'"),
        # Section 7.1: turns
        ("<- e", "the parties take turns, and the initiator begins"),
        ("-> e; -> s", "the parties take turns"),
        # Section 7.3, rule 1: only keys that both parties have
        ("-> e, ee; <- e", "'ee' needs a public key that has not been sent"),
        ("-> e, es; <- e, ee", "'es' needs a public key"),
        ("<- s; ...; -> e, es, ss; <- e, ee", "'ss' needs a public key"),
        ("-> e; <- e, ee, se", "'se' needs a public key"),
        # Section 7.3, rule 2: no key twice
        ("-> e; <- e, ee; -> e", "'-> e' stands twice"),
        ("-> s; ...; -> e, s; <- e, ee, se", "'-> s' stands twice"),
        # Section 7.3, rule 3: no DH twice
        ("-> e; <- e, ee, ee", "'ee' stands twice"),
        # Section 7.3, rule 4: an own ephemeral key before encryption
        ("-> e; <- s, es", "nothing is encrypted after 'es' before 'ee'"),
        ("-> e; <- e; -> s, se", "nothing is encrypted after 'se' before 'ee'"),
        ("-> e, s; <- e, se; -> ee", None),
        ("-> s; <- s; ...; -> ss", "nothing is encrypted after 'ss' before 'es'"),
        ("-> s; <- s; ...; -> e, es, ss; <- e, ee", "nothing is encrypted after 'ss' before 'se'"),
        ("-> e; <- s, es, e, ee", None),
        ("<- s; ...; -> e, es, s; <- e", "nothing is encrypted after 'es' before 'ee'"),
        # … and after the handshake come transport messages of both parties
        ("-> e; <- e, ee, s; -> es", None),
        ("-> e; <- s; -> es", "nothing is encrypted after 'es' before 'ee'"),
        ("-> e, s; <- e, se", "nothing is encrypted after 'se' before 'ee'"),
        # Section 9.3: an own ephemeral key after or before a psk
        ("-> psk; <- e", "nothing is encrypted after 'psk' before '-> e'"),
        ("-> psk, e; <- s", "nothing is encrypted after 'psk' before '<- e'"),
        ("-> psk, e; <- e, ee", None),
        ("-> psk, s, e; <- e, ee, se", "nothing is encrypted after 'psk' before '-> e'"),  # s is encrypted
    ],
)
def test_a_pattern_that_breaks_a_validity_rule_is_refused(lines: str, complaint: str | None) -> None:
    text = "P:\n" + lines.replace("; ", "\n")
    if complaint is None:
        assert str(parse_pattern(text)).replace("\n  ", "; ") == "P:; " + lines
    else:
        with pytest.raises(InvalidPatternError, match=complaint):
            parse_pattern(text)


def test_a_one_way_pattern_says_nothing_about_what_the_responder_may_encrypt() -> None:
    """N has no 'ee', and in any other pattern the responder could not answer after 'es' (section 7.4)."""
    assert parse_pattern("N:\n <- s\n ...\n -> e, es") == PATTERNS["N"]
    with pytest.raises(InvalidPatternError, match="after 'es' before 'ee'"):
        parse_pattern("NK:\n <- s\n ...\n -> e, es\n <- e")


def test_a_pattern_put_together_by_hand_is_checked_too() -> None:
    with pytest.raises(InvalidPatternError, match="'ee' needs a public key"):
        HandshakePattern("P", (), (MessagePattern(True, ("ee",)),))


def test_a_protocol_name_is_taken_apart() -> None:
    protocol = Protocol.parse("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
    assert protocol.name == "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
    assert str(protocol.pattern) == "IKpsk2:\n  <- s\n  ...\n  -> e, es, s, ss\n  <- e, ee, se, psk"
    assert (protocol.dh.name, protocol.dh.dhlen) == ("25519", 32)
    assert protocol.cipher.name == "ChaChaPoly"
    assert (protocol.hash.name, protocol.hash.hashlen, protocol.hash.blocklen) == ("BLAKE2s", 32, 64)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "'' is not of the form Noise_XX_25519_ChaChaPoly_BLAKE2s"),
        ("XX_25519_AESGCM_SHA256", "is not of the form"),
        ("NoisePSK_XX_25519_AESGCM_SHA256", "is not of the form"),
        ("Noise_XX_25519_AESGCM", "is not of the form"),
        ("Noise_XX_25519_AESGCM_SHA256_more", "is not of the form"),
        ("Noise_XX_41417_AESGCM_SHA256", "DH functions '41417' are not among 25519, 448"),
        ("Noise_XX_25519+448_AESGCM_SHA256", "DH functions '25519[+]448'"),
        ("Noise_XX_25519_aesgcm_SHA256", "cipher functions 'aesgcm' are not among ChaChaPoly, AESGCM"),
        (
            "Noise_XX_25519_AESGCM_SHA3/256",
            "hash functions 'SHA3/256' are not among SHA256, SHA512, BLAKE2s, BLAKE2b",
        ),
        ("Noise_XX2_25519_AESGCM_SHA256", "there is no handshake pattern 'XX2'"),
        ("Noise_N1_25519_AESGCM_SHA256", "there is no handshake pattern 'N1'"),
        ("Noise_xx_25519_AESGCM_SHA256", "there is no handshake pattern 'xx'"),
        ("Noise__25519_AESGCM_SHA256", "there is no handshake pattern ''"),
        ("Noise_XX+psk0_25519_AESGCM_SHA256", "there is no handshake pattern"),
        ("Noise_XXhfs_25519_AESGCM_SHA256", "XXhfs: there is no pattern modifier 'hfs'"),
        ("Noise_XXpsk_25519_AESGCM_SHA256", "there is no pattern modifier 'psk'"),
        ("Noise_XXpsk00_25519_AESGCM_SHA256", "there is no pattern modifier 'psk00'"),
        ("Noise_XXpsk0+_25519_AESGCM_SHA256", "XXpsk0[+]: there is no pattern modifier ''"),
        ("Noise_XXpsk3+psk0_25519_AESGCM_SHA256", "the psk modifiers are not sorted"),
        ("Noise_XXpsk0+psk0_25519_AESGCM_SHA256", "the psk modifiers are not sorted, or one is repeated"),
    ],
)
def test_a_name_that_means_nothing_here_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(UnsupportedProtocolError, match=complaint):
        Protocol.parse(name)


def test_a_protocol_name_has_at_most_255_bytes() -> None:
    """Section 8."""
    with pytest.raises(UnsupportedProtocolError, match="is not of the form"):
        Protocol.parse("Noise_XXpsk0" + "+psk1" * 50 + "_25519_AESGCM_SHA256")


@pytest.mark.parametrize("name", spec.PATTERNS)
def test_a_psk_after_the_last_message_fits_and_one_beyond_does_not(name: str) -> None:
    count = len(spec.PATTERNS[name][2])
    assert PATTERNS[name].with_psk(count).psk_count == 1
    with pytest.raises(InvalidPatternError, match=f"psk{count + 1} does not fit {name}"):
        Protocol.parse(f"Noise_{name}psk{count + 1}_25519_AESGCM_SHA256")
