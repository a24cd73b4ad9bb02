"""An image's reference: which registry, which repository, which tag or digest.

Rule: short names mean what the Docker daemon takes them for. Section: distribution/reference (normalize.go,
``splitDockerDomain``, ``ParseNormalizedNamed``; reference.go ``NameTotalLengthMax``; regexp.go); for the
algorithms opencontainers/go-digest.
"""

import re
from dataclasses import dataclass
from typing import Final

HUB: Final = "docker.io"
HUB_REGISTRY: Final = "registry-1.docker.io"
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH: Final = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_IDENTIFIER: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST: Final = 255  # characters of a registry and a repository together
_DOMAIN: Final = re.compile(
    r"(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9]+(?:(?:\.|-+)[a-zA-Z0-9]+)*)(?::(?P<port>[0-9]{1,5}))?"
)


class ImageError(ValueError):
    """A reference that is none; its text says which part and what was expected."""


@dataclass(frozen=True)
class Image:
    """A reference, taken apart."""

    domain: str  # as written, or docker.io
    repository: str
    reference: str  # a tag, or a digest

    @property
    def host(self) -> str:
        """The registry's host."""
        if self.domain == HUB:
            return HUB_REGISTRY
        return _split(self.domain)[0]

    @property
    def port(self) -> int:
        """The registry's port."""
        return _split(self.domain)[1] or 443

    @property
    def on_hub(self) -> bool:
        """Whether it is on Docker Hub, the only registry for which the daemon asks mirrors."""
        return self.domain == HUB

    def __str__(self) -> str:
        sign = "@" if ":" in self.reference else ":"
        return f"{self.domain}/{self.repository}{sign}{self.reference}"


def parse(text: str) -> Image:
    """Take a reference apart, as ``docker pull`` does. Raises :exc:`ImageError`."""
    if "://" in text:
        raise ImageError(f'image "{text}": expected a name as for docker pull, without "https://"')
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ImageError(
            f'image "{text}": expected sha256:… with 64 hexadecimal digits after "@", got "{digest}"'
        )
    first, slash, path = rest.partition("/")
    if slash and (any(sign in first for sign in ".:") or first == "localhost" or first != first.lower()):
        domain = first
    else:
        domain, path = HUB, rest
    if domain == "index.docker.io":
        domain = HUB
    _check_domain(domain, text)
    head, colon, tag = path.rpartition(":")
    if colon and "/" not in tag:
        path = head
        if not _TAG.fullmatch(tag):
            raise ImageError(
                f'image "{text}": expected a tag of 1 to 128 letters, digits and _ . -, got "{tag}"'
            )
    else:
        tag = "latest"
    _check_path(path, text)
    if domain == HUB and "/" not in path:
        path = f"library/{path}"
    if len(f"{domain}/{path}") > _LONGEST:
        raise ImageError(
            f"image: expected a name of at most {_LONGEST} characters, got {len(domain + path) + 1}"
        )
    return Image(domain, path, digest or tag)


def _check_path(path: str, text: str) -> None:
    if _IDENTIFIER.fullmatch(path):
        raise ImageError(f'image "{text}": expected the name of a repository, not the identifier of an image')
    if not _PATH.fullmatch(path):
        raise ImageError(
            f'image "{text}": expected a repository of lower-case letters, digits and . _ - between, '
            f'with "/" between its parts, got "{path}"'
        )


def _check_domain(domain: str, text: str) -> None:
    found = _DOMAIN.fullmatch(domain)
    if not found:
        raise ImageError(f'image "{text}": expected HOST or HOST:PORT before the first "/", got "{domain}"')
    if found["port"] and not 1 <= int(found["port"]) <= 65535:
        raise ImageError(f'image "{text}": expected a port from 1 to 65535, got {found["port"]}')


def _split(domain: str) -> tuple[str, int]:
    host, colon, port = domain.rpartition(":")
    if not colon or domain.endswith("]"):
        return domain.strip("[]"), 0
    return host.strip("[]"), int(port)
