"""Scenarios of names: the hosts file, resolvers, and who answers in their place.

Rule: see :mod:`tests.diagnose.lab_scenario`.
"""

from __future__ import annotations

from tests.diagnose import lab_names as names
from tests.diagnose.lab_path import Faults
from tests.diagnose.lab_scenario import Scenario, hosts, other_site, resolver, site_at

CLOUDFRONT, GONE = "54.192.130.39", "44.205.64.79"  # what a hosts file was once told
ODD = {"answers": names.POISON, "odd-address": "known forgery", "proven": names.REGISTRY_ADDRESSES[0]}
NSS_RESOLVE = {"/etc/nsswitch.conf": "hosts: files resolve [!UNAVAIL=return] dns\n"}  # of libnss-resolve
TWICE = {"two-answers": names.POISON}

NAMES = {
    "stale-hosts": Scenario(
        "stale-hosts",
        {"hosts-line": GONE, "proven": names.REGISTRY_ADDRESSES[0]},
        remedies=("hosts-line",),
        mended_by=("hosts-line",),
        files=hosts(GONE),
    ),
    "stale-hosts-other-site": Scenario(
        "stale-hosts",
        {"hosts-line": CLOUDFRONT, "tls-fails": "ostname mismatch", "proven": names.REGISTRY_ADDRESSES[0]},
        complaint="certificate is valid for *.cloudfront.net",
        remedies=("hosts-line",),
        mended_by=("hosts-line",),
        files=hosts(CLOUDFRONT),
        prepare=other_site(CLOUDFRONT, "*.cloudfront.net"),
    ),
    "poisoned-resolver": Scenario(
        "poisoned-resolver",
        ODD,
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=resolver(names.POISONED),
    ),
    "poisoned-resolver-other-site": Scenario(
        "poisoned-resolver",
        ODD | {"tls-fails": "ostname mismatch"},
        complaint="certificate is valid for *.facebook.com",
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=resolver(names.POISONED),
        prepare=other_site(names.POISON, "*.facebook.com"),
    ),
    "poisoned-resolver-no-name": Scenario(
        "poisoned-resolver",
        {"system-lookup-fails": "no such name", "proven": names.REGISTRY_ADDRESSES[0]},
        complaint="no such host",
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=resolver(names.LYING),
    ),
    "injected-answers": Scenario(
        "poisoned-resolver",
        ODD | TWICE,
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=resolver("8.8.8.8"),
        faults=Faults(forged={names.REGISTRY: names.POISON}),
    ),
    "injected-answers-tls-dropped": Scenario(
        "poisoned-resolver",
        ODD | TWICE,
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=resolver("8.8.8.8"),
        faults=Faults(forged={names.REGISTRY: names.POISON}, drop_ports=frozenset({853})),
    ),
    "injected-answers-only-https-true": Scenario(
        "poisoned-resolver",
        ODD,
        remedies=("pin",),
        mended_by=("pin",),
        files=resolver(names.POISONED),
        faults=Faults(
            forged={names.REGISTRY: names.POISON},
            drop_ports=frozenset({853}),
            reset_ports=frozenset({53}),
        ),
    ),
    "resolved-poisoned": Scenario(
        "poisoned-resolver",
        ODD,
        remedies=("resolved", "pin"),
        mended_by=("resolved", "pin"),
        link_resolver=names.POISONED,
    ),
    "resolved-injected": Scenario(
        "poisoned-resolver",
        ODD | TWICE,
        remedies=("resolved", "pin"),
        mended_by=("resolved", "pin"),
        link_resolver="8.8.8.8",
        files=NSS_RESOLVE,
        faults=Faults(forged={names.REGISTRY: names.POISON}),
    ),
    "resolved-tls-dropped": Scenario(
        "poisoned-resolver",
        ODD,
        remedies=("resolved", "pin"),
        mended_by=("resolved", "pin"),
        link_resolver=names.POISONED,
        files=NSS_RESOLVE,
        faults=Faults(drop_ports=frozenset({853})),
    ),
    "ipv6-injected": Scenario(
        "all-well",
        {"first-bytes": names.BOTH, "goes-on-without": f"{names.POISON_6} (known forgery"},
        pulls=True,
        image=f"{names.BOTH}/team/app",
        ipv6=True,
        files=resolver("8.8.8.8"),
        faults=Faults(forged={names.BOTH: names.POISON_6}, drop_addresses=frozenset({names.POISON_6})),
    ),
    "ipv6-injected-other-site": Scenario(
        "poisoned-resolver",
        {
            "answers": names.UNMARKED_6,
            "two-answers": names.UNMARKED_6,
            "tls-fails": names.UNMARKED_6,
            "proven": names.BOTH_ADDRESSES[0],
        },
        complaint="certificate is valid for *.facebook.com",
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        image=f"{names.BOTH}/team/app",
        ipv6=True,
        files=resolver("8.8.8.8"),
        faults=Faults(forged={names.BOTH: names.UNMARKED_6}),
        prepare=site_at(names.UNMARKED_6, "*.facebook.com"),
    ),
    "silent-resolver": Scenario(
        "resolver-fails",
        {"system-lookup-fails": names.REGISTRY, "proven": names.REGISTRY_ADDRESSES[0]},
        remedies=("resolv-conf", "pin"),
        mended_by=("resolv-conf", "pin"),
        files=resolver(names.SILENT),
    ),
}
"""By name."""
