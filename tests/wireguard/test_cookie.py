"""mac1, mac2, cookies and load: WP §5.3, §5.4.4 and §5.4.7; kernel cookie.c, receive.c."""

import pytest

from glasstunnel.ip.address import parse_address
from glasstunnel.sim import Datagram, Randomness
from glasstunnel.sim import Drop as Loss
from glasstunnel.sim.network import Address
from glasstunnel.wireguard.burst import Burst
from glasstunnel.wireguard.cookie import CookieChecker, CookieGenerator, add_macs, mac1_key
from glasstunnel.wireguard.events import Drop, KeysReady, Path, Send
from glasstunnel.wireguard.messages import CookieReply, MessageType
from glasstunnel.wireguard.parameters import PARAMETERS
from tests.wireguard import paper
from tests.wireguard.pair import Pair, packet

INITIATION, RESPONSE, COOKIE_REPLY = MessageType.INITIATION, MessageType.RESPONSE, MessageType.COOKIE_REPLY
STATIC_R, SECRET, NONCE = b"r" * 32, b"s" * 32, bytes(range(24))
PUBLIC_R = paper.pub(STATIC_R)
HERE = Path(("192.0.2.1", 1111))
JUNK = b"\1\0\0\0" + bytes(144)
"""As long as an initiation, and the cheapest to refuse: its mac1 is wrong."""


def rng(length: int) -> bytes:
    """The secret when 32 bytes are drawn, the nonce when it is 24."""
    return {32: SECRET, 24: NONCE}[length]


def message(size: int = 148, text: bytes = b"\x07\x00\x00\x80") -> bytes:
    """A handshake message for the owner of PUBLIC_R: index 0x80000007, right mac1, no mac2."""
    return add_macs((b"\1\0\0\0" + text).ljust(size, b"."), mac1_key(PUBLIC_R))


def both() -> tuple[CookieChecker, CookieGenerator]:
    return CookieChecker(PUBLIC_R, PARAMETERS), CookieGenerator(PUBLIC_R, PARAMETERS)


# The formulas


@pytest.mark.parametrize("size", [148, 92])
@pytest.mark.parametrize(
    ("path", "address", "port"),
    [
        (Path(("192.0.2.1", 1111)), "192.0.2.1", 1111),
        (Path(("2001:db8::7", 65535), "2001:db8::1", 3), "2001:db8::7", 65535),
        (Path(("fe80::1%eth0", 256)), "fe80::1", 256),
    ],
)
def test_a_cookie_reply_is_the_papers_to_the_byte(size: int, path: Path, address: str, port: int) -> None:
    checker, _ = both()
    reply = checker.reply(0, rng, message(size), path).build()
    assert len(reply) == 64
    assert reply == paper.cookie_reply(STATIC_R, SECRET, parse_address(address), port, message(size), NONCE)


def test_mac2_is_the_mac_of_all_before_it_under_the_cookie() -> None:
    checker, generator = both()
    first = generator.add_macs(0, message())
    assert first[132:] == bytes(16)
    assert generator.consume(1, checker.reply(1, rng, first, HERE))
    second = generator.add_macs(5, message(92))
    cookie = paper.mac(SECRET, parse_address("192.0.2.1") + (1111).to_bytes(2, "big"))
    assert second[60:76] == paper.mac(paper.hash_(b"mac1----" + PUBLIC_R), second[:60])
    assert second[76:] == paper.mac(cookie, second[:76])
    assert checker.mac2_is_right(5, rng, second, HERE)


@pytest.mark.parametrize("elsewhere", [("192.0.2.1", 1112), ("192.0.2.2", 1111), ("::ffff:192.0.2.1", 1111)])
def test_a_cookie_holds_for_one_address_and_one_port(elsewhere: Address) -> None:
    checker, generator = both()
    assert generator.consume(0, checker.reply(0, rng, generator.add_macs(0, message()), HERE))
    second = generator.add_macs(0, message())
    assert checker.mac2_is_right(0, rng, second, HERE)
    assert not checker.mac2_is_right(0, rng, second, Path(elsewhere))


def test_the_checker_renews_its_secret_every_120_seconds() -> None:
    checker, generator = both()
    draw = Randomness("secrets")
    assert generator.consume(0, checker.reply(7, draw, generator.add_macs(0, message()), HERE))
    second = generator.add_macs(0, message())
    assert checker.mac2_is_right(126.9, draw, second, HERE)
    assert not checker.mac2_is_right(127, draw, second, HERE)


def test_the_generator_uses_a_cookie_for_115_seconds() -> None:
    checker, generator = both()
    assert generator.consume(10, checker.reply(10, rng, generator.add_macs(10, message()), HERE))
    assert generator.add_macs(124.9, message())[132:] != bytes(16)
    assert generator.add_macs(125, message())[132:] == bytes(16)
    assert generator.add_macs(124.9, message())[132:] == bytes(16), "it has been erased"


def test_a_reply_is_taken_once_for_each_mac1_and_only_for_the_last_one() -> None:
    checker, generator = both()
    assert not generator.consume(0, checker.reply(0, rng, message(), HERE)), "nothing was sent"
    first = generator.add_macs(0, message())
    reply = checker.reply(0, rng, first, HERE)
    assert generator.consume(0, reply)
    assert not generator.consume(0, reply)
    generator.add_macs(1, message(text=b"more"))
    assert not generator.consume(1, reply)


def test_a_reply_with_one_wrong_bit_is_refused_and_the_right_one_still_taken() -> None:
    checker, generator = both()
    right = checker.reply(0, rng, generator.add_macs(0, message()), HERE).build()
    for place in range(8 * 8, 64 * 8):
        wrong = bytearray(right)
        wrong[place // 8] ^= 1 << place % 8
        assert not generator.consume(0, CookieReply.parse(bytes(wrong)))
    assert generator.consume(0, CookieReply.parse(right))


def test_a_reply_of_somebody_else_is_refused() -> None:
    _, generator = both()
    other = CookieChecker(paper.pub(b"o" * 32), PARAMETERS)
    assert not generator.consume(0, other.reply(0, rng, generator.add_macs(0, message()), HERE))


# Load


def burden(pair: Pair, messages: int = 512) -> None:
    """Let so many worthless messages wait at right."""
    for _ in range(messages):
        pair.right.device.enqueue(JUNK, Path(("203.0.113.66", 6)))


def initiation(pair: Pair) -> bytes:
    """Left's first initiation, under way to right."""
    pair.send(pair.left, packet())
    return pair.left.sent[-1].data


def receive(pair: Pair, datagram: bytes, source: Address = ("192.0.2.1", 1111)) -> list[int]:
    """The types of what right answers at once."""
    events = pair.right.device.receive(
        pair.now, pair.wall(pair.right), pair.right.rng, datagram, Path(source)
    )
    return [event.data[0] for event in events if isinstance(event, Send)]


def nobodys_initiation(pair: Pair) -> bytes:
    """An initiation that only its mac1 makes look like one: right must do a Diffie-Hellman to find out."""
    assert pair.right.device.public_key
    return add_macs(b"\1\0\0\0" + b"x" * 144, mac1_key(pair.right.device.public_key))


def test_without_load_mac2_is_not_looked_at(pair: Pair) -> None:
    datagram = initiation(pair)
    assert receive(pair, datagram[:132] + b"x" * 16) == [RESPONSE]


def test_512_waiting_messages_are_load_and_511_are_none(pair: Pair) -> None:
    burden(pair, 511)
    datagram = initiation(pair)
    assert receive(pair, datagram) == [RESPONSE]
    burden(pair, 1)
    assert receive(pair, datagram) == [COOKIE_REPLY]


def test_load_lasts_a_second_longer_than_the_queue_is_long(pair: Pair) -> None:
    burden(pair)
    pair.advance(0)
    assert len(pair.right.device.incoming) == 0
    datagram = initiation(pair)
    pair.network.layers.append(Loss(1))
    pair.advance(0.99)
    assert receive(pair, datagram) == [COOKIE_REPLY]
    pair.advance(0.01)
    assert receive(pair, datagram) == [RESPONSE]


def test_under_load_a_message_with_a_wrong_mac1_gets_no_answer(pair: Pair) -> None:
    burden(pair)
    datagram = initiation(pair)
    assert receive(pair, datagram[:116] + bytes(32)) == []
    assert receive(pair, JUNK) == []
    assert pair.right.device.drops == {Drop.WRONG_MAC1: 2}
    assert len(pair.right.device.rate_limiter) == 0


def test_a_cookie_reply_goes_where_the_message_came_from_and_belongs_to_no_peer(pair: Pair) -> None:
    burden(pair)
    datagram = initiation(pair)
    path = Path(("198.51.100.9", 9), "192.0.2.2", 4)
    (event,) = pair.right.device.receive(pair.now, 0, pair.right.rng, datagram, path)
    assert isinstance(event, Send)
    assert (event.peer, event.path, event.tos, len(event.data)) == (None, path, 0, 64)
    assert event.data[4:8] == datagram[4:8]
    assert pair.right.device.drops == {Drop.NO_COOKIE: 1}
    assert pair.right.device.indices == {}
    assert (pair.to_left.rx_bytes, pair.to_left.tx_bytes, pair.to_left.endpoint) == (0, 0, None)


def test_under_load_a_source_is_limited_after_its_mac2_was_found_right(pair: Pair) -> None:
    burden(pair)
    datagram, source = nobodys_initiation(pair), ("192.0.2.7", 7)
    for _ in range(50):
        assert receive(pair, datagram, source) == [COOKIE_REPLY]
    answered = pair.right.device.receive(pair.now, 0, pair.right.rng, datagram, Path(source))[0]
    assert isinstance(answered, Send)
    assert pair.right.device.public_key
    generator = CookieGenerator(pair.right.device.public_key, PARAMETERS)
    assert generator.add_macs(pair.now, datagram) == datagram
    assert generator.consume(pair.now, CookieReply.parse(answered.data))
    for _ in range(8):
        assert receive(pair, generator.add_macs(pair.now, datagram), source) == []
    drops = pair.right.device.drops
    assert (drops[Drop.NO_COOKIE], drops[Drop.BAD_HANDSHAKE], drops[Drop.RATE_LIMITED]) == (51, 5, 3)


def test_at_most_4096_messages_wait_and_the_last_to_come_is_dropped(pair: Pair) -> None:
    burden(pair, 4096 + 10)
    assert len(pair.right.device.incoming) == 4096
    assert pair.right.device.drops == {Drop.HANDSHAKES_FULL: 10}


def test_what_is_no_message_adds_nothing_to_the_load(pair: Pair) -> None:
    for datagram in (b"", b"\1\0\0\0", JUNK + b"x", b"\5\0\0\0" + bytes(60)):
        pair.right.device.enqueue(datagram, HERE)
    assert len(pair.right.device.incoming) == 0
    assert pair.right.device.drops == {Drop.MALFORMED: 4}


def test_a_tick_works_off_a_bounded_number_of_messages_and_asks_for_the_next(pair: Pair) -> None:
    burden(pair, 100)
    device = pair.right.device
    for waiting in (84, 68, 52, 36, 20, 4):
        assert device.deadline <= pair.now
        device.tick(pair.now, 0, pair.right.rng)
        assert len(device.incoming) == waiting
    device.tick(pair.now, 0, pair.right.rng)
    assert (len(device.incoming), device.deadline) == (0, float("inf"))


# Between two devices


def flood(pair: Pair, target: Address, at: float, messages: int = 600, text: bytes = JUNK) -> None:
    """Messages from as many addresses, which arrive all at once."""
    for n in range(messages):
        pair.network.send(Datagram(at, (f"203.0.{113 + n // 250}.{n % 250}", 6), target, text))


def test_the_repeated_initiation_carries_mac2_and_makes_the_session_under_load(pair: Pair) -> None:
    for tenth in range(100):
        flood(pair, pair.right.address, at=tenth / 10)
    pair.send(pair.left, packet("first"))
    pair.advance(4.9)
    assert [len(datagram.data) for datagram in pair.right.sent] == [64]
    assert pair.right.inbox == []
    pair.advance(0.6)
    first, second = pair.left.sent_of(INITIATION)
    assert second.at - first.at >= 5, "a cookie hurries nothing"
    assert first.data[132:] == bytes(16)
    assert second.data[132:] != bytes(16)
    assert pair.right.inbox == [packet("first")]


def test_the_next_rekey_has_no_need_of_a_cookie_it_has_one(pair: Pair) -> None:
    flood(pair, pair.right.address, at=0)
    pair.send(pair.left, packet("first"))
    pair.advance(100)
    flood(pair, pair.right.address, at=pair.now)
    pair.to_right.want_initiation(pair.now)
    pair.advance(1)
    assert len(pair.right.sent_of(COOKIE_REPLY)) == 1
    assert len(pair.right.sent_of(RESPONSE)) == 2


def test_a_response_is_answered_with_a_cookie_too(pair: Pair) -> None:
    """The initiator is the one under load: it asks the responder, whose next response carries mac2."""
    for tenth in range(100):
        flood(pair, pair.left.address, at=tenth / 10)
    pair.send(pair.left, packet("first"))
    pair.advance(6)
    assert len(pair.left.sent_of(COOKIE_REPLY)) == 1
    assert [datagram.data[76:] == bytes(16) for datagram in pair.right.sent_of(RESPONSE)] == [True, False]
    assert pair.right.inbox == [packet("first")]


def test_a_cookie_reply_changes_nothing_but_the_next_mac2(pair: Pair) -> None:
    """No roaming, no counters, no timers, no attempt: kernel cookie.c ``wg_cookie_message_consume``."""
    flood(pair, pair.right.address, at=0)
    pair.send(pair.left, packet())
    pair.network.layers.append(lambda datagram, _rng: [])
    pair.advance(0.015)
    reply, peer = pair.right.sent_of(COOKIE_REPLY)[0].data, pair.to_right

    def state() -> list[object]:
        return [peer.endpoint, peer.rx_bytes, peer.tx_bytes, list(peer.timers.due), peer.last_handshake]

    before, deadline = state(), pair.left.device.deadline
    events = pair.left.device.receive(pair.now, 0, pair.left.rng, reply, Path(("203.0.113.66", 6)))
    assert events == []
    assert (state(), pair.left.device.deadline) == (before, deadline)
    assert peer.drops == {}
    pair.left.device.receive(pair.now, 0, pair.left.rng, reply, Path(("203.0.113.66", 6)))
    assert peer.drops == {Drop.BAD_COOKIE_REPLY: 1}
    assert (state(), pair.left.device.deadline) == (before, deadline)


def test_data_passes_while_handshakes_wait(pair: Pair) -> None:
    pair.connect()
    burden(pair, 4096)
    pair.send(pair.left, packet("data"))
    pair.right.device.tick(pair.now, 0, pair.right.rng)
    assert len(pair.right.device.incoming) == 4096 - 16
    burst = Burst(1, 1420)
    burst.add_datagram(pair.left.sent[-1].data)
    assert pair.right.device.open(pair.now, burst, HERE).rows == [0]
    assert len(pair.right.device.incoming) == 4096 - 16


def test_through_a_flood_from_everywhere_an_honest_initiator_comes_with_its_cookie(pair: Pair) -> None:
    """Who floods knows the public key, and forges addresses: without cookies each message would cost a
    Diffie-Hellman.
    """
    for n in range(14):
        for begin in (0, 124):  # at the first handshake and at the rekey
            flood(pair, pair.right.address, begin + 0.9 * n, messages=520, text=nobodys_initiation(pair))
    for n in range(34):
        pair.send(pair.left, packet(f"ping {n}"))
        pair.advance(4)
    assert pair.right.inbox == [packet(f"ping {n}") for n in range(34)]
    ready = [time for time, event in pair.left.history if isinstance(event, KeysReady)]
    assert 5 < ready[0] < 5.5, "at the second attempt"
    assert 130 < ready[1] < 135, "at the rekey the first cookie was too old, so it took two attempts again"
    drops = pair.right.device.drops
    assert drops[Drop.NO_COOKIE] > 14_000
    assert drops[Drop.BAD_HANDSHAKE] < 100
