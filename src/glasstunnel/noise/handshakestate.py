"""The HandshakeState object: interprets a handshake pattern, message by message (section 5.3).

Rule: a message changes everything or nothing. When one cannot be written or read, whatever the reason, the state is exactly what it was
before; so a forged datagram does not spoil a handshake that is under way. (The specification lets an implementation give up.)
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
"""Which of our key pairs meets which of the other's public keys, for the initiator (True) and the responder. The first letter
of a token is the initiator's key, the second the responder's."""


class HandshakeState:
    """One party's side of one handshake.

    The constructor is Initialize(handshake_pattern, initiator, prologue, s, e, rs, re):

    - *prologue*: bytes of any length, which both parties must know alike (section 6);
    - *s*, *rs*: our static key pair and the other's static public key; each is given if and only if the pattern
      needs it beforehand;
    - *e*, *re*: likewise the ephemeral keys; no fundamental pattern needs them. Without *e*, our ephemeral key pair is made from *rng*
      when its turn has come; a fixed *e* is for tests;
    - *psks*: pre-shared keys of 32 bytes, in the order of the pattern's psk tokens. What is missing may come later by :meth:`set_psk`.

    ``rs`` and ``re`` can be read as soon as a message has brought them.
    Raises :class:`MissingKeyError`, :class:`UnexpectedKeyError`, :class:`InvalidKeyError`.
    """

    __slots__ = (
        "_next", "_psks", "_psks_used", "_rng", "_split",
        "e", "initiator", "protocol", "re", "rs", "s", "symmetric",
    )  # fmt: skip

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
        """See that the keys beforehand are those that the pattern needs, no fewer and no more."""
        pattern, dh = self.protocol.pattern, self.protocol.dh
        required = pattern.required_keys[self.initiator]
        makes_e = self.initiator in pattern.ephemeral_senders
        keys = {"s": self.s, "e": self.e, "rs": self.rs, "re": self.re}
        for name, key in keys.items():
            if key is None:
                if name in required or (name == "e" and makes_e and self._rng is None):
                    raise MissingKeyError(
                        f"{pattern.name} needs {name}{' or rng' if makes_e else ''} at the start"
                    )
            elif name not in required and not (name == "e" and makes_e):
                raise UnexpectedKeyError(f"{pattern.name} has no use for {name} at the start")
            elif len(key.public if isinstance(key, KeyPair) else key) != dh.dhlen:
                raise InvalidPublicKeyError(f"{name}: a {dh.name} public key has {dh.dhlen} bytes")

    def _mix_pre_messages(self) -> None:
        """Hash the public keys that both parties know beforehand, the initiator's first."""
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
        return (
            not self.finished and self.protocol.pattern.messages[self._next].from_initiator == self.initiator
        )

    @property
    def handshake_hash(self) -> bytes:
        """GetHandshakeHash(): HASHLEN bytes that name this handshake (section 11.2), once it is finished.

        Raises :class:`WrongTurnError` before.
        """
        if not self.finished:
            raise WrongTurnError("there is no handshake hash before the handshake is finished")
        return self.symmetric.h

    def set_psk(self, psk: bytes, index: int = 0) -> None:
        """Supply the psk (32 bytes) for the pattern's psk token number *index*, counted from 0.

        This may be done at any time before the message of that token, so a responder can choose the psk by the static
        key that an earlier message has brought. Raises :class:`InvalidKeyError`, and :class:`UnexpectedKeyError` if there is no such
        token or its time is past.
        """
        if len(psk) != PSK_LENGTH:
            raise InvalidKeyError(f"a psk has {PSK_LENGTH} bytes, not {len(psk)}")
        if not self._psks_used <= index < len(self._psks):
            raise UnexpectedKeyError(f"{self.protocol.pattern.name} has no use for psk number {index} now")
        self._psks[index] = psk

    def write_message(self, payload: bytes = b"") -> bytes:
        """WriteMessage(payload): the next message, at most 65535 bytes.

        Raises, and then has changed nothing: :class:`WrongTurnError`, :class:`MessageTooLongError`,
        :class:`MissingKeyError` (a psk), :class:`InvalidPublicKeyError` (the other's key gives an all-zero secret).
        """
        return self._all_or_nothing(self._write, payload)

    def read_message(self, message: bytes) -> bytes:
        """ReadMessage(message): the payload of the other party's next message.

        Raises, and then has changed nothing: :class:`AuthenticationError`, :class:`MessageTooShortError`,
        :class:`MessageTooLongError`, :class:`InvalidPublicKeyError`, :class:`WrongTurnError`, :class:`MissingKeyError` (a psk).
        """
        return self._all_or_nothing(self._read, message)

    def split(self) -> tuple[CipherState, ...]:
        """Split(): the CipherStates of the transport messages, first the initiator's, then the responder's.

        After a one-way pattern there is only the first (section 7.4). The handshake is over with this, and its secrets are dropped.
        Raises :class:`WrongTurnError` before the handshake is finished, and at a second call: two CipherStates of one key
        would use every nonce twice.
        """
        if not self.finished or self._split:
            raise WrongTurnError("a handshake is split once, and only when it is finished")
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
            if token == "e":
                if self.e is None:
                    assert self._rng is not None  # _check_keys saw to it
                    self.e = self.protocol.dh.generate_keypair(self._rng)
                message += self.e.public
                self._mix_public_key(token, self.e.public)
            elif token == "s":
                assert self.s is not None  # _check_keys saw to it
                message += self.symmetric.encrypt_and_hash(self.s.public)
            else:
                self._mix_secret(token)
        message += self.symmetric.encrypt_and_hash(payload)
        _check_length(message)
        return message

    def _read(self, message: bytes) -> bytes:
        _check_length(message)
        dhlen = self.protocol.dh.dhlen
        for token in self._next_tokens(writing=False):
            if token == "e":
                self.re, message = _take(message, dhlen)
                self._mix_public_key(token, self.re)
            elif token == "s":
                tag_length = TAG_LENGTH if self.symmetric.cipher_state.has_key() else 0
                encrypted, message = _take(message, dhlen + tag_length)
                self.rs = self.symmetric.decrypt_and_hash(encrypted)
            else:
                self._mix_secret(token)
        return self.symmetric.decrypt_and_hash(message)

    def _next_tokens(self, *, writing: bool) -> tuple[str, ...]:
        if self.finished:
            raise WrongTurnError("the handshake is finished: there is no further message")
        line = self.protocol.pattern.messages[self._next]
        if (line.from_initiator == self.initiator) != writing:
            raise WrongTurnError(f"the next message, '{line}', is to be {'read' if writing else 'written'}")
        self._next += 1
        return line.tokens

    def _mix_public_key(self, token: str, public: bytes) -> None:
        self.symmetric.mix_hash(public)
        if token == "e" and self._psks:
            # With a psk an ephemeral key randomises the keys as well, lest a psk alone should encrypt (section 9.2).
            self.symmetric.mix_key(public)

    def _mix_secret(self, token: str) -> None:
        if token == "psk":
            psk = self._psks[self._psks_used]
            if psk is None:
                raise MissingKeyError(f"psk number {self._psks_used} has not been supplied")
            self._psks_used += 1
            self.symmetric.mix_key_and_hash(psk)
        else:
            ours, theirs = DH_KEYS[self.initiator][token]
            self.symmetric.mix_key(getattr(self, ours).dh(getattr(self, theirs)))


def _take(message: bytes, length: int) -> tuple[bytes, bytes]:
    if len(message) < length:
        raise MessageTooShortError(f"{length} bytes of a public key are due, {len(message)} are left")
    return message[:length], message[length:]


def _check_length(message: bytes) -> None:
    if len(message) > MAX_MESSAGE_LENGTH:
        raise MessageTooLongError(f"a message has at most {MAX_MESSAGE_LENGTH} bytes, not {len(message)}")
