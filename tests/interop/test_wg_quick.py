"""``glasstunnel up`` leaves the system as ``wg-quick up`` does: both are run, and the system is compared."""

import os
import re
import stat
from pathlib import Path

import pytest

from tests.interop.lab import Lab, glasstunnel, run
from tests.interop.system import routes

pytestmark = pytest.mark.interop


@pytest.fixture(autouse=True)
def resolvconf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What resolvconf was called with, and its input."""
    programs, log = tmp_path / "programs", tmp_path / "log"
    programs.mkdir()
    log.touch()
    script = programs / "resolvconf"
    script.write_text(f'#!/bin/sh\necho "$@" >> {log}; case $1 in -a) cat >> {log} ;; esac\n')
    script.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("RES_OPTIONS", "timeout:1 attempts:1")
    return log


def system(interface: str) -> dict[str, object]:
    """What wg-quick sets, without what is random or an accident of the implementation."""
    link_local = r"fe80::[0-9a-f:]+"
    ruleset = run("nft", "list", "ruleset").replace("wg-quick-", "glasstunnel-").splitlines()
    return {
        "mtu": re.findall(r"mtu (\d+)", run("ip", "link", "show", interface)),
        "up": "UP" in run("ip", "link", "show", interface).split("<")[1].split(">")[0].split(","),
        "addresses": re.findall(r"inet6? (?!fe80)(\S+)", run("ip", "address", "show", interface)),
        "routes": {
            version: [re.sub(link_local, "LL", line) for line in routes(version)] for version in ("-4", "-6")
        },
        "rules": {version: run("ip", version, "rule") for version in ("-4", "-6")},
        "nftables": sorted(re.sub(link_local, "LL", line).strip() for line in ruleset),
        "src_valid_mark": Path("/proc/sys/net/ipv4/conf/all/src_valid_mark").read_text(),
        "wg": run("wg", "show", interface, "dump"),
    }


CASES = {
    "plain": ("", "AllowedIPs = 10.9.0.2/32, fd09::2/128"),
    "routes beside the network": (
        "",
        "AllowedIPs = 10.9.0.2/32, 10.8.0.0/16, 10.8.1.0/24, fd09::/64, fd08::/48",
    ),
    "a default route": ("", "AllowedIPs = 0.0.0.0/0"),
    "both default routes": ("", "AllowedIPs = 0.0.0.0/0, ::/0, 10.8.0.0/16"),
    "both in the other order": ("", "AllowedIPs = ::/0\nAllowedIPs = 0.0.0.0/0"),
    "a mark of one's own": ("FwMark = 0x1234", "AllowedIPs = 0.0.0.0/0"),
    "half default routes": ("", "AllowedIPs = 0.0.0.0/1, 128.0.0.0/1"),
    "no routes": ("Table = off", "AllowedIPs = 0.0.0.0/0, 10.8.0.0/16"),
    "a table of one's own": ("Table = 1234", "AllowedIPs = 0.0.0.0/0, ::/0, 10.8.0.0/16"),
    "a wanted MTU": ("MTU = 1280", "AllowedIPs = 10.8.0.0/16"),
    "name servers": ("DNS = 192.0.2.53, 2001:db8::53, corp.example", "AllowedIPs = 10.8.0.0/16"),
    "more addresses": (
        "Address = 10.7.0.1, fd07::1\nAddress = 10.6.0.1/16",
        "AllowedIPs = 10.6.1.0/24, 10.7.0.1/32, fd07::1/128, fd09::1/128",
    ),
    "the MTU of the way": ("", "AllowedIPs = 10.8.0.0/16\nEndpoint = 198.51.100.7:51820"),
    "the MTU of the cable": ("", "AllowedIPs = 10.8.0.0/16\nEndpoint = 192.0.2.2:51820"),
    "the MTU of the cable over IPv6": ("", "AllowedIPs = 10.8.0.0/16\nEndpoint = [2001:db8::2]:51820"),
    "a peer that cannot be reached": ("", "AllowedIPs = 10.8.0.0/16\nEndpoint = 203.0.113.1:51820"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_system_is_as_wg_quick_leaves_it(lab: Lab, tmp_path: Path, resolvconf: Path, case: str) -> None:
    interface, peer = CASES[case]
    name = lab.ours.interface
    config = tmp_path / f"{name}.conf"
    config.touch(mode=0o600)
    config.write_text(
        f"[Interface]\nPrivateKey = {lab.ours.private_key}\nListenPort = 51001\n"
        f"Address = 10.9.0.1/24, fd09::1/64\n{interface}\n"
        f"[Peer]\nPublicKey = {lab.theirs.public_key}\n{peer}\n"
    )
    with lab.ours.namespace:
        run("ip", "link", "set", "eth0", "mtu", "1390")
        run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.2", "mtu", "1300")
        before = routes("-4"), routes("-6"), run("ip", "rule"), run("nft", "list", "ruleset")

        run("wg-quick", "up", config)
        theirs = system(name)
        run("wg-quick", "down", config)
        calls = resolvconf.read_text()
        resolvconf.write_text("")
        assert (routes("-4"), routes("-6"), run("ip", "rule"), run("nft", "list", "ruleset")) == before
        Path("/proc/sys/net/ipv4/conf/all/src_valid_mark").write_text("0")

        assert glasstunnel("up", config).returncode == 0
        ours = system(name)
        assert glasstunnel("down", config).returncode == 0
        assert (routes("-4"), routes("-6"), run("ip", "rule"), run("nft", "list", "ruleset")) == before
    assert ours == theirs
    assert resolvconf.read_text() == calls
