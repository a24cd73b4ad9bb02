"""The CipherState object: a key and a nonce that counts (section 5.1).

Rule: no nonce is used twice under one key. The nonce counts up with each message, a failed decryption leaves it where it was, and
its last value, 2**64 - 1, is never used for a message.
"""

from cryptography.exceptions import InvalidTag

from .ciphers import AEAD, KEY_LENGTH, MAX_NONCE, TAG_LENGTH, Cipher
from .errors import (
    AuthenticationError,
    InvalidKeyError,
    MessageTooLongError,
    MessageTooShortError,
    MissingKeyError,
    NonceExhaustedError,
)

MAX_MESSAGE_LENGTH = 65535
"""The longest Noise message, handshake or transport, tags included, in bytes (section 3)."""


class CipherState:
    """Encrypts and decrypts with the key ``k`` (32 bytes, or None while there is none) and the nonce ``n``."""

    __slots__ = ("_aead", "cipher", "k", "n")

    def __init__(self, cipher: Cipher, key: bytes | None = None) -> None:
        self.cipher = cipher
        self.initialize_key(key)

    def initialize_key(self, key: bytes | None) -> None:
        """InitializeKey(key): k = key, n = 0. Raises :class:`InvalidKeyError` unless *key* has 32 bytes or is None."""
        if key is not None and len(key) != KEY_LENGTH:
            raise InvalidKeyError(f"a cipher key has {KEY_LENGTH} bytes, not {len(key)}")
        self.k: bytes | None = key
        self.n = 0
        self._aead: AEAD | None = (
            None  # made at the first use: most keys of a handshake are replaced before they encrypt
        )

    def has_key(self) -> bool:
        """HasKey(): whether k is set."""
        return self.k is not None

    @property
    def key(self) -> bytes:
        """The key, 32 bytes, for a transport that encrypts by other means. Raises :class:`MissingKeyError`."""
        if self.k is None:
            raise MissingKeyError("this CipherState has no key yet")
        return self.k

    def set_nonce(self, nonce: int) -> None:
        """SetNonce(nonce): n = nonce, for transports whose messages arrive out of order (section 11.4).

        It is the caller's duty never to encrypt twice under one nonce.
        """
        if not 0 <= nonce <= MAX_NONCE:
            raise NonceExhaustedError(f"a nonce lies between 0 and 2**64 - 1, {nonce} does not")
        self.n = nonce

    def encrypt_with_ad(self, ad: bytes, plaintext: bytes) -> bytes:
        """EncryptWithAd(ad, plaintext): the ciphertext, 16 bytes longer than *plaintext*; while there is no key, *plaintext*.

        Raises :class:`NonceExhaustedError`, and :class:`MessageTooLongError` if the result would exceed 65535 bytes.
        """
        if self.k is None:
            return plaintext
        if len(plaintext) > MAX_MESSAGE_LENGTH - TAG_LENGTH:
            raise MessageTooLongError(
                f"a plaintext has at most {MAX_MESSAGE_LENGTH - TAG_LENGTH} bytes, not {len(plaintext)}"
            )
        ciphertext = self._ready().encrypt(self.cipher.nonce(self.n), plaintext, ad)
        self.n += 1
        return ciphertext

    def decrypt_with_ad(self, ad: bytes, ciphertext: bytes) -> bytes:
        """DecryptWithAd(ad, ciphertext): the plaintext; while there is no key, *ciphertext*.

        Raises :class:`AuthenticationError` and leaves n as it was if the tag is wrong; :class:`NonceExhaustedError`,
        :class:`MessageTooShortError` (no room for a tag), :class:`MessageTooLongError`.
        """
        if self.k is None:
            return ciphertext
        if len(ciphertext) < TAG_LENGTH:
            raise MessageTooShortError(f"a ciphertext has at least {TAG_LENGTH} bytes, not {len(ciphertext)}")
        if len(ciphertext) > MAX_MESSAGE_LENGTH:
            raise MessageTooLongError(
                f"a message has at most {MAX_MESSAGE_LENGTH} bytes, not {len(ciphertext)}"
            )
        try:
            plaintext = self._ready().decrypt(self.cipher.nonce(self.n), ciphertext, ad)
        except InvalidTag:
            raise AuthenticationError(f"the tag of message {self.n} is wrong") from None
        self.n += 1
        return plaintext

    def rekey(self) -> None:
        """Rekey(): k = REKEY(k); n goes on counting (section 11.3). Raises :class:`MissingKeyError` without a key."""
        self.k = self.cipher.rekey(self.key)
        self._aead = None

    def copy(self) -> "CipherState":
        """A CipherState of its own with the same key and nonce: for trials only, see :class:`HandshakeState`."""
        twin = CipherState.__new__(CipherState)
        twin.cipher, twin.k, twin.n, twin._aead = self.cipher, self.k, self.n, self._aead
        return twin

    def _ready(self) -> AEAD:
        """The AEAD under k, once it is sure that n may be used."""
        if self.n == MAX_NONCE:
            raise NonceExhaustedError("the nonce has reached 2**64 - 1: this key must not be used any more")
        if self._aead is None:
            self._aead = self.cipher.aead(self.key)
        return self._aead
