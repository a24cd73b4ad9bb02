"""Evidence made up for the tests: what the probes would have seen.

The addresses are real ones of Docker Hub, of Facebook and of the public resolvers; nothing is sent to them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from glasstunnel.diagnose.addresses import mark
from glasstunnel.diagnose.evidence import (
    Certificate,
    Connection,
    Evidence,
    Handshake,
    Host,
    Lookup,
    Outcome,
    Record,
    Reply,
)
from glasstunnel.diagnose.image import parse
from glasstunnel.diagnose.machine import Machine

REGISTRY, AUTH, BLOBS = "registry-1.docker.io", "auth.docker.io", "production.cloudflare.docker.com"
RIGHT, OTHER, FORGED = "98.85.153.80", "3.94.224.37", "31.13.94.37"
RESOLVER, HOME = "1.1.1.1", "192.168.77.1"
INNOCENT = "example.com"
NOW = 1_800_000_000.0


def records(addresses: Sequence[str], ttl: int | None = None) -> tuple[Record, ...]:
    return tuple(Record(address, ttl, mark(address)) for address in addresses)


def system(*addresses: str, outcome: Outcome | None = None) -> Lookup:
    """What getaddrinfo says."""
    found = outcome or (Outcome.OK if addresses else Outcome.NO_SUCH_NAME)
    return Lookup("system", "getaddrinfo", "any", found, records(addresses))


def asked(
    source: str,
    transport: str,
    *addresses: str,
    outcome: Outcome | None = None,
    later: Sequence[Sequence[str]] = (),
    public: bool = True,
) -> Lookup:
    """What a resolver says; without addresses, by default, that there is no such name."""
    found = outcome or (Outcome.OK if addresses else Outcome.NO_SUCH_NAME)
    more = tuple(records(answer, 60) for answer in later)
    return Lookup(source, transport, "A", found, records(addresses, 60), public=public, later=more)


def tls(
    address: str,
    outcome: Outcome = Outcome.OK,
    name: str = REGISTRY,
    *,
    code: int = 0,
    received: int = 0,
    segment: int = 0,
    certificate: Certificate | None = None,
) -> Handshake:
    return Handshake(
        address,
        name,
        outcome,
        received=received,
        verify_code=code,
        certificate=certificate,
        segment=segment,
    )


def certificate(issuer: str = "CN=Inspection Gateway") -> Certificate:
    return Certificate(
        "CN=*.docker.io", issuer, ("*.docker.io",), "2026-01-01T00:00:00", "2026-12-31T00:00:00"
    )


def host(
    lookups: Sequence[Lookup] = (system(RIGHT), asked(RESOLVER, "tls", RIGHT)),
    connections: Mapping[str, Outcome] | None = None,
    handshakes: Sequence[Handshake] = (tls(RIGHT),),
    replies: Sequence[Reply] = (),
    *,
    name: str = REGISTRY,
    role: str = "registry",
    proxy: str = "",
) -> Host:
    """A host; without more, one at which all is well up to TLS."""
    tried = {RIGHT: Outcome.OK} if connections is None else connections
    found = [Connection(address, 443, outcome) for address, outcome in tried.items()]
    return Host(name, 443, role, list(lookups), found, list(handshakes), list(replies), proxy)


def reply(
    path: str,
    status: int = 200,
    *,
    on: str = REGISTRY,
    via: str = RIGHT,
    outcome: Outcome = Outcome.OK,
    headers: dict[str, str] | None = None,
    errors: tuple[str, ...] = (),
    size: int = 10,
    verified: bool = True,
) -> Reply:
    return Reply(
        f"https://{on}{path}",
        via,
        outcome,
        status,
        headers or {},
        size=size,
        errors=errors,
        verified=verified,
    )


MANIFEST, BLOB = "/v2/library/hello-world/manifests/latest", "/v2/library/hello-world/blobs/sha256:12"


def evidence(*hosts: Host, reachable: bool = True, **facts: Any) -> Evidence:
    """All of it; ``facts`` are fields of the machine, which has a default route unless they say otherwise."""
    machine = Machine(**{"default_route": True, "interface": "eth0", **facts})
    outcome = Outcome.OK if reachable else Outcome.TIMEOUT
    controls = [Connection(RESOLVER, 443, outcome)]
    return Evidence(parse("hello-world"), machine, INNOCENT, NOW, list(hosts), controls)
