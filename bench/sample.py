"""The models of Android's sample at work: between a real TUN, a real socket and a real clock.

    python -m bench.sample TUN PORT SECRET [OPTIONS]

acts as ToyVpnServer does, faults and all, and like it serves a TUN that is there already.
"""

import os
import select
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from glasstunnel.host.tun import Tun
from glasstunnel.toyvpn.events import Send
from glasstunnel.toyvpn.sample import Deliver, Output
from glasstunnel.toyvpn.sample_client import SampleClient
from glasstunnel.toyvpn.sample_server import SampleServer
from glasstunnel.wireguard.events import Path

_ANYTHING = 1 << 16  # bytes; longer is no datagram and no packet
_Address = tuple[str, int]


class World:
    """What a model has around it: ``tun``, a socket, the time; :meth:`run` lets it act until :meth:`stop`."""

    def __init__(
        self,
        tun: Tun,
        opened: socket.socket,
        deadline: Callable[[], float],
        datagram: Callable[[float, bytes, _Address], Sequence[Output] | None],
        packet: Callable[[bytes], None],
        tick: Callable[[float], Sequence[Output]],
        begin: Callable[[float], Sequence[Output]] = lambda _now: (),
    ) -> None:
        self.tun, self.socket = tun, opened
        self._deadline, self._datagram, self._packet, self._tick = deadline, datagram, packet, tick
        self._begin = begin
        self._end, self._stop = os.pipe()

    def run(self) -> None:
        """Act."""
        self._do(self._begin(time.monotonic()))
        fds = [self.socket.fileno(), self.tun.fd, self._end]
        while True:
            rest = max(0.0, self._deadline() - time.monotonic())
            ready, _, _ = select.select(fds, [], [], min(rest, 60.0))
            now = time.monotonic()
            if self._end in ready:
                return
            if self.socket.fileno() in ready:
                data, sender = self.socket.recvfrom(_ANYTHING)
                self._do(self._datagram(now, data, sender) or ())
            if self.tun.fd in ready:
                self._packet(os.read(self.tun.fd, _ANYTHING))
            self._do(self._tick(now))

    def stop(self) -> None:
        """Let :meth:`run` return; from any thread."""
        os.write(self._stop, b"\0")

    def close(self) -> None:
        """Close everything."""
        for fd in (self._end, self._stop):
            os.close(fd)
        self.socket.close()
        self.tun.close()

    def _do(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                self.socket.sendto(output.data, output.path.remote)
            elif isinstance(output, Deliver):
                with suppress(OSError):  # EIO while the interface is down
                    os.write(self.tun.fd, output.packet)


def server(model: SampleServer, tun: Tun, port: int) -> World:
    """The sample's server, on this UDP port of IPv4."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("", port))
    return World(
        tun,
        opened,
        lambda: model.deadline,
        lambda now, data, sender: model.datagram(now, data, Path(sender)),
        model.packet,
        model.tick,
    )


def client(model: SampleClient, tun: Tun) -> World:
    """The sample's client."""
    return World(
        tun,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        lambda: model.deadline,
        lambda _now, data, _sender: model.datagram(data),
        model.packet,
        model.tick,
        model.start,
    )


def main(words: Sequence[str]) -> None:
    """Be the server."""
    name, port, secret, *arguments = words
    model = SampleServer(secret.encode(), [word.encode() for word in arguments])
    server(model, Tun(name, attach=True), int(port)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
