"""The handshake: Noise_IKpsk2 with WireGuard's prologue, its timestamp and its indices, for both roles.

Rule: Noise does the cryptography (:mod:`glasstunnel.noise`), this module says what is put into it: prologue,
payload and the moment at which the pre-shared key is needed. Whatever fails, fails as :class:`HandshakeError`
and changes nothing. Section: WP §5.4.2 (initiation), §5.4.3 (response), §5.4.5 (transport keys).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from glasstunnel.noise import HandshakeState, KeyPair, NoiseError, Protocol
from glasstunnel.wireguard.crypto import TIMESTAMP_SIZE
from glasstunnel.wireguard.messages import Initiation, Response

CONSTRUCTION: Final = Protocol.parse("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
IDENTIFIER: Final = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
KEY_SIZE: Final = 32
NO_PSK: Final = bytes(KEY_SIZE)
"""Thirty-two zeros: the pre-shared key is always mixed in, and this is what it is where there is none."""

Rng = Callable[[int], bytes]


class HandshakeError(Exception):
    """A handshake message that is not authentic, or a key with which no handshake is possible."""


@dataclass(frozen=True, slots=True)
class TransportKeys:
    """What a handshake is for: two 32-byte keys and the index by which the other side knows the session."""

    sending: bytes = field(repr=False)
    receiving: bytes = field(repr=False)
    remote_index: int


class InitiatorHandshake:
    """Writes the initiation, waits, reads the response.

    Args:
        static: our static keypair.
        remote_static: the responder's static public key, 32 bytes; the initiator knows it beforehand
            (pattern IK).
        rng: randomness for the ephemeral key.
    """

    __slots__ = ("_noise",)

    def __init__(self, static: KeyPair, remote_static: bytes, rng: Rng) -> None:
        self._noise = HandshakeState(
            CONSTRUCTION, initiator=True, prologue=IDENTIFIER, s=static, rs=remote_static, rng=rng
        )

    def create_initiation(self, sender: int, timestamp: bytes) -> Initiation:
        """Message 1: tokens e, es, s, ss and the timestamp (12 bytes TAI64N) as payload.

        Raises:
            HandshakeError: if the responder's public key is of low order.
        """
        try:
            message = self._noise.write_message(timestamp)
        except NoiseError as error:
            raise HandshakeError(str(error)) from error
        return Initiation(
            sender, ephemeral=message[:32], encrypted_static=message[32:80], encrypted_timestamp=message[80:]
        )

    @property
    def ephemeral_private(self) -> bytes:
        """Our ephemeral private key, 32 bytes, between initiation and response: for a key log."""
        assert self._noise.e is not None  # create_initiation has made it
        return self._noise.e.private

    def consume_response(self, response: Response, psk: bytes) -> TransportKeys:
        """Message 2: tokens e, ee, se, psk and an empty payload; then the transport keys.

        A response that fails leaves the handshake waiting for the right one.

        Raises:
            HandshakeError: if the response does not answer our initiation, or was made with another
            pre-shared key.
        """
        try:
            self._noise.set_psk(psk)
            self._noise.read_message(response.ephemeral + response.encrypted_nothing)
            to_responder, to_initiator = self._noise.split()
        except NoiseError as error:
            raise HandshakeError(str(error)) from error
        return TransportKeys(to_responder.key, to_initiator.key, response.sender)


class ResponderHandshake:
    """Reads an initiation, learns whose it is, writes the response.

    Args:
        static: our static keypair.
        rng: randomness for the ephemeral key.
    """

    __slots__ = ("_ephemeral", "_noise", "_remote_index", "remote_static", "timestamp")

    def __init__(self, static: KeyPair, rng: Rng) -> None:
        self._noise = HandshakeState(CONSTRUCTION, initiator=False, prologue=IDENTIFIER, s=static, rng=rng)
        self._remote_index = 0
        self._ephemeral: KeyPair | None = None
        self.remote_static = b""
        """Static public key of the initiator, authentic once :meth:`consume_initiation` has returned."""
        self.timestamp = b""
        """Timestamp of the initiation, 12 bytes; likewise."""

    def consume_initiation(self, initiation: Initiation) -> None:
        """Message 1: learn the initiator's static key and timestamp.

        Raises:
            HandshakeError: if the initiation was not written for us by the owner of the static key in it.
        """
        message = initiation.ephemeral + initiation.encrypted_static + initiation.encrypted_timestamp
        try:
            timestamp = self._noise.read_message(message)
        except NoiseError as error:
            raise HandshakeError(str(error)) from error
        assert len(timestamp) == TIMESTAMP_SIZE
        assert self._noise.rs is not None
        self.timestamp = timestamp
        self.remote_static = self._noise.rs
        self._remote_index = initiation.sender

    def create_response(self, sender: int, psk: bytes) -> tuple[Response, TransportKeys]:
        """Message 2 and the transport keys. Only now, when the initiator is known, is the pre-shared key
        chosen.

        Nothing can fail here any more: :meth:`consume_initiation` has used both of the initiator's keys.
        """
        self._noise.set_psk(psk)
        message = self._noise.write_message(b"")
        self._ephemeral = self._noise.e
        to_responder, to_initiator = self._noise.split()
        response = Response(
            sender, self._remote_index, ephemeral=message[:32], encrypted_nothing=message[32:]
        )
        return response, TransportKeys(to_initiator.key, to_responder.key, self._remote_index)

    @property
    def ephemeral_private(self) -> bytes:
        """Our ephemeral private key, 32 bytes, once there is a response: for a key log."""
        assert self._ephemeral is not None  # create_response has made it
        return self._ephemeral.private
