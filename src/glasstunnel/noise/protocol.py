"""Protocol names: what two parties must agree on, in one string (section 8).

Rule: the name says everything. It is hashed into the handshake first of all, so parties that run different protocols
can never finish a handshake with each other.
"""

import re
from dataclasses import dataclass

from .ciphers import CIPHERS, Cipher
from .dh import DH, DH_FUNCTIONS
from .errors import UnsupportedProtocolError
from .hashes import HASHES, Hash
from .patterns import PATTERNS, HandshakePattern

MAX_NAME_LENGTH = 255


@dataclass(frozen=True)
class Protocol:
    """A Noise protocol: a handshake pattern with DH, cipher and hash functions to run it."""

    name: str
    pattern: HandshakePattern
    dh: DH
    cipher: Cipher
    hash: Hash

    @classmethod
    def parse(cls, name: str) -> "Protocol":
        """The protocol called *name*, like ``Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s``.

        Raises :class:`UnsupportedProtocolError` naming the part that is unknown or malformed.
        """
        sections = name.split("_")
        if len(sections) != 5 or sections[0] != "Noise" or len(name) > MAX_NAME_LENGTH:
            raise UnsupportedProtocolError(
                f"{name!r}: a protocol name is like Noise_XX_25519_ChaChaPoly_BLAKE2s"
            )
        _, pattern, dh, cipher, hash_ = sections
        for kind, section, known in (
            ("DH functions", dh, DH_FUNCTIONS),
            ("cipher functions", cipher, CIPHERS),
            ("hash functions", hash_, HASHES),
        ):
            if section not in known:
                raise UnsupportedProtocolError(f"{name}: {kind} {section!r} are not among {', '.join(known)}")
        return cls(name, modified_pattern(pattern), DH_FUNCTIONS[dh], CIPHERS[cipher], HASHES[hash_])


def modified_pattern(section: str) -> HandshakePattern:
    """The pattern named in the second section of a protocol name, modifiers applied: ``IKpsk2``, ``NNpsk0+psk2``."""
    match = re.fullmatch(r"([A-Z0-9]+)([a-z0-9+]*)", section)
    if match is None or match[1] not in PATTERNS:
        raise UnsupportedProtocolError(f"there is no handshake pattern {section!r}")
    pattern = PATTERNS[match[1]]
    for modifier in match[2].split("+") if match[2] else ():
        if not re.fullmatch(r"psk[0-9]", modifier):
            raise UnsupportedProtocolError(f"{section}: there is no pattern modifier {modifier!r}")
        pattern = pattern.with_psk(int(modifier[3:]))
    return pattern
