"""The four kinds of datagram, and the three things that our client says beyond the sample.

Rule: the first byte tells. 00 leads a control message, which nobody takes for data since no IP packet begins
so; anything else is data, a raw IP packet. Section: ``get_tunnel`` and ``main`` of ToyVpnServer.cpp,
``handshake`` of ToyVpnConnection.java.

========================== ==================================== ==========================================
bytes                      to the sample's server               to ours
========================== ==================================== ==========================================
00 secret                  a session begins; ignored inside one the same; repeats the reply inside one
00 secret 00 token         the same: it compares up to the NUL  the same, and names the session
00 00 token                ignored: an empty secret             the session of that token ends
00                         ignored                              ignored: a keepalive
nothing                    ends a session; while waiting, the   ignored
                           server exits
========================== ==================================== ==========================================
"""

from enum import Enum
from typing import Final, NamedTuple

BUFFER: Final = 32767
"""Bytes of the sample's packet buffers, ``Short.MAX_VALUE``: no longer datagram goes through."""
REPLY_SIZE: Final = 1024
"""Bytes of the reply, always: 00, the parameters, spaces."""
HANDSHAKE_LIMIT: Final = 1023
"""Bytes of a handshake at the most. The sample's server writes past its buffer at 1024, its client has room
for 1024 and an older one of ours might pad.
"""
COPIES: Final = 3
"""So often the sample says whatever matters, "in case of packet loss"."""
TOKEN_SIZE: Final = 16
"""Bytes of the random name that a client of ours gives to its session."""
KEEPALIVE: Final = b"\0"
"""An empty control message."""


class MessageError(ValueError):
    """Something that cannot be said in this protocol; one sentence says what."""


class Kind(Enum):
    """What a datagram is, told by its first byte."""

    EMPTY = "empty"
    CONTROL = "control"
    DATA = "data"


def kind_of(datagram: bytes | memoryview) -> Kind:
    """Which of the three a datagram is."""
    if not len(datagram):
        return Kind.EMPTY
    return Kind.DATA if datagram[0] else Kind.CONTROL


class Handshake(NamedTuple):
    """What a client says of itself: the ``secret``, and a ``token`` of 16 bytes or none. An empty secret says
    goodbye.
    """

    secret: bytes
    token: bytes = b""

    def build(self) -> bytes:
        """The datagram.

        Raises:
            MessageError: if the secret has a NUL or is too long, or the token has not its size.
        """
        if b"\0" in self.secret:
            raise MessageError(
                "secret: expected no NUL byte, since the sample's server compares up to the first"
            )
        if len(self.token) not in (0, TOKEN_SIZE):
            raise MessageError(f"token: expected {TOKEN_SIZE} bytes or none, got {len(self.token)}")
        message = b"\0" + self.secret + (b"\0" + self.token if self.token else b"")
        if len(message) > HANDSHAKE_LIMIT:
            room = HANDSHAKE_LIMIT - len(message) + len(self.secret)
            raise MessageError(f"secret: expected at most {room} bytes, got {len(self.secret)}")
        return message


def parse_handshake(datagram: bytes) -> Handshake | None:
    """A control message of a client, read as the sample's server reads it: the secret ends at the first NUL.

    A token of any other size than ours belongs to somebody else and is no token. None for what is no control
    message, for a keepalive, and for one too long.
    """
    if not 2 <= len(datagram) <= HANDSHAKE_LIMIT or datagram[0]:
        return None
    secret, _, token = datagram[1:].partition(b"\0")
    return Handshake(secret, token if len(token) == TOKEN_SIZE else b"")


def goodbye(token: bytes) -> bytes:
    """What ends the session of ``token`` with our server, and what the sample's ignores in every state."""
    return Handshake(b"", token).build()
