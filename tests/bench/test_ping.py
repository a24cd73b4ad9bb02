"""The cost of a ping: times booked and averages read, as given; no speed is judged."""

import os
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from bench import ping
from bench.pair import Pair

SAID = "300 packets transmitted, 300 received\nrtt min/avg/max/mdev = 0.009/0.034/0.123/0.022 ms\n"


def test_the_time_of_a_process_is_that_of_all_its_threads() -> None:
    busy, done = threading.Event(), threading.Event()

    def work() -> None:
        while time.thread_time() < 0.02:
            pass
        busy.set()
        done.wait()

    before = ping.booked(os.getpid())
    thread = threading.Thread(target=work)
    thread.start()
    busy.wait()
    assert ping.booked(os.getpid()) - before > 0.015
    done.set()
    thread.join()
    assert ping.booked(0) == 0  # there is no such process


def test_a_round_trip_and_its_cost_are_of_one_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*command: str, patience: float) -> str:
        assert command == ("ping", "-n", "-q", "-c", "300", "-i", "0.01", "10.8.0.2")
        assert patience > 300 * 0.01
        return SAID

    booked = iter([1.0, 2.0, 1.003, 2.006])
    monkeypatch.setattr(ping, "booked", lambda process: next(booked))
    end: Any = SimpleNamespace(daemon=SimpleNamespace(pid=1), run=run)
    assert ping.pings(Pair(end, end), "cold") == {"ms": 0.034, "us": 30.0}


def test_the_table_has_a_row_for_each_that_answered(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"cold": {"ms": 0.5, "us": 400.0}, "warm": {"ms": 0.1, "us": 60.0}}
    ping.show({"pings": {"glasstunnel": figures}, "faults": ["other: no ping was answered"]})
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["glasstunnel", "0.500", "400.0", "0.100", "60.0"]
    assert lines[3] == "other: no ping was answered"
