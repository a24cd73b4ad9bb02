"""The fast path on a network that reorders, repeats and damages: nothing is lost, nothing joined wrongly."""

from collections import Counter
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glasstunnel.host.loop import Loop
from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard.events import Drop, Path
from tests.host.relay import Relay
from tests.host.superpackets import segments, super_packet, tcp_packet, udp_packet
from tests.host.test_tunnel import Pair

ADDRESSES = {
    4: (parse_address("10.0.0.1"), parse_address("10.0.0.2")),
    6: (parse_address("fd00::1"), parse_address("fd00::2")),
}


def hello(number: int) -> bytes:
    return udp_packet(*ADDRESSES[4], b"hello", port=number)


@st.composite
def super_packets(draw: st.DrawFn) -> tuple[bytes, int]:
    """Of one of two flows, whose segments may follow each other, and the payload of a segment."""
    addresses, step = ADDRESSES[draw(st.sampled_from([4, 6]))], draw(st.sampled_from([536, 1000, 1348]))
    number, size = draw(st.integers(0, 3)), draw(st.integers(2 * step, 9000))
    payload = bytes([number]) * (size // 2) + bytes([255 - number]) * (size - size // 2)
    if draw(st.booleans()):
        return tcp_packet(*addresses, payload, sequence=9000 * number), step
    return udp_packet(*addresses, payload, port=5000 + number), step


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("joined", [False, True], ids=["alone", "joined"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(
    items=st.lists(super_packets(), min_size=1, max_size=4),
    seed=st.integers(0, 99),
    damaged=st.sampled_from([0.0, 0.0, 0.2]),
)
def test_what_arrives_in_another_order_arrives_once_and_as_it_was(
    loop: Loop, host: str, joined: bool, items: list[tuple[bytes, int]], seed: int, damaged: float
) -> None:
    with closing(Pair(loop, host, offload=True)) as pair:
        left, right = pair.left, pair.right
        for end, address in ((left, "fd00::2"), (right, "fd00::1")):
            (peer,) = end.tunnel.device.peers.values()
            end.tunnel.device.allowed_ips.insert(parse_address(address), 128, peer)
        assert pair.carry(left, right, hello(1)) == [hello(1)]
        (to_right,) = left.tunnel.device.peers.values()
        with closing(
            Relay(host, (host, right.tunnel.udp.port), seed, twice=0.1, damaged=damaged, joined=joined)
        ) as relay:
            to_right.endpoint = Path(relay.address)
            loop.watch(relay.socket.fileno(), relay.pass_on)
            sent = [one for packet, step in items for one in segments(packet, step)]
            for packet, step in items:
                left.tun.kernel.send(super_packet(packet, step))
            drops, arrived = right.tunnel.device.drops, list[bytes]()

            def all_there() -> bool:
                arrived.extend(right.tun.written())
                return relay.passed >= len(sent) and len(arrived) + drops.total() == relay.passed

            pair.serve_until(all_there)
            loop.unwatch(relay.socket.fileno())
        assert set(drops) <= {Drop.REPLAYED, Drop.NOT_AUTHENTIC}
        lost = Counter(sent) - Counter(arrived)
        assert not Counter(arrived) - Counter(sent)
        assert lost.total() <= drops[Drop.NOT_AUTHENTIC]
        assert not right.tunnel.errors
