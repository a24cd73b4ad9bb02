"""The primitives against the vectors of their standards, as the protocols reach them."""

import dataclasses
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.noise import CURVE448, CURVE25519, CipherState, InvalidKeyError, InvalidPublicKeyError
from glasstunnel.noise.ciphers import AESGCM, CHACHAPOLY, CIPHERS
from glasstunnel.noise.dh import DH_FUNCTIONS
from glasstunnel.noise.hashes import BLAKE2B, BLAKE2S, HASHES, SHA256, SHA512, Hash

unhex = bytes.fromhex


def test_the_functions_of_section_12_have_their_names() -> None:
    assert set(DH_FUNCTIONS) == {"25519", "448"}
    assert set(CIPHERS) == {"ChaChaPoly", "AESGCM"}
    assert set(HASHES) == {"SHA256", "SHA512", "BLAKE2s", "BLAKE2b"}


# DH: RFC 7748


@pytest.mark.parametrize(
    ("scalar", "u", "result"),
    [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ],
)
def test_25519_gives_the_results_of_rfc_7748_section_5_2(scalar: str, u: str, result: str) -> None:
    assert CURVE25519.keypair(unhex(scalar)).dh(unhex(u)) == unhex(result)


def test_25519_iterated_a_thousand_times_gives_the_result_of_rfc_7748_section_5_2() -> None:
    k = u = (9).to_bytes(32, "little")
    for _ in range(1000):
        k, u = CURVE25519.keypair(k).dh(u), k
    assert k == unhex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")


def test_25519_agrees_on_the_secret_of_rfc_7748_section_6_1() -> None:
    alice = CURVE25519.keypair(unhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    bob = CURVE25519.keypair(unhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    assert alice.public == unhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    assert bob.public == unhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
    shared = unhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    assert alice.dh(bob.public) == bob.dh(alice.public) == shared


@pytest.mark.parametrize(
    ("scalar", "u", "result"),
    [
        (
            "3d262fddf9ec8e88495266fea19a34d28882acef045104d0d1aae121700a779c984c24f8cdd78fbff44943eba368f54b29259a4f1c600ad3",
            "06fce640fa3487bfda5f6cf2d5263f8aad88334cbd07437f020f08f9814dc031ddbdc38c19c6da2583fa5429db94ada18aa7a7fb4ef8a086",
            "ce3e4ff95a60dc6697da1db1d85e6afbdf79b50a2412d7546d5f239fe14fbaadeb445fc66a01b0779d98223961111e21766282f73dd96b6f",
        ),
        (
            "203d494428b8399352665ddca42f9de8fef600908e0d461cb021f8c538345dd77c3e4806e25f46d3315c44e0a5b4371282dd2c8d5be3095f",
            "0fbcc2f993cd56d3305b0b7d9e55d4c1a8fb5dbb52f8e9a1e9b6201b165d015894e56c4d3570bee52fe205e28a78b91cdfbde71ce8d157db",
            "884a02576239ff7a2f2f63b2db6a9ff37047ac13568e1e30fe63c4a7ad1b3ee3a5700df34321d62077e63633c575c1c954514e99da7c179d",
        ),
    ],
)
def test_448_gives_the_results_of_rfc_7748_section_5_2(scalar: str, u: str, result: str) -> None:
    assert CURVE448.keypair(unhex(scalar)).dh(unhex(u)) == unhex(result)


def test_448_has_keys_and_secrets_of_56_bytes() -> None:
    """Section 12.2."""
    alice, bob = CURVE448.keypair(b"\1" * 56), CURVE448.keypair(b"\2" * 56)
    assert len(alice.public) == len(alice.dh(bob.public)) == CURVE448.dhlen == 56
    assert alice.dh(bob.public) == bob.dh(alice.public)
    with pytest.raises(InvalidKeyError, match="a 448 private key has 56 bytes, not 32"):
        CURVE448.keypair(bytes(32))


P448 = 2**448 - 2**224 - 1


@pytest.mark.parametrize("u", [0, 1, P448 - 1, P448, P448 + 1])
def test_a_point_of_low_order_on_curve448_shares_no_secret(u: int) -> None:
    with pytest.raises(InvalidPublicKeyError, match="no secret can be shared with the 448 public key"):
        CURVE448.keypair(bytes(range(56))).dh(u.to_bytes(56, "little"))


P = 2**255 - 19
LOW_ORDER_POINTS = [
    bytes(32),
    (1).to_bytes(32, "little"),
    unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    (P - 1).to_bytes(32, "little"),
    P.to_bytes(32, "little"),
    (P + 1).to_bytes(32, "little"),
]
"""The u-coordinates of order 1, 2, 4 and 8 on the curve and on its twist, below 2**255."""


@pytest.mark.parametrize("point", LOW_ORDER_POINTS, ids=bytes.hex)
def test_a_point_of_low_order_shares_no_secret(point: bytes) -> None:
    keypair = CURVE25519.keypair(bytes(range(32)))
    with pytest.raises(InvalidPublicKeyError, match=f"25519 public key {point.hex()}"):
        keypair.dh(point)
    with pytest.raises(InvalidPublicKeyError):
        keypair.dh(point[:31] + bytes([point[31] | 0x80]))  # X25519 ignores the top bit
    with pytest.raises(InvalidPublicKeyError):
        keypair.precompute(point)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_have_dhlen_bytes(length: int) -> None:
    with pytest.raises(InvalidKeyError, match=f"a 25519 private key has 32 bytes, not {length}"):
        CURVE25519.keypair(bytes(length))
    with pytest.raises(InvalidKeyError, match=f"not {length}"):
        CURVE25519.generate_keypair(lambda _: bytes(length))
    with pytest.raises(InvalidPublicKeyError):
        CURVE25519.keypair(bytes(32)).dh(b"\x09" * length)


def test_a_key_pair_is_made_of_32_random_bytes() -> None:
    asked: list[int] = []

    def rng(length: int) -> bytes:
        asked.append(length)
        return bytes(range(length))

    keypair = CURVE25519.generate_keypair(rng)
    assert asked == [32]
    assert keypair.private == bytes(range(32))
    assert keypair.public == CURVE25519.keypair(bytes(range(32))).public


def test_a_key_pair_does_not_show_its_private_key() -> None:
    keypair = CURVE25519.keypair(bytes(range(32)))
    assert repr(keypair) == f"<KeyPair 25519 public={keypair.public.hex()}>"


def test_a_precomputed_secret_is_remembered_until_it_is_forgotten() -> None:
    computed: list[bytes] = []

    def counting(public: bytes) -> X25519PublicKey:
        computed.append(public)
        return X25519PublicKey.from_public_bytes(public)

    ours = dataclasses.replace(CURVE25519, public_key=counting).keypair(b"\1" * 32)
    theirs = CURVE25519.keypair(b"\2" * 32)
    secret = theirs.dh(ours.public)
    ours.precompute(theirs.public)
    assert ours.dh(theirs.public) == ours.dh(theirs.public) == secret
    assert computed == [theirs.public]
    for _ in range(2):
        ours.forget(theirs.public)
    assert ours.dh(theirs.public) == secret
    assert computed == [theirs.public] * 2


# Cipher functions: RFC 8439 and the GCM specification


def test_chachapoly_decrypts_the_example_of_rfc_8439_appendix_a_5() -> None:
    key = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0"
    state = CipherState(CHACHAPOLY, unhex(key))
    state.set_nonce(0x0807060504030201)  # on the wire 00 00 00 00 01 02 03 04 05 06 07 08
    ad = unhex("f33388860000000000004e91")
    ciphertext = unhex(
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0"
        "bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
        "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e9"
        "9040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
        "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130"
        "305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38"
    )
    plaintext = state.decrypt_with_ad(ad, ciphertext)
    assert plaintext.startswith(
        b"Internet-Drafts are draft documents valid for a maximum of six months and may"
    )
    assert plaintext.endswith("/“work in progress./”".encode())
    state.set_nonce(0x0807060504030201)
    assert state.encrypt_with_ad(ad, plaintext) == ciphertext


@pytest.mark.parametrize(
    ("plaintext", "ciphertext"),
    [
        ("", "530f8afbc74536b9a963b4f1c4cb738b"),
        ("00" * 16, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
    ],
)
def test_aesgcm_gives_test_cases_13_and_14_of_the_gcm_specification(plaintext: str, ciphertext: str) -> None:
    assert CipherState(AESGCM, bytes(32)).encrypt_with_ad(b"", unhex(plaintext)) == unhex(ciphertext)
    assert CipherState(AESGCM, bytes(32)).decrypt_with_ad(b"", unhex(ciphertext)) == unhex(plaintext)


def test_aesgcm_gives_test_case_16_of_the_gcm_specification() -> None:
    """Its nonce does not begin with four zero bytes, so no nonce of Noise stands for it."""
    key = unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
    plaintext = unhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    ciphertext = unhex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    )
    ad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    assert AESGCM.aead(key).encrypt(unhex("cafebabefacedbaddecaf888"), plaintext, ad) == ciphertext


def test_the_ciphers_write_their_nonces_in_opposite_orders() -> None:
    """Sections 12.3 and 12.4."""
    assert CHACHAPOLY.nonce(0x0102030405060708) == unhex("00000000 0807060504030201")
    assert AESGCM.nonce(0x0102030405060708) == unhex("00000000 0102030405060708")


# Hash functions: FIPS 180-4, RFC 7693, RFC 4231, RFC 5869


@pytest.mark.parametrize(
    ("function", "digest"),
    [
        (SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            SHA512,
            (
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
            ),
        ),
        (BLAKE2S, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"),
        (
            BLAKE2B,
            (
                "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
            ),
        ),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_hashes_of_abc_are_those_of_fips_180_4_and_rfc_7693(function: Hash, digest: str) -> None:
    assert function.hash(b"abc") == unhex(digest)
    assert function.hashlen == len(unhex(digest))


@pytest.mark.parametrize(
    ("key", "data", "sha256", "sha512"),
    [
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            (
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
                "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
            ),
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            (
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
            ),
        ),
        (
            b"\xaa" * 131,  # longer than a block
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            (
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
                "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
            ),
        ),
    ],
    ids=["case 1", "case 2", "case 6"],
)
def test_hmac_gives_the_test_cases_of_rfc_4231(key: bytes, data: bytes, sha256: str, sha512: str) -> None:
    assert SHA256.hmac(key, data) == unhex(sha256)
    assert SHA512.hmac(key, data) == unhex(sha512)


def test_hkdf_gives_test_case_3_of_rfc_5869() -> None:
    """The case without salt and info: no salt means HASHLEN zeros, and so does an empty HMAC key."""
    outputs = SHA256.hkdf(bytes(32), b"\x0b" * 22, 2)
    okm = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    assert b"".join(outputs)[:42] == unhex(okm)
    assert SHA256.hkdf(b"", b"\x0b" * 22, 2) == outputs


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_hmac_is_that_of_the_standard_library(key: bytes, data: bytes) -> None:
    for function in HASHES.values():
        assert function.hmac(key, data) == hmac.digest(key, data, function.name.lower())


@given(st.sampled_from(sorted(HASHES)), st.binary(max_size=56), st.data())
def test_hkdf_chains_hmac_as_section_4_3_says(name: str, material: bytes, data: st.DataObject) -> None:
    function = HASHES[name]
    chaining_key = data.draw(st.binary(min_size=function.hashlen, max_size=function.hashlen))
    temp_key = hmac.digest(chaining_key, material, name.lower())
    expected = [b""]
    for counter in (1, 2, 3):
        expected.append(hmac.digest(temp_key, expected[-1] + bytes([counter]), name.lower()))
    assert function.hkdf(chaining_key, material, 2) == tuple(expected[1:3])
    assert function.hkdf(chaining_key, material, 3) == tuple(expected[1:4])


def test_the_block_lengths_are_those_of_the_hashes() -> None:
    for function in HASHES.values():
        assert function.blocklen == hashlib.new(function.name.lower()).block_size
