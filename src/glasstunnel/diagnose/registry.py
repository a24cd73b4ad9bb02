"""What a registry says and what it is asked, as values: challenges, redirects, manifests, platforms.

Rule: text in, values out; a text that is not what it should be gives None, for the verdict to see. Section:
OCI distribution specification v1.1; distribution/docs/content/spec/auth/token.md; RFC 9110 §11.6.1, §15.4;
OCI image specification, "Image Index"; containerd/platforms (compare.go ``platformVector``): what else a
machine takes.
"""

import json
import platform
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

MANIFESTS: Final = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
"""The header Accept for a manifest."""
_ARCHITECTURES: Final = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i686": "386",
    "loongarch64": "loong64",
}  # of uname, of Go
_ALSO: Final = {"amd64": ("386",), "arm64": ("arm",)}  # what runs there too, and is taken if nothing else is
_REDIRECTS: Final = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Challenge:
    """A WWW-Authenticate header."""

    scheme: str  # "bearer", "basic"
    realm: str = ""
    service: str = ""

    @property
    def host(self) -> tuple[str, int] | None:
        """The token service's host and port; None where the realm is no URL."""
        return host_of(self.realm)

    def token_url(self, repository: str) -> str:
        """Where a token to pull is asked for, without an account.

        The scope is our own, as the daemon's is: that of a challenge to ``/v2/`` speaks of no repository
        (ghcr.io names "user/image" there, public.ecr.aws "aws").
        """
        query = {"service": self.service} if self.service else {}
        query["scope"] = f"repository:{repository}:pull"
        sign = "&" if urlsplit(self.realm).query else "?"
        return f"{self.realm}{sign}{urlencode(query)}"


def parse_challenge(header: str) -> Challenge | None:
    """Read a WWW-Authenticate header."""
    scheme, _, rest = header.strip().partition(" ")
    if not scheme:
        return None
    pairs = [item for item in parse_http_list(rest) if "=" in item]
    values = {name.strip().lower(): value for name, value in parse_keqv_list(pairs).items()}
    return Challenge(scheme.lower(), values.get("realm", ""), values.get("service", ""))


def redirect(url: str, status: int, location: str) -> str:
    """Where an answer of ``url`` leads; "" for nowhere that HTTP could follow."""
    if status not in _REDIRECTS or not location:
        return ""
    return target if host_of(target := urljoin(url, location)) else ""


def host_of(url: str) -> tuple[str, int] | None:
    """The host and the port of a URL; None where it is none of HTTP."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts.hostname, port or (443 if parts.scheme == "https" else 80)


def parse_token(body: bytes) -> str:
    """The token of a token service's answer; "" for none."""
    document = _object(body)
    token = document.get("token") or document.get("access_token")
    return token if isinstance(token, str) else ""


@dataclass(frozen=True)
class Choice:
    """What an index has for this machine: ``digest``, "" where nothing fits; and all that it offers."""

    wanted: str  # such as "linux/amd64"
    digest: str
    offered: tuple[str, ...]


def choose(body: bytes, machine: str | None = None) -> Choice | None:
    """The manifest that the daemon would take from an index; None if the body is no index.

    Args:
        body: of the answer.
        machine: as uname calls it, by default this one.
    """
    document = _object(body)
    if not isinstance(document.get("manifests"), list):
        return None
    name = machine or platform.machine()
    architecture = _ARCHITECTURES.get(name, name)
    manifests = [item for item in _items(document, "manifests") if isinstance(item.get("digest"), str)]
    known = [(_platform(item), str(item["digest"])) for item in manifests]
    digests = dict(reversed(known))  # of several the first
    taken = (f"linux/{kind}" for kind in (architecture, *_ALSO.get(architecture, ())))
    digest = next((digests[where] for where in (*taken, "") if where in digests), "")
    offered = dict.fromkeys(where for where, _ in known if where and "unknown" not in where)
    return Choice(f"linux/{architecture}", digest, tuple(offered))


def _platform(item: dict[str, object]) -> str:
    """The platform of an entry, "" where it says none: then it is for every machine."""
    where = item.get("platform")
    return f"{where.get('os')}/{where.get('architecture')}" if isinstance(where, dict) else ""


def first_blob(body: bytes) -> str:
    """The digest of an image's first layer, else of its configuration; "" if the body is no manifest.

    Layers that are somewhere else (``urls``: those of Windows) are not the registry's.
    """
    document = _object(body)
    layers = [item for item in _items(document, "layers") if "urls" not in item]
    found = [item.get("digest") for item in (*layers, document.get("config")) if isinstance(item, dict)]
    return next((digest for digest in found if isinstance(digest, str)), "")


def _object(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _items(document: dict[str, object], key: str) -> list[dict[str, object]]:
    found = document.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
