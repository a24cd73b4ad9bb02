"""Two devices on a perfect network, and packets for them."""

from glasstunnel.ip import ipv4, ipv6
from glasstunnel.ip.address import parse_address
from glasstunnel.sim import Delay, Node, World
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.peer import Peer

UDP = 17


class Pair(World):
    """``left`` knows where ``right`` is; ``right`` knows only left's key. One datagram takes 10 ms."""

    def __init__(self, seed: str = "pair", psk: bytes = bytes(32)) -> None:
        super().__init__(seed, [Delay(0.01)])
        self.left = self.add("left", ("192.0.2.1", 1111))
        self.right = self.add("right", ("192.0.2.2", 2222))
        self.to_right = self._introduce(self.left, self.right, "10.0.0.2", "fd00::2", psk)
        self.to_left = self._introduce(self.right, self.left, "10.0.0.1", "fd00::1", psk)
        self.to_right.endpoint = Path(self.right.address)

    def _introduce(self, to: Node, who: Node, ip4: str, ip6: str, psk: bytes) -> Peer:
        assert who.device.public_key is not None
        return to.device.add_peer(
            who.device.public_key,
            preshared_key=psk,
            allowed_ips=[(parse_address(ip4), 32), (parse_address(ip6), 128)],
        )

    def connect(self) -> None:
        """Let left's first packet make a session; afterwards both sides may send."""
        self.send(self.left, packet("first"))
        self.advance(1)
        assert self.right.inbox == [packet("first")]


def packet(
    text: str = "hello", source: str = "10.0.0.1", destination: str = "10.0.0.2", ecn: int = 0
) -> bytes:
    """An IP packet from left to right, unless said otherwise, with some text for payload."""
    start, end = parse_address(source), parse_address(destination)
    if len(start) == 16:
        return ipv6.Header(source=start, destination=end, next_header=UDP, ecn=ecn).build(text.encode())
    return ipv4.Header(source=start, destination=end, protocol=UDP, ecn=ecn).build(text.encode())


def answer(text: str = "hello") -> bytes:
    """An IP packet from right to left."""
    return packet(text, "10.0.0.2", "10.0.0.1")
