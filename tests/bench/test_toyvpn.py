"""The measurements of ToyVpn: what is judged and how it is told."""

import pytest

from bench import UnavailableError, toyvpn


def results(added: float, up: float, answered: int) -> dict[str, object]:
    servers = {
        toyvpn.CABLE: {"pings": [0.1], "ping_ms": 0.1, "added_ms": 0.0},
        toyvpn.OURS: {
            "pings": [0.1 + added],
            "ping_ms": 0.1 + added,
            "added_ms": added,
            "up_mbit": up,
            "down_mbit": 500.0,
        },
    }
    crowd = {
        "sessions": 1000,
        "seconds": 1.0,
        "kb_per_session": 2.5,
        "answered": answered,
        "ping_ms": 0.2,
        "pings": [0.3],
    }
    verdicts = toyvpn.verdicts(servers, crowd)
    return {"sample": "model", "servers": servers, "crowd": crowd, "faults": ["x: y"], "verdicts": verdicts}


def test_a_goal_is_reached_at_its_bound_and_missed_beyond_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The issue's: 2 ms added at the most, 500 Mbit/s and 1,000 sessions at the least."""
    toyvpn.show(results(2.0, 499.9, 1000))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-5:] == [
        "✓ added_ms ≤ 2: 2.0",
        "✗ up_mbit ≥ 500: 499.9",
        "✓ down_mbit ≥ 500: 500.0",
        "✓ answered ≥ 1000: 1000",
        "x: y",
    ]


def test_what_was_not_measured_is_not_reached() -> None:
    assert [one["reached"] for one in toyvpn.verdicts({}, {})] == [False] * 4


def test_a_server_that_there_is_not_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toyvpn, "require", lambda _needs: None)
    monkeypatch.setenv(toyvpn.VARIABLE, "/nowhere/ToyVpnServer")
    with pytest.raises(UnavailableError, match="TOYVPN_SERVER: expected a program"):
        toyvpn.measure()
