"""Our server: who has a place keeps it as long as it answers."""

from typing import NamedTuple

import pytest

from glasstunnel.ip import echo, ipv4
from glasstunnel.ip.address import format_address, parse_address, parse_interface_address, parse_prefix
from glasstunnel.sim.toyvpn import Rows
from glasstunnel.toyvpn import server as server_module
from glasstunnel.toyvpn.events import Began, Drop, End, Ended, Event, Moved, Refuse, Refused, Sealed, Send
from glasstunnel.toyvpn.messages import MessageError, goodbye
from glasstunnel.toyvpn.parameters import ParameterError, Parameters, from_arguments
from glasstunnel.toyvpn.pool import Pool, PoolError
from glasstunnel.toyvpn.server import Server
from glasstunnel.toyvpn.session import TIMES, Session, Times


class Path(NamedTuple):
    remote: tuple[str, int]
    local: str = ""


HERE, THERE = Path(("192.0.2.1", 1111)), Path(("192.0.2.2", 2222))
SAME_HOST = Path(("192.0.2.1", 3333))
TOKEN = bytes(range(16))
HELLO = b"\0test"
ROUTED = from_arguments(["-m", "1400", "-r", "0.0.0.0", "0"])
SECOND = parse_address("10.0.0.2")


def packet(source: str = "10.0.0.2", destination: str = "10.0.0.1", text: bytes = b"hello") -> bytes:
    header = ipv4.Header(source=parse_address(source), destination=parse_address(destination), protocol=17)
    return header.build(text)


class Desk:
    """A server and what came out of it."""

    def __init__(
        self, pool: str = "10.0.0.0/24", parameters: Parameters = ROUTED, times: Times = TIMES
    ) -> None:
        self.server = Server(b"test", parameters, Pool([parse_prefix(pool)]) if pool else None, times=times)
        self.now = 0.0

    def say(self, data: bytes, path: Path = HERE) -> list[Event]:
        """A datagram arrives."""
        self.rows = Rows(data)
        opened = self.server.open(self.now, self.rows, path)
        self.written = list(opened.rows)
        return opened.events

    def until(self, end: float) -> list[tuple[float, Event]]:
        """What it does by itself."""
        done: list[tuple[float, Event]] = []
        while self.server.deadline <= end:
            self.now = max(self.now, self.server.deadline)
            done += [(round(self.now, 3), event) for event in self.server.tick(self.now)]
        self.now = end
        return done

    def connect(self, path: Path = HERE, hello: bytes = HELLO) -> Session:
        """A client whose handshake has been answered, and which has had the reply."""
        session = began(self.say(hello, path))
        self.say(packet(format_address(session.packed[0])), path)
        return session

    def pull(self, destination: bytes) -> Sealed | Refused:
        """Where a packet for this address goes."""
        return self.server.seal(self.now, Rows(packet("10.0.0.1", format_address(destination))), destination)


def began(events: list[Event]) -> Session:
    return next(event.session for event in events if isinstance(event, Began))


def sent(events: list[Event], path: Path = HERE) -> list[bytes]:
    return [event.data for event in events if isinstance(event, Send) and event.path == path]


def asked(done: list[tuple[float, Event]]) -> list[float]:
    """When echo requests went out."""
    return [at for at, event in done if isinstance(event, Send) and event.data[0]]


@pytest.fixture
def desk() -> Desk:
    return Desk()


# The handshake


def test_a_handshake_is_answered_three_times_with_an_address_of_ones_own(desk: Desk) -> None:
    for path, host in ((HERE, b"10.0.0.2"), (THERE, b"10.0.0.3")):
        began_, *replies = desk.say(HELLO, path)
        assert isinstance(began_, Began)
        reply = (b"\0m,1400 a,%s,32 r,0.0.0.0,0" % host).ljust(1024)
        assert replies == [Send(reply, path)] * 3
    assert len(desk.server.sessions) == 2


def test_the_copies_of_a_handshake_get_no_more_replies(desk: Desk) -> None:
    assert len(desk.say(HELLO)) == 4
    assert desk.say(HELLO) == desk.say(HELLO) == []


def test_the_reply_is_repeated_every_second_until_the_client_speaks_but_for_five_seconds(
    desk: Desk,
) -> None:
    desk.say(HELLO)
    assert [at for at, _ in desk.until(5.5)] == [1, 2, 3, 4]
    other = Desk()
    other.say(HELLO)
    assert len(other.until(2.5)) == 2
    other.say(b"\0")
    assert other.until(5.5) == []


def test_nothing_but_replies_is_sent_before_the_samples_client_has_given_up_waiting(desk: Desk) -> None:
    desk.say(HELLO)
    assert all(isinstance(event, Send) and len(event.data) == 1024 for _, event in desk.until(5.9))


@pytest.mark.parametrize("secret", [b"tes", b"tests", b"Test", b"x" * 1022])
def test_a_wrong_secret_meets_silence(desk: Desk, secret: bytes) -> None:
    assert desk.say(b"\0" + secret) == []
    assert desk.server.drops == {Drop.WRONG_SECRET: 1}


def test_secrets_are_compared_in_constant_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        seen.append((one, other))
        return False

    monkeypatch.setattr(server_module, "compare_digest", compare)
    assert desk.say(HELLO) == []
    assert seen == [(b"test", b"test")], "and nothing else decides"


def test_a_source_that_guesses_is_not_heard_for_a_while(desk: Desk) -> None:
    for guess in range(15):
        desk.say(b"\0guess %d" % guess)
    assert desk.say(HELLO) == []
    assert desk.server.drops[Drop.TOO_MANY_ATTEMPTS] == 1
    assert desk.say(HELLO, THERE), "another source is"
    desk.now = 1
    assert desk.say(HELLO)


def test_what_follows_a_second_nul_is_ignored_but_for_a_token(desk: Desk) -> None:
    assert began(desk.say(b"\0test\0whatever")).token == b""
    assert began(desk.say(b"\0test\0" + TOKEN, THERE)).token == TOKEN


@pytest.mark.parametrize(
    ("secret", "parameters", "pool", "error"),
    [
        (b"", ROUTED, "10.0.0.0/24", MessageError),
        (b"te\0st", ROUTED, "10.0.0.0/24", MessageError),
        (b"test", ROUTED, "", PoolError),
        (b"test", Parameters(search=("x" * 1010,)), "10.0.0.0/24", ParameterError),
    ],
)
def test_what_cannot_be_served_is_refused_at_the_start(
    secret: bytes, parameters: Parameters, pool: str, error: type[ValueError]
) -> None:
    with pytest.raises(error):
        Server(secret, parameters, Pool([parse_prefix(pool)]) if pool else None)


# Data


def test_packets_go_in_both_directions_and_are_counted(desk: Desk) -> None:
    session = desk.connect()
    assert desk.say(packet()) == []
    assert desk.written == [0]
    assert desk.pull(SECOND) == Sealed(HERE)
    assert (session.rx_packets, session.rx_bytes) == (2, 50)
    assert (session.tx_packets, session.tx_bytes) == (1, 25)


def test_a_burst_may_hold_anything(desk: Desk) -> None:
    desk.connect()
    rows = Rows(packet(), b"\0", b"", packet("10.0.0.9"), b"nonsense", packet(text=b"last"))
    assert desk.server.open(desk.now, rows, HERE).rows == [0, 5]
    assert desk.server.drops == {Drop.EMPTY: 1, Drop.WRONG_SOURCE: 1, Drop.NOT_IP: 1}


def test_the_path_is_that_of_the_last_datagram(desk: Desk) -> None:
    desk.connect()
    other = Path(HERE.remote, "198.51.100.7")
    desk.say(packet(), other)
    assert desk.pull(SECOND) == Sealed(other)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (packet("10.0.0.3"), Drop.WRONG_SOURCE),
        (packet() + b"x", Drop.NOT_IP),
        (packet()[:-1], Drop.NOT_IP),
        (b"E", Drop.NOT_IP),
        (packet(text=bytes(32768)), Drop.NOT_IP),
        (b"\0" + bytes(1023), Drop.MALFORMED),
        (b"", Drop.EMPTY),
    ],
)
def test_what_is_malformed_is_ignored_and_the_session_goes_on(desk: Desk, data: bytes, reason: Drop) -> None:
    desk.connect()
    assert desk.say(data) == []
    assert desk.written == []
    assert desk.server.drops == {reason: 1}
    assert desk.say(packet()) == []
    assert desk.written == [0]


def test_what_nobody_waits_for_is_refused(desk: Desk) -> None:
    desk.connect()
    assert desk.pull(parse_address("10.0.0.9")) == Refused(Drop.NO_SESSION)
    long = Rows(packet("10.0.0.1", "10.0.0.2", bytes(32768)))
    assert desk.server.seal(0, long, SECOND) == Refused(Drop.TOO_LONG)


# Keeping clients alive


def test_a_client_of_the_sample_that_says_nothing_is_asked_every_six_seconds(desk: Desk) -> None:
    session = desk.connect()
    assert desk.server.keeps_alive(session)
    assert asked(desk.until(30)) == [6, 12, 18, 24, 30]


def test_the_answer_stays_with_the_server_and_puts_the_next_question_off(desk: Desk) -> None:
    desk.connect()
    ((_, question),) = desk.until(6)
    assert isinstance(question, Send)
    answer = echo.reply(question.data)
    assert answer is not None
    desk.now = 7
    assert desk.say(answer) == []
    assert desk.written == []
    assert asked(desk.until(14)) == [13]


def test_a_packet_of_the_clients_own_while_asked_goes_through(desk: Desk) -> None:
    desk.connect()
    desk.until(6)
    desk.say(packet())
    assert desk.written == [0]


def test_a_client_of_ours_gets_keepalives_instead(desk: Desk) -> None:
    desk.connect(hello=b"\0test\0" + TOKEN)
    assert desk.until(18) == [(at, Send(b"\0", HERE)) for at in (6, 12, 18)]
    desk.pull(SECOND)
    assert [at for at, _ in desk.until(25)] == [24]


@pytest.mark.parametrize(
    ("parameters", "times"),
    [(Parameters(), Times()), (ROUTED, Times(ask=None))],
    ids=["no route", "not wanted"],
)
def test_who_cannot_be_asked_gets_keepalives(parameters: Parameters, times: Times) -> None:
    desk = Desk(parameters=parameters, times=times)
    assert not desk.server.keeps_alive(desk.connect())
    assert desk.until(6) == [(6, Send(b"\0", HERE))]


def test_a_session_of_which_nothing_is_heard_ends_after_a_minute(desk: Desk) -> None:
    session = desk.connect()
    assert desk.until(61)[-1] == (60, Ended(session, End.SILENT))
    assert desk.server.sessions == []
    assert desk.pull(SECOND) == Refused(Drop.NO_SESSION)
    assert desk.server.deadline == float("inf")


# What ends a session, and what does not


def test_an_empty_datagram_ends_nothing(desk: Desk) -> None:
    desk.connect()
    assert desk.say(b"") == []
    assert desk.pull(SECOND) == Sealed(HERE)


def test_a_goodbye_with_the_token_ends_the_session_wherever_it_comes_from(desk: Desk) -> None:
    session = desk.connect(hello=b"\0test\0" + TOKEN)
    assert desk.say(goodbye(bytes(16)), THERE) == []
    assert desk.say(b"\0\0short") == []
    assert desk.say(goodbye(TOKEN), THERE) == [Ended(session, End.GOODBYE)]


def test_a_client_that_comes_back_gets_its_address_back(desk: Desk) -> None:
    first = desk.connect(hello=b"\0test\0" + TOKEN)
    desk.say(goodbye(TOKEN))
    desk.connect(THERE)
    assert began(desk.say(b"\0test\0" + TOKEN, SAME_HOST)).packed == first.packed


# Roaming


def test_another_port_of_the_same_host_is_followed_when_the_old_one_does_not_answer(desk: Desk) -> None:
    session = desk.connect()
    question, keepalive = desk.say(packet(), SAME_HOST)
    assert isinstance(question, Send)
    assert (question.path, keepalive) == (HERE, Send(b"\0", HERE))
    assert desk.until(3) == [(2, Moved(session, HERE))]
    assert desk.say(packet(), SAME_HOST) == []
    assert desk.written == [0]
    assert desk.pull(SECOND) == Sealed(SAME_HOST)


def test_it_is_not_followed_if_the_old_one_answers(desk: Desk) -> None:
    desk.connect()
    assert desk.say(packet(), SAME_HOST)
    assert desk.say(packet(), SAME_HOST) == [], "it is asked already"
    desk.now = 1
    desk.say(b"\0")
    assert not any(isinstance(event, Moved) for _, event in desk.until(20))
    assert desk.pull(SECOND) == Sealed(HERE)


def test_a_fresh_session_is_asked_by_a_reply_alone(desk: Desk) -> None:
    session = began(desk.say(HELLO))
    (question,) = desk.say(packet(), SAME_HOST)
    assert isinstance(question, Send)
    assert len(question.data) == 1024
    assert (2, Moved(session, HERE)) in desk.until(3)


def test_another_host_is_not_followed_but_refused(desk: Desk) -> None:
    desk.connect()
    assert desk.say(packet(), THERE) == [Refuse(THERE)]
    assert desk.until(5) == []
    assert desk.pull(SECOND) == Sealed(HERE)
    assert desk.server.drops == {Drop.UNKNOWN_SOURCE: 1}


def test_with_secret_and_token_it_is_followed_at_once(desk: Desk) -> None:
    session = desk.connect(hello=b"\0test\0" + TOKEN)
    moved, reply = desk.say(b"\0test\0" + TOKEN, THERE)
    assert moved == Moved(session, HERE)
    assert isinstance(reply, Send)
    assert reply.path == THERE
    assert desk.say(packet(), THERE) == []
    assert desk.written == [0]


def test_the_token_alone_moves_nothing(desk: Desk) -> None:
    desk.connect(hello=b"\0test\0" + TOKEN)
    assert desk.say(b"\0guess\0" + TOKEN, THERE) == []
    assert desk.pull(SECOND) == Sealed(HERE)


def test_whom_another_client_displaces_from_its_address_and_port_is_gone(desk: Desk) -> None:
    session, other = desk.connect(hello=b"\0test\0" + TOKEN), desk.connect(THERE)
    ended, moved, *_ = desk.say(b"\0test\0" + TOKEN, THERE)
    assert ended == Ended(other, End.REPLACED)
    assert moved == Moved(session, HERE)
    assert desk.server.sessions == [session]


@pytest.mark.parametrize(("first", "second"), [(HELLO, b"\0test\0" + TOKEN), (b"\0test\0" + TOKEN, HELLO)])
def test_a_new_client_from_the_same_address_and_port_replaces_the_old(
    desk: Desk, first: bytes, second: bytes
) -> None:
    session = desk.connect(hello=first)
    ended, began_, *replies = desk.say(second)
    assert ended == Ended(session, End.REPLACED)
    assert isinstance(began_, Began)
    assert len(replies) == 3


def test_a_client_of_the_sample_that_begins_anew_from_the_same_port_keeps_its_session(desk: Desk) -> None:
    session = desk.connect()
    desk.now = 10
    (reply,) = desk.say(HELLO)
    assert isinstance(reply, Send)
    assert [at for at, _ in desk.until(14.5)] == [11, 12, 13, 14], "it is fresh again"
    assert desk.server.sessions == [session]


def test_strangers_are_refused_fifteen_times_at_once_and_then_once_a_second(desk: Desk) -> None:
    refused = [event for _ in range(100) for event in desk.say(b"\0", THERE)]
    assert refused == [Refuse(THERE)] * 15
    desk.now = 1
    assert desk.say(packet(), THERE) == [Refuse(THERE)]
    assert desk.say(packet(), THERE) == []


# When no address is free


@pytest.fixture
def small() -> Desk:
    """Without a pool: one address, as the sample."""
    address = parse_interface_address("10.0.0.2")
    return Desk("", ROUTED.with_addresses([address]))


def test_a_second_client_waits_until_the_first_has_not_answered_for_two_seconds(small: Desk) -> None:
    first = small.connect()
    small.now = 10
    question, keepalive = small.say(HELLO, THERE)
    assert isinstance(question, Send)
    assert (question.path, keepalive) == (HERE, Send(b"\0", HERE))
    assert small.say(HELLO, THERE) == [], "its copies change nothing"
    (at, ended), *rest = small.until(12)
    assert (at, ended) == (12, Ended(first, End.GAVE_WAY))
    assert len(sent([event for _, event in rest], THERE)) == 3, "in time: it waits for five"


def test_a_first_client_that_answers_keeps_its_place(small: Desk) -> None:
    first = small.connect()
    small.say(HELLO, THERE)
    small.now = 0.1
    assert small.say(packet()) == [Refuse(THERE)], "so that the sample's client comes back"
    assert small.written == [0]
    assert all(isinstance(event, Send) for _, event in small.until(5))
    assert small.server.sessions == [first]


def test_a_third_client_is_refused_meanwhile(small: Desk) -> None:
    small.connect()
    small.say(HELLO, THERE)
    assert small.say(HELLO, SAME_HOST) == [Refuse(SAME_HOST)]
    assert small.server.drops == {Drop.FULL: 1}


def test_a_client_that_waits_for_its_reply_is_not_asked(small: Desk) -> None:
    small.say(HELLO)
    assert small.say(HELLO, THERE) == [Refuse(THERE)]
    small.until(5.5)
    assert small.say(HELLO, THERE) != [Refuse(THERE)]


def test_of_a_full_pool_the_quietest_is_asked() -> None:
    desk = Desk("10.0.0.0/29")
    paths = [Path(("192.0.2.9", port)) for port in range(5)]
    for number, path in enumerate(paths):
        desk.now = number
        desk.connect(path)
    desk.say(packet("10.0.0.2"), paths[0])
    question, _ = desk.say(HELLO, THERE)
    assert isinstance(question, Send)
    assert question.path == paths[1]


def test_where_nobody_can_be_asked_a_keepalive_asks() -> None:
    address = parse_interface_address("10.0.0.2")
    desk = Desk("", Parameters(addresses=(address,)))
    desk.connect()
    assert desk.say(HELLO, THERE) == [Send(b"\0", HERE)]
