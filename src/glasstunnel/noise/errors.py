"""The ways in which a Noise protocol can fail or be misused, one class each.

Everything that this package raises on purpose is a :class:`NoiseError`. Whatever arrives from the network can cause only
:class:`MessageTooShortError`, :class:`MessageTooLongError`, :class:`AuthenticationError` and
:class:`InvalidPublicKeyError`; the other classes tell of a mistake in the calling program.
"""


class NoiseError(Exception):
    """Base of every error of this package."""


class InvalidPatternError(NoiseError):
    """A handshake pattern that cannot be read, or that breaks a validity rule (sections 7.3 and 9.3)."""


class UnsupportedProtocolError(NoiseError):
    """A protocol name that is malformed, or that names something this package does not have (section 8)."""


class InvalidKeyError(NoiseError):
    """A private key, cipher key or psk of the wrong length."""


class InvalidPublicKeyError(InvalidKeyError):
    """A public key of the wrong length, or a point whose DH output would be all zeros (section 12.1)."""


class MissingKeyError(NoiseError):
    """A key that the pattern needs, or that an operation needs, has not been supplied."""


class UnexpectedKeyError(NoiseError):
    """A key for which the pattern has no use: whoever supplied it expects a protection that he will not get."""


class WrongTurnError(NoiseError):
    """An operation that is not due now: to write when a message should be read, to split before the end, ..."""


class NonceExhaustedError(NoiseError):
    """The nonce 2**64 - 1 has been reached: this key encrypts and decrypts no more (section 5.1)."""


class MessageTooLongError(NoiseError):
    """A Noise message of more than 65535 bytes (section 3)."""


class MessageTooShortError(NoiseError):
    """A message that ends before the keys and tags that its pattern demands."""


class AuthenticationError(NoiseError):
    """A ciphertext whose authentication tag is wrong: forged, damaged, or made with other keys or another history."""
