"""Every supported protocol name against two independent implementations, in both roles, byte for byte."""

import pytest

from tests.noise import spec
from tests.noise.peers import Dissononce, Noiseprotocol, Ours, Peer

PAYLOADS = (b"first", b"", b"third " * 20)


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
    ("pattern", "positions"),
    [pytest.param(*case, id=spec.with_modifiers(*case)) for case in spec.EVERY_PATTERN],
)
def test_both_roles_speak_the_same_bytes_as_an_independent_implementation(
    pattern: str, positions: tuple[int, ...], independent: type[Peer]
) -> None:
    for suite in spec.SUITES:
        case = pattern, positions, suite
        as_initiator = converse(Ours(*case, True), independent(*case, False))
        as_responder = converse(independent(*case, True), Ours(*case, False))
        assert as_initiator == as_responder
        handshake_hashes = as_initiator[len(spec.PATTERNS[pattern][2]) :][:2]
        assert handshake_hashes[0] == handshake_hashes[1]


def test_the_names_are_fifteen_patterns_with_all_psks_in_eight_suites() -> None:
    assert len(spec.PATTERNS) == 15
    assert len(spec.SUITES) == 2 * 4
    # A one-way pattern has 2 places for a psk, one of two messages 3, one of three 4: any of them or none.
    assert len(spec.EVERY_PATTERN) == 3 * 2**2 + 9 * 2**3 + 3 * 2**4
