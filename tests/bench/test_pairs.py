"""The comparison with wireguard-go: turns, medians and verdicts from given samples; no speed is judged."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import UnavailableError, pairs
from bench import __main__ as command
from bench.contenders import Contender, Kind, contenders, peers, variants
from bench.goals import Cell, Goal, Sample, Spread, cells, goals_beside, medians, ratios
from bench.pair import Pulse, pair
from bench.pairs import Run, Settings, turns
from bench.works import QUANTITIES, WORKS, Work, WorkError, average_ping, received
from glasstunnel.host import control

WORK = {work.key: work for work in WORKS}
QUANTITY = {quantity.key: quantity for quantity in QUANTITIES}
OURS = Contender("glasstunnel", Kind.OURS, ("glasstunnel-wg",), "glasstunnel-wg 0.1.0")
PLAIN = replace(OURS, name="glasstunnel, plain path", kind=Kind.PLAIN)


def wireguard_go(version: str) -> Contender:
    return Contender(f"wireguard-go {version}", Kind.PEER, ("wireguard-go",), f"wireguard-go v{version}")


NEWEST, BOOKWORM, OTHER = map(wireguard_go, ("0.0.20250522", "0.0.20220316", "0.0.20230223"))

# What iperf 3.12 reported over loopback, without what is not read.
TCP = """{"start": {"test_start": {"protocol": "TCP", "num_streams": 2, "blksize": 131072, "reverse": 1}},
"end": {"sum_sent": {"seconds": 1.000888, "bytes": 4799856640, "sender": false},
"sum_received": {"seconds": 1.000124, "bytes": 4799135691, "bits_per_second": 38388325375.65342}}}"""
UDP = """{"start": {"test_start": {"protocol": "UDP", "num_streams": 1, "blksize": 64, "reverse": 0}},
"end": {"sum": {"bytes": 19077760, "lost_packets": 6481, "packets": 298090},
"sum_received": {"seconds": 1.000158, "bytes": 18662976, "lost_packets": 6481, "packets": 298090}}}"""
REFUSED = '{"end": {}, "error": "unable to connect to server: Connection refused"}'
PING = """PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.

--- 127.0.0.1 ping statistics ---
20 packets transmitted, 20 received, 0% packet loss, time 301ms
rtt min/avg/max/mdev = 0.009/0.034/0.123/0.022 ms
"""
NO_ANSWER = """PING 10.8.0.2 (10.8.0.2) 56(84) bytes of data.

--- 10.8.0.2 ping statistics ---
20 packets transmitted, 0 received, 100% packet loss, time 19447ms
"""


# Order


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_in_every_round_each_is_once_and_in_so_many_rounds_each_begins_once(count: int) -> None:
    rounds = [turns(range(count), number) for number in range(count)]
    assert all(sorted(order) == list(range(count)) for order in rounds)
    assert sorted(order[0] for order in rounds) == list(range(count))


def test_every_other_round_goes_backwards() -> None:
    assert [turns("abcd", number) for number in range(4)] == [
        ["a", "b", "c", "d"],
        ["b", "a", "d", "c"],
        ["c", "d", "a", "b"],
        ["d", "c", "b", "a"],
    ]


# Reports


def test_the_rate_is_what_the_receiver_got() -> None:
    assert received(TCP) == pytest.approx((38.393085528, 1.000124))
    assert received(UDP) == (298090 - 6481, 1.000158)


def test_the_cost_is_for_a_gbit_of_tcp_and_for_a_million_packets_of_udp() -> None:
    assert WORK["reverse"].read(TCP, 19.196542764) == {
        "reverse_rate": pytest.approx(38.388325),
        "reverse_cpu": pytest.approx(0.5),
    }
    assert WORK["udp64"].read(UDP, 2.91609) == {
        "udp64_rate": pytest.approx(291562.93),
        "udp64_cpu": pytest.approx(10.0),
    }


def test_the_average_is_taken_from_pings_last_line() -> None:
    assert average_ping(PING) == 0.034
    assert WORK["ping"].read(PING, 1.0) == {"ping_ms": 0.034}


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (REFUSED, "iperf3: unable to connect to server: Connection refused"),
        ("", "iperf3 printed no report"),
        ("[]", "iperf3's report has no sum of what was received"),
        (TCP.replace("sum_received", "sum"), "iperf3's report has no sum of what was received"),
        (TCP.replace("4799135691", "0"), "nothing was received"),
    ],
)
def test_a_report_without_figures_is_one_sentence(report: str, sentence: str) -> None:
    with pytest.raises(WorkError, match=f"^{re.escape(sentence)}$"):
        received(report)


def test_pings_without_answer_are_one_sentence() -> None:
    with pytest.raises(WorkError, match=r"^no ping was answered$"):
        average_ping(NO_ANSWER)


def test_the_works_are_those_of_the_goals() -> None:
    assert [work.title for work in WORKS if work.arguments is not None and "-u" not in work.arguments] == [
        *("TCP, one stream", "TCP, reverse", "TCP, four streams", "TCP over IPv6")
    ]
    assert WORK["four"].arguments == ("-P", "4")
    assert WORK["udp1372"].arguments == ("-u", "-b", "0", "-l", "1372")
    assert len(QUANTITY) == len(QUANTITIES) == 13


# Medians and goals


def samples(contender: str, quantity: str, *values: float) -> list[Sample]:
    return [Sample(number, contender, quantity, value) for number, value in enumerate(values)]


def test_a_ratio_is_of_the_same_round() -> None:
    given = samples("glasstunnel", "tcp_rate", 2.0, 9.0, 3.0) + samples("other", "tcp_rate", 1.0, 3.0, 3.0)
    assert ratios(given, "tcp_rate", "other") == [2.0, 3.0, 1.0]
    (cell,) = cells(given, [OURS, replace(OTHER, name="other")])
    assert cell.ratio == Spread(2.0, 1.0, 3.0)  # of the medians it would be 1
    assert medians(given)["glasstunnel"]["tcp_rate"] == Spread(3.0, 2.0, 9.0)


def test_a_round_in_which_one_has_no_figure_has_no_ratio() -> None:
    given = [Sample(0, "glasstunnel", "ping_ms", 1.0), *samples("other", "ping_ms", 2.0, 4.0)]
    assert ratios(given, "ping_ms", "other") == [0.5]
    assert ratios(given, "tcp_rate", "other") == []


def test_the_goals_are_those_that_were_set() -> None:
    def wanted(peer: Contender) -> dict[str, float]:
        return {key: goal.bound for key, goal in goals_beside(peer).items()}

    rates, costs = ("tcp_rate", "reverse_rate", "four_rate"), ("tcp_cpu", "reverse_cpu", "four_cpu")
    packets = ("udp64_rate", "udp1372_rate")
    assert wanted(NEWEST) == {
        **dict.fromkeys(rates, 1.25),
        **dict.fromkeys(costs, 0.8),
        **dict.fromkeys(packets, 3.0),
        "ping_ms": 1.0,
    }
    assert wanted(BOOKWORM) == {
        **dict.fromkeys(rates, 5.5),
        **dict.fromkeys(costs, 0.2),
        **dict.fromkeys(packets, 2.8),
        "ping_ms": 1.0,
    }
    assert wanted(PLAIN) == dict.fromkeys(rates, 4.0)
    assert wanted(wireguard_go("0.0.20260101")) == wanted(NEWEST)
    assert set(wanted(NEWEST)) | set(wanted(BOOKWORM)) <= QUANTITY.keys()


@pytest.mark.parametrize(
    "peer", [OTHER, Contender("boringtun", Kind.PEER, ("boringtun-cli",), "boringtun 0.7.0"), OURS]
)
def test_beside_a_version_that_is_not_named_nothing_is_wanted(peer: Contender) -> None:
    assert goals_beside(peer) == {}


@pytest.mark.parametrize(
    ("quantity", "ratio", "bound", "verdict"),
    [
        ("tcp_rate", 1.25, 1.25, "✓"),
        ("tcp_rate", 1.0, 1.25, "✗ by 20.0 %"),
        ("tcp_cpu", 0.8, 0.8, "✓"),
        ("tcp_cpu", 0.5, 0.8, "✓"),
        ("tcp_cpu", 1.0, 0.8, "✗ by 25.0 %"),
        ("ping_ms", 1.1, 1.0, "✗ by 10.0 %"),
    ],
)
def test_the_verdict_tells_by_how_much_a_goal_is_missed(
    quantity: str, ratio: float, bound: float, verdict: str
) -> None:
    cell = Cell(QUANTITY[quantity], "other", Spread(ratio, ratio, ratio), Goal(quantity, bound))
    assert pairs.told_ratio(cell.data()).endswith(f" {bound:g} {verdict}")


# Who takes part


def program(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_further_peers_are_named_by_the_version_that_they_tell(tmp_path: Path) -> None:
    one = program(tmp_path / "one", "wireguard-go v0.0.20250522")
    two = program(tmp_path / "two", "wireguard-go v0.0.20250522")
    silent = program(tmp_path / "silent", "")
    found = contenders({"BENCH_PEERS": f"{one}, {two},{silent}"})
    assert [(found[0].name, found[0].kind), (found[1].name, found[1].kind)] == [
        ("glasstunnel", Kind.OURS),
        ("glasstunnel, plain path", Kind.PLAIN),
    ]
    given = found[-3:]
    assert [peer.name for peer in given] == [
        "wireguard-go 0.0.20250522",
        "wireguard-go 0.0.20250522 (2)",
        "silent",
    ]
    assert [peer.number for peer in given] == [(0, 0, 20250522), (0, 0, 20250522), ()]
    assert given[0].command == (str(one),)


def test_a_peer_that_is_no_program_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("")
    for path in (tmp_path / "text", tmp_path, Path("/nowhere/wireguard-go")):
        with pytest.raises(UnavailableError, match=rf'^BENCH_PEERS: expected the paths .* got "{path}"$'):
            peers(f"{path}")
    assert peers(" , ") == []


def test_variants_are_names_with_commands_in_their_order() -> None:
    text = "+ TSO=env GLASSTUNNEL_DATA_PATH=tso glasstunnel-wg; + GRO = glasstunnel-wg ;"
    assert variants(text) == [
        ("+ TSO", ("env", "GLASSTUNNEL_DATA_PATH=tso", "glasstunnel-wg")),
        ("+ GRO", ("glasstunnel-wg",)),
    ]
    assert [one.kind for one in contenders({"BENCH_VARIANTS": text})[2:4]] == [Kind.VARIANT] * 2


@pytest.mark.parametrize("text", ["glasstunnel-wg", "=glasstunnel-wg", "one=", 'one="'])
def test_a_variant_that_is_no_name_with_a_command_is_one_sentence(text: str) -> None:
    with pytest.raises(UnavailableError, match=r"^BENCH_VARIANTS: expected NAME=COMMAND, .* got "):
        variants(text)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_rounds_and_seconds_are_whole_numbers(text: str) -> None:
    assert Settings.read({}) == Settings(5, 5, WORKS)
    assert Settings.read({"BENCH_ROUNDS": "2", "BENCH_SECONDS": "10"}) == Settings(2, 10)
    with pytest.raises(UnavailableError, match=rf'^BENCH_ROUNDS: expected a whole number .* got "{text}"$'):
        Settings.read({"BENCH_ROUNDS": text})


def test_only_some_works_can_be_asked_for() -> None:
    assert Settings.read({"BENCH_WORKS": "ping, tcp"}).works == (WORK["tcp"], WORK["ping"])
    with pytest.raises(UnavailableError, match=r'^BENCH_WORKS: expected some of tcp, .*, ping, got "pong"$'):
        Settings.read({"BENCH_WORKS": "tcp,pong"})


def test_programs_that_are_missing_are_named_as_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name in ("iperf3", "wg") else name)
    with pytest.raises(
        UnavailableError, match=r"^programs are missing: apt-get install iperf3 wireguard-tools$"
    ):
        pairs.measure()


# A run


class Given:
    """In place of a pair: given figures, or a fault."""

    def __init__(self, contender: Contender) -> None:
        self.contender, self.is_alive, self.pause = contender, True, 0.0

    def do(self, work: Work, seconds: float) -> dict[str, float]:
        if self.contender is BOOKWORM and work.key == "four":
            raise WorkError("nothing was received")
        if self.contender is PLAIN and work.key == "udp1372":
            self.is_alive = False
            raise WorkError("nothing was received")
        return {quantity.key: 2.0 if self.contender is OURS else 1.0 for quantity in work.quantities}


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Of two rounds, in which one contender does not come up, one fails at a work and one ends."""

    @contextmanager
    def given(contender: Contender) -> Iterator[Given]:
        if contender is OTHER:
            raise WorkError("no control socket; it said: no TUN")
        yield Given(contender)

    monkeypatch.setattr(pairs, "pair", given)
    monkeypatch.setattr(pairs, "_REST", 0.0)
    run = Run([OURS, PLAIN, BOOKWORM, OTHER, NEWEST], Settings(2, 1))
    run.rounds()
    return run.results()


def test_who_fails_is_named_and_the_others_go_on(results: dict[str, Any]) -> None:
    assert results["faults"] == [
        "wireguard-go 0.0.20230223 does not come up and is left out: no control socket; it said: no TUN",
        "wireguard-go 0.0.20220316, round 1, TCP, four streams: nothing was received",
        "glasstunnel, plain path, round 1, UDP 1372 B: nothing was received",
        "glasstunnel, plain path, round 1: it ended before ping, idle",
        "wireguard-go 0.0.20220316, round 2, TCP, four streams: nothing was received",
        "glasstunnel, plain path, round 2, UDP 1372 B: nothing was received",
        "glasstunnel, plain path, round 2: it ended before ping, idle",
    ]
    names = [
        "glasstunnel",
        "glasstunnel, plain path",
        "wireguard-go 0.0.20220316",
        "wireguard-go 0.0.20250522",
    ]
    assert [one["name"] for one in results["contenders"]] == names
    assert sorted(results["samples"]) == names
    assert results["samples"]["wireguard-go 0.0.20250522"]["ping_ms"] == [1.0, 1.0]
    assert results["samples"]["wireguard-go 0.0.20220316"]["ping_ms"] == [1.0, 1.0]
    assert "four_rate" not in results["samples"]["wireguard-go 0.0.20220316"]
    assert "ping_ms" not in results["samples"]["glasstunnel, plain path"]


@pytest.mark.interop
def test_a_pair_does_its_work_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    _needs_namespaces()
    monkeypatch.setattr("bench.pair._PATIENCE", 120.0)  # a safety net only, on whatever machine
    with pair(OURS) as tunnel:
        figures = tunnel.do(WORK["tcp6"], 1)
        assert len(_served()) == 2
    assert sorted(figures) == ["tcp6_cpu", "tcp6_rate"]
    assert all(value > 0 for value in figures.values())
    assert _served() == []


@pytest.mark.interop
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("sh", "-c", "echo no TUN here; exit 3"),
            "no control socket; the daemon ended with status 3; it said: no TUN here",
        ),
        (("/nowhere/wireguard-go",), "/nowhere/wireguard-go cannot be run: No such file or directory"),
    ],
)
def test_a_daemon_that_does_not_start_is_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    _needs_namespaces()
    with pytest.raises(WorkError, match=f"^{re.escape(sentence)}$"), pair(replace(OTHER, command=words)):
        pass


def _served() -> list[str]:
    """The interfaces of pairs of this process; other tests may have theirs at the same time."""
    return [name for name in control.interfaces() if name.startswith(f"gb{os.getpid()}n")]


def _needs_namespaces() -> None:
    if os.geteuid() or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("needs root and /dev/net/tun")


def test_every_sample_is_in_the_json_and_what_was_wanted(results: dict[str, Any]) -> None:
    again = json.loads(json.dumps(results))
    assert again == results
    assert again["settings"]["rounds"] == 2
    assert again["medians"]["glasstunnel"]["tcp_rate"] == {"median": 2.0, "low": 2.0, "high": 2.0}
    cell = next(one for one in again["ratios"] if one["contender"] == NEWEST.name)
    assert cell == {
        "contender": "wireguard-go 0.0.20250522",
        "quantity": "tcp_rate",
        "median": 2.0,
        "low": 2.0,
        "high": 2.0,
        "goal": "≥ 1.25",
        "missed": 0.0,
    }


def test_the_tables_have_every_contender_with_goal_and_verdict(
    results: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    pairs.show(results)
    lines = capsys.readouterr().out.splitlines()
    (first, *_), (ping, _) = (
        [line for line in lines if line.startswith(title)] for title in ("TCP, one stream", "ping, idle")
    )
    assert re.split("  +", first) == [
        "TCP, one stream, Gbit/s",
        "2.00 (2.00–2.00) ≥ 4 ✗ by 50.0 %",
        "2.00 (2.00–2.00) ≥ 5.5 ✗ by 63.6 %",
        "2.00 (2.00–2.00) ≥ 1.25 ✓",
    ]
    assert ping.endswith("2.00 (2.00–2.00) ≤ 1 ✗ by 100.0 %")
    assert lines[-1] == results["faults"][-1]


def test_a_machine_that_stood_still_meanwhile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def given(contender: Contender) -> Iterator[Given]:
        pair = Given(contender)
        pair.pause = 7.0
        yield pair

    monkeypatch.setattr(pairs, "pair", given)
    monkeypatch.setattr(pairs, "_REST", 0.0)
    run = Run([OURS], Settings(1, 1, (WORK["ping"],)))
    run.rounds()
    assert run.samples == [Sample(0, "glasstunnel", "ping_ms", 2.0)]
    said = "the machine stood still for 7.0 s meanwhile"
    assert run.faults == [f"glasstunnel, round 1, ping, idle: {said}"]


def test_a_pulse_notes_for_how_long_it_could_not_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    pulse, moments = Pulse(), iter([0.0, 0.1, 7.1, 7.2])
    beats = iter([False, False, False, True])
    monkeypatch.setattr("bench.pair.time", SimpleNamespace(monotonic=lambda: next(moments)))
    monkeypatch.setattr(pulse._end, "wait", lambda _: next(beats))
    pulse._beat()
    assert pulse.longest == 7.0


def test_a_run_without_any_peer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def given(contender: Contender) -> Iterator[Given]:
        yield Given(contender)

    monkeypatch.setattr(pairs, "pair", given)
    monkeypatch.setattr(pairs, "contenders", lambda: [OURS])
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr("os.environ", {"BENCH_ROUNDS": "1", "BENCH_WORKS": "tcp"})
    (fault,) = pairs.measure()["faults"]
    assert fault == "there is no peer: apt-get install wireguard-go, or name one in BENCH_PEERS"


def test_the_command_is_told_with_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"BENCH_SECONDS": "1", "BENCH_PEERS": "/opt/a b", "HOME": "/"})
    told = command.command(["pairs", "--json", "run.json"])
    assert told == "BENCH_PEERS='/opt/a b' BENCH_SECONDS=1 python -m bench pairs --json run.json"
