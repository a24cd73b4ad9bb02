"""The HandshakeState object: interprets a handshake pattern, message by message (section 5.3).

Rule: a message changes everything or nothing. If one cannot be written or read, whatever the reason, the
state is exactly what it was before. The specification lets a handshake die of its first error; but a protocol
over datagrams, such as WireGuard, must be able to drop a forged one and read the next.
"""

from collections.abc import Callable, Sequence

from .ciphers import TAG_LENGTH
from .cipherstate import MAX_MESSAGE_LENGTH, CipherState
from .dh import KeyPair, RandomBytes
from .errors import (
    InvalidKeyError,
    InvalidPublicKeyError,
    MessageTooLongError,
    MessageTooShortError,
    MissingKeyError,
    UnexpectedKeyError,
    WrongTurnError,
)
from .protocol import Protocol
from .symmetricstate import SymmetricState

PSK_LENGTH = 32

DH_KEYS = {
    True: {"ee": ("e", "re"), "es": ("e", "rs"), "se": ("s", "re"), "ss": ("s", "rs")},
    False: {"ee": ("e", "re"), "es": ("s", "re"), "se": ("e", "rs"), "ss": ("s", "rs")},
}
"""Which of our key pairs meets which public key of the other party, for the initiator (True) and the
responder (False): the first letter of a token stands for the initiator's key, the second for the
responder's."""


class HandshakeState:
    """One party's side of one handshake.

    The constructor is Initialize(handshake_pattern, initiator, prologue, s, e, rs, re):

    - *prologue*: bytes of any length that both parties must know alike (section 6);
    - *s*, *rs*: our static key pair and the other party's static public key: those that the pattern needs
      beforehand, and no others;
    - *e*, *re*: the same of the ephemeral keys. Only a fallback needs them, and they are those of the message
      that failed. Otherwise our ephemeral key pair is made from *rng* when it is to be sent, and a fixed *e*
      in its place is for tests;
    - *psks*: pre-shared keys of 32 bytes, one for each psk token in their order; :meth:`set_psk` can supply
      them later.

    ``rs`` and ``re`` can be read as soon as a message has brought them.
    Raises :class:`MissingKeyError`, :class:`UnexpectedKeyError`, :class:`InvalidKeyError`.
    """

    __slots__ = (
        "_next",
        "_psks",
        "_psks_used",
        "_rng",
        "_split",
        "e",
        "initiator",
        "protocol",
        "re",
        "rs",
        "s",
        "symmetric",
    )

    def __init__(
        self,
        protocol: Protocol,
        *,
        initiator: bool,
        prologue: bytes = b"",
        s: KeyPair | None = None,
        e: KeyPair | None = None,
        rs: bytes | None = None,
        re: bytes | None = None,
        psks: Sequence[bytes] = (),
        rng: RandomBytes | None = None,
    ) -> None:
        self.protocol = protocol
        self.initiator = initiator
        self.s, self.e, self.rs, self.re = s, e, rs, re
        self._rng = rng
        self._check_keys()
        self._psks: list[bytes | None] = [None] * protocol.pattern.psk_count
        self._psks_used = 0
        for index, psk in enumerate(psks):
            self.set_psk(psk, index)
        self._next = 0
        self._split = False
        self.symmetric = SymmetricState(protocol.name.encode(), protocol.cipher, protocol.hash)
        self.symmetric.mix_hash(prologue)
        self._mix_pre_messages()

    def _check_keys(self) -> None:
        """See that the keys are those that the pattern needs beforehand, no fewer and no more."""
        pattern, dhlen = self.protocol.pattern, self.protocol.dh.dhlen
        required = pattern.required_keys[self.initiator]
        sends_e = pattern.sends_ephemeral[self.initiator]
        if sends_e and self.e is None and self._rng is None:
            raise MissingKeyError(f"{pattern.name} sends an ephemeral key: rng is needed to make it")
        for name in ("s", "e", "rs", "re"):
            key = getattr(self, name)
            if key is None:
                if name in required:
                    raise MissingKeyError(f"{pattern.name} needs {name} before the handshake")
            elif name not in required and not (name == "e" and sends_e):
                raise UnexpectedKeyError(f"{pattern.name} has no use for {name} before the handshake")
            elif len(key if name.startswith("r") else key.public) != dhlen:
                raise InvalidPublicKeyError(f"{name} is not a public key of {dhlen} bytes")

    def _mix_pre_messages(self) -> None:
        """Mix the public keys that both parties know beforehand into the hash, the initiator's first."""
        for line in self.protocol.pattern.pre_messages:
            for token in line.tokens:
                if line.from_initiator == self.initiator:
                    self._mix_public_key(token, getattr(self, token).public)
                else:
                    self._mix_public_key(token, getattr(self, "r" + token))

    @property
    def finished(self) -> bool:
        """Whether the last message has been written or read, so that :meth:`split` is due."""
        return self._next == len(self.protocol.pattern.messages)

    @property
    def my_turn(self) -> bool:
        """Whether :meth:`write_message` is due."""
        messages = self.protocol.pattern.messages
        return not self.finished and messages[self._next].from_initiator == self.initiator

    @property
    def handshake_hash(self) -> bytes:
        """GetHandshakeHash(): HASHLEN bytes that name this handshake, for channel binding (section 11.2).

        Raises :class:`WrongTurnError` before the handshake is finished.
        """
        if not self.finished:
            raise WrongTurnError("there is no handshake hash before the handshake is finished")
        return self.symmetric.h

    def set_psk(self, psk: bytes, index: int = 0) -> None:
        """Supply the psk (32 bytes) of the pattern's psk token number *index*, counted from 0.

        This may be done at any time before the message with that token; a responder can so choose the psk by
        the static key that an earlier message has brought. Raises :class:`InvalidKeyError`, or
        :class:`UnexpectedKeyError` if there is no such token or it has been processed.
        """
        if len(psk) != PSK_LENGTH:
            raise InvalidKeyError(f"a psk has {PSK_LENGTH} bytes, not {len(psk)}")
        if not self._psks_used <= index < len(self._psks):
            raise UnexpectedKeyError(f"{self.protocol.name} has no use for psk number {index} now")
        self._psks[index] = psk

    def write_message(self, payload: bytes = b"") -> bytes:
        """WriteMessage(payload): our next message, at most 65535 bytes.

        Raises, and then has changed nothing: :class:`WrongTurnError`, :class:`MessageTooLongError`,
        :class:`MissingKeyError` (a psk), :class:`InvalidPublicKeyError` (the other's key is of low order).
        """
        return self._all_or_nothing(self._write, payload)

    def read_message(self, message: bytes) -> bytes:
        """ReadMessage(message): the payload of the other party's next message.

        Raises, and then has changed nothing: :class:`AuthenticationError`, :class:`MessageTooShortError`,
        :class:`MessageTooLongError`, :class:`InvalidPublicKeyError`, :class:`WrongTurnError`,
        :class:`MissingKeyError` (a psk).
        """
        return self._all_or_nothing(self._read, message)

    def split(self) -> tuple[CipherState, ...]:
        """Split(): the CipherStates for transport messages, first the initiator's, then the responder's.

        After a one-way pattern there is the first only (section 7.4). The handshake is over, and drops its
        secrets. Raises :class:`WrongTurnError` before it is finished, and at the second call: two
        CipherStates with the same key would use each nonce twice.
        """
        if not self.finished or self._split:
            raise WrongTurnError("a handshake is split once, when it is finished")
        self._split = True
        ciphers = self.symmetric.split()
        self.symmetric.ck = b""
        self.symmetric.cipher_state.initialize_key(None)
        self.e = None
        self._psks.clear()
        return ciphers[:1] if self.protocol.pattern.one_way else ciphers

    def _all_or_nothing(self, step: Callable[[bytes], bytes], data: bytes) -> bytes:
        before = self.symmetric, self.e, self.rs, self.re, self._next, self._psks_used
        self.symmetric = self.symmetric.copy()
        try:
            return step(data)
        except BaseException:
            self.symmetric, self.e, self.rs, self.re, self._next, self._psks_used = before
            raise

    def _write(self, payload: bytes) -> bytes:
        message = b""
        for token in self._next_tokens(writing=True):
            match token:
                case "e":
                    message += self._write_ephemeral()
                case "s":
                    assert self.s is not None  # _check_keys has seen to it
                    message += self.symmetric.encrypt_and_hash(self.s.public)
                case _:
                    self._mix_secret(token)
        message += self.symmetric.encrypt_and_hash(payload)
        _check_length(message)
        return message

    def _read(self, message: bytes) -> bytes:
        _check_length(message)
        dhlen = self.protocol.dh.dhlen
        for token in self._next_tokens(writing=False):
            match token:
                case "e":
                    self.re, message = _take(message, dhlen)
                    self._mix_public_key(token, self.re)
                case "s":
                    has_key = self.symmetric.cipher_state.has_key()
                    encrypted, message = _take(message, dhlen + TAG_LENGTH if has_key else dhlen)
                    self.rs = self.symmetric.decrypt_and_hash(encrypted)
                case _:
                    self._mix_secret(token)
        return self.symmetric.decrypt_and_hash(message)

    def _next_tokens(self, *, writing: bool) -> tuple[str, ...]:
        if self.finished:
            raise WrongTurnError("the handshake is finished and has no further message")
        line = self.protocol.pattern.messages[self._next]
        if (line.from_initiator == self.initiator) != writing:
            raise WrongTurnError(f"the next message, '{line}', is to be {'read' if writing else 'written'}")
        self._next += 1
        return line.tokens

    def _write_ephemeral(self) -> bytes:
        if self.e is None:
            assert self._rng is not None  # _check_keys has seen to it
            self.e = self.protocol.dh.generate_keypair(self._rng)
        self._mix_public_key("e", self.e.public)
        return self.e.public

    def _mix_public_key(self, name: str, public: bytes) -> None:
        self.symmetric.mix_hash(public)
        if name == "e" and self._psks:
            # Into the keys as well, for a psk alone would yield the same ones each time (section 9.2).
            self.symmetric.mix_key(public)

    def _mix_secret(self, token: str) -> None:
        if token in DH_KEYS[self.initiator]:
            ours, theirs = DH_KEYS[self.initiator][token]
            self.symmetric.mix_key(getattr(self, ours).dh(getattr(self, theirs)))
        else:
            psk = self._psks[self._psks_used]
            if psk is None:
                raise MissingKeyError(f"psk number {self._psks_used} has not been supplied")
            self._psks_used += 1
            self.symmetric.mix_key_and_hash(psk)


def _take(message: bytes, length: int) -> tuple[bytes, bytes]:
    if len(message) < length:
        raise MessageTooShortError(
            f"a public key of {length} bytes is due, and {len(message)} bytes are left"
        )
    return message[:length], message[length:]


def _check_length(message: bytes) -> None:
    if len(message) > MAX_MESSAGE_LENGTH:
        raise MessageTooLongError(f"a message has at most {MAX_MESSAGE_LENGTH} bytes, not {len(message)}")
