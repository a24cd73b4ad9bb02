"""The course of a pull, as the daemon makes it: registry, token service, manifest, blob; and its mirrors.

Rule: it goes on as far as any way leads, not only the system's, so that what waits behind the first fault is
seen too. It asks without an account and reads only the first bytes of one layer. Section: OCI distribution
specification v1.1 "Pulling"; distribution/docs/content/spec/auth/token.md; moby daemon/pkg/registry
(service_v2.go ``lookupV2Endpoints``: mirrors, for Docker Hub alone, before the hub).
"""

import asyncio
import ssl
import time
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from urllib.parse import urljoin, urlsplit

from glasstunnel.diagnose.evidence import Evidence, Host, Outcome, Reply
from glasstunnel.diagnose.image import Image
from glasstunnel.diagnose.machine import Machine
from glasstunnel.diagnose.options import Options
from glasstunnel.diagnose.probe import files, tcp
from glasstunnel.diagnose.probe.layers import Layers, Say, answered_resolvers
from glasstunnel.diagnose.probe.web import Fetched, Route, fetch
from glasstunnel.diagnose.registry import (
    MANIFESTS,
    Challenge,
    chosen_manifest,
    first_layer,
    parse_challenge,
    parse_token,
)

FIRST_BYTES = 65536  # of a blob: more than what a path with a hole for large packets lets through
_FIRST = {"Range": f"bytes=0-{FIRST_BYTES - 1}"}
_NO_WAY = Reply("", "", Outcome.UNREACHABLE)


async def examine(image: Image, options: Options, say: Say) -> Evidence:
    """See everything that there is to see about a pull of ``image``.

    Raises:
        DiagnosisError: if the certificates to trust cannot be read.
    """
    began = time.monotonic()
    say("machine", "files")
    machine = await asyncio.to_thread(files.read_machine)
    evidence = Evidence(image, machine, options.innocent, time.time())
    layers = Layers(options, machine, say, began + options.deadlines.total)
    course = _Course(evidence, layers, options, say)
    await asyncio.gather(course.controls(), course.registry(), course.mirrors())
    order = {"registry": 0, "token": 1, "blob": 2, "mirror": 3}
    evidence.hosts.sort(key=lambda host: order[host.role])
    evidence.seconds = round(time.monotonic() - began, 2)
    return evidence


@dataclass
class _Base:
    """A host and the ways to it, best first."""

    host: Host
    trust: ssl.SSLContext
    routes: list[Route]

    @property
    def url(self) -> str:
        """Its address, without a path."""
        host = self.host
        name = f"[{host.name}]" if ":" in host.name else host.name
        usual = host.port == (80 if host.plain else 443)
        return f"{'http' if host.plain else 'https'}://{name}{'' if usual else f':{host.port}'}"

    def unreadable(self, detail: str) -> None:
        """The last answer was well as HTTP, but is not what it should be."""
        self.host.replies[-1] = replace(self.host.replies[-1], outcome=Outcome.GARBLED, detail=detail)


class _Course:
    def __init__(self, evidence: Evidence, layers: Layers, options: Options, say: Say) -> None:
        self._evidence, self._layers, self._options, self._say = evidence, layers, options, say
        self._image: Image = evidence.image
        self._machine: Machine = evidence.machine
        self._known_proxy: str | None = None  # the way out, if nothing else is
        self._beside: list[asyncio.Task[None]] = []  # what nothing waits for but the end

    async def controls(self) -> None:
        """TCP to hosts that have nothing to do with the pull."""
        deadline = self._options.deadlines.tcp
        self._evidence.controls = list(
            await asyncio.gather(
                *(tcp.connect(*target, deadline) for target in answered_resolvers(self._options.resolvers))
            )
        )

    async def registry(self) -> None:
        """The registry, and from there on."""
        await self._pull()
        await asyncio.gather(*self._beside)

    async def _pull(self) -> None:
        base = await self._host(self._image.host, self._image.port, "registry")
        repository = f"{base.url}/v2/{self._image.repository}"
        first = await self._get(base, f"{base.url}/v2/")
        challenge = parse_challenge(first.challenge) if first.challenge else None
        if first.reply.status not in (200, 401):
            return
        headers: dict[str, str] = {}
        if challenge and challenge.scheme == "bearer":
            token = await self._token(challenge)
            if not token:
                return
            headers["Authorization"] = f"Bearer {token}"
        manifest = await self._get(
            base, f"{repository}/manifests/{self._image.reference}", headers | {"Accept": MANIFESTS}
        )
        if manifest.reply.status == 200 and (digest := chosen_manifest(manifest.body)):
            manifest = await self._get(
                base, f"{repository}/manifests/{digest}", headers | {"Accept": MANIFESTS}
            )
        layer = first_layer(manifest.body) if manifest.reply.status == 200 else ""
        if manifest.reply.status == 200 and not layer:
            base.unreadable("no manifest")
        if layer:
            await self._blob(base, f"{repository}/blobs/{layer}", headers)

    async def mirrors(self) -> None:
        """Each of the daemon's mirrors, for an image of Docker Hub."""
        if self._image.on_hub:
            await asyncio.gather(*(self._mirror(url) for url in self._machine.mirrors))

    async def _mirror(self, url: str) -> None:
        parts = urlsplit(url if "//" in url else f"https://{url}")
        plain = parts.scheme == "http"
        try:
            port = parts.port or (80 if plain else 443)
        except ValueError:
            port = 0
        if not parts.hostname or not port:
            self._machine.faults.append(f'registry-mirrors: expected a URL, got "{url}"')
            return
        base = await self._host(parts.hostname, port, "mirror", plain=plain)
        first = await self._get(base, f"{base.url}/v2/")
        if first.reply.status == 200:
            path = f"/v2/{self._image.repository}/manifests/{self._image.reference}"
            await self._get(base, base.url + path, {"Accept": MANIFESTS}, method="HEAD")

    async def _token(self, challenge: Challenge) -> str:
        if challenge.host is None:
            return ""
        host, port = challenge.host
        base = await self._host(host, port, "token", plain=challenge.realm.startswith("http:"))
        fetched = await self._get(base, challenge.token_url(self._image.repository))
        token = parse_token(fetched.body) if fetched.reply.status == 200 else ""
        if fetched.reply.status == 200 and not token:
            base.unreadable("no token")
        return token

    async def _blob(self, base: "_Base", url: str, headers: dict[str, str]) -> None:
        fetched = await self._get(base, url, headers | _FIRST, limit=FIRST_BYTES)
        if fetched.reply.status not in (301, 302, 303, 307, 308) or not fetched.location:
            return
        location = urljoin(url, fetched.location)
        parts = urlsplit(location)
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return
        if not parts.hostname:
            return
        other = await self._host(parts.hostname, port, "blob", plain=parts.scheme == "http")
        await self._get(other, location, _FIRST, limit=FIRST_BYTES)

    async def _host(self, name: str, port: int, role: str, *, plain: bool = False) -> _Base:
        """All layers of a host up to TLS, and the ways by which HTTP goes on.

        Behind a proxy only the registry's own layers are looked at: they show whether it can do without.
        """
        host = Host(name, port, role, plain=plain, insecure=_is_insecure(name, port, self._machine.insecure))
        host.proxy = self._proxy_for(name, port, "http" if plain else "https")
        self._evidence.hosts.append(host)
        base = _Base(host, self._layers.trust_for(host), [Route(proxy=host.proxy)])
        if host.proxy:
            if role == "registry":
                self._beside.append(asyncio.create_task(self._layers.examine(host)))
            return base
        if self._known_proxy is None:
            await self._layers.examine(host)
            base.routes = [Route(address=address) for address in host.proven[:1]]
        if not base.routes or self._known_proxy:
            known = [self._known_proxy] if self._known_proxy else self._machine.known_proxies(name, port)
            base.routes = [Route(proxy=url) for url in known]
        return base

    def _proxy_for(self, name: str, port: int, scheme: str) -> str:
        proxies = self._machine.proxies
        return proxies.for_host(name, port, scheme) if proxies else ""

    async def _get(
        self,
        base: "_Base",
        url: str,
        headers: dict[str, str] | None = None,
        *,
        method: str = "GET",
        limit: int = 4_000_000,
    ) -> Fetched:
        """Ask by the best way that there is; the way that works stays."""
        self._say(base.host.role, "http")
        fetched = Fetched(reply=_NO_WAY)
        while base.routes:
            deadline = self._layers.left(self._options.deadlines.http)
            fetched = await fetch(
                url, base.routes[0], deadline, base.trust, headers, method=method, limit=limit
            )
            base.host.replies.append(fetched.reply)
            if fetched.reply.status and base.routes[0].proxy and not base.host.proxy:
                self._known_proxy = base.routes[0].proxy
            if fetched.reply.status or len(base.routes) == 1:
                break
            base.routes.pop(0)
        return fetched


def _is_insecure(host: str, port: int, listed: tuple[str, ...]) -> bool:
    """Whether the daemon takes a registry without a certificate: loopback, and what daemon.json lists."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host in listed or f"{host}:{port}" in listed
    if address.is_loopback or host in listed or f"{host}:{port}" in listed:
        return True
    for entry in listed:
        try:
            if address in ip_network(entry, strict=False):
                return True
        except ValueError:
            continue
    return False
