"""The commands that mend, for each system that there is."""

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from glasstunnel.diagnose.causes import Cause
from glasstunnel.diagnose.daemon import Kind, Places, places
from glasstunnel.diagnose.evidence import Evidence, Host, Lookup, Outcome
from glasstunnel.diagnose.image import parse
from glasstunnel.diagnose.machine import Proxies
from glasstunnel.diagnose.options import Resolver
from glasstunnel.diagnose.registry import Choice
from glasstunnel.diagnose.remedies import remedies
from glasstunnel.diagnose.remedy import Remedy
from glasstunnel.diagnose.story import REMEDIES, WARNINGS
from glasstunnel.diagnose.verdict import reach_verdict
from tests.diagnose.seen import (
    AUTH,
    BLOB,
    BLOBS,
    FORGED,
    INNOCENT,
    MANIFEST,
    NOW,
    OTHER,
    REGISTRY,
    RESOLVER,
    RIGHT,
    asked,
    evidence,
    host,
    records,
    reply,
    system,
    tls,
)

PUBLIC = (Resolver(RESOLVER, "cloudflare-dns.com"),)
WELL = [reply("/v2/", 401), reply(MANIFEST), reply(BLOB)]
RESET, SILENT = Outcome.RESET, Outcome.TIMEOUT
PROXY = "http://user:a%20b@192.168.77.80:8888"


def mending(seen: Evidence, resolvers: Sequence[Resolver] = PUBLIC) -> dict[str, Remedy]:
    found = remedies(reach_verdict(seen), seen, resolvers)
    for remedy in found:
        assert remedy.code in REMEDIES
        assert set(remedy.warnings) <= set(WARNINGS)
        for command in (*remedy.commands, *remedy.undo):
            subprocess.run(["sh", "-n", "-c", command], check=True)
    return {remedy.code: remedy for remedy in found}


def poisoned(*transports: str, later: Sequence[Sequence[str]] = ()) -> Host:
    """The system's resolver lies, and a public one is right over these transports."""
    lookups = [asked(RESOLVER, way, RIGHT, later=later if way == "udp" else ()) for way in transports]
    return host([system(FORGED), *lookups], {FORGED: SILENT, RIGHT: Outcome.OK}, [tls(RIGHT)])


CUT = host(handshakes=[tls(RIGHT, RESET), tls(RIGHT, Outcome.OK, INNOCENT)])


def test_all_well_needs_no_mending() -> None:
    assert mending(evidence(host(replies=WELL))) == {}


def test_systemd_resolved_is_told_to_ask_over_tls_by_a_file_of_its_own() -> None:
    found = mending(evidence(poisoned("udp", "tls"), resolved=True))
    assert list(found) == ["resolved", "pin"]
    text = " ".join(found["resolved"].commands)
    assert "DNS=1.1.1.1#cloudflare-dns.com\\nDNSOverTLS=yes\\nDomains=~.\\n" in text
    assert "resolvectl flush-caches" in found["pin"].commands
    assert found["resolved"].undo[0] == "rm /etc/systemd/resolved.conf.d/diagnose.conf"


@pytest.mark.parametrize(
    ("resolver", "server"),
    [
        (Resolver("1.1.1.1", "dns.lab", tls=8853), "DNS=1.1.1.1:8853#dns.lab"),
        (Resolver("2606:4700::1", "dns.lab", tls=8853), "DNS=[2606:4700::1]:8853#dns.lab"),
        (Resolver("2606:4700::1", "dns.lab"), "DNS=2606:4700::1#dns.lab"),
    ],
)
def test_a_port_that_is_not_the_usual_one_is_named(resolver: Resolver, server: str) -> None:
    lookups = [system(FORGED), asked(resolver.address, "tls", RIGHT)]
    seen = evidence(host(lookups, {FORGED: SILENT, RIGHT: Outcome.OK}, [tls(RIGHT)]), resolved=True)
    assert f"{server}\\n" in mending(seen, [resolver])["resolved"].commands[1]


def test_where_only_plain_answers_are_right_that_is_said() -> None:
    found = mending(evidence(poisoned("udp"), resolved=True))
    assert "DNS=1.1.1.1#cloudflare-dns.com\\nDNSOverTLS=no" in found["resolved"].commands[1]
    assert found["resolved"].warnings == ("udp-can-be-forged",)


def test_a_plain_resolv_conf_is_copied_before_it_is_written() -> None:
    found = mending(evidence(poisoned("udp", "tls")))["resolv-conf"]
    assert found.commands == (
        "cp -L /etc/resolv.conf /etc/resolv.conf.before-diagnose",
        "printf 'nameserver 1.1.1.1\\n' > /etc/resolv.conf",
    )
    assert found.undo == ("cat /etc/resolv.conf.before-diagnose > /etc/resolv.conf",)


def test_where_udp_is_forged_on_the_path_the_resolver_is_asked_over_tcp() -> None:
    found = mending(evidence(poisoned("udp", "tcp", later=[[FORGED]])))["resolv-conf"]
    assert found.commands[1] == "printf 'nameserver 1.1.1.1\\noptions use-vc\\n' > /etc/resolv.conf"
    assert "udp-can-be-forged" not in found.warnings


def test_a_resolver_is_named_only_if_none_of_its_answers_was_wrong() -> None:
    six = "2001::1f0d:5e25"
    lookups = [system(six, RIGHT), *(asked(RESOLVER, way, RIGHT) for way in ("udp", "tcp"))]
    lookups.append(asked(RESOLVER, "udp", six))
    seen = host(lookups, {six: Outcome.OK, RIGHT: Outcome.OK}, [tls(six, RESET), tls(RIGHT)])
    assert "options use-vc" in mending(evidence(seen))["resolv-conf"].commands[1]


def test_where_the_name_is_cut_at_one_address_another_is_pinned() -> None:
    lookups = [system(OTHER, RIGHT), asked(RESOLVER, "tls", OTHER, RIGHT)]
    shakes = [tls(OTHER, RESET), tls(OTHER, Outcome.OK, INNOCENT), tls(RIGHT)]
    found = mending(evidence(host(lookups, {OTHER: Outcome.OK, RIGHT: Outcome.OK}, shakes)))
    assert list(found) == ["pin", "proxy-drop-in", "proxy-shell"]
    assert f"'{RIGHT} {REGISTRY}  # diagnose'" in found["pin"].commands[1]


def test_where_the_name_is_cut_everywhere_no_address_is_pinned() -> None:
    assert list(mending(evidence(CUT))) == ["proxy-drop-in", "proxy-shell"]


def test_where_only_tls_is_right_something_that_speaks_it_is_installed() -> None:
    found = mending(evidence(poisoned("tls")))
    keep, install, _folder, write, *_ = found["install-resolved"].commands
    assert (keep, install) == (
        "cp -L /etc/resolv.conf /etc/resolv.conf.before-diagnose",
        "apt-get install systemd-resolved",
    )
    assert "DNSOverTLS=yes" in write
    assert found["install-resolved"].undo[-1] == "cat /etc/resolv.conf.before-diagnose > /etc/resolv.conf"


def test_a_resolver_at_another_port_is_nothing_for_resolv_conf() -> None:
    seen = evidence(poisoned("udp"))
    assert list(mending(seen, [Resolver(RESOLVER, udp=5353)])) == ["pin"]


@pytest.mark.parametrize(("address", "family"), [("1.1.1.1", "ipv4"), ("2606:4700:4700::1111", "ipv6")])
def test_network_manager_is_told_of_the_connection_of_the_default_route(address: str, family: str) -> None:
    lookups = [system(FORGED), asked(address, "udp", RIGHT)]
    seen = evidence(host(lookups, {FORGED: SILENT, RIGHT: Outcome.OK}, [tls(RIGHT)]), network_manager=True)
    found = mending(seen, [Resolver(address, "x")])["network-manager"]
    assert f"{family}.ignore-auto-dns yes {family}.dns {address}" in found.commands[0]
    assert found.commands[1] == "nmcli device reapply eth0"


def test_a_stale_line_becomes_a_comment_and_no_other_line() -> None:
    stale = host([system("44.1.1.1"), asked(RESOLVER, "tls", RIGHT)], {RIGHT: Outcome.OK}, [tls(RIGHT)])
    stale.lookups.insert(0, Lookup("hosts", "file", "any", Outcome.OK, records(["44.1.1.1"])))
    found = mending(evidence(stale, kind=Kind.DESKTOP))["hosts-line"]
    assert found.warnings == ("desktop-hosts",)
    text = (
        "127.0.0.1 localhost\n44.1.1.1 registry-1.docker.io\n44.1.1.1\ta registry-1.docker.io b # x\n"
        "1.1.1.1 registry-1xdocker.io\n1.1.1.1 my-registry-1.docker.io\n# 4.4.4.4 registry-1.docker.io\n"
    )
    expression = re.search(r"sed -E '(.*)' /etc", found.commands[1])
    assert expression
    done = subprocess.run(
        ["sed", "-E", expression[1]], input=text, capture_output=True, text=True, check=True
    )
    assert [line for line in done.stdout.splitlines() if line not in text.splitlines()] == [
        "# 44.1.1.1 registry-1.docker.io",
        "# 44.1.1.1\ta registry-1.docker.io b # x",
    ]


def test_a_pin_is_an_address_that_is_right_with_its_warning() -> None:
    found = mending(evidence(poisoned("tls"), kind=Kind.DESKTOP))["pin"]
    assert found.commands[1] == "echo '98.85.153.80 registry-1.docker.io  # diagnose' >> /etc/hosts"
    assert found.warnings == ("pin-goes-stale", "desktop-hosts")


def test_the_daemon_gets_a_proxy_by_a_drop_in_in_which_percent_signs_are_doubled() -> None:
    known = host([system(RIGHT)], {RIGHT: SILENT}, [], [reply("/v2/", 401, via=PROXY)])
    found = mending(evidence(known, reachable=False))
    printed = subprocess.run(
        ["sh", "-c", found["proxy-drop-in"].commands[1].rpartition(" > ")[0]],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.splitlines()[:2] == [
        "[Service]",
        'Environment="HTTP_PROXY=http://user:a%%20b@192.168.77.80:8888"',
    ]
    assert printed.splitlines()[3].startswith('Environment="NO_PROXY=localhost,')
    assert found["proxy-drop-in"].commands[2:] == ("systemctl daemon-reload", "systemctl restart docker")
    assert f"HTTPS_PROXY={PROXY} " in found["proxy-shell"].commands[0]
    assert found["proxy-shell"].heeded_by == "shell"


def test_without_a_proxy_that_works_its_place_is_kept_with_a_warning() -> None:
    found = mending(evidence(CUT))
    assert found["proxy-drop-in"].warnings == ("placeholder-proxy",)
    assert "http://PROXY:PORT" in found["proxy-shell"].commands[0]


def test_docker_desktop_has_settings_of_its_own() -> None:
    assert list(mending(evidence(CUT, kind=Kind.DESKTOP))) == ["desktop-proxy"]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("environment", "no-proxy-shell"),
        ("/etc/docker/daemon.json", "no-proxy-json"),
        ("docker.service", "no-proxy-drop-in"),
        ("dockerd", "no-proxy-drop-in"),
    ],
)
def test_a_broken_proxy_is_taken_away_where_it_is_set(source: str, code: str) -> None:
    broken = host(replies=[reply("/v2/", 0, via=PROXY, outcome=Outcome.REFUSED)], proxy=PROXY)
    seen = evidence(broken, kind=Kind.NONE if source == "environment" else Kind.SYSTEM)
    proxies = Proxies(source, "", PROXY)
    if source == "environment":
        seen.machine.environment = proxies
    else:
        seen.machine.configured = proxies
    assert list(mending(seen)) == [code]


def test_a_broken_proxy_without_which_nothing_goes_is_replaced() -> None:
    broken = host(
        [system(RIGHT)], {RIGHT: SILENT}, [], [reply("/v2/", 0, via=PROXY, outcome=RESET)], proxy=PROXY
    )
    assert list(mending(evidence(broken))) == ["proxy-drop-in", "proxy-shell"]


def test_a_drop_in_counts_though_another_sets_a_proxy() -> None:
    """systemd.unit(5): they are read in the order of their names; docker/docs calls its http-proxy.conf."""
    file = mending(evidence(CUT))["proxy-drop-in"].undo[0].rpartition("/")[2]
    assert sorted(["http-proxy.conf", file, "override.conf"])[-1] == file


def test_a_broken_proxy_of_daemon_json_without_which_nothing_goes_is_replaced_there(tmp_path: Path) -> None:
    """daemon.json goes before the environment: a drop-in would change nothing."""
    broken = host(
        [system(RIGHT)], {RIGHT: SILENT}, [], [reply("/v2/", 0, via=PROXY, outcome=RESET)], proxy=PROXY
    )
    own = Places(settings=f"{tmp_path}/daemon.json")
    seen = evidence(broken, kind=Kind.SYSTEM, places=own, configured=Proxies(own.settings, "", PROXY))
    found = mending(seen)
    assert list(found) == ["proxy-json", "proxy-shell"]
    settings = tmp_path / "daemon.json"
    settings.write_text('{"debug": true, "proxies": {"https-proxy": "x", "no-proxy": "own.lan"}}')
    subprocess.run(["sh", "-ec", "\n".join(found["proxy-json"].commands[:2])], check=True)
    assert json.loads(settings.read_text()) == {
        "debug": True,
        "proxies": {
            "http-proxy": "http://PROXY:PORT",
            "https-proxy": "http://PROXY:PORT",
            "no-proxy": "own.lan",
        },
    }
    assert found["proxy-json"].commands[2:] == ("systemctl restart docker",)
    assert found["proxy-json"].warnings == ("placeholder-proxy",)


def test_a_mirror_is_taken_out_of_daemon_json_and_the_rest_stays(tmp_path: Path) -> None:
    mirror = host(
        handshakes=[tls(RIGHT, RESET, "m.cn"), tls(RIGHT, RESET, INNOCENT)], role="mirror", name="m.cn"
    )
    seen = evidence(host(replies=WELL), mirror, mirrors=("https://m.cn", "https://other.cn"))
    found = mending(seen)["without-mirror"]
    program = found.commands[1].replace("/etc/docker", str(tmp_path))
    assert found.commands[0] == "cp /etc/docker/daemon.json /etc/docker/daemon.json.before-diagnose"
    text = '{"registry-mirrors": ["https://m.cn", "https://other.cn"], "dns": ["8.8.8.8"]}'
    script = f"echo '{text}' > {tmp_path}/daemon.json.before-diagnose; {program}; cat {tmp_path}/daemon.json"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert "".join(done.stdout.split()) == '{"registry-mirrors":["https://other.cn"],"dns":["8.8.8.8"]}'
    assert found.commands[2] == "systemctl reload docker"


def test_an_intercepting_certificate_may_be_ones_own_authoritys_or_a_reason_for_a_proxy() -> None:
    found = mending(evidence(host(handshakes=[tls(RIGHT, Outcome.UNTRUSTED, code=20)])))
    assert list(found) == ["authority", "proxy-drop-in", "proxy-shell"]
    assert found["authority"].warnings == ("trust-only-your-own",)
    assert "update-ca-certificates" in found["authority"].commands


def test_a_clock_is_set_by_the_network_or_to_what_the_server_says() -> None:
    date = "Thu, 14 Jan 2027 08:00:00 GMT"
    shown = reply("/v2/", 401, headers={"date": date}, verified=False)
    wrong = host(handshakes=[tls(RIGHT, Outcome.UNTRUSTED, code=10)], replies=[shown])
    found = mending(evidence(wrong))
    assert NOW == 1_800_000_000  # 2027-01-15 08:00:00 UTC, a day after
    assert list(found) == ["clock-by-network", "clock-by-hand"]
    assert found["clock-by-hand"].commands == (f"date -u -s '{date}'",)


def test_a_clock_of_which_no_server_told_is_set_by_the_network() -> None:
    assert list(mending(evidence(host(handshakes=[tls(RIGHT, Outcome.UNTRUSTED, code=9)])))) == [
        "clock-by-network"
    ]


@pytest.mark.parametrize(("mtu", "before"), [(1400, 1400), (0, 1500)])
def test_smaller_packets_are_asked_for_on_the_interface_of_the_default_route(mtu: int, before: int) -> None:
    lost = host(handshakes=[tls(RIGHT, SILENT), tls(RIGHT, SILENT, INNOCENT), tls(RIGHT, segment=536)])
    found = mending(evidence(lost, mtu=mtu))["smaller-packets"]
    assert found.commands == ("ip link set dev eth0 mtu 1280",)
    assert found.undo == (f"ip link set dev eth0 mtu {before}",)


@pytest.mark.parametrize(
    ("facts", "service"),
    [
        ({"system": "debian 12"}, "networking"),
        ({"system": "ubuntu 24.04"}, "systemd-networkd"),
        ({"system": "debian 12", "network_manager": True}, "NetworkManager"),
    ],
)
def test_a_dead_network_is_restarted_by_whom_it_belongs_to(facts: dict[str, object], service: str) -> None:
    dead = host([system(outcome=SILENT)], {}, [])
    found = mending(evidence(dead, reachable=False, **facts))["network"]
    assert found.commands[-1] == f"systemctl restart {service}"


def test_who_pulls_too_often_logs_in_or_waits() -> None:
    found = mending(evidence(host(replies=[reply(MANIFEST, 429)])))
    assert found["log-in"].commands == ("docker login",)
    assert "wait" in found


def test_who_may_not_pull_looks_at_the_name_and_logs_in_to_that_registry() -> None:
    seen = evidence(host(replies=[reply(MANIFEST, 404)]))
    assert mending(seen)["log-in"].commands == ("docker login",)
    seen.image = parse("ghcr.io/a/b")
    assert list(mending(seen)) == ["check-name", "log-in"]
    assert mending(seen)["log-in"].commands == ("docker login ghcr.io",)


def test_of_a_host_that_fails_by_itself_nothing_can_be_mended_here() -> None:
    assert list(mending(evidence(host(replies=[reply("/v2/", 503)])))) == ["not-here"]
    token = host(replies=[reply("/token", 503, on=AUTH)], role="token", name=AUTH)
    assert list(mending(evidence(host(replies=WELL), token))) == ["not-here"]


def test_what_fails_behind_the_first_fault_is_mended_too() -> None:
    cross = [tls(RIGHT, RESET), tls(RIGHT, Outcome.OK, INNOCENT)]
    lookups = [system(FORGED), asked(RESOLVER, "tls", RIGHT)]
    seen = evidence(host(lookups, {FORGED: SILENT, RIGHT: Outcome.OK}, cross))
    verdict = reach_verdict(seen)
    assert [verdict.cause, *(other.cause for other in verdict.also)] == [
        Cause.POISONED_RESOLVER,
        Cause.NAME_BASED_RESET,
    ]
    assert list(mending(seen)) == ["proxy-drop-in", "proxy-shell"]  # no resolver has proved to be right


# Who pulls


def test_a_rootless_daemon_gets_its_proxy_in_the_users_own_files_without_root() -> None:
    found = mending(evidence(CUT, kind=Kind.ROOTLESS, places=places(Kind.ROOTLESS)))["proxy-drop-in"]
    assert not found.as_root
    assert found.commands[0] == "mkdir -p ~/.config/systemd/user/docker.service.d"
    assert found.commands[1].endswith(" > ~/.config/systemd/user/docker.service.d/zz-diagnose.conf")
    assert found.commands[2:] == ("systemctl --user daemon-reload", "systemctl --user restart docker")
    assert found.undo[0] == "rm ~/.config/systemd/user/docker.service.d/zz-diagnose.conf"


def test_the_snaps_daemon_gets_its_proxy_at_the_snaps_unit() -> None:
    found = mending(evidence(CUT, kind=Kind.SNAP, places=places(Kind.SNAP)))["proxy-drop-in"]
    assert found.as_root
    assert "/etc/systemd/system/snap.docker.dockerd.service.d/" in found.commands[1]
    assert found.commands[-1] == "snap restart docker"


def test_podman_has_no_daemon_to_be_told() -> None:
    assert list(mending(evidence(CUT, kind=Kind.PODMAN))) == ["proxy-shell"]
    denied = evidence(host(replies=[reply(MANIFEST, 404)]), kind=Kind.PODMAN)
    assert mending(denied)["log-in"].commands == ("podman login docker.io",)


def test_what_a_daemon_elsewhere_needs_is_to_be_done_there() -> None:
    found = mending(evidence(CUT, kind=Kind.ELSEWHERE))
    assert "daemon-elsewhere" in found["proxy-drop-in"].warnings


def test_a_daemon_that_has_not_read_its_new_proxy_is_restarted() -> None:
    new = Proxies("docker.service", "", PROXY)
    known = host([system(RIGHT)], {RIGHT: SILENT}, [], [reply("/v2/", 401, via=PROXY)])
    seen = evidence(known, reachable=False, kind=Kind.SYSTEM, running=Proxies("dockerd"), configured=new)
    assert list(mending(seen)) == ["restart-daemon"]
    assert mending(seen)["restart-daemon"].commands == ("systemctl daemon-reload", "systemctl restart docker")
    seen.machine.configured = Proxies("docker.service", "", "http://another:1")
    assert list(mending(seen)) == ["proxy-drop-in", "proxy-shell"]


def test_a_daemon_that_still_runs_with_a_broken_proxy_is_restarted() -> None:
    broken = host(replies=[reply("/v2/", 0, via=PROXY, outcome=Outcome.REFUSED)], proxy=PROXY)
    old = Proxies("dockerd", "", PROXY)
    found = mending(evidence(broken, kind=Kind.SYSTEM, running=old))
    assert list(found) == ["restart-daemon", "no-proxy-drop-in"]  # systemd may give it to every service


def test_a_rootless_daemons_settings_are_edited_where_they_are(tmp_path: Path) -> None:
    broken = host(replies=[reply("/v2/", 0, via=PROXY, outcome=Outcome.REFUSED)], proxy=PROXY)
    own = places(Kind.ROOTLESS, str(tmp_path))
    seen = evidence(broken, kind=Kind.ROOTLESS, places=own, configured=Proxies(own.settings, "", PROXY))
    found = mending(seen)["no-proxy-json"]
    (tmp_path / "docker").mkdir()
    settings = tmp_path / "docker" / "daemon.json"
    settings.write_text('{"debug": true, "proxies": {"https-proxy": "x"}}')
    subprocess.run(["sh", "-ec", "\n".join(found.commands[:2])], check=True)
    assert json.loads(settings.read_text()) == {"debug": True}
    subprocess.run(["sh", "-ec", found.undo[0]], check=True)
    assert "proxies" in settings.read_text()
    assert not found.as_root


@pytest.mark.parametrize(
    ("kind", "restart", "warnings"),
    [
        (Kind.NONE, (), ("trust-only-your-own",)),
        (Kind.SYSTEM, ("systemctl restart docker",), ("trust-only-your-own",)),
        (Kind.ROOTLESS, (), ("trust-only-your-own", "restart-yours")),
    ],
)
def test_after_a_new_authority_the_daemon_is_restarted_by_whom_it_belongs_to(
    kind: Kind, restart: tuple[str, ...], warnings: tuple[str, ...]
) -> None:
    untrusted = host(handshakes=[tls(RIGHT, Outcome.UNTRUSTED, code=20)])
    found = mending(evidence(untrusted, kind=kind, places=places(kind)))["authority"]
    assert (found.commands[2:], found.warnings) == (restart, warnings)


def test_a_registry_of_ones_own_is_trusted_by_the_daemon_alone() -> None:
    seen = evidence(host(handshakes=[tls(RIGHT, Outcome.UNTRUSTED, code=20)]), kind=Kind.SYSTEM)
    seen.image = parse("registry.example.org:5000/app")
    found = mending(seen)["registry-authority"]
    folder = "/etc/docker/certs.d/registry.example.org:5000"
    assert found.commands == (f"install -d {folder}", f"cp AUTHORITY.crt {folder}/ca.crt")


def test_what_answers_without_tls_in_the_hubs_place_is_not_to_be_trusted() -> None:
    """As the portal of a hotel does."""
    assert list(mending(evidence(host(handshakes=[tls(RIGHT, Outcome.GARBLED)])))) == ["not-here"]


def test_a_registry_without_tls_may_be_named_to_the_daemon(tmp_path: Path) -> None:
    seen = evidence(
        host(handshakes=[tls(RIGHT, Outcome.GARBLED), tls(RIGHT, Outcome.GARBLED, INNOCENT)]),
        kind=Kind.ROOTLESS,
        places=places(Kind.ROOTLESS, str(tmp_path)),
    )
    seen.image = parse("registry.example.org:5000/app")
    found = mending(seen)["insecure-registry"]
    assert found.warnings == ("without-tls",)
    subprocess.run(["sh", "-ec", "\n".join(found.commands[:3])], check=True, capture_output=True)
    settings = tmp_path / "docker" / "daemon.json"
    assert json.loads(settings.read_text()) == {"insecure-registries": ["registry.example.org:5000"]}


# Pins


def silent(name: str, role: str, right: bool = True) -> Host:
    """A host for which the system's resolver has no answer."""
    lookups = [system(outcome=Outcome.SERVER_FAILURE), asked(RESOLVER, "tls", RIGHT)]
    shakes = [tls(RIGHT, Outcome.OK if right else RESET, name)]
    return host(lookups, {RIGHT: Outcome.OK}, shakes, name=name, role=role)


def test_where_the_resolver_is_silent_every_host_of_the_pull_is_pinned() -> None:
    registry, token, blob = (
        silent(name, role) for name, role in ((REGISTRY, "registry"), (AUTH, "token"), (BLOBS, "blob"))
    )
    registry.replies = [reply(BLOB, 307)]
    pin = mending(evidence(registry, token, blob))["pin"]
    assert pin.commands[1:] == tuple(
        f"echo '{RIGHT} {name}  # diagnose' >> /etc/hosts" for name in (REGISTRY, AUTH, BLOBS)
    )


def test_no_pin_where_a_host_would_be_missing() -> None:
    """A resolver that is silent is so for hosts too to which the pull has not come."""
    assert "pin" not in mending(evidence(silent(REGISTRY, "registry"), silent(AUTH, "token")))
    registry, token = silent(REGISTRY, "registry"), silent(AUTH, "token", right=False)
    registry.replies = [reply(BLOB, 307)]
    assert "pin" not in mending(evidence(registry, token))


def test_a_diagnosis_that_had_no_time_is_given_more() -> None:
    cut = host(replies=[])
    found = mending(evidence(cut))
    assert found["more-time"].commands == (
        "glasstunnel diagnose docker-pull --deadline 60 docker.io/library/hello-world:latest",
    )


def test_an_image_for_other_machines_is_no_matter_of_an_account() -> None:
    seen = evidence(host(replies=[reply("/v2/", 200), reply(MANIFEST)]))
    seen.misfit = Choice("linux/riscv64", "", ("linux/amd64",))
    assert list(mending(seen)) == ["check-name"]


@pytest.mark.parametrize(
    ("outcome", "cause", "codes"),
    [
        (Outcome.NO_SUCH_NAME, Cause.IMAGE_OR_PERMISSION, ["check-name"]),
        (SILENT, Cause.RESOLVER_FAILS, ["check-name", "own-resolver"]),
    ],
)
def test_a_name_that_nobody_knows_may_be_wrong_or_known_to_a_resolver_that_is_silent(
    outcome: Outcome, cause: Cause, codes: list[str]
) -> None:
    unknown = host([system(outcome=outcome), asked(RESOLVER, "tls")], {}, [])
    seen = evidence(unknown)
    assert reach_verdict(seen).cause is cause
    assert list(mending(seen)) == codes
