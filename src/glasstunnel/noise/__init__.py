"""The Noise Protocol Framework, revision 34 (noiseprotocol.org/noise.html), without input, output, clock or randomness.

Rule: every name is the specification's. A :class:`Protocol` is parsed from its name; each party makes a :class:`HandshakeState`
of it, writes and reads messages in turn, and splits it into the :class:`CipherState` objects for transport messages.
"""

from .cipherstate import CipherState
from .dh import CURVE25519, DH, KeyPair, RandomBytes
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
from .handshakestate import HandshakeState
from .patterns import PATTERNS, HandshakePattern, MessagePattern
from .protocol import Protocol
from .symmetricstate import SymmetricState

__all__ = [
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
]
