"""What an interface does right now, as values, read from its control socket.

Rule: any implementation's interface can be read, ours or wireguard-go's: what is unknown in an answer is
passed over, what is missing has the value that means "none". Section: https://www.wireguard.com/xplatform/.
"""

from dataclasses import dataclass, field

from glasstunnel.operate import keys

_NO_KEY = bytes(32)


class StatusError(ValueError):
    """An interface answered with an error, or with what is no UAPI; the text is one sentence."""


@dataclass(slots=True)
class PeerStatus:
    """One peer: keys of 32 bytes, amounts in bytes, times in seconds; 0 or None for what there is not."""

    public_key: bytes
    preshared_key: bytes | None = field(default=None, repr=False)
    endpoint: str | None = None
    allowed_ips: list[str] = field(default_factory=list)
    handshake_seconds: int = 0  # since 1970
    handshake_nanoseconds: int = 0
    rx_bytes: int = 0
    tx_bytes: int = 0
    persistent_keepalive: int = 0


@dataclass(slots=True)
class Status:
    """One interface."""

    name: str
    private_key: bytes | None = field(default=None, repr=False)
    listen_port: int = 0
    fwmark: int = 0
    peers: list[PeerStatus] = field(default_factory=list)

    @property
    def public_key(self) -> bytes | None:
        """The key that belongs to the private key."""
        return keys.pubkey(self.private_key) if self.private_key else None


def parse(name: str, reply: str) -> Status:
    """Read the reply of the interface ``name`` to ``get=1``.

    Raises:
        StatusError: if it is an error or cannot be read.
    """
    status = Status(name)
    for line in reply.splitlines():
        key, _, value = line.partition("=")
        try:
            _take(status, key, value)
        except (ValueError, IndexError):
            raise StatusError(f'{name}: cannot read the line "{key}=…" of its answer') from None
    if not reply.endswith("errno=0\n\n"):
        raise StatusError(f"{name}: its answer is an error or incomplete")
    return status


def _take(status: Status, key: str, value: str) -> None:
    match key:
        case "private_key":
            status.private_key = bytes.fromhex(value)
        case "listen_port":
            status.listen_port = int(value)
        case "fwmark":
            status.fwmark = int(value)
        case "public_key":
            status.peers.append(PeerStatus(bytes.fromhex(value)))
        case "preshared_key":
            status.peers[-1].preshared_key = _key(value)
        case "endpoint":
            status.peers[-1].endpoint = value
        case "allowed_ip":
            status.peers[-1].allowed_ips.append(value)
        case "last_handshake_time_sec":
            status.peers[-1].handshake_seconds = int(value)
        case "last_handshake_time_nsec":
            status.peers[-1].handshake_nanoseconds = int(value)
        case "rx_bytes":
            status.peers[-1].rx_bytes = int(value)
        case "tx_bytes":
            status.peers[-1].tx_bytes = int(value)
        case "persistent_keepalive_interval":
            status.peers[-1].persistent_keepalive = int(value)


def _key(value: str) -> bytes | None:
    key = bytes.fromhex(value)
    return None if key == _NO_KEY else key
