"""The life of a TUN's link is told in the order in which it happens, wherever the link goes."""

import errno
import logging
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from glasstunnel.host import libc
from glasstunnel.host.clock import Timer, now
from glasstunnel.host.link import Link, LinkState
from glasstunnel.host.loop import Loop
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.tun import Tun

pytestmark = pytest.mark.interop
PATIENCE = 10.0  # seconds: a safety net


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


class Life:
    """A TUN, and what its link was heard to do."""

    def __init__(self, loop: Loop, interface: str) -> None:
        self.loop, self.tun = loop, Tun(interface)
        self.states: list[LinkState] = []
        self.deletions = 0
        self.link = Link(self.tun, loop, self.states.append, self._deleted)

    def _deleted(self) -> None:
        self.deletions += 1

    def close(self) -> None:
        self.link.close()
        self.tun.close()

    def serve_until(self, condition: Callable[[], object]) -> None:
        """Run the loop, asking after every wakeup."""
        deadline = now() + PATIENCE
        timer = Timer(self.loop, self.loop.stop)
        while not condition():
            assert now() < deadline, f"waited in vain; the states were {self.states}"
            timer.arm(now() + 0.002)
            self.loop.run()
        timer.close()

    def move(self, there: Namespace) -> None:
        """From the namespace of the calling thread."""
        ip("link", "set", self.tun.current_name(), "netns", f"/proc/{os.getpid()}/fd/{there.fd}")


@pytest.fixture
def life(namespace: Namespace, loop: Loop, interface: str) -> Iterator[Life]:
    with closing(Life(loop, interface)) as life:
        life.serve_until(lambda: life.states)
        assert life.states == [LinkState(False, 1500)]
        life.states.clear()
        yield life


def test_up_down_and_mtu_are_told_once_each(life: Life, interface: str) -> None:
    ip("link", "set", interface, "up")
    ip("link", "set", interface, "mtu", "1300")
    ip("link", "set", interface, "down")
    life.serve_until(lambda: len(life.states) == 3)
    assert life.states == [LinkState(True, 1500), LinkState(True, 1300), LinkState(False, 1300)]


def test_a_link_that_was_down_for_a_moment_only_is_not_missed(life: Life, interface: str) -> None:
    ip("link", "set", interface, "up")
    ip("link", "set", interface, "down")
    ip("link", "set", interface, "up")
    life.serve_until(lambda: len(life.states) == 3)
    assert [state.up for state in life.states] == [True, False, True]


def test_a_link_that_is_up_already_is_told_so_at_the_beginning(
    namespace: Namespace, loop: Loop, interface: str
) -> None:
    with closing(Tun(interface)) as tun:
        ip("link", "set", interface, "up", "mtu", "1280")
        states: list[LinkState] = []
        with closing(Link(tun, loop, states.append, loop.stop)) as link:
            while not states:
                link.read()
        assert states == [LinkState(True, 1280)]


def test_other_links_and_other_changes_are_nobodys_business(life: Life, interface: str) -> None:
    ip("tuntap", "add", f"{interface}x"[-15:], "mode", "tun")
    ip("link", "set", f"{interface}x"[-15:], "up", "mtu", "1234")
    ip("link", "delete", f"{interface}x"[-15:])
    ip("link", "set", interface, "txqueuelen", "77")
    ip("link", "set", interface, "up")
    life.serve_until(lambda: life.states)
    assert life.states == [LinkState(True, 1500)]
    assert life.deletions == 0


def test_a_link_with_a_new_name_is_still_the_link(life: Life, interface: str) -> None:
    ip("link", "set", interface, "name", f"{interface}r"[-15:])
    ip("link", "set", f"{interface}r"[-15:], "up")
    life.serve_until(lambda: life.states)
    assert life.tun.current_name() == f"{interface}r"[-15:]


def test_a_deleted_link_is_told_once(life: Life, interface: str) -> None:
    ip("link", "set", interface, "up")
    ip("link", "delete", interface)
    life.serve_until(lambda: life.deletions)
    life.link.read()
    assert life.deletions == 1


def test_a_link_that_was_deleted_before_is_told_at_once(
    namespace: Namespace, loop: Loop, interface: str
) -> None:
    with closing(Tun(interface)) as tun:
        ip("link", "delete", interface)
        gone: list[bool] = []
        Link(tun, loop, lambda _state: None, lambda: gone.append(True)).close()
        assert gone == [True]


def test_a_link_is_followed_from_namespace_to_namespace_and_back(
    life: Life, interface: str, namespace: Namespace
) -> None:
    """The kernel takes it down on the way, and says in the namespace it leaves that it was deleted."""
    with closing(Namespace()) as second, closing(Namespace()) as third:
        ip("link", "set", interface, "up")
        here = namespace
        for mtu, there in ((1301, second), (1302, third), (1303, second), (1304, namespace)):
            with here:
                life.move(there)
            with there:
                ip("link", "set", interface, "up", "mtu", str(mtu))
                life.serve_until(lambda mtu=mtu: LinkState(True, mtu) in life.states)  # type: ignore[misc]
            here = there
        assert life.deletions == 0
        ip("link", "delete", interface)
        life.serve_until(lambda: life.deletions)


def test_a_link_that_moved_and_was_deleted_before_we_looked_is_deleted(life: Life, interface: str) -> None:
    with closing(Namespace()) as there:
        life.move(there)
        with there:
            ip("link", "delete", interface)
        life.serve_until(lambda: life.deletions)


def test_a_link_that_moved_before_our_question_came_is_found(life: Life, interface: str) -> None:
    """The socket is made where the TUN was; the answer is that there is no such link."""
    with closing(Namespace()) as there:
        life.link._follow()
        life.move(there)
        with there:
            ip("link", "set", interface, "up")
        life.serve_until(lambda: life.states)
        assert life.states[-1] == LinkState(True, 1500)


def test_news_that_did_not_fit_are_replaced_by_the_truth(life: Life, interface: str) -> None:
    """ENOBUFS: the socket's buffer was full, and some message was lost (netlink(7))."""
    assert life.link._socket
    life.link._socket.setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, 1
    )  # the least there is: a message or two
    for _ in range(10):
        ip("link", "set", interface, "up")
        ip("link", "set", interface, "down")
    ip("link", "set", interface, "mtu", "1333", "up")
    life.serve_until(lambda: life.states and life.states[-1] == LinkState(True, 1333))


def test_without_the_rights_to_follow_it_the_link_is_not_heard_of_any_more(
    life: Life, interface: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As without CAP_SYS_ADMIN, where setns(2) is refused. Its end is heard of all the same, by the TUN."""
    ip("link", "set", interface, "up")
    life.serve_until(lambda: life.states)
    with closing(Namespace()) as there:
        life.move(there)
        with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
            patch.setattr(libc, "setns", _refused)
            life.serve_until(lambda: caplog.records)
        with there:
            ip("link", "set", interface, "up")
        life.link.read()
        assert life.states == [LinkState(True, 1500), LinkState(False, 1500)]
    assert [record.message for record in caplog.records] == [
        f"the link of {interface} cannot be followed: Operation not permitted"
    ]


def _refused(_fd: int, _nstype: int) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
