"""Scenarios of what answers: the registry, its token service, its blobs, and the daemon's mirrors.

Rule: see :mod:`tests.diagnose.lab_scenario`.
"""

from __future__ import annotations

from tests.diagnose import lab_names as names
from tests.diagnose.lab_fronts import failing
from tests.diagnose.lab_path import Faults
from tests.diagnose.lab_scenario import HUB, MIRROR, Scenario, changed, led, mirror, resolver, too_many

REGISTRY = {
    "all-well": Scenario("all-well", {"first-bytes": names.BLOBS}, pulls=True),
    "other-registry": Scenario(
        "all-well",
        {"first-bytes": f"{names.PRIVATE_REGISTRY}:5443"},
        pulls=True,
        image=f"{names.PRIVATE_REGISTRY}:5443/team/app",
    ),
    "mirror-broken": Scenario(
        "mirror-broken",
        {"tcp-fails": "refused", "falls-back": names.REGISTRY},
        confidence="likely",
        why="blocked-address",
        remedies=("without-mirror",),
        mended_by=("without-mirror",),
        pulls=True,
        files=MIRROR,
    ),
    "mirror-broken-and-blocked": Scenario(
        "mirror-broken",
        {"tcp-fails": names.MIRROR_ADDRESS},
        confidence="likely",
        why="blocked-address",
        also=("blocked-address",),
        remedies=("without-mirror", "proxy-drop-in", "proxy-shell"),
        files=MIRROR,
        faults=Faults(drop_addresses=HUB),
    ),
    "mirror-serves": Scenario(
        "all-well",
        {"mirror-serves": names.MIRROR},
        confidence="likely",
        also=("blocked-address",),
        pulls=True,
        files=MIRROR,
        faults=Faults(drop_addresses=HUB),
        prepare=mirror,
    ),
    "token-host-reset": Scenario(
        "token-host",
        {"tls-fails": "reset", "innocent-works": "example.com"},
        why="name-based-reset",
        complaint="connection reset by peer",
        remedies=("proxy-drop-in", "proxy-shell"),
        faults=Faults(reset_names=frozenset({names.AUTH})),
    ),
    "token-host-fails": Scenario(
        "token-host",
        {"reply": "503"},
        complaint="503",
        remedies=("not-here",),
        prepare=led(names.AUTH_ADDRESS, names.AUTH, lambda stage: failing(503, "come back later")),
    ),
    "token-host-poisoned": Scenario(
        "token-host",
        {"answers": names.POISON, "two-answers": names.POISON, "proven": names.AUTH_ADDRESS},
        why="poisoned-resolver",
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=resolver("8.8.8.8"),
        faults=Faults(forged={names.AUTH: names.POISON}),
    ),
    "blob-host-reset": Scenario(
        "blob-host",
        {"tls-fails": "reset", "innocent-works": "example.com"},
        why="name-based-reset",
        complaint="connection reset by peer",
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
        prepare=changed(too_many),
    ),
    "image-missing": Scenario(
        "image-or-permission",
        {"reply": "404 MANIFEST_UNKNOWN"},
        complaint="manifest unknown",
        remedies=("check-name", "log-in"),
        image="none/such",
    ),
    "permission-denied": Scenario(
        "image-or-permission",
        {"reply": "401 UNAUTHORIZED", "anonymous": "without an account"},
        confidence="likely",
        complaint="denied",
        remedies=("check-name", "log-in"),
        image="secret/app",
    ),
    "registry-fails": Scenario(
        "registry-fails",
        {"reply": "503"},
        complaint="503",
        remedies=("not-here",),
        prepare=changed(lambda method, path: (503, {}, {"errors": []})),
    ),
}
"""By name."""
