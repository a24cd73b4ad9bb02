"""Our client: it finds the server again, whatever becomes of either."""

from math import inf
from typing import NamedTuple

import pytest

from glasstunnel.ip import ipv4
from glasstunnel.ip.address import parse_address
from glasstunnel.sim.toyvpn import Rows
from glasstunnel.toyvpn.client import Client, State
from glasstunnel.toyvpn.events import Connected, Disconnected, Drop, Event, Refused, Sealed, Send
from glasstunnel.toyvpn.messages import MessageError
from glasstunnel.toyvpn.parameters import parse_reply


class Path(NamedTuple):
    remote: tuple[str, int]


SERVER, OTHER = Path(("198.51.100.1", 8000)), Path(("198.51.100.2", 8000))
TOKEN = b"\x80" + bytes(15)  # a pace of 1
HELLO = Send(b"\0test\0" + TOKEN, SERVER)
KEEPALIVE = Send(b"\0", SERVER)
REPLY = b"\0m,1400 a,10.0.0.2,32 r,0.0.0.0,0".ljust(1024)
ANOTHER = b"\0m,1400 a,10.0.0.3,32 r,0.0.0.0,0".ljust(1024)
PACKET = ipv4.Header(
    source=parse_address("203.0.113.80"), destination=parse_address("10.0.0.2"), protocol=17
).build()


class Laptop:
    """A client and its clock."""

    def __init__(self) -> None:
        self.client = Client(b"test", TOKEN, SERVER)
        self.now = 0.0

    def hear(self, data: bytes, path: Path = SERVER) -> list[Event]:
        """A datagram arrives."""
        opened = self.client.open(self.now, Rows(data), path)
        self.written = list(opened.rows)
        return opened.events

    def until(self, end: float) -> list[tuple[float, Event]]:
        """What it does by itself."""
        done: list[tuple[float, Event]] = []
        while self.client.deadline <= end:
            self.now = max(self.now, self.client.deadline)
            done += [(round(self.now, 3), event) for event in self.client.tick(self.now)]
        self.now = end
        return done

    def seal(self, data: bytes = PACKET) -> Sealed | Refused:
        return self.client.seal(self.now, Rows(data), b"")


@pytest.fixture
def laptop() -> Laptop:
    return Laptop()


@pytest.fixture
def connected(laptop: Laptop) -> Laptop:
    laptop.client.start(0)
    laptop.hear(REPLY)
    return laptop


# The handshake


def test_three_copies_a_second_apart_then_a_rest_that_doubles_up_to_half_a_minute(laptop: Laptop) -> None:
    assert laptop.client.start(0) == [HELLO]
    attempts = [at for at, event in laptop.until(200) if event == HELLO]
    assert attempts[:9] == [1, 2, 6, 7, 8, 13, 14, 15, 22]
    starts = [at for at in attempts if at - 1 not in attempts]
    assert starts[1:] == [6, 13, 22, 35, 56, 91, 126, 161, 196]


@pytest.mark.parametrize(("first", "pace"), [(0, 0.75), (128, 1.0), (255, 1.248)])
def test_clients_that_lose_their_server_together_do_not_come_back_together(first: int, pace: float) -> None:
    client = Client(b"test", bytes([first]) + bytes(15), SERVER)
    client.start(0)
    client.refused(0)
    assert client.deadline == pytest.approx(pace, abs=0.001)


def test_the_first_reply_connects_and_is_confirmed_by_a_keepalive(laptop: Laptop) -> None:
    laptop.client.start(0)
    assert laptop.hear(REPLY) == [Connected(parse_reply(REPLY), changed=True), KEEPALIVE]
    assert laptop.hear(REPLY) == laptop.hear(REPLY) == []
    assert laptop.client.state is State.CONNECTED


@pytest.mark.parametrize("noise", [b"\0", b"", PACKET, b"nonsense"])
def test_what_comes_before_the_reply_does_no_harm(laptop: Laptop, noise: bytes) -> None:
    laptop.client.start(0)
    assert laptop.hear(noise) == []
    assert laptop.written == []
    assert isinstance(laptop.hear(REPLY)[0], Connected)


def test_only_the_server_is_heard(laptop: Laptop) -> None:
    laptop.client.start(0)
    assert laptop.hear(REPLY, OTHER) == []
    assert laptop.client.drops == {Drop.UNKNOWN_SOURCE: 1}


def test_a_reply_that_cannot_be_read_is_said_and_tried_again(laptop: Laptop) -> None:
    laptop.client.start(0)
    assert laptop.hear(b"\0a,10.0.0,32") == [
        Disconnected('address: expected an IPv4 or IPv6 address, got "10.0.0"')
    ]
    assert laptop.until(1.5) == [(1, HELLO)]


def test_the_same_in_a_session_changes_nothing(connected: Laptop) -> None:
    assert connected.hear(b"\0a,10.0.0,32") == []
    assert connected.client.state is State.CONNECTED


@pytest.mark.parametrize(
    ("secret", "token", "said"),
    [
        (b"", TOKEN, "secret: expected at least one byte"),
        (b"te\0st", TOKEN, "secret: expected no NUL byte"),
        (b"test", b"", "token: expected 16 bytes, got 0"),
    ],
)
def test_what_cannot_be_sent_is_refused_at_the_start(secret: bytes, token: bytes, said: str) -> None:
    with pytest.raises(MessageError, match=said):
        Client(secret, token, SERVER)


# Data


def test_packets_go_in_both_directions(connected: Laptop) -> None:
    assert connected.seal() == Sealed(SERVER)
    assert connected.hear(PACKET) == []
    assert connected.written == [0]


@pytest.mark.parametrize("data", [PACKET + b"x", PACKET[:-1], b"E", b"nonsense", b"E" * 32768])
def test_what_is_malformed_is_ignored(connected: Laptop, data: bytes) -> None:
    assert connected.hear(data) == []
    assert connected.written == []
    assert connected.client.drops == {Drop.NOT_IP: 1}


def test_without_a_session_packets_go_nowhere(laptop: Laptop) -> None:
    assert laptop.seal() == Refused(Drop.NOT_CONNECTED)
    laptop.client.start(0)
    assert laptop.seal() == Refused(Drop.NOT_CONNECTED)


def test_a_packet_longer_than_the_samples_buffer_goes_nowhere(connected: Laptop) -> None:
    assert connected.seal(b"E" * 32768) == Refused(Drop.TOO_LONG)


# The two timers


def test_after_six_seconds_of_silence_of_ours_a_keepalive_goes_out(connected: Laptop) -> None:
    connected.now = 5
    connected.hear(PACKET)
    connected.seal()
    assert connected.until(14) == [(11, KEEPALIVE)]


def test_a_keepalive_is_answered_unless_we_have_just_spoken(connected: Laptop) -> None:
    assert connected.hear(b"\0") == []
    connected.now = 1
    assert connected.hear(b"\0") == [KEEPALIVE]
    assert connected.hear(b"\0") == [], "the server's copies get one answer"


def test_after_ten_seconds_of_silence_of_the_server_the_handshake_is_said_again(connected: Laptop) -> None:
    done = connected.until(20)
    assert done == [(6, KEEPALIVE), (10, HELLO), (13, HELLO), (16, HELLO), (19, HELLO)]
    assert connected.seal() == Sealed(SERVER), "and everything goes on"


def test_a_probe_that_is_answered_is_confirmed_and_nobody_hears_of_it(connected: Laptop) -> None:
    connected.until(10)
    assert connected.hear(REPLY) == [KEEPALIVE]


def test_an_address_that_has_changed_is_told(connected: Laptop) -> None:
    connected.until(10)
    assert connected.hear(ANOTHER) == [Connected(parse_reply(ANOTHER), changed=True), KEEPALIVE]


def test_after_45_s_the_session_is_over_and_a_new_one_asked_for(connected: Laptop) -> None:
    done = connected.until(45)
    assert done[-2:] == [(45, Disconnected("the server is silent")), (45, HELLO)]
    assert connected.hear(REPLY) == [Connected(parse_reply(REPLY), changed=False), KEEPALIVE]


def test_only_what_arrives_counts_as_heard(connected: Laptop) -> None:
    """The sample has these two the wrong way round."""
    for second in range(45):
        connected.now = second
        connected.seal()
    assert (45, Disconnected("the server is silent")) in connected.until(45)


# Refusals


def test_refused_while_asking_it_rests(laptop: Laptop) -> None:
    laptop.client.start(0)
    assert laptop.client.refused(0) == []
    assert laptop.client.refused(0) == []
    assert laptop.until(1.5) == [(1, HELLO)]


def test_refused_in_a_session_it_asks_once_and_goes_on_if_it_is_answered(connected: Laptop) -> None:
    connected.now = 3
    assert connected.client.refused(3) == [HELLO]
    assert connected.client.refused(3.1) == [], "what was under way is refused too"
    assert connected.hear(REPLY) == [KEEPALIVE]
    assert connected.client.refused(9) == [HELLO]


def test_still_refused_a_second_later_it_believes_it(connected: Laptop) -> None:
    connected.client.refused(3)
    assert connected.client.refused(4) == [Disconnected("the server refuses us")]
    connected.now = 4
    assert connected.until(5) == [(5, HELLO)]


# Its end


def test_it_says_goodbye_with_its_token_once(connected: Laptop) -> None:
    assert connected.client.stop() == [Send(b"\0\0" + TOKEN, SERVER)]
    assert connected.client.stop() == []
    assert connected.client.deadline == inf
    assert connected.client.tick(1000) == []
    assert connected.hear(REPLY) == []
    assert connected.client.refused(1000) == []
    assert connected.client.drops == {Drop.NOT_CONNECTED: 1}
