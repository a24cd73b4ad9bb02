"""``glasstunnel up`` leaves the system as ``wg-quick up`` does: both are run, and the system is compared. And
``wg-quick`` itself does the same over ``glasstunnel-wg`` as over wireguard-go.
"""

import os
import re
import stat
from pathlib import Path

import pytest

from glasstunnel.host import control
from tests.interop import bare
from tests.interop.lab import Lab, ping, run
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

        seen = []
        for up, down in (
            (wg_quick_over("wireguard-go", "up"), wg_quick_over("wireguard-go", "down")),
            (wg_quick_over(bare.PROGRAM, "up"), wg_quick_over(bare.PROGRAM, "down")),
            ((bare.PROGRAM.with_name("glasstunnel"), "up"), (bare.PROGRAM.with_name("glasstunnel"), "down")),
        ):
            Path("/proc/sys/net/ipv4/conf/all/src_valid_mark").write_text("0")
            run(*up, config)
            assert control.is_served(name)
            during = system(name)
            run(*down, config)
            seen.append((during, resolvconf.read_text()))
            resolvconf.write_text("")
            assert (routes("-4"), routes("-6"), run("ip", "rule"), run("nft", "list", "ruleset")) == before
    assert seen[1] == seen[0]
    assert seen[2] == seen[0]


def wg_quick_over(program: str | Path, word: str) -> tuple[str, ...]:
    return "env", f"WG_QUICK_USERSPACE_IMPLEMENTATION={program}", "wg-quick", word


@pytest.fixture
def by_wg_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests below run as ``wg-quick`` finds our program by its name."""
    monkeypatch.setenv("WG_QUICK_USERSPACE_IMPLEMENTATION", bare.PROGRAM.name)
    monkeypatch.setenv("PATH", f"{bare.PROGRAM.parent}:{os.environ['PATH']}")


def is_ours(interface: str) -> bool:
    """Where the kernel knows WireGuard, wg-quick would run nobody, and prove nothing about us."""
    command = Path(f"/proc/{control.owner(interface)}/cmdline").read_bytes().split(b"\0")
    return os.fsencode(bare.PROGRAM) in command


def test_a_default_route_over_glasstunnel_wg_carries_traffic(
    lab: Lab, tmp_path: Path, by_wg_quick: None
) -> None:
    """The encrypted packets bear the mark, or they would be led into the tunnel themselves."""
    config = lab.config(
        tmp_path,
        f"Endpoint = {lab.theirs.endpoint(4)}",
        "AllowedIPs = 0.0.0.0/0, ::/0",
        interface="MTU = 1400",
    )
    with lab.wireguard_go(), lab.ours.namespace:
        run("ip", "route", "add", "default", "via", lab.theirs.outer[4])
        run("wg-quick", "up", config)
        assert is_ours(lab.ours.interface)
        assert run("wg", "show", lab.ours.interface, "fwmark") == "0xca6c"
        assert f" dev {lab.ours.interface} " in run("ip", "route", "get", "203.0.113.7")
        for version in (4, 6):
            ping(lab.theirs.inner[version])
        run("wg-quick", "down", config)
        assert not control.path_of(lab.ours.interface).exists()


def test_save_and_strip_over_glasstunnel_wg(lab: Lab, tmp_path: Path, by_wg_quick: None) -> None:
    config = lab.config(tmp_path, "PersistentKeepalive = 25", interface="MTU = 1300\nPostUp = true")
    with lab.ours.namespace:
        stripped = run("wg-quick", "strip", config)
        run("wg-quick", "up", config)
        assert is_ours(lab.ours.interface)
        run("wg", "set", lab.ours.interface, "peer", lab.theirs.public_key, "endpoint", "192.0.2.2:7")
        run("wg-quick", "save", config)
        saved = set(config.read_text().splitlines())
        run("wg-quick", "down", config)
    assert "PostUp" not in stripped
    assert f"PrivateKey = {lab.ours.private_key}" in stripped
    assert {
        "Address = 10.9.0.1/24",
        "Address = fd09::1/64",
        "MTU = 1300",
        "PostUp = true",
        f"ListenPort = {lab.ours.port}",
        f"PrivateKey = {lab.ours.private_key}",
        f"PublicKey = {lab.theirs.public_key}",
        f"AllowedIPs = {lab.theirs.inner[4]}/32, {lab.theirs.inner[6]}/128",
        "Endpoint = 192.0.2.2:7",
        "PersistentKeepalive = 25",
    } <= saved
