"""All sessions, to be found by what a datagram or a packet shows of them.

Rule: a session is in every table or in none, under one remote address and port, its own inner addresses, and
its token if it has one.
"""

from collections.abc import Iterator

from glasstunnel.toyvpn.events import Path
from glasstunnel.toyvpn.session import Session


class Sessions:
    """The tables; their lookups are the data path's and are dictionaries'."""

    __slots__ = ("at", "of", "with_token")

    def __init__(self) -> None:
        self.at: dict[tuple[str, int], Session] = {}
        """By the client's address and port, the oldest session first."""
        self.of: dict[bytes, Session] = {}
        """By inner address, packed."""
        self.with_token: dict[bytes, Session] = {}
        """By token."""

    def __iter__(self) -> Iterator[Session]:
        return iter(self.at.values())

    def __contains__(self, session: Session) -> bool:
        return self.of.get(session.packed[0]) is session

    def add(self, session: Session) -> None:
        """A session stands; nothing of it is another's."""
        self.at[session.path.remote] = session
        for address in session.packed:
            self.of[address] = session
        if session.token:
            self.with_token[session.token] = session

    def remove(self, session: Session) -> None:
        """A session is over."""
        del self.at[session.path.remote]
        for address in session.packed:
            del self.of[address]
        if session.token:
            del self.with_token[session.token]

    def move(self, session: Session, path: Path) -> None:
        """Its client is elsewhere now, where nobody else's is."""
        del self.at[session.path.remote]
        session.path = path
        self.at[path.remote] = session
