"""The rules that a handshake pattern must obey to be safe and to make sense (sections 7.1, 7.3 and 9.3).

Rule: a pattern that breaks one is never run. The first three rules of section 7.3 exclude nonsense. The
fourth, and that of section 9.3, see that each party has brought in randomness of its own before it encrypts
anything; without them a replayed or low-order ephemeral key of the other party could make it use a key and
nonce twice.
"""

from itertools import cycle
from typing import TYPE_CHECKING

from .errors import InvalidPatternError

if TYPE_CHECKING:
    from .handshakepattern import HandshakePattern

PUBLIC_KEYS = ("e", "s")
DH_TOKENS = ("ee", "es", "se", "ss")
PRE_MESSAGES = (("e",), ("s",), ("e", "s"))
TOKENS = (*PUBLIC_KEYS, *DH_TOKENS, "psk")

BEFORE_ENCRYPTION = {
    True: {"se": "ee", "ss": "es", "psk": "-> e"},
    False: {"es": "ee", "ss": "se", "psk": "<- e"},
}
"""Once a token on the left has been processed, the initiator (True) or the responder (False) must not encrypt
until the one on the right has been as well: rule 4 of section 7.3, and section 9.3."""


def check_validity(pattern: "HandshakePattern") -> None:
    """Check all rules. Raises :class:`InvalidPatternError` naming the one that is broken."""
    check_form(pattern)
    check_keys(pattern)
    check_encryption(pattern)


def check_form(pattern: "HandshakePattern") -> None:
    """Section 7.1: at most one pre-message of each party, made of public keys; then messages in turn."""
    senders = [line.from_initiator for line in pattern.pre_messages]
    if senders not in ([], [True], [False], [True, False]):
        raise InvalidPatternError(
            f"{pattern.name}: a party has at most one pre-message, the initiator's first"
        )
    for line in pattern.pre_messages:
        if line.tokens not in PRE_MESSAGES:
            raise InvalidPatternError(f"{pattern.name}: a pre-message is 'e', 's' or 'e, s', unlike '{line}'")
    if not pattern.messages:
        raise InvalidPatternError(f"{pattern.name}: there is no message")
    for line, from_initiator in zip(pattern.messages, cycle((True, False)), strict=False):
        if line.from_initiator != from_initiator:
            raise InvalidPatternError(f"{pattern.name}: the parties take turns, and the initiator begins")


def check_keys(pattern: "HandshakePattern") -> None:
    """Section 7.3, rules 1 to 3: a DH has both its keys; no key is sent twice, no DH computed twice."""
    seen: set[str] = set()
    for line in (*pattern.pre_messages, *pattern.messages):
        for token in line.tokens:
            event = f"{line.arrow} {token}" if token in PUBLIC_KEYS else token
            if event in seen and event != "psk":
                raise InvalidPatternError(f"{pattern.name}: {event!r} stands twice")
            if token in DH_TOKENS and not {f"-> {token[0]}", f"<- {token[1]}"} <= seen:
                raise InvalidPatternError(
                    f"{pattern.name}: {token!r} needs a public key that has not been sent"
                )
            seen.add(event)


def check_encryption(pattern: "HandshakePattern") -> None:
    """Section 7.3, rule 4, and section 9.3: nobody encrypts under keys without randomness of his own."""
    seen = {f"{line.arrow} {token}" for line in pattern.pre_messages for token in line.tokens}

    def may_encrypt(party: bool) -> None:
        for used, needed in BEFORE_ENCRYPTION[party].items():
            if used in seen and needed not in seen:
                raise InvalidPatternError(
                    f"{pattern.name}: nothing is encrypted after {used!r} before {needed!r}"
                )

    for line in pattern.messages:
        for token in (*line.tokens, "payload"):
            if token in ("s", "payload"):
                may_encrypt(line.from_initiator)
            seen.add(f"{line.arrow} {token}" if token in PUBLIC_KEYS else token)
    for party in (True,) if pattern.one_way else (True, False):
        may_encrypt(party)  # the transport messages
