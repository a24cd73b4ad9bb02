"""Our server: many sessions on one port, each with an address of its own.

Rule: **who has a place keeps it as long as it answers.** Whenever somebody else wants the place, be it the
same client from another port or another client when no address is free, the session is asked through its
tunnel, and yields if nothing comes from it within 2 s. The sample answers within its 100 ms, so it holds what
it has; and a newcomer is served before it gives up, 5 s after its handshake.

What a datagram proves. Data is neither encrypted nor authenticated, so a datagram proves nothing but that
somebody wrote it. What we can do is to make a lie cost something:

- Data counts only from the address and port of a session, and only with that session's address as inner
  source. Who can forge the outer source can inject packets, as into the sample; nothing helps against it.
- A session follows its client to **another port of the same host** on the strength of the inner source, after
  the old port has been asked in vain: so NAT rebinding is survived, with a gap of 2 s. Who sits behind the
  same NAT, and can silence the client for 2 s, can take over its session.
- To **another host** a session goes only with the secret and its token, which our client sends when it hears
  nothing. The sample's client has no token; from another host it is a new client. Otherwise one datagram from
  anywhere would lead the downlink of any session astray.
- Who reads the traffic knows secret and token, and can do all of that. That is what WireGuard is for.

**Who has no session is refused**, as by a closed port: by ICMP, the one thing after which the sample's client
connects again. So it survives a restart of ours: its keepalive, 15 s after our last word, is refused, and 3 s
later it is back, before it would have crashed. A client that finds no place is refused too, and tries ten
times, 3 s apart. A wrong secret meets silence, as with the sample.

An empty datagram, with which the sample lets anybody who forges a source end a session, is ignored; a session
ends by silence, by its goodbye, which holds the token, or by giving way.

How long the sample's client lives: it crashes at the first moment of rest that comes 20 s after its TUN last
gave it a packet (:mod:`~glasstunnel.toyvpn.sample_client`). Keepalives do not help it. An echo request does,
for the phone's kernel puts the answer into the TUN: it is sent when the client has sent no packet for 6 s, so
three in a row must be lost before the client dies. This needs a phone that answers and a route of the
parameters that leads the answer into the tunnel; where there is none, nothing the server can do keeps an idle
or downloading client alive beyond 20 s. Section: ToyVpnServer.cpp ``main``, ToyVpnConnection.java ``run``.
"""

from collections import Counter
from collections.abc import Sequence
from heapq import heappop, heappush
from hmac import compare_digest
from math import inf

from glasstunnel.ip import packet
from glasstunnel.toyvpn import echoes
from glasstunnel.toyvpn.attempts import Attempts
from glasstunnel.toyvpn.data import well_formed
from glasstunnel.toyvpn.events import (
    Began,
    Burst,
    Drop,
    End,
    Ended,
    Event,
    Moved,
    Opened,
    Path,
    Refuse,
    Refused,
    Sealed,
    Send,
)
from glasstunnel.toyvpn.messages import (
    BUFFER,
    COPIES,
    KEEPALIVE,
    Handshake,
    MessageError,
    parse_handshake,
)
from glasstunnel.toyvpn.parameters import Parameters
from glasstunnel.toyvpn.pool import Pool
from glasstunnel.toyvpn.session import TIMES, Due, Rival, Session, Times
from glasstunnel.toyvpn.sessions import Sessions


class Server:
    """The server of all who know ``secret``.

    Args:
        secret: one byte or more, no NUL among them.
        parameters: what clients get; the addresses are those of a session where there is a pool, and else
            those of the only client.
        pool: where addresses come from; None for that one client.
        own: our address in the tunnel, packed, if the pool does not say.

    Raises:
        MessageError: if the secret cannot be sent.
        ParameterError: if the parameters do not fit the reply.
        PoolError: if there is neither a pool nor an address.
    """

    def __init__(
        self,
        secret: bytes,
        parameters: Parameters,
        pool: Pool | None = None,
        *,
        own: Sequence[bytes] = (),
        times: Times = TIMES,
    ) -> None:
        Handshake(secret).build()
        if not secret:
            raise MessageError("secret: expected at least one byte")
        self._secret, self._parameters, self._times = secret, parameters, times
        self.pool = pool or Pool(fixed=parameters.addresses)
        self._own = (*own, *(one.address for one in self.pool.own))
        parameters.with_addresses(self.pool.addresses(self.pool.capacity - 1)).reply()
        self._sessions = Sessions()
        self._attempts, self._refusals = Attempts(), Attempts()
        self._due: list[tuple[float, int, Session]] = []
        self._pushed = 0
        self.drops: Counter[Drop] = Counter()
        """What was dropped, by reason."""

    @property
    def sessions(self) -> list[Session]:
        """All that stand."""
        return list(self._sessions)

    @property
    def deadline(self) -> float:
        """When :meth:`tick` is due; it may find that nothing is."""
        return self._due[0][0] if self._due else inf

    def keeps_alive(self, session: Session) -> bool:
        """Whether the sample's client at this session can be made to speak."""
        return self._times.ask is not None and session.echo is not None

    # The data path

    def seal(
        self, now: float, burst: Burst, destination: bytes, mtu: int = 0, ecn: int = 0
    ) -> Sealed | Refused:
        """Packets for one inner ``destination``, packed: where they go, as they are.

        The outer traffic class stays 0: an egress that does not know of ECN, as the sample, would lose the
        marks (RFC 6040 section 4.3).
        """
        session = self._sessions.of.get(destination)
        if session is None:
            self.drops[Drop.NO_SESSION] += burst.n
            return Refused(Drop.NO_SESSION)
        size = burst.size[: burst.n]
        if max(size) > BUFFER:
            self.drops[Drop.TOO_LONG] += burst.n
            return Refused(Drop.TOO_LONG)
        session.sent = now
        session.tx_packets += burst.n
        session.tx_bytes += sum(size)
        return Sealed(session.path)

    def open(self, now: float, burst: Burst, path: Path, ecn: int = 0) -> Opened:
        """Datagrams of any kind that came along one ``path``: which rows are packets for the TUN. What the
        control messages among them say holds for the rest.
        """
        events: list[Event] = []
        data: list[int] = []
        for row in range(burst.n):
            if burst.size[row] and burst.plain[row][0]:
                data.append(row)
            else:
                events += self._control(now, bytes(burst.plain[row][: burst.size[row]]), path)
        packets = well_formed(burst, data)
        self._drop(Drop.NOT_IP, len(data) - len(packets))
        session = self._sessions.at.get(path.remote)
        if session and data:
            events += self._hear(now, session, path)
            packets = self._accept(now, burst, packets, session)
        elif packets:
            self.drops[Drop.UNKNOWN_SOURCE] += len(packets)
            events += self._from_elsewhere(now, packet.source(burst.plain[packets[0]]), path)
            packets = []
        return Opened(packets, events)

    def _accept(self, now: float, burst: Burst, rows: list[int], session: Session) -> list[int]:
        """Which of these packets are the session's, answers to the server's own questions aside."""
        plain, source_of, own = burst.plain, packet.source, session.packed
        accepted = [row for row in rows if source_of(plain[row]) in own]
        self._drop(Drop.WRONG_SOURCE, len(rows) - len(accepted))
        if accepted:
            is_awaited, session.packet, session.confirmed = session.asked >= session.packet, now, True
            session.rx_packets += len(accepted)
            session.rx_bytes += sum(burst.size[row] for row in accepted)
            if is_awaited and session.echo:
                asker, size = session.echo[0], burst.size
                return [row for row in accepted if not echoes.is_answer(plain[row][: size[row]], asker)]
        return accepted

    def _drop(self, reason: Drop, number: int) -> None:
        if number:
            self.drops[reason] += number

    def _from_elsewhere(self, now: float, source: bytes, path: Path) -> list[Event]:
        """Data from a path without a session: perhaps a session's client, whose NAT has forgotten it."""
        session = self._sessions.of.get(source)
        if session is None or session.path.remote[0] != path.remote[0]:
            return self._refuse(now, path)
        return [] if session.rival else self._challenge(now, session, Rival(path, session.token, False))

    def _refuse(self, now: float, path: Path) -> list[Event]:
        """Fifteen times at once to one host, then once a second."""
        if not self._refusals.may_try(now, path.remote[0]):
            return []
        self._refusals.failed(now, path.remote[0])
        return [Refuse(path)]

    # Control messages

    def _control(self, now: float, data: bytes, path: Path) -> list[Event]:
        if not data:
            self.drops[Drop.EMPTY] += 1
            return []
        session = self._sessions.at.get(path.remote)
        events = self._hear(now, session, path) if session else []
        if data == KEEPALIVE:
            if session is None:
                return self._refuse(now, path)
            session.confirmed = True
        elif said := parse_handshake(data):
            events += self._handshake(now, path, said)
        else:
            self.drops[Drop.MALFORMED] += 1
        return events

    def _handshake(self, now: float, path: Path, said: Handshake) -> list[Event]:
        host = path.remote[0]
        if not said.secret:
            leaving = self._sessions.with_token.get(said.token) if said.token else None
            return [self._end(leaving, End.GOODBYE)] if leaving else []
        if not self._attempts.may_try(now, host):
            self.drops[Drop.TOO_MANY_ATTEMPTS] += 1
            return []
        if not compare_digest(said.secret, self._secret):
            self.drops[Drop.WRONG_SECRET] += 1
            self._attempts.failed(now, host)
            return []
        return self._welcome(now, path, said.token)

    def _welcome(self, now: float, path: Path, token: bytes) -> list[Event]:
        """Somebody knows the secret."""
        events: list[Event] = []
        session = self._sessions.with_token.get(token) if token else None
        if session and session.path.remote != path.remote:
            events += [*self._move(session, path), *self._hear(now, session, path)]
            session.replied = -inf
        session = session or self._sessions.at.get(path.remote)
        if session and session.token != token:
            events.append(self._end(session, End.REPLACED))
            session = None
        if session is None:
            if self.pool.is_full:
                return [*events, *self._make_room(now, Rival(path, token, is_newcomer=True))]
            return [*events, *self._begin(now, path, token)]
        if session.confirmed:  # its client has begun anew, or could not hear us
            session.began, session.confirmed = now, False
        if now - session.replied < self._times.apart:  # the next copy of one handshake
            return events
        return [*events, *self._reply(now, session, 1)]

    def _begin(self, now: float, path: Path, token: bytes) -> list[Event]:
        place = self.pool.take(token)
        assert place is not None
        session = Session(place, self.pool.addresses(place), path, token, now, now, now, now)
        session.echo = echoes.source_for(session.addresses, self._parameters.routes, self._own)
        self._sessions.add(session)
        events: list[Event] = [Began(session), *self._reply(now, session, COPIES)]
        self._schedule(session)
        return events

    def _reply(self, now: float, session: Session, copies: int) -> list[Event]:
        session.sent = session.replied = now
        reply = self._parameters.with_addresses(session.addresses).reply()
        return [Send(reply, session.path)] * copies

    # Who has a place keeps it as long as it answers

    def _make_room(self, now: float, rival: Rival) -> list[Event]:
        """No place is free: ask the session that has been silent for longest, unless it is being asked."""
        settled = (one for one in self._sessions if one.confirmed or now - one.began >= self._times.fresh)
        quietest = min(settled, key=lambda one: one.heard, default=None)
        if quietest is None or quietest.rival:
            self.drops[Drop.FULL] += 1
            is_waiting = (
                quietest is not None and quietest.rival is not None and quietest.rival.path == rival.path
            )
            return [] if is_waiting else self._refuse(now, rival.path)
        return self._challenge(now, quietest, rival)

    def _challenge(self, now: float, session: Session, rival: Rival) -> list[Event]:
        session.rival, session.challenged = rival, now
        self._schedule(session)
        if not session.confirmed and now - session.began < self._times.fresh:
            return self._reply(now, session, 1)
        return [*self._ask(now, session), Send(KEEPALIVE, session.path)]

    def _hear(self, now: float, session: Session, path: Path) -> list[Event]:
        """A session has shown that it is there. Another client that waited for its place is refused."""
        rival, session.rival = session.rival, None
        session.heard, session.path = now, path
        return self._refuse(now, rival.path) if rival and rival.is_newcomer else []

    def _move(self, session: Session, path: Path) -> list[Event]:
        events: list[Event] = []
        if other := self._sessions.at.get(path.remote):
            events.append(self._end(other, End.REPLACED))
        former = session.path
        self._sessions.move(session, path)
        return [*events, Moved(session, former)]

    def _give_way(self, now: float, session: Session, rival: Rival) -> list[Event]:
        ended = self._end(session, End.GAVE_WAY)
        return [ended, *self._welcome(now, rival.path, rival.token)]

    def _end(self, session: Session, reason: End) -> Ended:
        self._sessions.remove(session)
        self.pool.give_back(session.place, session.token)
        return Ended(session, reason)

    # Time

    def tick(self, now: float) -> list[Event]:
        """Do what is due."""
        events: list[Event] = []
        while self._due and self._due[0][0] <= now:
            at, _, session = heappop(self._due)
            if at == session.scheduled and session in self._sessions:
                session.scheduled = inf
                events += self._do_what_is_due(now, session)
        return events

    def _do_what_is_due(self, now: float, session: Session) -> list[Event]:
        at, due = session.next(self._times)
        events: list[Event] = []
        if at > now:
            pass
        elif due is Due.END:
            return [self._end(session, End.SILENT)]
        elif due is Due.YIELD:
            assert session.rival
            if session.rival.is_newcomer:
                return self._give_way(now, session, session.rival)
            events = self._move(session, session.rival.path)
            events += self._hear(now, session, session.path)
        elif due is Due.REPLY:
            events = self._reply(now, session, 1)
        elif due is Due.ASK:
            events = self._ask(now, session)
        else:
            session.sent = now
            events = [Send(KEEPALIVE, session.path)]
        self._schedule(session)
        return events

    def _ask(self, now: float, session: Session) -> list[Event]:
        if not session.echo:
            return []
        session.sequence += 1
        session.asked = session.sent = now
        return [Send(echoes.request(*session.echo, session.sequence), session.path)]

    def _schedule(self, session: Session) -> None:
        """See to it that the session is looked at when something is due, or before."""
        at, _ = session.next(self._times)
        if at < session.scheduled:
            session.scheduled = at
            self._pushed += 1  # breaks ties
            heappush(self._due, (at, self._pushed, session))
