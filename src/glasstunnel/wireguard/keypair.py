"""The keys of a session, and the three places they pass through.

Rule: a counter is used once; a keypair moves next → current → previous → gone; the responder's rests in
``next`` until the first authentic packet confirms it. Section: WP §5.4.5, §5.4.6, §6; kernel noise.c
``add_new_keypair``.
"""

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from glasstunnel.wireguard.parameters import Parameters
from glasstunnel.wireguard.replay import ReplayWindow


class Keypair:
    """Sending key and receiving key of one session with their counters.

    ``sending`` and ``receiving`` are 32-byte keys; ``created`` is the time at which they were derived.
    """

    __slots__ = (
        "_opener",
        "_receiving",
        "created",
        "initiator",
        "local_index",
        "remote_index",
        "sealer",
        "sending_counter",
        "window",
    )

    def __init__(
        self,
        sending: bytes,
        receiving: bytes,
        local_index: int,
        remote_index: int,
        initiator: bool,
        created: float,
    ) -> None:
        self.sealer = ChaCha20Poly1305(sending)
        self._receiving = receiving
        self._opener: ChaCha20Poly1305 | None = ChaCha20Poly1305(receiving)
        self.local_index = local_index
        """The index that the other side writes into what it sends us."""
        self.remote_index = remote_index
        """The index that we write into what we send."""
        self.initiator = initiator
        """Whether we wrote the initiation; only the initiator rekeys on age."""
        self.created = created
        self.sending_counter = 0
        """Counter of the next packet to be sealed."""
        self.window = ReplayWindow()

    @property
    def opener(self) -> ChaCha20Poly1305:
        """The cipher that opens."""
        return self._opener or ChaCha20Poly1305(self._receiving)

    def retire(self) -> None:
        """From now on this keypair seals no more, and opens only stragglers: its ciphers, 2 kB of OpenSSL's
        each, are given back.
        """
        del self.sealer
        self._opener = None

    def may_seal(self, now: float, packets: int, limits: Parameters) -> bool:
        """Whether so many more packets may be sealed at this age and with these counters (WP §6.2)."""
        return (
            now - self.created < limits.reject_after_time
            and self.sending_counter + packets <= limits.reject_after_messages
        )

    def may_open(self, now: float, limits: Parameters) -> bool:
        """Whether anything may still be opened at this age and with these counters (WP §6.2)."""
        return (
            now - self.created < limits.reject_after_time
            and self.window.greatest < limits.reject_after_messages - 1
        )

    def wants_rekey_after_sending(self, now: float, limits: Parameters) -> bool:
        """Whether a packet just sealed calls for a new session: by count on either side, by age at the
        initiator.
        """
        return self.sending_counter > limits.rekey_after_messages or (
            self.initiator and now - self.created >= limits.rekey_after_time
        )

    def wants_rekey_after_receiving(self, now: float, limits: Parameters) -> bool:
        """Whether a packet just opened calls for a new session: at the initiator, shortly before the key
        dies.
        """
        return self.initiator and now - self.created >= limits.last_minute


class Keypairs:
    """The places ``previous``, ``current`` and ``next`` of one peer."""

    __slots__ = ("current", "next", "previous")

    def __init__(self) -> None:
        self.previous: Keypair | None = None
        """Still opens what was under way when the session changed."""
        self.current: Keypair | None = None
        """Seals and opens."""
        self.next: Keypair | None = None
        """The responder's newest, opens only, until it is confirmed."""

    def add(self, new: Keypair) -> list[Keypair]:
        """Put a new session in its place; return those that have none any more.

        The initiator holds the responder's proof and uses the keypair at once. The responder has no proof yet
        that anyone can read what it would seal: it waits for the first authentic packet (key confirmation).
        """
        before = self._all()
        if new.initiator:
            self._set_previous(self.next or self.current)
            self.current, self.next = new, None
        else:
            self.previous, self.next = None, new
        return [keypair for keypair in before if keypair not in self._all()]

    def confirm(self, keypair: Keypair) -> list[Keypair] | None:
        """Called with the keypair of an authentic packet. If that was ``next`` it becomes ``current``.

        Returns the keypairs that have no place any more, or None if nothing moved.
        """
        if keypair is not self.next:
            return None
        dropped = [self.previous] if self.previous else []
        self._set_previous(self.current)
        self.current, self.next = keypair, None
        return dropped

    def clear(self) -> list[Keypair]:
        """Forget every session; return what was there."""
        dropped = self._all()
        self.previous = self.current = self.next = None
        return dropped

    def _set_previous(self, keypair: Keypair | None) -> None:
        self.previous = keypair
        if keypair:
            keypair.retire()

    def _all(self) -> list[Keypair]:
        return [keypair for keypair in (self.previous, self.current, self.next) if keypair]
