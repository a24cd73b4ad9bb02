"""ICMP port unreachable, as the kernel writes it for a closed port."""

import pytest

from glasstunnel.ip import PacketError, icmp, ipv4, ipv6, udp
from glasstunnel.ip.address import parse_address
from glasstunnel.toyvpn.refusal import parse_port_unreachable, port_unreachable


def test_it_quotes_the_headers_by_which_the_senders_kernel_finds_its_socket() -> None:
    message = icmp.Message(port_unreachable(("192.0.2.1", 1111), ("198.51.100.1", 8000)))
    assert (message.type, message.code, message.checksum_ok()) == (3, 3, True)
    quoted = ipv4.Packet(message.body)
    assert (quoted.source, quoted.destination) == (parse_address("192.0.2.1"), parse_address("198.51.100.1"))
    header = udp.Datagram(quoted.payload)
    assert (header.source_port, header.destination_port) == (1111, 8000)


def test_the_same_for_ipv6() -> None:
    client, server = parse_address("fe80::1"), parse_address("2001:db8::1")
    message = icmp.Message(port_unreachable(("fe80::1%eth0", 1111), ("2001:db8::1", 8000)))
    assert (message.type, message.code, message.checksum_ok(server, client)) == (1, 4, True)
    quoted = ipv6.Packet(message.body)
    assert (quoted.source, quoted.destination, quoted.next_header) == (client, server, 17)
    assert udp.Datagram(quoted.payload).source_port == 1111


def test_a_name_is_no_address() -> None:
    with pytest.raises(PacketError):
        port_unreachable(("phone.test", 1), ("192.0.2.1", 2))


@pytest.mark.parametrize(
    ("family", "client", "server"),
    [(4, ("192.0.2.1", 1111), ("198.51.100.1", 8000)), (6, ("2001:db8::2", 1), ("2001:db8::1", 65535))],
)
def test_who_is_refused_and_by_whom_is_read_back(
    family: int, client: tuple[str, int], server: tuple[str, int]
) -> None:
    message = port_unreachable(client, server)
    assert parse_port_unreachable(message, family) == (client, server)
    assert parse_port_unreachable(message + bytes(500), family) == (client, server)


@pytest.mark.parametrize("family", [4, 6])
def test_any_other_message_is_none(family: int) -> None:
    """Another kind, another code, another protocol, and whatever ends too early."""
    host = {4: "192.0.2.1", 6: "2001:db8::1"}[family]
    message = port_unreachable((host, 1), (host, 2))
    protocol = 8 + {4: 9, 6: 6}[family]
    for place in (0, 1, protocol):
        other = bytearray(message)
        other[place] ^= 1
        assert parse_port_unreachable(bytes(other), family) is None
    whole = {4: 8 + 20 + 4, 6: 8 + 40 + 4}[family]
    for size in range(whole):
        assert parse_port_unreachable(message[:size], family) is None
