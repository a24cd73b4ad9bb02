"""Every way in which a pull goes, or fails, that the laboratory can show.

Rule: a scenario is what differs from a machine and a path on which all is well: files below ``/etc``, faults
of the path, servers to which the path leads. ``cause`` is the verdict that is right, ``pulls`` whether the
pull succeeds all the same; the tests hold both against the diagnosis and against skopeo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from tests.diagnose import lab_names as names
from tests.diagnose.lab_fronts import Change, failing, relay
from tests.diagnose.lab_path import Faults
from tests.diagnose.lab_stage import BACKSTAGE, DROP_IN, PROXY, PROXY_PORT, Client, Lab, Stage


@dataclass(frozen=True)
class Scenario:
    """``files``: path and text. ``prepare`` starts what servers it needs and may change the faults."""

    cause: str
    pulls: bool = False
    image: str = "hello-world"
    faults: Faults = field(default_factory=Faults)
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Stage], None] = lambda stage: None


def _resolver(address: str) -> dict[str, str]:
    return {"/etc/resolv.conf": f"nameserver {address}\noptions timeout:1 attempts:1\n"}


def _hosts(address: str) -> dict[str, str]:
    return {"/etc/hosts": f"127.0.0.1 localhost\n{address} {names.REGISTRY}\n"}


def _drop_in(url: str) -> dict[str, str]:
    text = f'[Service]\nEnvironment="HTTPS_PROXY={url}" "NO_PROXY=localhost,127.0.0.1"\n'
    return {DROP_IN: text}


def _led(address: str, name: str, handler: Callable[[Stage], type]) -> Callable[[Stage], None]:
    """The path leads what is sent to ``address`` to a server with a true certificate for ``name``."""

    def prepare(stage: Stage) -> None:
        pair = stage.authority.issue([name])
        stage.front(BACKSTAGE[0], handler(stage), pair)
        stage.lead({address: BACKSTAGE[0]})

    return prepare


def _inspection(stage: Stage) -> None:
    """All HTTPS is broken open by a gateway whose root this machine does not trust."""
    relayed = relay(stage.world, (names.REGISTRY_ADDRESSES[0], 443), stage.authority.root)
    stage.front(BACKSTAGE[0], relayed, stage.stranger.issue([names.REGISTRY, "*.docker.io"]))
    stage.lead(dict.fromkeys((*names.REGISTRY_ADDRESSES, names.AUTH_ADDRESS), BACKSTAGE[0]))


def _clock(ahead: timedelta) -> Callable[[Stage], None]:
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


def _too_many(method: str, path: str) -> tuple[int, dict[str, str], object] | None:
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


def _changed(change: Change) -> Callable[[Stage], None]:
    def prepare(stage: Stage) -> None:
        relayed = relay(stage.world, (names.REGISTRY_ADDRESSES[0], 443), stage.authority.root, change)
        stage.front(BACKSTAGE[0], relayed, stage.authority.issue([names.REGISTRY]))
        stage.lead(dict.fromkeys(names.REGISTRY_ADDRESSES, BACKSTAGE[0]))

    return prepare


def _other_site(address: str, name: str) -> Callable[[Stage], None]:
    """At this address somebody else's site is served."""

    def prepare(stage: Stage) -> None:
        stage.front(BACKSTAGE[0], failing(404, "no such site"), stage.authority.issue([name]))
        stage.lead({address: BACKSTAGE[0]})

    return prepare


def _unwilling_proxy(stage: Stage) -> None:
    stage.front(PROXY, failing(407, "who are you?"), None, 3128)


_ALL = frozenset(names.REGISTRY_ADDRESSES)
_RELEASE = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n'
_GOOD_PROXY = f"http://{PROXY}:{PROXY_PORT}"
_WALLED = Faults(only_addresses=frozenset({PROXY, names.HONEST}))
_MIRROR = {"/etc/docker/daemon.json": f'{{"registry-mirrors": ["https://{names.MIRROR}"]}}\n'}
_CLOUDFRONT = "54.192.130.39"


@contextmanager
def on_stage(lab: Lab, scenario: Scenario) -> Iterator[Client]:
    """Within the block the laboratory is that of the scenario; its client."""
    with closing(Stage(lab, scenario.faults)) as stage:
        scenario.prepare(stage)
        client = lab.client()
        for path, text in scenario.files.items():
            client.write(path, text)
        client.environment = dict(scenario.environment)
        yield client


SCENARIOS = {
    "all-well": Scenario("all-well", pulls=True),
    "other-registry": Scenario("all-well", pulls=True, image=f"{names.PRIVATE_REGISTRY}:5443/team/app"),
    "no-network": Scenario("no-network", faults=Faults(only_addresses=frozenset())),
    "stale-hosts": Scenario("stale-hosts", files=_hosts("44.205.64.79")),
    "stale-hosts-other-site": Scenario(
        "stale-hosts", files=_hosts(_CLOUDFRONT), prepare=_other_site(_CLOUDFRONT, "*.cloudfront.net")
    ),
    "poisoned-resolver": Scenario("poisoned-resolver", files=_resolver(names.POISONED)),
    "poisoned-resolver-other-site": Scenario(
        "poisoned-resolver",
        files=_resolver(names.POISONED),
        prepare=_other_site(names.POISON, "*.facebook.com"),
    ),
    "poisoned-resolver-no-name": Scenario("poisoned-resolver", files=_resolver(names.LYING)),
    "injected-answers": Scenario(
        "poisoned-resolver", files=_resolver("8.8.8.8"), faults=Faults(forged={names.REGISTRY: names.POISON})
    ),
    "injected-answers-only-https-true": Scenario(
        "poisoned-resolver",
        files=_resolver("8.8.8.8"),
        faults=Faults(forged={names.REGISTRY: names.POISON}, drop_ports=frozenset({853})),
    ),
    "silent-resolver": Scenario("resolver-fails", files=_resolver(names.SILENT)),
    "blocked-address": Scenario("blocked-address", faults=Faults(drop_addresses=_ALL)),
    "blocked-address-reset": Scenario("blocked-address", faults=Faults(reset_addresses=_ALL)),
    "name-based-reset": Scenario("name-based-reset", faults=Faults(reset_names=frozenset({names.REGISTRY}))),
    "name-based-reset-and-poison": Scenario(
        "name-based-reset",
        files=_resolver("8.8.8.8"),
        faults=Faults(forged={names.REGISTRY: names.POISON}, reset_names=frozenset({names.REGISTRY})),
    ),
    "large-packets-lost": Scenario("large-packets-lost", faults=Faults(largest=1300)),
    "intercepting-certificate": Scenario("intercepting-certificate", prepare=_inspection),
    "clock-behind": Scenario("wrong-clock", prepare=_clock(timedelta(days=300))),
    "clock-ahead": Scenario("wrong-clock", prepare=_clock(timedelta(days=-300))),
    "proxy-needed": Scenario(
        "proxy-needed", faults=_WALLED, files={"/etc/environment": f'https_proxy="{_GOOD_PROXY}"\n'}
    ),
    "proxy-used": Scenario("all-well", pulls=True, faults=_WALLED, files=_drop_in(_GOOD_PROXY)),
    "proxy-refuses": Scenario("proxy-broken", files=_drop_in(f"http://{PROXY}:8889")),
    "proxy-wants-password": Scenario(
        "proxy-broken", files=_drop_in(f"http://{PROXY}:3128"), prepare=_unwilling_proxy
    ),
    "mirror-broken": Scenario("mirror-broken", files=_MIRROR, faults=Faults(drop_addresses=_ALL)),
    "mirror-passed-over": Scenario("mirror-broken", pulls=True, files=_MIRROR),
    "token-host-reset": Scenario("token-host", faults=Faults(reset_names=frozenset({names.AUTH}))),
    "token-host-fails": Scenario(
        "token-host",
        prepare=_led(names.AUTH_ADDRESS, names.AUTH, lambda stage: failing(503, "come back later")),
    ),
    "blob-host-reset": Scenario("blob-host", faults=Faults(reset_names=frozenset({names.BLOBS}))),
    "blob-host-blocked": Scenario(
        "blob-host", faults=Faults(drop_addresses=frozenset({names.BLOBS_ADDRESS}))
    ),
    "rate-limit": Scenario("rate-limit", prepare=_changed(_too_many)),
    "image-missing": Scenario("image-or-permission", image="none/such"),
    "permission-denied": Scenario("image-or-permission", image="secret/app"),
    "registry-fails": Scenario(
        "registry-fails",
        prepare=_changed(lambda method, path: (503, {}, {"errors": []})),
    ),
    "ubuntu-poisoned-resolver": Scenario(
        "poisoned-resolver", files={"/etc/os-release": _RELEASE, **_resolver(names.POISONED)}
    ),
}
"""By name."""
