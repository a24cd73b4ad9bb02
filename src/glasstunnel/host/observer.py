"""What a tunnel tells whoever wants to watch it: the demo, a capture, a test.

Rule: an observer sees everything and changes nothing; where there is none, nothing is spent on it. A
memoryview that is handed over is valid during the call only: the buffer behind it is used again.
"""

from glasstunnel.wireguard.events import Event, Path


class Observer:
    """Does nothing; override what you want to see. ``now`` is seconds of CLOCK_BOOTTIME."""

    def packet_out(self, now: float, packet: memoryview) -> None:
        """An IP packet came from the TUN and is about to be sealed."""

    def datagram_out(self, now: float, datagram: bytes | memoryview, path: Path, tos: int) -> None:
        """A datagram is about to be sent along ``path`` with this traffic class byte."""

    def datagram_in(self, now: float, datagram: bytes | memoryview, path: Path, ecn: int) -> None:
        """A datagram arrived on ``path``, with these ECN bits; nothing is known of it yet."""

    def packet_in(self, now: float, packet: memoryview) -> None:
        """An IP packet was found authentic and is about to be written to the TUN."""

    def event(self, now: float, event: Event) -> None:
        """The core said something; what it wants to be sent is shown as ``datagram_out`` too."""

    def close(self) -> None:
        """The tunnel has ended."""
