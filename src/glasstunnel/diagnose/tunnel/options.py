"""What the diagnosis of a tunnel may be told.

Rule: every wait of the probes is one of these, in seconds, and can be replaced.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Deadlines:
    """Seconds."""

    names: float = 4.0
    handshake: float = 6.5  # an initiation, and its repetition after REKEY_TIMEOUT and jitter: WP §6.1
    echo: float = 1.0  # for one round of packets
    keepalive: float = 11.0  # KEEPALIVE_TIMEOUT and a little, WP §6.5; where one tells, or must not be missed


@dataclass(frozen=True)
class Options:
    """How a diagnosis is made."""

    deadlines: Deadlines = field(default_factory=Deadlines)
    peer: str = ""  # the one to look at, by its public key in base64; "" for all
    to: str = ""  # an address that should be reached through the tunnel, or through here out of it
    nat_life: bool = False
    silences: tuple[int, ...] = ()  # seconds, for the life of a mapping; () for the usual ones
