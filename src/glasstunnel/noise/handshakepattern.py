"""Handshake patterns as values, parsed from their written form, and the modifiers psk and fallback.

Rule: only valid patterns exist. Each is checked when it is made, be it parsed, modified or built by hand. All
are in Alice-initiated form: whoever sends the first message is the initiator. Section: 7.1 and 7.2 (form),
9.4 (psk), 10.2 (fallback).
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property

from .errors import InvalidPatternError
from .validity import PRE_MESSAGES, TOKENS, check_validity


@dataclass(frozen=True)
class MessagePattern:
    """One line of a pattern: who sends, and the tokens to process in turn."""

    from_initiator: bool
    tokens: tuple[str, ...]

    @property
    def arrow(self) -> str:
        """``->`` for a message of the initiator, ``<-`` for one of the responder."""
        return "->" if self.from_initiator else "<-"

    def __str__(self) -> str:
        return f"{self.arrow} {', '.join(self.tokens)}"


@dataclass(frozen=True)
class HandshakePattern:
    """A name, the pre-messages (public keys that are known beforehand) and the messages, each in their order.

    Raises :class:`InvalidPatternError` if a validity rule is broken.
    """

    name: str
    pre_messages: tuple[MessagePattern, ...]
    messages: tuple[MessagePattern, ...]

    def __post_init__(self) -> None:
        check_validity(self)

    @property
    def one_way(self) -> bool:
        """Whether the initiator alone ever sends, in the handshake and after it (section 7.4)."""
        return len(self.messages) == 1 and not any(
            "e" in line.tokens for line in self.pre_messages if not line.from_initiator
        )

    @cached_property
    def psk_count(self) -> int:
        """How many psk tokens there are, and so how many pre-shared keys are needed."""
        return sum(line.tokens.count("psk") for line in self.messages)

    @cached_property
    def required_keys(self) -> dict[bool, set[str]]:
        """Which of s, e, rs, re the initiator (True) and the responder (False) need beforehand."""
        required: dict[bool, set[str]] = {True: set(), False: set()}
        for line in self.pre_messages:
            required[line.from_initiator].update(line.tokens)
            required[not line.from_initiator].update("r" + token for token in line.tokens)
        for line in self.messages:
            required[line.from_initiator].update({"s"}.intersection(line.tokens))
        return required

    @cached_property
    def sends_ephemeral(self) -> dict[bool, bool]:
        """Whether the initiator (True) and the responder (False) send an ephemeral key."""
        senders = {line.from_initiator for line in self.messages if "e" in line.tokens}
        return {party: party in senders for party in (True, False)}

    def with_psk(self, position: int) -> "HandshakePattern":
        """Apply a modifier: ``psk0`` puts a psk token before the first message's, ``pskN`` after the Nth's.

        Raises :class:`InvalidPatternError` if there is no such message.
        """
        if position > len(self.messages):
            raise InvalidPatternError(
                f"psk{position} does not fit {self.name}, which has no message {position}"
            )
        messages = list(self.messages)
        index = max(position - 1, 0)
        tokens = messages[index].tokens
        messages[index] = replace(messages[index], tokens=(*tokens, "psk") if position else ("psk", *tokens))
        return HandshakePattern(self._name_with(f"psk{position}"), self.pre_messages, tuple(messages))

    def with_fallback(self) -> "HandshakePattern":
        """Apply a modifier: ``fallback`` turns Alice's first message into a pre-message, and Bob begins.

        Bob has that message from another handshake, which he could not finish (section 10.2). As he is the
        initiator now, arrows and DH tokens are written from his side (section 7.2). Raises
        :class:`InvalidPatternError` unless the first message is ``e``, ``s`` or ``e, s``.
        """
        first, *rest = self.messages
        if first.tokens not in PRE_MESSAGES or not rest:
            raise InvalidPatternError(
                f"fallback does not fit {self.name}: its first message is to be 'e', 's' or 'e, s',"
                f" with another one after it, unlike '{first}'"
            )
        alice, bob = (
            {token for line in self.pre_messages if line.from_initiator == party for token in line.tokens}
            for party in (True, False)
        )
        alice.update(first.tokens)  # 'e' stands before 's' in every pre-message
        pre_messages = [(True, tuple(sorted(bob))), (False, tuple(sorted(alice)))]
        return HandshakePattern(
            self._name_with("fallback"),
            tuple(MessagePattern(party, tokens) for party, tokens in pre_messages if tokens),
            tuple(
                MessagePattern(
                    not line.from_initiator,
                    tuple({"es": "se", "se": "es"}.get(token, token) for token in line.tokens),
                )
                for line in rest
            ),
        )

    def _name_with(self, modifier: str) -> str:
        return f"{self.name}{'' if self.name.isupper() else '+'}{modifier}"

    def __str__(self) -> str:
        """The written form, which :func:`parse_pattern` reads."""
        before = [*self.pre_messages, "..."] if self.pre_messages else []
        return "\n  ".join([f"{self.name}:", *map(str, before), *map(str, self.messages)])


def parse_pattern(text: str) -> HandshakePattern:
    """Read a pattern in its written form: its name, pre-messages, three dots, messages, line by line.

    Without pre-messages there are no dots. Raises :class:`InvalidPatternError`.
    """
    title, *lines = (line.strip() for line in text.strip().split("\n"))
    if not re.fullmatch("[A-Z][A-Za-z0-9+]*:", title):
        raise InvalidPatternError(
            f"a pattern begins with its name and a colon, as in 'XX:', not with {title!r}"
        )
    dots = lines.index("...") if "..." in lines else -1
    pre_messages = tuple(map(parse_message, lines[: max(dots, 0)]))
    messages = tuple(map(parse_message, lines[dots + 1 :]))
    return HandshakePattern(title[:-1], pre_messages, messages)


def parse_message(line: str) -> MessagePattern:
    """Read one line, such as ``-> e, es, s, ss``. Raises :class:`InvalidPatternError`."""
    arrow, _, rest = line.partition(" ")
    if arrow not in ("->", "<-"):
        raise InvalidPatternError(f"a message begins with '-> ' or '<- ', unlike {line!r}")
    tokens = tuple(token.strip() for token in rest.split(","))
    for token in tokens:
        if token not in TOKENS:
            raise InvalidPatternError(f"{line!r}: {token!r} is not one of the tokens {', '.join(TOKENS)}")
    return MessagePattern(arrow == "->", tokens)
