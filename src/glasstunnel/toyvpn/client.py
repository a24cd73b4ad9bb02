"""Our client: it finds the server again, whatever becomes of either.

Rule: **the handshake is the probe.** Inside a session our server answers it with the same parameters and
follows it to a new address, the sample's ignores it, and a server of either kind that has restarted takes it
for what it is. So a client that has heard nothing for 10 s says it again, goes on as if nothing were, and
after 45 s begins anew. The interface and its routes stay meanwhile: nothing leaves by another way.

The two clocks that the sample swaps are these: ``sent``, which a keepalive follows after 6 s, and ``heard``,
which the end follows. 45 s are twice the longest silence of the sample's server with an idle client of ours:
it counts to 16.2 s only from the keepalive after its own, 6 s later. A keepalive from the server is answered
at once, which shortens this to 16.2 s.

The secret crosses the network in plain text, here as in the sample, and with every probe once more. Section:
ToyVpnConnection.java ``run``, ToyVpnServer.cpp ``main``.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from math import inf

from glasstunnel.toyvpn.data import well_formed
from glasstunnel.toyvpn.events import (
    Burst,
    Connected,
    Disconnected,
    Drop,
    Event,
    Opened,
    Path,
    Refused,
    Sealed,
    Send,
)
from glasstunnel.toyvpn.messages import (
    BUFFER,
    COPIES,
    KEEPALIVE,
    TOKEN_SIZE,
    Handshake,
    MessageError,
    goodbye,
)
from glasstunnel.toyvpn.parameters import ParameterError, Parameters, parse_reply


@dataclass(frozen=True, slots=True)
class Times:
    """The client's times, in seconds."""

    copy: float = 1.0
    """Between two copies of the handshake, of which there are three."""
    attempt: float = 5.0
    """Wait for a reply, as the sample: 50 looks, 100 ms apart."""
    first_backoff: float = 1.0
    """Rest after the first attempt that failed; each is twice the one before."""
    longest_backoff: float = 30.0
    """Rest at the most."""
    keepalive: float = 6.0
    """Silence of ours that a keepalive ends: three fit into the 20 s of the sample's server."""
    suspect: float = 10.0
    """Silence of the server after which the handshake is said again, and again every ``probe``."""
    probe: float = 3.0
    """Between two such."""
    silence: float = 45.0
    """Silence of the server after which the session is over."""
    polite: float = 1.0
    """A keepalive is answered if we have been silent for so long, and a refusal believed if it lasts so long.
    """


TIMES = Times()


class State(Enum):
    """What the client is doing."""

    IDLE = "idle"
    ASKING = "asking"
    RESTING = "resting"
    CONNECTED = "connected"


class Client:
    """A client of the server at ``path``.

    Args:
        secret: shared with the server; one byte or more, no NUL among them.
        token: 16 random bytes that name this client as long as it runs.

    Raises:
        MessageError: if secret or token cannot be sent.
    """

    def __init__(self, secret: bytes, token: bytes, path: Path, *, times: Times = TIMES) -> None:
        if not secret:
            raise MessageError("secret: expected at least one byte")
        if len(token) != TOKEN_SIZE:
            raise MessageError(f"token: expected {TOKEN_SIZE} bytes, got {len(token)}")
        self._handshake, self._goodbye = Handshake(secret, token).build(), goodbye(token)
        self._times = times
        # Clients that lose their server at one moment do not come back at one moment: 3/4 to 5/4 of a rest.
        self._pace = 0.75 + token[0] / 512
        self.path = path
        """Where the server is; may be changed at any time."""
        self.state = State.IDLE
        self.parameters: Parameters | None = None
        """Those of the last reply."""
        self.drops: Counter[Drop] = Counter()
        """What was dropped, by reason."""
        self._copies = self._failures = 0
        self._began = self._sent = self._heard = self._probed = self._refused = self._rests_until = -inf

    # What happens to it

    def start(self, now: float) -> list[Event]:
        """Begin to ask the server."""
        self.state, self._failures = State.ASKING, 0
        return self._ask(now)

    def stop(self) -> list[Event]:
        """Say goodbye, once: our server frees the address, the sample's ignores it in every state."""
        was, self.state = self.state, State.IDLE
        return [] if was is State.IDLE else [Send(self._goodbye, self.path)]

    def refused(self, now: float) -> list[Event]:
        """An ICMP port unreachable has come: nobody serves there, or not us. In a session we ask once more,
        for our server may only have restarted, or not know our new address; what was under way at that
        moment is refused too, so only a refusal a second later counts.
        """
        if self.state is State.CONNECTED:
            if self._refused == -inf:
                self._refused = self._probed = now
                return self._send(now, self._handshake)
            if now - self._refused >= self._times.polite:
                return [Disconnected("the server refuses us"), *self._rest(now)]
            return []
        return self._rest(now) if self.state is State.ASKING else []

    def receive(self, now: float, datagram: bytes) -> list[Event]:
        """A control message of the server. Whether a datagram is the server's is for the caller to see."""
        if not datagram or self.state is State.IDLE:
            self.drops[Drop.EMPTY if not datagram else Drop.NOT_CONNECTED] += 1
            return []
        if self.state is State.CONNECTED:
            self._hear(now)
        if datagram == KEEPALIVE:
            polite = self.state is State.CONNECTED and now - self._sent >= self._times.polite
            return self._send(now, KEEPALIVE) if polite else []
        try:
            parameters = parse_reply(datagram)
        except ParameterError as error:
            self.drops[Drop.MALFORMED] += 1
            if self.state is not State.ASKING:
                return []
            return [Disconnected(str(error)), *self._rest(now)]
        return self._connected(now, parameters)

    def _connected(self, now: float, parameters: Parameters) -> list[Event]:
        changed, was = parameters != self.parameters, self.state
        answers_us = was is not State.CONNECTED or self._probed > -inf
        self.state, self.parameters = State.CONNECTED, parameters
        self._hear(now)
        self._probed, self._failures = -inf, 0
        events: list[Event] = []
        if was is not State.CONNECTED or changed:
            events.append(Connected(parameters, changed))
        # Our server repeats its reply until it hears anything else.
        return [*events, *self._send(now, KEEPALIVE)] if answers_us else events

    # The data path

    def seal(
        self, now: float, burst: Burst, destination: bytes, mtu: int = 0, ecn: int = 0
    ) -> Sealed | Refused:
        """Packets for anywhere: to the server as they are, if there is a session. The outer traffic class is
        0, as :meth:`Server.seal` says.
        """
        size = burst.size[: burst.n]
        if self.state is not State.CONNECTED or max(size) > BUFFER:
            reason = Drop.NOT_CONNECTED if self.state is not State.CONNECTED else Drop.TOO_LONG
            self.drops[reason] += burst.n
            return Refused(reason)
        self._sent = now
        return Sealed(self.path)

    def open(self, now: float, burst: Burst, path: Path, ecn: int = 0) -> Opened:
        """Datagrams of any kind from the server: which rows are packets for the TUN."""
        if path.remote != self.path.remote:
            self.drops[Drop.UNKNOWN_SOURCE] += burst.n
            return Opened([], [])
        events: list[Event] = []
        data: list[int] = []
        for row in range(burst.n):
            if burst.size[row] and burst.plain[row][0]:
                data.append(row)
            else:
                events += self.receive(now, bytes(burst.plain[row][: burst.size[row]]))
        if self.state is not State.CONNECTED:
            self._drop(Drop.NOT_CONNECTED, len(data))
            return Opened([], events)
        packets = well_formed(burst, data)
        self._drop(Drop.NOT_IP, len(data) - len(packets))
        if packets:
            self._hear(now)
        return Opened(packets, events)

    def _drop(self, reason: Drop, number: int) -> None:
        if number:
            self.drops[reason] += number

    def _hear(self, now: float) -> None:
        self._heard, self._refused = now, -inf

    # Time

    @property
    def deadline(self) -> float:
        """When :meth:`tick` is due."""
        times = self._times
        if self.state is State.ASKING:
            copies_left = self._copies < COPIES
            return self._began + (self._copies * times.copy if copies_left else times.attempt)
        if self.state is State.RESTING:
            return self._rests_until
        if self.state is State.CONNECTED:
            return min(self._sent + times.keepalive, self._suspects_at, self._heard + times.silence)
        return inf

    @property
    def _suspects_at(self) -> float:
        return max(self._heard + self._times.suspect, self._probed + self._times.probe)

    def tick(self, now: float) -> list[Event]:
        """Do what is due."""
        if now < self.deadline:
            return []
        if self.state is State.ASKING:
            if self._copies < COPIES:
                self._copies += 1
                return self._send(now, self._handshake)
            return self._rest(now)
        if self.state is State.RESTING:
            self.state = State.ASKING
            return self._ask(now)
        if now >= self._heard + self._times.silence:
            self.state = State.ASKING
            return [Disconnected("the server is silent"), *self._ask(now)]
        if now >= self._suspects_at:
            self._probed = now
            return self._send(now, self._handshake)
        return self._send(now, KEEPALIVE)

    def _ask(self, now: float) -> list[Event]:
        self._began, self._copies, self._probed = now, 1, -inf
        return self._send(now, self._handshake)

    def _rest(self, now: float) -> list[Event]:
        """An attempt has failed."""
        self.state = State.RESTING
        rest = min(self._times.first_backoff * 2**self._failures, self._times.longest_backoff)
        self._failures = min(self._failures + 1, 16)
        self._rests_until = now + rest * self._pace
        return []

    def _send(self, now: float, data: bytes) -> list[Event]:
        self._sent = now
        return [Send(data, self.path)]
