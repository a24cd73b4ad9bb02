"""The noise room's helper: what the specification writes, restated, and the keys that the tests use.

Nothing here is taken from ``glasstunnel.noise``: the tests check against revision 34, not against the code.
"""

from itertools import chain, combinations

# Sections 7.4 and 7.5: pre-messages of the initiator, of the responder, and the message lines.
PATTERNS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "N": ("", "s", ("e es",)),
    "K": ("s", "s", ("e es ss",)),
    "X": ("", "s", ("e es s ss",)),
    "NN": ("", "", ("e", "e ee")),
    "KN": ("s", "", ("e", "e ee se")),
    "NK": ("", "s", ("e es", "e ee")),
    "KK": ("s", "s", ("e es ss", "e ee se")),
    "NX": ("", "", ("e", "e ee s es")),
    "KX": ("s", "", ("e", "e ee se s es")),
    "XN": ("", "", ("e", "e ee", "s se")),
    "IN": ("", "", ("e s", "e ee se")),
    "XK": ("", "s", ("e es", "e ee", "s se")),
    "IK": ("", "s", ("e es s ss", "e ee se")),
    "XX": ("", "", ("e", "e ee s es", "s se")),
    "IX": ("", "", ("e s", "e ee se s es")),
}
FUNDAMENTAL = tuple(PATTERNS)

# Appendix 18.1.
DEFERRED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "NK1": ("", "s", ("e", "e ee es")),
    "NX1": ("", "", ("e", "e ee s", "es")),
    "X1N": ("", "", ("e", "e ee", "s", "se")),
    "X1K": ("", "s", ("e es", "e ee", "s", "se")),
    "XK1": ("", "s", ("e", "e ee es", "s se")),
    "X1K1": ("", "s", ("e", "e ee es", "s", "se")),
    "X1X": ("", "", ("e", "e ee s es", "s", "se")),
    "XX1": ("", "", ("e", "e ee s", "es s se")),
    "X1X1": ("", "", ("e", "e ee s", "es s", "se")),
    "K1N": ("s", "", ("e", "e ee", "se")),
    "K1K": ("s", "s", ("e es", "e ee", "se")),
    "KK1": ("s", "s", ("e", "e ee se es")),
    "K1K1": ("s", "s", ("e", "e ee es", "se")),
    "K1X": ("s", "", ("e", "e ee s es", "se")),
    "KX1": ("s", "", ("e", "e ee se s", "es")),
    "K1X1": ("s", "", ("e", "e ee s", "se es")),
    "I1N": ("", "", ("e s", "e ee", "se")),
    "I1K": ("", "s", ("e es s", "e ee", "se")),
    "IK1": ("", "s", ("e s", "e ee se es")),
    "I1K1": ("", "s", ("e s", "e ee es", "se")),
    "I1X": ("", "", ("e s", "e ee s es", "se")),
    "IX1": ("", "", ("e s", "e ee se s", "es")),
    "I1X1": ("", "", ("e s", "e ee s", "se es")),
}
PATTERNS.update(DEFERRED)

# Section 10.2 from Bob's side, as section 7.2 has it: his pre-message, Alice's, the lines that are left.
SWAPPED = {"es": "se", "se": "es"}
FALLBACKS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    f"{name}fallback": (
        bob,
        "e s" if alice or lines[0] == "e s" else "e",
        tuple(" ".join(SWAPPED.get(token, token) for token in line.split()) for line in lines[1:]),
    )
    for name, (alice, bob, lines) in PATTERNS.items()
    if lines[0] in ("e", "e s")
}
SPOKEN = {**PATTERNS, **FALLBACKS}

# Section 12.
CIPHERS = ("ChaChaPoly", "AESGCM")
HASHES = ("SHA256", "SHA512", "BLAKE2s", "BLAKE2b")
SUITES = tuple(f"25519_{cipher}_{hash_}" for cipher in CIPHERS for hash_ in HASHES)
SUITES_448 = tuple(suite.replace("25519", "448") for suite in SUITES)

# Private keys: any 32 bytes will do, and any 56 for 448 (RFC 7748 clamps them).
INITIATOR_STATIC = bytes(range(0x20))
INITIATOR_EPHEMERAL = bytes(range(0x20, 0x40))
RESPONDER_STATIC = bytes(range(0x40, 0x60))
RESPONDER_EPHEMERAL = bytes(range(0x60, 0x80))
PSKS = [bytes([0xA0 + number]) * 32 for number in range(5)]


def private(key: bytes, suite: str) -> bytes:
    """One of the keys above as a suite needs it."""
    return (key + key)[: 56 if suite.startswith("448") else 32]


def psk_positions(pattern: str) -> list[tuple[int, ...]]:
    """Section 9.4: every combination of psk modifiers that a pattern can have, none of them included."""
    positions = range(len(SPOKEN[pattern][2]) + 1)
    return list(chain.from_iterable(combinations(positions, count) for count in range(len(positions) + 1)))


def with_modifiers(pattern: str, positions: tuple[int, ...]) -> str:
    """Section 8.1: the first modifier is appended, the others are separated by plus signs."""
    modifiers = [f"psk{position}" for position in positions]
    return "+".join(
        [pattern, *modifiers] if pattern in FALLBACKS else [pattern + "".join(modifiers[:1]), *modifiers[1:]]
    )


def tokens_with_psk(pattern: str, positions: tuple[int, ...]) -> list[list[str]]:
    """Section 9.4: psk0 begins the first message, pskN ends the Nth."""
    messages = [line.split() for line in SPOKEN[pattern][2]]
    for position in positions:
        if position == 0:
            messages[0].insert(0, "psk")
        else:
            messages[position - 1].append("psk")
    return messages


def needs(pattern: str, initiator: bool) -> tuple[bool, bool]:
    """Whether a party must have its own static key, and the other's, before the handshake."""
    ours, theirs = SPOKEN[pattern][:2] if initiator else SPOKEN[pattern][1::-1]
    sent = any("s" in line.split() for line in SPOKEN[pattern][2][0 if initiator else 1 :: 2])
    return "s" in ours or sent, "s" in theirs


EVERY_PATTERN = [(pattern, positions) for pattern in PATTERNS for positions in psk_positions(pattern)]
"""Each pattern with every combination of psk modifiers."""
