"""The report: complete, the same in both languages, and fit to be shown."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from glasstunnel.diagnose import causes, remedies, report, story
from glasstunnel.diagnose.addresses import Mask
from glasstunnel.diagnose.daemon import Kind
from glasstunnel.diagnose.evidence import Connection, Host, Lookup, Outcome
from glasstunnel.diagnose.finding import Fact
from glasstunnel.diagnose.machine import Proxies
from glasstunnel.diagnose.remedy import Remedy
from glasstunnel.diagnose.report import as_json, as_text, json_text, own_addresses, remedies_as_text
from glasstunnel.diagnose.verdict import reach_verdict
from tests.diagnose.seen import (
    AUTH,
    FORGED,
    HOME,
    INNOCENT,
    MANIFEST,
    RESOLVER,
    RIGHT,
    asked,
    certificate,
    evidence,
    host,
    reply,
    system,
    tls,
)

SOURCE = Path(story.__file__).parent
RESET = Outcome.RESET
LYING = host(
    [
        system(FORGED),
        asked(HOME, "udp", FORGED, public=False, later=[[RIGHT], []]),
        asked(HOME, "tcp", outcome=Outcome.GARBLED, public=False),
        asked(RESOLVER, "tls", RIGHT),
        Lookup(RESOLVER, "tls", "AAAA", Outcome.NO_SUCH_NAME, detail="no address", public=True),
    ],
    {FORGED: Outcome.OK, RIGHT: Outcome.OK},
    [tls(FORGED, RESET), tls(FORGED, RESET, INNOCENT), tls(RIGHT)],
    [reply("/v2/", 401), reply(MANIFEST, 0, outcome=RESET)],
)
TOKEN = host(handshakes=[tls(RIGHT, RESET, AUTH), tls(RIGHT, Outcome.OK, INNOCENT)], role="token", name=AUTH)


def shown(*hosts: Host, **facts: Any) -> str:
    seen = evidence(*hosts, **facts)
    return as_text(reach_verdict(seen), seen, str, "1.2")


def test_every_cause_confidence_and_outcome_has_a_sentence() -> None:
    assert story.CAUSES.keys() == set(causes.Cause)
    assert story.CONFIDENCES.keys() == set(causes.Confidence)
    assert story.OUTCOMES.keys() == set(Outcome)


def test_every_fact_remedy_and_warning_of_the_code_has_a_sentence_and_no_other() -> None:
    files = (*SOURCE.glob("*.py"), *SOURCE.glob("probe/*.py"))
    code = "".join(path.read_text() for path in files if path.name != "story.py")
    quoted = set(re.findall(r'"([a-z-]+)"', code))
    assert set(re.findall(r'\bfact\(\s*"([a-z-]+)"', code)) <= story.FACTS.keys()
    assert story.KINDS.keys() == set(Kind)
    for table in (story.FACTS, story.REMEDIES, story.WARNINGS):
        assert table.keys() <= quoted


def test_the_text_tells_the_verdict_the_evidence_the_layers_and_the_machine() -> None:
    text = shown(LYING, TOKEN, system="debian 12", name_servers=(HOME,), nsswitch="files dns", mtu=1500)
    assert text.startswith("glasstunnel 1.2 diagnose docker-pull docker.io/library/hello-world:latest\n")
    assert "Verdict: the resolver gives registry-1.docker.io addresses that are not its own\n" in text
    assert "Cause: poisoned-resolver, certain\n" in text
    assert "Behind it: the registry answers, but its token service auth.docker.io fails (something on" in text
    assert "(token-host / name-based-reset, certain)\n" in text
    assert f"    name  {FORGED} (known forgery, Facebook's)  <- this system\n" in text
    assert f"{FORGED} ttl 60 (known forgery, Facebook's), then {RIGHT}  <- {HOME} udp\n" in text
    assert (
        f"    name  {RIGHT} ttl 60  <- {RESOLVER} tls\n" in text
    )  # that there is no AAAA goes without saying
    assert f"    name  an answer in another protocol  <- {HOME} tcp\n" in text
    assert f"    TLS   {FORGED:<15} {INNOCENT}: connection reset 0 ms\n" in text
    assert f"    HTTP  https://registry-1.docker.io/v2/ by {RIGHT}: 401 0 ms\n" in text
    assert "  default route: eth0, MTU 1500\n" in text


def test_what_is_odd_about_the_machine_is_told() -> None:
    text = shown(
        host(proxy="http://p:1"),
        resolved=True,
        upstream=("9.9.9.9",),
        kind=Kind.SYSTEM,
        running=Proxies("dockerd", "http://p:1", "", "x"),
        configured=Proxies("docker.service", "", "http://q:1"),
        environment=Proxies("environment", "", "http://r:1"),
        mirrors=("https://m.cn",),
        daemon_dns=("8.8.8.8",),
        faults=[Fact("environment-unread")],
        default_route=False,
        interface="",
    )
    for line in (
        "registry  registry-1.docker.io:443  by http://p:1",
        "resolv.conf: - (systemd-resolved: 9.9.9.9)",
        "default route: -",
        "who pulls: dockerd",
        "proxy (dockerd): http://p:1, NO_PROXY x",
        "the proxy of this shell's environment is not the daemon's",
        "the daemon runs with other proxies than its files say: restart it",
        "registry-mirrors: https://m.cn",
        "daemon.json sets dns to 8.8.8.8: for containers only, a pull does not use it",
        "the environment of the running daemon can only be read by root",
    ):
        assert f"{line}\n" in text
    assert "who pulls: Docker Desktop's virtual machine\n" in shown(host(), kind=Kind.DESKTOP)
    assert "(ssh://build)" in shown(host(), kind=Kind.ELSEWHERE, endpoint="ssh://build")
    assert "who pulls: -\n" in shown(host())


def test_a_handshake_is_told_with_its_certificate_and_its_small_segments() -> None:
    text = shown(
        host(handshakes=[tls(RIGHT, Outcome.UNTRUSTED, certificate=certificate()), tls(RIGHT, segment=536)])
    )
    assert "registry-1.docker.io: certificate not trusted 0 ms, issued by CN=Inspection Gateway\n" in text
    assert "registry-1.docker.io (segments of 536 bytes): ok 0 ms\n" in text


def test_remedies_are_numbered_with_their_warnings_and_how_to_undo_them() -> None:
    ways = [Remedy("pin", "system", ("do",), ("undo",), ("pin-goes-stale",)), Remedy("wait", "")]
    assert remedies_as_text(ways, str) == (
        "\n1. For the moment: pin an address that is right (as root)\n"
        "   Beware: addresses of large registries change within hours: take the line out again soon\n"
        "     do\n   To undo it:\n     undo\n"
        "\n2. Wait as long as the answer says, or use a mirror of your own\n"
    )
    assert remedies_as_text([], str) == ""


def test_the_json_report_has_the_verdict_the_remedies_and_everything_that_was_seen() -> None:
    seen = evidence(LYING, TOKEN)
    verdict = reach_verdict(seen)
    document = as_json(verdict, remedies.remedies(verdict, seen, ()), seen)
    told = json.loads(json_text(document, str))
    assert told["format"] == 1
    assert told["image"] == "docker.io/library/hello-world:latest"
    found = told["verdict"]
    assert (found["cause"], found["class"], found["exit_status"]) == ("poisoned-resolver", "names", 11)
    assert (found["confidence"], found["host"], found["role"]) == (
        "certain",
        "registry-1.docker.io",
        "registry",
    )
    assert found["why"] is None
    assert [item["cause"] for item in found["also"]] == ["token-host"]
    assert found["evidence"][1] == {
        "code": "odd-address",
        "address": FORGED,
        "mark": "known forgery, Facebook",
        "text": f"{FORGED} is no address of a public registry: known forgery, Facebook's",
    }
    assert told["layers"]["hosts"][0]["lookups"][0]["records"][0]["address"] == FORGED
    assert {remedy["code"] for remedy in told["remedies"]} >= {"proxy-drop-in"}


def test_a_report_that_is_shown_hides_what_is_the_users_own() -> None:
    lying = host(
        LYING.lookups, replies=[reply("/v2/", 401, headers={"docker-ratelimit-source": "203.0.113.9"})]
    )
    lying.connections = [
        Connection(RIGHT, 443, Outcome.OK, local="203.0.113.7"),
        Connection(RIGHT, 443, Outcome.OK, local="127.0.0.1"),
        Connection(RIGHT, 443, Outcome.OK, local="fe80::2%eth0"),
        Connection(RIGHT, 443, Outcome.OK, local="somewhere"),
    ]
    seen = evidence(lying)
    assert own_addresses(seen) == {"203.0.113.7", "203.0.113.9", "fe80::2"}
    verdict = reach_verdict(seen)
    told = json_text(as_json(verdict, [], seen), Mask(own_addresses(seen)))
    assert HOME not in told
    assert "203.0.113" not in told
    assert FORGED in told
    assert RESOLVER in told


# What is shown to whom

PROXIED = Remedy("proxy-shell", "shell", ("export HTTPS_PROXY=http://u:secret@192.168.77.80:3128",))
NOTE = "What follows holds addresses or passwords of your own: it is not for a public report."


def printed(**options: bool) -> str:
    text = "by http://u:secret@192.168.77.80:3128\n"
    return report.shown(text, remedies_as_text([PROXIED], str), Mask(), str, **options)


def test_on_a_terminal_commands_are_whole_and_the_report_above_them_is_masked() -> None:
    head, _, commands = printed(terminal=True).partition(NOTE)
    assert head.startswith("by http://***@own-address-1:3128\n")
    assert "http://u:secret@192.168.77.80:3128" in commands


def test_a_file_may_be_published_from_its_first_line_to_its_last() -> None:
    text = printed(terminal=False)
    assert "secret" not in text
    assert "192.168" not in text
    assert "export HTTPS_PROXY=http://***@own-address-1:3128" in text
    assert "--unmasked prints them whole" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_unmasked_shows_addresses_everywhere_and_a_password_in_commands_alone(terminal: bool) -> None:
    head, _, commands = printed(whole=True, terminal=terminal).partition(NOTE)
    assert head.startswith("by http://***@192.168.77.80:3128\n")
    assert "http://u:secret@192.168.77.80:3128" in commands


def test_commands_that_hold_nothing_private_need_no_warning() -> None:
    text = report.shown(
        "a\n", remedies_as_text([Remedy("log-in", "shell", ("docker login",))], str), Mask(), str
    )
    assert "What follows" not in text


def test_the_json_report_says_which_commands_have_lost_something() -> None:
    seen = evidence(LYING, running=Proxies("dockerd", "", "http://u:secret@192.168.77.80:3128"))
    seen.machine.faults.append(Fact("environment-unread"))
    ways = [PROXIED, Remedy("log-in", "shell", ("docker login",))]
    document = as_json(reach_verdict(seen), ways, seen)
    text = json_text(document, Mask())
    assert "secret" not in text
    assert [remedy["masked"] for remedy in json.loads(text)["remedies"]] == [True, False]
    text = json_text(document, Mask(), whole=True)
    assert text.count("secret") == 1  # in the command
    assert [remedy["masked"] for remedy in json.loads(text)["remedies"]] == [False, False]
    (fault,) = json.loads(text)["layers"]["machine"]["faults"]
    assert fault["code"] == "environment-unread"
    assert fault["text"].startswith("the environment of the running daemon")
