"""The observer that writes capture files and key logs."""

import logging
import stat
import struct
from pathlib import Path as File

import pytest

from glasstunnel.capture import keylog
from glasstunnel.host.capture import Capture, wrapped
from glasstunnel.host.errors import HostError
from glasstunnel.ip import ipv4, ipv6, udp
from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import KeyLog, Path
from glasstunnel.wireguard.handshake import NO_PSK

KEY = b"\x48" * 32  # clamped already
REMOTE = Path(("127.0.0.1", 5555))
PACKET, SECRETS = 6, 10


def blocks(file: File) -> list[tuple[int, bytes]]:
    """Type and body of each block of a capture."""
    data, found = file.read_bytes(), []
    while data:
        kind, length = struct.unpack_from("<II", data)
        found.append((kind, data[8 : length - 4]))
        data = data[length:]
    return found


def packets(file: File) -> list[tuple[int, bytes]]:
    """Interface and bytes of each packet."""
    bodies = [body for kind, body in blocks(file) if kind == PACKET]
    heads = [struct.unpack_from("<IIIII", body) for body in bodies]
    return [(head[0], body[20 : 20 + head[3]]) for head, body in zip(heads, bodies, strict=True)]


@pytest.fixture
def device() -> Device:
    device = Device(KEY)
    device.listen_port = 51820
    return device


def a_key_log(device: Device) -> KeyLog:
    peer = device.add_peer(b"\x09" + bytes(31))
    return KeyLog(peer, KEY, b"\2" * 32, NO_PSK)


def test_datagrams_stand_outside_with_headers_and_packets_inside(device: Device, tmp_path: File) -> None:
    file = tmp_path / "capture.pcapng"
    capture = Capture(device, file, None)
    capture.packet_out(0.0, memoryview(b"inner, going out"))
    capture.datagram_out(0.0, memoryview(b"sealed"), REMOTE, 0x88)
    capture.datagram_in(0.0, b"sealed too", REMOTE, 1)
    capture.packet_in(0.0, memoryview(b"inner, coming in"))
    capture.close()
    first, out, back, last = packets(file)
    assert (first, last) == ((1, b"inner, going out"), (1, b"inner, coming in"))
    for (interface, data), ports, tos, payload in (
        (out, (51820, 5555), 0x88, b"sealed"),
        (back, (5555, 51820), 1, b"sealed too"),
    ):
        packet = ipv4.Packet(data)
        datagram = udp.Datagram(packet.payload)
        assert interface == 0
        assert packet.checksum_ok
        assert (packet.dscp << 2 | packet.ecn) == tos
        assert packet.source == packet.destination == parse_address("127.0.0.1")
        assert datagram.checksum_ok(packet.source, packet.destination)
        assert (datagram.source_port, datagram.destination_port) == ports
        assert bytes(datagram.payload) == payload


def test_the_address_of_a_path_goes_before_what_the_system_would_choose(
    device: Device, tmp_path: File
) -> None:
    file = tmp_path / "capture.pcapng"
    capture = Capture(device, file, None)
    capture.datagram_out(0.0, b"", Path(("192.0.2.2", 1), local="192.0.2.1"), 0)
    capture.datagram_out(0.0, b"", Path(("255.255.255.255", 1)), 0)  # there is no way to it for us
    capture.close()
    sources = [bytes(ipv4.Packet(data).source) for _, data in packets(file)]
    assert sources == [parse_address("192.0.2.1"), bytes(4)]


def test_a_datagram_over_ipv6_is_wrapped_without_the_scope() -> None:
    packet = ipv6.Packet(wrapped(("fe80::1%eth0", 1), ("fe80::2%eth0", 2), b"data", 0x89))
    assert (packet.source, packet.destination) == (parse_address("fe80::1"), parse_address("fe80::2"))
    assert (packet.dscp, packet.ecn) == (34, 1)


def test_keys_go_to_both_files_before_what_they_open(device: Device, tmp_path: File) -> None:
    file, keys = tmp_path / "capture.pcapng", tmp_path / "keys"
    capture = Capture(device, file, keys)
    states = [device.key_log]
    event = a_key_log(device)
    capture.datagram_in(0.0, b"an initiation", REMOTE, 0)
    capture.event(0.0, event)
    capture.datagram_out(0.0, b"a response", REMOTE, 0)
    capture.close()
    assert [*states, device.key_log] == [True, False]
    lines = keylog.handshake(
        static_private=KEY,
        remote_static=event.peer.public_key,
        ephemeral_private=b"\2" * 32,
        preshared_key=NO_PSK,
    )
    assert keys.read_text() == keylog.identity(KEY) + lines
    assert [kind for kind, _ in blocks(file)][3:] == [SECRETS, PACKET, SECRETS, PACKET]


def test_without_a_key_log_no_key_is_asked_for_or_written(device: Device, tmp_path: File) -> None:
    file = tmp_path / "capture.pcapng"
    capture = Capture(device, file, None)
    assert not device.key_log
    capture.datagram_in(0.0, b"an initiation", REMOTE, 0)
    capture.event(0.0, a_key_log(device))
    capture.close()
    assert SECRETS not in [kind for kind, _ in blocks(file)]
    assert KEY not in file.read_bytes()


def test_a_key_log_alone_makes_no_capture(device: Device, tmp_path: File) -> None:
    keys = tmp_path / "keys"
    capture = Capture(device, None, keys)
    capture.packet_out(0.0, memoryview(b"a packet"))
    capture.datagram_out(0.0, b"sealed", REMOTE, 0)
    capture.event(0.0, a_key_log(device))
    capture.close()
    assert [line.split(" = ")[0] for line in keys.read_text().splitlines()] == [
        "LOCAL_STATIC_PRIVATE_KEY",
        "REMOTE_STATIC_PUBLIC_KEY",
        "LOCAL_EPHEMERAL_PRIVATE_KEY",
        "PRESHARED_KEY",
    ]
    assert list(tmp_path.iterdir()) == [keys]


def test_the_files_are_their_owners_alone_even_if_they_were_there(device: Device, tmp_path: File) -> None:
    file, keys = tmp_path / "capture.pcapng", tmp_path / "keys"
    keys.write_text("an old key log\n")
    keys.chmod(0o644)
    Capture(device, file, keys).close()
    for written in (file, keys):
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert keys.read_text() == ""


def test_a_file_that_cannot_be_written_is_named(device: Device, tmp_path: File) -> None:
    for files in ((tmp_path, None), (None, tmp_path / "no" / "keys"), (tmp_path / "capture", tmp_path)):
        with pytest.raises(HostError, match=f"cannot write to {tmp_path}"):
            Capture(device, *files)
        assert not device.key_log


def test_a_full_disk_ends_the_capture_and_not_the_tunnel(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        capture = Capture(device, File("/dev/full"), None)
        capture.packet_out(0.0, memoryview(b"a packet"))
        capture.datagram_out(0.0, b"sealed", REMOTE, 0)
    assert caplog.messages == ["nothing more is written to /dev/full: No space left on device"]
    capture.close()
    capture.close()


def test_a_datagram_that_udp_cannot_carry_is_left_out(device: Device, tmp_path: File) -> None:
    file = tmp_path / "capture.pcapng"
    capture = Capture(device, file, None)
    capture.datagram_out(0.0, bytes(65508), REMOTE, 0)
    capture.datagram_out(0.0, bytes(65507), REMOTE, 0)
    capture.close()
    assert [len(data) for _, data in packets(file)] == [65535]


def test_what_is_written_is_there_at_once(device: Device, tmp_path: File) -> None:
    """Wireshark may follow it; and a killed process leaves a file that can be read."""
    file = tmp_path / "capture.pcapng"
    capture = Capture(device, file, None)
    capture.packet_in(0.0, memoryview(b"a packet"))
    assert packets(file) == [(1, b"a packet")]
    capture.close()


def test_a_device_that_gets_its_key_later_is_logged_then(tmp_path: File) -> None:
    keys = tmp_path / "keys"
    device = Device()
    capture = Capture(device, None, keys)
    capture.datagram_in(0.0, b"", REMOTE, 0)
    assert keys.read_text() == ""
    for key in (KEY, KEY, b"\x50" * 32):
        device.set_private_key(key)
        capture.datagram_in(0.0, b"", REMOTE, 0)
    capture.close()
    assert keys.read_text() == keylog.identity(KEY) + keylog.identity(b"\x50" * 32)
