"""A packet that goes nowhere is answered by ICMP at once, as the kernel's ``wg_xmit`` does."""

import pytest

from glasstunnel.ip import icmp, ipv4, ipv6
from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Drop, Refused, Staged
from tests.wireguard.pair import Pair, answer, packet


def test_a_packet_for_which_there_is_no_peer_is_answered_with_host_unreachable(pair: Pair) -> None:
    lost = packet(destination="10.9.9.9")
    assert isinstance(pair.send(pair.left, lost), Refused)
    (report,) = pair.left.reports
    outer = ipv4.Packet(report)
    message = icmp.Message(outer.payload)
    assert (outer.source, outer.destination) == (parse_address("10.9.9.9"), parse_address("10.0.0.1"))
    assert (message.type, message.code) == (3, 1)  # RFC 792: destination unreachable, host
    assert message.checksum_ok()
    assert bytes(message.body) == lost


def test_an_ipv6_packet_for_which_there_is_no_peer_is_answered_with_address_unreachable(pair: Pair) -> None:
    lost = packet("lost", "fd00::1", "fd99::9")
    assert isinstance(pair.send(pair.left, lost), Refused)
    (report,) = pair.left.reports
    outer = ipv6.Packet(report)
    message = icmp.Message(outer.payload)
    assert (outer.source, outer.destination) == (parse_address("fd99::9"), parse_address("fd00::1"))
    assert (message.type, message.code) == (1, 3)  # RFC 4443: destination unreachable, address
    assert message.checksum_ok(outer.source, outer.destination)
    assert bytes(message.body) == lost


def test_a_packet_for_a_peer_without_an_endpoint_is_answered_too(pair: Pair) -> None:
    result = pair.send(pair.right, answer())
    assert result == Refused(Drop.NO_ENDPOINT, pair.right.reports)
    assert icmp.Message(ipv4.Packet(pair.right.reports[0]).payload).code == 1


def test_a_packet_that_waits_for_a_session_is_not_answered(pair: Pair) -> None:
    assert isinstance(pair.send(pair.left, packet()), Staged)
    assert pair.left.reports == []


def test_an_error_is_never_answered_by_an_error(pair: Pair) -> None:
    pair.send(pair.left, packet(destination="10.9.9.9"))
    error = pair.left.reports.pop()
    header = ipv4.Header(source=parse_address("10.0.0.1"), destination=parse_address("10.9.9.9"), protocol=1)
    assert pair.send(pair.left, header.build(ipv4.Packet(error).payload)) == Refused(Drop.NO_ROUTE)
    assert pair.send(pair.left, packet(destination="224.0.0.1")) == Refused(Drop.NO_ROUTE)
    assert pair.left.reports == []


def test_each_packet_of_a_burst_is_answered_and_stays_what_it_was() -> None:
    lost = [packet(text, destination="10.9.9.9") for text in ("one", "two", "three")]
    burst = Burst(3, 1420)
    for one in lost:
        burst.add_packet(one)
    result = Device().seal(0.0, burst, parse_address("10.9.9.9"), 1420)
    assert isinstance(result, Refused)
    assert result.reason == Drop.NO_ROUTE
    assert [bytes(ipv4.Packet(report).payload)[8:] for report in result.reports] == lost
    assert [bytes(one) for one in burst.packets()] == lost


def test_reports_are_limited_to_fifty_at_once_and_a_thousand_a_second() -> None:
    """The limits of Linux, sysctl icmp_msgs_burst and icmp_msgs_per_sec."""
    device, burst = Device(), Burst(100, 1420)

    def reports(now: float) -> int:
        burst.n = 0
        for n in range(100):
            burst.add_packet(packet(str(n), destination="10.9.9.9"))
        result = device.seal(now, burst, parse_address("10.9.9.9"), 1420)
        assert isinstance(result, Refused)
        return len(result.reports)

    assert [reports(now) for now in (1000.0, 1000.0, 1000.03125, 1060.0)] == [50, 0, 31, 50]
    assert device.drops == {Drop.NO_ROUTE: 400}


@pytest.mark.parametrize("mtu", [1280, 129])
def test_a_report_may_be_longer_than_the_packets_that_the_burst_has_room_for(mtu: int) -> None:
    lost = packet("x" * (mtu - 40), "fd00::1", "fd99::9")
    burst = Burst(1, mtu)
    burst.add_packet(lost)
    result = Device().seal(0.0, burst, parse_address("fd99::9"), mtu)
    assert isinstance(result, Refused)
    (report,) = result.reports
    assert len(report) == min(1280, 40 + 8 + mtu)  # RFC 4443 §2.4 (c): as much as fits into the minimum MTU
    assert lost.startswith(report[48:])
