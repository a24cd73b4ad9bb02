"""What devices say of themselves, text in and values out: ``wg show IFACE dump``, and our drop counters.

Rule: an answer that cannot be read is a sentence, never a guess. Section: wg(8) "show", dump; uapi.py
``drops``.
"""

from collections.abc import Iterator

from glasstunnel.operate import keys
from glasstunnel.operate.status import PeerStatus, Status, StatusError

_NONE, _OFF = "(none)", "off"


def parse(name: str, text: str) -> Status:
    """The status of the interface ``name``, as ``wg show IFACE dump`` tells it.

    Raises:
        StatusError: if a line cannot be read.
    """
    status = Status(name)
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split("\t")
        try:
            if number == 1:
                private, _, port, mark = fields
                status.private_key = _key(private)
                status.listen_port = int(port)
                status.fwmark = 0 if mark == _OFF else int(mark, 0)
            else:
                status.peers.append(_peer(*fields))
        except (TypeError, ValueError):
            raise StatusError(f"{name}: cannot read line {number} of what wg says of it") from None
    return status


def _peer(
    public: str,
    preshared: str,
    endpoint: str,
    allowed: str,
    handshake: str,
    received: str,
    sent: str,
    keepalive: str,
) -> PeerStatus:
    return PeerStatus(
        keys.decode(public),
        _key(preshared),
        None if endpoint == _NONE else endpoint,
        [] if allowed == _NONE else allowed.split(","),
        int(handshake),
        0,
        int(received),
        int(sent),
        0 if keepalive == _OFF else int(keepalive),
    )


def _key(text: str) -> bytes | None:
    return None if text == _NONE else keys.decode(text)


def parse_drops(name: str, text: str) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """The device's drop counters, and those of each peer by its public key in base64.

    Raises:
        StatusError: if the answer is an error or cannot be read.
    """
    lines = text.splitlines()
    if lines[-2:] != ["errno=0", ""]:
        raise StatusError(f"{name}: its answer is an error or incomplete")
    device: dict[str, int] = {}
    peers: dict[str, dict[str, int]] = {}
    counter = device
    for key, value in _pairs(lines[:-2]):
        try:
            if key == "public_key":
                counter = peers.setdefault(keys.encode(bytes.fromhex(value)), {})
            else:
                counter[key] = int(value)
        except ValueError:
            raise StatusError(f'{name}: cannot read the line "{key}=…" of its answer') from None
    return device, peers


def _pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, _, value = line.partition("=")
        yield key, value
