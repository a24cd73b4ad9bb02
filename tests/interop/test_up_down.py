"""``up`` brings an interface that works or leaves nothing behind; ``down`` leaves nothing behind at all."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glasstunnel.host import control
from glasstunnel.host.errors import HostError
from glasstunnel.host.journal import Journal
from glasstunnel.host.namespace import become_private_root
from glasstunnel.operate import up as module
from glasstunnel.operate.config import Config, parse
from glasstunnel.operate.files import load
from glasstunnel.operate.plan import Step
from glasstunnel.operate.plan import plan as real_plan
from glasstunnel.operate.status import parse as parse_status
from tests.host.fakes import NOBODY, in_a_child, tun_device_mode
from tests.interop.bare import last_handshake, ports
from tests.interop.lab import PATIENCE, Host, Lab, glasstunnel, ping, run, until
from tests.interop.system import processes, state

pytestmark = pytest.mark.interop

EVERYTHING = "0.0.0.0/0, ::/0"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for a name server that is not there."""
    monkeypatch.setenv("WG_ENDPOINT_RESOLUTION_RETRIES", "0")
    monkeypatch.setenv("RES_OPTIONS", "timeout:1 attempts:1")


@pytest.fixture
def resolvconf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A resolvconf that keeps, in a directory, one file per interface: what it would do, and nothing else."""
    programs, kept = tmp_path / "programs", tmp_path / "resolvconf"
    programs.mkdir()
    kept.mkdir()
    script = programs / "resolvconf"
    script.write_text(
        f'#!/bin/sh\ncase $1 in -a) cat > {kept}/"$2" ;; -d) [ -e {kept}/"$2" ] && rm {kept}/"$2" ;; esac\n'
    )
    script.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return kept


@pytest.fixture
def full(lab: Lab, tmp_path: Path, resolvconf: Path) -> Path:
    """A configuration that changes all that can be changed."""
    for version, gateway in ((4, lab.theirs.outer[4]), (6, lab.theirs.outer[6])):
        with lab.ours.namespace:
            run("ip", f"-{version}", "route", "add", "default", "via", gateway)
    log = tmp_path / "commands"
    return lab.config(
        tmp_path,
        f"Endpoint = {lab.theirs.endpoint(4)}",
        f"AllowedIPs = {EVERYTHING}, 198.51.100.0/24",
        interface="DNS = 192.0.2.53, corp.example\n"
        + "".join(f"{key} = echo {key} %i >> {log}\n" for key in ("PreUp", "PostUp", "PreDown", "PostDown")),
    )


def commands(config: Path) -> list[str]:
    """The commands of a full configuration that have run."""
    log = config.parent / "commands"
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def before(lab: Lab, full: Path) -> dict[str, object]:
    """The system before anything was done."""
    with lab.ours.namespace:
        return state()


# The ordinary life of an interface


def test_after_down_the_system_is_as_it_was(
    lab: Lab, full: Path, before: dict[str, object], resolvconf: Path
) -> None:
    with lab.ours.namespace:
        assert glasstunnel("up", full).returncode == 0
        during = state()
        changed = {what for what in before if before[what] != during[what]}
        assert changed == set(before)
        assert (resolvconf / lab.ours.interface).read_text() == "nameserver 192.0.2.53\nsearch corp.example\n"
        done = glasstunnel("down", full)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{lab.ours.interface} is down\n", "")
        assert state() == before
    assert list(resolvconf.iterdir()) == []
    assert commands(full) == ["PreUp", "PostUp", "PreDown", "PostDown"]


def test_the_default_route_leads_into_the_tunnel_but_not_the_tunnel_itself(lab: Lab, full: Path) -> None:
    with lab.wireguard_go(), lab.ours.namespace:
        assert glasstunnel("up", full).returncode == 0
        for address, device in (
            ("203.0.113.7", lab.ours.interface),
            ("2001:db8:7::7", lab.ours.interface),
            (lab.theirs.outer[4], "eth0"),  # a neighbour on the cable stays one
        ):
            assert f" dev {device} " in run("ip", "route", "get", address)
        assert " dev eth0 " in run("ip", "route", "get", "203.0.113.7", "mark", "51820")
        ping(lab.theirs.inner[4])
        ping(lab.theirs.inner[6])
        glasstunnel("down", full)


def test_a_data_path_that_there_is_not_is_refused_in_one_sentence(
    lab: Lab, full: Path, before: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLASSTUNNEL_DATA_PATH", "fast")
    with lab.ours.namespace:
        done = glasstunnel("up", "--quiet", full)
        sentence = 'glasstunnel: GLASSTUNNEL_DATA_PATH: expected "plain" or nothing, got "fast"\n'
        assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
        assert state() == before


def test_it_speaks_of_each_step_unless_it_is_to_be_quiet(lab: Lab, full: Path) -> None:
    with lab.ours.namespace:
        planned = glasstunnel("up", "--dry-run", full)
        assert (planned.returncode, planned.stderr) == (0, "")
        done = glasstunnel("up", full)
        assert [line.removeprefix("[#] ") for line in done.stderr.splitlines()] == planned.stdout.splitlines()
        glasstunnel("down", full)
        done = glasstunnel("up", "--quiet", full)
        assert (done.stdout, done.stderr) == ("", "")
        glasstunnel("down", full)


def test_it_comes_up_though_nobody_listens(lab: Lab, full: Path) -> None:
    """As with ``glasstunnel up wg0 2>&1 | head -1``."""
    with lab.ours.namespace:
        process = subprocess.Popen(
            [sys.executable, "-m", "glasstunnel", "up", str(full)],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert process.stderr
        process.stderr.close()
        assert process.wait() == 0
        assert commands(full) == ["PreUp", "PostUp"]
        glasstunnel("down", full)


def test_a_dry_run_changes_nothing_and_needs_no_rights(
    lab: Lab, full: Path, before: dict[str, object]
) -> None:
    name, config = lab.ours.interface, load(full)
    said = in_a_child(lambda: dry_run(name, config), uid=NOBODY)
    with lab.ours.namespace:
        assert state() == before
        assert in_a_child(lambda: dry_run(name, config), uid=NOBODY).splitlines() == [
            f"echo PreUp {name} >> {full.parent}/commands",
            f"ip tuntap add {name} mode tun  # UDP port 51001, 1 peer",
            f"ip address add 10.9.0.1/24 dev {name}",
            f"ip address add fd09::1/64 dev {name}",
            f"ip link set mtu 1420 up dev {name}",
            f"resolvconf -a {name} -m 0 -x  # 192.0.2.53 corp.example",
            f"ip route add 198.51.100.0/24 dev {name}",
            f"wg set {name} fwmark 51820",
            f"ip route add 0.0.0.0/0 dev {name} table 51820",
            "sysctl -q net.ipv4.conf.all.src_valid_mark=1",
            "ip -4 rule add not fwmark 51820 table 51820",
            "ip -4 rule add table main suppress_prefixlength 0",
            f"nft -f -  # table ip glasstunnel-{name}",
            f"ip route add ::/0 dev {name} table 51820",
            "ip -6 rule add not fwmark 51820 table 51820",
            "ip -6 rule add table main suppress_prefixlength 0",
            f"nft -f -  # table ip6 glasstunnel-{name}",
            f"echo PostUp {name} >> {full.parent}/commands",
        ]
        assert state() == before
    assert said.startswith("echo PreUp")
    assert commands(full) == []


def dry_run(name: str, config: Config) -> str:
    lines: list[str] = []
    module.dry_run(name, config, lines.append)
    return "\n".join(lines)


def test_a_command_of_the_configuration_may_ask_about_the_interface(lab: Lab, tmp_path: Path) -> None:
    """While PostUp and PreDown run, the tunnel and its control socket already, or still, work."""
    out = tmp_path / "out"
    config = lab.config(
        tmp_path,
        f"Endpoint = {lab.theirs.endpoint(4)}",
        interface=f"PostUp = ping -c1 -w20 {lab.theirs.inner[4]} && wg show %i latest-handshakes > {out}\n"
        f"PreDown = wg show %i latest-handshakes >> {out}\nPostDown = ip link show %i >> {out} 2>&1 || true",
    )
    with lab.wireguard_go(), lab.up(config):
        pass
    first, second, third = out.read_text().splitlines()
    assert first == second
    assert int(first.split()[1]) > 0
    assert third == f'Device "{lab.ours.interface}" does not exist.'


def test_foreground_tells_systemd_and_stays_until_a_signal(
    lab: Lab, full: Path, before: dict[str, object], tmp_path: Path
) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with lab.ours.namespace, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(tmp_path / f"notify{number}"))
            systemd.settimeout(PATIENCE)
            process = subprocess.Popen(
                [sys.executable, "-m", "glasstunnel", "up", "--foreground", "--quiet", str(full)],
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / f"notify{number}")},
            )
            with process:
                assert systemd.recv(100) == b"READY=1"
                assert run("wg", "show", lab.ours.interface, "fwmark") == "0xca6c"
                assert commands(full)[-1] == "PostUp"
                process.send_signal(number)
                assert process.stderr
                assert process.stderr.read() == ""
            assert process.returncode == 0
            assert state() == before


def test_a_deleted_interface_ends_its_process_and_what_it_had_done(
    lab: Lab, full: Path, before: dict[str, object]
) -> None:
    with lab.ours.namespace:
        assert glasstunnel("up", full).returncode == 0
        run("ip", "link", "delete", lab.ours.interface)
        until(lambda: not processes(), "its process has ended")
        assert state() == before


def test_the_tunnel_follows_its_interface_down_and_up_and_to_another_mtu(lab: Lab, tmp_path: Path) -> None:
    """The same code as in glasstunnel-wg, where each of it has its own test."""
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}", "PersistentKeepalive = 25")
    with lab.wireguard_go(), lab.up(config), lab.ours.namespace:
        until(lambda: last_handshake(lab.ours), "the keepalive has begun a session")
        before = last_handshake(lab.ours)
        run("ip", "link", "set", lab.ours.interface, "down")
        until(lambda: not ports(lab.ours), "the sockets are closed")
        run("ip", "link", "set", lab.ours.interface, "mtu", "1300", "up")
        until(lambda: last_handshake(lab.ours) > before, "the keepalive has begun another")
        assert {address.rpartition(":")[2] for address in ports(lab.ours)} == {str(lab.ours.port)}
        ping(lab.theirs.inner[4])


def test_save_config_keeps_what_was_learnt(lab: Lab, tmp_path: Path) -> None:
    config = lab.config(tmp_path, interface="SaveConfig = true")
    config.write_text(config.read_text().replace(f"ListenPort = {lab.ours.port}\n", ""))
    config.chmod(0o640)
    with lab.ours.namespace:
        assert glasstunnel("up", config).returncode == 0
        lab.ours.port = int(run("wg", "show", lab.ours.interface, "listen-port"))
    with lab.wireguard_go(f"Endpoint = {lab.ours.endpoint(4)}"):
        with lab.theirs.namespace:
            ping(lab.ours.inner[4])
        with lab.ours.namespace:
            assert glasstunnel("down", config).returncode == 0
    saved = load(config)
    assert saved.interface.listen_port == lab.ours.port
    assert str(saved.peers[0].endpoint) == lab.theirs.endpoint(4)
    assert [str(prefix) for prefix in saved.peers[0].allowed_ips] == lab.theirs.allowed_ips.split(",")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert sorted(tmp_path.iterdir()) == [config]


# Two at once


def test_a_second_up_is_refused_and_disturbs_nothing(lab: Lab, full: Path) -> None:
    with lab.ours.namespace:
        assert glasstunnel("up", full).returncode == 0
        during = state()
        done = glasstunnel("up", full)
        assert done.returncode == 1
        assert done.stderr.startswith(f"glasstunnel: {lab.ours.interface} is already up (process ")
        assert state() == during
        assert commands(full) == ["PreUp", "PostUp"]
        assert glasstunnel("down", full).returncode == 0


def test_of_many_ups_at_once_one_wins(lab: Lab, full: Path, before: dict[str, object]) -> None:
    with lab.ours.namespace:
        crowd = [
            subprocess.Popen(
                [sys.executable, "-m", "glasstunnel", "up", str(full)], stderr=subprocess.PIPE, text=True
            )
            for _ in range(4)
        ]
        said = [process.communicate()[1] for process in crowd]
        assert sorted(process.returncode for process in crowd) == [0, 1, 1, 1]
        assert sum("already up" in words for words in said) == 3
        assert commands(full) == ["PreUp", "PostUp"]
        assert glasstunnel("down", full).returncode == 0
        assert state() == before


def test_two_tunnels_with_a_default_route_go_in_any_order(
    lab: Lab, full: Path, before: dict[str, object]
) -> None:
    """Each has rules of its own, and what both need goes with the last."""
    second = Host(lab.ours.namespace, {}, {}, 0)
    other = full.parent / f"{second.interface}.conf"
    other.write_text(
        f"[Interface]\nPrivateKey = {second.private_key}\nAddress = 10.8.0.1/24\n"
        f"[Peer]\nPublicKey = {lab.theirs.public_key}\nAllowedIPs = {EVERYTHING}\n"
    )
    other.chmod(0o600)
    for order in ((full, other), (other, full)):
        with lab.ours.namespace:
            assert glasstunnel("up", full).returncode == 0
            alone = state()
            assert glasstunnel("up", other).returncode == 0
            assert glasstunnel("down", order[0]).returncode == 0
            if order[0] == other:
                assert state() == alone
            assert state()["src_valid_mark"] == "1\n"
            assert glasstunnel("down", order[1]).returncode == 0
            assert state() == before


def test_an_interface_of_somebody_else_is_left_alone(lab: Lab, full: Path) -> None:
    """Its commands do not run either: they would undo what the other had done."""
    with lab.ours.namespace:
        run("ip", "link", "add", lab.ours.interface, "type", "veth")
        during = state()
        done = glasstunnel("up", "-q", full)
        assert (done.returncode, done.stderr) == (
            1,
            f"glasstunnel: there is already an interface {lab.ours.interface}\n",
        )
        assert state() == during


# Failures on the way


def broken(at: int, action: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a plan do something else in place of the step number ``at``."""

    def plan(*arguments: object) -> Iterator[Step]:
        for number, step in enumerate(real_plan(*arguments)):  # type: ignore[arg-type]
            yield step if number != at else Step("", lambda _setup: action())

    monkeypatch.setattr("glasstunnel.operate.up.plan", plan)


def steps(lab: Lab, config: Path) -> int:
    with lab.ours.namespace:
        lines: list[str] = []
        module.dry_run(lab.ours.interface, load(config), lines.append)
    return len(lines) + 2  # two steps are not worth a line


def fail() -> None:
    raise HostError("the step failed")


def be_interrupted() -> None:
    signal.raise_signal(signal.SIGTERM)


def be_wrong() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("action", [fail, be_interrupted, be_wrong])
def test_an_up_that_fails_at_any_step_leaves_nothing_behind(
    lab: Lab,
    full: Path,
    before: dict[str, object],
    resolvconf: Path,
    action: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(steps(lab, full)):
        with monkeypatch.context() as patch, lab.ours.namespace:
            broken(number, action, patch)
            with pytest.raises((HostError, ZeroDivisionError)):
                module.up(lab.ours.interface, load(full), full, foreground=True, say=lambda _text: None)
            assert state() == before, f"step {number}"
        assert list(resolvconf.iterdir()) == []


def test_a_killed_up_is_cleaned_up_by_down(
    lab: Lab, full: Path, before: dict[str, object], resolvconf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at any step: the interface goes by itself, the rest is undone from the journal."""
    name, config = lab.ours.interface, load(full)
    for number in range(1, steps(lab, full)):
        with monkeypatch.context() as patch, lab.ours.namespace:
            broken(number, lambda: os.kill(os.getpid(), signal.SIGKILL), patch)
            in_a_child(lambda: module.up(name, config, full, foreground=True, say=lambda _text: None))
            assert (
                module.down(name) == f"the process of {name} had been killed; what it had left is cleaned up"
            )
            assert state() == before, f"step {number}"
        assert list(resolvconf.iterdir()) == []


def test_what_was_written_down_and_not_done_does_no_harm(
    lab: Lab, full: Path, before: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the line of the journal and the change that it is for."""
    name, config = lab.ours.interface, load(full)
    real = Journal.write_down

    def fatal(number: int) -> Callable[..., None]:
        written: list[str] = []

        def write_down(self: Journal, what: str, **arguments: str | int | bool) -> None:
            real(self, what, **arguments)
            written.append(what)
            if len(written) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        return write_down

    for number in range(1, 12):
        with monkeypatch.context() as patch, lab.ours.namespace:
            patch.setattr(Journal, "write_down", fatal(number))
            in_a_child(lambda: module.up(name, config, full, foreground=True, say=lambda _text: None))
            module.down(name)
            assert state() == before, f"record {number}"


def test_a_killed_tunnel_is_cleaned_up_by_the_next_up(
    lab: Lab, full: Path, before: dict[str, object], resolvconf: Path
) -> None:
    with lab.ours.namespace:
        assert glasstunnel("up", "-q", full).returncode == 0
        os.kill(control.owner(lab.ours.interface), signal.SIGKILL)
        until(lambda: not processes(), "it has ended")
        done = glasstunnel("up", "-q", full)
        assert (done.returncode, done.stderr) == (
            0,
            f"glasstunnel: {lab.ours.interface} was not brought down properly; cleaning up\n",
        )
        assert glasstunnel("down", full).returncode == 0
        assert state() == before
    assert commands(full) == ["PreUp", "PostUp", "PreDown", "PostDown"] * 2


def test_commands_for_the_end_run_only_after_one_for_the_beginning_has(lab: Lab, tmp_path: Path) -> None:
    log = tmp_path / "log"
    config = lab.config(
        tmp_path,
        "Endpoint = nosuch.invalid:1",
        interface="\n".join(f"{key} = echo {key} >> {log}" for key in ("PostUp", "PreDown", "PostDown")),
    )
    with lab.ours.namespace:
        assert glasstunnel("up", "-q", config).returncode == 1
        assert not log.exists()
        text = config.read_text().replace("Endpoint = nosuch.invalid:1", "")
        config.write_text(text.replace("PreDown", "PostUp = false\nPreDown", 1))
        done = glasstunnel("up", "-q", config)
    assert (done.returncode, done.stderr) == (1, 'glasstunnel: the command "false" failed (exit status 1)\n')
    assert log.read_text().split() == ["PostUp", "PreDown", "PostDown"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("Endpoint = nosuch.invalid:1", r'cannot resolve the endpoint "nosuch.invalid": '),
        ("Address = 10.9.0.1/24, 10.9.0.1/24", "cannot give {name} the address 10.9.0.1/24: File exists"),
        ("PostUp = exit 7", 'the command "exit 7" failed (exit status 7)'),
        ("PreUp = kill -9 $$", 'the command "kill -9 $$" failed (signal 9)'),
        ("ListenPort = 53", "the UDP port 53 is in use by another program"),
    ],
)
def test_what_went_wrong_is_one_sentence_and_nothing_is_left(
    lab: Lab, full: Path, before: dict[str, object], change: str, sentence: str
) -> None:
    key = change.split(" = ")[0]
    lines = [line for line in full.read_text().splitlines() if not line.startswith(f"{key} = ")]
    place = next(
        i for i, line in enumerate(lines) if line == ("[Peer]" if key == "Endpoint" else "[Interface]")
    )
    lines.insert(place + 1, change)
    full.write_text("\n".join(lines) + "\n")
    with lab.ours.namespace:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as busy:
            busy.bind(("", 53))
            done = glasstunnel("up", "-q", full)
        assert done.returncode == 1
        assert done.stderr.startswith(f"glasstunnel: {sentence.format(name=lab.ours.interface)}")
        assert done.stderr.count("\n") == 1
        assert state() == before


def test_without_rights_one_sentence_says_so(lab: Lab, tmp_path: Path) -> None:
    config = load(lab.config(tmp_path))
    said = in_a_child(
        lambda: module.up("wg0", config, tmp_path, foreground=True, say=lambda _text: None), uid=NOBODY
    )
    assert said == "HostError: cannot write to /run/glasstunnel: Permission denied; run as root"
    said = in_a_child(lambda: module.down("wg0"), uid=NOBODY)
    assert said.startswith(("HostError: wg0 was not brought up", "HostError: cannot read /run/glasstunnel"))


def test_down_of_what_is_not_up_is_one_sentence(lab: Lab) -> None:
    done = glasstunnel("down", lab.ours.interface)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"glasstunnel: {lab.ours.interface} was not brought up by glasstunnel, or is down already\n",
    )
    assert glasstunnel("down", "no/such/!").stderr.startswith('glasstunnel: "!" is no interface name')


def test_down_waits_no_longer_than_its_patience(
    lab: Lab, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    text = full.read_text().replace("echo PreDown", "sleep 1; echo PreDown")
    full.write_text(text)
    with lab.ours.namespace:
        assert glasstunnel("up", "-q", full).returncode == 0
        with pytest.raises(
            HostError, match=rf"^{lab.ours.interface} does not come down: its process \d+ still works"
        ):
            module.down(lab.ours.interface)
        until(lambda: not processes(), "it has ended")


def test_nothing_secret_is_said_or_shown_to_other_users(lab: Lab, full: Path) -> None:
    """Neither in the steps nor in the journal nor in the command line of any process."""
    with lab.ours.namespace:
        done = glasstunnel("up", full)
        places = [done.stderr, Path(f"/run/glasstunnel/{lab.ours.interface}.journal").read_text()]
        for process in processes():
            places += [Path(f"/proc/{process}/{what}").read_text() for what in ("cmdline", "environ")]
        glasstunnel("down", full)
    assert len(places) >= 4
    assert not any(lab.ours.private_key in place for place in places)


def test_an_ordinary_user_brings_an_interface_up_in_a_world_of_his_own(lab: Lab, full: Path) -> None:
    """Where /dev/net/tun has its usual mode, root is not needed: a user namespace has all that changes."""
    name = lab.ours.interface
    kept = (line for line in full.read_text().splitlines() if not line.startswith(("DNS", "Pre", "Post")))
    config = parse("\n".join(kept), full.name)

    def attempt() -> str:
        become_private_root()
        before = state()
        module.up(name, config, full, foreground=False, say=lambda _text: None)
        assert state()["nftables"] != before["nftables"]
        shown = parse_status(name, control.ask(name))
        said = module.down(name)
        assert state() == before
        return f"{shown.listen_port} {len(shown.peers)} {said}"

    with tun_device_mode(0o666):
        assert in_a_child(attempt, uid=NOBODY) == f"{config.interface.listen_port} 1 {name} is down"


def test_a_configuration_that_all_can_read_is_warned_of(lab: Lab, tmp_path: Path) -> None:
    config = lab.config(tmp_path)
    tmp_path.chmod(0o755)
    config.chmod(0o644)
    done = glasstunnel("up", "--dry-run", config)
    assert done.returncode == 0
    assert done.stderr.startswith("Warning: ")
    assert done.stderr.count("\n") == 1


def test_a_configuration_that_is_wrong_is_one_sentence_with_its_line(lab: Lab, tmp_path: Path) -> None:
    config = lab.config(tmp_path, "AllowedIPs = 300.0.0.0/8")
    done = glasstunnel("up", config)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"glasstunnel: {config.name}:9: AllowedIPs: ")
    assert done.stderr.count("\n") == 1
