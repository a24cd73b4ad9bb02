"""The CipherState object: a key, and a nonce that counts (section 5.1).

Rule: no nonce serves twice under one key. It counts up with every message, a message that fails to decrypt
leaves it where it was, and its last value, 2**64 - 1, is never used for a message.
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
"""The longest Noise message in bytes, handshake or transport, keys and tags included (section 3)."""


class CipherState:
    """Encrypts and decrypts under the key ``k`` (32 bytes, or None while it is empty) and the nonce ``n``."""

    __slots__ = ("_aead", "cipher", "k", "n")

    def __init__(self, cipher: Cipher, key: bytes | None = None) -> None:
        self.cipher = cipher
        self.initialize_key(key)

    def initialize_key(self, key: bytes | None) -> None:
        """InitializeKey(key): k = key, n = 0.

        Raises :class:`InvalidKeyError` unless *key* has 32 bytes, or is None for empty.
        """
        if key is not None and len(key) != KEY_LENGTH:
            raise InvalidKeyError(f"a cipher key has {KEY_LENGTH} bytes, not {len(key)}")
        self.k: bytes | None = key
        self.n = 0
        # Made at the first use: of the keys of a handshake, most are replaced before they encrypt anything.
        self._aead: AEAD | None = None

    def has_key(self) -> bool:
        """HasKey(): whether k is not empty."""
        return self.k is not None

    @property
    def key(self) -> bytes:
        """k, 32 bytes, for a transport that encrypts in its own way.

        Raises :class:`MissingKeyError` while k is empty.
        """
        if self.k is None:
            raise MissingKeyError("this CipherState has no key yet")
        return self.k

    def set_nonce(self, nonce: int) -> None:
        """SetNonce(nonce): n = nonce, for transport messages that arrive out of order (section 11.4).

        Never encrypt twice under one nonce. Raises :class:`NonceExhaustedError` outside of 0 to 2**64 - 1.
        """
        if not 0 <= nonce <= MAX_NONCE:
            raise NonceExhaustedError(f"a nonce is a number from 0 to 2**64 - 1, not {nonce}")
        self.n = nonce

    def encrypt_with_ad(self, ad: bytes, plaintext: bytes) -> bytes:
        """EncryptWithAd(ad, plaintext): the ciphertext, 16 bytes longer; while k is empty, the plaintext.

        Raises :class:`NonceExhaustedError`, or :class:`MessageTooLongError` for more than 65519 bytes.
        """
        if self.k is None:
            return plaintext
        if len(plaintext) > MAX_MESSAGE_LENGTH - TAG_LENGTH:
            raise MessageTooLongError(
                f"a plaintext has at most {MAX_MESSAGE_LENGTH - TAG_LENGTH} bytes, not {len(plaintext)}"
            )
        ciphertext = self._keyed_aead().encrypt(self.cipher.nonce(self.n), plaintext, ad)
        self.n += 1
        return ciphertext

    def decrypt_with_ad(self, ad: bytes, ciphertext: bytes) -> bytes:
        """DecryptWithAd(ad, ciphertext): the plaintext; while k is empty, the ciphertext.

        Raises, and then n is what it was: :class:`AuthenticationError` for a wrong tag,
        :class:`MessageTooShortError` for less than a tag, :class:`MessageTooLongError`,
        :class:`NonceExhaustedError`.
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
            plaintext = self._keyed_aead().decrypt(self.cipher.nonce(self.n), ciphertext, ad)
        except InvalidTag:
            raise AuthenticationError(f"the ciphertext does not authenticate under nonce {self.n}") from None
        self.n += 1
        return plaintext

    def rekey(self) -> None:
        """Rekey(): k = REKEY(k), and n goes on (section 11.3).

        Raises :class:`MissingKeyError` while k is empty.
        """
        self.k = self.cipher.rekey(self.key)
        self._aead = None

    def copy(self) -> "CipherState":
        """The same key and nonce in a CipherState of its own, to try a message on."""
        twin = CipherState.__new__(CipherState)
        twin.cipher, twin.k, twin.n, twin._aead = self.cipher, self.k, self.n, self._aead
        return twin

    def _keyed_aead(self) -> AEAD:
        if self.n == MAX_NONCE:
            raise NonceExhaustedError("the nonce has reached 2**64 - 1: no message may use this key any more")
        if self._aead is None:
            self._aead = self.cipher.aead(self.key)
        return self._aead
