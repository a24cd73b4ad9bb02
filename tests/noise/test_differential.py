"""Every supported protocol name against two independent implementations, in both roles, byte for byte."""

import pytest

from tests.noise import spec
from tests.noise.peers import Dissononce, Noiseprotocol, Ours, Peer

PAYLOADS = (b"first", b"", b"third " * 20, b"fourth")


def converse(initiator: Peer, responder: Peer) -> list[bytes]:
    """A handshake and transport messages, with rekeys. Returns what crossed the wire, and both hashes."""
    wire = []
    sides = [initiator, responder]
    for payload in PAYLOADS:
        wire.append(sides[0].write(payload))
        assert sides[1].read(wire[-1]) == payload
        sides.reverse()
        if initiator.finished:
            break
    assert initiator.finished
    assert responder.finished
    wire += [initiator.handshake_hash(), responder.handshake_hash()]
    directions = (
        [(initiator, responder)] if initiator.one_way else [(initiator, responder), (responder, initiator)]
    )
    for sender, receiver in directions:
        for payload in PAYLOADS:
            wire.append(sender.send(payload))
            assert receiver.receive(wire[-1]) == payload
            sender.rekey(sending=True)
            receiver.rekey(sending=False)
    return wire


@pytest.mark.parametrize("independent", [Noiseprotocol, Dissononce])
@pytest.mark.parametrize(
    ("pattern", "positions", "number"),
    [
        pytest.param(*case, number, id=spec.with_modifiers(*case))
        for number, case in enumerate([*spec.EVERY_PATTERN, *((name, ()) for name in spec.FALLBACKS)])
    ],
)
def test_both_roles_speak_the_same_bytes_as_an_independent_implementation(
    pattern: str, positions: tuple[int, ...], number: int, independent: type[Peer]
) -> None:
    """Each pattern in one of the sixteen suites in turn, the fundamental ones in all of 25519 besides.

    Where there is a psk, neither of the two mixes the ephemeral key of a pre-message into the keys, as
    section 9.2 has it: fallback with psk is in test_handshakestate.py.
    """
    suites = (spec.SUITES + spec.SUITES_448)[number % 16 :: 16]
    for suite in {*suites, *spec.SUITES} if pattern in spec.FUNDAMENTAL else suites:
        case = pattern, positions, suite
        as_initiator = converse(Ours(*case, True), independent(*case, False))
        as_responder = converse(independent(*case, True), Ours(*case, False))
        assert as_initiator == as_responder
        handshake_hashes = as_initiator[len(spec.SPOKEN[pattern][2]) :][:2]
        assert handshake_hashes[0] == handshake_hashes[1]


def test_the_names_are_thirty_eight_patterns_with_all_psks_in_sixteen_suites() -> None:
    assert len(spec.FUNDAMENTAL) == 3 + 12
    assert len(spec.DEFERRED) == 23
    assert len(spec.SUITES) == len(spec.SUITES_448) == 2 * 4
    # A one-way pattern has 2 places for a psk, one of two messages 3, of three 4, of four 5: any or none.
    fundamental = 3 * 2**2 + 9 * 2**3 + 3 * 2**4
    assert len(spec.EVERY_PATTERN) == fundamental + 3 * 2**3 + 15 * 2**4 + 5 * 2**5
    # Those of the interactive patterns that do not begin with a DH.
    assert len(spec.FALLBACKS) == 28
