"""``set=1``, https://www.wireguard.com/xplatform/ and wireguard-go's device/uapi.go, as text."""

from errno import EINVAL, EPROTO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.wireguard import uapi
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path, Send
from glasstunnel.wireguard.setrequest import SetRequest, UapiError
from tests.wireguard import paper
from tests.wireguard.pair import Pair, answer, packet

PRIVATE = bytes.fromhex("08" + "11" * 30 + "51")  # clamped already
A, B, C = (paper.pub(bytes([number]) * 32) for number in (1, 2, 3))
NONE = "00" * 32


def told(device: Device) -> list[str]:
    return uapi.get(device, 0.0, 0).splitlines()[:-2]


def allowed(device: Device, key: bytes) -> list[str]:
    """The allowed IPs of a peer, as text."""
    text = uapi.get(device, 0.0, 0).split("public_key=" + key.hex())[1].split("public_key=")[0]
    return [line.removeprefix("allowed_ip=") for line in text.splitlines() if line.startswith("allowed_ip=")]


def change(device: Device, *lines: str, now: float = 0.0) -> uapi.Changes:
    return uapi.set(device, "\n".join(lines), now)


def number_of(device: Device, *lines: str) -> int:
    """The number of the error, 0 for none; nothing else may come out."""
    try:
        change(device, *lines)
    except UapiError as error:
        return error.errno
    return 0


def two_peers() -> Device:
    device = Device(PRIVATE)
    change(
        device,
        f"public_key={A.hex()}",
        "allowed_ip=10.0.0.0/8",
        "allowed_ip=fd00::/64",
        f"public_key={B.hex()}",
        "allowed_ip=10.1.0.0/16",
    )
    return device


def test_what_was_set_is_told() -> None:
    device = Device()
    lines = [
        f"private_key={PRIVATE.hex()}",
        f"public_key={A.hex()}",
        f"preshared_key={'05' * 32}",
        "endpoint=[2001:db8::1]:51821",
        "persistent_keepalive_interval=25",
        "allowed_ip=10.0.0.0/24",
        "allowed_ip=fd00::/8",
        f"public_key={B.hex()}",
        "protocol_version=1",
        "endpoint=192.0.2.1:1",
    ]
    assert change(device, *lines) == uapi.Changes([], None, None)
    assert told(device) == [
        f"private_key={PRIVATE.hex()}",
        f"public_key={A.hex()}",
        f"preshared_key={'05' * 32}",
        "protocol_version=1",
        "endpoint=[2001:db8::1]:51821",
        *("last_handshake_time_sec=0", "last_handshake_time_nsec=0", "tx_bytes=0", "rx_bytes=0"),
        "persistent_keepalive_interval=25",
        "allowed_ip=10.0.0.0/24",
        "allowed_ip=fd00::/8",
        f"public_key={B.hex()}",
        "protocol_version=1",
        "endpoint=192.0.2.1:1",
        *("last_handshake_time_sec=0", "last_handshake_time_nsec=0", "tx_bytes=0", "rx_bytes=0"),
        "persistent_keepalive_interval=0",
    ]


def test_an_empty_request_changes_nothing() -> None:
    device = two_peers()
    before = told(device)
    assert uapi.set(device, "", 0.0) == uapi.Changes([], None, None)
    assert told(device) == before


def test_port_and_mark_are_handed_to_the_host() -> None:
    device = Device()
    assert change(device, "listen_port=51820", "fwmark=0") == uapi.Changes([], 51820, 0)
    assert change(device, "listen_port=0", "fwmark=4294967295") == uapi.Changes([], 0, 0xFFFFFFFF)
    assert told(device) == [], "whether the system grants them is not known here"


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("listen_port", EPROTO),
        ("", EPROTO),
        ("nonsense=1", EINVAL),
        ("listen_port=65536", EINVAL),
        ("listen_port=-1", EINVAL),
        ("listen_port=+1", EINVAL),
        ("listen_port= 1", EINVAL),
        ("listen_port=", EINVAL),
        ("listen_port=१", EINVAL),
        ("fwmark=4294967296", EINVAL),
        ("fwmark=0x10", EINVAL),
        ("private_key=" + "0" * 63, EINVAL),
        ("private_key=" + "0" * 66, EINVAL),
        ("private_key=" + " 0" * 32, EINVAL),
        ("private_key=" + "0g" * 32, EINVAL),
        ("replace_peers=false", EINVAL),
        ("allowed_ip=10.0.0.0/8", EINVAL),
        ("public_key=" + "0" * 62, EINVAL),
        *(
            (f"public_key={A.hex()}\n{line}", EINVAL)
            for line in (
                "listen_port=1",
                "nonsense=1",
                "remove=1",
                "update_only=",
                "replace_allowed_ips=no",
                "preshared_key=00",
                "persistent_keepalive_interval=65536",
                "persistent_keepalive_interval=off",
                "protocol_version=2",
                "protocol_version=0",
                "endpoint=192.0.2.1",
                "endpoint=192.0.2.1:65536",
                "endpoint=192.0.2.256:1",
                "endpoint=2001:db8::1:1",
                "endpoint=[192.0.2.1]:1",
                "endpoint=[2001:db8::g]:1",
                "endpoint=[fe80::1%]:1",
                "endpoint=example.com:1",
                "allowed_ip=10.0.0.0",
                "allowed_ip=10.0.0.0/33",
                "allowed_ip=10.0.0.0/08",
                "allowed_ip=10.0.0/8",
                "allowed_ip=fd00::/129",
                "allowed_ip=fd00::/-1",
                "allowed_ip=fe80::%eth0/64",
                "allowed_ip=--10.0.0.0/8",
                "allowed_ip=１0.0.0.0/8",
                "allowed_ip=\0/8",
                "allowed_ip=",
            )
        ),
    ],
)
def test_what_cannot_be_understood_has_its_number_and_changes_nothing(line: str, number: int) -> None:
    device = two_peers()
    before = told(device)
    with pytest.raises(UapiError) as caught:
        change(device, "replace_peers=true", f"private_key={'77' * 32}", *line.split("\n"))
    assert caught.value.errno == number
    assert told(device) == before


def test_a_sentence_about_an_error_tells_no_secret() -> None:
    for line in ("private_key=5eC2e7", "private_key 5eC2e7", f"public_key={A.hex()}\npreshared_key=5eC2e7"):
        with pytest.raises(UapiError) as caught:
            change(Device(), *line.split("\n"))
        assert "5eC2e7" not in str(caught.value)


def test_a_private_key_is_clamped_when_it_is_set() -> None:
    device = Device()
    change(device, "private_key=" + "ff" * 32)
    assert told(device) == ["private_key=f8" + "ff" * 30 + "7f"]  # RFC 7748 section 5
    assert device.public_key == paper.pub(b"\xff" * 32)


def test_a_private_key_of_zeros_is_none() -> None:
    device = two_peers()
    change(device, f"private_key={NONE}")
    assert device.private_key is None
    assert told(device)[0] == f"public_key={A.hex()}", "the peers stay"


def test_the_devices_own_key_is_no_peer() -> None:
    device = Device(PRIVATE)
    own = paper.pub(PRIVATE).hex()
    change(
        device, f"public_key={own}", "allowed_ip=10.0.0.0/8", "endpoint=192.0.2.1:1", f"public_key={A.hex()}"
    )
    assert list(device.peers) == [A]
    assert device.allowed_ips.lookup(bytes([10, 0, 0, 1])) is None


def test_a_peer_whose_key_becomes_our_own_is_removed() -> None:
    device = two_peers()
    change(device, "private_key=" + (b"\1" * 32).hex())
    assert list(device.peers) == [B]
    change(device, "private_key=" + (b"\2" * 32).hex(), f"public_key={B.hex()}", f"public_key={A.hex()}")
    assert list(device.peers) == [A], "the private key is changed before the peers"


def test_update_only_changes_who_is_there_and_makes_nobody() -> None:
    device = two_peers()
    for key in (A, C):
        change(device, f"public_key={key.hex()}", "update_only=true", "persistent_keepalive_interval=7")
    assert list(device.peers) == [A, B]
    assert device.peers[A].persistent_keepalive == 7


def test_remove_removes_whatever_else_is_said() -> None:
    device = two_peers()
    change(device, f"public_key={A.hex()}", "allowed_ip=10.9.0.0/16", "remove=true", "allowed_ip=10.8.0.0/16")
    change(device, f"public_key={C.hex()}", "remove=true")
    assert list(device.peers) == [B]
    assert device.allowed_ips.lookup(bytes([10, 9, 0, 1])) is None


def test_replace_peers_keeps_only_those_that_follow() -> None:
    device = two_peers()
    device.peers[A].tx_bytes = 5
    change(device, "replace_peers=true", f"public_key={A.hex()}")
    assert list(device.peers) == [A]
    assert (device.peers[A].tx_bytes, allowed(device, A)) == (0, []), "it is another peer of that name"


def test_allowed_ips_are_added_unless_they_are_replaced() -> None:
    device = two_peers()
    change(device, f"public_key={A.hex()}", "allowed_ip=10.2.0.9/16")
    assert allowed(device, A) == ["10.0.0.0/8", "fd00::/64", "10.2.0.0/16"]
    change(
        device,
        f"public_key={A.hex()}",
        "allowed_ip=10.3.0.0/16",
        "replace_allowed_ips=true",
        "allowed_ip=::/0",
    )
    assert allowed(device, A) == ["::/0"]


def test_an_allowed_ip_moves_to_the_last_who_claims_it() -> None:
    device = two_peers()
    change(device, f"public_key={B.hex()}", "allowed_ip=10.0.0.0/8")
    assert (allowed(device, A), allowed(device, B)) == (["fd00::/64"], ["10.1.0.0/16", "10.0.0.0/8"])


def test_an_allowed_ip_with_a_minus_is_taken_from_its_owner_alone() -> None:
    device = two_peers()
    change(device, f"public_key={A.hex()}", "allowed_ip=-10.1.0.0/16", "allowed_ip=-fd00::1/64")
    assert (allowed(device, A), allowed(device, B)) == (["10.0.0.0/8"], ["10.1.0.0/16"])
    change(device, f"public_key={B.hex()}", "allowed_ip=-10.1.0.0/16", "allowed_ip=10.4.0.0/16")
    assert allowed(device, B) == ["10.4.0.0/16"]


def test_an_endpoint_is_told_in_one_form_and_keeps_its_scope() -> None:
    device = Device()
    change(device, f"public_key={A.hex()}", "endpoint=[FE80:0::0001%eth0]:00080")
    assert device.peers[A].endpoint == Path(("fe80::1%eth0", 80))
    change(device, f"public_key={A.hex()}", "endpoint=[2001:DB8::]:1")
    assert "endpoint=[2001:db8::]:1" in told(device)


def test_a_new_endpoint_forgets_the_source_of_the_old_one() -> None:
    device = two_peers()
    device.peers[A].endpoint = Path(("192.0.2.1", 1), local="198.51.100.7", ifindex=3)
    change(device, f"public_key={A.hex()}", "endpoint=192.0.2.1:1")
    assert device.peers[A].endpoint == Path(("192.0.2.1", 1))


def test_a_persistent_keepalive_that_is_switched_on_begins_at_once(pair: Pair) -> None:
    pair.connect()
    key = pair.to_right.public_key.hex()
    [event] = change(
        pair.left.device, f"public_key={key}", "persistent_keepalive_interval=5", now=pair.now
    ).events
    assert isinstance(event, Send)
    assert len(event.data) == 32, "a keepalive"
    again = change(pair.left.device, f"public_key={key}", "persistent_keepalive_interval=6", now=pair.now)
    assert again.events == []


def test_a_persistent_keepalive_waits_for_the_interface_to_be_up() -> None:
    device = two_peers()
    change(device, f"public_key={A.hex()}", "endpoint=192.0.2.1:1", "persistent_keepalive_interval=5")
    assert device.tick(0.0, 0, lambda size: bytes(size)) == []
    device.up(1.0)
    [event] = device.tick(1.0, 0, lambda size: bytes(size))
    assert isinstance(event, Send)
    assert len(event.data) == 148, "an initiation"


def test_a_private_key_that_comes_later_begins_the_persistent_keepalives() -> None:
    device = Device()
    device.up(0.0)
    change(device, f"public_key={A.hex()}", "endpoint=192.0.2.1:1", "persistent_keepalive_interval=5")
    assert device.tick(0.0, 0, lambda size: bytes(size)) == []
    change(device, f"private_key={PRIVATE.hex()}", now=1.0)
    [event] = device.tick(1.0, 0, lambda size: bytes(size))
    assert isinstance(event, Send)
    assert len(event.data) == 148, "an initiation"


def test_a_preshared_key_takes_effect_with_the_next_handshake(pair: Pair) -> None:
    pair.connect()
    first = pair.to_right.last_handshake
    for node, peer in ((pair.left, pair.to_right), (pair.right, pair.to_left)):
        change(node.device, f"public_key={peer.public_key.hex()}", f"preshared_key={'05' * 32}", now=pair.now)
    pair.send(pair.right, answer())
    pair.advance(1)
    assert pair.left.inbox[-1] == answer(), "the session that stands goes on"
    pair.advance(130)
    pair.send(pair.left, packet())
    pair.advance(1)
    second = pair.to_right.last_handshake
    assert second != first
    change(pair.right.device, f"public_key={pair.to_left.public_key.hex()}", f"preshared_key={NONE}")
    pair.advance(130)
    pair.send(pair.left, packet())
    pair.advance(20)
    assert pair.to_right.last_handshake == second, "the two no longer have one key"


def test_a_request_is_carried_out_in_small_steps() -> None:
    device, wanted = Device(PRIVATE), SetRequest()
    wanted.read([f"public_key={A.hex()}", *(f"allowed_ip=10.0.{n >> 8}.{n & 255}/32" for n in range(1000))])
    counts = [len(device.peers[A].allowed_ips) for _ in uapi.apply(device, wanted, lambda: 0.0)]
    assert counts[-1] == 1000
    assert max(after - before for before, after in zip([0, *counts], counts, strict=False)) <= 256
    wanted = SetRequest()
    wanted.read(["replace_peers=true", *(f"public_key={n:064x}" for n in range(1, 100))])
    steps = list(uapi.apply(device, wanted, lambda: 0.0))
    assert len(steps) >= 100, "one for each peer that goes or comes"


# Whatever is said

VALUES = st.sampled_from(
    [
        *("true", "false", "", "0", "1", "25", "65535", "65536", "192.0.2.1:1", "[2001:db8::1]:2", NONE),
        *("10.0.0.0/8", "10.0.0.0/16", "-10.0.0.0/8", "fd00::/8", "-fd00::/8", "::/0", "10.0.0.0"),
        *(key.hex() for key in (PRIVATE, b"\1" * 32, A, B, paper.pub(PRIVATE))),
    ]
)
DEVICE_KEYS = ("private_key", "listen_port", "fwmark", "replace_peers")
PEER_KEYS = (
    *("public_key", "remove", "update_only", "preshared_key", "endpoint", "persistent_keepalive_interval"),
    *("replace_allowed_ips", "allowed_ip", "protocol_version"),
)
LINES = st.builds("{}={}".format, st.sampled_from([*DEVICE_KEYS, *PEER_KEYS * 2]), VALUES)


class Model:
    """The interface as wireguard-go reads it, line by line, in a dictionary; for requests that are right."""

    def __init__(self) -> None:
        self.private = PRIVATE.hex()
        self.peers: dict[str, dict[str, str]] = {}
        self.prefixes: dict[str, str] = {}  # prefix to its owner, in the order in which they were given

    def own(self) -> str:
        return "" if self.private == NONE else paper.pub(bytes.fromhex(self.private)).hex()

    def drop(self, key: str) -> None:
        self.peers.pop(key, None)
        self.prefixes = {prefix: owner for prefix, owner in self.prefixes.items() if owner != key}

    def set(self, lines: list[str]) -> None:
        current, created = "", False  # no current peer: what is said of it is ignored
        for line in lines:
            key, _, value = line.partition("=")
            if key == "private_key":
                first, last = int(value[:2], 16), int(value[-2:], 16)
                self.private = (
                    value if value == NONE else f"{first & 248:02x}{value[2:-2]}{last & 127 | 64:02x}"
                )
                self.drop(self.own())
            elif key == "replace_peers":
                for one in list(self.peers):
                    self.drop(one)
            elif key == "public_key":
                current = "" if value == self.own() else value
                created = bool(current) and current not in self.peers
                if created:
                    self.peers[current] = {}
            elif key == "remove" or (key == "update_only" and created):
                self.drop(current)
                current = ""
            elif key == "replace_allowed_ips" and current:
                self.prefixes = {prefix: one for prefix, one in self.prefixes.items() if one != current}
            elif key == "allowed_ip" and current:
                prefix = value.removeprefix("-")
                if value == prefix or self.prefixes.get(prefix) == current:
                    self.prefixes.pop(prefix, None)
                if value == prefix:
                    self.prefixes[prefix] = current
            elif key in ("preshared_key", "endpoint", "persistent_keepalive_interval") and current:
                self.peers[current][key] = value

    def told(self) -> list[str]:
        lines = [] if self.private == NONE else [f"private_key={self.private}"]
        for key, peer in self.peers.items():
            lines.append(f"public_key={key}")
            if peer.get("preshared_key", NONE) != NONE:
                lines.append(f"preshared_key={peer['preshared_key']}")
            lines.append("protocol_version=1")
            if "endpoint" in peer:
                lines.append(f"endpoint={peer['endpoint']}")
            lines += ["last_handshake_time_sec=0", "last_handshake_time_nsec=0", "tx_bytes=0", "rx_bytes=0"]
            lines.append(f"persistent_keepalive_interval={peer.get('persistent_keepalive_interval', 0)}")
            lines += [f"allowed_ip={prefix}" for prefix, owner in self.prefixes.items() if owner == key]
        return lines


@given(st.lists(st.lists(LINES, max_size=12), max_size=4))
def test_a_request_changes_nothing_or_does_what_wireguard_go_does(requests: list[list[str]]) -> None:
    device, model = Device(PRIVATE), Model()
    for lines in requests:
        if number_of(device, *lines) == 0:
            model.set(lines)
        assert told(device) == model.told()


@given(st.one_of(st.text(), st.binary().map(lambda data: data.decode(errors="replace"))))
def test_any_text_is_understood_or_has_a_number(text: str) -> None:
    device = two_peers()
    before = told(device)
    for request in (text, f"public_key={A.hex()}\n{text}", f"public_key={A.hex()}\nallowed_ip={text}"):
        number = number_of(device, request)
        assert number in (0, EINVAL, EPROTO)
        assert number == 0 or told(device) == before
        before = told(device)
