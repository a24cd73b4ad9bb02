"""What devices say of themselves is read: wg(8) "show", dump, and our own counters of drops."""

import base64

import pytest

from glasstunnel.diagnose.tunnel.dump import parse, parse_drops
from glasstunnel.operate import keys
from glasstunnel.operate.status import StatusError

PRIVATE, FIRST, SECOND, SECRET = (bytes([number]) * 32 for number in (0x40, 1, 2, 3))
NONE, OFF = "(none)", "off"


def b64(key: bytes) -> str:
    return base64.b64encode(key).decode()


def dump(*peers: str, private: str = b64(PRIVATE), port: str = "51820", mark: str = OFF) -> str:
    device = "\t".join([private, b64(keys.pubkey(PRIVATE)), port, mark])
    return "".join(f"{line}\n" for line in (device, *peers))


def line(
    *,
    public: str = b64(FIRST),
    psk: str = NONE,
    endpoint: str = NONE,
    allowed: str = NONE,
    at: str = "0",
    keepalive: str = OFF,
) -> str:
    return "\t".join([public, psk, endpoint, allowed, at, "148", "92", keepalive])


def test_a_device_and_its_peers_are_read_as_wg_tells_them() -> None:
    full = line(
        public=b64(SECOND),
        psk=b64(SECRET),
        endpoint="[2001:db8::1]:51820",
        allowed="10.9.0.2/32,fd00::2/128",
        at="1800000000",
        keepalive="25",
    )
    status = parse("wg0", dump(line(), full, mark="0xca6c"))
    assert (status.name, status.private_key, status.public_key) == ("wg0", PRIVATE, keys.pubkey(PRIVATE))
    assert (status.listen_port, status.fwmark) == (51820, 51820)
    first, second = status.peers
    assert (first.public_key, first.preshared_key, first.endpoint, first.allowed_ips) == (
        FIRST,
        None,
        None,
        [],
    )
    assert (first.handshake_seconds, first.persistent_keepalive) == (0, 0)
    assert (first.rx_bytes, first.tx_bytes) == (148, 92)
    assert (second.public_key, second.preshared_key) == (SECOND, SECRET)
    assert second.endpoint == "[2001:db8::1]:51820"
    assert second.allowed_ips == ["10.9.0.2/32", "fd00::2/128"]
    assert (second.handshake_seconds, second.persistent_keepalive) == (1_800_000_000, 25)


def test_a_device_without_a_key_and_a_mark_has_none() -> None:
    status = parse("wg0", dump(private=NONE))
    assert (status.private_key, status.public_key, status.fwmark, status.peers) == (None, None, 0, [])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("nonsense\n", 1),
        (dump(port="many"), 1),
        (dump(private="short"), 1),
        (dump(line(), line(at="yesterday")), 3),
        (dump(line(public="*" * 44)), 2),
        (dump(line() + "\tmore"), 2),
        (dump("few\tfields"), 2),
    ],
)
def test_a_line_that_cannot_be_read_is_named(text: str, number: int) -> None:
    with pytest.raises(StatusError) as error:
        parse("wg0", text)
    assert str(error.value) == f"wg0: cannot read line {number} of what wg says of it"


def test_drops_are_the_devices_until_a_public_key_and_then_that_peers() -> None:
    reply = (
        f"wrong_mac1=2\nold_timestamp=3\npublic_key={FIRST.hex()}\nold_timestamp=3\n"
        f"public_key={SECOND.hex()}\nwrong_source=1\nerrno=0\n\n"
    )
    assert parse_drops("wg0", reply) == (
        {"wrong_mac1": 2, "old_timestamp": 3},
        {b64(FIRST): {"old_timestamp": 3}, b64(SECOND): {"wrong_source": 1}},
    )
    assert parse_drops("wg0", "errno=0\n\n") == ({}, {})


@pytest.mark.parametrize("reply", ["", "errno=-22\n\n", "wrong_mac1=2\n", "wrong_mac1=2\nerrno=0\n"])
def test_an_error_and_an_answer_that_breaks_off_are_refused(reply: str) -> None:
    with pytest.raises(StatusError, match=r"^wg0: its answer is an error or incomplete$"):
        parse_drops("wg0", reply)


@pytest.mark.parametrize("line", ["wrong_mac1=x", "wrong_mac1", "public_key=zz"])
def test_a_counter_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(StatusError) as error:
        parse_drops("wg0", f"{line}\nerrno=0\n\n")
    assert str(error.value) == f'wg0: cannot read the line "{line.partition("=")[0]}=…" of its answer'
