"""What the probes have seen: plain values, the whole of what a verdict is made from.

Rule: nothing here has an opinion. Times are milliseconds, addresses are text as :mod:`ipaddress` writes them.
``dataclasses.asdict`` of :class:`Evidence` is the part ``layers`` of the JSON report.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from glasstunnel.diagnose.image import Image
from glasstunnel.diagnose.machine import Machine
from glasstunnel.diagnose.registry import Choice


class Outcome(StrEnum):
    """How a probe ended."""

    OK = "ok"
    TIMEOUT = "timeout"  # nothing came within the layer's deadline
    REFUSED = "refused"  # TCP RST to the SYN, or ICMP port unreachable
    RESET = "reset"  # TCP RST on a connection that stood
    CLOSED = "closed"  # TCP FIN before the other side had said what it should
    UNREACHABLE = "unreachable"  # no route, or ICMP says so
    UNTRUSTED = "untrusted"  # a certificate that does not verify
    ALERT = "alert"  # the other side spoke TLS and declined
    GARBLED = "garbled"  # an answer in another protocol, or none that can be read
    NO_SUCH_NAME = "no such name"  # NXDOMAIN, or an answer without addresses
    SERVER_FAILURE = "server failure"  # SERVFAIL, REFUSED and other codes of DNS
    PROXY = "proxy"  # the proxy answered, but not with a connection
    FAILED = "failed"


@dataclass(frozen=True)
class Record:
    """One address of an answer; ``ttl`` in seconds where there is one, and what kind of address it is."""

    address: str
    ttl: int | None = None
    mark: str = ""


@dataclass(frozen=True)
class Lookup:
    """One question about a name, and all answers to it."""

    source: str  # "hosts", "system", or the address of the resolver
    transport: str  # "file", "getaddrinfo", "udp", "tcp", "tls", "https"
    record: str  # "A", "AAAA", "any"
    outcome: Outcome
    records: tuple[Record, ...] = ()
    ms: float = 0
    detail: str = ""
    public: bool = False  # one of the chosen public resolvers, not the system's
    later: tuple[tuple[Record, ...], ...] = ()  # further answers to the same question

    @property
    def encrypted(self) -> bool:
        """Whether the path could not forge the answer (the resolver still could)."""
        return self.transport in ("tls", "https")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses alone."""
        return tuple(record.address for record in self.records)


@dataclass(frozen=True)
class Connection:
    """A TCP connection that was tried."""

    address: str
    port: int
    outcome: Outcome
    ms: float = 0
    detail: str = ""
    local: str = ""  # our own address


@dataclass(frozen=True)
class Certificate:
    """A server's certificate; times are ISO 8601, UTC."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: str
    not_after: str


@dataclass(frozen=True)
class Handshake:
    """A TLS handshake that was tried."""

    address: str
    server_name: str
    outcome: Outcome
    ms: float = 0
    detail: str = ""
    received: int = 0  # bytes that came before it ended
    verify_code: int = 0  # of X509_verify_cert(3), 0: verified
    certificate: Certificate | None = None
    segment: int = 0  # the maximum segment size that we asked for; 0: the system's


@dataclass(frozen=True)
class Reply:
    """An HTTP request and what came."""

    url: str  # without its query, which may hold secrets
    via: str  # an address, or a proxy
    outcome: Outcome
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)  # those that matter, names in lower case
    ms: float = 0
    detail: str = ""
    size: int = 0  # bytes of the body that were read
    errors: tuple[str, ...] = ()  # the registry's error codes
    verified: bool = True
    cut: bool = False  # it ended because there was no more time, not because this took long


@dataclass
class Host:
    """One host that a pull needs, with all its layers."""

    name: str
    port: int
    role: str  # "registry", "redirect" (where it leads one on to), "token", "blob", "mirror"
    lookups: list[Lookup] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    handshakes: list[Handshake] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    proxy: str = ""  # through which the daemon would reach it
    plain: bool = False  # spoken to without TLS
    insecure: bool = False  # the daemon takes it without a certificate
    cut: bool = False  # there was no time left to look at it properly

    @property
    def proven(self) -> list[str]:
        """The addresses that are this host's own: by its certificate, or where none is asked for, by TCP."""
        if self.plain:
            return [item.address for item in self.connections if item.outcome is Outcome.OK]
        return [
            item.address
            for item in self.handshakes
            if (item.outcome, item.server_name, item.segment) == (Outcome.OK, self.name, 0)
        ]


@dataclass
class Evidence:
    """Everything that was seen."""

    image: Image
    machine: Machine
    innocent: str  # the name that nobody blocks
    now: float = 0  # our clock when it began, seconds since 1970
    hosts: list[Host] = field(default_factory=list)  # in the order in which the pull needs them
    controls: list[Connection] = field(default_factory=list)  # TCP to hosts that have nothing to do with it
    seconds: float = 0
    misfit: Choice | None = None  # the image is there, but not for this machine
