"""What the diagnosis and skopeo say to each scenario of the laboratory, and what the remedies do."""

import json
import re

import jsonschema
import pytest

from tests.diagnose import lab_names as names
from tests.diagnose import lab_reports
from tests.diagnose.lab_client import DROP_INS
from tests.diagnose.lab_runs import Seen
from tests.diagnose.lab_scenario import MIRROR
from tests.diagnose.lab_scenarios import SCENARIOS

pytestmark = pytest.mark.interop

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS)
STATUSES = {
    "all-well": 0,
    "no-network": 10,
    "stale-hosts": 11,
    "poisoned-resolver": 11,
    "resolver-fails": 11,
    "blocked-address": 12,
    "name-based-reset": 12,
    "large-packets-lost": 12,
    "proxy-needed": 12,
    "intercepting-certificate": 13,
    "wrong-clock": 13,
    "proxy-broken": 14,
    "mirror-broken": 14,
    "token-host": 15,
    "blob-host": 15,
    "rate-limit": 16,
    "image-or-permission": 16,
    "registry-fails": 16,
}
"""What the command's help promises."""
_URL = {"type": "string", "pattern": r"^https?://[^/\s]+/?$"}
DAEMON_JSON = {
    "type": "object",
    "additionalProperties": False,  # the daemon does not start with a key that it does not know
    "properties": {
        "debug": {"type": "boolean"},
        "registry-mirrors": {"type": "array", "items": _URL},
        "proxies": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"http-proxy": _URL, "https-proxy": _URL, "no-proxy": {"type": "string"}},
        },
    },
}
"""Of daemon.json what the laboratory uses: docker/docs, dockerd, "Daemon configuration file"."""


@every_scenario
def test_skopeo_pulls_or_fails_as_the_verdict_says(seen: dict[str, Seen], scenario: str) -> None:
    it, pull = SCENARIOS[scenario], seen[scenario].pull
    assert (pull.status == 0) == it.pulls, pull.error
    assert it.complaint in pull.error
    falls_back = "falls-back" in it.evidence  # said of a mirror: the pull goes on without it
    assert it.pulls == (seen[scenario].report["verdict"]["cause"] == "all-well" or falls_back)


@pytest.mark.parametrize("scenario", [name for name, it in SCENARIOS.items() if it.files == MIRROR])
def test_skopeo_asks_the_daemons_mirror_first_and_after_the_remedy_not_at_all(
    seen: dict[str, Seen], scenario: str
) -> None:
    mirror, hub = (f'access \\"{place}/library/hello-world' for place in (names.MIRROR, "docker.io"))
    asked = seen[scenario].pull.error
    assert mirror in asked.partition(hub)[0]
    assert (hub in asked) == (SCENARIOS[scenario].cause == "mirror-broken")  # it has gone on, or need not
    if done := seen[scenario].mended.get("without-mirror"):
        assert names.MIRROR not in done.error


@every_scenario
def test_the_verdict_names_the_cause_and_how_sure_it_is(seen: dict[str, Seen], scenario: str) -> None:
    it, verdict = SCENARIOS[scenario], seen[scenario].report["verdict"]
    found = verdict["cause"], verdict["why"], verdict["confidence"]
    assert found == (it.cause, it.why, it.confidence), seen[scenario].text.out
    assert tuple(finding["cause"] for finding in verdict["also"]) == it.also
    assert seen[scenario].values.status == seen[scenario].text.status == STATUSES[it.cause]
    assert seen[scenario].values.error == seen[scenario].text.error == ""


@every_scenario
def test_the_verdict_rests_on_its_evidence(seen: dict[str, Seen], scenario: str) -> None:
    facts = seen[scenario].report["verdict"]["evidence"]
    for code, part in SCENARIOS[scenario].evidence.items():
        texts = [" ".join(map(str, fact.values())) for fact in facts if fact["code"] == code]
        assert any(part in text for text in texts), f"{code}: expected {part!r} in {texts} of {facts}"


@every_scenario
def test_the_diagnosis_changes_nothing_on_the_machine(seen: dict[str, Seen], scenario: str) -> None:
    assert seen[scenario].untouched


@pytest.mark.parametrize("scenario", [name for name, it in SCENARIOS.items() if it.link_resolver])
def test_what_systemd_resolved_says_of_itself_is_in_the_report(seen: dict[str, Seen], scenario: str) -> None:
    machine, asked = seen[scenario].report["layers"]["machine"], SCENARIOS[scenario].link_resolver
    assert machine["resolved"]
    assert (machine["name_servers"], machine["upstream"]) == (["127.0.0.53"], [asked])
    assert re.search(
        rf"^Link 2 \(eth0\)\n(.*\n)* *DNS Servers: {re.escape(asked)}$", machine["resolvectl"], re.M
    )
    assert "resolv.conf mode: stub" in machine["resolvectl"]


@every_scenario
def test_the_remedies_mend_it_and_can_be_taken_back(seen: dict[str, Seen], scenario: str) -> None:
    it, found = SCENARIOS[scenario], seen[scenario]
    assert tuple(remedy["code"] for remedy in found.report["remedies"]) == it.remedies
    assert {code for code, done in found.mended.items() if done.status == 0} >= set(it.mended_by), (
        found.mended
    )
    assert all(found.undone.values()), found.undone


@every_scenario
def test_the_files_that_remedies_give_the_daemon_are_sound(seen: dict[str, Seen], scenario: str) -> None:
    it = seen[scenario]
    assert set(it.verified) == {code for code in SCENARIOS[scenario].remedies if code.endswith("drop-in")}
    for code, done in it.verified.items():
        assert (done.status, done.error) == (0, ""), f"{code}: {done.error}"
        assert any(path.startswith(f"{DROP_INS}/") for path in it.written[code]), code
        assert "Environmnt" in it.refused[code].error, "what is wrong there is not seen"
    for code in {"no-proxy-json", "without-mirror"} & set(SCENARIOS[scenario].remedies):
        settings = json.loads(it.written[code]["/etc/docker/daemon.json"])
        jsonschema.validate(settings, DAEMON_JSON)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(settings | {"registry-mirors": []}, DAEMON_JSON)


@every_scenario
def test_the_book_shows_what_the_diagnosis_prints(seen: dict[str, Seen], scenario: str) -> None:
    """``make reports`` records what is printed now."""
    lab_reports.compare(scenario, seen[scenario].text.out)


def test_every_recorded_report_belongs_to_a_scenario() -> None:
    assert {file.stem for file in lab_reports.FOLDER.glob("*.txt")} == set(SCENARIOS)
