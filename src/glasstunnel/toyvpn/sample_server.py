"""The sample's server, faults and all: ToyVpnServer.cpp seen from outside.

Rule: see :mod:`~glasstunnel.toyvpn.sample`. Section: ToyVpnServer.cpp @0472e792; the names are its own.

Its one timer is a number: above 0 the server has sent and waits to hear, otherwise it has heard and counts
down. It moves only in turns that slept. Down at 16.1 s the server says three keepalives and waits to hear;
20.0 s later it gives up. (Real sleeps take a little longer: measured are 16.2 s and 20.2 s.)
"""

from collections import deque
from collections.abc import Sequence
from enum import Enum
from math import inf
from typing import Final

from glasstunnel.toyvpn.events import Path, Send
from glasstunnel.toyvpn.messages import BUFFER, COPIES, KEEPALIVE, REPLY_SIZE
from glasstunnel.toyvpn.parameters import ParameterError
from glasstunnel.toyvpn.sample import TUN_QUEUE, Deliver, Output, PortUnreachable, Says, woken

_HANDSHAKE_BUFFER: Final = 1024  # bytes
_STEP, _SAY_KEEPALIVE, _GIVE_UP = 100, -16000, 20000  # milliseconds


def build_parameters(arguments: Sequence[bytes]) -> bytes:
    """The reply, of the arguments behind the secret: joined without a look at what they mean.

    Raises:
        ParameterError: where the program prints "Parameters are too large" and exits.
    """
    text = b""
    for argument in arguments:
        is_option = len(argument) == 2 and argument[:1] == b"-"
        part = argument[1:] if is_option else argument
        if len(text) + len(part) >= REPLY_SIZE:
            raise ParameterError("Parameters are too large")
        text += (b" " if is_option else b",") + part
    return b"\0" + text[1:].ljust(REPLY_SIZE - 1)


class State(Enum):
    """What the program is doing."""

    WAITING = "in get_tunnel"
    SESSION = "in the loop of main"
    EXITED = "gone"


class SampleServer:
    """The program, started with this ``secret`` and these arguments for the client.

    Raises:
        ParameterError: as :func:`build_parameters`.
    """

    def __init__(self, secret: bytes, arguments: Sequence[bytes]) -> None:
        self._secret = secret.partition(b"\0")[0]
        self._reply = build_parameters(arguments)
        self.state = State.WAITING
        self.client: Path | None = None
        """Who is connected."""
        self.timer = 0
        """In milliseconds, as the program has it."""
        self.overruns = 0
        """Bytes that were written past the end of the handshake's buffer."""
        self._queue: deque[bytes] = deque()
        self._tun: deque[bytes] = deque(maxlen=TUN_QUEUE)
        self._wakes = inf

    @property
    def deadline(self) -> float:
        """When :meth:`tick` is due."""
        return self._wakes

    def packet(self, packet: bytes) -> None:
        """The kernel routes a packet into the TUN, where it waits to be read; beyond 500 it is lost."""
        if len(self._tun) < TUN_QUEUE:
            self._tun.append(packet)

    def datagram(self, now: float, data: bytes, path: Path) -> list[Output]:
        """A datagram arrives at the port."""
        if self.state is State.WAITING:
            return self._get_tunnel(now, data, path)
        if self.client is None or path.remote != self.client.remote:
            return [PortUnreachable(path)]
        self._queue.append(data[:BUFFER])
        return []

    def tick(self, now: float) -> list[Output]:
        """Wake, and do turns of the loop until the next sleep."""
        if now < self._wakes:
            return []
        outputs = self._after_sleep()
        while self.state is State.SESSION and (turn := self._turn()) is not None:
            outputs += turn
        self._wakes = woken(now) if self.state is State.SESSION else inf
        return outputs

    def _get_tunnel(self, now: float, data: bytes, path: Path) -> list[Output]:
        """It blocks in recvfrom, so a datagram is handled as it comes."""
        taken = data[:_HANDSHAKE_BUFFER]
        if not taken:  # recvfrom gives 0, which the program takes for an error
            self.state = State.EXITED
            return [Says("Cannot create tunnels")]
        self.overruns += len(taken) == _HANDSHAKE_BUFFER  # packet[n] = 0
        if taken[0] or taken[1:].partition(b"\0")[0] != self._secret:
            return []
        self.state, self.client, self.timer = State.SESSION, path, 0
        self._queue.clear()
        reply = Send(self._reply, path)
        outputs: list[Output] = [Says("Here comes a new tunnel"), *[reply] * COPIES]
        while (turn := self._turn()) is not None:
            outputs += turn
        self._wakes = woken(now)
        return outputs

    def _turn(self) -> list[Output] | None:
        """One turn of the loop; None if there was nothing to do."""
        assert self.client
        outputs: list[Output] = []
        busy = False
        if self._tun:
            outputs.append(Send(self._tun.popleft()[:BUFFER], self.client))
            busy, self.timer = True, max(self.timer, 1)
        if self._queue:
            data = self._queue.popleft()
            if not data:
                return [*outputs, self._break()]
            if data[0]:
                outputs.append(Deliver(data))
            busy, self.timer = True, min(self.timer, 0)
        return outputs if busy else None

    def _after_sleep(self) -> list[Output]:
        assert self.client
        self.timer += _STEP if self.timer > 0 else -_STEP
        outputs: list[Output] = []
        if self.timer < _SAY_KEEPALIVE:
            outputs += [Send(KEEPALIVE, self.client)] * COPIES
            self.timer = 1
        if self.timer > _GIVE_UP:
            outputs.append(self._break())
        return outputs

    def _break(self) -> Says:
        """What waits at the socket is lost with it; what waits in the TUN is for the next client."""
        self.state, self.client = State.WAITING, None
        self._queue.clear()
        return Says("The tunnel is broken")
