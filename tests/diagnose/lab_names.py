"""Resolvers of the laboratory, and what is true in its world.

Rule: the servers are Debian's dnsmasq and unbound. unbound has the addresses of the public resolvers and
answers them over UDP, TCP, TLS and HTTPS (RFC 7858, RFC 8484); dnsmasq is the router at home, once honest and
once with a line that lies.
"""

from __future__ import annotations

from pathlib import Path

from tests.diagnose.lab_certificates import Pair

REGISTRY, AUTH, BLOBS = "registry-1.docker.io", "auth.docker.io", "production.cloudflare.docker.com"
MIRROR, PRIVATE_REGISTRY = "docker.mirrors.example.cn", "registry.example.org"
REGISTRY_ADDRESSES = ("98.85.153.80", "3.94.224.37")
AUTH_ADDRESS, BLOBS_ADDRESS = "44.208.254.194", "104.16.101.215"
MIRROR_ADDRESS, PRIVATE_ADDRESS = "47.97.18.65", "185.199.108.20"
INNOCENT_ADDRESS = "23.192.228.80"
BOTH, BOTH_ADDRESSES = "quay.io", ("34.225.41.113", "2600:1f18:483:cf01:ebba:a861:1150:e245")
"""A registry with addresses of both versions."""
TRUE = {
    REGISTRY: REGISTRY_ADDRESSES,
    AUTH: (AUTH_ADDRESS,),
    BLOBS: (BLOBS_ADDRESS,),
    MIRROR: (MIRROR_ADDRESS,),
    PRIVATE_REGISTRY: (PRIVATE_ADDRESS,),
    BOTH: BOTH_ADDRESSES,
    "example.com": (INNOCENT_ADDRESS,),
}
"""Every name that there is, with its addresses."""

PUBLIC = {
    "8.8.8.8": "dns.google",
    "1.1.1.1": "cloudflare-dns.com",
    "9.9.9.9": "dns.quad9.net",
    "223.5.5.5": "dns.alidns.com",
    "119.29.29.29": "doh.pub",
    "2606:4700:4700::1111": "cloudflare-dns.com",
}
"""The public resolvers, with the names in their certificates."""
HONEST, POISONED, LYING, SILENT = "192.168.77.1", "192.168.77.53", "192.168.77.54", "192.168.77.55"
"""Resolvers at home: the last has an address, and nobody serves it."""
POISON, POISON_6 = "31.13.94.37", "2001::1f0d:5e25"
"""What the poisoned resolver, and the path, answer in place of the truth."""
UNMARKED_6 = "2a03:2880:f11b:83:face:b00c:0:25de"  # somebody else's, and not known as a forgery


def unbound(directory: Path, pair: Pair) -> list[str]:
    """The command that starts the public resolvers."""
    lines = [f"interface: {address}@{port}" for address in PUBLIC for port in (53, 853, 443)]
    for name, addresses in TRUE.items():
        lines.append(f'local-zone: "{name}." static')
        for address in addresses:
            record = "AAAA" if ":" in address else "A"
            lines.append(f'local-data: "{name}. 60 IN {record} {address}"')
    config = directory / "unbound.conf"
    text = "\n  ".join(
        (
            "server:",
            'chroot: ""\n  username: ""\n  pidfile: ""\n  use-syslog: no\n  do-daemonize: no',
            "access-control: 0.0.0.0/0 allow\n  access-control: ::/0 allow",
            "rrset-roundrobin: no",  # the same report every time
            "incoming-num-tcp: 500",  # by default 10: more are turned away
            "tls-port: 853\n  https-port: 443",
            f'tls-service-pem: "{pair.chain}"\n  tls-service-key: "{pair.key}"',
            'local-zone: "." static',  # there is no other name, and nobody to ask
            *lines,
        )
    )
    config.write_text(text + "\n")
    return ["unbound", "-d", "-c", str(config)]


def dnsmasq(address: str, *lies: str) -> list[str]:
    """The command that starts a router's resolver, which asks a public one unless it has been told a lie."""
    return [
        *(
            "dnsmasq",
            "--keep-in-foreground",
            "--log-facility=-",
            "--conf-file=/dev/null",
            "--user=root",
            "--pid-file=",
            "--no-resolv",
        ),
        *(
            "--no-hosts",
            "--bind-interfaces",
            f"--listen-address={address}",
            "--server=8.8.8.8",
            "--cache-size=0",
        ),
        *(f"--address={lie}" for lie in lies),
    ]
