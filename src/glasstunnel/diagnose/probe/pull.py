"""The course of a pull, as the daemon makes it: registry, token service, manifest, blob; and its mirrors.

Rule: it goes on as far as any way leads, not only the system's, so that what waits behind the first fault is
seen too. It asks without an account and reads only the first bytes of one layer. It follows redirects as the
daemon does, and a host to which one leads is looked at with all its layers; a token goes to nobody but the
registry that asked for it (net/http ``shouldCopyHeaderOnRedirect``). Section: OCI distribution specification
v1.1 "Pulling"; distribution/docs/content/spec/auth/token.md; moby daemon/pkg/registry (service_v2.go
``lookupV2Endpoints``: mirrors, for Docker Hub alone, before the hub; for an insecure registry http after
https); kubernetes/registry.k8s.io request-handling.md for a registry that redirects everything.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from glasstunnel.diagnose.evidence import Evidence, Host, Outcome, Reply
from glasstunnel.diagnose.finding import fact
from glasstunnel.diagnose.image import Image
from glasstunnel.diagnose.machine import Machine
from glasstunnel.diagnose.options import Options
from glasstunnel.diagnose.probe import files, tcp
from glasstunnel.diagnose.probe.layers import Layers, Say, answered_resolvers
from glasstunnel.diagnose.probe.web import Fetched, Route, fetch
from glasstunnel.diagnose.registry import (
    MANIFESTS,
    Challenge,
    choose,
    first_blob,
    host_of,
    parse_challenge,
    parse_token,
    redirect,
)

FIRST_BYTES = 65536  # of a blob: more than what a path with a hole for large packets lets through
_FIRST = {"Range": f"bytes=0-{FIRST_BYTES - 1}"}
_NO_WAY = Reply("", "", Outcome.UNREACHABLE)
_MOST_REDIRECTS = 5
_ORDER = ("registry", "redirect", "token", "blob", "mirror")


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
    evidence.hosts.sort(key=lambda host: _ORDER.index(host.role))
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


@dataclass(frozen=True)
class _Answer:
    """What came in the end, and from whom."""

    host: Host
    reply: Reply
    body: bytes
    challenge: str


def _bearer(base: "_Base", answer: "_Answer") -> Challenge | None:
    """The token that the registry itself asks for; what another host wants of us is not meant for it."""
    challenge = parse_challenge(answer.challenge) if answer.host is base.host else None
    return challenge if challenge and challenge.scheme == "bearer" else None


def _unreadable(reply: Reply, detail: str) -> Reply:
    """An answer that was well as HTTP, but is not what it should be."""
    return replace(reply, outcome=Outcome.GARBLED, detail=detail)


class _Course:
    def __init__(self, evidence: Evidence, layers: Layers, options: Options, say: Say) -> None:
        self._evidence, self._layers, self._options, self._say = evidence, layers, options, say
        self._image: Image = evidence.image
        self._machine: Machine = evidence.machine
        self._bases: dict[tuple[str, int], _Base] = {}
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
        first = await self._fetch(base, f"{base.url}/v2/", "redirect")
        if first.reply.status not in (200, 401):
            return
        headers = {"Accept": MANIFESTS}
        if challenge := _bearer(base, first):
            if not (token := await self._token(challenge)):
                return
            headers["Authorization"] = f"Bearer {token}"
        url = f"{repository}/manifests/{self._image.reference}"
        manifest = await self._fetch(base, url, "redirect", headers)
        # Some open /v2/ to everybody and ask for a token only here, as the specification allows.
        if manifest.reply.status == 401 and not challenge and (challenge := _bearer(base, manifest)):
            if not (token := await self._token(challenge)):
                return
            headers["Authorization"] = f"Bearer {token}"
            manifest = await self._fetch(base, url, "redirect", headers)
        if manifest.reply.status == 200 and (choice := choose(manifest.body)):
            if not choice.digest:
                self._evidence.misfit = choice
                return
            manifest = await self._fetch(base, f"{repository}/manifests/{choice.digest}", "redirect", headers)
        if manifest.reply.status != 200:
            return
        if not (blob := first_blob(manifest.body)):
            kind = manifest.reply.headers.get("content-type", "-")
            manifest.host.replies[-1] = _unreadable(manifest.reply, f"no manifest, but {kind}")
            return
        del headers["Accept"]
        await self._fetch(base, f"{repository}/blobs/{blob}", "blob", headers | _FIRST, limit=FIRST_BYTES)

    async def mirrors(self) -> None:
        """Each of the daemon's mirrors, for an image of Docker Hub."""
        if self._image.on_hub:
            await asyncio.gather(*(self._mirror(url) for url in self._machine.mirrors))

    async def _mirror(self, url: str) -> None:
        if (target := host_of(url)) is None:  # moby ValidateMirror: the daemon does not start with it
            self._machine.faults.append(fact("no-mirror-url", url=url))
            return
        base = await self._host(*target, "mirror", plain=url.startswith("http:"))
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
            base.host.replies[-1] = _unreadable(fetched.reply, "no token")
        return token

    async def _fetch(
        self,
        base: "_Base",
        url: str,
        onward: str,
        headers: dict[str, str] | None = None,
        *,
        limit: int = 4_000_000,
    ) -> "_Answer":
        """Ask, and go where the answer leads; another host on the way is looked at first, as ``onward``."""
        fetched = await self._get(base, url, headers, limit=limit)
        for _ in range(_MOST_REDIRECTS):
            url = redirect(url, fetched.reply.status, fetched.location)
            if not url or not (target := host_of(url)):
                break
            if target != (base.host.name, base.host.port):
                base = await self._host(*target, onward, plain=url.startswith("http:"))
                headers = {name: value for name, value in (headers or {}).items() if name != "Authorization"}
            fetched = await self._get(base, url, headers, limit=limit)
        return _Answer(base.host, fetched.reply, fetched.body, fetched.challenge)

    async def _host(self, name: str, port: int, role: str, *, plain: bool = False) -> _Base:
        """All layers of a host up to TLS, and the ways by which HTTP goes on.

        Behind a proxy only the registry's own layers are looked at: they show whether it can do without.
        What was seen of the host in another role is not looked at again.
        """
        host = Host(name, port, role, plain=plain, insecure=_is_insecure(name, port, self._machine.insecure))
        host.proxy = self._proxy_for(name, port, "http" if plain else "https")
        known = self._bases.get((name, port))
        if known and known.host.role == role:
            return known
        self._evidence.hosts.append(host)
        if known:
            host.lookups, host.connections = known.host.lookups, known.host.connections
            host.handshakes, host.plain = known.host.handshakes, known.host.plain
            return _Base(host, known.trust, known.routes)
        base = _Base(host, self._layers.trust_for(host), [Route(proxy=host.proxy)])
        self._bases[name, port] = base
        if host.proxy:
            if role == "registry":
                self._beside.append(asyncio.create_task(self._layers.examine(host)))
            return base
        if self._known_proxy is None:
            await self._layers.examine(host)
            base.routes = [Route(address=address) for address in host.proven[:1]]
        if not base.routes or self._known_proxy:
            ways = [self._known_proxy] if self._known_proxy else self._machine.known_proxies(name, port)
            base.routes = [Route(proxy=url) for url in ways]
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
            deadline = self._layers.left(usual := self._options.deadlines.http)
            if not deadline:
                break
            fetched = await fetch(
                url, base.routes[0], deadline, base.trust, headers, method=method, limit=limit
            )
            cut = fetched.reply.outcome is Outcome.TIMEOUT and deadline < usual / 2
            base.host.replies.append(replace(fetched.reply, cut=cut))
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
