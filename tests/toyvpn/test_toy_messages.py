"""The four kinds of datagram, as the sample's two programs send and read them."""

import pytest

from glasstunnel.toyvpn.messages import Handshake, Kind, MessageError, goodbye, kind_of, parse_handshake

TOKEN = bytes(range(16))


def test_a_handshake_is_zero_and_the_secret() -> None:
    assert Handshake(b"test").build() == b"\0test"


def test_our_token_stands_behind_a_second_nul_where_the_sample_does_not_look() -> None:
    assert Handshake(b"test", TOKEN).build() == b"\0test\0" + TOKEN


@pytest.mark.parametrize(
    ("datagram", "said"),
    [
        (b"\0test", Handshake(b"test")),
        (b"\0test\0", Handshake(b"test")),
        (b"\0test\0anything", Handshake(b"test")),
        (b"\0test\0" + TOKEN, Handshake(b"test", TOKEN)),
        (b"\0\0" + TOKEN, Handshake(b"", TOKEN)),
        (b"\0" + b"s" * 1022, Handshake(b"s" * 1022)),
        (b"\0" + b"s" * 1023, None),
        (b"\0", None),
        (b"", None),
        (b"Etest", None),
    ],
)
def test_the_secret_ends_at_the_first_nul(datagram: bytes, said: Handshake | None) -> None:
    assert parse_handshake(datagram) == said


@pytest.mark.parametrize(
    ("handshake", "said"),
    [
        (Handshake(b"te\0st"), "secret: expected no NUL byte"),
        (Handshake(b"s" * 1023), "secret: expected at most 1022 bytes, got 1023"),
        (Handshake(b"s" * 1023, TOKEN), "secret: expected at most 1005 bytes, got 1023"),
        (Handshake(b"test", b"short"), "token: expected 16 bytes or none, got 5"),
    ],
)
def test_what_cannot_be_said_is_refused_in_one_sentence(handshake: Handshake, said: str) -> None:
    with pytest.raises(MessageError, match=said):
        handshake.build()


def test_a_goodbye_has_an_empty_secret() -> None:
    assert goodbye(TOKEN) == b"\0\0" + TOKEN


def test_the_first_byte_tells_what_a_datagram_is() -> None:
    assert [kind_of(one) for one in (b"", b"\0", b"\0test", b"E", b"anything")] == [
        Kind.EMPTY,
        Kind.CONTROL,
        Kind.CONTROL,
        Kind.DATA,
        Kind.DATA,
    ]
