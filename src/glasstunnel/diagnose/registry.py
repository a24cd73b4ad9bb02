"""What a registry says and what it is asked, as values: challenges, manifests, platforms.

Rule: text in, values out; a text that is not what it should be gives None, for the verdict to see. Section:
OCI distribution specification v1.1; distribution/docs/content/spec/auth/token.md; RFC 9110 §11.6.1; OCI image
specification, "Image Index".
"""

import json
import platform
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit
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
    "i686": "386",
}  # of uname, of Go


@dataclass(frozen=True)
class Challenge:
    """A WWW-Authenticate header."""

    scheme: str  # "bearer", "basic"
    realm: str = ""
    service: str = ""
    scope: str = ""

    @property
    def host(self) -> tuple[str, int] | None:
        """The token service's host and port; None where the realm is no URL."""
        try:
            parts = urlsplit(self.realm)
            port = parts.port
        except ValueError:
            return None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        return parts.hostname, port or (443 if parts.scheme == "https" else 80)

    def token_url(self, repository: str) -> str:
        """Where a token to pull is asked for, without an account."""
        query = {"service": self.service} if self.service else {}
        query["scope"] = self.scope or f"repository:{repository}:pull"
        sign = "&" if urlsplit(self.realm).query else "?"
        return f"{self.realm}{sign}{urlencode(query)}"


def parse_challenge(header: str) -> Challenge | None:
    """Read a WWW-Authenticate header."""
    scheme, _, rest = header.strip().partition(" ")
    if not scheme:
        return None
    pairs = [item for item in parse_http_list(rest) if "=" in item]
    values = {name.strip().lower(): value for name, value in parse_keqv_list(pairs).items()}
    return Challenge(
        scheme.lower(), values.get("realm", ""), values.get("service", ""), values.get("scope", "")
    )


def parse_token(body: bytes) -> str:
    """The token of a token service's answer; "" for none."""
    document = _object(body)
    token = document.get("token") or document.get("access_token")
    return token if isinstance(token, str) else ""


def chosen_manifest(body: bytes, machine: str | None = None) -> str:
    """The digest of this machine's manifest in an index; "" if the body is no index."""
    manifests = [item for item in _items(_object(body), "manifests") if isinstance(item.get("digest"), str)]
    wanted = machine or platform.machine()
    architecture = _ARCHITECTURES.get(wanted, wanted)
    for item in manifests:
        where = item.get("platform")
        if isinstance(where, dict) and (where.get("os"), where.get("architecture")) == (
            "linux",
            architecture,
        ):
            return str(item["digest"])
    return str(manifests[0]["digest"]) if manifests else ""


def first_layer(body: bytes) -> str:
    """The digest of an image's first layer; "" if the body is no manifest."""
    for item in _items(_object(body), "layers"):
        if isinstance(item.get("digest"), str):
            return str(item["digest"])
    return ""


def _object(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _items(document: dict[str, object], key: str) -> list[dict[str, object]]:
    found = document.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
