"""Datagrams to a peer that are packets for that same peer go nowhere; those for another peer pass."""

import pytest

from glasstunnel.ip import ipv4, ipv6, udp
from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Drop, Path, Refused, Staged

PORT, REMOTE_PORT = 51820, 5


def reached(address: str) -> Device:
    """A device with a peer at an address that leads through the peer itself."""
    device = Device(b"\1" * 32)
    device.listen_port = PORT
    everything = [(bytes(4), 0), (bytes(16), 0)]
    device.add_peer(b"\2" * 32, endpoint=Path((address, REMOTE_PORT)), allowed_ips=everything)
    return device


def datagram(destination: str, source_port: int = PORT, destination_port: int = REMOTE_PORT) -> bytes:
    """A packet with UDP in it."""
    end = parse_address(destination)
    start = parse_address("192.0.2.9" if len(end) == 4 else "2001:db8::9")
    payload = udp.Header(source_port, destination_port).build(b"sealed before", start, end)
    if len(end) == 4:
        return ipv4.Header(source=start, destination=end, protocol=udp.PROTOCOL).build(payload)
    return ipv6.Header(source=start, destination=end, next_header=udp.PROTOCOL).build(payload)


def sealed(device: Device, *packets: bytes) -> object:
    """What becomes of packets for one destination."""
    burst = Burst(len(packets), 1420)
    for one in packets:
        burst.add_packet(one)
    end = packets[0][16:20] if packets[0][0] >> 4 == 4 else packets[0][24:40]
    return device.seal(0.0, burst, end, 1420)


@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db8::1"])
def test_a_datagram_to_a_peer_through_that_same_peer_goes_nowhere(address: str) -> None:
    device = reached(address)
    assert sealed(device, datagram(address)) == Refused(Drop.LOOP)
    assert sealed(device, datagram(address, 1), datagram(address)) == Refused(Drop.LOOP)
    assert device.drops == {Drop.LOOP: 3}
    assert device.schedule.deadline > 0, "no handshake is wanted for it"


@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db8::1"])
def test_what_others_send_to_the_host_of_the_endpoint_passes(address: str) -> None:
    device = reached(address)
    for one in (datagram(address, source_port=1), datagram(address, destination_port=6)):
        assert isinstance(sealed(device, one), Staged)


@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db8::1"])
def test_a_datagram_to_a_peer_through_another_peer_passes(address: str) -> None:
    device = reached(address)
    device.add_peer(b"\3" * 32, endpoint=Path(("192.0.2.1", 9)), allowed_ips=[(parse_address(address), 32)])
    assert isinstance(sealed(device, datagram(address)), Staged)


def test_what_shows_no_ports_passes() -> None:
    """A later fragment, another protocol, a header that is cut short or cannot be believed."""
    four, six = parse_address("198.51.100.1"), parse_address("2001:db8::1")
    fragment = ipv4.Header(source=four, destination=four, protocol=udp.PROTOCOL, fragment_offset=8)
    other = ipv4.Header(source=four, destination=four, protocol=6)
    short = ipv4.Header(source=four, destination=four, protocol=udp.PROTOCOL)
    ports = PORT.to_bytes(2) + REMOTE_PORT.to_bytes(2) + bytes(4)
    for header, payload in ((fragment, ports), (other, ports), (short, ports[:3])):
        assert isinstance(sealed(reached("198.51.100.1"), header.build(payload)), Staged)
    options = ipv6.Header(source=six, destination=six, next_header=0)  # extension headers, which are missing
    assert isinstance(sealed(reached("2001:db8::1"), options.build(b"")), Staged)
