"""The soak counts what it sees, names the seed that failed and how to live it again."""

import io
import json
from pathlib import Path

import pytest

from glasstunnel.wireguard.replay import ReplayWindow
from tests.sim import soak
from tests.sim.soak import Tally


def test_seeds_are_lived_until_it_is_enough() -> None:
    tally, out = Tally(hours_each=0.1), io.StringIO()
    soak.soak(map(str, range(100)), tally, lambda: tally.lives == 3, out)
    assert (tally.lives, tally.failures) == (3, {})
    assert tally.hours > 0.3
    assert 0 < tally.delivered <= tally.packets
    assert out.getvalue() == ""


def test_a_failure_names_its_seed_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayWindow, "accept", lambda self, counter: True)
    tally, out = Tally(hours_each=1), io.StringIO()
    soak.soak(map(str, range(6)), tally, lambda: False, out)
    assert tally.lives == 6
    assert tally.failures
    for seed, told in tally.failures.items():
        assert "came out twice" in told
        assert f"python -m tests.sim.soak --seed {seed} --hours 1\n" in out.getvalue()


def test_whatever_escapes_the_core_is_a_failure_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(ReplayWindow, "accept")
    tally = Tally(hours_each=0.5)
    soak.live("0", tally)
    assert "AttributeError" in tally.failures["0"]


def test_one_seed_tells_its_story_and_the_numbers_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "soak.json"
    assert soak.main(["--seed", "7", "--hours", "0.2", "--json", str(file)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith("weather: fine") or "weather" in told[0] or "NAT" in told[0]
    assert told[-1].startswith("1 seeds, ")
    written = json.loads(file.read_text("utf-8"))
    assert (written["lives"], written["hours_each"], written["failures"]) == (1, 0.2, {})


def test_the_time_is_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main(["--minutes", "0.001", "--hours", "0.1"]) == 0
    assert capsys.readouterr().out.endswith(", 0 failures\n")


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        soak.main(["--minutes", text])
    assert f'expected a number above 0, got "{text}"' in capsys.readouterr().err
