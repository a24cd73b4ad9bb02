"""``exec`` runs a program that has the tunnel or nothing, as who asked for it; then all is as it was."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from glasstunnel.host import apart, journal
from glasstunnel.operate import programs
from glasstunnel.operate.files import load
from tests.host.fakes import NOBODY, in_a_child
from tests.interop.far import ADDRESS, NAME, Far, seen_as, who_am_i
from tests.interop.lab import PATIENCE, Lab, glasstunnel, run, until
from tests.interop.system import processes, state

pytestmark = pytest.mark.interop

EVERYTHING = "AllowedIPs = 0.0.0.0/0, ::/0"


@pytest.fixture
def far(lab: Lab) -> Iterator[Far]:
    far = Far(lab.theirs)
    with lab.wireguard_go(), far.serving():
        yield far


@pytest.fixture
def config(lab: Lab, far: Far, tmp_path: Path) -> Path:
    """All that there is leads into the tunnel, and names are asked of its far end."""
    endpoint = f"Endpoint = {lab.theirs.endpoint(4)}"
    return lab.config(tmp_path, endpoint, EVERYTHING, interface=f"DNS = {lab.theirs.inner[4]}\nTable = off")


@pytest.fixture
def before(lab: Lab, config: Path) -> dict[str, object]:
    with lab.ours.namespace:
        return state()


def arguments(config: Path, *command: str, options: tuple[str, ...] = ()) -> list[str]:
    return [sys.executable, "-m", "glasstunnel", "exec", *options, str(config), "--", *command]


def start(lab: Lab, config: Path, script: str, *options: str) -> subprocess.Popen[str]:
    """A script that goes on while we do; a line of its output says that it has begun.

    What it says at once after that may be lost to ``communicate``: let it ``read`` before.
    """
    with lab.ours.namespace:
        process = subprocess.Popen(
            arguments(config, "bash", "-c", f"echo begun; {script}", options=options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    assert process.stdout
    assert process.stdout.readline() == "begun\n"
    return process


def output(lab: Lab, config: Path, script: str, *options: str) -> str:
    """What a script says that ends well."""
    with lab.ours.namespace:
        return run(*arguments(config, "bash", "-c", script, options=options))


def as_it_was(lab: Lab, before: dict[str, object]) -> None:
    """The tunnel ends a moment after its last program."""
    with lab.ours.namespace:
        until(lambda: journal.holder(lab.ours.interface) is None, "the tunnel has ended")
        until(lambda: processes() == before["processes"], "and its process too")
        assert state() == before


@pytest.mark.parametrize("version", [4, 6])
def test_the_program_goes_through_the_tunnel_and_all_others_go_as_before(
    lab: Lab, config: Path, before: dict[str, object], version: int
) -> None:
    """To one and the same address, which outside of the tunnel is on the cable."""
    address, ours = lab.theirs.outer[version], lab.ours
    script = f"{who_am_i(address)}; read"
    process = start(lab, config, script)
    assert process.stdout
    assert process.stdout.readline().strip() == ours.inner[version]
    with ours.namespace:
        during = state()
        assert {what for what in before if before[what] != during[what]} == {"sockets", "files", "processes"}
        assert seen_as(address) == ours.outer[version]
    process.communicate("\n", PATIENCE)
    as_it_was(lab, before)


def test_names_are_asked_through_the_tunnel(lab: Lab, config: Path, far: Far) -> None:
    assert output(lab, config, f"getent ahostsv4 {NAME}").split()[0] == ADDRESS
    assert set(far.asked) == {lab.ours.inner[4]}


def test_what_it_sees_of_names_and_interfaces_is_what_is_in_there(lab: Lab, config: Path) -> None:
    said = output(lab, config, "cat /etc/resolv.conf; grep ^hosts /etc/nsswitch.conf; ls /sys/class/net")
    assert said.split("\n") == [
        f"nameserver {lab.theirs.inner[4]}",
        "hosts: files dns ",
        *sorted((lab.ours.interface, "lo")),
    ]
    before = run("cat", "/etc/resolv.conf")
    assert run("cat", "/etc/resolv.conf") == before
    assert "127.0.0.1" in output(lab, config, "getent ahosts localhost; ls /sys/fs/cgroup")


def test_a_name_service_of_the_machine_is_out_of_reach(lab: Lab, config: Path, tmp_path: Path) -> None:
    """With systemd-resolved the file is a link into its directory, and is replaced while the program runs."""
    layers = tmp_path / "layers"
    place = "/run/systemd/resolve"
    script = f"""
        mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs {tmp_path} && mkdir -p {layers}/up {layers}/work
        mount -t overlay etc -o lowerdir=/etc,upperdir={layers}/up,workdir={layers}/work /etc
        mkdir -p {place} /run/nscd && touch /run/nscd/socket {place}/io.systemd.Resolve
        echo nameserver 127.0.0.53 > {place}/stub && ln -sf {place}/stub /etc/resolv.conf
        echo 'hosts: files resolve [!UNAVAIL=return] dns' > /etc/nsswitch.conf
        cat > {config} && mkfifo begun end
        {
        " ".join(
            arguments(
                config,
                "bash",
                "-c",
                "'echo > begun; read < end; cat /etc/resolv.conf; "
                "ls -A /run/nscd /run/systemd/resolve; grep hosts: /etc/nsswitch.conf'",
            )
        )
    } &
        read < begun && echo nameserver 127.0.0.1 > {place}/new && mv {place}/new {place}/stub
        echo > end; wait; cat {place}/stub
    """
    with lab.ours.namespace:
        said = run("unshare", "--mount", "bash", "-c", f"cd {tmp_path}; {script}", text=config.read_text())
    assert said.split("\n") == [
        f"nameserver {lab.theirs.inner[4]}",
        "/run/nscd:",
        "",
        "/run/systemd/resolve:",
        "stub",
        "hosts: files dns ",
        "nameserver 127.0.0.1",
    ]


def test_without_dns_in_the_configuration_it_says_so_and_the_file_stays(lab: Lab, config: Path) -> None:
    config.write_text(config.read_text().replace("DNS", "# DNS"))
    with lab.ours.namespace:
        done = glasstunnel("exec", config, "--", "cat", "/etc/resolv.conf")
    assert done.stdout == Path("/etc/resolv.conf").read_text()
    sentence = "has no DNS: names are asked of those in /etc/resolv.conf, through the tunnel"
    assert done.stderr == f"Warning: {config.name}: {sentence}\n"


def test_it_becomes_the_program(lab: Lab, config: Path) -> None:
    """So terminal, signals, jobs and exit status are those of the program, and it has no children of ours."""
    process = start(lab, config, "echo $$; read; exit 7")
    assert process.stdout
    assert process.stdout.readline() == f"{process.pid}\n"
    assert run("ps", "-o", "pid=", "--ppid", str(process.pid), check=False) == ""
    process.communicate("\n", PATIENCE)
    assert process.returncode == 7


def test_a_signal_ends_the_program_as_it_would_without_us(lab: Lab, config: Path) -> None:
    process = start(lab, config, "read")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGHUP


def test_it_runs_as_who_called_sudo_and_without_any_right_of_root(
    lab: Lab, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    status = output(lab, config, "id -u; id -g; id -G; echo $USER; cat /proc/self/status").splitlines()
    assert status[:4] == [str(NOBODY)] * 3 + ["nobody"]
    facts = dict(line.split(":\t") for line in status[4:] if ":\t" in line)
    assert {facts[f"Cap{one}"] for one in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    assert int(facts["SigIgn"], 16) & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1) == 0
    assert output(lab, config, "id -un", "--user", "root") == "root"
    assert output(lab, config, "id -u", "--user", "4711") == "4711"  # of whom the system knows nothing


def test_it_cannot_leave(lab: Lab, config: Path) -> None:
    with lab.ours.namespace:
        done = glasstunnel(
            "exec", "--user", "nobody", config, "--", "nsenter", "--net=/proc/1/ns/net", "true"
        )
    assert (done.returncode, "Permission denied" in done.stderr) == (1, True)


def test_programs_share_one_interface_and_the_last_takes_it_down(
    lab: Lab, config: Path, before: dict[str, object]
) -> None:
    first = start(lab, config, "readlink /proc/self/ns/net; read")
    second = start(lab, config, "readlink /proc/self/ns/net; read")
    assert first.stdout
    assert second.stdout
    assert first.stdout.readline() == second.stdout.readline()
    first.communicate("\n", PATIENCE)
    assert journal.holder(lab.ours.interface)
    second.communicate("\n", PATIENCE)
    as_it_was(lab, before)


def test_programs_that_start_at_once_share_one_interface(
    lab: Lab, config: Path, before: dict[str, object]
) -> None:
    with lab.ours.namespace:
        processes = [
            subprocess.Popen(
                arguments(config, "bash", "-c", "readlink /proc/self/ns/net; read"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
    lines = [process.stdout.readline() for process in processes if process.stdout]
    assert len(set(lines)) == 1
    assert "net:" in lines[0]
    for process in processes:
        process.communicate("\n", PATIENCE)
    as_it_was(lab, before)


def test_what_the_program_leaves_in_the_background_keeps_the_tunnel(
    lab: Lab, config: Path, before: dict[str, object]
) -> None:
    process = start(lab, config, "read; sleep 1000 >&- 2>&- <&- & echo $!")
    said, _ = process.communicate("\n", PATIENCE)
    assert process.returncode == 0
    assert journal.holder(lab.ours.interface)
    os.kill(int(said), signal.SIGTERM)
    as_it_was(lab, before)


def test_if_the_tunnel_is_killed_the_program_has_no_network_at_all(
    lab: Lab, config: Path, before: dict[str, object]
) -> None:
    addresses = [lab.theirs.inner[4], lab.theirs.outer[4], lab.theirs.outer[6]]
    tries = "; ".join(f"({who_am_i(address)}) 2>&1" for address in addresses)
    process = start(lab, config, f"read; ls /sys/class/net; {tries}")
    tunnel = journal.holder(lab.ours.interface)
    assert tunnel
    os.kill(tunnel, signal.SIGKILL)
    until(lambda: journal.holder(lab.ours.interface) == 0, "the tunnel is dead")
    said, _ = process.communicate("\n", PATIENCE)
    assert said.splitlines()[0] == "lo"
    assert said.count("Network is unreachable") == 2 * len(addresses)
    assert output(lab, config, who_am_i(addresses[0])) == lab.ours.inner[4]  # and the next one cleans up
    as_it_was(lab, before)


def test_down_takes_it_from_its_programs(lab: Lab, config: Path, before: dict[str, object]) -> None:
    process = start(lab, config, "read; ls /sys/class/net")
    with lab.ours.namespace:
        assert glasstunnel("down", config).stdout == f"{lab.ours.interface} is down\n"
    assert process.communicate("\n", PATIENCE)[0] == "lo\n"
    as_it_was(lab, before)


def test_it_is_told_apart_from_one_that_is_up_for_the_whole_machine(lab: Lab, config: Path) -> None:
    name = lab.ours.interface
    config.write_text(config.read_text().replace("DNS", "# DNS"))  # for which resolvconf is needed
    with lab.up(config), lab.ours.namespace:
        done = glasstunnel("exec", config, "--", "true")
        process = journal.holder(name)
    assert done.returncode == 125
    assert done.stderr.splitlines()[-1] == (
        f'glasstunnel: {name} is up for the whole machine (process {process}): "glasstunnel down {name}" '
        f'first, or send the programs of a user through it with "glasstunnel route add {name} --user USER"'
    )


def test_up_does_not_take_what_a_program_uses(lab: Lab, config: Path) -> None:
    process = start(lab, config, "read")
    with lab.ours.namespace:
        done = glasstunnel("up", config)
    assert done.returncode == 1
    assert done.stderr.startswith(f"glasstunnel: {lab.ours.interface} is already up (process ")
    process.communicate("\n", PATIENCE)


def test_its_own_failures_have_statuses_of_their_own_and_leave_nothing(
    lab: Lab, config: Path, before: dict[str, object], tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    plain.write_text("no program")
    name = lab.ours.interface
    cases = (
        ((config, "--", "no-such-program"), 127, "cannot run no-such-program: No such file or directory"),
        ((config, "--", plain), 126, f"cannot run {plain}: Permission denied"),
        ((config,), 125, "expected a command after the name: glasstunnel exec NAME -- COMMAND"),
        (
            ("--user", "nobody-knows", config, "--", "true"),
            125,
            'expected the name or the number of a user, got "nobody-knows"',
        ),
        ((f"./{name}x.conf", "--", "true"), 125, f"./{name}x.conf: expected a file {name}x.conf, found none"),
    )
    with lab.ours.namespace:
        for words, status, sentence in cases:
            done = glasstunnel("exec", *words)
            assert (done.returncode, done.stderr) == (status, f"glasstunnel: {sentence}\n")
    as_it_was(lab, before)


def test_the_commands_of_the_configuration_do_not_run(lab: Lab, config: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    text = config.read_text()
    lines = "".join(f"{key} = touch {mark}\n" for key in ("PreUp", "PostUp", "PreDown", "PostDown"))
    config.write_text(text.replace("[Interface]\n", f"[Interface]\n{lines}"))
    with lab.ours.namespace:
        done = glasstunnel("exec", config, "--", "true")
    sentence = "PreUp, PostUp, PreDown and PostDown are for the whole machine and do not run"
    assert (done.returncode, done.stderr) == (0, f"Warning: {config.name}: {sentence}\n")
    assert not mark.exists()


def test_an_interruption_on_the_way_leaves_nothing(
    lab: Lab, config: Path, before: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it waits for a name server that is not there."""
    monkeypatch.setenv("RES_OPTIONS", "timeout:30 attempts:1")
    config.write_text(config.read_text().replace(lab.theirs.endpoint(4), "nowhere.example:51820"))
    with lab.ours.namespace:
        process = subprocess.Popen(
            arguments(config, "true"), stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        until(lambda: journal.holder(lab.ours.interface), "it is on the way")
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (1, "glasstunnel: interrupted\n")
    as_it_was(lab, before)


def test_whoever_is_not_root_hears_it(lab: Lab, config: Path) -> None:
    name = lab.ours.interface
    loaded = load(config)
    with lab.ours.namespace:
        for attempt in (
            lambda: programs.joined(name),
            lambda: programs.room(name, loaded, config, print),
            lambda: apart.make_namespace(),
        ):
            said = in_a_child(attempt, uid=NOBODY)
            assert said.startswith("HostError: cannot ")
            assert said.endswith("; run as root")


def test_another_program_of_an_interface_needs_no_configuration(lab: Lab, config: Path) -> None:
    process = start(lab, config, "read")
    config.unlink()
    with lab.ours.namespace:
        done = glasstunnel("exec", lab.ours.interface, "--", "bash", "-c", who_am_i(lab.theirs.outer[4]))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{lab.ours.inner[4]}\n", "")
    process.communicate("\n", PATIENCE)
