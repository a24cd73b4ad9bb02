"""Destination unreachable: its form, and every rule that forbids it (RFC 1122, RFC 1812, RFC 4443)."""

import pytest

from glasstunnel.ip import PacketError, icmp, ipv4, ipv6, udp
from glasstunnel.ip.address import parse_address
from glasstunnel.ip.unreachable import host_unreachable
from tests.ip import captured

A4, B4 = parse_address("10.0.0.1"), parse_address("10.9.9.9")
A6, B6 = parse_address("fd00::1"), parse_address("fd09::9")


def packet_v4(payload: bytes = bytes(8), **fields: object) -> bytes:
    header: dict[str, object] = {"source": A4, "destination": B4, "protocol": 17} | fields
    return ipv4.Header(**header).build(payload)  # type: ignore[arg-type]


def packet_v6(payload: bytes = bytes(8), **fields: object) -> bytes:
    header: dict[str, object] = {"source": A6, "destination": B6, "next_header": 17} | fields
    return ipv6.Header(**header).build(payload)  # type: ignore[arg-type]


def test_the_report_is_the_one_that_the_kernels_router_sent() -> None:
    theirs = ipv4.Packet(captured.HOST_UNREACHABLE_V4)
    undeliverable = icmp.Message(theirs.payload).body  # as it was after the router had counted its TTL down
    report = host_unreachable(undeliverable, theirs.source)
    assert report is not None
    ours = ipv4.Packet(report)
    assert ours.payload == theirs.payload
    assert (ours.source, ours.destination) == (theirs.source, theirs.destination)
    assert ours.dscp == theirs.dscp == 0xC0 >> 2  # precedence 6, RFC 1812 section 4.3.2.5
    assert ours.checksum_ok


def test_the_report_of_ipv6_differs_from_the_kernels_router_only_in_the_code() -> None:
    theirs = ipv6.Packet(captured.UNREACHABLE_V6)
    message = icmp.Message(theirs.payload)
    report = host_unreachable(message.body, theirs.source)
    assert report is not None
    ours = ipv6.Packet(report)
    code = 3  # RFC 4443 section 3.1: address unreachable; an unreachable route gives another one
    expected = icmp.build(message.type, code, message.rest, message.body, ours.source, ours.destination)
    assert message.type == 1
    assert ours.payload == expected
    assert (ours.source, ours.destination) == (theirs.source, theirs.destination)


def test_ipv4_reports_code_1_and_as_much_of_the_packet_as_576_bytes_allow() -> None:
    for size in (0, 1, 520, 521, 1400):
        packet = packet_v4(bytes(size))
        report = host_unreachable(packet, B4)
        assert report is not None
        message = icmp.Message(ipv4.Packet(report).payload)
        assert (message.type, message.code, message.rest) == (3, 1, bytes(4))
        assert message.body == packet[: 576 - 28]
        assert message.checksum_ok()
        assert len(report) <= 576


def test_ipv6_reports_code_3_and_as_much_of_the_packet_as_1280_bytes_allow() -> None:
    for size in (0, 1, 1192, 1193, 1400):
        packet = packet_v6(bytes(size))
        report = host_unreachable(packet, B6)
        assert report is not None
        outer = ipv6.Packet(report)
        message = icmp.Message(outer.payload)
        assert (message.type, message.code, message.rest) == (1, 3, bytes(4))
        assert message.body == packet[: 1280 - 48]
        assert message.checksum_ok(outer.source, outer.destination)
        assert len(report) <= 1280


def test_padding_behind_the_packet_is_not_quoted() -> None:
    assert host_unreachable(packet_v4() + bytes(9), B4) == host_unreachable(packet_v4(), B4)


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])  # RFC 1122 section 3.2.2: the error messages
def test_an_icmp_error_is_never_answered_by_an_error(kind: int) -> None:
    assert host_unreachable(packet_v4(icmp.build(kind, 0, bytes(4), b""), protocol=1), B4) is None


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 100, 127, 137])  # RFC 4443 section 2.4 (e.1, e.2)
def test_an_icmpv6_error_or_redirect_is_never_answered_by_an_error(kind: int) -> None:
    message = icmp.build(kind, 0, bytes(4), b"", A6, B6)
    assert host_unreachable(packet_v6(message, next_header=58), B6) is None
    behind = packet_v6(bytes((58, 0, 1, 4)) + bytes(4) + message, next_header=60)
    assert host_unreachable(behind, B6) is None


def test_an_icmp_message_too_short_to_tell_its_type_is_not_answered() -> None:
    assert host_unreachable(packet_v4(b"", protocol=1), B4) is None
    assert host_unreachable(packet_v6(b"", next_header=58), B6) is None


def test_an_echo_request_is_answered() -> None:
    assert host_unreachable(captured.TO_NOBODY_V4, B4) is not None
    assert host_unreachable(captured.TO_NOBODY_V6, B6) is not None


@pytest.mark.parametrize("source", ["0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255", "250.1.2.3"])
def test_a_source_that_is_no_single_host_gets_no_report(source: str) -> None:
    assert host_unreachable(packet_v4(source=parse_address(source)), B4) is None


@pytest.mark.parametrize("source", ["::", "::1", "ff02::1"])
def test_a_source_that_is_no_single_host_gets_no_report_over_ipv6(source: str) -> None:
    assert host_unreachable(packet_v6(source=parse_address(source)), B6) is None


@pytest.mark.parametrize("destination", ["224.0.0.251", "255.255.255.255"])
def test_a_packet_for_many_hosts_is_not_reported(destination: str) -> None:
    assert host_unreachable(packet_v4(destination=parse_address(destination)), B4) is None


def test_a_multicast_packet_is_not_reported_over_ipv6() -> None:
    assert host_unreachable(packet_v6(destination=parse_address("ff02::fb")), B6) is None
    assert host_unreachable(captured.LISTENER_REPORT, B6) is None


def test_only_the_first_fragment_is_reported() -> None:
    assert host_unreachable(packet_v4(more_fragments=True), B4) is not None
    assert host_unreachable(packet_v4(more_fragments=True, fragment_offset=8), B4) is None
    assert host_unreachable(captured.LAST_FRAGMENT_V4, B4) is None
    first = packet_v6(bytes((17, 0, 0, 1)) + bytes(12), next_header=44)
    assert host_unreachable(first, B6) is not None
    assert host_unreachable(captured.LAST_FRAGMENT_V6, B6) is None


def test_what_is_no_packet_is_not_reported() -> None:
    for data in (b"", b"\x45", b"\x60", bytes(60), packet_v6(b"", next_header=0)):
        assert host_unreachable(data, B4) is None


def test_a_report_goes_out_from_an_address_of_the_packets_family() -> None:
    with pytest.raises(PacketError, match="ICMP source: expected 4 bytes, got 16"):
        host_unreachable(packet_v4(), B6)
    with pytest.raises(PacketError, match="ICMP source: expected 16 bytes, got 4"):
        host_unreachable(packet_v6(), B4)


def test_the_report_lets_the_sender_find_its_socket() -> None:
    datagram = udp.Header(40000, 53).build(b"question", A4, B4)
    report = host_unreachable(packet_v4(datagram), B4)
    assert report is not None
    quoted = ipv4.Packet(icmp.Message(ipv4.Packet(report).payload).body)
    assert udp.Datagram(quoted.payload).source_port == 40000
