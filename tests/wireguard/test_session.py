"""What two devices do, WP §5 and §6: handshakes, key confirmation, cryptokey routing, roaming."""

import pytest

from glasstunnel.ip.address import parse_address
from glasstunnel.sim import Delay, World
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Drop, KeysReady, Opened, Path, Refused, Sealed, Send, Staged
from glasstunnel.wireguard.messages import MessageType
from glasstunnel.wireguard.parameters import Parameters
from tests.wireguard import paper
from tests.wireguard.pair import Pair, answer, packet

INITIATION, RESPONSE, DATA = MessageType.INITIATION, MessageType.RESPONSE, MessageType.TRANSPORT_DATA


# Handshake


def test_the_first_packet_is_staged_brings_a_handshake_and_arrives(pair: Pair) -> None:
    assert isinstance(pair.send(pair.left, packet("first")), Staged)
    pair.advance(1)
    assert pair.right.inbox == [packet("first")]
    assert [datagram.data[0] for datagram in pair.left.sent] == [1, 4]
    assert [datagram.data[0] for datagram in pair.right.sent] == [2]
    assert [len(datagram.data) for datagram in (*pair.left.sent, *pair.right.sent)] == [148, 32 + 32, 92]


def test_both_ends_report_their_keys_once_each_in_its_role(pair: Pair) -> None:
    pair.connect()
    ready = [
        [event.initiator for _, event in node.history if isinstance(event, KeysReady)]
        for node in (pair.left, pair.right)
    ]
    assert ready == [[True], [False]]


def test_handshake_messages_carry_dscp_af41_and_data_the_inner_ecn(pair: Pair) -> None:
    pair.send(pair.left, packet("first", ecn=2))
    pair.advance(1)
    result = pair.send(pair.left, packet("second", ecn=1))
    assert isinstance(result, Sealed)
    assert [datagram.tos for datagram in pair.left.sent] == [0x88, 2, 1]
    assert [datagram.tos for datagram in pair.right.sent] == [0x88]


def test_the_responder_sends_nothing_on_a_new_keypair_before_the_first_packet_on_it(pair: Pair) -> None:
    pair.send(pair.left, packet())
    pair.advance(0.015)  # the initiation has arrived, the response is under way
    assert pair.right.device.peers[_key(pair.left.device)].keypairs.next is not None
    assert isinstance(pair.send(pair.right, answer("too early")), Staged)
    assert not pair.right.sent_of(DATA)
    pair.advance(0.010)  # response there, data under way
    assert not pair.right.sent_of(DATA)
    pair.advance(0.010)  # data has arrived and confirmed the key
    assert len(pair.right.sent_of(DATA)) == 1
    pair.advance(1)
    assert pair.left.inbox == [answer("too early")]


def test_an_initiator_with_nothing_to_send_confirms_the_session_with_a_keepalive(pair: Pair) -> None:
    pair.left.device.remove_peer(_key(pair.right.device))
    pair.to_right = pair.left.device.add_peer(
        _key(pair.right.device), endpoint=Path(pair.right.address), persistent_keepalive=25
    )
    pair.start(pair.left)
    pair.advance(1)
    assert [len(datagram.data) for datagram in pair.left.sent] == [148, 32]
    assert pair.to_left.keypairs.current is not None


def test_a_session_with_a_pre_shared_key_carries_packets() -> None:
    pair = Pair(psk=b"p" * 32)
    pair.connect()


def test_different_pre_shared_keys_never_make_a_session() -> None:
    pair = Pair(psk=b"p" * 32)
    pair.to_left.preshared_key = b"q" * 32
    pair.send(pair.left, packet())
    pair.advance(60)
    assert pair.right.inbox == []
    assert pair.left.device.drops[Drop.BAD_HANDSHAKE] > 0
    assert not pair.left.sent_of(DATA)


def test_a_changed_pre_shared_key_takes_effect_at_the_next_handshake(pair: Pair) -> None:
    pair.connect()
    pair.to_right.preshared_key = pair.to_left.preshared_key = b"n" * 32
    pair.advance(200)
    pair.send(pair.left, packet("new"))
    pair.advance(1)
    assert pair.right.inbox[-1] == packet("new")
    pair.to_left.preshared_key = b"o" * 32
    pair.advance(200)
    pair.send(pair.left, packet("never"))
    pair.advance(1)
    assert pair.right.inbox[-1] == packet("new")


def test_two_initiations_that_cross_become_a_session_without_waiting_for_a_timeout(pair: Pair) -> None:
    pair.to_left.endpoint = Path(pair.left.address)
    pair.send(pair.left, packet("from left"))
    pair.send(pair.right, answer("from right"))
    pair.advance(0.1)
    assert pair.right.inbox == [packet("from left")]
    assert pair.left.inbox == [answer("from right")]
    for round_trip in range(5):
        pair.send(pair.left, packet(f"ping {round_trip}"))
        pair.advance(0.1)
        pair.send(pair.right, answer(f"pong {round_trip}"))
        pair.advance(0.1)
    assert len(pair.right.inbox) == len(pair.left.inbox) == 6
    assert len(pair.left.sent_of(INITIATION)) == len(pair.right.sent_of(INITIATION)) == 1


def test_a_stranger_and_a_wrong_mac1_get_no_answer(pair: Pair) -> None:
    stranger = pair.add("stranger", ("192.0.2.9", 9))
    stranger.device.add_peer(
        _key(pair.right.device),
        endpoint=Path(pair.right.address),
        allowed_ips=[(parse_address("10.0.0.2"), 32)],
    )
    pair.send(stranger, packet())
    pair.advance(1)
    assert pair.right.device.drops == {Drop.UNKNOWN_PEER: 1}
    pair.send(pair.left, packet())
    initiation = bytearray(pair.left.sent[-1].data)
    initiation[120] ^= 1
    before = dict(pair.right.device.indices)
    assert _receive(pair, bytes(initiation)) == []
    assert pair.right.device.drops[Drop.WRONG_MAC1] == 1
    assert pair.right.device.indices == before
    assert not pair.right.sent


def test_a_replayed_initiation_gets_no_answer_and_moves_nothing(pair: Pair) -> None:
    pair.connect()
    pair.advance(1)
    replayed = pair.left.sent_of(INITIATION)[0].data
    assert _receive(pair, replayed, ("203.0.113.66", 6)) == []
    assert pair.right.device.drops == {Drop.OLD_TIMESTAMP: 1}
    assert pair.to_left.drops == {Drop.OLD_TIMESTAMP: 1}
    assert pair.to_left.endpoint == Path(pair.left.address)


def test_more_than_fifty_initiations_a_second_are_a_flood(pair: Pair) -> None:
    pair.send(pair.left, packet())
    pair.advance(1)
    static_i, static_r = (_private(node.device) for node in (pair.left, pair.right))
    answers = []
    for n in range(10):
        timestamp = paper.tai64n(1_700_001_000 + n, 0)
        message = paper.handshake(
            static_i, static_r, bytes([n + 1]) * 32, bytes(range(32)), bytes(32), timestamp, n, 0
        )
        answers.append(len(_receive(pair, message.initiation)))
        pair.now += 0.01
    assert answers == [1, 0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert pair.right.device.drops[Drop.FLOOD] == 5


def test_timestamps_grow_whatever_the_wall_clock_does(pair: Pair) -> None:
    pair.connect()
    pair.left.wall_offset = -3600 * 10**9
    pair.advance(200)
    pair.send(pair.left, packet("an hour ago"))
    pair.advance(1)
    assert pair.right.inbox[-1] == packet("an hour ago")
    pair.left.wall_offset = 3600 * 10**9
    pair.advance(200)
    pair.send(pair.left, packet("in an hour"))
    pair.advance(1)
    assert pair.right.inbox[-1] == packet("in an hour")


def test_a_response_to_nothing_is_ignored(pair: Pair) -> None:
    pair.connect()
    response = pair.right.sent_of(RESPONSE)[0].data
    before = pair.to_right.keypairs.current
    assert pair.left.device.receive(pair.now, 0, pair.left.rng, response, Path(pair.right.address)) == []
    assert pair.left.device.drops == {Drop.UNKNOWN_INDEX: 1}
    assert pair.to_right.keypairs.current is before


def test_a_forged_response_does_not_disturb_the_handshake_under_way(pair: Pair) -> None:
    pair.send(pair.left, packet("first"))
    index = pair.left.sent[0].data[4:8]
    body = b"\2\0\0\0" + bytes(4) + index + paper.pub(b"x" * 32) + bytes(16)
    forged = body + paper.mac(paper.hash_(b"mac1----" + _key(pair.left.device)), body) + bytes(16)
    assert pair.left.device.receive(pair.now, 0, pair.left.rng, forged, Path(("203.0.113.1", 1))) == []
    assert pair.left.device.drops == {Drop.BAD_HANDSHAKE: 1}
    pair.advance(1)
    assert pair.right.inbox == [packet("first")]


def test_receiver_indices_are_random_and_never_two_at_once(pair: Pair) -> None:
    for _ in range(20):
        pair.send(pair.left, packet())
        pair.advance(130)
    indices = {datagram.data[4:8] for datagram in pair.left.sent_of(INITIATION)}
    assert len(indices) >= 10
    assert len(pair.left.device.indices) <= 3
    answers = iter([b"\0\0\0\1", b"\0\0\0\1", b"\0\0\0\2"])
    device = Device()
    device.indices[device.new_index(lambda n: next(answers))] = (pair.to_left, None)
    assert device.new_index(lambda n: next(answers)) == 2


# Staging


def test_at_most_128_packets_wait_and_the_oldest_give_way(pair: Pair) -> None:
    for n in range(130):
        pair.send(pair.left, packet(str(n)))
    pair.advance(1)
    assert pair.right.inbox == [packet(str(n)) for n in range(2, 130)]
    assert pair.left.device.drops == {Drop.QUEUE_FULL: 2}


def test_a_packet_to_nobody_and_to_a_peer_without_endpoint_is_refused(pair: Pair) -> None:
    for node, refused, reason in (
        (pair.left, packet(destination="10.9.9.9"), Drop.NO_ROUTE),
        (pair.right, answer(), Drop.NO_ENDPOINT),
    ):
        result = pair.send(node, refused)
        assert isinstance(result, Refused)
        assert result.reason is reason
    assert pair.right.device.deadline == float("inf")
    assert pair.left.device.drops == {Drop.NO_ROUTE: 1}
    assert pair.to_left.drops == {Drop.NO_ENDPOINT: 1}


def test_a_packet_that_no_datagram_can_carry_is_refused_and_harms_nothing(pair: Pair) -> None:
    pair.connect()
    burst = Burst(2, 65535)
    for size in (100, 65473):
        burst.add_packet(bytes(size))
    before = pair.to_right.keypairs.current
    assert before
    counter = before.sending_counter
    result = pair.left.device.seal(pair.now, burst, parse_address("10.0.0.2"), 65535)
    assert result == Refused(Drop.TOO_LONG)
    assert pair.to_right.drops == {Drop.TOO_LONG: 2}
    assert before.sending_counter == counter
    burst.n = 0
    burst.add_packet(bytes(65472))
    assert isinstance(pair.left.device.seal(pair.now, burst, parse_address("10.0.0.2"), 65535), Sealed)
    assert burst.size[0] <= 65535 - 20 - 8  # what UDP carries over IPv4


# Data


def test_packets_of_both_families_cross_in_bursts(pair: Pair) -> None:
    pair.connect()
    four = [packet(f"four {n}") for n in range(20)]
    six = [packet(f"six {n}", "fd00::1", "fd00::2") for n in range(20)]
    assert isinstance(pair.send(pair.left, *four), Sealed)
    assert isinstance(pair.send(pair.left, *six), Sealed)
    pair.advance(1)
    assert pair.right.inbox[1:] == [*four, *six]


def test_padding_is_trimmed_to_what_the_ip_header_says(pair: Pair) -> None:
    pair.connect()
    items = [packet("x" * n) for n in range(20)]
    for item in items:
        pair.send(pair.left, item)
    pair.advance(1)
    assert pair.right.inbox[1:] == items
    assert all(len(datagram.data) % 16 == 0 for datagram in pair.left.sent_of(DATA))


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        (b"\x00" * 40, Drop.NOT_IP),
        (b"\x45\x00\xff\xff" + bytes(36), Drop.NOT_IP),
        (packet(source="10.0.0.77"), Drop.WRONG_SOURCE),
        (packet("x", "fd00::77", "fd00::2"), Drop.WRONG_SOURCE),
    ],
)
def test_authentic_data_that_is_not_the_peers_to_send_is_dropped(
    pair: Pair, inner: bytes, reason: Drop
) -> None:
    pair.connect()
    burst = Burst(2, 1420)
    for item in (inner, packet("good")):
        burst.add_packet(item)
    assert isinstance(pair.left.device.seal(pair.now, burst, parse_address("10.0.0.2"), 1420), Sealed)
    opened = pair.right.device.open(pair.now, burst, Path(pair.left.address))
    assert opened.rows == [1]
    assert [bytes(p) for p in burst.packets(opened.rows)] == [packet("good")]
    assert pair.to_left.drops == {reason: 1}


def test_the_source_must_belong_to_the_peer_by_its_longest_prefix(pair: Pair) -> None:
    pair.connect()
    pair.right.device.add_peer(paper.pub(b"o" * 32), allowed_ips=[(parse_address("10.0.0.128"), 25)])
    pair.right.device.allowed_ips.insert(parse_address("10.0.0.0"), 24, pair.to_left)
    pair.send(pair.left, packet("mine", source="10.0.0.5"))
    pair.send(pair.left, packet("the other's", source="10.0.0.200"))
    pair.advance(1)
    assert pair.right.inbox[1:] == [packet("mine", source="10.0.0.5")]
    assert pair.to_left.drops == {Drop.WRONG_SOURCE: 1}


def test_a_replayed_datagram_is_dropped_and_does_not_roam(pair: Pair) -> None:
    pair.connect()
    pair.send(pair.left, packet("once"))
    pair.advance(1)
    replayed = pair.left.sent_of(DATA)[-1].data
    assert _open(pair, replayed, ("203.0.113.66", 6)).rows == []
    assert pair.right.device.drops == {Drop.REPLAYED: 1}
    assert pair.to_left.endpoint == Path(pair.left.address)


def test_data_for_an_unknown_index_or_for_a_handshake_under_way_is_dropped(pair: Pair) -> None:
    pair.send(pair.left, packet())
    pending = int.from_bytes(pair.left.sent[0].data[4:8], "little")
    for index in (pending, (pending + 1) % 2**32):
        burst = Burst(1, 1420)
        burst.add_datagram(paper.transport_data(bytes(32), index, 0, packet()))
        assert pair.left.device.open(pair.now, burst, Path(pair.right.address)).peer is None
    assert pair.left.device.drops == {Drop.UNKNOWN_INDEX: 2}


def test_a_congestion_mark_reaches_the_inner_packet_or_drops_it(pair: Pair) -> None:
    pair.connect()
    for bits in (2, 0):
        pair.send(pair.left, packet(f"ecn {bits}", ecn=bits))
        datagram = pair.left.sent[-1].data
        burst = Burst(1, 1420)
        burst.add_datagram(datagram)
        opened = pair.right.device.open(pair.now, burst, Path(pair.left.address), ecn=3)
        assert [bytes(p) for p in burst.packets(opened.rows)] == ([packet("ecn 2", ecn=3)] if bits else [])
    assert pair.right.device.drops == {Drop.CONGESTION: 1}


def test_bytes_are_counted_as_the_kernel_counts_them(pair: Pair) -> None:
    pair.connect()
    assert pair.to_right.tx_bytes == pair.to_left.rx_bytes == 148 + 64
    assert pair.to_right.rx_bytes == pair.to_left.tx_bytes == 92


# Roaming


def test_a_peer_that_moves_is_answered_at_its_new_address(pair: Pair) -> None:
    pair.connect()
    pair.move(pair.left, ("198.51.100.7", 7777))
    pair.send(pair.left, packet("moved"))
    pair.advance(1)
    assert pair.to_left.endpoint == Path(("198.51.100.7", 7777))
    pair.send(pair.right, answer("found you"))
    pair.advance(1)
    assert pair.left.inbox == [answer("found you")]


def test_the_responder_may_roam_too(pair: Pair) -> None:
    pair.connect()
    pair.move(pair.right, ("198.51.100.8", 8888))
    pair.send(pair.right, answer("I moved"))
    pair.advance(1)
    pair.send(pair.left, packet("I noticed"))
    pair.advance(1)
    assert pair.right.inbox[-1] == packet("I noticed")


def test_a_forged_datagram_does_not_roam(pair: Pair) -> None:
    pair.connect()
    pair.send(pair.left, packet())
    forged = bytearray(pair.left.sent[-1].data)
    forged[20] ^= 1
    assert _open(pair, bytes(forged), ("203.0.113.66", 6)).peer is None
    assert pair.right.device.drops == {Drop.NOT_AUTHENTIC: 1}
    assert pair.to_left.endpoint == Path(pair.left.address)


# Configuration


def test_a_removed_peer_leaves_nothing_behind(pair: Pair) -> None:
    pair.connect()
    pair.right.device.remove_peer(_key(pair.left.device))
    assert pair.right.device.indices == {}
    assert pair.right.device.allowed_ips.lookup(parse_address("10.0.0.1")) is None
    assert pair.right.device.deadline == float("inf")
    pair.send(pair.left, packet("anybody?"))
    pair.advance(1)
    assert pair.right.inbox == [packet("first")]
    pair.right.device.remove_peer(_key(pair.left.device))


def test_a_removed_peer_that_somebody_still_holds_does_nothing(pair: Pair) -> None:
    pair.send(pair.left, packet("staged"))
    pair.left.device.remove_peer(_key(pair.right.device))
    sent = len(pair.left.sent)
    assert pair.to_right.set_persistent_keepalive(pair.now, 25) == []
    pair.advance(600)
    assert len(pair.left.sent) == sent
    assert pair.left.device.indices == {}


def test_a_new_private_key_ends_every_session(pair: Pair) -> None:
    pair.connect()
    pair.right.device.set_private_key(b"k" * 32)
    assert pair.right.device.indices == {}
    pair.send(pair.left, packet("to whom?"))
    pair.advance(1)
    assert pair.right.inbox == [packet("first")]


def test_a_device_that_takes_a_peers_key_drops_that_peer(pair: Pair) -> None:
    pair.left.device.set_private_key(_private(pair.right.device))
    assert pair.left.device.peers == {}


def test_a_device_without_a_key_is_silent(pair: Pair) -> None:
    pair.right.device.set_private_key(None)
    pair.to_left.endpoint = Path(pair.left.address)
    assert isinstance(pair.send(pair.right, answer()), Staged)
    pair.send(pair.left, packet())
    pair.advance(1)
    assert pair.right.sent == []
    assert pair.right.device.public_key is None
    assert pair.right.device.drops[Drop.NO_PRIVATE_KEY] == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"public_key": b"short"}, "public key: expected 32 bytes, got 5"),
        ({"preshared_key": b"short"}, "preshared key: expected 32 bytes, got 5"),
        ({"persistent_keepalive": 65536}, "persistent keepalive: expected 0 to 65535 seconds, got 65536"),
        ({"allowed_ips": [(bytes(4), 8), (bytes(4), 40)]}, "prefix length: expected 0 to 32, got 40"),
    ],
)
def test_a_peer_with_a_wrong_field_is_refused_and_nothing_of_it_stays(
    change: dict[str, object], complaint: str
) -> None:
    device = Device(b"k" * 32)
    fields: dict[str, object] = {"public_key": paper.pub(b"p" * 32), **change}
    with pytest.raises(ValueError, match=complaint):
        device.add_peer(**fields)  # type: ignore[arg-type] # the fields are wrong on purpose
    assert device.peers == {}
    assert device.allowed_ips.lookup(bytes(4)) is None


def test_a_peer_that_is_refused_takes_no_prefix_from_another() -> None:
    device = Device(b"k" * 32)
    first = device.add_peer(paper.pub(b"1" * 32), allowed_ips=[(bytes(4), 8)])
    with pytest.raises(ValueError, match="prefix length"):
        device.add_peer(paper.pub(b"2" * 32), allowed_ips=[(bytes(4), 8), (bytes(4), 40)])
    assert device.allowed_ips.lookup(bytes(4)) is first


def test_nobody_is_its_own_peer_nor_twice_a_peer(pair: Pair) -> None:
    with pytest.raises(ValueError, match="public key: expected another than the device's own"):
        pair.left.device.add_peer(_key(pair.left.device))
    with pytest.raises(ValueError, match="public key: expected one that no other peer has"):
        pair.left.device.add_peer(_key(pair.right.device))
    with pytest.raises(ValueError, match="private key: expected 32 bytes, got 3"):
        Device(b"abc")


def test_a_peer_with_a_key_of_low_order_never_makes_a_session() -> None:
    world = World("low order", [Delay(0.01)])
    node = world.add("node", ("192.0.2.1", 1))
    peer = node.device.add_peer(bytes(32), endpoint=Path(("192.0.2.2", 2)), allowed_ips=[(bytes(4), 0)])
    assert isinstance(world.send(node, packet()), Staged)
    world.advance(30)
    assert node.sent == []
    assert peer.drops[Drop.BAD_HANDSHAKE] >= 1


def test_transport_data_and_unknown_cookie_replies_given_to_receive_are_dropped(pair: Pair) -> None:
    pair.connect()
    assert _receive(pair, pair.left.sent_of(DATA)[0].data) == []
    assert _receive(pair, b"\3\0\0\0" + bytes(60)) == []
    assert _receive(pair, b"") == []
    assert pair.right.device.drops == {Drop.MALFORMED: 2, Drop.UNKNOWN_INDEX: 1}


def test_limits_on_messages_bring_a_new_session_and_then_stop_the_old() -> None:
    world = Pair()
    limits = Parameters(rekey_after_messages=10, reject_after_messages=20)
    for node in (world.left, world.right):
        node.device.parameters = limits
    world.connect()
    world.advance(10)
    for n in range(11):
        world.send(world.left, packet(str(n)))
    world.advance(1)
    assert len(world.left.sent_of(INITIATION)) == 2
    world.network.layers = [lambda datagram, rng: [] if datagram.data[0] == RESPONSE else [datagram]]
    results = [type(world.send(world.left, packet("more"))) for _ in range(25)]
    assert (
        results == [Sealed] * 19 + [Staged] * 6
    )  # the new session's keepalive took one of its twenty counters


def _key(device: Device) -> bytes:
    assert device.public_key is not None
    return device.public_key


def _private(device: Device) -> bytes:
    assert device.private_key is not None
    return device.private_key


def _receive(pair: Pair, datagram: bytes, source: tuple[str, int] = ("192.0.2.1", 1111)) -> list[Send]:
    """What right answers to a datagram that is not transport data."""
    events = pair.right.device.receive(
        pair.now, pair.wall(pair.right), pair.right.rng, datagram, Path(source)
    )
    return [event for event in events if isinstance(event, Send)]


def _open(pair: Pair, datagram: bytes, source: tuple[str, int]) -> Opened:
    burst = Burst(1, 1420)
    burst.add_datagram(datagram)
    return pair.right.device.open(pair.now, burst, Path(source))
