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
from tests.diagnose.lab_stage import BACKSTAGE, DROP_INS, PROXY, PROXY_PORT, Client, Lab, Stage


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
    image: str = "hello-world"
    faults: Faults = field(default_factory=Faults)
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Stage], None] = lambda stage: None
    ahead: timedelta = timedelta(0)  # of the world's clock


def _resolver(address: str) -> dict[str, str]:
    return {"/etc/resolv.conf": f"nameserver {address}\noptions timeout:1 attempts:1\n"}


def _hosts(address: str) -> dict[str, str]:
    return {"/etc/hosts": f"127.0.0.1 localhost\n{address} {names.REGISTRY}\n"}


def _drop_in(url: str) -> dict[str, str]:
    text = f'[Service]\nEnvironment="HTTPS_PROXY={url}" "NO_PROXY=localhost,127.0.0.1"\n'
    return {f"{DROP_INS}/http-proxy.conf": text}


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
_GOOD_PROXY = f"http://{PROXY}:{PROXY_PORT}"
_WALLED = Faults(only_addresses=frozenset({PROXY, names.HONEST}))
_MIRROR = {"/etc/docker/daemon.json": f'{{"registry-mirrors": ["https://{names.MIRROR}"]}}\n'}
_CLOUDFRONT, _GONE = "54.192.130.39", "44.205.64.79"  # what a hosts file was once told


@contextmanager
def on_stage(lab: Lab, scenario: Scenario) -> Iterator[tuple[Stage, Client]]:
    """Within the block the laboratory is that of the scenario."""
    with closing(Stage(lab, scenario.faults)) as stage, closing(lab.client()) as client:
        scenario.prepare(stage)
        if scenario.ahead:
            clock(scenario.ahead)(stage)
        for path, text in scenario.files.items():
            client.write(path, text)
        client.environment = dict(scenario.environment)
        yield stage, client


_ODD = {"answers": names.POISON, "odd-address": "known forgery", "proven": names.REGISTRY_ADDRESSES[0]}
_TWICE = {"two-answers": names.POISON}

SCENARIOS = {
    "all-well": Scenario("all-well", {"first-bytes": names.BLOBS}, pulls=True),
    "other-registry": Scenario(
        "all-well",
        {"first-bytes": f"{names.PRIVATE_REGISTRY}:5443"},
        pulls=True,
        image=f"{names.PRIVATE_REGISTRY}:5443/team/app",
    ),
    "no-network": Scenario(
        "no-network",
        {"system-lookup-fails": names.REGISTRY, "nobody-reachable": "8.8.8.8"},
        confidence="likely",
        remedies=("network",),
        faults=Faults(only_addresses=frozenset()),
    ),
    "stale-hosts": Scenario(
        "stale-hosts",
        {"hosts-line": _GONE, "proven": names.REGISTRY_ADDRESSES[0]},
        remedies=("hosts-line",),
        mended_by=("hosts-line",),
        files=_hosts(_GONE),
    ),
    "stale-hosts-other-site": Scenario(
        "stale-hosts",
        {"hosts-line": _CLOUDFRONT, "tls-fails": "ostname mismatch", "proven": names.REGISTRY_ADDRESSES[0]},
        remedies=("hosts-line",),
        mended_by=("hosts-line",),
        files=_hosts(_CLOUDFRONT),
        prepare=_other_site(_CLOUDFRONT, "*.cloudfront.net"),
    ),
    "poisoned-resolver": Scenario(
        "poisoned-resolver",
        _ODD,
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=_resolver(names.POISONED),
    ),
    "poisoned-resolver-other-site": Scenario(
        "poisoned-resolver",
        _ODD | {"tls-fails": "ostname mismatch"},
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=_resolver(names.POISONED),
        prepare=_other_site(names.POISON, "*.facebook.com"),
    ),
    "poisoned-resolver-no-name": Scenario(
        "poisoned-resolver",
        {"system-lookup-fails": "no such name", "proven": names.REGISTRY_ADDRESSES[0]},
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=_resolver(names.LYING),
    ),
    "injected-answers": Scenario(
        "poisoned-resolver",
        _ODD | _TWICE,
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=_resolver("8.8.8.8"),
        faults=Faults(forged={names.REGISTRY: names.POISON}),
    ),
    "injected-answers-tls-dropped": Scenario(
        "poisoned-resolver",
        _ODD | _TWICE,
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=_resolver("8.8.8.8"),
        faults=Faults(forged={names.REGISTRY: names.POISON}, drop_ports=frozenset({853})),
    ),
    "injected-answers-only-https-true": Scenario(
        "poisoned-resolver",
        _ODD,
        remedies=("pin",),
        mended_by=("pin",),
        files=_resolver(names.POISONED),
        faults=Faults(
            forged={names.REGISTRY: names.POISON},
            drop_ports=frozenset({853}),
            reset_ports=frozenset({53}),
        ),
    ),
    "silent-resolver": Scenario(
        "resolver-fails",
        {"system-lookup-fails": names.REGISTRY, "proven": names.REGISTRY_ADDRESSES[0]},
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf",),
        files=_resolver(names.SILENT),
    ),
    "blocked-address": Scenario(
        "blocked-address",
        {"tcp-fails": "timeout", "others-reachable": "8.8.8.8"},
        confidence="likely",
        remedies=("proxy-drop-in", "proxy-shell"),
        faults=Faults(drop_addresses=_ALL),
    ),
    "blocked-address-reset": Scenario(
        "blocked-address",
        {"tcp-fails": "refused", "others-reachable": "8.8.8.8"},
        confidence="likely",
        remedies=("proxy-drop-in", "proxy-shell"),
        faults=Faults(reset_addresses=_ALL),
    ),
    "one-address-of-two-reset": Scenario(
        "all-well",
        {"first-bytes": names.BLOBS},
        pulls=True,
        faults=Faults(reset_addresses=frozenset(names.REGISTRY_ADDRESSES[:1])),
    ),
    "name-based-reset": Scenario(
        "name-based-reset",
        {
            "tcp-connects": names.REGISTRY_ADDRESSES[0],
            "tls-fails": "reset",
            "innocent-works": "example.com",
        },
        remedies=("proxy-drop-in", "proxy-shell"),
        faults=Faults(reset_names=frozenset({names.REGISTRY})),
    ),
    "name-based-reset-behind-poison": Scenario(
        "poisoned-resolver",
        {"answers": names.POISON, "odd-address": "known forgery"} | _TWICE,
        also=("name-based-reset",),
        remedies=("proxy-drop-in", "proxy-shell"),
        files=_resolver("8.8.8.8"),
        faults=Faults(forged={names.REGISTRY: names.POISON}, reset_names=frozenset({names.REGISTRY})),
    ),
    "name-based-reset-proxy-known": Scenario(
        "name-based-reset",
        {"tls-fails": "reset", "innocent-works": "example.com"},
        remedies=("proxy-drop-in", "proxy-shell"),
        mended_by=("proxy-drop-in", "proxy-shell"),
        files={"/etc/environment": f'https_proxy="{_GOOD_PROXY}"\n'},
        faults=Faults(reset_names=frozenset({names.REGISTRY})),
    ),
    "large-packets-lost": Scenario(
        "large-packets-lost",
        {"tcp-connects": names.REGISTRY_ADDRESSES[0], "tls-fails": "timeout", "small-segments-work": "536"},
        remedies=("smaller-packets",),
        faults=Faults(largest=1300),
    ),
    "intercepting-certificate": Scenario(
        "intercepting-certificate",
        {"certificate": "Inspection Gateway"},
        confidence="likely",
        remedies=("authority", "proxy-drop-in", "proxy-shell"),
        prepare=_inspection,
    ),
    "clock-behind": Scenario(
        "wrong-clock",
        {"certificate": "not yet valid", "clocks": "-259"},
        remedies=("clock-by-network", "clock-by-hand"),
        mended_by=("clock-by-hand",),
        ahead=timedelta(days=300),
    ),
    "clock-ahead": Scenario(
        "wrong-clock",
        {"certificate": "expired", "clocks": "+259"},
        remedies=("clock-by-network", "clock-by-hand"),
        mended_by=("clock-by-hand",),
        ahead=timedelta(days=-300),
    ),
    "proxy-needed": Scenario(
        "proxy-needed",
        {"tcp-fails": "timeout", "nobody-reachable": "8.8.8.8", "known-proxy-works": PROXY},
        remedies=("proxy-drop-in", "proxy-shell"),
        mended_by=("proxy-drop-in", "proxy-shell"),
        faults=_WALLED,
        files={"/etc/environment": f'https_proxy="{_GOOD_PROXY}"\n'},
    ),
    "proxy-only-in-shell": Scenario(
        "proxy-needed",
        {"tcp-fails": "timeout", "nobody-reachable": "8.8.8.8", "known-proxy-works": PROXY},
        remedies=("proxy-drop-in", "proxy-shell"),
        mended_by=("proxy-drop-in", "proxy-shell"),
        faults=_WALLED,
        environment={"HTTPS_PROXY": _GOOD_PROXY},
    ),
    "proxy-in-daemon-json": Scenario(
        "all-well",
        {"first-bytes": _GOOD_PROXY},
        pulls=True,
        faults=_WALLED,
        files={"/etc/docker/daemon.json": f'{{"proxies": {{"https-proxy": "{_GOOD_PROXY}"}}}}\n'},
    ),
    "proxy-broken-in-daemon-json": Scenario(
        "proxy-broken",
        {"proxy-fails": "refused", "direct-works": names.REGISTRY_ADDRESSES[0]},
        remedies=("no-proxy-json",),
        mended_by=("no-proxy-json",),
        files={
            "/etc/docker/daemon.json": f'{{"debug": true, "proxies": {{"https-proxy": "http://{PROXY}:8889"}}}}\n'
        },
    ),
    "proxy-used": Scenario(
        "all-well", {"first-bytes": _GOOD_PROXY}, pulls=True, faults=_WALLED, files=_drop_in(_GOOD_PROXY)
    ),
    "proxy-refuses": Scenario(
        "proxy-broken",
        {"proxy-fails": "refused", "direct-works": names.REGISTRY_ADDRESSES[0]},
        remedies=("no-proxy-drop-in",),
        mended_by=("no-proxy-drop-in",),
        files=_drop_in(f"http://{PROXY}:8889"),
    ),
    "proxy-wants-password": Scenario(
        "proxy-broken",
        {"proxy-fails": "407", "direct-works": names.REGISTRY_ADDRESSES[0]},
        remedies=("no-proxy-drop-in",),
        mended_by=("no-proxy-drop-in",),
        files=_drop_in(f"http://{PROXY}:3128"),
        prepare=_unwilling_proxy,
    ),
    "mirror-broken": Scenario(
        "mirror-broken",
        {"tcp-fails": "refused", "falls-back": names.REGISTRY},
        confidence="likely",
        why="blocked-address",
        remedies=("without-mirror",),
        pulls=True,
        files=_MIRROR,
    ),
    "mirror-broken-and-blocked": Scenario(
        "mirror-broken",
        {"tcp-fails": names.MIRROR_ADDRESS},
        confidence="likely",
        why="blocked-address",
        also=("blocked-address",),
        remedies=("without-mirror", "proxy-drop-in", "proxy-shell"),
        files=_MIRROR,
        faults=Faults(drop_addresses=_ALL),
    ),
    "token-host-reset": Scenario(
        "token-host",
        {"tls-fails": "reset", "innocent-works": "example.com"},
        why="name-based-reset",
        remedies=("proxy-drop-in", "proxy-shell"),
        faults=Faults(reset_names=frozenset({names.AUTH})),
    ),
    "token-host-fails": Scenario(
        "token-host",
        {"reply": "503"},
        remedies=("not-here",),
        prepare=_led(names.AUTH_ADDRESS, names.AUTH, lambda stage: failing(503, "come back later")),
    ),
    "token-host-poisoned": Scenario(
        "token-host",
        {"answers": names.POISON, "two-answers": names.POISON, "proven": names.AUTH_ADDRESS},
        why="poisoned-resolver",
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=_resolver("8.8.8.8"),
        faults=Faults(forged={names.AUTH: names.POISON}),
    ),
    "blob-host-reset": Scenario(
        "blob-host",
        {"tls-fails": "reset", "innocent-works": "example.com"},
        why="name-based-reset",
        remedies=("proxy-drop-in", "proxy-shell"),
        faults=Faults(reset_names=frozenset({names.BLOBS})),
    ),
    "blob-host-blocked": Scenario(
        "blob-host",
        {"tcp-fails": "timeout", "others-reachable": "8.8.8.8"},
        confidence="likely",
        why="blocked-address",
        remedies=("proxy-drop-in", "proxy-shell"),
        faults=Faults(drop_addresses=frozenset({names.BLOBS_ADDRESS})),
    ),
    "rate-limit": Scenario(
        "rate-limit",
        {"reply": "ratelimit-remaining: 0;w=21600"},
        remedies=("log-in", "wait"),
        prepare=_changed(_too_many),
    ),
    "image-missing": Scenario(
        "image-or-permission",
        {"reply": "404 MANIFEST_UNKNOWN"},
        remedies=("check-name", "log-in"),
        image="none/such",
    ),
    "permission-denied": Scenario(
        "image-or-permission",
        {"reply": "401 UNAUTHORIZED"},
        remedies=("check-name", "log-in"),
        image="secret/app",
    ),
    "registry-fails": Scenario(
        "registry-fails",
        {"reply": "503"},
        remedies=("not-here",),
        prepare=_changed(lambda method, path: (503, {}, {"errors": []})),
    ),
}
"""By name."""
