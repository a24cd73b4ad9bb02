"""What the probes have seen of a tunnel: plain values, the whole of what a verdict is made from.

Rule: nothing here has an opinion, and nothing here is a secret. Keys are public ones in base64, sizes are
bytes of whole IP packets, times of day are seconds since 1970, durations seconds. ``dataclasses.asdict`` of
:class:`Evidence` is the part ``layers`` of the JSON report.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from glasstunnel.wireguard.parameters import Parameters

_REJECT_AFTER_TIME = Parameters().reject_after_time


class Kind(StrEnum):
    """Who serves the interface."""

    OURS = "ours"  # it counts what it drops, and tries a handshake when asked
    OTHER = "other"  # read by wg(8), woken by a packet
    FILE = "file"  # nobody: there is a configuration only


class Got(StrEnum):
    """What came of a packet that was sent."""

    ANSWER = "answer"
    SILENCE = "silence"
    PORT_UNREACHABLE = "port unreachable"
    HOST_UNREACHABLE = "host or network unreachable"
    PROHIBITED = "administratively prohibited"
    TIME_EXCEEDED = "time to live exceeded"
    TOO_LARGE = "too large"
    NOT_PERMITTED = "not permitted by this system"
    NOT_SENT = "could not be sent"


@dataclass(frozen=True)
class Counts:
    """What a device knows of one peer at one moment."""

    endpoint: str = ""
    handshake: float = 0  # when the last was done, 0 for never
    received: int = 0
    sent: int = 0
    drops: dict[str, int] = field(default_factory=dict)  # of our devices: how many for which reason


@dataclass(frozen=True)
class Reply:
    """What came of one packet: to the endpoint outside, or through the tunnel."""

    address: str
    size: int
    got: Got
    by: str = ""  # who sent an ICMP error
    ms: float = 0


@dataclass(frozen=True)
class Way:
    """What the kernel's routing says of a packet that it was asked about; none was sent."""

    destination: str
    source: str = ""  # of a packet that comes in; "" for one of this machine
    comes_in: str = ""  # interface by which it comes in
    error: str = ""  # the kernel's refusal, such as EXDEV for the reverse path filter
    interface: str = ""  # by which it goes out
    mtu: int = 0  # of the route, or of that interface
    prefix: str = ""  # of the allowed IPs that it stands for


@dataclass(frozen=True)
class Search:
    """The search for the largest packet that gets through."""

    address: str
    outside: bool
    largest: int  # of those that were answered
    smallest_lost: int  # of those that were not, 0 for none
    reported: int = 0  # what an ICMP error says the path takes, 0 for silence


@dataclass(frozen=True)
class NatLife:
    """How long a silence the way to the peer outlasts."""

    survived: int  # seconds of the longest silence after which it was there
    lost: int = 0  # of the one after which it was not; 0: none was that long
    disturbed: bool = False  # one end spoke by itself in between: it means little


@dataclass
class Peer:
    """One peer, and everything that was tried with it."""

    key: str
    allowed_ips: tuple[str, ...] = ()
    configured: str = ""  # the endpoint in the configuration
    resolved: tuple[str, ...] = ()  # the addresses of its name
    unresolved: str = ""  # why it has none
    keepalive: int = 0
    before: Counts = field(default_factory=Counts)
    after: Counts = field(default_factory=Counts)
    outward: Way | None = None  # of a datagram to the endpoint
    backward: Way | None = None  # of a datagram from there
    outside: Reply | None = None  # to a datagram at the endpoint that no device answers
    ways: list[Way] = field(default_factory=list)  # into its allowed IPs
    arrivals: list[Way] = field(default_factory=list)  # from its allowed IPs, to this machine
    echoes: list[Reply] = field(default_factory=list)  # to its addresses in the tunnel
    waited: float = 0  # seconds for a handshake, in vain
    keepalive_came: bool = False  # after silence: what we sent was opened there
    searches: list[Search] = field(default_factory=list)
    nat: NatLife | None = None

    @property
    def endpoint(self) -> str:
        """Where it is, as the device knows it, or as the configuration's name resolves."""
        return self.after.endpoint or self.before.endpoint or next(iter(self.resolved), "")

    @property
    def is_fresh(self) -> bool:
        """Whether a handshake was done while we watched.

        Two come five seconds apart; one alone may be told some microseconds differently each time, because
        its device reckons it back from a clock that nobody sets.
        """
        return self.after.handshake - self.before.handshake > 1

    def grown(self, reason: str) -> int:
        """How often something was dropped for that reason while we watched."""
        return self.after.drops.get(reason, 0) - self.before.drops.get(reason, 0)


@dataclass(frozen=True)
class Interface:
    """The interface itself."""

    exists: bool = True
    up: bool = True
    mtu: int = 0
    addresses: tuple[str, ...] = ()  # with their lengths


@dataclass(frozen=True)
class Local:
    """What the rest of this machine has to do with it."""

    networks: tuple[tuple[str, str], ...] = ()  # connected prefix and interface, but for the tunnel's own
    forwarding: dict[int, bool] = field(default_factory=dict)  # by IP version
    newest_file: float = 0  # a moment that has certainly been
    newest_path: str = ""


@dataclass(frozen=True)
class Filtered:
    """A packet that this machine's own filter would drop; none was sent."""

    hook: str  # "input", "output" or "forward"
    what: str  # which packet: "outer", "inner" or "through"
    rule: str  # where: family, table, chain, and the rule's comment or "policy"
    sure: bool = True  # all conditions on the way there were understood


@dataclass
class Target:
    """What should be reached: through the tunnel from here, or through here by who comes out of it."""

    address: str
    way: Way  # from here
    forwarded: list[Way] = field(default_factory=list)  # from the peers' addresses, coming out of the tunnel
    source: str = ""  # a peer's address, of those packets
    translated: bool | None = None  # whether a rule gives them this machine's address; None: cannot be told
    private: bool = False  # whether the answer to ``source`` would not find its way back from outside
    answered: Reply | None = None
    one_hop: Reply | None = None  # with a time to live of one: a router that forwards says so


@dataclass
class Evidence:
    """Everything that was seen."""

    name: str
    kind: Kind
    subject: str = ""  # what to call the configuration: its name where that was enough, else its path
    file: str = ""  # the configuration's path; "" if none was found
    now: float = 0
    seconds: float = 0
    public_key: str = ""
    listen_port: int = 0
    fwmark: int = 0
    interface: Interface = field(default_factory=Interface)
    local: Local = field(default_factory=Local)
    drops_before: dict[str, int] = field(default_factory=dict)  # of the whole device
    drops: dict[str, int] = field(default_factory=dict)
    peers: list[Peer] = field(default_factory=list)
    doubled: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)  # prefix and its several peers
    own_key_as_peer: bool = False  # in the configuration; a device passes over such a peer
    not_applied: list[str] = field(default_factory=list)  # peers of whom file and device differ, by key
    filtered: list[Filtered] = field(default_factory=list)
    filter_owners: list[str] = field(default_factory=list)  # of rules: "ufw", "firewalld", "docker"
    target: Target | None = None
    unknown: list[str] = field(default_factory=list)  # codes of what this could not see

    def has_session(self, peer: Peer) -> bool:
        """Whether a handshake was done while we watched, or one before has a session that still stands."""
        return peer.is_fresh or 0 <= self.now - peer.after.handshake < _REJECT_AFTER_TIME
