"""Network namespaces: a thread goes in and comes back, and what was opened inside stays there."""

import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from glasstunnel.host.errors import HostError
from glasstunnel.host.namespace import Namespace, become_private_root, veth_pair
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.tun import Tun
from tests.host.fakes import NOBODY, in_a_child, tun_device_mode

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="drops the rights of root")


def here() -> str:
    return os.readlink("/proc/thread-self/ns/net")


@pytest.mark.interop
def test_the_thread_goes_in_and_comes_back(namespace: Namespace) -> None:
    outside = here()
    with Namespace() as inner:
        assert here() != outside
        with namespace:
            assert here() == outside
        with inner:
            pass
        assert here() != outside
    assert here() == outside
    inner.close()
    inner.close()


@pytest.mark.interop
def test_the_thread_comes_back_after_an_error(namespace: Namespace) -> None:
    outside = here()
    with pytest.raises(ZeroDivisionError), Namespace() as inner:
        _ = 1 / 0
    assert here() == outside
    inner.close()


@pytest.mark.interop
def test_only_the_calling_thread_moves(namespace: Namespace) -> None:
    seen = []
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        with Namespace() as inner:
            seen.append(here())
            inside.set()
            done.wait(10)
        inner.close()

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    seen.append(here())
    done.set()
    thread.join()
    assert len(set(seen)) == 2


@pytest.mark.interop
def test_a_child_lives_where_the_thread_was_that_started_it(namespace: Namespace) -> None:
    with Namespace() as inner:
        child = subprocess.run(["readlink", "/proc/self/ns/net"], capture_output=True, text=True, check=True)
        assert child.stdout.strip() == here()
    inner.close()


@pytest.mark.interop
def test_loopback_is_up_and_nothing_else_is_there(namespace: Namespace) -> None:
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    subprocess.run(["ping", "-c1", "-w10", "127.0.0.1"], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.interop
def test_a_socket_stays_in_the_namespace_where_it_was_opened(namespace: Namespace) -> None:
    other = Namespace()
    veth_pair(namespace, "a", other, "b")
    with Netlink() as net:
        net.add_address("a", "192.0.2.1/24")
    with other, Netlink() as net:
        net.add_address("b", "192.0.2.2/24")
        listener = socket.create_server(("192.0.2.2", 0))
    with socket.create_connection(listener.getsockname(), timeout=10), listener:
        pass
    other.close()


@needs_root
def test_without_rights_one_sentence_says_so() -> None:
    assert in_a_child(Namespace, uid=NOBODY) == (
        "HostError: cannot create a network namespace: Operation not permitted; run as root"
    )


@pytest.mark.interop
@needs_root
def test_an_ordinary_user_becomes_root_of_a_world_of_his_own() -> None:
    def attempt() -> str:
        become_private_root()
        one, two = Namespace(), Namespace()
        veth_pair(one, "eth0", two, "eth0")
        with one:
            tun = Tun("wg0")
            with Netlink() as net:
                net.add_address("wg0", "10.0.0.1/24")
                net.link_up("wg0", 1420)
                addresses = net.addresses("wg0", 4)
        Path("/run/wireguard").mkdir()
        tun.close()
        return f"{os.getuid()} {os.getgid()} {addresses} {sorted(os.listdir('/run'))}"

    with tun_device_mode(0o666):
        assert in_a_child(attempt, uid=NOBODY) == "0 0 ['10.0.0.1'] ['wireguard']"
    assert in_a_child(lambda: os.getuid()) == "0"


@pytest.mark.interop
@needs_root
def test_the_world_outside_does_not_change_for_it() -> None:
    def attempt() -> str:
        become_private_root()
        try:
            Path("/etc/glasstunnel-was-here").touch()
        except PermissionError:
            return "refused"
        return "written"

    before = sorted(os.listdir("/run"))
    assert in_a_child(attempt, uid=NOBODY) == "refused"
    assert sorted(os.listdir("/run")) == before


def test_a_system_that_allows_no_namespaces_is_explained_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_flags: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("glasstunnel.host.libc.unshare", refuse)
    with pytest.raises(
        HostError, match=r"^this system does not give an ordinary user namespaces .*: run as root$"
    ):
        become_private_root()
