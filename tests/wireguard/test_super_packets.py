"""Super-packets through the whole tunnel: cut, sealed, opened, joined, and the same bytes again."""

from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.ip.packets import TCP, UDP, Flow, flows, payload_of, without_meaning
from tests.wireguard.tunnelled import Tunnel


@cache
def tunnel() -> Tunnel:
    """One for the whole run: what lay in its trains before must not matter."""
    return Tunnel()


@given(
    flow=flows(plain=True),
    step=st.integers(1, 1400),
    more=st.integers(0, 300),
    tail=st.integers(1, 1400),
    mtu=st.sampled_from([0, 1280, 1419, 1420, 9000]),
)
@example(Flow(), 1368, 46, 1368, 1420)
def test_random_super_packets_come_out_with_the_same_bytes(
    flow: Flow, step: int, more: int, tail: int, mtu: int
) -> None:
    payload = payload_of(min(more * step + min(tail, step), 65535 - flow.begin), step)
    expected = flow.segments(payload, step)
    cut, found = tunnel().carry(*flow.super_packet(payload, step), mtu)
    assert cut == expected
    came = [packet for joined in found for packet in joined]
    assert [*map(without_meaning, came)] == [*map(without_meaning, expected)]


@given(flow=flows(), step=st.integers(1, 3000), size=st.integers(1, 9000))
def test_so_do_those_that_nobody_may_join(flow: Flow, step: int, size: int) -> None:
    payload = payload_of(size, step)
    expected = flow.segments(payload, step)
    cut, found = tunnel().carry(*flow.super_packet(payload, step), 1420)
    assert cut == expected
    came = [packet for joined in found for packet in joined]
    assert [*map(without_meaning, came)] == [*map(without_meaning, expected)]


@pytest.mark.parametrize("mtu", [1419, 1420])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_full_super_packet_comes_out_as_one(version: int, protocol: int, mtu: int) -> None:
    """Of packets as long as the MTU, which leaves no padding behind them; an odd one too."""
    flow = Flow(version=version, protocol=protocol)
    step = mtu - flow.begin
    _, found = tunnel().carry(*flow.super_packet(payload_of(45 * step), step), mtu)
    assert [len(joined) for joined in found] == [45]
