"""The sample's client: what it does on the wire, and each of its faults."""

from typing import NamedTuple

import pytest

from glasstunnel.toyvpn.events import Send
from glasstunnel.toyvpn.sample import Deliver, Output, Says
from glasstunnel.toyvpn.sample_client import SampleClient, State


class Path(NamedTuple):
    remote: tuple[str, int]


SERVER = Path(("198.51.100.1", 8000))
REPLY = b"\0m,1400 a,10.0.0.2,32".ljust(1024)
PACKET = b"\x45 a packet"
CRASH = Says("FATAL EXCEPTION: IllegalStateException: Timed out")


class Phone:
    """The program and its clock."""

    def __init__(self, secret: bytes = b"test") -> None:
        self.program = SampleClient(secret, SERVER)
        self.done: list[tuple[float, Output]] = [(0, output) for output in self.program.start(0)]

    def run(self, end: float) -> list[tuple[float, Output]]:
        """What it does until then."""
        done: list[tuple[float, Output]] = []
        while self.program.deadline <= end:
            now = self.program.deadline
            done += [(now, output) for output in self.program.tick(now)]
        self.done += done
        return done


@pytest.fixture
def phone() -> Phone:
    return Phone()


@pytest.fixture
def connected(phone: Phone) -> Phone:
    """Since 0.1 s."""
    phone.program.datagram(REPLY)
    assert phone.run(0.1) == [(0.1, Says("New interface"))]
    return phone


def test_asleep_it_does_nothing(phone: Phone) -> None:
    assert phone.program.tick(0.09) == []


def test_it_says_the_handshake_three_times_and_looks_50_times(phone: Phone) -> None:
    assert phone.done == [(0, Send(b"\0test", SERVER))] * 3
    assert phone.run(60) == [(5.0, Says("Connection failed, exiting: IOException: Timed out"))]
    assert phone.program.state is State.STOPPED, "and does not try again"


def test_refused_it_tries_ten_times_three_seconds_apart(phone: Phone) -> None:
    program = phone.program
    while program.state is not State.STOPPED:
        program.unreachable()
        phone.run(program.deadline)
    assert program.channels == 10
    assert phone.done[-1] == (31.0, Says("Giving up"))


def test_each_attempt_has_a_socket_of_its_own(phone: Phone) -> None:
    phone.program.unreachable()
    phone.run(0.1)
    phone.program.datagram(REPLY)
    phone.run(3.2)
    assert phone.program.channels == 2
    assert phone.program.state is State.HANDSHAKE, "the reply to the old socket is lost"


def test_a_secret_beyond_the_buffer_crashes_the_app() -> None:
    assert Phone(b"s" * 1023).program.state is State.HANDSHAKE
    phone = Phone(b"s" * 1024)
    assert phone.done == [(0, Says("FATAL EXCEPTION: BufferOverflowException"))]
    assert phone.program.state is State.CRASHED


def test_data_before_the_reply_makes_the_handshake_fail(phone: Phone) -> None:
    phone.program.datagram(PACKET)
    phone.program.datagram(REPLY)
    assert phone.run(60) == [(5.0, Says("Connection failed, exiting: IOException: Timed out"))]


def test_a_keepalive_before_the_reply_crashes_the_app(phone: Phone) -> None:
    phone.program.datagram(b"\0")
    assert phone.run(60) == [
        (0.1, Says("FATAL EXCEPTION: StringIndexOutOfBoundsException: index=0 length=0"))
    ]


def test_an_empty_datagram_before_the_reply_does_nothing(phone: Phone) -> None:
    phone.program.datagram(b"")
    phone.program.datagram(REPLY)
    assert phone.run(1) == [(0.2, Says("New interface"))]


def test_a_doubled_space_in_the_reply_crashes_the_app(phone: Phone) -> None:
    phone.program.datagram(b"\0a,10.0.0.2,32  m,1400")
    phone.run(1)
    assert phone.program.state is State.CRASHED


def test_a_bad_number_in_the_reply_ends_the_thread(phone: Phone) -> None:
    phone.program.datagram(b"\0a,10.0.0.2,32 m,40000")
    assert phone.run(1) == [
        (0.1, Says("Connection failed, exiting: IllegalArgumentException: Bad parameter: m,40000"))
    ]
    assert phone.program.state is State.STOPPED


def test_the_two_times_are_swapped(connected: Phone) -> None:
    program = connected.program
    program.packet(PACKET)
    connected.run(1)
    assert (program.last_receive_time, program.last_send_time) == (0.2, 0.1), "it has sent"
    program.datagram(PACKET)
    connected.run(2)
    assert (program.last_receive_time, program.last_send_time) == (0.2, 1.1), "it has received"
    assert (program.sent, program.received) == (0.2, 1.1)


def test_an_idle_client_says_a_keepalive_after_15_s_and_crashes_after_20_though_keepalives_arrive(
    connected: Phone,
) -> None:
    for second in range(1, 15):
        connected.program.datagram(b"\0")
        assert connected.run(second + 0.1) == []
    assert connected.run(60) == [(20.1, CRASH)]
    assert connected.program.state is State.CRASHED


def test_left_alone_it_says_three_keepalives_first(connected: Phone) -> None:
    assert connected.run(60) == [(15.1, Send(b"\0", SERVER))] * 3 + [(20.1, CRASH)]


def test_a_download_dies_at_its_first_rest_after_20_s(connected: Phone) -> None:
    delivered = 0
    while connected.program.state is State.SESSION:
        connected.program.datagram(PACKET)
        delivered += sum(
            isinstance(output, Deliver) for _, output in connected.run(connected.program.deadline)
        )
    assert (connected.done[-1], delivered) == ((20.1, CRASH), 199)


def test_an_upload_never_hears_that_its_server_is_gone(connected: Phone) -> None:
    for second in range(1, 600):
        connected.program.packet(PACKET)
        connected.run(second)
    assert connected.program.state is State.SESSION
    assert connected.program.received == 0.1


def test_what_begins_with_zero_is_not_delivered_and_empty_is_as_if_nothing_came(connected: Phone) -> None:
    for datagram in (b"\0", b"\0anything", b"", PACKET):
        connected.program.datagram(datagram)
    assert connected.run(1) == [(0.3, Deliver(PACKET))], "the empty one costs a sleep"


def test_a_packet_waits_for_the_end_of_a_sleep_of_100_ms(connected: Phone) -> None:
    connected.program.packet(PACKET)
    connected.program.datagram(PACKET)
    assert connected.run(1) == [(0.2, Send(PACKET, SERVER)), (0.2, Deliver(PACKET))]


@pytest.mark.parametrize("at", [1.0, 15.05])
def test_an_icmp_refusal_in_a_session_is_the_one_thing_after_which_it_connects_again(
    connected: Phone, at: float
) -> None:
    connected.run(at)
    connected.program.unreachable()
    refused, *handshake = connected.run(at + 3.5)
    assert refused[1] == Says("Cannot use socket: PortUnreachableException")
    assert [output for _, output in handshake] == [Send(b"\0test", SERVER)] * 3
    assert handshake[0][0] == pytest.approx(refused[0] + 3)


def test_packets_wait_only_while_there_is_an_interface(phone: Phone) -> None:
    phone.program.packet(PACKET)
    phone.program.datagram(REPLY)
    assert phone.run(1) == [(0.1, Says("New interface"))]
    for _ in range(600):
        phone.program.packet(PACKET)
    assert len(phone.run(2)) == 500


def test_what_arrives_between_attempts_is_lost(connected: Phone) -> None:
    connected.program.unreachable()
    connected.run(0.2)
    connected.program.datagram(PACKET)
    connected.program.unreachable()
    connected.run(3.3)
    assert connected.program.state is State.HANDSHAKE
