"""Programs and users of any interface of ours: one that stays for them, and a client of ToyVpn."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from glasstunnel.host import journal
from glasstunnel.host.apart import make_namespace, open_tun
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.tun import Tun
from tests.interop.end import End, two_hosts
from tests.interop.far import Far, seen_as, who_am_i
from tests.interop.lab import Host, Lab, glasstunnel, interface_name, run, until
from tests.interop.system import state
from tests.interop.toyvpn import POOL, client, server

pytestmark = pytest.mark.interop

ALICE = 4001
EVERYTHING = (*POOL, "-r", "0.0.0.0", "0", "-d", "10.9.0.1", "-s", "lab.test")
ONE, TWO = End.numbered(1), End.numbered(2)


@pytest.fixture
def hosts() -> Iterator[tuple[Namespace, Namespace]]:
    with two_hosts() as namespaces:
        yield namespaces


def test_an_interface_for_programs_stays_until_it_is_brought_down(lab: Lab, tmp_path: Path) -> None:
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}", interface="DNS = 10.9.0.2")
    name = lab.ours.interface
    with lab.wireguard_go(), lab.ours.namespace:
        before = state()
        planned = glasstunnel("up", "--namespace", "--dry-run", config)
        done = glasstunnel("up", "--namespace", config)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr.replace("[#] ", "") == planned.stdout
        during = state()
        assert {what for what in before if before[what] != during[what]} == {"sockets", "files", "processes"}
        for _ in range(2):
            done = glasstunnel("exec", name, "--", "ping", "-c1", "-W5", lab.theirs.inner[4])
            assert done.returncode == 0
        assert journal.holder(name)
        refused = glasstunnel("route", "add", name, "--uid", "1")
        assert refused.stderr == (
            f"glasstunnel: {name} is in a namespace of its own: "
            f'"glasstunnel exec {name} -- COMMAND" starts programs there\n'
        )
        assert glasstunnel("down", name).stdout == f"{name} is down\n"
        assert state() == before


def test_programs_of_a_client_of_toyvpn(hosts: tuple[Namespace, Namespace]) -> None:
    """Nothing else of the machine changes; when it is gone, no program is let in."""
    far = Far(Host(hosts[0], {}, {}, 0, "", ""))
    with hosts[1]:
        before = state()
    with (
        server(hosts[0], *EVERYTHING),
        far.serving(),
        client(hosts[1], ONE.outer[4], "--namespace") as ours,
        hosts[1],
    ):
        during = state()
        changed = {what for what in before if before[what] != during[what]}
        assert changed == {"sockets", "files", "processes"}
        script = f"{who_am_i(ONE.outer[4])}; cat /etc/resolv.conf"
        done = glasstunnel("exec", ours.interface, "--", "bash", "-c", script)
        assert done.stdout == "10.9.0.2\nnameserver 10.9.0.1\nsearch lab.test\n"
        assert seen_as(ONE.outer[4]) == TWO.outer[4]
        ours.end(signal.SIGKILL)
        done = glasstunnel("exec", ours.interface, "--", "true")
        assert (done.returncode, done.stderr.count("\n")) == (125, 1)
        assert glasstunnel("down", ours.interface).returncode == 0
    with hosts[1]:
        assert state() == before


def test_users_go_through_a_client_of_toyvpn_also_when_its_server_says_something_else(
    hosts: tuple[Namespace, Namespace],
) -> None:
    far = Far(Host(hosts[0], {}, {}, 0, "", ""))
    as_alice = ("setpriv", "--reuid", str(ALICE), "--clear-groups", "bash", "-c", who_am_i(ONE.outer[4]))
    with far.serving(), server(hosts[0], *POOL) as first, client(hosts[1], ONE.outer[4]) as ours, hosts[1]:
        assert glasstunnel("route", "add", ours.interface, "--uid", str(ALICE)).returncode == 0
        assert run(*as_alice) == "10.9.0.2"
        assert seen_as(ONE.outer[4]) == TWO.outer[4]
        refused = glasstunnel("route", "add", ours.interface, "--uid", "0")
        assert refused.stderr == (
            f"glasstunnel: {ours.interface} runs as root, and what it sends itself would go into it: "
            "leave root (uid 0) out\n"
        )
        first.end(signal.SIGKILL)
        words = ("--pool", "10.8.0.0/24", "-m", "1300", "-r", "10.8.0.0", "24")
        with server(hosts[0], *words, interface=first.interface):
            ours.until("connected", 2, patience=30)
            until(lambda: run(*as_alice, check=False) == "10.8.0.2", "it leads there again")
            ours.end()
            rules = run("ip", "rule")
            assert "uidrange" not in rules
            assert run(*as_alice) == TWO.outer[4]


def test_the_environment_has_no_secret_of_the_tunnel(lab: Lab, tmp_path: Path) -> None:
    """What a program can see of the tunnel is its own end."""
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}", interface="DNS = 10.9.0.2")
    with lab.ours.namespace:
        done = glasstunnel("exec", "--user", "nobody", config, "--", "ls", "/proc/self/fd")
        refused = glasstunnel("exec", "--user", "nobody", config, "--", "ls", str(journal.DIRECTORY))
    assert len(done.stdout.split()) <= 4 + (os.environ.get("COVERAGE_PROCESS_START") is not None)
    assert "Permission denied" in refused.stderr


def test_the_namespace_ends_although_the_tun_is_open(hosts: tuple[Namespace, Namespace]) -> None:
    """And with it the interface; the namespace in which the TUN was opened is another."""
    name = interface_name()
    with hosts[1]:
        room = make_namespace()
        with closing(open_tun(name, room, offload=False)) as tun:
            assert name not in run("ip", "link")
            with room:
                assert name in run("ip", "link")
            room.close()
            until(lambda: is_deleted(tun), "its interface is gone")


def is_deleted(tun: Tun) -> bool:
    try:
        tun.current_name()
    except OSError:
        return True
    return False
