"""The Noise Protocol Framework, revision 34 (noiseprotocol.org/noise.html), as pure functions and states.

Rule: every name is the specification's. A :class:`Protocol` is parsed from its name; each party makes a
:class:`HandshakeState` of it, writes and reads its messages in turn, and splits it into a
:class:`CipherState` for each direction of the transport messages.
"""

from .cipherstate import CipherState
from .dh import CURVE448, CURVE25519, DH, KeyPair, RandomBytes
from .errors import (
    AuthenticationError,
    InvalidKeyError,
    InvalidPatternError,
    InvalidPublicKeyError,
    MessageTooLongError,
    MessageTooShortError,
    MissingKeyError,
    NoiseError,
    NonceExhaustedError,
    UnexpectedKeyError,
    UnsupportedProtocolError,
    WrongTurnError,
)
from .handshakepattern import HandshakePattern, MessagePattern, parse_pattern
from .handshakestate import HandshakeState
from .patterns import PATTERNS
from .protocol import Protocol
from .symmetricstate import SymmetricState

__all__ = [
    "CURVE448",
    "CURVE25519",
    "DH",
    "PATTERNS",
    "AuthenticationError",
    "CipherState",
    "HandshakePattern",
    "HandshakeState",
    "InvalidKeyError",
    "InvalidPatternError",
    "InvalidPublicKeyError",
    "KeyPair",
    "MessagePattern",
    "MessageTooLongError",
    "MessageTooShortError",
    "MissingKeyError",
    "NoiseError",
    "NonceExhaustedError",
    "Protocol",
    "RandomBytes",
    "SymmetricState",
    "UnexpectedKeyError",
    "UnsupportedProtocolError",
    "WrongTurnError",
    "parse_pattern",
]
