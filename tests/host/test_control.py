"""The control socket: it answers from within the loop, and no client can hold up the tunnel."""

import errno
import os
import socket
import stat
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from glasstunnel.host import control
from glasstunnel.host.clock import Timer, now
from glasstunnel.host.control import ControlSocket
from glasstunnel.host.errors import HostError
from glasstunnel.host.loop import Loop
from tests.host.fakes import NOBODY, in_a_child

PATIENCE = 10.0  # seconds: a safety net


def answer(request: str) -> Iterator[str] | None:
    if request == "get=1":
        return iter(("listen_port=51820\n", "", "errno=0\n\n"))
    if request.startswith("big="):
        return iter(("x" * int(request[4:]), "\n\n"))
    return None


class Served:
    """A control socket whose loop runs in a thread."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.loop = Loop()
        self.control = ControlSocket("wg0", self.loop, answer, directory)
        self.thread = threading.Thread(target=self.loop.run, daemon=True)
        self.thread.start()

    def client(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(PATIENCE)
        client.connect(str(self.control.path))
        return client

    def loop_has_turned(self) -> None:
        """Wait until all that was ready before this call has been served."""
        with self.client() as client:
            client.sendall(b"hello\n\n")
            assert client.recv(1) == b""

    def close(self) -> None:
        self.loop.stop()
        self.thread.join(PATIENCE)
        self.control.close()
        self.loop.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def receive(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (chunk := client.recv(1 << 16)):
        data += chunk
    return data


def test_a_request_is_answered(served: Served) -> None:
    assert control.ask("wg0", directory=served.directory) == "listen_port=51820\nerrno=0\n\n"


def test_a_client_may_ask_again_and_in_pieces(served: Served) -> None:
    reply = b"listen_port=51820\nerrno=0\n\n"
    with served.client() as client:
        for piece in (b"get", b"=1\n", b"\nget=1\n\nget"):
            client.sendall(piece)
        assert receive(client, 2 * len(reply)) == 2 * reply
        client.sendall(b"=1\n\n")
        assert receive(client, len(reply)) == reply


def test_who_says_nothing_or_nonsense_is_hung_up_on_and_others_are_answered(served: Served) -> None:
    with served.client() as silent, served.client() as foolish:
        foolish.sendall(b"hello\n\n")
        assert foolish.recv(100) == b""
        silent.sendall(b"get=")
        assert control.ask("wg0", directory=served.directory).startswith("listen_port")


def test_a_request_without_an_end_is_not_kept_for_ever(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_LONGEST_REQUEST", 1_000_000)

    def talk(client: socket.socket) -> None:
        while True:
            client.sendall(b"x" * 4096)

    with served.client() as client, pytest.raises(ConnectionError):
        talk(client)


def test_a_request_of_megabytes_is_taken_in(served: Served) -> None:
    with served.client() as client:
        client.sendall(b"get=1" + b"\nx" * 3_000_000 + b"\n\nget=1\n\n")
        assert receive(client, 100) == b"", "the answer to the first was to hang up"


def test_a_request_that_is_cut_short_is_not_carried_out(served: Served) -> None:
    with served.client() as client:
        client.sendall(b"get=1\n")
        client.shutdown(socket.SHUT_WR)
        assert receive(client, 1) == b""


class Slow:
    """Answers each request in four steps, and writes down when."""

    def __init__(self, loop: Loop, directory: Path) -> None:
        self.loop, self.order, self.done = loop, list[str](), 0
        self.packets = os.eventfd(1)  # something that is always there to be read
        loop.watch(self.packets, lambda: self.order.append("packet"))
        self.control = ControlSocket("wg0", loop, self.answer, directory)

    def answer(self, request: str) -> Iterator[str]:
        for step in range(3):
            self.order.append(f"{request} {step}")
            yield ""
        self.done += 1
        if self.done == 2:
            self.loop.stop()
        yield f"{request} done\n\n"

    def client(self, request: bytes) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(PATIENCE)
        client.connect(str(self.control.path))
        client.sendall(request)
        return client

    @property
    def steps(self) -> list[str]:
        return [what for what in self.order if what != "packet"]

    def close(self) -> None:
        self.control.close()
        self.loop.unwatch(self.packets)
        os.close(self.packets)


@pytest.fixture
def slow(loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    monkeypatch.setattr(control, "_SLICE", 0.0)
    slow = Slow(loop, tmp_path)
    yield slow
    slow.close()


def test_requests_are_carried_out_one_after_the_other_and_packets_pass_between_the_steps(slow: Slow) -> None:
    with slow.client(b"a\n\n"), slow.client(b"b\n\n"):
        slow.loop.run()
    steps = [f"{request} {step}" for request in "ab" for step in range(3)]
    assert slow.steps == steps
    for step, after in pairwise(steps):
        assert "packet" in slow.order[slow.order.index(step) : slow.order.index(after)]


def test_what_has_begun_is_carried_to_its_end_though_the_client_has_gone(slow: Slow) -> None:
    with slow.client(b"a\n\n") as gone:

        def first_step_done() -> None:
            slow.order.append("packet")
            if "a 0" in slow.order:
                gone.close()
                slow.loop.unwatch(slow.packets)

        slow.loop.watch(slow.packets, first_step_done)
        with slow.client(b"b\n\n"):
            slow.loop.run()
    assert slow.steps == [f"{request} {step}" for request in "ab" for step in range(3)]


def test_a_request_whose_client_has_gone_before_its_turn_is_left(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_MOST_CLIENTS", 2)
    clients: list[socket.socket] = []

    def crowd() -> None:
        if "a 0" in slow.order and len(clients) == 2:
            slow.loop.unwatch(slow.packets)
            clients.append(slow.client(b"c\n\n"))  # for whom the oldest, whose request is done, gives way
            clients.append(slow.client(b"d\n\n"))  # and for whom b does, who still waits

    slow.loop.watch(slow.packets, crowd)
    clients += [slow.client(b"a\n\n"), slow.client(b"b\n\n")]
    slow.loop.run()
    assert [step for step in slow.steps if step.startswith("b")] == []
    for client in clients:
        client.close()


def test_a_large_reply_waits_for_a_slow_reader_and_others_are_answered(served: Served) -> None:
    size = 5_000_000
    with served.client() as slow:
        slow.sendall(b"big=%d\n\nget=1\n\n" % size)
        for _ in range(3):
            assert control.ask("wg0", directory=served.directory).startswith("listen_port")
        reply = b"\n\nlisten_port=51820\nerrno=0\n\n"
        data = receive(slow, size + len(reply))
        assert len(data) == size + len(reply)
        assert data.endswith(b"x" + reply)


def test_a_client_that_has_said_all_still_gets_its_reply(served: Served) -> None:
    size = 3_000_000
    with served.client() as client:
        client.sendall(b"big=%d\n\n" % size)
        client.shutdown(socket.SHUT_WR)
        assert len(receive(client, size + 2)) == size + 2
        assert client.recv(1) == b""


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(served: Served) -> None:
    with served.client() as client:
        client.sendall(b"big=5000000\n\n")
        client.recv(1000)
    assert control.ask("wg0", directory=served.directory).startswith("listen_port")
    served.loop.stop()
    served.thread.join(PATIENCE)
    assert all(one._connection.fileno() >= 0 for one in served.control._clients)
    assert len(served.control._clients) <= 1


def test_more_clients_than_can_be_served_are_hung_up_on(served: Served) -> None:
    clients = [served.client() for _ in range(80)]
    for client in clients[:16]:
        assert client.recv(1) == b"", "the oldest give way"
    for client in clients[16:]:
        client.sendall(b"get=1\n\n")
        assert client.recv(100).startswith(b"listen_port")
    for client in clients:
        client.close()
    served.loop_has_turned()
    assert control.ask("wg0", directory=served.directory).startswith("listen_port")


def test_without_a_file_descriptor_left_the_oldest_client_gives_way(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served.client() as oldest:
        oldest.sendall(b"get=1\n\n")
        assert oldest.recv(100).startswith(b"listen_port")
        real, refusals = served.control._listener, [OSError(errno.EMFILE, "Too many open files")]

        class Listener:
            def accept(self) -> tuple[socket.socket, object]:
                if refusals:
                    raise refusals.pop()
                return real.accept()

        monkeypatch.setattr(served.control, "_listener", Listener())
        assert control.ask("wg0", directory=served.directory).startswith("listen_port")
        assert oldest.recv(1) == b""
        monkeypatch.setattr(served.control, "_listener", real)


def test_only_its_owner_can_connect(served: Served) -> None:
    assert stat.S_IMODE(served.control.path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="drops the rights of root")
def test_without_rights_one_sentence_says_so(served: Served) -> None:
    for directory in (served.directory, *served.directory.parents):
        if directory.owner() == "root" and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o011)
    said = in_a_child(lambda: control.ask("wg0", directory=served.directory), uid=NOBODY)
    assert said == "HostError: cannot ask the interface wg0: Permission denied; run as root"


def test_its_process_is_known_from_the_kernel(served: Served) -> None:
    assert control.owner("wg0", served.directory) == os.getpid()
    assert in_a_child(lambda: control.owner("wg0", served.directory)) == str(os.getpid())
    assert control.owner("wg1", served.directory) == 0


def test_a_socket_that_nobody_serves_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "wg0.sock"))
    assert not control.is_served("wg0", tmp_path)
    assert control.interfaces(tmp_path) == []
    served = Served(tmp_path)
    assert control.interfaces(tmp_path) == ["wg0"]
    served.close()


def test_a_socket_that_somebody_serves_is_left_alone(served: Served) -> None:
    with pytest.raises(HostError, match=r"^the control socket .*/wg0\.sock is served by another program$"):
        ControlSocket("wg0", served.loop, answer, served.directory)
    assert control.is_served("wg0", served.directory)


def test_closing_takes_the_socket_away_and_hangs_up(tmp_path: Path) -> None:
    served = Served(tmp_path)
    with served.client() as client:
        client.sendall(b"get=1\n\n")
        client.recv(100)
        served.close()
        assert client.recv(100) == b""
    assert list(tmp_path.iterdir()) == []


def test_a_socket_that_listens_already_is_served(tmp_path: Path, loop: Loop) -> None:
    """It may be anywhere, and goes at the end as our own would."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "elsewhere"))
    listener.listen()
    adopted = control.adopt(listener.detach())
    assert not adopted.get_inheritable()
    served = ControlSocket("wg0", loop, answer, tmp_path / "not here", listener=adopted)
    assert served.path == tmp_path / "elsewhere"
    served.close()
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_listen_at_a_file_is_refused_in_one_sentence_and_left_open() -> None:
    with (
        socket.socket(socket.AF_UNIX) as deaf,
        socket.socket(socket.AF_INET) as other,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        other.listen()
        abstract.bind(f"\0glasstunnel {os.getpid()}")
        abstract.listen()
        for one in (deaf, other, abstract):
            with pytest.raises(HostError, match=rf"^the file descriptor {one.fileno()} is no control"):
                control.adopt(one.fileno())
            os.fstat(one.fileno())


def test_only_the_removal_of_the_socket_file_is_its_removal(tmp_path: Path, loop: Loop) -> None:
    """Other rights, another time: the kernel tells of these by the same event."""
    removed: list[bool] = []

    def ended() -> None:
        removed.append(True)
        loop.stop()

    served = ControlSocket("wg0", loop, answer, tmp_path)
    served.on_removal(ended)
    served.path.chmod(0o660)
    os.utime(served.path)
    ControlSocket("wg1", loop, answer, tmp_path).close()
    timer = Timer(loop, loop.stop)
    timer.arm(now())
    loop.run()
    timer.close()
    assert removed == []
    served.path.unlink()
    loop.run()
    assert removed == [True]
    served.close()


def test_an_interface_that_nobody_serves_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"^there is no WireGuard interface wg0$"):
        control.ask("wg0", directory=tmp_path)


def test_who_asks_is_told_when_no_answer_comes(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "wg0.sock"))
        silent.listen()
        with pytest.raises(HostError, match=r"^no answer from the control socket of wg0: timed out$"):
            control.ask("wg0", directory=tmp_path, timeout=0.02)


def test_who_asks_is_told_when_it_is_hung_up_on(served: Served) -> None:
    with pytest.raises(HostError, match=r"^the control socket of wg0 hung up instead of answering$"):
        control.ask("wg0", "nonsense", directory=served.directory)
