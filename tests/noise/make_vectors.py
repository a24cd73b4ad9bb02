"""Makes ``vectors.json`` for the noise room: ``python -m tests.noise.make_vectors > vectors.json``.

The bytes come from two independent implementations talking to each other, ``noiseprotocol`` as initiator and
``dissononce`` as responder; ours has no part in them.
"""

import json
from collections.abc import Sequence
from typing import cast

import pytest
from dissononce.exceptions.decrypt import DecryptFailedException

from tests.noise import spec
from tests.noise.peers import PROLOGUE, Dissononce, Noiseprotocol, Peer, public

PAYLOADS = ["Gordian Knot", "", "the third", "Alexander", "a sword", "the end"]

CASES: list[tuple[str, tuple[int, ...]]] = [
    *((name, ()) for name in spec.FUNDAMENTAL),
    ("K", (0,)),
    ("X", (1,)),
    ("IK", (2,)),
    ("NN", (0, 2)),
    ("XX", (0, 3)),
    ("KN", (0, 1, 2)),
    *((name, ()) for name in spec.DEFERRED),
    ("X1X1", (0, 2, 4)),
]
CASES_448: list[tuple[str, tuple[int, ...]]] = [("X", ()), ("IK", (2,)), ("XX", ()), ("I1X1", (1,))]


def keys(peer: Peer, role: str) -> dict[str, object]:
    fields: dict[str, object] = {f"{role}_prologue": PROLOGUE.hex()}
    if peer.psks:
        fields[f"{role}_psks"] = [psk.hex() for psk in peer.psks]
    if peer.s:
        fields[f"{role}_static"] = peer.s.hex()
    if peer.initiator or not peer.one_way:
        fields[f"{role}_ephemeral"] = peer.e.hex()
    if peer.rs:
        fields[f"{role}_remote_static"] = peer.rs.hex()
    return fields


def conversation(
    initiator: Peer, responder: Peer, payloads: Sequence[str] = PAYLOADS
) -> list[dict[str, str]]:
    messages = []
    writer, reader = initiator, responder
    for payload in (text.encode() for text in payloads):
        finished = initiator.finished
        ciphertext = writer.send(payload) if finished else writer.write(payload)
        assert (reader.receive(ciphertext) if finished else reader.read(ciphertext)) == payload
        messages.append({"payload": payload.hex(), "ciphertext": ciphertext.hex()})
        if not initiator.one_way:
            writer, reader = reader, writer
    return messages


def vector(pattern: str, positions: tuple[int, ...], suite: str) -> dict[str, object]:
    initiator = Noiseprotocol(pattern, positions, suite, True)
    responder = Dissononce(pattern, positions, suite, False)
    messages = conversation(initiator, responder)
    assert initiator.handshake_hash() == responder.handshake_hash()
    return {
        "protocol_name": initiator.name,
        **keys(initiator, "init"),
        **keys(responder, "resp"),
        "handshake_hash": initiator.handshake_hash().hex(),
        "messages": messages,
    }


def pipe(suite: str, fallback_pattern: str) -> dict[str, object]:
    """Section 10.4: Alice speaks IK to a static key that Bob does not have, and both fall back.

    A vector of the shared format is named after the protocol of the first message.
    """
    alice = Noiseprotocol("IK", (), suite, True)
    bob = Dissononce("IK", (), suite, False)
    stranger = spec.private(spec.PSKS[0], suite)
    alice.rs = public(stranger)
    alice.start()
    first = alice.write(PAYLOADS[0].encode())
    with pytest.raises(DecryptFailedException):
        bob.read(first)
    roles = Noiseprotocol(fallback_pattern, (), suite, False), Dissononce(fallback_pattern, (), suite, True)
    for role, keys_of in zip(roles, (alice, bob), strict=True):
        role.s, role.e = keys_of.s, keys_of.e
    alice_again, bob_again = roles
    bob_again.re = public(alice.e)
    alice_again.start()
    bob_again.start()
    rest = conversation(bob_again, alice_again, PAYLOADS[1:])
    assert alice_again.handshake_hash() == bob_again.handshake_hash()
    return {
        "protocol_name": alice.name,
        "fallback": True,
        "fallback_pattern": fallback_pattern,
        **keys(alice, "init"),
        **keys(bob, "resp"),
        "handshake_hash": alice_again.handshake_hash().hex(),
        "messages": [{"payload": PAYLOADS[0].encode().hex(), "ciphertext": first.hex()}, *rest],
    }


def failure(suite: str) -> dict[str, object]:
    """A conversation of which the third message has been changed under way."""
    result = vector("XX", (), suite)
    messages = cast("list[dict[str, str]]", result["messages"])
    changed = bytearray.fromhex(messages[2]["ciphertext"])
    changed[-1] ^= 1
    messages[2]["ciphertext"] = changed.hex()
    del messages[3:]
    return {**result, "fail": True}


def document() -> str:
    """The whole file: each case in one of the eight suites, in turn."""
    vectors = [
        *(
            vector(pattern, positions, suites[number % len(suites)])
            for cases, suites in ((CASES, spec.SUITES), (CASES_448, spec.SUITES_448))
            for number, (pattern, positions) in enumerate(cases)
        ),
        pipe(spec.SUITES[2], "XXfallback"),
        pipe(spec.SUITES_448[5], "XXfallback"),
        pipe(spec.SUITES[7], "NX1fallback"),
        failure(spec.SUITES[2]),
    ]
    return json.dumps({"vectors": vectors}, indent=1) + "\n"


if __name__ == "__main__":
    print(document(), end="")
