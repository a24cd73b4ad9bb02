"""How registries differ: where they ask for a token, and where they lead one on to.

Rule: a fake of a few lines speaks as each of them does, at loopback addresses, to which the daemon too speaks
without TLS; nothing outside is asked. The flows are those of ghcr.io, registry.k8s.io, Artifact Registry,
gcr.io, quay.io, mcr.microsoft.com, public.ecr.aws and Amazon's private registries.
"""

import asyncio
import http.server
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest

from glasstunnel.diagnose.causes import Cause
from glasstunnel.diagnose.evidence import Connection, Evidence, Host, Outcome
from glasstunnel.diagnose.image import parse
from glasstunnel.diagnose.machine import Machine, Proxies
from glasstunnel.diagnose.options import Options
from glasstunnel.diagnose.probe import files, pull
from glasstunnel.diagnose.probe.layers import Layers
from glasstunnel.diagnose.verdict import reach_verdict

Answer = tuple[int, dict[str, str], bytes]
LAYER, CONFIG, DIGEST = b"layer" * 100, "sha256:c0", "sha256:" + "ab" * 32
MANIFEST = json.dumps({"config": {"digest": CONFIG}, "layers": [{"digest": "sha256:1a"}]}).encode()
TAG, BLOB = "/v2/team/app/manifests/latest", "/v2/team/app/blobs/sha256:1a"


@dataclass
class Asked:
    """A request that came."""

    path: str
    query: dict[str, list[str]]
    authorization: str


@dataclass
class Fake:
    """A server at one loopback address; ``answers`` by path, a token's with the token that it wants."""

    server: http.server.ThreadingHTTPServer
    answers: dict[str, Answer | Callable[[Asked], Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.server.server_name}:{self.server.server_port}"

    @property
    def name(self) -> str:
        return self.url.removeprefix("http://")

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def serve(address: str) -> Fake:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            came = Asked(parts.path, parse_qs(parts.query), self.headers.get("Authorization", ""))
            fake.asked.append(came)
            found = fake.answers.get(parts.path, (404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'))
            status, headers, body = found(came) if callable(found) else found
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    fake = Fake(http.server.ThreadingHTTPServer((address, 0), Handler))
    fake.server.server_name = address  # no resolver's opinion of it
    threading.Thread(target=fake.server.serve_forever, args=(0.01,), daemon=True).start()
    return fake


@dataclass
class World:
    """A registry, a second host and a third, and a pull of ``team/app`` from the first."""

    registry: Fake
    second: Fake
    third: Fake
    machine: list[Machine] = field(default_factory=list)

    def pull(self, image: str = "", machine: Machine | None = None) -> Evidence:
        self.machine[:] = [machine or Machine(default_route=True)]
        parsed = parse(image or f"{self.registry.name}/team/app")
        return asyncio.run(pull.examine(parsed, Options(resolvers=()), lambda who, what: None))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with ExitStack() as stack:
        first, second, third = (stack.enter_context(closing(serve(f"127.0.0.{last}"))) for last in (1, 2, 3))
        world = World(first, second, third)
        monkeypatch.setattr(files, "read_machine", lambda: world.machine[0])
        monkeypatch.setattr(files, "hosts_file", lambda: "")
        yield world


def ok(body: bytes = b"{}") -> Answer:
    return 200, {}, body


def to(url: str) -> Answer:
    return 307, {"Location": url}, b""


def bearer(realm: str, scope: str = "") -> Answer:
    more = f',scope="{scope}"' if scope else ""
    return 401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="lab"{more}'}, b"{}"


def only_with(token: str, answer: Answer, otherwise: Answer) -> Callable[[Asked], Answer]:
    return lambda asked: answer if asked.authorization == f"Bearer {token}" else otherwise


def roles(evidence: Evidence) -> list[str]:
    return [host.role for host in evidence.hosts]


def cause(evidence: Evidence) -> Cause:
    return reach_verdict(evidence).cause


def test_a_registry_may_serve_everything_itself_without_a_token(world: World) -> None:
    world.registry.answers = {"/v2/": ok(), TAG: ok(MANIFEST), BLOB: ok(LAYER)}
    seen = world.pull()
    assert (cause(seen), roles(seen)) == (Cause.ALL_WELL, ["registry"])


def test_a_token_service_at_the_registry_itself_is_asked_for_our_repository(world: World) -> None:
    """ghcr.io: the challenge's scope is a placeholder."""
    realm = f"{world.registry.url}/token"
    denied = bearer(realm, "repository:user/image:pull")

    def token(asked: Asked) -> Answer:
        right = asked.query["scope"] == ["repository:team/app:pull"]
        return ok(b'{"token": "t"}') if right else ok(b'{"token": "of another repository"}')

    world.registry.answers = {
        "/v2/": denied,
        "/token": token,
        TAG: only_with("t", ok(MANIFEST), denied),
        BLOB: only_with("t", ok(LAYER), denied),
    }
    seen = world.pull()
    assert (cause(seen), roles(seen)) == (Cause.ALL_WELL, ["registry", "token"])
    assert seen.hosts[1].connections is seen.hosts[0].connections  # not tried again


def test_manifests_may_be_elsewhere_and_layers_at_a_third_host(world: World) -> None:
    """registry.k8s.io: a redirect to a region for the manifest, to a bucket for the layer."""
    world.registry.answers = {
        "/v2/": ok(),
        TAG: to(f"{world.second.url}/v2/images/app/manifests/latest"),
        BLOB: to(f"{world.third.url}/bucket/1a?signature=secret"),
    }
    world.second.answers = {"/v2/images/app/manifests/latest": ok(MANIFEST)}
    world.third.answers = {"/bucket/1a": ok(LAYER)}
    seen = world.pull()
    assert (cause(seen), roles(seen)) == (Cause.ALL_WELL, ["registry", "redirect", "blob"])
    assert not any("secret" in str(reply) for host in seen.hosts for reply in host.replies)


def test_what_a_region_asks_of_us_is_not_meant_for_the_registry(world: World) -> None:
    """/v2/ that leads to a region which wants a token: manifests are for everybody."""
    world.registry.answers = {
        "/v2/": to(f"{world.second.url}/v2/"),
        TAG: to(f"{world.second.url}{TAG}"),
        BLOB: to(f"{world.second.url}{BLOB}"),
    }
    world.second.answers = {"/v2/": bearer(f"{world.third.url}/token"), TAG: ok(MANIFEST), BLOB: ok(LAYER)}
    seen = world.pull()
    assert (cause(seen), roles(seen)) == (Cause.ALL_WELL, ["registry", "redirect", "blob"])
    assert world.third.asked == []


def test_a_token_may_be_asked_for_only_at_the_manifest(world: World) -> None:
    denied = bearer(f"{world.second.url}/token")
    world.registry.answers = {
        "/v2/": ok(),
        TAG: only_with("t", ok(MANIFEST), denied),
        BLOB: only_with("t", ok(LAYER), denied),
    }
    world.second.answers = {"/token": ok(b'{"access_token": "t"}')}
    seen = world.pull()
    assert (cause(seen), roles(seen)) == (Cause.ALL_WELL, ["registry", "token"])


def test_a_token_that_is_refused_at_the_manifest_ends_the_pull(world: World) -> None:
    world.registry.answers = {"/v2/": ok(), TAG: bearer(f"{world.second.url}/token")}
    world.second.answers = {"/token": (403, {}, b'{"errors": [{"code": "DENIED"}]}')}
    assert cause(world.pull()) is Cause.IMAGE_OR_PERMISSION


def test_a_token_goes_to_nobody_but_the_registry_and_redirects_may_follow_each_other(world: World) -> None:
    """gcr.io: the layer is led to another path of its own, and from there to a bucket."""
    denied = bearer(f"{world.registry.url}/v2/token")
    world.registry.answers = {
        "/v2/": denied,
        "/v2/token": ok(b'{"token": "t"}'),
        TAG: only_with("t", ok(MANIFEST), denied),
        BLOB: only_with("t", to("/artifacts-downloads/1a"), denied),
        "/artifacts-downloads/1a": only_with("t", to(f"{world.third.url}/1a"), denied),
    }
    world.third.answers = {"/1a": ok(LAYER)}
    assert cause(world.pull()) is Cause.ALL_WELL
    assert [asked.authorization for asked in world.third.asked] == [""]


def test_redirects_without_end_are_not_followed_without_end(world: World) -> None:
    world.registry.answers = {"/v2/": ok(), TAG: to(TAG)}
    seen = world.pull()
    assert len(world.registry.asked) < 10
    assert cause(seen) is Cause.REGISTRY_FAILS


def test_a_registry_that_wants_a_password_is_a_matter_of_permission(world: World) -> None:
    """Amazon's private registries: Basic."""
    denied: Answer = (401, {"WWW-Authenticate": 'Basic realm="lab"'}, b'{"errors": [{"code": "DENIED"}]}')
    world.registry.answers = {"/v2/": denied, TAG: denied}
    verdict = reach_verdict(world.pull())
    assert verdict.cause is Cause.IMAGE_OR_PERMISSION


def index(*architectures: str) -> bytes:
    entries = [
        {"digest": DIGEST, "platform": {"os": "linux", "architecture": name}} for name in architectures
    ]
    return json.dumps({"manifests": entries}).encode()


def test_an_image_for_other_machines_alone_is_no_fault_of_the_network(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    world.registry.answers = {"/v2/": ok(), TAG: ok(index("amd64", "arm64"))}
    verdict = reach_verdict(world.pull())
    assert verdict.cause is Cause.IMAGE_OR_PERMISSION
    assert verdict.finding.facts[0].values["offered"] == "linux/amd64, linux/arm64"


def test_of_an_image_for_several_machines_ours_is_fetched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    answers: Mapping[str, Answer] = {
        "/v2/": ok(),
        TAG: ok(index("arm64")),
        f"/v2/team/app/manifests/{DIGEST}": ok(MANIFEST),
        BLOB: (206, {}, LAYER),
    }
    world.registry.answers = dict(answers)
    assert cause(world.pull()) is Cause.ALL_WELL


def test_a_manifest_of_schema_1_is_none_that_docker_takes(world: World) -> None:
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    world.registry.answers = {"/v2/": ok(), TAG: (200, {"Content-Type": kind}, b'{"fsLayers": []}')}
    verdict = reach_verdict(world.pull())
    assert verdict.cause is Cause.REGISTRY_FAILS
    assert kind in verdict.finding.facts[0].values["detail"]


def test_a_host_to_which_the_registry_leads_and_which_fails_is_named(world: World) -> None:
    world.registry.answers = {"/v2/": ok(), TAG: to(f"{world.second.url}{TAG}")}
    world.second.answers = {TAG: (503, {}, b"")}
    verdict = reach_verdict(world.pull())
    assert (verdict.cause, verdict.finding.role) == (Cause.BLOB_HOST, "redirect")


def test_an_image_that_is_missing_there_is_missing(world: World) -> None:
    world.registry.answers = {"/v2/": ok(), TAG: to(f"{world.second.url}{TAG}")}
    assert cause(world.pull()) is Cause.IMAGE_OR_PERMISSION


def test_an_insecure_registry_without_a_port_is_tried_at_80(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the daemon does: https at 443 first."""
    tried: list[tuple[str, int]] = []

    async def connect_all(addresses: list[str], port: int, deadline: float) -> list[Connection]:
        tried.extend((address, port) for address in addresses)
        outcome = Outcome.OK if port == 80 else Outcome.REFUSED
        return [Connection(address, port, outcome) for address in addresses]

    monkeypatch.setattr("glasstunnel.diagnose.probe.tcp.connect_all", connect_all)
    host = Host("127.0.0.1", 443, "registry", insecure=True)
    layers = Layers(Options(resolvers=()), Machine(), lambda who, what: None, float("inf"))
    asyncio.run(layers.examine(host))
    assert (host.port, host.plain, tried) == (80, True, [("127.0.0.1", 443), ("127.0.0.1", 80)])


@pytest.mark.parametrize(
    "proxy", ["http://127.0.0.1:99999", "http://PROXY:PORT", "ftp://127.0.0.1:1", "http://[::1", "http://:"]
)
def test_a_proxy_that_is_none_is_a_broken_proxy_whatever_its_url(
    world: World, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leave_alone(layers: Layers, host: Host) -> None:
        """The registry is outside: its own layers are not looked at."""

    monkeypatch.setattr(Layers, "examine", leave_alone)
    machine = Machine(default_route=True, environment=Proxies("environment", proxy, proxy))
    seen = world.pull("192.0.2.1/app", machine)
    verdict = reach_verdict(seen)
    assert verdict.cause is Cause.PROXY_BROKEN
    assert verdict.finding.facts[0].values["proxy"] == proxy
