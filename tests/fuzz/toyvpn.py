"""What ToyVpn's ends and parsers make of any bytes; the harnesses are in harnesses.py.

The rule: a datagram that is no handshake with the secret ends no session, moves none and begins none, and
nothing that follows it is lost.
"""

from contextlib import suppress
from typing import NamedTuple

from glasstunnel.ip import packet
from glasstunnel.ip.address import parse_address, parse_prefix
from glasstunnel.sim.toyscenario import message
from glasstunnel.sim.toyvpn import Rows
from glasstunnel.toyvpn.client import Client, State
from glasstunnel.toyvpn.events import Event, Refuse, Sealed, Send
from glasstunnel.toyvpn.messages import BUFFER, Handshake, goodbye, parse_handshake
from glasstunnel.toyvpn.parameters import ParameterError, from_arguments, parse_reply
from glasstunnel.toyvpn.pool import Pool
from glasstunnel.toyvpn.sample_parameters import JavaError, configure
from glasstunnel.toyvpn.server import Server

SECRET, TOKEN = b"test", bytes(range(16))
HOME, WEB = parse_address("10.0.0.2"), parse_address("203.0.113.80")
OUT, IN = message(b"out", HOME, WEB), message(b"in", WEB, HOME)
_OPTIONS = ("-m", "1400", "-r", "10.0.0.0", "8", "-d", "10.0.0.1", "-s", "lab.test")


class Path(NamedTuple):
    """As the host's."""

    remote: tuple[str, int]


SERVER, CLIENT, STRANGER = (Path((f"192.0.2.{host}", 8000)) for host in (1, 2, 3))


def one_line(error: Exception) -> None:
    """What a user is told says what was expected, on one line."""
    assert "expected" in str(error)
    assert "\n" not in str(error)


def serve(data: bytes) -> None:
    """A server with a session hears this from the session's client, from its host, and from a stranger."""
    said = parse_handshake(data)
    if said and (said.secret == SECRET or said.token == TOKEN):
        return
    server = Server(SECRET, from_arguments(_OPTIONS), Pool([parse_prefix("10.0.0.0/24")]))
    server.open(0, Rows(Handshake(SECRET, TOKEN).build(), OUT), CLIENT)
    (session,) = server.sessions
    for path in (CLIENT, Path((CLIENT.remote[0], 1)), STRANGER):
        burst = Rows(OUT, data, OUT)
        opened = server.open(1, burst, path)
        assert all(isinstance(event, Send | Refuse) for event in opened.events)
        assert server.sessions == [session]
        assert session.path == CLIENT
        if path is CLIENT:
            assert {0, 2} <= set(opened.rows)
            for row in opened.rows:
                assert packet.source(burst.plain[row]) == HOME
                assert packet.total_length(burst.plain[row], 0, burst.size[row]) == burst.size[row] <= BUFFER
        else:
            assert opened.rows == []
        assert server.seal(1, Rows(IN), HOME) == Sealed(CLIENT)


def be_told(data: bytes) -> None:
    """A client hears this from its server, while it asks and while it is connected."""
    client = Client(SECRET, TOKEN, SERVER)
    client.start(0)
    client.open(0, Rows(data), SERVER)
    if _is_reply(data):
        assert client.state is State.CONNECTED
    else:
        assert client.state is not State.CONNECTED
        client.start(0)
        client.open(0, Rows(b"\0a,10.0.0.2,32"), SERVER)
    before = client.parameters
    events: list[Event] = []
    burst = Rows(IN, data, IN)
    for path in (SERVER, STRANGER):
        opened = client.open(1, burst, path)
        events += opened.events
        assert ({0, 2} <= set(opened.rows)) is (path is SERVER)
    assert client.state is State.CONNECTED
    assert client.parameters == before or _is_reply(data)
    assert client.seal(1, Rows(OUT), WEB) == Sealed(SERVER)


def _is_reply(data: bytes) -> bool:
    try:
        parse_reply(data)
    except ParameterError:
        return False
    return True


def read_parameters(data: bytes) -> None:
    """Parameters are refused in one sentence, or written and read again to the same value; Java's reading
    throws nothing but Java's exceptions, and not where ours are in our own writing.
    """
    with suppress(JavaError):
        configure(data[1:])
    try:
        parameters = parse_reply(data)
        reply = parameters.reply()
    except ParameterError as error:
        one_line(error)
        return
    assert parse_reply(reply) == parameters
    assert len(configure(reply[1:])) == len(str(parameters).split())


def read_arguments(data: bytes) -> None:
    """The same of the command line."""
    try:
        parameters = from_arguments(data.decode(errors="replace").split())
    except ParameterError as error:
        one_line(error)
        return
    groups = (part.split(",") for part in str(parameters).split())
    arguments = [word for letter, *fields in groups for word in (f"-{letter}", *fields)]
    assert from_arguments(arguments) == parameters


DATAGRAMS = [
    b"",
    b"\0",
    b"\0wrong",
    b"\0wrong\0" + bytes(16),
    goodbye(bytes(16)),
    b"\0" + b"x" * 1023,
    OUT,
    IN,
    OUT + b"x",
    b"\x60" + OUT,
]
REPLIES = [
    from_arguments(["-a", "10.0.0.2", "32", *_OPTIONS]).reply(),
    b"\0 m,1280 a,fd00::2,128  a,10.0.0.2,32 r,::,0 d,fd00::1 s,a.b x,1 ",
    b"\0m",
]
ARGUMENTS = [" ".join(_OPTIONS).encode(), b"-a fd00::2 128 -r :: 0 -m 1280", b"-x -m"]
