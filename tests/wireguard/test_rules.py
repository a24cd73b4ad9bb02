"""Rules that implementations of WireGuard are known to get wrong, each as what two devices do.

Rule of these tests: numbers are the paper's and the kernel's, written out; what is sent is what the wire
shows. Others of the kind stand where their subject is: test_timers.py, test_session.py, test_transport.py.
"""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasstunnel.ip.address import parse_address
from glasstunnel.sim import Datagram, Delay, Node, Partition, Randomness
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.events import Drop, Opened, Path, Sealed, Send, Staged
from glasstunnel.wireguard.handshake import ResponderHandshake
from glasstunnel.wireguard.messages import Initiation, MessageType
from tests.wireguard import paper
from tests.wireguard.pair import Pair, answer, packet

INITIATION, RESPONSE, DATA = MessageType.INITIATION, MessageType.RESPONSE, MessageType.TRANSPORT_DATA
FOREVER = float("inf")
ELSEWHERE = ("203.0.113.66", 6)
REJECT_AFTER_MESSAGES = 2**64 - 2**13 - 1

# Public keys on Curve25519 and its twist whose order divides 8 (https://cr.yp.to/ecdh.html, "validate"), with
# and without the bit that X25519 ignores, and the same numbers once more above the prime.
_PRIME = 2**255 - 19
_ORDER_8 = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
LOW_ORDER = [
    (number + high).to_bytes(32, "little")
    for number in (0, 1, *_ORDER_8, _PRIME - 1, _PRIME, _PRIME + 1)
    for high in (0, 2**255)
]


def key(node: Node) -> bytes:
    """A node's static public key."""
    assert node.device.public_key
    return node.device.public_key


def private(node: Node) -> bytes:
    """A node's static private key."""
    assert node.device.private_key
    return node.device.private_key


def sealed(pair: Pair, item: bytes) -> bytes:
    """What left would send for a packet, not sent."""
    burst = Burst(1, 1420)
    burst.add_packet(item)
    result = pair.left.device.seal(pair.now, burst, parse_address("10.0.0.2"), 1420)
    assert isinstance(result, Sealed)
    return bytes(burst.wire[0][: burst.size[0]])


def opened(pair: Pair, datagram: bytes, source: tuple[str, int] = ("192.0.2.1", 1111)) -> Opened:
    """What right makes of transport data."""
    burst = Burst(1, 1420)
    burst.add_datagram(datagram)
    return pair.right.device.open(pair.now, burst, Path(source))


def signed(body: bytes, receiver: bytes) -> bytes:
    """A handshake message without its MACs, with a right mac1 and an empty mac2."""
    return body + paper.mac(paper.hash_(b"mac1----" + receiver), body) + bytes(16)


# The replay window


def test_a_datagram_that_is_late_by_8127_is_taken_once_and_one_that_is_far_behind_is_not(pair: Pair) -> None:
    pair.connect()
    late = [sealed(pair, packet(str(n))) for n in range(8200)]
    assert opened(pair, late[-1]).rows == [0]
    assert opened(pair, late[-1 - 8127]).rows == [0], "the edge that everybody promises"
    assert opened(pair, late[-1 - 8128]).rows == [0], "the kernel's edge"
    assert opened(pair, late[-1 - 8129]).rows == [], "beyond it"
    assert opened(pair, late[0]).rows == [], "far behind"
    assert opened(pair, late[-1 - 8127]).rows == [], "once"
    assert pair.right.device.drops == {Drop.REPLAYED: 3}


def test_a_forged_counter_moves_no_window_and_whoever_was_in_still_is(pair: Pair) -> None:
    pair.connect()
    good = sealed(pair, packet("good"))
    assert pair.to_left.keypairs.current
    greatest = pair.to_left.keypairs.current.window.greatest
    for counter in (greatest + 8129, 2**32, 2**63, REJECT_AFTER_MESSAGES - 1, 2**64 - 1):
        forged = good[:8] + counter.to_bytes(8, "little") + good[16:]
        assert opened(pair, forged).peer is None
    assert pair.to_left.keypairs.current.window.greatest == greatest
    assert opened(pair, good).rows == [0]


# The ends of a key


def test_the_last_message_of_a_key_is_sealed_and_the_next_is_not(pair: Pair) -> None:
    pair.connect()
    pair.advance(10)
    keypair = pair.to_right.keypairs.current
    assert keypair
    keypair.sending_counter = REJECT_AFTER_MESSAGES - 1
    assert isinstance(pair.send(pair.left, packet("the last")), Sealed)
    assert isinstance(pair.send(pair.left, packet("one too many")), Staged)
    pair.advance(1)
    assert pair.right.inbox[1:] == [packet("the last"), packet("one too many")]
    assert len(pair.left.sent_of(INITIATION)) == 2, "a new session carried it"


def test_a_key_whose_last_counter_was_seen_opens_nothing_more(pair: Pair) -> None:
    pair.connect()
    keypair = pair.to_right.keypairs.current
    assert keypair
    early = sealed(pair, packet("early"))
    keypair.sending_counter = REJECT_AFTER_MESSAGES - 1
    assert opened(pair, sealed(pair, packet("the last"))).rows == [0]
    assert opened(pair, early).rows == []
    assert pair.right.device.drops == {Drop.EXPIRED_KEYPAIR: 1}


def test_either_side_rekeys_on_the_count_of_messages(pair: Pair) -> None:
    """WP §6.1: REKEY-AFTER-MESSAGES is 2^60; it binds the responder too, age does not."""
    for node, peer, item in ((pair.left, pair.to_right, packet()), (pair.right, pair.to_left, answer())):
        pair.connect()
        pair.advance(10)
        before = len(node.sent_of(INITIATION))
        assert peer.keypairs.current
        peer.keypairs.current.sending_counter = 2**60
        pair.send(node, item)
        pair.advance(1)
        assert len(node.sent_of(INITIATION)) == before + 1
        pair.right.inbox.clear()
        pair.advance(10)


@pytest.mark.parametrize("role", ["initiator", "responder"])
def test_neither_role_seals_or_opens_with_a_key_of_180_seconds(role: str) -> None:
    pair = Pair()
    pair.connect()
    sender, receiver, item = (
        (pair.left, pair.right, packet("old"))
        if role == "initiator"
        else (pair.right, pair.left, answer("old"))
    )
    pair.network.layers.append(lambda datagram, rng: [] if datagram.data[0] == INITIATION else [datagram])
    pair.advance(178.95)
    assert isinstance(pair.send(sender, item), Sealed)
    pair.network.layers.append(Delay(1))
    assert isinstance(pair.send(sender, item), Sealed)
    pair.advance(2)
    assert receiver.inbox.count(item) == 1, "what was sealed in time came too late"
    assert isinstance(pair.send(sender, item), Staged)


# Roaming


@pytest.mark.parametrize(
    ("kind", "size"),
    [(1, 148), (2, 92), (4, 64), (4, 32)],
    ids=["initiation", "response", "data", "keepalive"],
)
def test_every_authenticated_message_moves_the_endpoint(pair: Pair, kind: int, size: int) -> None:
    """WP §2.1: the endpoint is the source of the last authentic message, whatever its kind."""
    moved: list[Datagram] = []

    def rebind(datagram: Datagram, rng: Randomness) -> list[Datagram]:
        if moved or (datagram.data[0], len(datagram.data)) != (kind, size):
            return [datagram]
        moved.append(datagram)
        return [replace(datagram, source=ELSEWHERE)]

    pair.network.layers.insert(0, rebind)
    pair.send(pair.left, packet("first"))
    while not moved:
        pair.advance(0.01)
    peer = pair.to_left if moved[0].destination == pair.right.address else pair.to_right
    pair.advance(moved[0].at + 0.01 - pair.now)
    assert peer.endpoint == Path(ELSEWHERE)


def test_late_data_of_the_previous_key_moves_the_endpoint_too(pair: Pair) -> None:
    pair.connect()
    late = sealed(pair, packet("late"))
    pair.advance(125)
    for text in ("brings a rekey", "on the new key"):
        pair.send(pair.left, packet(text))
        pair.advance(1)
    assert opened(pair, late, ELSEWHERE).rows == [0]
    assert pair.to_left.endpoint == Path(ELSEWHERE)


def test_no_forged_or_replayed_message_of_any_kind_moves_the_endpoint(pair: Pair) -> None:
    pair.connect()
    pair.send(pair.left, packet("kept"))
    pair.advance(1)
    seen = [datagram.data for datagram in pair.left.sent]
    forged = [datagram[:-40] + bytes([datagram[-40] ^ 1]) + datagram[-39:] for datagram in seen]
    for datagram in (*seen, *forged):
        if datagram[0] == DATA:
            opened(pair, datagram, ELSEWHERE)
        else:
            pair.right.device.receive(pair.now, 10**18, pair.right.rng, datagram, Path(ELSEWHERE))
    assert pair.to_left.endpoint == Path(pair.left.address)


# Keepalives


@pytest.mark.parametrize("count", [1, 5])
def test_only_a_packet_with_content_is_owed_a_passive_keepalive(pair: Pair, count: int) -> None:
    pair.connect()
    pair.advance(30)
    quiet = len(pair.right.sent)
    for _ in range(count):
        (keepalive,) = pair.to_right.send_keepalive(pair.now)
        assert isinstance(keepalive, Send)
        assert opened(pair, keepalive.data).peer is pair.to_left
    pair.advance(60)
    assert len(pair.right.sent) == quiet
    pair.send(pair.left, packet())
    pair.advance(60)
    assert len(pair.right.sent) == quiet + 1


# Retries


def test_no_two_pauses_between_retries_are_equal_and_no_two_devices_agree_on_them() -> None:
    def pauses(seed: str) -> list[float]:
        pair = Pair(seed)
        pair.network.layers.append(Partition(0, FOREVER))
        pair.send(pair.left, packet())
        pair.advance(110)
        times = [datagram.at for datagram in pair.left.sent_of(INITIATION)]
        return [after - before for before, after in itertools.pairwise(times)]

    drawn = pauses("one") + pauses("two") + pauses("three")
    assert len(drawn) == len(set(drawn)) == 3 * 19
    assert all(5 <= pause < 5 + 1 / 3 for pause in drawn)
    assert min(drawn) < 5.05
    assert max(drawn) > 5.28
    assert sum(drawn) / len(drawn) == pytest.approx(5 + 1 / 6, abs=0.04)


# Sizes


@given(st.integers(1280, 9000), st.data())
def test_a_packet_is_padded_to_16_but_never_past_the_mtu(mtu: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(20, mtu))
    pair = Pair()
    pair.connect()
    burst = Burst(1, 9000)
    burst.add_packet(packet().ljust(size, b"\0"))
    assert isinstance(pair.left.device.seal(pair.now, burst, parse_address("10.0.0.2"), mtu), Sealed)
    plain = burst.size[0] - 16 - 16
    assert size <= plain <= mtu
    assert plain % 16 == 0 or plain == mtu
    assert plain - size < 16


def test_staged_packets_are_padded_each_by_the_mtu_that_it_met(pair: Pair) -> None:
    """Two destinations behind one peer may have routes of two MTUs."""
    for size, mtu in ((1419, 1420), (1297, 1299), (1297, 1420), (1297, 1299)):
        burst = Burst(1, 1420)
        burst.add_packet(packet("x" * (size - 20)))
        assert isinstance(pair.left.device.seal(pair.now, burst, parse_address("10.0.0.2"), mtu), Staged)
    pair.advance(1)
    sizes = [len(datagram.data) - 32 for datagram in pair.left.sent_of(DATA)]
    assert sizes == [1420, 1299, 1312, 1299]


@pytest.mark.parametrize("change", [-1, 1, 16, 1400])
def test_a_handshake_message_of_another_length_than_its_own_is_dropped_unread(
    pair: Pair, change: int
) -> None:
    pair.connect()
    pair.advance(10)
    for kind, size in ((1, 148), (2, 92), (3, 64)):
        body = bytes([kind, 0, 0, 0]) + bytes(size + change - 36)
        message = signed(body, key(pair.right))
        assert pair.right.device.receive(pair.now, 0, pair.right.rng, message, Path(ELSEWHERE)) == []
    assert pair.right.device.drops == {Drop.MALFORMED: 3}


# Cryptokey routing


@given(st.integers(0, 255))
def test_the_source_is_checked_against_the_longest_of_nested_prefixes(last: int) -> None:
    """10.0.0.0/24 is left's, the /25 in it another's, the /26 in that left's again, one /32 the other's."""
    pair = Pair()
    pair.connect()
    other = pair.right.device.add_peer(paper.pub(b"o" * 32))
    table = pair.right.device.allowed_ips
    prefixes = [
        ("10.0.0.0", 24, True),
        ("10.0.0.0", 25, False),
        ("10.0.0.64", 26, True),
        ("10.0.0.99", 32, False),
    ]
    for address, length, is_left in prefixes:
        table.insert(parse_address(address), length, pair.to_left if is_left else other)
    mine = last == 1 or 64 <= last != 99  # 10.0.0.1 is left's from the beginning
    result = opened(pair, sealed(pair, packet("whose?", source=f"10.0.0.{last}")))
    assert bool(result.rows) == mine
    assert pair.to_left.drops == ({} if mine else {Drop.WRONG_SOURCE: 1})


# Low order


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8] + point.hex()[-2:])
def test_a_public_point_of_low_order_never_produces_a_session_wherever_it_stands(point: bytes) -> None:
    pair = Pair()
    weak = pair.left.device.add_peer(
        point, endpoint=Path(ELSEWHERE), allowed_ips=[(bytes([10, 7, 0, 0]), 16)]
    )
    assert isinstance(pair.send(pair.left, packet(destination="10.7.0.1")), Staged)  # as a peer's static key
    pair.advance(30)
    assert pair.left.sent == []
    assert weak.last_handshake is None
    as_ephemeral = signed(b"\1\0\0\0" + bytes(4) + point + bytes(48 + 28), key(pair.right))
    assert _receive(pair, pair.right, as_ephemeral) == []
    pair.send(pair.left, packet("first"))
    index = pair.left.sent[-1].data[4:8]
    in_response = signed(b"\2\0\0\0" + bytes(4) + index + point + bytes(16), key(pair.left))
    assert _receive(pair, pair.left, in_response) == []
    assert pair.right.device.indices == {}
    pair.advance(1)
    assert pair.right.inbox == [packet("first")], "and disturbs no handshake under way"


def test_an_initiation_whose_sealed_static_key_is_of_low_order_gets_no_answer(pair: Pair) -> None:
    """Anybody can write one: the ephemeral key is honest, and the weak static key makes ss known."""
    for point in LOW_ORDER:
        ephemeral = bytes([7]) * 32
        c = paper.hash_(paper.CONSTRUCTION)
        h = paper.hash_(paper.hash_(c + paper.IDENTIFIER) + key(pair.right))
        (c,) = paper.kdf(1, c, paper.pub(ephemeral))
        h = paper.hash_(h + paper.pub(ephemeral))
        c, k = paper.kdf(2, c, paper.dh(ephemeral, key(pair.right)))
        static = paper.aead(k, 0, point, h)
        h = paper.hash_(h + static)
        c, k = paper.kdf(2, c, bytes(32))  # what X25519 gives for such a point
        timestamp = paper.aead(k, 0, paper.tai64n(1_800_000_000, 0), h)
        body = b"\1\0\0\0" + bytes(4) + paper.pub(ephemeral) + static + timestamp
        pair.right.device.peers[point] = pair.to_left  # even if somebody had configured it
        assert _receive(pair, pair.right, signed(body, key(pair.right))) == []
    assert pair.right.device.drops == {Drop.BAD_HANDSHAKE: len(LOW_ORDER)}
    assert pair.right.device.indices == {}


# Sleep and clocks


@pytest.mark.parametrize("hours", [0.01, 0.1, 1, 100])
@pytest.mark.parametrize("speaks", ["left", "right"])
@pytest.mark.parametrize("when", ["idle", "handshake under way", "rekey under way", "gave up"])
def test_after_any_sleep_the_first_packet_that_meets_a_peer_arrives(
    hours: float, speaks: str, when: str
) -> None:
    """Both machines sleep with a session, or at the worst moment; afterwards either may speak first."""
    pair = Pair()
    pair.connect()
    if when != "idle":
        pair.network.layers.insert(0, Partition(pair.now, FOREVER))
        pair.advance({"handshake under way": 200, "rekey under way": 125, "gave up": 0}[when])
        pair.send(pair.left, packet("lost"))
        pair.advance(300 if when == "gave up" else 1)
        pair.network.layers.pop(0)
    pair.now += hours * 3600  # nobody was awake, and everything is due at once
    node, item = (pair.left, packet("awake")) if speaks == "left" else (pair.right, answer("awake"))
    pair.send(node, item)
    pair.advance(16)  # a session that only one of them still has is noticed after 15 s
    pair.send(node, item)
    pair.advance(6)
    assert item in (pair.right if speaks == "left" else pair.left).inbox


@pytest.mark.parametrize("step", [-(10**9), -3600, -1, 1, 3600, 10**9])
def test_a_wall_clock_that_steps_either_way_costs_no_handshake(pair: Pair, step: int) -> None:
    pair.connect()
    for turn in range(1, 4):
        for node in (pair.left, pair.right):
            node.wall_offset = step * turn * 10**9
        pair.advance(200)
        pair.send(pair.left, packet(f"turn {turn}"))
        pair.advance(1)
        assert pair.right.inbox[-1] == packet(f"turn {turn}")
    assert pair.right.device.drops == {}
    stamps = [_timestamp(pair, datagram) for datagram in pair.left.sent_of(INITIATION)]
    assert stamps == sorted(set(stamps)), "each label is greater than the one before"


def test_a_wall_clock_that_came_back_from_the_future_is_believed_again(pair: Pair) -> None:
    """What was sent with a label of tomorrow makes the next labels follow it closely, not leave it behind."""
    pair.left.wall_offset = 86400 * 10**9
    pair.connect()
    pair.left.wall_offset = 0
    pair.advance(200)
    pair.send(pair.left, packet("back"))
    pair.advance(1)
    assert pair.right.inbox[-1] == packet("back")
    first, second = (_timestamp(pair, datagram) for datagram in pair.left.sent_of(INITIATION))
    assert first[:8] == second[:8], "within the same second of tomorrow"


# Pre-shared keys


def test_a_changed_pre_shared_key_leaves_the_session_alone_and_decides_the_next(pair: Pair) -> None:
    pair.connect()
    pair.to_right.preshared_key = b"n" * 32
    pair.send(pair.left, packet("same session"))
    pair.advance(125)
    assert pair.right.inbox[-1] == packet("same session")
    pair.send(pair.left, packet("brings a rekey"))
    pair.advance(60)
    assert pair.left.device.drops[Drop.BAD_HANDSHAKE] > 0
    pair.to_left.preshared_key = b"n" * 32
    pair.send(pair.left, packet("agreed"))
    pair.advance(6)
    assert pair.right.inbox[-1] == packet("agreed")


# Who may rekey


def test_a_busy_responder_leaves_every_rekey_to_the_initiator(pair: Pair) -> None:
    pair.connect()
    for _ in range(200):
        pair.send(pair.left, packet())
        pair.send(pair.right, answer())
        pair.advance(3)
    assert pair.right.sent_of(INITIATION) == []
    assert len(pair.left.sent_of(INITIATION)) == 5


@pytest.mark.parametrize("seed", range(10))
def test_two_that_initiate_within_one_flight_agree_and_stay_agreed(seed: int) -> None:
    pair = Pair(f"crossing {seed}")
    pair.to_left.endpoint = Path(pair.left.address)
    pair.send(pair.left, packet("l"))
    pair.advance(0.001 * seed)
    pair.send(pair.right, answer("r"))
    pair.advance(1)
    for n in range(60):
        pair.send(pair.left, packet(str(n)))
        pair.send(pair.right, answer(str(n)))
        pair.advance(1)
    assert pair.right.inbox == [packet("l"), *(packet(str(n)) for n in range(60))]
    assert pair.left.inbox == [answer("r"), *(answer(str(n)) for n in range(60))]


def _receive(pair: Pair, node: Node, message: bytes) -> list[object]:
    return [*node.device.receive(pair.now, pair.wall(node), node.rng, message, Path(ELSEWHERE))]


def _timestamp(pair: Pair, initiation: Datagram) -> bytes:
    """The label in an initiation of left's, read as right can."""
    assert pair.right.device.static
    handshake = ResponderHandshake(pair.right.device.static, pair.right.rng)
    handshake.consume_initiation(Initiation.parse(initiation.data))
    return handshake.timestamp
