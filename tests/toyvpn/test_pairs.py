"""Every pair of ends, an hour each: what lives, what dies, and when."""

from itertools import pairwise

import pytest

from glasstunnel.ip import packet
from glasstunnel.sim import Drop, Duplicate, Layer, Nat, Partition, Reorder
from glasstunnel.sim.toyscenario import CLIENT, PHONE, SERVER, Kind, Pair, Traffic, make_server, timeline
from glasstunnel.sim.toyvpn import Host
from glasstunnel.toyvpn.client import Client
from glasstunnel.toyvpn.events import Began, Ended, Moved
from glasstunnel.toyvpn.session import Times

HOUR = 3600
TRAFFICS: tuple[Traffic, ...] = ("idle", "download", "upload")


def lost(pair: Pair, traffic: Traffic, seconds: float = HOUR, gap: float = 1.0) -> int:
    """Let the user talk for so long; how many packets did not arrive."""
    pair.advance(1)
    for host in pair.hosts:
        host.inbox.clear()
    said = pair.talk(traffic, seconds, gap)
    pair.advance(seconds + 1)
    receiver = pair.client if traffic == "download" else pair.server
    return len(said) - len(receiver.inbox)


def said(host: Host) -> list[str]:
    return [text for _, text in host.said()]


# Ours, with every pair


@pytest.mark.parametrize("traffic", TRAFFICS)
@pytest.mark.parametrize(("server", "client"), [("ours", "ours"), ("ours", "sample"), ("sample", "ours")])
def test_an_hour_passes_without_a_drop_as_soon_as_one_end_is_ours(
    server: Kind, client: Kind, traffic: Traffic
) -> None:
    pair = Pair(server, client)
    assert lost(pair, traffic) == 0
    assert pair.client.is_connected
    assert said(pair.client) == [{"ours": "connected", "sample": "New interface"}[client]]
    assert not any(isinstance(event, Ended) for _, event in pair.server.history)
    assert pair.unreachable == []


@pytest.mark.parametrize("traffic", TRAFFICS)
@pytest.mark.parametrize("gap", [0.05, 5, 13, 70])
def test_the_pace_of_the_traffic_does_not_matter(traffic: Traffic, gap: float) -> None:
    for client in ("sample", "ours"):
        pair = Pair("ours", client)
        assert lost(pair, traffic, 60 if gap < 1 else 600, gap) == 0
        assert pair.client.is_connected


@pytest.mark.parametrize("traffic", TRAFFICS)
def test_our_ends_stay_connected_through_a_bad_network(traffic: Traffic) -> None:
    layers: list[Layer] = [Drop(0.2), Duplicate(0.1), Reorder(0.2, 0.5)]
    pair = Pair("ours", "ours", layers)
    pair.advance(10)
    pair.talk(traffic, HOUR, 1)
    pair.advance(HOUR)
    assert said(pair.client) == ["connected"]
    assert pair.client.is_connected
    assert [event for _, event in pair.server.history if isinstance(event, Ended)] == []


# The sample with itself


def test_an_idle_client_of_the_sample_crashes_after_20_s_with_its_own_server() -> None:
    pair = Pair("sample", "sample")
    pair.advance(60)
    assert pair.client.said() == [
        (0.1, "New interface"),
        (20.1, "FATAL EXCEPTION: IllegalStateException: Timed out"),
    ]
    assert said(pair.server) == ["Here comes a new tunnel", "The tunnel is broken"]


def test_a_downloading_client_of_the_sample_crashes_after_20_s_with_its_own_server() -> None:
    pair = Pair("sample", "sample")
    assert lost(pair, "download", 60) > 30
    assert pair.client.said()[-1] == (20.1, "FATAL EXCEPTION: IllegalStateException: Timed out")


def test_an_uploading_client_of_the_sample_lives_with_its_own_server() -> None:
    pair = Pair("sample", "sample")
    assert lost(pair, "upload") == 0
    assert pair.client.is_connected


# How far a server can help the sample's client


@pytest.mark.parametrize("traffic", ["idle", "download"])
def test_without_echo_requests_our_server_does_not_help_it_either(traffic: Traffic) -> None:
    pair = Pair("ours", "sample", times=Times(ask=None))
    lost(pair, traffic, 60)
    assert pair.client.said()[-1] == (20.1, "FATAL EXCEPTION: IllegalStateException: Timed out")


def test_a_phone_that_does_not_answer_cannot_be_helped() -> None:
    pair = Pair("ours", "sample")
    pair.client.inside = None
    pair.advance(60)
    assert said(pair.client)[-1] == "FATAL EXCEPTION: IllegalStateException: Timed out"


@pytest.mark.parametrize(("ask", "lives"), [(6, True), (15, True), (19.7, True), (20, False)])
def test_an_echo_request_must_come_within_20_s(ask: float, lives: bool) -> None:
    pair = Pair("ours", "sample", times=Times(ask=ask, silence=120))
    pair.advance(HOUR)
    assert pair.client.is_connected is lives


def test_two_echo_requests_in_a_row_may_be_lost() -> None:
    """Six seconds apart, the third still comes in time."""
    pair = Pair("ours", "sample")
    asked: list[float] = []

    def keep(data: bytes) -> bool:
        if data[:1] == b"\x45" and packet.destination(data) == PHONE:
            asked.append(pair.now)
            return len(asked) % 3 == 0
        return True

    pair.network.layers.append(lambda datagram, _: [datagram] if keep(datagram.data) else [])
    pair.advance(HOUR)
    assert pair.client.is_connected
    assert len(asked) > 500


def test_the_users_of_the_server_never_see_an_answer_to_its_echo_requests() -> None:
    pair = Pair("ours", "sample")
    pair.advance(600)
    assert pair.server.inbox == []
    assert pair.client.inbox == []


# The timeline for the book


def test_the_timeline_of_an_idle_client_shows_the_swap() -> None:
    session, keepalive, heard, crash = timeline("sample", "idle", 60)
    assert (session.at, session.what) == (0, "session")
    assert (keepalive.what, keepalive.at) == ("sends", 15.0)
    assert keepalive.last_send_time == keepalive.sent == 15.0
    assert keepalive.last_receive_time == 0
    assert heard.what == "receives"
    assert heard.last_send_time == heard.received > 16
    assert heard.last_receive_time == 0, "it has received, and does not know"
    assert (crash.what, crash.at) == ("crashes", 20.0)


def test_the_timeline_of_a_download_has_a_crash_with_the_sample_and_none_with_ours() -> None:
    assert timeline("sample", "download", 60)[-1].what == "crashes"
    assert all("crashes" not in moment.what for moment in timeline("ours", "download", 60))
    answers = [moment for moment in timeline("ours", "idle", 60) if "sends" in moment.what]
    gaps = [later.at - sooner.at for sooner, later in pairwise(answers)]
    assert gaps == [pytest.approx(6, abs=0.3)] * len(gaps)
    assert len(gaps) > 5
    assert all(moment.last_receive_time == moment.sent for moment in answers)


# Restarts


@pytest.mark.parametrize("kind", ["ours", "sample"])
def test_our_client_survives_a_restart_of_its_server(kind: Kind) -> None:
    pair = Pair(kind, "ours")
    pair.advance(30)
    pair.remove(pair.server)
    pair.advance(120)
    assert said(pair.client)[-1] == "disconnected: the server refuses us"
    again = Pair(kind, "ours").server
    pair.server = pair.add(Host("server", again.address, again.program))
    pair.advance(40)
    assert pair.client.is_connected
    assert lost(pair, "upload", 60) == 0


@pytest.mark.parametrize("kind", ["ours", "sample"])
def test_a_restart_that_nobody_notices_costs_ten_seconds(kind: Kind) -> None:
    """No ICMP: the server was away for a moment, and does not know its client any more."""
    pair = Pair(kind, "ours")
    pair.advance(30)
    pair.remove(pair.server)
    again = Pair(kind, "ours").server
    pair.server = pair.add(Host("server", again.address, again.program))
    pair.advance(23)
    assert pair.client.is_connected
    assert said(pair.client) == ["connected"], "it went on as if nothing were"
    assert lost(pair, "download", 60) == 0


def restarted(pair: Pair) -> None:
    """The server's process starts again, so fast that nothing is refused meanwhile."""
    pair.remove(pair.server)
    pair.server = pair.add(Host("server", SERVER, make_server("ours")))


@pytest.mark.parametrize("traffic", TRAFFICS)
def test_the_samples_client_survives_a_restart_of_our_server(traffic: Traffic) -> None:
    pair = Pair("ours", "sample")
    pair.advance(30)
    restarted(pair)
    lost(pair, traffic, 60)
    assert said(pair.client) == [
        "New interface",
        "Cannot use socket: PortUnreachableException",
        "New interface",
    ]
    assert lost(pair, traffic, 60) == 0


@pytest.mark.parametrize("seconds", [20, 40, 200])
def test_a_client_that_finds_no_place_is_refused_and_comes_back_in_time(seconds: float) -> None:
    pair = Pair("ours", "ours", pool="10.0.0.0/30")
    pair.advance(10)
    late = pair.join("sample", ("192.0.2.2", 5000), 1)
    pair.advance(seconds)
    assert pair.client.is_connected
    assert not late.is_connected
    program = pair.client.program
    assert isinstance(program, Client)
    pair.carry_out(pair.client, program.stop())
    pair.advance(8)
    assert late.is_connected is (seconds < 30), "it gives up after ten attempts"


def test_with_one_address_alone_an_app_that_crashed_is_served_again_before_it_gives_up() -> None:
    pair = Pair("ours", "sample", pool="", times=Times(ask=None))
    pair.advance(25)
    assert said(pair.client)[-1] == "FATAL EXCEPTION: IllegalStateException: Timed out"
    pair.remove(pair.client)
    again = pair.join("sample", (CLIENT[0], 50000))
    pair.advance(2.2)
    assert said(again) == ["New interface"]


# NAT


@pytest.mark.parametrize("client", ["ours", "sample"])
def test_a_session_survives_a_nat_that_forgets(client: Kind) -> None:
    nat = Nat([CLIENT[0]], "192.0.2.200")
    pair = Pair("ours", client, [nat])
    pair.advance(10)
    for _ in range(20):
        nat.forget()
        pair.advance(5)
        pair.talk("upload", 20, 1)
        pair.advance(25)
    moved = [event for _, event in pair.server.history if isinstance(event, Moved)]
    assert len(moved) == 20
    assert not any(isinstance(event, Ended) for _, event in pair.server.history)
    assert pair.client.is_connected
    assert len(pair.server.inbox) >= 20 * 17, "two or three seconds are lost each time"


def test_our_client_may_change_its_address() -> None:
    pair = Pair("ours", "ours")
    pair.advance(10)
    pair.client.address = ("203.0.113.5", 7)
    assert lost(pair, "upload", 60) <= 2
    (moved,) = (event for _, event in pair.server.history if isinstance(event, Moved))
    assert moved.session.path.remote == ("203.0.113.5", 7)


def test_a_session_survives_an_outage_of_half_a_minute() -> None:
    pair = Pair("ours", "ours", [Partition(20, 50)])
    pair.advance(80)
    assert pair.client.is_connected
    assert said(pair.client) == ["connected"]
    assert not any(isinstance(event, Ended) for _, event in pair.server.history)


def test_our_client_waits_until_the_samples_server_is_free() -> None:
    pair = Pair("sample", "sample")
    ours = pair.join("ours", ("192.0.2.2", 5000), 1)
    pair.advance(15)
    assert said(ours) == []
    pair.advance(60)
    assert ours.is_connected, "the other has crashed meanwhile"


def test_our_server_serves_many_at_once() -> None:
    pair = Pair("ours", "sample")
    others = [
        pair.join(
            "ours" if number % 2 else "sample",
            ("192.0.2.2", 5000 + 10 * number),
            number,
            bytes((10, 0, 0, 2 + number)),
        )
        for number in range(1, 20)
    ]
    pair.advance(300)
    assert all(host.is_connected for host in [pair.client, *others])
    began = [event.session for _, event in pair.server.history if isinstance(event, Began)]
    assert len({session.packed for session in began}) == 20


def test_our_client_is_not_put_off_by_a_reply_that_it_cannot_read() -> None:
    pair = Pair("ours", "ours")
    program = pair.client.program
    assert isinstance(program, Client)
    pair.client.history.clear()
    program.start(0)
    pair.carry_out(pair.client, program.receive(0, b"\0m,nonsense"))
    assert said(pair.client) == ['disconnected: MTU: expected 68 to 32767, got "nonsense"']
    pair.advance(3)
    assert pair.client.is_connected
    assert pair.client.listens_at == CLIENT
