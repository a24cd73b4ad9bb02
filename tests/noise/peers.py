"""The noise room's helper: one interface over our implementation and two independent ones.

All of them get fixed ephemeral keys, so that their messages can be compared byte for byte.
"""

import warnings
from abc import ABC, abstractmethod
from typing import Any

from dissononce.cipher.aesgcm import AESGCMCipher
from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x448.x448 import X448DH
from dissononce.dh.x25519.private import PrivateKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.extras.dh.dangerous.dh_nogen import NoGenDH
from dissononce.hash.blake2b import Blake2bHash
from dissononce.hash.blake2s import Blake2sHash
from dissononce.hash.sha256 import SHA256Hash
from dissononce.hash.sha512 import SHA512Hash
from dissononce.processing.handshakepatterns.handshakepattern import (
    HandshakePattern,
)
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from noise.backends.default.backend import DefaultNoiseBackend
from noise.connection import Keypair, NoiseConnection
from noise.functions.patterns import Pattern

from glasstunnel import noise
from tests.noise import spec

PROLOGUE = b"a prologue that both know"


def public(private: bytes) -> bytes:
    return (noise.CURVE448 if len(private) == 56 else noise.CURVE25519).keypair(private).public


class Peer(ABC):
    """One party of a protocol: *pattern* with psks at *positions*, with the keys of ``tests.noise.spec``."""

    finished = False

    def __init__(self, pattern: str, positions: tuple[int, ...], suite: str, initiator: bool) -> None:
        self.pattern, self.positions, self.suite, self.initiator = pattern, positions, suite, initiator
        self.name = f"Noise_{spec.with_modifiers(pattern, positions)}_{suite}"
        self.psks = spec.PSKS[: len(positions)]
        self.e = spec.private(spec.INITIATOR_EPHEMERAL if initiator else spec.RESPONDER_EPHEMERAL, suite)
        has_s, has_rs = spec.needs(pattern, initiator)
        mine, theirs = (spec.private(key, suite) for key in (spec.INITIATOR_STATIC, spec.RESPONDER_STATIC))
        if not initiator:
            mine, theirs = theirs, mine
        self.s = mine if has_s else None
        self.rs = public(theirs) if has_rs else None
        before = spec.SPOKEN[pattern][:2] if initiator else spec.SPOKEN[pattern][1::-1]
        self.knows_e = "e" in before[0]  # it has sent it already, in another handshake
        others = spec.RESPONDER_EPHEMERAL if initiator else spec.INITIATOR_EPHEMERAL
        self.re = public(spec.private(others, suite)) if "e" in before[1] else None
        self.one_way = len(pattern) == 1
        self.start()

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def write(self, payload: bytes) -> bytes: ...

    @abstractmethod
    def read(self, message: bytes) -> bytes: ...

    @abstractmethod
    def handshake_hash(self) -> bytes: ...

    @abstractmethod
    def send(self, payload: bytes) -> bytes: ...

    @abstractmethod
    def receive(self, message: bytes) -> bytes: ...

    @abstractmethod
    def rekey(self, *, sending: bool) -> None: ...


class Ours(Peer):
    def start(self) -> None:
        protocol = noise.Protocol.parse(self.name)
        keypair = protocol.dh.keypair
        self.state = noise.HandshakeState(
            protocol,
            initiator=self.initiator,
            prologue=PROLOGUE,
            s=keypair(self.s) if self.s else None,
            rs=self.rs,
            e=keypair(self.e) if self.knows_e else None,
            re=self.re,
            # What rng returns becomes the ephemeral private key. A one-way responder needs neither.
            rng=None if self.one_way and not self.initiator else lambda length: self.e[:length],
        )
        for index, psk in enumerate(self.psks):
            self.state.set_psk(psk, index)

    def split_when_finished(self) -> None:
        if self.state.finished:
            self.finished = True
            ciphers = self.state.split()
            assert len(ciphers) == 2 - self.one_way
            if self.initiator or self.one_way:
                self.sending, self.receiving = ciphers[0], ciphers[-1]
            else:
                self.sending, self.receiving = ciphers[1], ciphers[0]

    def write(self, payload: bytes) -> bytes:
        assert self.state.my_turn
        message = self.state.write_message(payload)
        self.split_when_finished()
        return message

    def read(self, message: bytes) -> bytes:
        assert not self.state.my_turn
        payload = self.state.read_message(message)
        self.split_when_finished()
        return payload

    def handshake_hash(self) -> bytes:
        return self.state.handshake_hash

    def send(self, payload: bytes) -> bytes:
        return self.sending.encrypt_with_ad(b"", payload)

    def receive(self, message: bytes) -> bytes:
        return self.receiving.decrypt_with_ad(b"", message)

    def rekey(self, *, sending: bool) -> None:
        (self.sending if sending else self.receiving).rekey()


class NoiseprotocolBackend(DefaultNoiseBackend):  # type: ignore[misc]  # it has no types
    """Gives it the restated tokens: it knows the fundamental patterns only, and no fallback."""

    def __init__(self, pattern: str, positions: tuple[int, ...]) -> None:
        super().__init__()
        before, responder_before, lines = spec.SPOKEN[pattern]
        self.modifiers = [f"psk{position}" for position in positions]

        class Restated(Pattern):  # type: ignore[misc]  # it has no types
            def __init__(self) -> None:
                super().__init__()
                self.name = pattern
                self.one_way = len(pattern) == 1
                self.pre_messages = [before.split(), responder_before.split()]
                self.tokens = [line.split() for line in lines]

            def get_required_keypairs(self, initiator: bool) -> list[str]:
                return [
                    key
                    for key, needed in zip(("s", "rs"), spec.needs(pattern, initiator), strict=True)
                    if needed
                ]

        self.patterns = {pattern: Restated}
        self.pattern = pattern

    def map_protocol_name_to_crypto(self, unpacked_name: Any) -> Any:
        """The name is taken apart by us: it would take the digits of X1N for a modifier."""
        unpacked_name.pattern, unpacked_name.pattern_modifiers = self.pattern, self.modifiers
        return super().map_protocol_name_to_crypto(unpacked_name)


class Noiseprotocol(Peer):
    """The package ``noiseprotocol``."""

    def start(self) -> None:
        self.connection = NoiseConnection.from_name(
            self.name.encode(), NoiseprotocolBackend(self.pattern, self.positions)
        )
        self.connection.set_prologue(PROLOGUE)
        if self.initiator:
            self.connection.set_as_initiator()
        else:
            self.connection.set_as_responder()
        if self.psks:
            self.connection.set_psks(psks=self.psks)
        self.connection.set_keypair_from_private_bytes(Keypair.EPHEMERAL, self.e)
        if self.s:
            self.connection.set_keypair_from_private_bytes(Keypair.STATIC, self.s)
        if self.rs:
            self.connection.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, self.rs)
        if self.re:
            self.connection.set_keypair_from_public_bytes(Keypair.REMOTE_EPHEMERAL, self.re)
        with warnings.catch_warnings():
            # It warns that a fixed ephemeral key is for testing only, which is what this is.
            warnings.filterwarnings("ignore", message="One of ephemeral keypairs", category=UserWarning)
            self.connection.start_handshake()

    def write(self, payload: bytes) -> bytes:
        message = bytes(self.connection.write_message(payload))
        self.finished = self.connection.handshake_finished
        return message

    def read(self, message: bytes) -> bytes:
        payload = bytes(self.connection.read_message(message))
        self.finished = self.connection.handshake_finished
        return payload

    def handshake_hash(self) -> bytes:
        return bytes(self.connection.get_handshake_hash())

    def send(self, payload: bytes) -> bytes:
        return bytes(self.connection.encrypt(payload))

    def receive(self, message: bytes) -> bytes:
        return bytes(self.connection.decrypt(message))

    def rekey(self, *, sending: bool) -> None:
        if sending:
            self.connection.rekey_outbound_cipher()
        else:
            self.connection.rekey_inbound_cipher()


DISSONONCE_DH = {"25519": X25519DH, "448": X448DH}
DISSONONCE_CIPHERS = {"ChaChaPoly": ChaChaPolyCipher, "AESGCM": AESGCMCipher}
DISSONONCE_HASHES = {
    "SHA256": SHA256Hash,
    "SHA512": SHA512Hash,
    "BLAKE2s": Blake2sHash,
    "BLAKE2b": Blake2bHash,
}


class Dissononce(Peer):
    """The package ``dissononce``.

    Its own psk modifier refuses two psks in one message, so its pattern is made from the restated tokens.
    """

    def start(self) -> None:
        curve, cipher, hash_ = self.suite.split("_")
        symmetric = SymmetricState(CipherState(DISSONONCE_CIPHERS[cipher]()), DISSONONCE_HASHES[hash_]())
        dh = NoGenDH(DISSONONCE_DH[curve](), PrivateKey(self.e))
        before, responder_before, _ = spec.SPOKEN[self.pattern]
        self.state = HandshakeState(symmetric, dh)
        self.state.initialize(
            HandshakePattern(
                spec.with_modifiers(self.pattern, self.positions),
                tuple(map(tuple, spec.tokens_with_psk(self.pattern, self.positions))),
                tuple(before.split()),
                tuple(responder_before.split()),
            ),
            self.initiator,
            PROLOGUE,
            s=dh.generate_keypair(PrivateKey(self.s)) if self.s else None,
            e=dh.generate_keypair() if self.knows_e else None,
            rs=dh.create_public(self.rs) if self.rs else None,
            re=dh.create_public(self.re) if self.re else None,
            psks=self.psks,
        )
        assert self.state.protocol_name == self.name

    def keep(self, ciphers: "tuple[CipherState, CipherState] | None") -> None:
        if ciphers is not None:
            self.finished = True
            self.sending, self.receiving = ciphers if self.initiator else ciphers[::-1]

    def write(self, payload: bytes) -> bytes:
        message = bytearray()
        self.keep(self.state.write_message(payload, message))
        return bytes(message)

    def read(self, message: bytes) -> bytes:
        payload = bytearray()
        self.keep(self.state.read_message(message, payload))
        return bytes(payload)

    def handshake_hash(self) -> bytes:
        return bytes(self.state.symmetricstate.get_handshake_hash())

    def send(self, payload: bytes) -> bytes:
        return bytes(self.sending.encrypt_with_ad(b"", payload))

    def receive(self, message: bytes) -> bytes:
        return bytes(self.receiving.decrypt_with_ad(b"", message))

    def rekey(self, *, sending: bool) -> None:
        """Restated from sections 4.2 and 11.3, on its own encryption.

        Its own rekey keeps 48 bytes as the key, and sets the nonce to zero.
        """
        state = self.sending if sending else self.receiving
        nonce = state._nonce
        state.initialize_key(state.cipher.encrypt(state._key, 2**64 - 1, b"", bytes(32))[:32])
        state.set_nonce(nonce)
