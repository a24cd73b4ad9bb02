"""The sample's client, faults and all: ToyVpnConnection.java seen from outside.

Rule: see :mod:`~glasstunnel.toyvpn.sample`. Section: ToyVpnConnection.java @0278c48f; the names are its own.

The program keeps two times and **swaps them**: ``lastReceiveTime`` is set where it sends, ``lastSendTime``
where it receives. So it sends keepalives when it has *heard* nothing for 15 s, and ends when its TUN has
*given* nothing for 20 s, however much arrives. It ends by an exception that nobody catches, so the app
crashes and the loop that would reconnect is never reached. Both times are looked at only in a turn that
slept: a client that always has something to do lives on, and dies at its first rest.
"""

from collections import deque
from enum import Enum
from math import inf
from typing import Final

from glasstunnel.toyvpn.events import Path, Send
from glasstunnel.toyvpn.messages import BUFFER, COPIES, KEEPALIVE
from glasstunnel.toyvpn.sample import TUN_QUEUE, Deliver, Output, Says, woken
from glasstunnel.toyvpn.sample_parameters import Call, JavaError, configure

_HANDSHAKE_BUFFER: Final = 1024  # bytes
_LOOKS: Final = 50  # MAX_HANDSHAKE_ATTEMPTS
_ATTEMPTS: Final = 10
_RECONNECT_WAIT: Final = 3.0  # seconds
_KEEPALIVE_INTERVAL: Final = 15.0
_RECEIVE_TIMEOUT: Final = 20.0


class State(Enum):
    """What the program is doing."""

    HANDSHAKE = "in handshake"
    SESSION = "in the loop of run"
    SLEEPING = "between two attempts"
    STOPPED = "its thread has ended"
    CRASHED = "the app has crashed"


class SampleClient:
    """The program, told to connect to ``server`` with this ``secret``; :meth:`start` starts it."""

    def __init__(self, secret: bytes, server: Path) -> None:
        self._handshake = b"\0" + secret
        self._server = server
        self.state = State.STOPPED
        self.channels = 0
        """Sockets that it has opened: each attempt has a port of its own."""
        self.calls: list[Call] = []
        """Those of the builder, from the last reply."""
        self.last_send_time = self.last_receive_time = 0.0
        """As the program names them, in seconds."""
        self.sent = self.received = 0.0
        """When it has sent and received in truth."""
        self._attempt = self._looks = 0
        self._buffer = b""
        self._refused = False
        self._queue: deque[bytes] = deque()
        self._tun: deque[bytes] = deque()
        self._wakes = inf

    @property
    def deadline(self) -> float:
        """When :meth:`tick` is due."""
        return self._wakes

    def start(self, now: float) -> list[Output]:
        """The user taps Connect."""
        self._attempt = 0
        return self._open(now)

    def packet(self, packet: bytes) -> None:
        """The phone routes a packet into the TUN, if there is one."""
        if self.state is State.SESSION and len(self._tun) < TUN_QUEUE:
            self._tun.append(packet)

    def datagram(self, data: bytes) -> None:
        """A datagram of the server arrives at the port."""
        if self.state in (State.HANDSHAKE, State.SESSION):
            self._queue.append(data)

    def unreachable(self) -> None:
        """An ICMP port unreachable arrives: the next call of the socket throws."""
        self._refused = self.state in (State.HANDSHAKE, State.SESSION)

    def tick(self, now: float) -> list[Output]:
        """Wake, and go on until the next sleep."""
        if now < self._wakes:
            return []
        try:
            if self.state is State.SLEEPING:
                return self._open(now) if self._attempt < _ATTEMPTS else self._give_up()
            return self._look(now) if self.state is State.HANDSHAKE else self._loop(now)
        except JavaError as error:
            self.state = State.STOPPED if error.is_caught else State.CRASHED
            self._wakes = inf
            said = "Connection failed, exiting" if error.is_caught else "FATAL EXCEPTION"
            return [Says(f"{said}: {error}")]

    def _give_up(self) -> list[Output]:
        self.state, self._wakes = State.STOPPED, inf
        return [Says("Giving up")]

    # handshake

    def _open(self, now: float) -> list[Output]:
        self.channels += 1
        self.state, self._looks, self._buffer, self._refused = State.HANDSHAKE, 0, b"", False
        self._queue.clear()
        self._tun.clear()
        self._wakes, self.sent = woken(now), now
        if len(self._handshake) > _HANDSHAKE_BUFFER:
            self.state, self._wakes = State.CRASHED, inf
            return [Says("FATAL EXCEPTION: BufferOverflowException")]
        return [Send(self._handshake, self._server)] * COPIES

    def _look(self, now: float) -> list[Output]:
        if self._refused:
            return self._closed(now, connected=False)
        self._looks += 1
        self._wakes = woken(now)
        length = 0
        if self._queue:
            # The buffer is not cleared between two reads: what does not begin with 00 stays in front.
            taken = self._queue.popleft()[: _HANDSHAKE_BUFFER - len(self._buffer)]
            self._buffer, length = self._buffer + taken, len(taken)
        if length and not self._buffer[0]:
            self.received = now
            self.calls = configure(self._buffer[1:length])
            self.state = State.SESSION
            self.last_send_time = self.last_receive_time = now
            return [Says("New interface"), *self._turns(now)]
        if self._looks == _LOOKS:
            raise JavaError("IOException", "Timed out")
        return []

    # run

    def _loop(self, now: float) -> list[Output]:
        """After a sleep: look at the times, then do turns until there is nothing to do."""
        outputs: list[Output] = []
        if self.last_send_time + _KEEPALIVE_INTERVAL <= now:
            if self._refused:
                return self._closed(now, connected=True)
            outputs += [Send(KEEPALIVE, self._server)] * COPIES
            self.last_send_time = self.sent = now
        elif self.last_receive_time + _RECEIVE_TIMEOUT <= now:
            raise JavaError("IllegalStateException", "Timed out")
        return [*outputs, *self._turns(now)]

    def _turns(self, now: float) -> list[Output]:
        outputs: list[Output] = []
        idle = False
        while not idle:
            idle = True
            if self._refused:
                return [*outputs, *self._closed(now, connected=True)]
            if self._tun:
                outputs.append(Send(self._tun.popleft()[:BUFFER], self._server))
                idle, self.last_receive_time, self.sent = False, now, now
            if self._queue and (data := self._queue.popleft()[:BUFFER]):
                if data[0]:
                    outputs.append(Deliver(data))
                idle, self.last_send_time, self.received = False, now, now
        self._wakes = woken(now)
        return outputs

    def _closed(self, now: float, connected: bool) -> list[Output]:
        """A SocketException is caught, and the loop of ten attempts goes on."""
        self._attempt = 1 if connected else self._attempt + 1
        said: list[Output] = [Says("Cannot use socket: PortUnreachableException")]
        self.state, self._wakes = State.SLEEPING, now + _RECONNECT_WAIT
        return said
