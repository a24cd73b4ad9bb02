"""The life of a TUN's link is told in the order in which it happens, wherever the link goes."""

import errno
import logging
import os
import select
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from glasstunnel.host.clock import Timer, now
from glasstunnel.host.link import Link, LinkState
from glasstunnel.host.loop import Loop
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.routes import Routes
from glasstunnel.host.rtnetlink import HOME
from glasstunnel.host.tun import Tun

pytestmark = pytest.mark.interop
PATIENCE = 10.0  # seconds: a safety net


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def read_all(fd: int) -> None:
    while select.select([fd], [], [], PATIENCE)[0]:
        os.read(fd, 1)


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
                life.serve_until(lambda mtu=mtu: LinkState(True, mtu) in life.states)  # type: ignore[misc]  # a lambda has no types
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


def test_a_link_that_moved_before_our_question_came_is_found(
    life: Life, interface: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is for where the TUN was; the answer is that there is no such link."""
    ask, moves = life.link._ask, iter((True,))
    with closing(Namespace()) as there:

        def late() -> None:
            if next(moves, False):
                life.move(there)
            ask()

        monkeypatch.setattr(life.link, "_ask", late)
        life.link._follow()
        with there:
            ip("link", "set", interface, "up")
        life.serve_until(lambda: life.states)
        assert life.states[-1] == LinkState(True, 1500)


def test_news_that_did_not_fit_are_replaced_by_the_truth(life: Life, interface: str) -> None:
    """ENOBUFS: the socket's buffer was full, and some message was lost (netlink(7))."""
    life.link._news.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the least: a message or two
    for _ in range(10):
        ip("link", "set", interface, "up")
        ip("link", "set", interface, "down")
    ip("link", "set", interface, "mtu", "1333", "up")
    life.serve_until(lambda: life.states and life.states[-1] == LinkState(True, 1333))


def test_its_namespace_ends_although_the_link_is_followed(life: Life, interface: str) -> None:
    """A socket of ours in it would keep it, and the TUN, alive. Its end is told by the TUN itself."""
    second, third = Namespace(), Namespace()
    with closing(second), closing(third):
        life.move(second)
        life.serve_until(lambda: life.link._place[1] != HOME)
        with second:
            life.move(third)
        with third:
            ip("link", "set", interface, "up")
        life.serve_until(lambda: life.states and life.states[-1].up)
    with pytest.raises(OSError, match=os.strerror(errno.EBADFD)):
        read_all(life.tun.fd)


def test_the_routes_of_a_followed_tun_are_heard_of_wherever_it_goes(life: Life, interface: str) -> None:
    with (
        closing(Namespace()) as second,
        closing(Namespace()) as third,
        closing(Routes(place=life.tun.namespace)) as routes,
    ):
        life.move(second)
        life.serve_until(lambda: life.link._place[1] != HOME)
        number = life.link._place[1]
        with second:
            life.move(third)
        life.serve_until(lambda: life.link._place[1] not in (HOME, number))
        with third:
            ip("link", "set", interface, "up")
            ip("route", "add", "10.0.0.0/8", "dev", interface, "mtu", "1299")
        routes.changed()
        assert routes.mtu(bytes((10, 0, 0, 1)), 1420) == 1299
        with third:
            ip("route", "change", "10.0.0.0/8", "dev", interface, "mtu", "1298")
        assert select.select([routes.fd], [], [], 0)[0]


def test_a_link_whose_namespace_nobody_tells_is_not_heard_of_any_more(
    life: Life, interface: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As without CAP_NET_ADMIN there. Its end is heard of all the same, by the TUN."""
    ip("link", "set", interface, "up")
    life.serve_until(lambda: life.states)
    with closing(Namespace()) as there:
        life.move(there)
        monkeypatch.setattr(life.tun, "namespace_fd", lambda: -1)
        with caplog.at_level(logging.WARNING):
            life.serve_until(lambda: caplog.records)
        with there:
            ip("link", "set", interface, "up")
        life.link.read()
        assert life.states == [LinkState(True, 1500), LinkState(False, 1500)]
    assert [record.message for record in caplog.records] == [
        f"the link of {interface} cannot be followed: No such device"
    ]
