"""Scenarios of the path to the registry: the network, TCP, TLS, certificates, the clock, proxies.

Rule: see :mod:`tests.diagnose.lab_scenario`.
"""

from __future__ import annotations

from datetime import timedelta

from tests.diagnose import lab_names as names
from tests.diagnose.lab_path import Faults
from tests.diagnose.lab_scenario import (
    GOOD_PROXY,
    HUB,
    WALLED,
    Scenario,
    drop_in,
    inspection,
    resolver,
    unwilling_proxy,
)
from tests.diagnose.lab_stage import PROXY

PATH = {
    "no-network": Scenario(
        "no-network",
        {"system-lookup-fails": names.REGISTRY, "nobody-reachable": "8.8.8.8"},
        confidence="likely",
        remedies=("network",),
        faults=Faults(only_addresses=frozenset()),
    ),
    "blocked-address": Scenario(
        "blocked-address",
        {"tcp-fails": "timeout", "others-reachable": "8.8.8.8"},
        confidence="likely",
        remedies=("proxy-drop-in", "proxy-shell"),
        faults=Faults(drop_addresses=HUB),
    ),
    "blocked-address-reset": Scenario(
        "blocked-address",
        {"tcp-fails": "refused", "others-reachable": "8.8.8.8"},
        confidence="likely",
        complaint="connection refused",
        remedies=("proxy-drop-in", "proxy-shell"),
        faults=Faults(reset_addresses=HUB),
    ),
    "one-address-of-two-reset": Scenario(
        "all-well",
        {"first-bytes": names.BLOBS, "goes-on-without": names.REGISTRY_ADDRESSES[0]},
        pulls=True,
        faults=Faults(reset_addresses=frozenset(names.REGISTRY_ADDRESSES[:1])),
    ),
    "ipv6": Scenario(
        "all-well",
        {"first-bytes": names.BOTH},
        pulls=True,
        image=f"{names.BOTH}/team/app",
        ipv6=True,
    ),
    "ipv6-dead": Scenario(
        "all-well",
        {"first-bytes": names.BOTH, "goes-on-without": names.BOTH_ADDRESSES[1]},
        pulls=True,
        image=f"{names.BOTH}/team/app",
        ipv6=True,
        faults=Faults(drop_addresses=frozenset({names.BOTH_ADDRESSES[1], "2606:4700:4700::1111"})),
    ),
    "ipv6-reset": Scenario(
        "name-based-reset",
        {
            "tls-fails": names.BOTH_ADDRESSES[1],
            "innocent-works": names.BOTH_ADDRESSES[1],
            "proven": names.BOTH_ADDRESSES[0],
        },
        confidence="likely",
        complaint="connection reset by peer",
        remedies=("pin", "proxy-drop-in", "proxy-shell"),
        mended_by=("pin",),
        image=f"{names.BOTH}/team/app",
        ipv6=True,
        faults=Faults(reset_names=frozenset({names.BOTH}), spared=names.BOTH_ADDRESSES[0]),
    ),
    "name-based-reset": Scenario(
        "name-based-reset",
        {
            "tcp-connects": names.REGISTRY_ADDRESSES[0],
            "tls-fails": "reset",
            "innocent-works": "example.com",
        },
        complaint="connection reset by peer",
        remedies=("proxy-drop-in", "proxy-shell"),
        faults=Faults(reset_names=frozenset({names.REGISTRY})),
    ),
    "name-based-reset-behind-poison": Scenario(
        "poisoned-resolver",
        {"answers": names.POISON, "odd-address": "known forgery", "two-answers": names.POISON},
        also=("name-based-reset",),
        remedies=("proxy-drop-in", "proxy-shell"),
        files=resolver("8.8.8.8"),
        faults=Faults(forged={names.REGISTRY: names.POISON}, reset_names=frozenset({names.REGISTRY})),
    ),
    "name-based-reset-proxy-known": Scenario(
        "name-based-reset",
        {"tls-fails": "reset", "innocent-works": "example.com"},
        complaint="connection reset by peer",
        remedies=("proxy-drop-in", "proxy-shell"),
        mended_by=("proxy-drop-in", "proxy-shell"),
        files={"/etc/environment": f'https_proxy="{GOOD_PROXY}"\n'},
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
        complaint="signed by unknown authority",
        remedies=("authority", "proxy-drop-in", "proxy-shell"),
        prepare=inspection,
    ),
    "clock-behind": Scenario(
        "wrong-clock",
        {"certificate": "not yet valid", "clocks": "-259"},
        complaint="expired or is not yet valid",
        remedies=("clock-by-network", "clock-by-hand"),
        mended_by=("clock-by-hand",),
        ahead=timedelta(days=300),
    ),
    "clock-ahead": Scenario(
        "wrong-clock",
        {"certificate": "expired", "clocks": "+259"},
        complaint="expired or is not yet valid",
        remedies=("clock-by-network", "clock-by-hand"),
        mended_by=("clock-by-hand",),
        ahead=timedelta(days=-300),
    ),
    "proxy-needed": Scenario(
        "proxy-needed",
        {"tcp-fails": "timeout", "nobody-reachable": "8.8.8.8", "known-proxy-works": PROXY},
        remedies=("proxy-drop-in", "proxy-shell"),
        mended_by=("proxy-drop-in", "proxy-shell"),
        faults=WALLED,
        files={"/etc/environment": f'https_proxy="{GOOD_PROXY}"\n'},
    ),
    "proxy-only-in-shell": Scenario(
        "proxy-needed",
        {"tcp-fails": "timeout", "nobody-reachable": "8.8.8.8", "known-proxy-works": PROXY},
        remedies=("proxy-drop-in", "proxy-shell"),
        mended_by=("proxy-drop-in", "proxy-shell"),
        faults=WALLED,
        environment={"HTTPS_PROXY": GOOD_PROXY},
    ),
    "proxy-in-daemon-json": Scenario(
        "all-well",
        {"first-bytes": GOOD_PROXY},
        pulls=True,
        faults=WALLED,
        files={"/etc/docker/daemon.json": f'{{"proxies": {{"https-proxy": "{GOOD_PROXY}"}}}}\n'},
    ),
    "proxy-broken-in-daemon-json": Scenario(
        "proxy-broken",
        {"proxy-fails": "refused", "direct-works": names.REGISTRY_ADDRESSES[0]},
        complaint="connection refused",
        remedies=("no-proxy-json",),
        mended_by=("no-proxy-json",),
        files={
            "/etc/docker/daemon.json": f'{{"debug": true, "proxies": {{"https-proxy": "http://{PROXY}:8889"}}}}\n'
        },
    ),
    "proxy-used": Scenario(
        "all-well", {"first-bytes": GOOD_PROXY}, pulls=True, faults=WALLED, files=drop_in(GOOD_PROXY)
    ),
    "proxy-refuses": Scenario(
        "proxy-broken",
        {"proxy-fails": "refused", "direct-works": names.REGISTRY_ADDRESSES[0]},
        complaint="connection refused",
        remedies=("no-proxy-drop-in",),
        mended_by=("no-proxy-drop-in",),
        files=drop_in(f"http://{PROXY}:8889"),
    ),
    "proxy-wants-password": Scenario(
        "proxy-broken",
        {"proxy-fails": "407", "direct-works": names.REGISTRY_ADDRESSES[0]},
        complaint="Proxy Authentication Required",
        remedies=("no-proxy-drop-in",),
        mended_by=("no-proxy-drop-in",),
        files=drop_in(f"http://{PROXY}:3128"),
        prepare=unwilling_proxy,
    ),
}
"""By name."""
