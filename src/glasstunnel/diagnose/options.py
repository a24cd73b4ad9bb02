"""What a diagnosis may be told: which resolvers to ask, at which ports, and how long each layer may take.

Rule: nothing that leads outside is fixed in the probes; all of it is here and can be replaced. Section: RFC
7858 (DoT, port 853), RFC 8484 (DoH, path /dns-query).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

TRANSPORTS: Final = {"udp": 53, "tcp": 53, "tls": 853, "https": 443}


class DiagnosisError(Exception):
    """A diagnosis that cannot be made; its text says why."""


class OptionError(ValueError):
    """An option that cannot be read; its text says what was expected."""


@dataclass(frozen=True)
class Resolver:
    """A public resolver: its address, the name in its certificate, its ports; 0 leaves a transport out."""

    address: str
    name: str = ""
    udp: int = TRANSPORTS["udp"]
    tcp: int = TRANSPORTS["tcp"]
    tls: int = TRANSPORTS["tls"]
    https: int = TRANSPORTS["https"]

    def ports(self) -> dict[str, int]:
        """The transports that can be asked; those with certificates need a name."""
        return {
            transport: port
            for transport in TRANSPORTS
            if (port := getattr(self, transport)) and (self.name or transport in ("udp", "tcp"))
        }

    def without(self, transports: Iterable[str]) -> "Resolver":
        """The same, but for some transports."""
        ports = {kind: getattr(self, kind) for kind in TRANSPORTS} | dict.fromkeys(transports, 0)
        return Resolver(self.address, self.name, **ports)


RESOLVERS: Final = (
    Resolver("1.1.1.1", "cloudflare-dns.com"),
    Resolver("8.8.8.8", "dns.google"),
    Resolver("9.9.9.9", "dns.quad9.net"),
    Resolver("223.5.5.5", "dns.alidns.com"),
    Resolver("2606:4700:4700::1111", "cloudflare-dns.com"),
)
"""Those that are asked by default: three abroad, one in China, and one over IPv6."""


@dataclass(frozen=True)
class Deadlines:
    """Seconds that each layer may take; each of its probes has them all, and the sum bounds the whole."""

    names: float = 4.0
    tcp: float = 3.0
    tls: float = 3.0
    http: float = 5.0

    @property
    def total(self) -> float:
        """Seconds for everything together."""
        return self.names + self.tcp + self.tls + self.http

    @classmethod
    def of(cls, total: float) -> "Deadlines":
        """The same shares of another total."""
        share = total / cls().total
        usual = cls()
        return cls(usual.names * share, usual.tcp * share, usual.tls * share, usual.http * share)


@dataclass(frozen=True)
class Options:
    """How a diagnosis is made."""

    resolvers: tuple[Resolver, ...] = RESOLVERS
    deadlines: Deadlines = Deadlines()
    innocent: str = "example.com"  # a name that nobody blocks; RFC 2606 keeps it so
    linger: float = 0.5  # seconds for which a second answer to a UDP query is waited for
    ca_file: str = ""  # certificates to trust; by default the system's, as Go finds them


def parse_resolver(text: str) -> Resolver:
    """Read ``ADDRESS[#NAME][,udp=PORT][,tcp=PORT][,tls=PORT][,https=PORT]``. Raises :exc:`OptionError`."""
    head, *parts = text.split(",")
    address, _, name = head.partition("#")
    try:
        ip_address(address)
    except ValueError:
        raise OptionError(f'resolver "{text}": expected an IP address first, got "{address}"') from None
    ports: dict[str, int] = {}
    for part in parts:
        transport, equals, port = part.partition("=")
        if transport not in TRANSPORTS or not equals or not port.isdecimal() or int(port) > 65535:
            raise OptionError(
                f'resolver "{text}": expected udp, tcp, tls or https, "=", a port up to 65535, got "{part}"'
            )
        ports[transport] = int(port)
    return Resolver(address, name, **ports)
