"""The constants of the protocol as one object, with the paper's values as its default.

Rule: a time or a limit of the protocol is written here once and nowhere else; whoever needs other values (a
simulation of a rekey in seconds, a test of the last counter) passes another object. Section: WP §6.1 and
§6.2.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameters:
    """Times in seconds, limits in messages.

    Raises:
        ValueError: where the times contradict each other, naming the two fields.
    """

    rekey_after_messages: int = 2**60
    """After so many messages under one key either side asks for a new one (WP §6.1)."""

    reject_after_messages: int = 2**64 - 2**13 - 1
    """A key seals no message with this counter or a greater one (WP §6.1; the kernel stops 63 messages
    later).
    """

    rekey_after_time: float = 120.0
    """When sending, the initiator of a session asks for a new one at this age of the key (WP §6.2)."""

    reject_after_time: float = 180.0
    """A key of this age neither seals nor opens (WP §6.2); three times this long, and everything is erased
    (§6.3).
    """

    rekey_attempt_time: float = 90.0
    """An initiation is repeated for so long before the peer is given up (WP §6.4)."""

    rekey_timeout: float = 5.0
    """Time between two initiations to one peer at the least, and until one is repeated (WP §6.1, §6.4)."""

    rekey_jitter: float = 1 / 3
    """A repetition comes later by a random part of this, so that two peers do not collide for ever (WP §6.1).
    """

    keepalive_timeout: float = 10.0
    """Who has received data and sent nothing for so long sends an empty packet (WP §6.5)."""

    initiations_per_second: int = 50
    """A peer's initiations beyond this rate are dropped (kernel, messages.h ``INITIATIONS_PER_SECOND``)."""

    max_staged_packets: int = 128
    """Packets that wait for a session, per peer; the oldest gives way (kernel, messages.h
    ``MAX_STAGED_PACKETS``).
    """

    max_queued_handshakes: int = 4096
    """Handshake messages that wait for the core, per device; what comes then is dropped (kernel, messages.h
    ``MAX_QUEUED_INCOMING_HANDSHAKES``).
    """

    cookie_secret_max_age: float = 120.0
    """The secret behind the cookies is as old at the most (WP §5.4.7; kernel ``COOKIE_SECRET_MAX_AGE``)."""

    cookie_secret_latency: float = 5.0
    """So much earlier a cookie is used no more: it may be as old as its secret when it arrives (kernel,
    messages.h ``COOKIE_SECRET_LATENCY``).
    """

    def __post_init__(self) -> None:
        if not 0 < self.rekey_after_time < self.reject_after_time:
            raise ValueError("rekey_after_time: expected a time above 0 and below reject_after_time")
        for name in ("rekey_timeout", "initiations_per_second", "max_staged_packets"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected more than 0")
        if self.max_queued_handshakes < 8:
            raise ValueError("max_queued_handshakes: expected at least 8")
        if self.rekey_after_messages > self.reject_after_messages:
            raise ValueError("rekey_after_messages: expected at most reject_after_messages")
        if self.last_minute <= 0:
            raise ValueError("reject_after_time: expected more than keepalive_timeout + rekey_timeout")

    @property
    def under_load(self) -> int:
        """So many waiting handshake messages are load: 4096 / 8 = 512 (kernel, receive.c)."""
        return self.max_queued_handshakes // 8

    @property
    def cookie_lifetime(self) -> float:
        """Age up to which a received cookie is used: 115 s (kernel, cookie.c:170)."""
        return self.cookie_secret_max_age - self.cookie_secret_latency

    @property
    def max_retries(self) -> int:
        """The count of repetitions beyond which a peer is given up: 90 s / 5 s = 18 (WP §6.4).

        The kernel looks before it counts (timers.c ``wg_expired_retransmit_handshake``), so 19 repetitions
        go out, 20 initiations in all, and 100 s pass before the end. So it is here.
        """
        return int(self.rekey_attempt_time // self.rekey_timeout)

    @property
    def last_minute(self) -> float:
        """Age of the key at which an initiator that only receives asks for a new one: 165 s (WP §6.2)."""
        return self.reject_after_time - self.keepalive_timeout - self.rekey_timeout

    @property
    def new_handshake_timeout(self) -> float:
        """Silence after sent data that means the session is dead: 15 s (WP §6.5)."""
        return self.keepalive_timeout + self.rekey_timeout

    @property
    def erase_time(self) -> float:
        """Age at which keys and half-done handshakes are erased: 540 s (WP §6.3)."""
        return 3 * self.reject_after_time


PARAMETERS = Parameters()
