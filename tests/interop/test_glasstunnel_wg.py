"""``glasstunnel-wg`` takes wireguard-go's place: command line, environment, and the interface's life."""

import fcntl
import os
import re
import signal
import socket
import stat
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing, redirect_stderr
from io import StringIO
from pathlib import Path

import pytest

from glasstunnel import __version__
from glasstunnel.cli import wg
from glasstunnel.host import control
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.tun import Tun
from tests.host.fakes import NOBODY, in_a_child, tun_device_mode
from tests.interop import bare
from tests.interop.lab import Host, Lab, ping, run, until

pytestmark = pytest.mark.interop


@pytest.fixture
def ours(lab: Lab) -> Iterator[Host]:
    """A host without an interface, in whose namespace the test runs."""
    with lab.ours.namespace:
        yield lab.ours


# The command line


def test_it_returns_when_the_interface_is_there_and_a_process_of_its_own_serves_it(ours: Host) -> None:
    name = ours.interface
    with bare.interface(ours) as process:
        assert run("wg", "show", name, "listen-port") == "0"
        assert re.search(r"<\S+> mtu 1420 .* state DOWN", run("ip", "link", "show", name))
        assert process not in (0, os.getpid())
        assert os.getsid(process) == process
        files = {number: os.readlink(f"/proc/{process}/fd/{number}") for number in (0, 1, 2)}
        assert files == dict.fromkeys((0, 1, 2), "/dev/null")
        assert os.readlink(f"/proc/{process}/cwd") == "/"


@pytest.mark.parametrize(("words", "variable"), [(["-f"], "0"), (["--foreground"], ""), ([], "1")])
def test_in_the_foreground_it_stays(ours: Host, words: list[str], variable: str) -> None:
    with bare.staying(*words, ours.interface, WG_PROCESS_FOREGROUND=variable) as process:
        until(lambda: control.is_served(ours.interface), "it serves")
        assert control.owner(ours.interface) == process.pid


def test_it_has_no_key_and_no_port_until_it_is_given_them(ours: Host) -> None:
    with bare.interface(ours):
        assert run("wg", "show", ours.interface, "dump") == "(none)\t(none)\t0\toff"
        assert bare.ports(ours) == []


def test_version_and_help() -> None:
    assert bare.start("--version").stdout == f"glasstunnel-wg {__version__}\n"
    helped = bare.start("--help")
    assert helped.returncode == 0
    for word in (
        "--foreground",
        "LOG_LEVEL",
        "WG_TUN_FD",
        "WG_UAPI_FD",
        "WG_PROCESS_FOREGROUND",
        "DATA_PATH",
    ):
        assert word in helped.stdout


def test_a_wrong_command_line_is_explained() -> None:
    done = bare.start()
    assert done.returncode == 2
    assert "the following arguments are required: INTERFACE" in done.stderr


# What goes wrong is said in one sentence


@pytest.mark.parametrize("foreground", ["0", "1"])
def test_an_error_is_one_sentence_and_leaves_nothing(ours: Host, foreground: str) -> None:
    with bare.interface(ours):
        done = bare.start(ours.interface, WG_PROCESS_FOREGROUND=foreground)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"glasstunnel-wg: there is already an interface {ours.interface}\n"
        assert control.is_served(ours.interface)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("a/b", '"a/b" is no interface name: expected 1 to 15 of the characters a-z A-Z 0-9 _ = + . -'),
        ("eth0", "there is already an interface eth0, and it is no TUN"),
    ],
)
def test_a_name_that_cannot_be(ours: Host, name: str, sentence: str) -> None:
    done = bare.start(name)
    assert (done.returncode, done.stderr) == (1, f"glasstunnel-wg: {sentence}\n")
    assert not control.path_of("eth0").exists()


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "GLASSTUNNEL_DATA_PATH",
            "fast",
            'GLASSTUNNEL_DATA_PATH: expected "plain" or nothing, got "fast"',
        ),
        ("WG_TUN_FD", "three", 'WG_TUN_FD: expected the number of a file descriptor, got "three"'),
        ("WG_TUN_FD", "-1", 'WG_TUN_FD: expected the number of a file descriptor, got "-1"'),
        ("WG_TUN_FD", "0", "the file descriptor 0 is no TUN interface: Inappropriate ioctl for device"),
        ("WG_TUN_FD", "999", "the file descriptor 999 is no TUN interface: Bad file descriptor"),
        ("WG_UAPI_FD", "0", "the file descriptor 0 is no socket: Socket operation on non-socket"),
    ],
)
def test_a_descriptor_that_cannot_be(ours: Host, variable: str, value: str, sentence: str) -> None:
    done = bare.start("-f", ours.interface, **{variable: value})
    assert (done.returncode, done.stderr) == (1, f"glasstunnel-wg: {sentence}\n")
    assert ours.interface not in run("ip", "link")


def test_a_user_without_rights_is_told_to_be_root(ours: Host) -> None:
    def said() -> str:
        with redirect_stderr(StringIO()) as stderr:
            assert wg.main(["-f", ours.interface]) == 1
        return stderr.getvalue()

    with tun_device_mode(0o666):
        text = in_a_child(said, uid=NOBODY)
    assert text == (
        f"glasstunnel-wg: cannot create the interface {ours.interface}: Operation not permitted; "
        "run as root (CAP_NET_ADMIN)\n"
    )


# The environment


def test_log_level_verbose_tells_the_sessions_on_standard_output(lab: Lab) -> None:
    """In the background too, as wireguard-go does where LOG_LEVEL is set."""
    with lab.ours.namespace:
        daemon = subprocess.Popen(
            [bare.PROGRAM, lab.ours.interface],
            env=bare.environment(LOG_LEVEL="verbose"),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert daemon.wait() == 0
    with lab.wireguard_go(f"Endpoint = {lab.ours.endpoint(4)}"):
        bare.configure(lab.ours, lab.theirs)
        bare.link(lab.ours, "up")
        with lab.theirs.namespace:
            ping(lab.ours.inner[4])
        with lab.ours.namespace:
            run("ip", "link", "delete", lab.ours.interface)
    assert daemon.stdout
    lines = daemon.stdout.read().splitlines()  # to its end: the daemon has ended
    daemon.stdout.close()
    form = rf"(DEBUG|WARNING): \({lab.ours.interface}\) \d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d \S.*"
    assert all(re.fullmatch(form, line) for line in lines), lines
    assert any("a session with" in line for line in lines)


@pytest.mark.parametrize(("level", "lines"), [("", 1), ("error", 1), ("nonsense", 1), ("silent", 0)])
def test_other_log_levels_tell_errors_only_or_nothing(ours: Host, level: str, lines: int) -> None:
    """A port that is in use when the interface comes up is an error; that somebody deletes it is none."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter,
        bare.staying("-f", ours.interface, LOG_LEVEL=level) as process,
    ):
        squatter.bind(("", 0))
        port = squatter.getsockname()[1]
        until(lambda: control.is_served(ours.interface), "it serves")
        run("wg", "set", ours.interface, "listen-port", str(port))
        run("ip", "link", "set", ours.interface, "up")
        run("ip", "link", "delete", ours.interface)
        out, err = process.communicate(timeout=60)
    assert err == ""
    assert len(out.splitlines()) == lines
    if lines:
        sentence = f"{ours.interface} does not come up: the UDP port {port} is in use by another program"
        assert out.startswith(f"ERROR: ({ours.interface}) ")
        assert out.endswith(f"{sentence}\n")


def test_wg_tun_fd_is_served_under_its_own_name(ours: Host) -> None:
    with closing(Tun(ours.interface)) as tun:
        fd = tun.fd
        with bare.staying("-f", "another", fds=(fd,), WG_TUN_FD=str(fd)) as process:
            until(lambda: control.is_served(ours.interface), "it serves")
            assert control.owner(ours.interface) == process.pid
            assert "mtu 1420" in run("ip", "link", "show", ours.interface)
            assert not control.path_of("another").exists()
            tun.close()
            run("ip", "link", "set", ours.interface, "up")
            until(lambda: bare.ports(ours), "it is up")


def test_wg_tun_fd_with_virtio_headers_is_served_by_the_fast_path_and_refused_by_the_plain(
    ours: Host,
) -> None:
    """Such a TUN as wireguard-go opens."""
    with closing(Tun(ours.interface, offload=True)) as tun:
        words, fd = ("-f", "another"), tun.fd
        with bare.staying(*words, fds=(fd,), WG_TUN_FD=str(fd), GLASSTUNNEL_DATA_PATH="plain") as process:
            _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert err == (
            f"glasstunnel-wg: the file descriptor {fd} of {ours.interface} has a virtio header before each "
            "packet: expected a TUN without (no IFF_VNET_HDR), since only the fast data path can serve it\n"
        )
        with bare.staying(*words, fds=(fd,), WG_TUN_FD=str(fd)):
            until(lambda: control.is_served(ours.interface), "it serves")
            tun.close()
            run("ip", "link", "set", ours.interface, "up")
            until(lambda: bare.ports(ours), "it is up")


def test_wg_tun_fd_of_a_tap_is_refused(ours: Host) -> None:
    """Its packets are frames of Ethernet."""
    fd = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", ours.interface.encode(), 0x0002 | 0x1000))
        with bare.staying("-f", ours.interface, fds=(fd,), WG_TUN_FD=str(fd)) as process:
            _, err = process.communicate(timeout=60)
    finally:
        os.close(fd)
    assert process.returncode == 1
    assert err == (
        f"glasstunnel-wg: the file descriptor {fd} of {ours.interface} has the flags 0x1002: "
        "expected a TUN without packet information (IFF_TUN | IFF_NO_PI)\n"
    )


def test_an_interface_that_waits_for_a_program_is_taken(ours: Host) -> None:
    """``ip tuntap add``: it was there before, and is there afterwards."""
    run("ip", "tuntap", "add", ours.interface, "mode", "tun")
    with bare.interface(ours):
        run("ip", "link", "set", ours.interface, "up")
        until(lambda: bare.ports(ours), "it is up")
        assert "LOWER_UP" in run("ip", "link", "show", ours.interface)
    assert "NO-CARRIER" in run("ip", "link", "show", ours.interface)


def test_wg_uapi_fd_is_served(ours: Host) -> None:
    path = control.path_of(ours.interface)
    path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        fd = listener.fileno()
        with bare.staying("-f", ours.interface, fds=(fd,), WG_UAPI_FD=str(fd)) as process:
            assert run("wg", "show", ours.interface, "dump") == "(none)\t(none)\t0\toff"
            process.terminate()
            process.wait()
    assert not path.exists()


def test_wg_uapi_fd_must_listen(ours: Host) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        fd = deaf.fileno()
        with bare.staying("-f", ours.interface, fds=(fd,), WG_UAPI_FD=str(fd)) as process:
            _, err = process.communicate(timeout=60)
    assert err == (
        f"glasstunnel-wg: the file descriptor {fd} is no control socket: "
        "expected a Unix socket that listens\n"
    )


# The control socket


def test_the_socket_is_where_wg_looks_and_for_root_alone(ours: Host) -> None:
    with bare.interface(ours):
        path = Path("/var/run/wireguard") / f"{ours.interface}.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.is_socket()
        assert ours.interface in run("wg", "show", "interfaces").split()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_nothing_is_left(ours: Host, number: signal.Signals) -> None:
    done = bare.start(ours.interface)
    assert done.returncode == 0
    process = control.owner(ours.interface)
    os.kill(process, number)
    until(lambda: bare.ended(process), "it has ended")
    assert not control.path_of(ours.interface).exists()
    assert ours.interface not in run("ip", "link")


def test_whoever_removes_the_socket_file_ends_it(ours: Host) -> None:
    """README of wireguard-go: where a system cannot delete interfaces, this is the way."""
    with bare.staying("-f", ours.interface) as process:
        until(lambda: control.is_served(ours.interface), "it serves")
        control.path_of(ours.interface).unlink()
        assert process.wait(timeout=60) == 0
    assert ours.interface not in run("ip", "link")


# The interface's life


@pytest.mark.parametrize("before", ["down", "up"])
def test_it_ends_when_the_link_is_deleted(ours: Host, before: str) -> None:
    with bare.staying("-f", ours.interface) as process:
        until(lambda: control.is_served(ours.interface), "it serves")
        run("ip", "link", "set", ours.interface, before)
        run("ip", "link", "delete", ours.interface)
        assert process.wait(timeout=60) == 0
    assert not control.path_of(ours.interface).exists()


def test_the_port_is_open_while_the_interface_is_up_and_stays_the_same(ours: Host) -> None:
    with bare.interface(ours):
        run("ip", "link", "set", ours.interface, "up")
        until(lambda: len(bare.ports(ours)) == 2, "both sockets are open")
        port = run("wg", "show", ours.interface, "listen-port")
        assert bare.ports(ours) == [f"0.0.0.0:{port}", f"[::]:{port}"]
        run("ip", "link", "set", ours.interface, "down")
        until(lambda: not bare.ports(ours), "they are closed")
        assert run("wg", "show", ours.interface, "listen-port") == port
        run("ip", "link", "set", ours.interface, "up")
        until(lambda: bare.ports(ours) == [f"0.0.0.0:{port}", f"[::]:{port}"], "they are open again")


def test_the_port_can_be_changed_up_and_down(ours: Host) -> None:
    with bare.interface(ours):
        run("wg", "set", ours.interface, "listen-port", "51101", "fwmark", "0x77")
        assert bare.ports(ours) == []
        run("ip", "link", "set", ours.interface, "up")
        until(lambda: bare.ports(ours) == ["0.0.0.0:51101", "[::]:51101"], "it is up")
        run("wg", "set", ours.interface, "listen-port", "51102")
        assert bare.ports(ours) == ["0.0.0.0:51102", "[::]:51102"]
        assert run("wg", "show", ours.interface, "fwmark") == "0x77"


def test_an_interface_that_came_up_in_vain_works_with_another_port(ours: Host) -> None:
    """The kernel would refuse to set it up; for us it is up by then, and waits for a port that is free."""
    with bare.interface(ours), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("", 51101))
        run("wg", "set", ours.interface, "listen-port", "51101")
        run("ip", "link", "set", ours.interface, "up")
        refused = subprocess.run(
            ["wg", "set", ours.interface, "listen-port", "51101"], capture_output=True, text=True, check=False
        )
        assert refused.stderr == "Unable to modify interface: Address already in use\n"
        run("wg", "set", ours.interface, "listen-port", "51102")
        assert bare.ports(ours) == ["0.0.0.0:51101", "0.0.0.0:51102", "[::]:51102"]


def test_a_tunnel_with_wireguard_go_both_driven_by_wg(lab: Lab) -> None:
    with bare.interface(lab.ours), lab.wireguard_go():
        bare.configure(lab.ours, lab.theirs, f"Endpoint = {lab.theirs.endpoint(6)}")
        bare.link(lab.ours, "up")
        for version in (4, 6):
            with lab.ours.namespace:
                ping(lab.theirs.inner[version])
            with lab.theirs.namespace:
                ping(lab.ours.inner[version])


def test_down_and_up_makes_a_new_session(lab: Lab) -> None:
    with bare.interface(lab.ours), lab.wireguard_go():
        bare.configure(lab.ours, lab.theirs, f"Endpoint = {lab.theirs.endpoint(4)}")
        seen = {0}
        for _ in range(3):
            bare.link(lab.ours, "up")
            with lab.ours.namespace:
                ping(lab.theirs.inner[4])
            assert bare.last_handshake(lab.ours) not in seen
            seen.add(bare.last_handshake(lab.ours))
            bare.link(lab.ours, "down")


def test_a_persistent_keepalive_speaks_first_when_the_interface_comes_up(lab: Lab) -> None:
    """No packet is sent into the tunnel, each time that it comes up."""
    with bare.interface(lab.ours), lab.wireguard_go():
        bare.configure(
            lab.ours, lab.theirs, f"Endpoint = {lab.theirs.endpoint(4)}", "PersistentKeepalive = 25"
        )
        last = 0
        for _ in range(2):
            bare.link(lab.ours, "up")
            until(lambda last=last: bare.last_handshake(lab.ours) > last, "a session")  # type: ignore[misc]  # a lambda has no types
            last = bare.last_handshake(lab.ours)
            bare.link(lab.ours, "down")


def test_a_key_that_is_set_later_lets_the_persistent_keepalive_begin(lab: Lab, tmp_path: Path) -> None:
    with bare.interface(lab.ours), lab.wireguard_go():
        bare.configure(
            lab.ours,
            lab.theirs,
            f"Endpoint = {lab.theirs.endpoint(4)}",
            "PersistentKeepalive = 25",
            key=False,
        )
        bare.link(lab.ours, "up")
        until(lambda: bare.ports(lab.ours), "it is up")
        key = tmp_path / "key"
        key.touch(mode=0o600)
        key.write_text(lab.ours.private_key)
        with lab.ours.namespace:
            run("wg", "set", lab.ours.interface, "private-key", key)
        until(lambda: bare.last_handshake(lab.ours), "there is a session")


def test_padding_stops_at_the_mtu_that_the_interface_has_now(lab: Lab) -> None:
    """A packet as long as the MTU is not padded, though 1290 and 1350 are no multiples of 16."""
    with bare.interface(lab.ours), lab.wireguard_go():
        bare.configure(lab.ours, lab.theirs, f"Endpoint = {lab.theirs.endpoint(4)}")
        with lab.theirs.namespace:
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        bare.link(lab.ours, "up")
        with wire, lab.ours.namespace:
            wire.settimeout(20)
            ping(lab.theirs.inner[4])
            for mtu in (1290, 1350):
                bare.link(lab.ours, "mtu", str(mtu))
                run("ping", "-n", "-c1", "-w20", "-Mdo", "-s", str(mtu - 28), lab.theirs.inner[4])
                lengths = []
                while mtu + 60 not in lengths:  # IPv4, UDP, header and tag of transport data: 20, 8, 16, 16
                    packet = wire.recv(2000)
                    if packet[12:16] == socket.inet_aton(lab.ours.outer[4]):
                        lengths.append(len(packet))
                assert max(lengths) == mtu + 60


def test_a_tunnel_lives_on_in_another_namespace(lab: Lab) -> None:
    """The interface moves, twice and back; the UDP sockets stay where the process was born."""
    name, port = lab.ours.interface, lab.ours.port
    sockets = [f"0.0.0.0:{port}", f"[::]:{port}"]
    with (
        closing(Namespace()) as second,
        closing(Namespace()) as third,
        bare.interface(lab.ours) as process,
        lab.wireguard_go(),
    ):
        bare.configure(lab.ours, lab.theirs, f"Endpoint = {lab.theirs.endpoint(4)}")
        here = lab.ours.namespace
        for there in (second, third, lab.ours.namespace):
            with here:
                run("ip", "link", "set", name, "netns", f"/proc/{os.getpid()}/fd/{there.fd}")
            with there:
                run("ip", "address", "add", f"{lab.ours.inner[4]}/24", "dev", name)
                run("ip", "link", "set", name, "up")
                ping(lab.theirs.inner[4])
            assert bare.ports(lab.ours) == sockets
            here = there
        assert control.owner(name) == process


def test_deleted_in_another_namespace_it_ends(lab: Lab) -> None:
    name = lab.ours.interface
    with closing(Namespace()) as there, lab.ours.namespace, bare.staying("-f", name) as process:
        until(lambda: control.is_served(name), "it serves")
        run("ip", "link", "set", name, "netns", f"/proc/{os.getpid()}/fd/{there.fd}")
        with there:
            run("ip", "link", "delete", name)
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("state", ["up", "down"])
@pytest.mark.parametrize(
    "prefix", [(), ("setpriv", "--bounding-set", "-sys_admin")], ids=["root", "confined"]
)
def test_it_ends_with_the_namespace_into_which_it_was_moved(
    ours: Host, state: str, prefix: tuple[str, ...]
) -> None:
    """Nothing of ours lives there, so the namespace can end; CAP_SYS_ADMIN would be needed to enter it."""
    name, there = ours.interface, Namespace()
    with closing(there), bare.staying("-f", name, prefix=prefix) as process:
        until(lambda: control.is_served(name), "it serves")
        run("ip", "link", "set", name, "netns", f"/proc/{os.getpid()}/fd/{there.fd}")
        with there:
            run("ip", "link", "set", name, state)
        if state == "up":
            until(lambda: bare.ports(ours), "it has heard of that")
        there.close()
        assert process.wait(timeout=60) == 0
