"""Makes ``vectors.json`` for the noise room: ``python -m tests.noise.make_vectors > vectors.json``.

The bytes come from two independent implementations talking to each other, ``noiseprotocol`` as initiator and
``dissononce`` as responder; ours has no part in them.
"""

import json

from tests.noise import spec
from tests.noise.peers import PROLOGUE, Dissononce, Noiseprotocol, Peer

PAYLOADS = ["Gordian Knot", "", "the third", "Alexander", "a sword", "the end"]

CASES: list[tuple[str, tuple[int, ...]]] = [(name, ()) for name in spec.PATTERNS] + [
    ("K", (0,)),
    ("X", (1,)),
    ("IK", (2,)),
    ("NN", (0, 2)),
    ("XX", (0, 3)),
    ("KN", (0, 1, 2)),
]


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


def conversation(initiator: Peer, responder: Peer) -> list[dict[str, str]]:
    messages = []
    writer, reader = initiator, responder
    for payload in (text.encode() for text in PAYLOADS):
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


def document() -> str:
    """The whole file: each case in one of the eight suites, in turn."""
    vectors = [
        vector(pattern, positions, spec.SUITES[number % len(spec.SUITES)])
        for number, (pattern, positions) in enumerate(CASES)
    ]
    return json.dumps({"vectors": vectors}, indent=1) + "\n"


if __name__ == "__main__":
    print(document(), end="")
