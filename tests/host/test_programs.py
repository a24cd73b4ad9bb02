"""The programs that we run: nft, resolvconf and the user's own commands."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from glasstunnel.host import dns, firewall, programs
from glasstunnel.host.errors import HostError
from glasstunnel.host.namespace import Namespace


def program(directory: Path, name: str, script: str) -> Path:
    """A program of ours in a directory."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(stat.S_IRWXU)
    return path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory whose programs are found before all others."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


# Commands of the configuration


def test_a_command_runs_in_bash_and_speaks_to_the_user(capfd: pytest.CaptureFixture[str]) -> None:
    programs.hook('[[ -n $BASH_VERSION ]] && echo out && echo err >&2 && [[ -z $(cat) ]] && echo "no input"')
    assert capfd.readouterr() == ("out\nno input\n", "err\n")


@pytest.mark.parametrize(("command", "outcome"), [("exit 3", "exit status 3"), ("kill -9 $$", "signal 9")])
def test_a_command_that_fails_is_quoted(command: str, outcome: str) -> None:
    with pytest.raises(HostError) as caught:
        programs.hook(command)
    assert str(caught.value) == f'the command "{command}" failed ({outcome})'


def test_a_command_ends_when_we_are_interrupted(tmp_path: Path) -> None:
    seen: list[subprocess.Popen[bytes]] = []

    def wait(process: subprocess.Popen[bytes]) -> int:
        seen.append(process)
        raise HostError("interrupted by SIGTERM")

    with pytest.raises(HostError, match=r"^interrupted by SIGTERM$"):
        programs.hook("exec sleep 60", wait)
    assert seen[0].returncode == -15


# Programs


def test_a_program_that_is_not_there_is_named_with_its_purpose() -> None:
    with pytest.raises(HostError, match=r"^tea needs no-such-pot, which is not installed$"):
        programs.find("no-such-pot", "tea")


def test_programs_of_the_system_are_found_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert programs.find("nft", "this test").endswith("/nft")


def test_a_program_that_fails_is_reported_in_its_own_words(path: Path) -> None:
    program(path, "broken", "echo 'line one' >&2; echo 'line two' >&2; exit 4")
    with pytest.raises(HostError, match=r"^broken failed \(exit status 4\): line one line two$"):
        programs.run([str(path / "broken")])
    program(path, "silent", "exit 1")
    with pytest.raises(HostError, match=r"^silent failed \(exit status 1\)$"):
        programs.run([str(path / "silent")])
    (path / "no-program").touch()
    with pytest.raises(HostError, match=r"^cannot run no-program: Permission denied$"):
        programs.run([str(path / "no-program")])


# resolvconf


@pytest.fixture
def resolvconf(path: Path) -> Path:
    """What resolvconf was called with, one call a line, then its input."""
    log = path / "log"
    program(path, "resolvconf", f'echo "$@" >> {log}; case $1 in -a) cat >> {log};; esac')
    return log


def test_name_servers_and_domains_are_given_to_resolvconf_and_taken_back(resolvconf: Path) -> None:
    dns.install("wg0", ["192.0.2.53", "2001:db8::53"], ["corp.example", "example.org"])
    dns.remove("wg0")
    assert resolvconf.read_text().splitlines() == [
        "-a wg0 -m 0 -x",
        "nameserver 192.0.2.53",
        "nameserver 2001:db8::53",
        "search corp.example example.org",
        "-d wg0 -f",
    ]


def test_debians_resolvconf_is_told_a_kind_of_interface(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = tmp_path / "interface-order"
    monkeypatch.setattr(dns, "_ORDER", order)
    assert dns.record_name("wg0") == "wg0"
    order.write_text("# comment\nlo.inet6\n@(dev)*\ntun*\nhso*\n")
    assert dns.record_name("wg0") == "tun.wg0"


def test_without_resolvconf_one_sentence_says_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(
        HostError, match=r"^DNS in the configuration needs resolvconf, which is not installed$"
    ):
        dns.install("wg0", ["192.0.2.53"], [])


# nftables


def nft(*words: str) -> str:
    return subprocess.run(["nft", *words], check=True, capture_output=True, text=True).stdout


@pytest.mark.interop
@pytest.mark.parametrize(("version", "family", "address"), [(4, "ip", "10.0.0.1"), (6, "ip6", "fd00::1")])
def test_a_table_comes_and_goes_as_a_whole(
    namespace: Namespace, interface: str, version: int, family: str, address: str
) -> None:
    firewall.install(interface, version, [address], 51820)
    assert nft("list", "tables").split() == ["table", family, f"glasstunnel-{interface}"]
    rules = [line.strip() for line in nft("list", "ruleset").splitlines()]
    assert f'iifname != "{interface}" {family} daddr {address} fib saddr type != local drop' in rules
    assert "meta l4proto udp meta mark set ct mark" in rules
    assert "meta l4proto udp meta mark 0x0000ca6c ct mark set meta mark" in rules
    firewall.remove(interface, version)
    assert nft("list", "ruleset") == ""
    firewall.remove(interface, version)  # gone already: no error


@pytest.mark.interop
def test_each_interface_and_family_has_its_own_table(namespace: Namespace) -> None:
    firewall.install("wg0", 4, [], 1)
    firewall.install("wg0", 6, [], 1)
    firewall.install("wg1", 4, [], 2)
    firewall.remove("wg0", 4)
    assert nft("list", "tables").splitlines() == ["table ip6 glasstunnel-wg0", "table ip glasstunnel-wg1"]


@pytest.mark.interop
def test_every_name_that_an_interface_may_have_makes_a_table(namespace: Namespace) -> None:
    """The characters + and = are none that nft allows in a name."""
    for name in ("a+b", "a=b", "a.b_c-d", "0"):
        firewall.install(name, 4, [], 1)
        firewall.remove(name, 4)
    names = {firewall.table_name(name) for name in ("a+b", "a=b", "a.b", "a-b", "a2bb")}
    assert len(names) == 5
