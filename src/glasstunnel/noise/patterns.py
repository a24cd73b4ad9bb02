"""Handshake patterns, from the very lines in which the specification writes them (sections 7 and 9).

Rule: a pattern is data. The text below is the source of truth; it is parsed into messages, checked against the validity rules,
and interpreted token by token by :class:`~glasstunnel.noise.handshakestate.HandshakeState`. No protocol has code of its own.
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import cycle

from .errors import InvalidPatternError

ONE_WAY_PATTERNS = """
N:
  <- s
  ...
  -> e, es

K:
  -> s
  <- s
  ...
  -> e, es, ss

X:
  <- s
  ...
  -> e, es, s, ss
"""
"""Section 7.4: the initiator alone sends, now and afterwards."""

INTERACTIVE_PATTERNS = """
NN:
  -> e
  <- e, ee

KN:
  -> s
  ...
  -> e
  <- e, ee, se

NK:
  <- s
  ...
  -> e, es
  <- e, ee

KK:
  -> s
  <- s
  ...
  -> e, es, ss
  <- e, ee, se

NX:
  -> e
  <- e, ee, s, es

KX:
  -> s
  ...
  -> e
  <- e, ee, se, s, es

XN:
  -> e
  <- e, ee
  -> s, se

IN:
  -> e, s
  <- e, ee, se

XK:
  <- s
  ...
  -> e, es
  <- e, ee
  -> s, se

IK:
  <- s
  ...
  -> e, es, s, ss
  <- e, ee, se

XX:
  -> e
  <- e, ee, s, es
  -> s, se

IX:
  -> e, s
  <- e, ee, se, s, es
"""
"""Section 7.5: the twelve fundamental patterns. The first letter tells what becomes of the initiator's static key, the second of
the responder's: N no static key, K known beforehand, X transmitted, I transmitted immediately."""

PUBLIC_KEYS = ("e", "s")
DH_TOKENS = ("ee", "es", "se", "ss")
TOKENS = (*PUBLIC_KEYS, *DH_TOKENS, "psk")

FRESH_BEFORE_USE = {
    True: {"se": "ee", "ss": "es"},
    False: {"es": "ee", "ss": "se"},
}
"""Validity rule 4, for the initiator (True) and the responder: once the first DH has used his static key, he must not encrypt before
the second has brought in his ephemeral key as well."""


@dataclass(frozen=True)
class MessagePattern:
    """One line of a pattern: who speaks, and the tokens to process in turn."""

    from_initiator: bool
    tokens: tuple[str, ...]

    def __str__(self) -> str:
        return f"{'->' if self.from_initiator else '<-'} {', '.join(self.tokens)}"


@dataclass(frozen=True)
class HandshakePattern:
    """A name, the pre-messages (public keys known beforehand) and the messages; both parties' lines in their order.

    Raises :class:`InvalidPatternError` if they break a validity rule.
    """

    name: str
    pre_messages: tuple[MessagePattern, ...]
    messages: tuple[MessagePattern, ...]

    def __post_init__(self) -> None:
        check_validity(self)

    @property
    def one_way(self) -> bool:
        """Whether the initiator alone ever sends, now and after the handshake (section 7.4)."""
        return len(self.messages) == 1

    @cached_property
    def psk_count(self) -> int:
        """How many psk tokens there are, and so how many pre-shared keys are needed."""
        return sum(message.tokens.count("psk") for message in self.messages)

    @cached_property
    def required_keys(self) -> dict[bool, frozenset[str]]:
        """Which of s, e, rs, re the initiator (True) and the responder (False) must have before the handshake."""
        return {
            me: frozenset(self._keys(self.pre_messages, me) | (self._keys(self.messages, me) & {"s"}))
            | {f"r{key}" for key in self._keys(self.pre_messages, not me)}
            for me in (True, False)
        }

    @cached_property
    def ephemeral_senders(self) -> frozenset[bool]:
        """Who sends an ephemeral key during the handshake: the initiator (True), the responder (False)."""
        return frozenset(line.from_initiator for line in self.messages if "e" in line.tokens)

    @staticmethod
    def _keys(lines: tuple[MessagePattern, ...], initiator: bool) -> set[str]:
        """The public keys in the lines of one party."""
        tokens = (token for line in lines if line.from_initiator == initiator for token in line.tokens)
        return {token for token in tokens if token in PUBLIC_KEYS}

    def with_psk(self, position: int) -> "HandshakePattern":
        """Apply the modifier ``psk0`` (a psk token begins the first message) or ``pskN`` (it ends the Nth; section 9.4)."""
        if position > len(self.messages):
            raise InvalidPatternError(f"psk{position}: {self.name} has no message {position}")
        messages = list(self.messages)
        index = max(position - 1, 0)
        tokens = messages[index].tokens
        messages[index] = replace(messages[index], tokens=(*tokens, "psk") if position else ("psk", *tokens))
        return replace(self, messages=tuple(messages))

    def __str__(self) -> str:
        """The written form, which :func:`parse_pattern` reads."""
        before = [*self.pre_messages, "..."] if self.pre_messages else []
        return "\n  ".join([f"{self.name}:", *map(str, before), *map(str, self.messages)])


def parse_pattern(text: str) -> HandshakePattern:
    """Read one handshake pattern in its written form: a line with its name, then one line for each (pre-)message.

    Raises :class:`InvalidPatternError`.
    """
    title, *lines = (line.strip() for line in text.strip().splitlines())
    if not re.fullmatch("[A-Z0-9]+:", title):
        raise InvalidPatternError(
            f"a pattern begins with its name and a colon, as in 'XX:', not with {title!r}"
        )
    dots = lines.index("...") if "..." in lines else -1
    messages = tuple(map(parse_message, lines[dots + 1 :]))
    pre_messages = tuple(map(parse_message, lines[: max(dots, 0)]))
    return HandshakePattern(title[:-1], pre_messages, messages)


def parse_message(line: str) -> MessagePattern:
    """Read one message pattern in its written form, such as ``-> e, es, s, ss``. Raises :class:`InvalidPatternError`."""
    arrow, _, rest = line.partition(" ")
    if arrow not in ("->", "<-"):
        raise InvalidPatternError(f"a message begins with '-> ' or '<- ', unlike {line!r}")
    tokens = tuple(token.strip() for token in rest.split(","))
    for token in tokens:
        if token not in TOKENS:
            raise InvalidPatternError(f"{line!r}: {token!r} is not one of the tokens {', '.join(TOKENS)}")
    return MessagePattern(arrow == "->", tokens)


def check_validity(pattern: HandshakePattern) -> None:
    """Check the rules of sections 7.1, 7.3 and 9.3. Raises :class:`InvalidPatternError` naming the rule that is broken."""

    def require(condition: bool, rule: str) -> None:
        if not condition:
            raise InvalidPatternError(f"{pattern.name}: {rule}")

    sent: dict[bool, set[str]] = {True: set(), False: set()}
    mixed: set[str] = set()

    def check_encryption(by_initiator: bool) -> None:
        for used, fresh in FRESH_BEFORE_USE[by_initiator].items():
            require(
                used not in mixed or fresh in mixed,
                f"nothing may be encrypted after {used!r} before {fresh!r}",
            )
        require(
            "psk" not in mixed or "e" in sent[by_initiator], "nothing may be encrypted after 'psk' before 'e'"
        )

    require([line.from_initiator for line in pattern.pre_messages] in ([], [True], [False], [True, False]),
            "there is at most one pre-message of the initiator, then one of the responder")  # fmt: skip
    for line in pattern.pre_messages:
        require(
            line.tokens in (("e",), ("s",), ("e", "s")), f"a pre-message is 'e', 's' or 'e, s', not '{line}'"
        )
        sent[line.from_initiator].update(line.tokens)

    require(bool(pattern.messages), "there is no message")
    for line, from_initiator in zip(pattern.messages, cycle((True, False)), strict=False):
        require(line.from_initiator == from_initiator, "the parties take turns, and the initiator begins")
        for token in line.tokens:
            if token in PUBLIC_KEYS:
                require(token not in sent[from_initiator], f"{token!r} is sent twice by one party")
                if token == "s":
                    check_encryption(from_initiator)
                sent[from_initiator].add(token)
            elif token in DH_TOKENS:
                require(token not in mixed, f"{token!r} is computed twice")
                require(
                    token[0] in sent[True] and token[1] in sent[False], f"{token!r} needs a key not yet sent"
                )
            mixed.add(token)
        check_encryption(from_initiator)

    if not pattern.one_way:
        check_encryption(by_initiator=True)
        check_encryption(by_initiator=False)


PATTERNS = {
    pattern.name: pattern
    for text in (ONE_WAY_PATTERNS, INTERACTIVE_PATTERNS)
    for pattern in map(parse_pattern, text.strip().split("\n\n"))
}
"""The fifteen fundamental patterns by name."""
