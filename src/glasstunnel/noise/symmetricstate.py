"""The SymmetricState object: all the symmetric cryptography of a handshake (section 5.2).

Rule: nothing is forgotten. Every secret goes into the chaining key ``ck``, every byte on the wire into the
handshake hash ``h``. A cipher key depends on all secrets before it, and ``h`` is the associated data of each
encryption; so two parties whose histories differ in one bit cannot read each other.
"""

from .ciphers import KEY_LENGTH, Cipher
from .cipherstate import CipherState
from .hashes import Hash


class SymmetricState:
    """The chaining key ``ck`` and the handshake hash ``h`` (HASHLEN bytes each) with a :class:`CipherState`.

    The constructor is InitializeSymmetric(protocol_name): a name of at most HASHLEN bytes becomes ``h`` with
    zero bytes appended, a longer name is hashed; ``ck`` begins as ``h``.
    """

    __slots__ = ("cipher_state", "ck", "h", "hash")

    def __init__(self, protocol_name: bytes, cipher: Cipher, hash_functions: Hash) -> None:
        self.hash = hash_functions
        if len(protocol_name) <= hash_functions.hashlen:
            self.h = protocol_name.ljust(hash_functions.hashlen, b"\0")
        else:
            self.h = hash_functions.hash(protocol_name)
        self.ck = self.h
        self.cipher_state = CipherState(cipher)

    def mix_key(self, input_key_material: bytes) -> None:
        """MixKey(input_key_material): a new chaining key and a new cipher key."""
        self.ck, temp_k = self.hash.hkdf(self.ck, input_key_material, 2)
        self.cipher_state.initialize_key(temp_k[:KEY_LENGTH])

    def mix_hash(self, data: bytes) -> None:
        """MixHash(data): h = HASH(h || data)."""
        self.h = self.hash.hash(self.h + data)

    def mix_key_and_hash(self, input_key_material: bytes) -> None:
        """MixKeyAndHash(input_key_material): a psk goes into the keys and into the hash (section 9.1)."""
        self.ck, temp_h, temp_k = self.hash.hkdf(self.ck, input_key_material, 3)
        self.mix_hash(temp_h)
        self.cipher_state.initialize_key(temp_k[:KEY_LENGTH])

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """EncryptAndHash(plaintext): the ciphertext (while there is no key, the plaintext), mixed into h."""
        ciphertext = self.cipher_state.encrypt_with_ad(self.h, plaintext)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        """DecryptAndHash(ciphertext): the plaintext; it is the ciphertext that is mixed into h."""
        plaintext = self.cipher_state.decrypt_with_ad(self.h, ciphertext)
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        """Split(): two CipherStates, the first for what the initiator sends, the second for the responder."""
        cipher = self.cipher_state.cipher
        temp_k1, temp_k2 = self.hash.hkdf(self.ck, b"", 2)
        return CipherState(cipher, temp_k1[:KEY_LENGTH]), CipherState(cipher, temp_k2[:KEY_LENGTH])

    def copy(self) -> "SymmetricState":
        """The same contents in a SymmetricState of its own, to try a message on."""
        twin = SymmetricState.__new__(SymmetricState)
        twin.hash, twin.ck, twin.h = self.hash, self.ck, self.h
        twin.cipher_state = self.cipher_state.copy()
        return twin
