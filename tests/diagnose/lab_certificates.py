"""Certificates of the laboratory: an authority that the client trusts, and any that it does not.

Rule: every key is made for one run and lives in its directory; nothing here is a secret worth keeping. A
chain is leaf, intermediate, as the hub sends one, and so larger than one packet. Section: RFC 5280 §4.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_numbers = itertools.count()
_LONG = timedelta(days=3650)


@dataclass(frozen=True)
class Pair:
    """PEM files: a chain, leaf first, and its key."""

    chain: Path
    key: Path


def _name(common: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


class Authority:
    """A root and an intermediate of one organisation; ``root`` is the PEM text that a client trusts."""

    def __init__(self, organisation: str, directory: Path) -> None:
        self.organisation, self.directory = organisation, directory
        now = datetime.now(UTC)
        root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = rsa.generate_private_key(65537, 2048)  # whose signatures make the chain a long one
        root_name = _name(f"{organisation} Root", organisation)
        self._issuer = _name(f"{organisation} Intermediate", organisation)
        root = self._authority(root_name, root_name, root_key.public_key(), now).sign(
            root_key, hashes.SHA256()
        )
        self._intermediate = self._authority(self._issuer, root_name, self._key.public_key(), now).sign(
            root_key, hashes.SHA256()
        )
        self.root = _pem(root).decode()

    @staticmethod
    def _authority(
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        now: datetime,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(
                issuer, subject, key, x509.random_serial_number(), now - _LONG, now + _LONG
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    def issue(self, names: Sequence[str], *, ahead: timedelta = timedelta(0), days: int = 90) -> Pair:
        """A certificate for these names or addresses, issued ten days ago as seen ``ahead`` from now."""
        begin = datetime.now(UTC) + ahead - timedelta(days=10)
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            x509.CertificateBuilder(
                self._issuer,
                _name(names[0], self.organisation),
                key.public_key(),
                x509.random_serial_number(),
                begin,
                begin + timedelta(days=days),
            )
            .add_extension(
                x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        stem = self.directory / f"certificate{next(_numbers)}"
        pair = Pair(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        pair.chain.write_bytes(_pem(leaf) + _pem(self._intermediate))
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return pair


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
