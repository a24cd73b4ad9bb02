"""The sample's server: what it does on the wire, and each of its faults."""

from typing import NamedTuple

import pytest

from glasstunnel.toyvpn.events import Send
from glasstunnel.toyvpn.parameters import ParameterError, from_arguments
from glasstunnel.toyvpn.sample import Deliver, Output, PortUnreachable, Says
from glasstunnel.toyvpn.sample_server import SampleServer, State, build_parameters

ARGUMENTS = [b"-m", b"1400", b"-a", b"10.0.0.2", b"32", b"-d", b"8.8.8.8", b"-r", b"0.0.0.0", b"0"]


class Path(NamedTuple):
    remote: tuple[str, int]


CLIENT, OTHER = Path(("192.0.2.1", 1111)), Path(("192.0.2.2", 2222))
PACKET = b"\x45 a packet"


@pytest.fixture
def server() -> SampleServer:
    return SampleServer(b"test", ARGUMENTS)


def until(server: SampleServer, end: float) -> list[tuple[float, Output]]:
    """Everything that it does by then, and when."""
    done: list[tuple[float, Output]] = []
    while server.deadline <= end:
        now = server.deadline
        done += [(now, output) for output in server.tick(now)]
    return done


def connected(server: SampleServer) -> SampleServer:
    server.datagram(0, b"\0test", CLIENT)
    assert server.state is State.SESSION
    return server


def test_the_reply_is_three_times_1024_bytes_without_a_nul_behind_the_first(server: SampleServer) -> None:
    said, *replies = server.datagram(0, b"\0test", CLIENT)
    assert said == Says("Here comes a new tunnel")
    assert len(replies) == 3
    for reply in replies:
        assert isinstance(reply, Send)
        assert reply.path == CLIENT
        assert reply.data == b"\0m,1400 a,10.0.0.2,32 d,8.8.8.8 r,0.0.0.0,0".ljust(1024)


def test_our_reply_is_the_same_but_for_the_order() -> None:
    ours = from_arguments([argument.decode() for argument in ARGUMENTS]).reply()
    theirs = build_parameters(ARGUMENTS)
    assert sorted(ours[1:].split()) == sorted(theirs[1:].split())
    assert (len(ours), ours[:1]) == (len(theirs), theirs[:1])


def test_arguments_are_joined_without_a_look_at_them() -> None:
    assert build_parameters([b"1400", b"-m", b"-", b"--", b""]).rstrip() == b"\x001400 m,- -,"


@pytest.mark.parametrize(("length", "fits"), [(1023, True), (1024, False)])
def test_parameters_beyond_the_reply_are_an_error_at_start(length: int, fits: bool) -> None:
    if fits:
        assert len(build_parameters([b"x" * length])) == 1024
    else:
        with pytest.raises(ParameterError, match="Parameters are too large"):
            build_parameters([b"x" * length])


@pytest.mark.parametrize(
    "handshake", [b"\0test", b"\0test\0", b"\0test\0and our token", b"\0test\0" + b"x" * 2000]
)
def test_the_secret_is_compared_up_to_the_first_nul(server: SampleServer, handshake: bytes) -> None:
    assert server.datagram(0, handshake, CLIENT)


@pytest.mark.parametrize(
    "datagram", [b"\0", b"\0tes", b"\0tests", b"\0Test", b"test", b"\0\0" + bytes(16), PACKET]
)
def test_anything_else_gets_silence(server: SampleServer, datagram: bytes) -> None:
    assert server.datagram(0, datagram, CLIENT) == []
    assert server.state is State.WAITING


def test_with_an_empty_secret_a_keepalive_begins_a_session() -> None:
    server = SampleServer(b"", ARGUMENTS)
    server.datagram(0, b"\0", CLIENT)
    assert server.state is State.SESSION


@pytest.mark.parametrize(("length", "overruns"), [(1023, 0), (1024, 1), (4000, 1)])
def test_1024_bytes_write_one_byte_past_the_buffer_before_any_authentication(
    server: SampleServer, length: int, overruns: int
) -> None:
    server.datagram(0, b"x" * length, OTHER)
    assert server.overruns == overruns


def test_an_empty_datagram_makes_the_waiting_server_exit(server: SampleServer) -> None:
    assert server.datagram(0, b"", OTHER) == [Says("Cannot create tunnels")]
    assert server.state is State.EXITED
    assert server.datagram(1, b"\0test", CLIENT) == [PortUnreachable(CLIENT)]


def test_an_empty_datagram_ends_the_session(server: SampleServer) -> None:
    connected(server)
    server.datagram(0.01, b"", CLIENT)
    assert until(server, 1) == [(0.1, Says("The tunnel is broken"))]
    assert server.state is State.WAITING


def test_a_second_client_is_refused_during_a_session(server: SampleServer) -> None:
    connected(server)
    assert server.datagram(1, b"\0test", OTHER) == [PortUnreachable(OTHER)]


def test_a_nat_that_changes_the_port_ends_the_session(server: SampleServer) -> None:
    connected(server)
    moved = Path((CLIENT.remote[0], 3333))
    assert server.datagram(1, PACKET, moved) == [PortUnreachable(moved)]


def test_what_begins_with_zero_is_ignored_inside_a_session(server: SampleServer) -> None:
    connected(server)
    for datagram in (b"\0", b"\0test", b"\0anything"):
        server.datagram(0.05, datagram, CLIENT)
    assert until(server, 1) == []


def test_asleep_it_does_nothing(server: SampleServer) -> None:
    connected(server).packet(PACKET)
    assert server.tick(0.09) == []


def test_a_packet_waits_for_the_end_of_a_sleep_of_100_ms(server: SampleServer) -> None:
    connected(server)
    server.datagram(0.001, PACKET, CLIENT)
    server.packet(PACKET)
    assert until(server, 1) == [(0.1, Send(PACKET, CLIENT)), (0.1, Deliver(PACKET))]


def test_datagrams_are_cut_to_the_buffer(server: SampleServer) -> None:
    connected(server)
    server.datagram(0.05, b"E" * 40000, CLIENT)
    assert until(server, 1) == [(0.1, Deliver(b"E" * 32767))]


def test_three_keepalives_16_1_s_after_the_last_sending_and_the_end_20_s_later(server: SampleServer) -> None:
    connected(server)
    done = until(server, 60)
    assert done == [(16.1, Send(b"\0", CLIENT))] * 3 + [(36.1, Says("The tunnel is broken"))]


def test_hearing_does_not_put_the_keepalive_off(server: SampleServer) -> None:
    connected(server)
    for second in range(16):
        server.datagram(second, b"\0", CLIENT)
        assert until(server, second + 1) == []
    assert until(server, 17) == [(16.1, Send(b"\0", CLIENT))] * 3


def test_what_waits_in_the_tun_goes_to_the_next_client(server: SampleServer) -> None:
    for _ in range(600):
        server.packet(PACKET)
    outputs = server.datagram(0, b"\0test", OTHER)
    assert outputs[4:] == [Send(PACKET, OTHER)] * 500
