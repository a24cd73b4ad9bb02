"""The fourth layer: HTTP, at an address or through a proxy, as the daemon would ask.

Rule: the address is fixed, so that what answers is what the layers before have tried; redirects are not
followed but told; a request has one deadline for all of it. Section: RFC 9110, OCI distribution
specification.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from glasstunnel.diagnose.evidence import Outcome, Reply
from glasstunnel.diagnose.probe import outcomes

_KEPT = (
    *("date", "server", "www-authenticate", "location", "content-type", "retry-after", "via"),
    *("ratelimit-limit", "ratelimit-remaining", "docker-ratelimit-source", "docker-distribution-api-version"),
    *("x-ratelimit-limit", "x-ratelimit-remaining", "proxy-authenticate", "docker-content-digest"),
)


@dataclass(frozen=True)
class Route:
    """How to get to a host: its address, or a proxy which finds that itself."""

    address: str = ""
    proxy: str = ""

    def __str__(self) -> str:
        return self.proxy or self.address


@dataclass(frozen=True)
class Fetched:
    """A reply and the beginning of its body."""

    reply: Reply
    body: bytes = b""
    location: str = ""  # whole, with its query
    challenge: str = ""  # WWW-Authenticate


async def fetch(
    url: str,
    route: Route,
    deadline: float,
    trust: ssl.SSLContext,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    limit: int = 4_000_000,
    verified: bool = True,
) -> Fetched:
    """Make one request.

    Args:
        url: the whole address, with the host's name.
        route: over which way.
        deadline: seconds for all of it.
        trust: verifies the certificate.
        headers: to send.
        method: GET or HEAD.
        limit: bytes of the body to read; the rest is left.
        verified: whether ``trust`` verifies, for the record.
    """
    began = time.monotonic()
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc}{parts.path}"
    status, kept, body, outcome, detail = 0, dict[str, str](), b"", Outcome.OK, ""
    location = challenge = ""
    try:
        async with asyncio.timeout(deadline), _client(route, trust, deadline) as client:
            request = _request(client, method, url, route, headers or {})
            response = await client.send(request, stream=True)
            try:
                status = response.status_code
                kept = {name: response.headers[name] for name in _KEPT if name in response.headers}
                location, challenge = kept.get("location", ""), kept.get("www-authenticate", "")
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) >= limit:
                        break
            finally:
                await response.aclose()
    except httpx2.ProxyError as error:
        outcome, detail = Outcome.PROXY, " ".join(str(error).split())
    except httpx2.RemoteProtocolError as error:
        outcome, detail = outcomes.of(error)
        if outcome is Outcome.FAILED:
            outcome, detail = Outcome.CLOSED, str(error)
    except httpx2.TimeoutException:
        outcome = Outcome.TIMEOUT
    except Exception as error:  # of several libraries, a proxy's URL may be anything; why is told
        outcome, detail = outcomes.of(error)
    if location:
        kept["location"] = location.partition("?")[0]
    reply = Reply(
        shown,
        str(route),
        outcome,
        status,
        kept,
        round(1000 * (time.monotonic() - began), 1),
        detail,
        len(body),
        error_codes(body) if status >= 400 else (),
        verified,
    )
    return Fetched(reply, body, location, challenge)


def _client(route: Route, trust: ssl.SSLContext, deadline: float) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        verify=trust,
        proxy=route.proxy or None,
        trust_env=False,
        follow_redirects=False,
        timeout=deadline,
        headers={"User-Agent": "glasstunnel-diagnose", "Accept-Encoding": "identity"},
    )


def _request(
    client: httpx2.AsyncClient, method: str, url: str, route: Route, headers: Mapping[str, str]
) -> httpx2.Request:
    if route.proxy or not route.address:
        return client.build_request(method, url, headers=dict(headers))
    parts = urlsplit(url)
    literal = f"[{route.address}]" if ":" in route.address else route.address
    port = f":{parts.port}" if parts.port else ""
    pinned = parts._replace(netloc=f"{literal}{port}").geturl()
    return client.build_request(
        method,
        pinned,
        headers={**headers, "Host": parts.netloc.rpartition("@")[2]},
        extensions={"sni_hostname": parts.hostname or ""},
    )


def error_codes(body: bytes) -> tuple[str, ...]:
    """The codes of a registry's errors (OCI distribution specification, "Error Codes"), if it has any."""
    try:
        errors = json.loads(body)["errors"]
        return tuple(str(error["code"]) for error in errors)
    except (ValueError, KeyError, TypeError):
        return ()
