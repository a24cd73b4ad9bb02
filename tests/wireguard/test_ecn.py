"""Congestion marks, RFC 6040 figure 4 and RFC 3168 §9.1.1."""

import pytest

from glasstunnel.ip import ipv4
from glasstunnel.ip.packet import ecn
from glasstunnel.wireguard.ecn import decapsulate, encapsulate
from tests.wireguard.pair import packet

NOT_ECT, ECT_1, ECT_0, CE = 0, 1, 2, 3
FAMILIES = [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")]


@pytest.mark.parametrize(
    ("inner", "outer"), [(NOT_ECT, NOT_ECT), (ECT_0, ECT_0), (ECT_1, ECT_1), (CE, ECT_0)]
)
def test_the_outer_header_takes_the_inner_bits_and_begins_anew_where_they_were_marked(
    inner: int, outer: int
) -> None:
    assert encapsulate(inner) == outer


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("inner", [NOT_ECT, ECT_0, ECT_1, CE])
@pytest.mark.parametrize("outer", [NOT_ECT, ECT_0])
def test_without_a_mark_outside_the_packet_stays_as_it_is(
    family: tuple[str, str], inner: int, outer: int
) -> None:
    data = bytearray(packet("x", *family, ecn=inner))
    assert decapsulate(memoryview(data), outer)
    assert bytes(data) == packet("x", *family, ecn=inner)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("inner", [ECT_0, ECT_1, CE])
def test_a_mark_outside_reaches_a_packet_that_can_carry_it(family: tuple[str, str], inner: int) -> None:
    data = bytearray(packet("x", *family, ecn=inner))
    assert decapsulate(memoryview(data), CE)
    assert ecn(data) == CE
    assert bytes(data) == packet("x", *family, ecn=CE)
    assert len(family[0]) != 8 or ipv4.Packet(data).checksum_ok


@pytest.mark.parametrize("family", FAMILIES)
def test_a_mark_outside_drops_a_packet_that_cannot_carry_it(family: tuple[str, str]) -> None:
    assert not decapsulate(memoryview(bytearray(packet("x", *family, ecn=NOT_ECT))), CE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("inner", "after"), [(NOT_ECT, NOT_ECT), (ECT_0, ECT_1), (ECT_1, ECT_1), (CE, CE)])
def test_ect_1_outside_reaches_a_packet_of_ect_0(family: tuple[str, str], inner: int, after: int) -> None:
    data = bytearray(packet("x", *family, ecn=inner))
    assert decapsulate(memoryview(data), ECT_1)
    assert bytes(data) == packet("x", *family, ecn=after)
