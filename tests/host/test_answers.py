"""What the control socket says about a tunnel and does to it: ports and marks are real ones."""

import errno
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from glasstunnel.host.answers import answer
from glasstunnel.host.loop import Loop
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.tun import Tun
from glasstunnel.host.tunnel import Tunnel
from glasstunnel.host.udp import Udp
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Drop, Path
from tests.host.fakes import NOBODY, FakeTun, in_a_child, ip_packet
from tests.wireguard import paper

SO_MARK = 36
KEY = paper.pub(b"\1" * 32).hex()


@pytest.fixture
def tunnel(loop: Loop) -> Iterator[Tunnel[Device]]:
    with closing(Tunnel(Device(b"\x40" * 32), FakeTun(), Udp(), loop)) as tunnel:
        yield tunnel


def reply(tunnel: Tunnel[Device], *lines: str) -> str:
    steps = answer(tunnel, "\n".join(lines))
    assert steps is not None
    return "".join(steps)


def marks(tunnel: Tunnel[Device]) -> list[int]:
    return [one.socket.getsockopt(socket.SOL_SOCKET, SO_MARK) for one in tunnel.udp.sockets]


def initiations_from(tunnel: Tunnel[Device], loop: Loop) -> int:
    """The port from which the tunnel speaks to a peer that a ``set`` has told it of."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(10)
        number = peer.getsockname()[1]
        tunnel.up()
        lines = (f"public_key={KEY}", f"endpoint=127.0.0.1:{number}", "persistent_keepalive_interval=9")
        assert reply(tunnel, "set=1", *lines) == "errno=0\n\n"
        data, (_, port) = peer.recvfrom(2000)
        assert len(data) == 148
    return int(port)


@pytest.mark.parametrize("is_up", [True, False])
@pytest.mark.parametrize(
    ("scope", "number"), [("lo", "1"), ("1", "1"), ("99999", "99999"), ("nosuch7", "0"), ("9" * 5000, "0")]
)
def test_get_tells_the_scope_of_an_endpoint_as_a_number(
    tunnel: Tunnel[Device], is_up: bool, scope: str, number: str
) -> None:
    """As the kernel does in netlink. wg 1.0.20210914 crashes on a name that is none where it runs."""
    if not is_up:
        tunnel.down()
    assert reply(tunnel, "set=1", f"public_key={KEY}", f"endpoint=[fe80::1%{scope}]:7") == "errno=0\n\n"
    assert f"\nendpoint=[fe80::1%{number}]:7\n" in reply(tunnel, "get=1")


def test_get_tells_the_device(tunnel: Tunnel[Device]) -> None:
    lines = reply(tunnel, "get=1").splitlines()
    assert lines == [f"private_key={'40' * 32}", f"listen_port={tunnel.udp.port}", "errno=0", ""]


def test_what_is_no_request_has_no_answer(tunnel: Tunnel[Device]) -> None:
    for request in ("", "hello", "get=2", "set=2\nlisten_port=1", "get", "GET=1"):
        assert answer(tunnel, request) is None


def test_drops_tells_the_devices_counters_and_then_those_of_each_peer_that_has_any(
    tunnel: Tunnel[Device],
) -> None:
    assert reply(tunnel, "drops=1") == "errno=0\n\n"
    assert reply(tunnel, "set=1", f"public_key={KEY}") == "errno=0\n\n"
    tunnel.device.drops[Drop.WRONG_MAC1] = 2
    assert reply(tunnel, "drops=1") == "wrong_mac1=2\nerrno=0\n\n"
    tunnel.device.peers[bytes.fromhex(KEY)].drops[Drop.OLD_TIMESTAMP] = 3
    assert reply(tunnel, "drops=1") == f"wrong_mac1=2\npublic_key={KEY}\nold_timestamp=3\nerrno=0\n\n"


def test_drops_takes_no_further_lines(tunnel: Tunnel[Device]) -> None:
    assert answer(tunnel, "drops=1\nset=1") is None


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ((), errno.EINVAL),
        (("public_key=xy",), errno.EINVAL),
        ((f"public_key={'00' * 32}",), errno.EINVAL),
        ((f"private_key={KEY}",), errno.EINVAL),
        ((f"public_key={KEY}",), errno.ENETDOWN),
    ],
)
def test_a_try_that_cannot_be_is_answered_with_its_number(
    tunnel: Tunnel[Device], lines: tuple[str, ...], number: int
) -> None:
    assert reply(tunnel, "set=1", f"public_key={KEY}") == "errno=0\n\n"
    assert reply(tunnel, "try=1", *lines) == f"errno=-{number}\n\n"


def test_a_try_makes_the_device_begin_and_a_second_within_five_seconds_does_not(
    tunnel: Tunnel[Device], loop: Loop
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(10)
        tunnel.up()
        endpoint = f"endpoint=127.0.0.1:{peer.getsockname()[1]}"
        assert reply(tunnel, "set=1", f"public_key={KEY}", endpoint) == "errno=0\n\n"
        assert reply(tunnel, "try=1", f"public_key={KEY}") == "errno=0\n\n"
        assert peer.recv(2000)[0] == 1
        assert tunnel.device.peers[bytes.fromhex(KEY)].tx_bytes == 148
        assert reply(tunnel, "try=1", f"public_key={KEY}") == "errno=0\n\n"
        assert tunnel.device.peers[bytes.fromhex(KEY)].tx_bytes == 148


def test_get_takes_no_further_lines(tunnel: Tunnel[Device]) -> None:
    assert reply(tunnel, "get=1", "set=1") == "errno=-22\n\n"


def test_a_set_that_is_not_understood_is_answered_with_its_number_and_logged(
    tunnel: Tunnel[Device], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert reply(tunnel, "set=1", "fwmark") == "errno=-71\n\n"
        assert reply(tunnel, "set=1", "fwmark=x") == "errno=-22\n\n"
    said = "fake: a request on the control socket is refused: "
    assert [record.getMessage() for record in caplog.records] == [
        said + "expected key=value in each line",
        said + "fwmark: expected a number from 0 to 4294967295, got 'x'",
    ]


def test_lines_are_read_whole_wherever_a_step_ends(tunnel: Tunnel[Device]) -> None:
    prefixes = [f"10.{n >> 8}.{n & 255}.0/{24 + n % 9}" for n in range(3000)]
    lines = [f"public_key={KEY}", *(f"allowed_ip={prefix}" for prefix in prefixes)]
    steps = answer(tunnel, "\n".join(["set=1", *lines]))
    assert steps is not None
    assert len(list(steps)) > 12
    told = reply(tunnel, "get=1")
    assert [line[11:] for line in told.splitlines() if line.startswith("allowed_ip=")] == prefixes


def test_a_live_tunnel_moves_to_another_port(tunnel: Tunnel[Device], loop: Loop) -> None:
    before = tunnel.udp.port
    assert reply(tunnel, "set=1", "listen_port=0") == "errno=0\n\n"
    port = tunnel.udp.port
    assert port != before
    assert f"listen_port={port}\n" in reply(tunnel, "get=1")
    assert [one.socket.getsockname()[1] for one in tunnel.udp.sockets] == [port, port]
    assert initiations_from(tunnel, loop) == port
    with closing(Udp(before)):
        assert reply(tunnel, "set=1", f"listen_port={before}") == "errno=-98\n\n"
    assert reply(tunnel, "set=1", f"listen_port={before}") == "errno=0\n\n"


def test_what_arrives_at_the_new_port_is_heard(loop: Loop) -> None:
    devices = Device(os.urandom(32)), Device(os.urandom(32))
    for mine, other in (devices, reversed(devices)):
        assert other.public_key
        mine.add_peer(other.public_key, allowed_ips=[(bytes(4), 0)])
    with (
        closing(Tunnel(devices[0], FakeTun(), Udp(), loop)) as left,
        closing(Tunnel(devices[1], FakeTun(), Udp(), loop)) as right,
    ):
        assert reply(right, "set=1", "listen_port=0") == "errno=0\n\n"
        next(iter(devices[0].peers.values())).endpoint = Path(("127.0.0.1", right.udp.port))
        assert isinstance(left.tun, FakeTun)
        assert isinstance(right.tun, FakeTun)
        packet = ip_packet("10.0.0.1", "10.0.0.2")
        left.tun.give(packet)
        kernel = right.tun.kernel
        loop.watch(kernel.fileno(), loop.stop)
        loop.run()
        loop.unwatch(kernel.fileno())
        assert right.tun.written() == [packet]


def test_a_port_in_use_leaves_everything_as_it_was(tunnel: Tunnel[Device], loop: Loop) -> None:
    before, sockets = reply(tunnel, "get=1"), list(tunnel.udp.sockets)
    with closing(Udp()) as other:
        lines = (f"private_key={'48' * 32}", f"listen_port={other.port}", f"public_key={KEY}")
        assert reply(tunnel, "set=1", *lines) == f"errno={-errno.EADDRINUSE}\n\n"
    assert reply(tunnel, "get=1") == before
    assert tunnel.udp.sockets == sockets
    assert initiations_from(tunnel, loop) == tunnel.udp.port


@pytest.mark.interop
def test_a_port_in_use_leaves_an_interface_that_did_not_come_up_as_it_was(
    namespace: Namespace, loop: Loop, interface: str
) -> None:
    """It is up for everybody but us, since its port was in use; the next one is in use too."""
    device = Device(b"\x40" * 32)
    with closing(Tunnel(device, Tun(interface), None, loop)) as tunnel, closing(Udp()) as one:
        assert reply(tunnel, "set=1", f"listen_port={one.port}", "fwmark=5") == "errno=0\n\n"
        with Netlink() as net:
            net.link_up(interface, 1420)
        tunnel.follow()
        assert tunnel._link
        tunnel._link.read()
        assert not device.is_up
        before = reply(tunnel, "get=1")
        with closing(Udp()) as other:
            lines = (f"listen_port={other.port}", "fwmark=6")
            assert reply(tunnel, "set=1", *lines) == f"errno={-errno.EADDRINUSE}\n\n"
        assert reply(tunnel, "get=1") == before
        assert reply(tunnel, "set=1", "listen_port=0") == "errno=0\n\n"
        assert device.is_up


def test_the_port_that_it_has_already_is_kept_with_its_sockets(tunnel: Tunnel[Device]) -> None:
    sockets = list(tunnel.udp.sockets)
    assert reply(tunnel, "set=1", f"listen_port={tunnel.udp.port}") == "errno=0\n\n"
    assert tunnel.udp.sockets == sockets


def test_errors_are_still_counted_after_a_move(tunnel: Tunnel[Device], loop: Loop) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(b"x", ("127.0.0.1", tunnel.udp.port))
    turns = os.eventfd(1)  # always there to be read
    loop.watch(turns, lambda: loop.stop() if tunnel.errors else None)
    loop.run()
    loop.unwatch(turns)
    os.close(turns)
    assert reply(tunnel, "set=1", "listen_port=0") == "errno=0\n\n"
    assert tunnel.errors == {"too short": 1}


@pytest.mark.interop
def test_a_mark_is_set_changed_kept_on_a_new_port_and_taken_away(
    namespace: Namespace, tunnel: Tunnel[Device]
) -> None:
    for request, mark in (
        ("fwmark=7", 7),
        ("listen_port=0", 7),
        ("fwmark=9\nlisten_port=0", 9),
        ("fwmark=0", 0),
    ):
        assert reply(tunnel, "set=1", request) == "errno=0\n\n"
        assert (marks(tunnel), tunnel.device.fwmark) == ([mark, mark], mark)
        assert (f"fwmark={mark}\n" in reply(tunnel, "get=1")) == bool(mark)


@pytest.mark.skipif(os.geteuid() != 0, reason="drops the rights of root")
def test_a_mark_that_is_not_permitted_leaves_everything_as_it_was() -> None:
    def work() -> str:
        with closing(Loop()) as loop, closing(Tunnel(Device(), FakeTun(), Udp(), loop)) as tunnel:
            before = reply(tunnel, "get=1")
            said = reply(tunnel, "set=1", "fwmark=7", f"public_key={KEY}")
            again = reply(tunnel, "set=1", "fwmark=7", "listen_port=0", f"public_key={KEY}")
            return f"{said}{again}{reply(tunnel, 'get=1') == before}"

    assert in_a_child(work, uid=NOBODY) == "errno=-1\n\nerrno=-1\n\nTrue"
