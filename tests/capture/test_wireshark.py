"""Wireshark's dissector opens what our devices say, with the keys that they log: an independent judge.

Two devices in the simulator, so everything is the same each time, to the byte.
"""

from base64 import b64encode
from dataclasses import replace
from pathlib import Path as File

import pytest

from glasstunnel.capture import keylog, pcapng
from glasstunnel.host.capture import key_lines, wrapped
from glasstunnel.ip import icmp, ipv4, ipv6
from glasstunnel.ip.address import parse_address
from glasstunnel.sim import Datagram, Delay, Node, World
from glasstunnel.wireguard.events import KeyLog, Path
from glasstunnel.wireguard.parameters import PARAMETERS, Parameters
from tests.capture.wireshark import (
    COOKIE_REPLY,
    DATA,
    INITIATION,
    RESPONSE,
    assert_nothing_is_wrong,
    dissect,
    of_type,
)

pytestmark = pytest.mark.interop

PORT = 51820
INNER = {4: ("10.0.0.1", "10.0.0.2"), 6: ("fd00::1", "fd00::2")}
OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
PSK = bytes(range(32))


class Recording:
    """Two devices, what they said, and the keys of one of them."""

    def __init__(
        self,
        logger: str,
        psk: bytes = bytes(32),
        inner: int = 4,
        outer: int = 4,
        parameters: Parameters = PARAMETERS,
    ) -> None:
        self.world = World("wireshark", [Delay(0.02)], parameters)
        self.inner = [parse_address(address) for address in INNER[inner]]
        self.nodes = [
            self.world.add(name, (address, PORT))
            for name, address in zip(("left", "right"), OUTER[outer], strict=True)
        ]
        for number, node in enumerate(self.nodes):
            other = self.nodes[1 - number]
            assert other.device.public_key is not None
            address = self.inner[1 - number]
            node.device.add_peer(
                other.device.public_key,
                preshared_key=psk,
                endpoint=Path(other.address) if number == 0 else None,
                allowed_ips=[(address, 8 * len(address))],
            )
            node.device.key_log = node.name == logger

    def ping(self, sender: int, sequence: int) -> None:
        source, destination = self.inner[sender], self.inner[1 - sender]
        message = icmp.Echo(identifier=7, sequence=sequence, data=b"through glass")
        if len(source) == 4:
            packet = ipv4.Header(source=source, destination=destination, protocol=icmp.PROTOCOL).build(
                message.build()
            )
        else:
            header = ipv6.Header(source=source, destination=destination, next_header=icmp.PROTOCOL_V6)
            packet = header.build(message.build(source, destination))
        self.world.send(self.nodes[sender], packet)
        self.world.advance(1)

    def converse(self) -> None:
        """Two minutes with data both ways, and with what comes after a rekey."""
        for sequence in range(4):
            self.ping(0, 2 * sequence)
            self.ping(1, 2 * sequence + 1)
            self.world.advance(45)

    def key_log(self) -> str:
        return "".join(lines for _, lines in self.keys())

    def keys(self) -> list[tuple[float, str]]:
        """The lines of the key log with their times."""
        found = []
        for node in self.nodes:
            if node.device.key_log and node.device.private_key:
                found.append((0.0, keylog.identity(node.device.private_key)))
                found += [(at, key_lines(event)) for at, event in node.history if isinstance(event, KeyLog)]
        return found

    def capture(self, *, with_secrets: bool) -> bytes:
        """All datagrams in the order of their sending; the keys of a handshake before its message."""
        written = [
            (sent.at, 1, pcapng.packet(0, self.nanoseconds(node, sent.at), self.outer(sent)))
            for node in self.nodes
            for sent in node.sent
        ]
        if with_secrets:
            written += [(at, 0, pcapng.secrets(lines.encode())) for at, lines in self.keys()]
        written.sort(key=lambda one: one[:2])
        head = pcapng.section_header("tests") + pcapng.interface("outer")
        return head + b"".join(block for _, _, block in written)

    @staticmethod
    def outer(sent: Datagram) -> bytes:
        return wrapped(sent.source, sent.destination, sent.data, sent.tos)

    @staticmethod
    def nanoseconds(node: Node, at: float) -> int:
        return 1_700_000_000 * 10**9 + round(at * 10**9)


@pytest.mark.parametrize("psk", [bytes(32), PSK], ids=["no-psk", "psk"])
@pytest.mark.parametrize("logger", ["left", "right"])
def test_wireshark_opens_handshakes_data_both_ways_and_a_rekey_with_the_keys_of_either_side(
    tmp_path: File, logger: str, psk: bytes
) -> None:
    recording = Recording(logger, psk)
    recording.converse()
    capture = tmp_path / "tunnel.pcapng"
    capture.write_bytes(recording.capture(with_secrets=True))
    rows = dissect(capture, PORT)
    assert_nothing_is_wrong(rows)
    assert len(of_type(rows, INITIATION)) == len(of_type(rows, RESPONSE)) == 2
    assert [row["icmp.seq"] for row in rows if "icmp.seq" in row] == [str(number) for number in range(8)]
    assert {row["ip.src"] for row in rows if "icmp.seq" in row} == {
        "192.0.2.1,10.0.0.1",
        "192.0.2.2,10.0.0.2",
    }


def test_wireshark_agrees_on_mac1_on_the_static_key_and_on_dscp(tmp_path: File) -> None:
    """It finds the receiver by mac1, opens the static key with the responder's, and reads AF41."""
    recording = Recording("right")
    recording.converse()
    capture = tmp_path / "tunnel.pcapng"
    capture.write_bytes(recording.capture(with_secrets=True))
    left, right = (b64encode(node.device.public_key or b"").decode() for node in recording.nodes)
    for row in of_type(dissect(capture, PORT), INITIATION):
        assert (row["wg.receiver_pubkey"], row["wg.static"], row["ip.dsfield.dscp"]) == (right, left, "34")


def test_a_cookie_reply_and_the_mac2_that_follows_are_well_formed_too(tmp_path: File) -> None:
    """Devices whose queue is so short that one message is a load: the second initiation gets in."""
    recording = Recording("right", PSK, parameters=replace(PARAMETERS, max_queued_handshakes=8))
    recording.ping(0, 0)
    recording.world.advance(10)
    capture = tmp_path / "tunnel.pcapng"
    capture.write_bytes(recording.capture(with_secrets=True))
    rows = dissect(capture, PORT)
    assert_nothing_is_wrong(rows)
    assert [row["wg.type"] for row in rows][:3] == [INITIATION, COOKIE_REPLY, INITIATION]
    first, second, *_ = (row["wg.mac2"] for row in of_type(rows, INITIATION))
    assert first == "0" * 32 != second
    assert any("icmp.type" in row for row in rows)


@pytest.mark.parametrize("inner", [4, 6], ids=["inner4", "inner6"])
@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_the_key_log_is_read_from_a_file_of_its_own_too(tmp_path: File, inner: int, outer: int) -> None:
    recording = Recording("left", PSK, inner, outer)
    recording.converse()
    capture, key_log = tmp_path / "tunnel.pcapng", tmp_path / "keys.txt"
    capture.write_bytes(recording.capture(with_secrets=False))
    key_log.write_text(recording.key_log())
    rows = dissect(capture, PORT, key_log)
    assert_nothing_is_wrong(rows)
    kind = "icmp.type" if inner == 4 else "icmpv6.type"
    assert sum(kind in row for row in rows) == 8


def test_without_keys_wireshark_sees_four_kinds_of_messages_and_nothing_else(tmp_path: File) -> None:
    recording = Recording("nobody")
    recording.converse()
    capture = tmp_path / "tunnel.pcapng"
    capture.write_bytes(recording.capture(with_secrets=True))
    rows = dissect(capture, PORT)
    assert recording.key_log() == ""
    assert {row["wg.type"] for row in rows} == {INITIATION, RESPONSE, DATA}
    assert not any("wg.handshake_ok" in row or "icmp.type" in row or "_ws.malformed" in row for row in rows)


def test_with_another_preshared_key_wireshark_opens_nothing(tmp_path: File) -> None:
    """So that the tests above can fail: the last key of four decides."""
    recording = Recording("left", PSK)
    recording.converse()
    capture, key_log = tmp_path / "tunnel.pcapng", tmp_path / "keys.txt"
    capture.write_bytes(recording.capture(with_secrets=False))
    key_log.write_text(recording.key_log().replace(b64encode(PSK).decode(), b64encode(bytes(32)).decode()))
    rows = dissect(capture, PORT, key_log)
    assert [row["wg.handshake_ok"] for row in of_type(rows, RESPONSE)] == ["0", "0"]
    assert not any("icmp.type" in row for row in rows)


def test_a_capture_and_its_keys_are_the_same_each_time() -> None:
    one, other = Recording("left", PSK), Recording("left", PSK)
    for recording in (one, other):
        recording.converse()
    assert one.capture(with_secrets=True) == other.capture(with_secrets=True)
