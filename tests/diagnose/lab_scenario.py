"""What a scenario of the laboratory is, and the parts of which scenarios are made.

Rule: a scenario is what differs from a machine and a path on which all is well: files below ``/etc``, faults
of the path, servers to which the path leads. ``cause`` is the verdict that is right, ``pulls`` whether the
pull succeeds all the same; the tests hold both against the diagnosis and against skopeo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from tests.diagnose import lab_names as names
from tests.diagnose.lab_client import DROP_INS, Client
from tests.diagnose.lab_fronts import Change, failing, relay
from tests.diagnose.lab_path import Faults
from tests.diagnose.lab_stage import BACKSTAGE, PROXY, PROXY_PORT, Lab, Stage


@dataclass(frozen=True)
class Scenario:
    """``files``: path and text. ``prepare`` starts what servers it needs and may change the faults.

    ``evidence``: codes of the verdict's evidence, each with a part of its text. ``also``: what the verdict
    names beside its cause. ``mended_by``: the remedies after which the pull succeeds.
    """

    cause: str
    evidence: dict[str, str]
    confidence: str = "certain"
    why: str | None = None
    also: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    mended_by: tuple[str, ...] = ()
    pulls: bool = False
    complaint: str = ""  # a part of what skopeo says
    image: str = "hello-world"
    faults: Faults = field(default_factory=Faults)
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    ipv6: bool = False  # the client has it, and the network too
    link_resolver: str = ""  # what the network tells systemd-resolved, which then resolves names here
    prepare: Callable[[Stage], None] = lambda stage: None
    ahead: timedelta = timedelta(0)  # of the world's clock


def resolver(address: str) -> dict[str, str]:
    """A resolv.conf with one name server."""
    return {"/etc/resolv.conf": f"nameserver {address}\noptions timeout:1 attempts:1\n"}


def hosts(address: str) -> dict[str, str]:
    """A hosts file that names the registry."""
    return {"/etc/hosts": f"127.0.0.1 localhost\n{address} {names.REGISTRY}\n"}


def drop_in(url: str) -> dict[str, str]:
    """The daemon's proxy, as an administrator has set it."""
    text = f'[Service]\nEnvironment="HTTPS_PROXY={url}" "NO_PROXY=localhost,127.0.0.1"\n'
    return {f"{DROP_INS}/http-proxy.conf": text}


def led(address: str, name: str, handler: Callable[[Stage], type]) -> Callable[[Stage], None]:
    """The path leads what is sent to ``address`` to a server with a true certificate for ``name``."""

    def prepare(stage: Stage) -> None:
        pair = stage.authority.issue([name])
        stage.front(BACKSTAGE[0], handler(stage), pair)
        stage.lead({address: BACKSTAGE[0]})

    return prepare


def inspection(stage: Stage) -> None:
    """All HTTPS is broken open by a gateway whose root this machine does not trust."""
    relayed = relay(stage.world, (names.REGISTRY_ADDRESSES[0], 443), stage.authority.root)
    stage.front(BACKSTAGE[0], relayed, stage.stranger.issue([names.REGISTRY, "*.docker.io"]))
    stage.lead(dict.fromkeys((*names.REGISTRY_ADDRESSES, names.AUTH_ADDRESS), BACKSTAGE[0]))


def clock(ahead: timedelta) -> Callable[[Stage], None]:
    """The world's clock is ahead of the client's, or behind it: certificates and Date as of then.

    No namespace has a clock of the day of its own, so what is moved is the world.
    """

    def prepare(stage: Stage) -> None:
        places = (
            (names.REGISTRY, names.REGISTRY_ADDRESSES),
            (names.AUTH, (names.AUTH_ADDRESS,)),
            (names.BLOBS, (names.BLOBS_ADDRESS,)),
            ("example.com", (names.INNOCENT_ADDRESS,)),
        )
        for (name, addresses), back in zip(places, BACKSTAGE, strict=True):
            relayed = relay(stage.world, (addresses[0], 443), stage.authority.root, ahead=ahead)
            stage.front(back, relayed, stage.authority.issue([name], ahead=ahead))
            stage.lead(dict.fromkeys(addresses, back))

    return prepare


def too_many(method: str, path: str) -> tuple[int, dict[str, str], object] | None:
    """The hub's answer to who has pulled too much, docs.docker.com/docker-hub/usage/pulls."""
    if "/manifests/" not in path:
        return None
    headers = {
        "ratelimit-limit": "100;w=21600",
        "ratelimit-remaining": "0;w=21600",
        "docker-ratelimit-source": "192.168.77.23",
        "retry-after": "1800",
    }
    error = {"code": "TOOMANYREQUESTS", "message": "You have reached your unauthenticated pull rate limit."}
    return 429, headers, {"errors": [error]}


def changed(change: Change) -> Callable[[Stage], None]:
    """The registry, but for the answers that are changed."""

    def prepare(stage: Stage) -> None:
        relayed = relay(stage.world, (names.REGISTRY_ADDRESSES[0], 443), stage.authority.root, change)
        stage.front(BACKSTAGE[0], relayed, stage.authority.issue([names.REGISTRY]))
        stage.lead(dict.fromkeys(names.REGISTRY_ADDRESSES, BACKSTAGE[0]))

    return prepare


def mirror(stage: Stage) -> None:
    """The mirror works; it has what the hub has."""
    relayed = relay(stage.world, (names.PRIVATE_ADDRESS, 5443), stage.authority.root)
    stage.front(names.MIRROR_ADDRESS, relayed, stage.authority.issue([names.MIRROR]))


def other_site(address: str, name: str) -> Callable[[Stage], None]:
    """At this address somebody else's site is served."""

    def prepare(stage: Stage) -> None:
        stage.front(BACKSTAGE[0], failing(404, "no such site"), stage.authority.issue([name]))
        stage.lead({address: BACKSTAGE[0]})

    return prepare


def site_at(address: str, name: str) -> Callable[[Stage], None]:
    """The same at an address that the world has."""

    def prepare(stage: Stage) -> None:
        stage.front(address, failing(404, "no such site"), stage.authority.issue([name]))

    return prepare


def unwilling_proxy(stage: Stage) -> None:
    """A proxy that wants to know who asks."""
    stage.front(PROXY, failing(407, "who are you?"), None, 3128)


HUB = frozenset(names.REGISTRY_ADDRESSES)
GOOD_PROXY = f"http://{PROXY}:{PROXY_PORT}"
WALLED = Faults(only_addresses=frozenset({PROXY, names.HONEST}))
MIRROR = {"/etc/docker/daemon.json": f'{{"registry-mirrors": ["https://{names.MIRROR}"]}}\n'}


@contextmanager
def on_stage(lab: Lab, scenario: Scenario) -> Iterator[tuple[Stage, Client]]:
    """Within the block the laboratory is that of the scenario."""
    with ExitStack() as stack:
        stage = stack.enter_context(closing(Stage(lab, scenario.faults)))
        client = stack.enter_context(closing(lab.client()))
        if scenario.ipv6:
            stack.enter_context(lab.ipv6())
        scenario.prepare(stage)
        if scenario.ahead:
            clock(scenario.ahead)(stage)
        for path, text in scenario.files.items():
            client.write(path, text)
        client.environment = dict(scenario.environment)
        if scenario.link_resolver:
            client.resolve_by_daemon(scenario.link_resolver)
        yield stage, client
