"""Protocol names: all that two parties must agree on, in one string (section 8).

Rule: the name says everything. A handshake begins by hashing it, so parties who run different protocols
cannot finish a handshake with each other.
"""

import re
from dataclasses import dataclass

from .ciphers import CIPHERS, Cipher
from .dh import DH, DH_FUNCTIONS
from .errors import UnsupportedProtocolError
from .handshakepattern import HandshakePattern
from .hashes import HASHES, Hash
from .patterns import PATTERNS

MAX_NAME_LENGTH = 255
FALLBACK = "fallback"


@dataclass(frozen=True)
class Protocol:
    """A handshake pattern, and the DH, cipher and hash functions that make it concrete."""

    name: str
    pattern: HandshakePattern
    dh: DH
    cipher: Cipher
    hash: Hash

    @classmethod
    def parse(cls, name: str) -> "Protocol":
        """The protocol called *name*, such as ``Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s``.

        Raises :class:`UnsupportedProtocolError` naming the part that is malformed or unknown, or
        :class:`InvalidPatternError` if a modifier does not fit the pattern.
        """
        sections = name.split("_")
        if len(sections) != 5 or sections[0] != "Noise" or len(name) > MAX_NAME_LENGTH:
            raise UnsupportedProtocolError(f"{name!r} is not of the form Noise_XX_25519_ChaChaPoly_BLAKE2s")
        _, pattern, dh, cipher, hash_ = sections
        for kind, section, known in (
            ("DH", dh, DH_FUNCTIONS),
            ("cipher", cipher, CIPHERS),
            ("hash", hash_, HASHES),
        ):
            if section not in known:
                raise UnsupportedProtocolError(
                    f"{name}: {kind} functions {section!r} are not among {', '.join(known)}"
                )
        return cls(name, parse_pattern_section(pattern), DH_FUNCTIONS[dh], CIPHERS[cipher], HASHES[hash_])


def parse_pattern_section(section: str) -> HandshakePattern:
    """The pattern of a name's second section, modifiers applied, such as ``IKpsk2`` or ``XXfallback+psk0``.

    Modifiers are applied from left to right. The order of psk modifiers among themselves makes no difference
    to the protocol, so they must be sorted; that of psk and fallback does (section 8.1).
    Raises as :meth:`Protocol.parse` does.
    """
    match = re.fullmatch("([A-Z0-9]+)([a-z][a-z0-9+]*)?", section)
    if match is None or match[1] not in PATTERNS:
        raise UnsupportedProtocolError(f"there is no handshake pattern {section!r}")
    pattern = PATTERNS[match[1]]
    before = ""
    for modifier in match[2].split("+") if match[2] else ():
        if modifier == FALLBACK:
            pattern = pattern.with_fallback()
        elif not re.fullmatch("psk[0-9]", modifier):
            raise UnsupportedProtocolError(f"{section}: there is no pattern modifier {modifier!r}")
        elif modifier <= before != FALLBACK:
            raise UnsupportedProtocolError(f"{section}: the psk modifiers are not sorted, or one is repeated")
        else:
            pattern = pattern.with_psk(int(modifier[3:]))
        before = modifier
    return pattern
