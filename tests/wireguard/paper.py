"""The WireGuard paper's formulas, written down once more for the tests, from the paper and from nothing else.

WP §5.4 defines Hash, Mac, Hmac, Kdf, Aead; §5.4.2 to §5.4.5 the messages line by line. The names are the
paper's: C is the chaining key, H the transcript hash, S and E static and ephemeral keys, i the initiator, r
the responder. Only the primitives come from libraries.
"""

import hmac as stdlib_hmac
from dataclasses import dataclass
from hashlib import blake2s

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

CONSTRUCTION = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IDENTIFIER = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
LABEL_MAC1 = b"mac1----"
LABEL_COOKIE = b"cookie--"
EMPTY = b""


def hash_(data: bytes) -> bytes:
    return blake2s(data, digest_size=32).digest()


def mac(key: bytes, data: bytes) -> bytes:
    return blake2s(data, digest_size=16, key=key).digest()


def hmac(key: bytes, data: bytes) -> bytes:
    return stdlib_hmac.new(key, data, blake2s).digest()


def kdf(n: int, key: bytes, data: bytes) -> list[bytes]:
    t0 = hmac(key, data)
    outputs: list[bytes] = []
    previous = b""
    for i in range(1, n + 1):
        previous = hmac(t0, previous + bytes([i]))
        outputs.append(previous)
    return outputs


def aead(key: bytes, counter: int, plain: bytes, auth: bytes) -> bytes:
    return ChaCha20Poly1305(key).encrypt(bytes(4) + counter.to_bytes(8, "little"), plain, auth)


def dh(private: bytes, public: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))


def pub(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def tai64n(seconds: int, nanoseconds: int) -> bytes:
    return (2**62 + 10 + seconds).to_bytes(8, "big") + nanoseconds.to_bytes(4, "big")


@dataclass
class Exchange:
    """Both messages and both transport keys of one handshake, from all its secrets."""

    initiation: bytes
    response: bytes
    initiator_sends: bytes
    initiator_receives: bytes


def handshake(  # the paper's variables, in the paper's order
    static_i: bytes,
    static_r: bytes,
    ephemeral_i: bytes,
    ephemeral_r: bytes,
    psk: bytes,
    timestamp: bytes,
    index_i: int,
    index_r: int,
) -> Exchange:
    """WP §5.4.2, §5.4.3 and §5.4.5, with empty mac2."""
    s_i, s_r, e_i, e_r = pub(static_i), pub(static_r), pub(ephemeral_i), pub(ephemeral_r)

    # 5.4.2 First message: initiator to responder
    c = hash_(CONSTRUCTION)
    h = hash_(c + IDENTIFIER)
    h = hash_(h + s_r)
    (c,) = kdf(1, c, e_i)
    h = hash_(h + e_i)
    c, k = kdf(2, c, dh(ephemeral_i, s_r))
    msg_static = aead(k, 0, s_i, h)
    h = hash_(h + msg_static)
    c, k = kdf(2, c, dh(static_i, s_r))
    msg_timestamp = aead(k, 0, timestamp, h)
    h = hash_(h + msg_timestamp)
    alpha = b"\x01\0\0\0" + index_i.to_bytes(4, "little") + e_i + msg_static + msg_timestamp
    initiation = alpha + mac(hash_(LABEL_MAC1 + s_r), alpha) + bytes(16)

    # 5.4.3 Second message: responder to initiator
    (c,) = kdf(1, c, e_r)
    h = hash_(h + e_r)
    (c,) = kdf(1, c, dh(ephemeral_r, e_i))
    (c,) = kdf(1, c, dh(ephemeral_r, s_i))
    c, tau, k = kdf(3, c, psk)
    h = hash_(h + tau)
    msg_empty = aead(k, 0, EMPTY, h)
    h = hash_(h + msg_empty)
    beta = b"\x02\0\0\0" + index_r.to_bytes(4, "little") + index_i.to_bytes(4, "little") + e_r + msg_empty
    response = beta + mac(hash_(LABEL_MAC1 + s_i), beta) + bytes(16)

    # 5.4.5 Transport data key derivation
    sending, receiving = kdf(2, c, EMPTY)
    return Exchange(initiation, response, sending, receiving)


def transport_data(key: bytes, receiver: int, counter: int, packet: bytes) -> bytes:
    """WP §5.4.6: the packet padded with zeros to a multiple of 16, no associated data."""
    padded = packet + bytes(-len(packet) % 16)
    header = b"\x04\0\0\0" + receiver.to_bytes(4, "little") + counter.to_bytes(8, "little")
    return header + aead(key, counter, padded, EMPTY)


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """draft-irtf-cfrg-xchacha-03 §2.2, with the quarter round of RFC 8439 §2.1, round by round."""
    state = [
        int.from_bytes((b"expand 32-byte k" + key + nonce)[i : i + 4], "little") for i in range(0, 64, 4)
    ]

    def rotate(word: int, bits: int) -> int:
        return (word << bits | word >> 32 - bits) & 0xFFFFFFFF

    def quarter_round(a: int, b: int, c: int, d: int) -> None:
        for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            state[z] = rotate(state[z] ^ state[x], bits)

    for _ in range(10):
        for i in range(4):
            quarter_round(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter_round(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12)
    return b"".join(word.to_bytes(4, "little") for word in state[:4] + state[12:])


def xaead(key: bytes, nonce: bytes, plain: bytes, auth: bytes) -> bytes:
    """draft-irtf-cfrg-xchacha-03 §2.3: 16 bytes of the nonce go into the key, 8 stay a nonce."""
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])).encrypt(bytes(4) + nonce[16:], plain, auth)


def cookie_reply(
    static_r: bytes, secret: bytes, address: bytes, port: int, message: bytes, nonce: bytes
) -> bytes:
    """WP §5.4.7: the reply to a handshake message that came from this address and port."""
    tau = mac(secret, address + port.to_bytes(2, "big"))
    encrypted = xaead(hash_(LABEL_COOKIE + pub(static_r)), nonce, tau, message[-32:-16])
    return b"\x03\0\0\0" + message[4:8] + nonce + encrypted
