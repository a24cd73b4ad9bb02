"""The drawings of the Noise part say what a handshake does."""

import pytest

import noise_drawings
from glasstunnel.noise import CURVE25519, PATTERNS, HandshakeState, Protocol
from glasstunnel.noise.protocol import parse_pattern_section

ALICE, BOB = (CURVE25519.keypair(bytes([byte]) * 32) for byte in (0x11, 0x33))
SECTIONS = [*PATTERNS, "Npsk0", "NNpsk0", "XXpsk0+psk3", "IKpsk1", "IKpsk2"]


def party(protocol: Protocol, *, initiator: bool) -> HandshakeState:
    """One side, with the keys that its pattern needs."""
    ours, theirs = (ALICE, BOB) if initiator else (BOB, ALICE)
    needed = protocol.pattern.required_keys[initiator]
    return HandshakeState(
        protocol,
        initiator=initiator,
        s=ours if "s" in needed else None,
        rs=theirs.public if "rs" in needed else None,
        psks=[bytes(32)] * protocol.pattern.psk_count,
        rng=lambda length: b"\x22" * length,
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_the_messages_are_drawn_as_long_as_they_are(section: str) -> None:
    protocol = Protocol.parse(f"Noise_{section}_25519_ChaChaPoly_BLAKE2s")
    payloads = [12, 0, 5, 3][: len(protocol.pattern.messages)]
    writer, reader = party(protocol, initiator=True), party(protocol, initiator=False)
    lengths = []
    for payload in payloads:
        message = writer.write_message(bytes(payload))
        assert reader.read_message(message) == bytes(payload)
        lengths.append(len(message))
        writer, reader = reader, writer
    drawn = noise_drawings.messages(protocol.pattern, payloads)
    assert [sum(field.length for field in fields) for fields in drawn] == lengths


def test_a_field_is_drawn_as_encrypted_with_the_secrets_before_it() -> None:
    (e, s, first), (_, second) = noise_drawings.messages(parse_pattern_section("IKpsk2"), [12, 0])
    assert (e.encrypted, s.encrypted, first.encrypted, second.encrypted) == (False, True, True, True)
    assert s.secrets == ("es",)
    assert first.secrets == ("es", "ss")
    assert second.secrets == ("es", "ss", "ee", "se", "psk")
    ((_, clear),) = noise_drawings.messages(PATTERNS["NN"], [3, 0])[:1]
    assert (clear.length, clear.encrypted) == (3, False)


def test_the_strands_of_ikpsk2_take_in_its_tokens_in_order() -> None:
    words = noise_drawings.Strands(parse_pattern_section("IKpsk2")).drawing().words.split("；")
    encrypted = "以 k 加密，以 h 为关联数据，密文进入 h"
    assert words[:-1] == [
        "协议名 进入 ck 与 h",
        "前言 进入 h",
        "<- s 进入 h",
        "第一条消息，→ 发起方写",
        "e 进入 ck 与 h",
        "es 进入 ck",
        f"s {encrypted}",
        "ss 进入 ck",
        f"载荷 {encrypted}",
        "第二条消息，← 响应方写",
        "e 进入 ck 与 h",
        "ee 进入 ck",
        "se 进入 ck",
        "psk 进入 ck 与 h",
        f"载荷 {encrypted}",
    ]


def test_before_there_is_a_key_nothing_is_drawn_as_encrypted() -> None:
    drawing = noise_drawings.Strands(PATTERNS["NN"]).drawing()
    assert "第一条消息，→ 发起方写；e 进入 h；载荷 进入 h；" in drawing.words
    assert drawing.inline().count(">AEAD<") == 1
