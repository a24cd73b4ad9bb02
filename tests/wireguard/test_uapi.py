"""The replies to ``get=1``, https://www.wireguard.com/xplatform/, and to our own ``drops=1``, as text."""

from glasstunnel.ip.address import parse_address
from glasstunnel.wireguard import uapi
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path
from tests.wireguard import paper
from tests.wireguard.pair import Pair, packet

PUBLIC = paper.pub(b"p" * 32)


def test_a_device_without_anything_is_an_errno() -> None:
    assert uapi.get(Device(), 0, 0) == "errno=0\n\n"


def test_a_device_and_its_peer_are_told_in_the_order_of_the_interface() -> None:
    device = Device(b"k" * 32)
    device.listen_port, device.fwmark = 51820, 0x10
    device.add_peer(
        PUBLIC,
        preshared_key=b"s" * 32,
        endpoint=Path(("2001:db8::1", 51821)),
        allowed_ips=[(parse_address("10.0.0.0"), 24), (parse_address("fd00::"), 8)],
        persistent_keepalive=25,
    )
    assert uapi.get(device, 100.0, 10**18).splitlines() == [
        "private_key=" + (b"h" + b"k" * 31).hex(),  # clamped: 0x6b & 248 is 0x68, and 0x6b & 127 | 64 is 0x6b
        "listen_port=51820",
        "fwmark=16",
        "public_key=" + PUBLIC.hex(),
        "preshared_key=" + (b"s" * 32).hex(),
        "protocol_version=1",
        "endpoint=[2001:db8::1]:51821",
        "last_handshake_time_sec=0",
        "last_handshake_time_nsec=0",
        "tx_bytes=0",
        "rx_bytes=0",
        "persistent_keepalive_interval=25",
        "allowed_ip=10.0.0.0/24",
        "allowed_ip=fd00::/8",
        "errno=0",
        "",
    ]


def test_the_last_handshake_is_told_as_a_time_of_day(pair: Pair) -> None:
    pair.connect()
    pair.advance(9)
    wall = pair.wall(pair.left)
    lines = dict(
        line.split("=", 1) for line in uapi.get(pair.left.device, pair.now, wall).splitlines() if line
    )
    told = int(lines["last_handshake_time_sec"]) * 10**9 + int(lines["last_handshake_time_nsec"])
    assert wall - told == 9_980_000_000  # the response arrived 20 ms after the beginning
    assert lines["endpoint"] == "192.0.2.2:2222"
    assert lines["tx_bytes"] == str(148 + 64)
    assert lines["rx_bytes"] == "92"


def test_the_scope_of_an_endpoint_is_called_what_the_caller_calls_it() -> None:
    device = Device()
    device.add_peer(PUBLIC, endpoint=Path(("fe80::1%eth0", 7)))
    assert "endpoint=[fe80::1%eth0]:7\n" in uapi.get(device, 0.0, 0)
    assert "endpoint=[fe80::1%2]:7\n" in "".join(uapi.get_in_steps(device, 0.0, 0, {"eth0": "2"}.__getitem__))


def test_nothing_dropped_is_an_errno() -> None:
    device = Device(b"k" * 32)
    device.add_peer(PUBLIC)
    assert uapi.drops(device) == "errno=0\n\n"


def test_what_a_stranger_sent_is_counted_by_the_device_and_by_no_peer(pair: Pair) -> None:
    stranger = pair.add("stranger", ("192.0.2.9", 9))
    assert pair.right.device.public_key is not None
    stranger.device.add_peer(
        pair.right.device.public_key,
        endpoint=Path(pair.right.address),
        allowed_ips=[(parse_address("10.0.0.2"), 32)],
    )
    pair.send(stranger, packet())
    pair.advance(1)
    assert uapi.drops(pair.right.device) == "unknown_peer=1\nerrno=0\n\n"
    assert uapi.drops(stranger.device) == "errno=0\n\n"  # it is not told


def test_whoever_has_a_wrong_key_of_the_other_makes_the_other_count_wrong_mac1s(pair: Pair) -> None:
    """WP §5.4.4: mac1 is keyed with the responder's public key."""
    wrong = pair.left.device.add_peer(
        PUBLIC, endpoint=Path(pair.right.address), allowed_ips=[(parse_address("10.0.0.3"), 32)]
    )
    pair.send(pair.left, packet(destination="10.0.0.3"))
    pair.advance(1)
    assert uapi.drops(pair.right.device) == "wrong_mac1=1\nerrno=0\n\n"
    assert not wrong.drops


def test_a_wrong_preshared_key_is_counted_for_the_peer_where_the_handshake_was_begun() -> None:
    """WP §5.4.3: the response is the first message that it is mixed into."""
    pair = Pair(psk=b"p" * 32)
    pair.to_left.preshared_key = b"q" * 32
    pair.send(pair.left, packet())
    pair.advance(1)
    right = pair.to_right.public_key.hex()
    assert (
        uapi.drops(pair.left.device) == f"bad_handshake=1\npublic_key={right}\nbad_handshake=1\nerrno=0\n\n"
    )
    assert uapi.drops(pair.right.device) == "errno=0\n\n"


def test_each_peers_counters_follow_its_key_and_peers_without_any_are_left_out(pair: Pair) -> None:
    pair.right.device.add_peer(PUBLIC)
    pair.connect()
    pair.send(pair.left, packet(source="10.0.0.77"))  # no allowed IP of left's at right
    pair.send(pair.left, packet(source="10.0.0.78"))
    pair.advance(1)
    left = pair.to_left.public_key.hex()
    assert uapi.drops(pair.right.device) == f"wrong_source=2\npublic_key={left}\nwrong_source=2\nerrno=0\n\n"
