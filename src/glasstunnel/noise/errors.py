"""The ways in which a Noise protocol can fail or be misused, one class each.

Rule: whatever this package raises on purpose is a :class:`NoiseError`. What arrives from the network can
cause only :class:`MessageTooShortError`, :class:`MessageTooLongError`, :class:`AuthenticationError` and
:class:`InvalidPublicKeyError`; the other classes tell of a mistake in the calling program.
"""


class NoiseError(Exception):
    """Base of every error of this package."""


class InvalidPatternError(NoiseError):
    """A handshake pattern that cannot be read, or that breaks a validity rule (sections 7.1, 7.3 and 9.3)."""


class UnsupportedProtocolError(NoiseError):
    """A protocol name that is malformed, or that names something this package does not have (section 8)."""


class InvalidKeyError(NoiseError):
    """A private key, cipher key or psk of the wrong length."""


class InvalidPublicKeyError(InvalidKeyError):
    """A public key of the wrong length, or of low order, so that every secret shared with it is all zeros."""


class MissingKeyError(NoiseError):
    """A key that the pattern or the operation needs has not been supplied."""


class UnexpectedKeyError(NoiseError):
    """A key for which the pattern has no use: whoever gave it expects a protection he would not get."""


class WrongTurnError(NoiseError):
    """An operation that is not due now, such as writing when a message is to be read, or an early split."""


class NonceExhaustedError(NoiseError):
    """The nonce has reached 2**64 - 1, or was to be set beyond it: this key can do no more (section 5.1)."""


class MessageTooLongError(NoiseError):
    """A Noise message of more than 65535 bytes (section 3)."""


class MessageTooShortError(NoiseError):
    """A message that ends before the public keys and authentication tags that its pattern demands."""


class AuthenticationError(NoiseError):
    """A ciphertext with a wrong tag: forged, damaged, or made with other keys or after other messages."""
