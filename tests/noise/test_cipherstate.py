"""CipherState and SymmetricState as sections 5.1, 5.2 and 11.3 describe them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.noise import (
    AuthenticationError,
    CipherState,
    InvalidKeyError,
    MessageTooLongError,
    MessageTooShortError,
    MissingKeyError,
    NonceExhaustedError,
    SymmetricState,
)
from glasstunnel.noise.ciphers import AESGCM, CHACHAPOLY, Cipher
from glasstunnel.noise.hashes import BLAKE2B, BLAKE2S, SHA512, Hash

KEY = bytes(range(32))
MAX_NONCE = 2**64 - 1

both_ciphers = pytest.mark.parametrize("cipher", [CHACHAPOLY, AESGCM], ids=["ChaChaPoly", "AESGCM"])


@both_ciphers
def test_without_a_key_nothing_is_encrypted(cipher: Cipher) -> None:
    state = CipherState(cipher)
    assert not state.has_key()
    assert state.encrypt_with_ad(b"ad", b"text") == b"text"
    assert state.decrypt_with_ad(b"ad", b"text") == b"text"
    assert state.n == 0


def test_what_needs_a_key_says_that_it_is_missing() -> None:
    state = CipherState(CHACHAPOLY)
    with pytest.raises(MissingKeyError, match="no key"):
        state.rekey()
    with pytest.raises(MissingKeyError, match="no key"):
        _ = state.key


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(InvalidKeyError, match=f"32 bytes, not {length}"):
        CipherState(CHACHAPOLY, bytes(length))


@both_ciphers
def test_the_nonce_counts_messages_and_a_new_key_resets_it(cipher: Cipher) -> None:
    sender, receiver = CipherState(cipher, KEY), CipherState(cipher, KEY)
    ciphertexts = [sender.encrypt_with_ad(b"ad", b"same text") for _ in range(3)]
    assert len(set(ciphertexts)) == 3
    assert sender.n == 3
    assert [receiver.decrypt_with_ad(b"ad", ciphertext) for ciphertext in ciphertexts] == [b"same text"] * 3
    assert receiver.n == 3
    sender.initialize_key(KEY)
    assert sender.n == 0
    assert sender.key == KEY
    assert sender.encrypt_with_ad(b"ad", b"same text") == ciphertexts[0]
    sender.initialize_key(None)
    assert not sender.has_key()


@both_ciphers
def test_a_message_that_does_not_authenticate_leaves_the_nonce_alone(cipher: Cipher) -> None:
    receiver = CipherState(cipher, KEY)
    ciphertext = CipherState(cipher, KEY).encrypt_with_ad(b"ad", b"text")
    for ad, forged in ((b"da", ciphertext), (b"ad", ciphertext[:-1] + b"?"), (b"ad", ciphertext + b"?")):
        with pytest.raises(AuthenticationError, match="nonce 0"):
            receiver.decrypt_with_ad(ad, forged)
        assert receiver.n == 0
    assert receiver.decrypt_with_ad(b"ad", ciphertext) == b"text"


def test_messages_out_of_order_are_read_by_setting_the_nonce() -> None:
    sender, receiver = CipherState(CHACHAPOLY, KEY), CipherState(CHACHAPOLY, KEY)
    ciphertexts = [sender.encrypt_with_ad(b"", bytes([number])) for number in range(5)]
    for number in (4, 0, 2, 3, 1):
        receiver.set_nonce(number)
        assert receiver.decrypt_with_ad(b"", ciphertexts[number]) == bytes([number])


@both_ciphers
def test_the_last_nonce_is_never_used(cipher: Cipher) -> None:
    """Section 5.1: 2**64 - 1 is reserved, and once it is reached both directions signal an error."""
    state = CipherState(cipher, KEY)
    state.set_nonce(MAX_NONCE - 1)
    ciphertext = state.encrypt_with_ad(b"", b"the last message")
    assert state.n == MAX_NONCE
    with pytest.raises(NonceExhaustedError, match="no message may use this key any more"):
        state.encrypt_with_ad(b"", b"one too many")
    with pytest.raises(NonceExhaustedError):
        state.decrypt_with_ad(b"", bytes(16))
    state.set_nonce(MAX_NONCE - 1)
    assert state.decrypt_with_ad(b"", ciphertext) == b"the last message"
    with pytest.raises(NonceExhaustedError):
        state.decrypt_with_ad(b"", ciphertext)
    assert state.n == MAX_NONCE


@pytest.mark.parametrize("nonce", [-1, 2**64])
def test_a_nonce_has_64_bits(nonce: int) -> None:
    state = CipherState(CHACHAPOLY, KEY)
    with pytest.raises(NonceExhaustedError, match=f"not {nonce}"):
        state.set_nonce(nonce)
    assert state.n == 0


@both_ciphers
def test_rekey_takes_32_bytes_of_zeros_encrypted_under_the_last_nonce(cipher: Cipher) -> None:
    """Section 4.2, REKEY; section 11.3: the nonce is not reset."""
    state = CipherState(cipher, KEY)
    before = state.encrypt_with_ad(b"", b"text")
    state.rekey()
    last_nonce = bytes(4) + b"\xff" * 8
    assert state.key == cipher.aead(KEY).encrypt(last_nonce, bytes(32), b"")[:32]
    assert state.n == 1
    receiver = CipherState(cipher, KEY)
    assert receiver.decrypt_with_ad(b"", before) == b"text"
    receiver.rekey()
    assert receiver.decrypt_with_ad(b"", state.encrypt_with_ad(b"", b"more")) == b"more"


def test_a_transport_message_has_at_most_65535_bytes() -> None:
    sender, receiver = CipherState(CHACHAPOLY, KEY), CipherState(CHACHAPOLY, KEY)
    longest = sender.encrypt_with_ad(b"", bytes(65535 - 16))
    assert len(longest) == 65535
    assert receiver.decrypt_with_ad(b"", longest) == bytes(65535 - 16)
    with pytest.raises(MessageTooLongError, match="65519 bytes, not 65520"):
        sender.encrypt_with_ad(b"", bytes(65535 - 15))
    with pytest.raises(MessageTooLongError, match="65535 bytes, not 65536"):
        receiver.decrypt_with_ad(b"", bytes(65536))
    assert (sender.n, receiver.n) == (1, 1)


@pytest.mark.parametrize("length", [0, 1, 15])
def test_a_ciphertext_holds_at_least_a_tag(length: int) -> None:
    with pytest.raises(MessageTooShortError, match=f"16 bytes, not {length}"):
        CipherState(CHACHAPOLY, KEY).decrypt_with_ad(b"", bytes(length))


@given(st.binary(max_size=300), st.binary(max_size=50), st.sampled_from([CHACHAPOLY, AESGCM]), st.data())
def test_every_single_bit_of_a_ciphertext_counts(
    plaintext: bytes, ad: bytes, cipher: Cipher, data: st.DataObject
) -> None:
    ciphertext = CipherState(cipher, KEY).encrypt_with_ad(ad, plaintext)
    assert len(ciphertext) == len(plaintext) + 16
    bit = data.draw(st.integers(0, 8 * len(ciphertext) - 1))
    forged = bytearray(ciphertext)
    forged[bit // 8] ^= 1 << bit % 8
    receiver = CipherState(cipher, KEY)
    with pytest.raises(AuthenticationError):
        receiver.decrypt_with_ad(ad, bytes(forged))
    assert receiver.decrypt_with_ad(ad, ciphertext) == plaintext


def test_a_short_protocol_name_is_padded_and_a_long_one_is_hashed() -> None:
    """Section 5.2, InitializeSymmetric."""
    name = b"Noise_NN_25519_ChaChaPoly_BLAKE2"  # 32 bytes, not more than HASHLEN
    assert len(name) == 32
    assert SymmetricState(name, CHACHAPOLY, BLAKE2S).h == name
    assert SymmetricState(name + b"s", CHACHAPOLY, BLAKE2S).h == BLAKE2S.hash(name + b"s")
    assert SymmetricState(name + b"b", CHACHAPOLY, BLAKE2B).h == name + b"b" + bytes(31)
    state = SymmetricState(name, CHACHAPOLY, BLAKE2S)
    assert state.ck == state.h
    assert not state.cipher_state.has_key()


@pytest.mark.parametrize("function", [BLAKE2S, SHA512], ids=["HASHLEN 32", "HASHLEN 64"])
def test_mixing_a_key_sets_the_first_32_bytes_of_the_second_output(function: Hash) -> None:
    state = SymmetricState(b"name", CHACHAPOLY, function)
    ck, h = state.ck, state.h
    state.mix_key(b"secret")
    assert (state.ck, state.cipher_state.key) == (
        function.hkdf(ck, b"secret", 2)[0],
        function.hkdf(ck, b"secret", 2)[1][:32],
    )
    assert state.h == h


def test_mixing_a_psk_changes_the_hash_as_well() -> None:
    state = SymmetricState(b"name", CHACHAPOLY, SHA512)
    ck, temp_h, temp_k = SHA512.hkdf(state.ck, b"psk", 3)
    h = SHA512.hash(state.h + temp_h)
    state.mix_key_and_hash(b"psk")
    assert (state.ck, state.h, state.cipher_state.key) == (ck, h, temp_k[:32])


def test_the_hash_covers_ciphertexts_and_each_ciphertext_covers_the_hash() -> None:
    writer, reader = (SymmetricState(b"name", AESGCM, BLAKE2S) for _ in range(2))
    for state in (writer, reader):
        state.mix_hash(b"public")
        state.mix_key(b"secret")
    h = writer.h
    ciphertext = writer.encrypt_and_hash(b"text")
    assert writer.h == BLAKE2S.hash(h + ciphertext)
    stranger = reader.copy()
    stranger.mix_hash(b"something else")
    with pytest.raises(AuthenticationError):
        stranger.decrypt_and_hash(ciphertext)
    assert reader.decrypt_and_hash(ciphertext) == b"text"
    assert reader.h == writer.h


def test_splitting_gives_a_key_for_each_direction() -> None:
    state = SymmetricState(b"name", AESGCM, SHA512)
    state.mix_key(b"secret")
    first, second = state.split()
    assert (first.key, second.key) == tuple(output[:32] for output in SHA512.hkdf(state.ck, b"", 2))
    assert (first.n, second.n) == (0, 0)
    assert first.cipher is second.cipher is AESGCM


def test_a_copy_goes_its_own_way() -> None:
    state = SymmetricState(b"name", CHACHAPOLY, BLAKE2S)
    state.mix_key(b"secret")
    copy = state.copy()
    ciphertext = copy.encrypt_and_hash(b"text")
    copy.mix_key(b"another")
    assert state.cipher_state.n == 0
    assert state.encrypt_and_hash(b"text") == ciphertext
    assert (state.ck, state.cipher_state.key) != (copy.ck, copy.cipher_state.key)
