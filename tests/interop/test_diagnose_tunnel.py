"""``glasstunnel diagnose tunnel`` beside real tunnels, each broken in one way: verdict, evidence, status."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from glasstunnel.diagnose.tunnel.causes import Cause, exit_status
from glasstunnel.diagnose.tunnel.story import CAUSES
from tests.diagnose import lab_reports
from tests.diagnose.lab_tunnel import Diagnosis, perform
from tests.diagnose.lab_tunnel_plays import PLAYS, SCENARIOS
from tests.interop.lab import Lab, glasstunnel

pytestmark = pytest.mark.interop

Seen = Callable[[str], Diagnosis]
every_scenario = pytest.mark.parametrize("scenario", SCENARIOS)


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What is said in a scenario; the plays of all that chosen tests ask for go on at once."""
    missing = [program for program in ("wireguard-go", "wg", "ip", "nft") if not shutil.which(program)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    params = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    chosen = {given["scenario"] for given in params if "scenario" in given}
    plays = [(play, tuple(given)) for play, given in PLAYS.items() if chosen & given.keys()]
    said = perform(plays, tmp_path_factory.mktemp("plays"))

    def find(name: str) -> Diagnosis:
        found = said[name]
        if isinstance(found, Exception):
            raise found
        return found

    return find


@every_scenario
def test_the_verdict_names_the_cause_how_sure_it_is_and_what_it_rests_on(seen: Seen, scenario: str) -> None:
    it, said = SCENARIOS[scenario], seen(scenario)
    assert said.told == (it.cause, it.confidence), said.text
    assert tuple(said.codes()) == it.evidence, said.text
    assert tuple(said.codes("notes")) == it.notes, said.text
    assert said.verdict["also"] == [], said.text
    assert said.status == said.verdict["exit_status"] == exit_status(Cause(it.cause))


@every_scenario
def test_the_first_remedy_mends_it(seen: Seen, scenario: str) -> None:
    it, said = SCENARIOS[scenario], seen(scenario)
    assert tuple(remedy["code"] for remedy in said.remedies) == it.remedies
    assert said.mended == it.mended


@every_scenario
def test_nothing_on_the_machine_is_changed(seen: Seen, scenario: str) -> None:
    assert seen(scenario).changed == ""


@every_scenario
def test_what_is_fit_to_be_shown_hides_own_addresses(seen: Seen, scenario: str) -> None:
    said = seen(scenario)
    for address in {said.host.inner[4], *said.own} - {"::1"}:
        assert not re.search(rf"{re.escape(address)}(?![0-9a-f:.])", said.masked)


@every_scenario
def test_the_book_shows_what_the_diagnosis_prints(seen: Seen, scenario: str) -> None:
    """``make reports`` records what is printed now."""
    lab_reports.compare(f"tunnel/{scenario}", seen(scenario).text)


def test_every_recorded_report_belongs_to_a_scenario() -> None:
    assert {file.stem for file in (lab_reports.FOLDER / "tunnel").iterdir()} == set(SCENARIOS)


def test_the_command_prints_the_report_and_its_status_is_the_verdicts(lab: Lab, tmp_path: Path) -> None:
    with lab.wireguard_go(), lab.up(lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}")):
        with lab.ours.namespace:
            done = glasstunnel("diagnose", "tunnel", lab.ours.interface, "--deadline", "30")
        assert done.stdout.splitlines()[3:4] == ["Verdict: " + CAUSES[Cause.ALL_WELL]]
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        ("nosuch0", "glasstunnel: there is no WireGuard interface nosuch0\n"),
        ("/nowhere/x.conf", "glasstunnel: /nowhere/x.conf: expected a file /nowhere/x.conf, found none\n"),
    ],
)
def test_what_is_not_there_is_a_sentence(lab: Lab, subject: str, sentence: str) -> None:
    with lab.ours.namespace:
        done = glasstunnel("diagnose", "tunnel", subject)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
